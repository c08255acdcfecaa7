"""Draw the style images that the package ships: `python -m tools.draw_styles OUT`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["NAMES", "draw", "style_path"]

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


def draw(name: str, seed: int = 0) -> Image:
    """Draw a style image, 640 x 512 RGB; the same `seed` (0 or more) gives the same image.

    Raises UsageError where `name` is not one of NAMES.
    """
    import numpy as np

    from tools.draw_styles.canvas import finish

    picture = import_module(f"tools.draw_styles.{_look_up(name)[1]}").draw(np.random.default_rng(seed))
    return finish(picture)


def style_path(name: str) -> Path:
    """Return where a style image lies under the shipped folder, `<type>/<name>.jpg`. Raises UsageError as `draw`."""
    return Path(_look_up(name)[0]) / f"{name}.jpg"


def _look_up(name: str) -> tuple[str, str]:
    if name not in _STYLES:
        raise UsageError(f"no style drawing is called {name!r}; choose one of: {', '.join(NAMES)}")
    return _STYLES[name]
