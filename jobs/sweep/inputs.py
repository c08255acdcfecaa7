"""The photos and artworks of a sweep, where workers see them."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from jobs.run.output_dir import OutputDir, check_place
from stylize.gallery import write_demo_photos, write_demo_styles
from stylize.io.files import Folder, sizes_below, writing
from stylize.io.out_folder import refuse_foreign, refuse_results
from stylize.tasks.left_out import LeftOut
from stylize.tasks.listing import files_in, root_of, some_files_in
from stylize.tasks.pairing import Survey, refuse_out_inside
from stylize.tasks.sweep import Sweep
from stylize.tasks.task import Pair


class Own(NamedTuple):
    """Folders of the project's own photos and artworks, for a sweep that names none."""

    photos: str
    artworks: str


_WRITE: dict[str, Callable[[Path], list[Path]]] = {"photos": write_demo_photos, "artworks": write_demo_styles}


def check(plan: Sweep, out: str) -> None:
    """Raise UsageError for inputs that are not there, hold no image, or that OUT lies in, and for an OUT not ours.

    Raises CannotContinueError for an OUT that may not be written.
    """
    check_place(out)
    for name, role in (("content", "CONTENT"), ("styles", "STYLES")):
        if (uri := getattr(plan, name)) is not None:
            root = root_of(uri, plan.called(name))
            refuse_out_inside(root, role, out)
            refuse_results(root, role)
            next(some_files_in(root))
    refuse_foreign(out, own=("inputs",))


def inputs(plan: Sweep, own: Own) -> tuple[list[Pair], Survey]:
    """Return photos of each type and artworks, every photo paired with every artwork; and what was left out."""
    skipped = {"content": LeftOut(), "styles": LeftOut()}
    photos = list(files_in(root_of(plan.content or own.photos, "CONTENT"), left_out=skipped["content"]))
    artworks = list(files_in(root_of(plan.styles or own.artworks, "STYLES"), left_out=skipped["styles"]))
    if plan.photos_per_type is not None:
        types = dict.fromkeys(photo.type for photo in photos)
        photos = [p for kind in types for p in [q for q in photos if q.type == kind][: plan.photos_per_type]]
    if plan.artworks is not None:
        count = min(plan.artworks, len(artworks))
        artworks = [artworks[math.ceil(number * len(artworks) / count)] for number in range(count)]
    pairs = [Pair(photo, artwork) for artwork in artworks for photo in photos]
    return pairs, Survey(len(pairs), skipped)


def put_own(plan: Sweep, out: OutputDir) -> Own:
    """Put what the sweep needs of the project's own images into OUT.

    There they keep their names and times, which tasks go by: a job that is submitted again runs in another folder.
    """
    for name in _needed(plan):
        here = out.folder / "inputs" / name
        with writing(here):
            files = _WRITE[name](here)
        if out.mirror is not None:
            there = sizes_below(out.at(f"inputs/{name}"))
            for path in files:
                # One that is written again may pass for another image.
                if there.get(path.relative_to(here).as_posix()) != path.stat().st_size:
                    out.publish(path.relative_to(out.folder).as_posix())
    return _in(out.at)


@contextlib.contextmanager
def own_for_now(plan: Sweep, out: str) -> Iterator[Own]:
    """Do as `put_own`, but write nothing to OUT, which need not be there yet."""
    with tempfile.TemporaryDirectory() as passing:
        own = _in(Folder(out).at)
        for name in _needed(plan):
            here, place = Path(passing, name), getattr(own, name)
            files = {path.relative_to(here).as_posix(): path.stat().st_size for path in _WRITE[name](here)}
            there = sizes_below(place)
            if not files.items() <= there.items():
                own = own._replace(**{name: str(here)})
        yield own


def _in(at: Callable[[str], str]) -> Own:
    return Own(*(at(f"inputs/{name}") for name in Own._fields))


def _needed(plan: Sweep) -> list[str]:
    return [name for name, given in zip(Own._fields, (plan.content, plan.styles), strict=True) if given is None]
