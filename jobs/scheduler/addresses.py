"""Which Ray cluster a call names, if it names one."""

from __future__ import annotations

import os
import re

from stylize.errors import UsageError, one_line

_ADDRESS = re.compile(r"auto|(?!https?://)[a-z][a-z0-9+.-]*://\S+|[^\s/]+:\d+", re.IGNORECASE)


def address_of(given: str | None) -> str | None:
    """Return the address of a cluster that is there, as given, else as RAY_ADDRESS or a submitted job names it.

    Raises UsageError for what can be no address of one.
    """
    named = given or os.environ.get("RAY_ADDRESS") or "local"
    if named == "local":
        return None
    if not _ADDRESS.fullmatch(named):
        scheme, slashes, _ = named.partition("://")
        shown = one_line(scheme + slashes)
        hint = f": {shown} addresses are for `ray job submit`" if slashes else ""
        raise UsageError(
            f"{'address' if given else 'RAY_ADDRESS'} {shown}: expected HOST:PORT of the cluster's head, such as "
            f"10.0.0.5:6379, or ray://HOST:PORT, auto or local{hint}"
        )
    return named
