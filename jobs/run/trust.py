"""What a record names decides nothing: which of it may be read, and what may run, by what the command line says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stylize.errors import UsageError, one_line
from stylize.io.location import Location, as_location, locate
from stylize.results.trusted import PATHS, STORE, buckets

TRUST = PATHS
TRUST_HELP = "take paths as the record has them, also outside of its folder"


def refuse_own_method(stylizer: object, given: object) -> None:
    """Raise UsageError where a record names `package.module:Class`, unless the command line names the same."""
    if ":" in str(stylizer) and stylizer != given:
        name = one_line(stylizer)
        raise UsageError(f"the record names the method {name}, which is code: --stylizer {name} lets it run")


def refuse_elsewhere(
    named: Mapping[str, str | None],
    home: str | Location,
    trusted: bool,
    words: Iterable[str | None] = (),
    *,
    anew: bool = True,
    by_option: bool = True,
) -> None:
    """Raise UsageError, listing it, where a record names what lies outside of its own folder `home`.

    named: what a path is for -> the path. trusted: they may be anywhere on this machine, and in buckets that `home` or
    another of the command line's `words` names; nothing is fetched from other ones. anew: the command line could name
    them itself. by_option: it could name their bucket by `--trust-store`.
    """
    known = buckets([home, *(word for word in words if word)])
    strange = [what for what, where in _located(named) if not buckets([where]) <= known]
    if strange:
        listed = ", ".join(strange)
        remedy = " or ".join(["give them anew"] * anew + [f"name them with {STORE}"] * by_option)
        raise UsageError(f"the record names stores that the command line does not: {listed}; {remedy}")
    if not trusted and (outside := elsewhere(named, home)):
        listed = ", ".join(outside)
        remedy = f"{TRUST} takes it" + (", or give it anew" if anew else "")
        raise UsageError(f"the record names what lies outside of its folder: {listed}; {remedy}")


def elsewhere(named: Mapping[str, str | None], home: str | Location) -> list[str]:
    """Return what a record names outside of its own folder, as it stands in a message."""
    return [what for what, where in _located(named) if not where.is_inside(as_location(home))]


def _located(named: Mapping[str, str | None]) -> list[tuple[str, Location]]:
    places = [(name, locate(path)) for name, path in named.items() if path is not None]
    return [(f"{name} {where.shown}", where) for name, where in places]
