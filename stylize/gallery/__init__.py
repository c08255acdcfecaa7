"""The project's own style images, drawn by code, and demo photos to try them on.

`python -m stylize.gallery OUT` draws the shipped images again.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.errors import UsageError
from stylize.gallery.photos import copied, write_demo_photos

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["NAMES", "draw", "style_path", "styles_folder", "write_demo_photos", "write_demo_styles"]

# Each style's type (the folder it ships in) and the module that draws it.
_STYLES = {
    "cubist_shards": ("paint", "shards"),
    "great_waves": ("print", "waves"),
    "ink_mountains": ("ink", "ink"),
    "pointillist_river": ("paint", "dots"),
    "rose_window": ("glass", "glass"),
    "starry_hills": ("paint", "starry"),
    "sun_mosaic": ("pattern", "mosaic"),
    "watercolour_poppies": ("paint", "bloom"),
    "woodcut_lake": ("print", "woodcut"),
}
NAMES = tuple(_STYLES)


def _look_up(name: str) -> tuple[str, str]:
    if name not in _STYLES:
        raise UsageError(f"no style drawing is called {name!r}; choose one of: {', '.join(NAMES)}")
    return _STYLES[name]


def draw(name: str, seed: int = 0) -> Image:
    """A style image, 640 x 512 RGB; the same `seed` (0 or more) gives the same image.

    Raises UsageError where `name` is not one of NAMES.
    """
    import numpy as np

    from stylize.gallery.canvas import finish

    picture = import_module(f"stylize.gallery.{_look_up(name)[1]}").draw(np.random.default_rng(seed))
    return finish(picture)


def style_path(name: str) -> Path:
    """Where a style image lies under `styles_folder()`: `<type>/<name>.jpg`. Raises UsageError as `draw`."""
    return Path(_look_up(name)[0]) / f"{name}.jpg"


def styles_folder() -> Path:
    """The folder of shipped style images, one folder a type inside."""
    return Path(__file__).parent / "styles"


def write_demo_styles(folder: Path) -> list[Path]:
    """Copy the shipped style images to `folder` as `<type>/<name>.jpg`; their paths, sorted.

    One that is there already with the same bytes is left alone. A folder that cannot be written to raises the OSError.
    """
    shipped = styles_folder()
    return [copied(path, folder / path.relative_to(shipped)) for path in sorted(shipped.rglob("*.jpg"))]
