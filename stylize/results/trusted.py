"""Where pictures that rows name may be read from: the command line says so, as an OUT may be somebody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from stylize.errors import UsageError, one_line
from stylize.io.location import Location, ObjectUri, as_location, locate

PATHS, STORE = "--trust-paths", "--trust-store"


def add_options(add: Callable[..., Any], paths: str) -> None:
    """Add both options by a group's `add_argument`; `paths` is the help of the first."""
    add(PATHS, action="store_true", help=paths)
    add(
        STORE, action="append", default=[], metavar="URI", type=_bucket_of,
        help=f"with {PATHS}: also read from the bucket of this URI, such as s3://photos; may be repeated",
    )  # fmt: skip


def buckets(places: Iterable[str | Location]) -> set[tuple[str, str]]:
    """Return scheme and name of each bucket that a place lies in."""
    found = map(as_location, places)
    return {(where.scheme, where.bucket) for where in found if isinstance(where, ObjectUri)}


def _bucket_of(uri: str) -> str:
    if not isinstance(locate(uri), ObjectUri):
        raise UsageError(f"{STORE} {one_line(uri)}: expected a bucket, such as s3://photos")
    return uri
