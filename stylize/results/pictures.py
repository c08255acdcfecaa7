"""Where the picture of a row is: below OUT/images, whatever the row says beside that."""

from __future__ import annotations

from stylize.io import object_store
from stylize.io.location import Location, ObjectUri, as_location
from stylize.io.store_errors import read_or_end
from stylize.naming import below_images


def picture_in(out: str | Location, output_uri: str) -> Location | None:
    """Return where a row's picture is in OUT, wherever OUT was when it was written; None where there is none.

    None, too, where a link or a `..` would lead out of OUT/images. Raises UsageError and CannotContinueError of a
    store, which is asked only if OUT has been moved.
    """
    home = as_location(out)
    for name in below_images(output_uri):
        if {"", ".", ".."}.isdisjoint(name.split("/")) and "\0" not in name:
            where = home.join("images").join(name)
            if _is_in(home, where, output_uri):
                return where
    return None


def _is_in(home: Location, where: Location, output_uri: str) -> bool:
    if isinstance(where, ObjectUri):
        if str(where) == output_uri:
            return True
        with read_or_end():
            return object_store.head(where) is not None
    assert not isinstance(home, ObjectUri)
    try:
        real = where.path.resolve(strict=True)
    except (OSError, RuntimeError):  # not there, or links in a circle
        return False
    return real.is_file() and real.is_relative_to(home.path.resolve() / "images")
