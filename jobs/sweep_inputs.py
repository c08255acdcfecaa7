"""The photos and artworks of a sweep, where workers see them."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jobs.out import Out, any_below
from stylize import objects
from stylize.errors import UsageError
from stylize.gallery import styles_folder, write_demo_photos
from stylize.inputs import Pair, images_in, root_of
from stylize.storage import Folder, writing, writing_object
from stylize.stores import is_object
from stylize.sweep import Sweep

_OWN = "inputs"


def inputs(plan: Sweep, own: str) -> list[Pair]:
    """Photos of each type and artworks, paired: every photo with every artwork. own: where the project's own are.

    Raises UsageError where there are none.
    """
    photos = list(images_in(root_of(plan.content or own, "CONTENT")))
    artworks = list(images_in(root_of(plan.styles or str(styles_folder()), "STYLES")))
    if not photos or not artworks:
        raise UsageError(f"no images in {plan.styles if photos else plan.content}")
    if plan.photos_per_type is not None:
        types = dict.fromkeys(photo.type for photo in photos)
        photos = [p for kind in types for p in [q for q in photos if q.type == kind][: plan.photos_per_type]]
    if plan.artworks is not None:
        artworks = artworks[:: math.ceil(len(artworks) / plan.artworks)]
    return [Pair(photo, artwork) for artwork in artworks for photo in photos]


def own_photos(plan: Sweep, out: Out) -> str:
    """Where in OUT the project's own photos are, which are put there if the sweep needs them."""
    place = out.at(_OWN)
    if plan.content is None:
        here = out.folder / _OWN
        with writing(here):
            names = [path.relative_to(here).as_posix() for path in write_demo_photos(here)]
        if is_object(place):
            with writing_object(place):
                there = {one.name for one in objects.names(place)}
            # One that is written again may pass for another photo, whose rows are not there yet.
            for name in names:
                if name not in there:
                    out.publish(f"{_OWN}/{name}")
    return place


@contextlib.contextmanager
def own_photos_for_now(plan: Sweep, out: str) -> Iterator[str]:
    """As `own_photos`, but nothing is written to OUT, which need not be there yet."""
    place = Folder(out).at(_OWN)
    there = plan.content is not None or (any_below(place) if is_object(place) else Path(place).is_dir())
    if there:
        yield place
        return
    with tempfile.TemporaryDirectory() as passing:
        write_demo_photos(Path(passing))
        yield passing
