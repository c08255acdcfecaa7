"""`python -m tools.draw_styles OUT` draws every style image into OUT/<type>/<name>.jpg."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stylize import cli
from tools.draw_styles import NAMES, draw, style_path

JPEG: dict[str, Any] = {"quality": 86, "optimize": True}


def main(argv: Sequence[str]) -> int:
    """Write every style image; returns the exit status."""
    parser = cli.Parser(prog="python -m tools.draw_styles", description="Draw the artworks that ship.")
    parser.add_argument("out", metavar="OUT", type=Path, help="folder for them")
    out = parser.parse_args(argv).out
    for name in NAMES:
        target = out / style_path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        draw(name).save(target, **JPEG)
        print(f"{target} {target.stat().st_size / 1000:.0f} kB")
    return cli.EXIT_OK


if __name__ == "__main__":
    cli.run(main)
