"""Demo photos: the ones that scikit-image's wheel carries, laid out in a folder per content type."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from stylize.errors import UsageError

# Where each goes, and the wheel's file. Only what the wheel itself holds: nothing here is downloaded.
PHOTOS = {
    "people/astronaut.png": "astronaut.png",
    "people/camera.png": "camera.png",
    "animals/cat.png": "chelsea.png",
    "food/coffee.png": "coffee.png",
    "vehicles/rocket.jpg": "rocket.jpg",
    "vehicles/motorcycle.png": "motorcycle_left.png",
    "space/galaxies.jpg": "hubble_deep_field.jpg",
    "space/moon.png": "moon.png",
    "textures/grass.png": "grass.png",
    "textures/brick.png": "brick.png",
}


def write_demo_photos(folder: Path) -> list[Path]:
    """Write the demo photos under `folder` as `<type>/<name>`, bytes unchanged; their paths, sorted.

    A photo that is there already with the same bytes is left alone, so its time of change stays.
    Nothing is written unless every photo is found.
    Raises UsageError where scikit-image is missing or lacks a photo;
    a folder that cannot be written to raises the OSError.
    """
    source = _wheel_folder()
    missing = sorted(name for name in PHOTOS.values() if not (source / name).is_file())
    if missing:
        raise UsageError(
            f"the installed scikit-image carries no {', '.join(missing)}: install scikit-image>=0.25 from its wheel, "
            "or use a folder of your own photos"
        )
    written = []
    for place, name in sorted(PHOTOS.items()):
        written.append(copied(source / name, folder / place))
    return written


def copied(source: Path, target: Path) -> Path:
    """Copy a file, unless one with the same bytes is there, so that its time of change stays."""
    data = source.read_bytes()
    if not target.is_file() or target.read_bytes() != data:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return target


def _wheel_folder() -> Path:
    """Return the folder of pictures inside scikit-image, found without importing it."""
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError("the demo photos come with scikit-image: pip install scikit-image")
    return Path(spec.submodule_search_locations[0]) / "data"
