"""The project's own style images, drawn by code in `tools/draw_styles`, and demo photos to try them on."""

from __future__ import annotations

from pathlib import Path

from stylize.gallery.photos import copied, write_demo_photos

__all__ = ["styles_folder", "write_demo_photos", "write_demo_styles"]


def styles_folder() -> Path:
    """Return the folder of shipped style images, `<type>/<name>.jpg`."""
    return Path(__file__).parent / "styles"


def write_demo_styles(folder: Path) -> list[Path]:
    """Copy the shipped style images to `folder` as `<type>/<name>.jpg`; return their paths, sorted.

    One that is there already with the same bytes is left alone. Raises the OSError of a folder that cannot be written.
    """
    shipped = styles_folder()
    return [copied(path, folder / path.relative_to(shipped)) for path in sorted(shipped.rglob("*.jpg"))]
