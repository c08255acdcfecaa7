"""Demo photos: the ones that scikit-image's wheel carries, laid out in a folder per content type."""

from __future__ import annotations

from pathlib import Path

import skimage

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
    Raises UsageError where scikit-image lacks a photo, the OSError of a folder that cannot be written.
    """
    source = Path(skimage.__file__).parent / "data"
    missing = sorted(name for name in PHOTOS.values() if not (source / name).is_file())
    if missing:
        raise UsageError(
            f"the installed scikit-image carries no {', '.join(missing)}: install scikit-image>=0.25 from its wheel, "
            "or use a folder of your own photos"
        )
    return [copied(source / name, folder / place) for place, name in sorted(PHOTOS.items())]


def copied(source: Path, target: Path) -> Path:
    """Copy a file, unless one with the same bytes is there, so that its time of change stays."""
    data = source.read_bytes()
    if not target.is_file() or target.read_bytes() != data:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return target
