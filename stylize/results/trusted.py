"""Where pictures that rows name may be read from: the command line says so, as an OUT may be somebody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from stylize.errors import UsageError, one_line
from stylize.io.location import Location, ObjectUri, as_location, locate
from stylize.results.pictures import picture_in

PATHS, STORE = "--trust-paths", "--trust-store"


def add_options(add: Callable[..., Any], paths: str) -> None:
    """Add both options by a group's `add_argument`; `paths` is the help of the first."""
    add(PATHS, action="store_true", help=paths)
    add(
        STORE, action="append", default=[], metavar="URI", type=_bucket_of,
        help=f"with {PATHS}: also read from the bucket of this URI, such as s3://photos; may be repeated",
    )  # fmt: skip


def refuse_store_alone(trusted: bool, stores: Sequence[str]) -> None:
    """Raise UsageError for a bucket without the option that it adds to, as it would change nothing."""
    if stores and not trusted:
        raise UsageError(f"{STORE} goes with {PATHS}: give both")


def buckets(places: Iterable[str | Location]) -> set[tuple[str, str]]:
    """Return scheme and name of each bucket that a place lies in."""
    found = map(as_location, places)
    return {(where.scheme, where.bucket) for where in found if isinstance(where, ObjectUri)}


class Readable:
    """Where pictures that rows name may be read from, whatever the rows say.

    homes: the OUTs of the rows. trusted: photos and artworks may be read wherever they are, on this machine or in a
    bucket of an OUT or of `stores`; else those alone that lie in their OUT.
    """

    def __init__(self, homes: Iterable[str | Location], trusted: bool, stores: Sequence[str] = ()) -> None:
        self.trusted = trusted
        self._buckets = buckets([*homes, *stores])

    def input(self, home: str | Location, uri: str) -> Location | None:
        """Return where a photo or artwork of OUT `home` may be read; None for nowhere. Raises UsageError."""
        where = locate(uri)
        if not buckets([where]) <= self._buckets:
            return None
        return where if self.trusted or where.is_inside(as_location(home)) else None

    def result(self, home: str | Location, uri: str, made_elsewhere: bool) -> Location | None:
        """Return where a result is; one that was made elsewhere is looked for as inputs are. Raises as `picture_in`."""
        return self.input(home, uri) if made_elsewhere else picture_in(home, uri)


def _bucket_of(uri: str) -> str:
    if not isinstance(locate(uri), ObjectUri):
        raise UsageError(f"{STORE} {one_line(uri)}: expected a bucket, such as s3://photos")
    return uri
