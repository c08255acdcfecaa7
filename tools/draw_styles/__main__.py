"""`python -m tools.draw_styles OUT` draws the artworks that ship; OUT is stylize/gallery/styles to renew them there."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from stylize import cli
from stylize.io.files import write_atomic
from stylize.terminal import say
from tools.draw_styles import bloom, dots, glass, ink, mosaic, shards, starry, waves, woodcut
from tools.draw_styles.canvas import Array, Rng

STYLES: dict[str, Callable[[Rng], Array]] = {
    "glass/rose_window.jpg": glass.draw,
    "ink/ink_mountains.jpg": ink.draw,
    "paint/cubist_shards.jpg": shards.draw,
    "paint/pointillist_river.jpg": dots.draw,
    "paint/starry_hills.jpg": starry.draw,
    "paint/watercolour_poppies.jpg": bloom.draw,
    "pattern/sun_mosaic.jpg": mosaic.draw,
    "print/great_waves.jpg": waves.draw,
    "print/woodcut_lake.jpg": woodcut.draw,
}
"""Each artwork's place in OUT -> what draws it."""


def drawn(name: str) -> bytes:
    """Return an artwork as a JPEG file of 640 x 512; the same libraries give the same bytes each time."""
    picture = STYLES[name](np.random.default_rng(0))
    file = io.BytesIO()
    pixels = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", quality=86, optimize=True)
    return file.getvalue()


def main(argv: Sequence[str]) -> int:
    """Write every artwork, over one that is there; returns the exit status."""
    parser = cli.Parser(prog="python -m tools.draw_styles", description="Draw the artworks that ship.")
    parser.add_argument("out", metavar="OUT", type=Path, help="folder for them; files of their names are replaced")
    out = parser.parse_args(argv).out
    for name in STYLES:
        data = drawn(name)
        write_atomic(out / name, data)
        say(f"{out / name} {len(data) / 1000:.0f} kB")
    return cli.EXIT_OK


if __name__ == "__main__":
    cli.run(main)
