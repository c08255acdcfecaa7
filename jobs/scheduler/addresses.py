"""Which Ray cluster a call names, if it names one."""

from __future__ import annotations

import os
import re

from stylize.errors import UsageError, one_line

_ADDRESS = re.compile(r"auto|(?!https?://)[a-z][a-z0-9+.-]*://\S+|[^\s/]+:([0-9]{1,5})", re.IGNORECASE)
_LAST_PORT = 65535


def address_of(given: str | None) -> str | None:
    """Return the address of a cluster that is there, as given, else as RAY_ADDRESS or a submitted job names it.

    Raises UsageError for what can be no address of one.
    """
    # An empty --address is a variable of a script that is not set: without a word, this machine would do all alone.
    # With `auto`, Ray itself takes RAY_ADDRESS where that is set.
    by_variable = os.environ.get("RAY_ADDRESS") if given in (None, "auto") else None
    named = by_variable or ("local" if given is None else given)
    if named == "local":
        return None
    fits = _ADDRESS.fullmatch(named)
    if not fits or int(fits[1] or 0) > _LAST_PORT:
        scheme, slashes, _ = named.partition("://")
        shown = one_line(scheme + slashes) or "''"
        hint = f": {shown} addresses are for `ray job submit`" if slashes else ""
        raise UsageError(
            f"{'RAY_ADDRESS' if by_variable else 'address'} {shown}: expected HOST:PORT of the cluster's head, such as "
            f"10.0.0.5:6379, or ray://HOST:PORT, auto or local{hint}"
        )
    return named
