"""What runtime, precision, layout, folding and compiling do to each feed-forward method, in one table:

    python -m tools.bench.precision --weights microast=FOLDER --weights johnson=FILE --weights adain=FOLDER

Every line of a method takes its turn in one run, so that the machine's moods fall on all alike. `as published` is the
published network, layer by layer, in eager fp32. SSIM and PSNR compare with that network's result (the bundled model:
with its own in plain fp32), as means over the pairs. Memory is that of one more image in a fresh process, measured as
sweeps do. The file is what `stylize export` writes, with the encoder; where a runtime has a precision only so, it is
what runs. `--isa avx2` holds torch and OpenVINO to such processors' instructions; ONNX Runtime has no switch for that.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from stylize import cli
from stylize.errors import UsageError
from stylize.gallery import styles_folder, write_demo_photos
from stylize.images import Pixels
from stylize.stylizers import find, names
from stylize.stylizers._feedforward import FeedForward
from tools.arguments import positive_int, sides_px
from tools.bench.precision.lines import How, Method
from tools.bench.precision.table import Line, table

ISA = {"avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}}
"""The public switches of torch and oneDNN, which OpenVINO computes with, too; read as a process starts."""


def main(argv: Sequence[str]) -> int:
    """Print the table, and with --out keep it; returns 0."""
    given = _parser().parse_args(argv)
    switches = ISA.get(given.isa, {})
    if any(os.environ.get(name) != value for name, value in switches.items()):
        os.execve(sys.executable, [sys.executable, "-m", "tools.bench.precision", *argv], {**os.environ, **switches})
    weights = _weights(given.weights)
    if min(size := sides_px(given.size)) < 16:
        raise UsageError(f"--size {given.size}: give 16 or more a side")
    photos, artworks = _pictures(size)
    methods = given.methods or [name for name in names() if issubclass(find(name), FeedForward)]
    lines: list[Line] = []
    with tempfile.TemporaryDirectory() as files:
        how = How(Path(files), given.device, given.turns, not given.no_forms)
        for method in methods:
            lines += Method(method, weights.get(method), how, photos, artworks).measure()
            print(f"{method}: measured", flush=True)
    text = table(lines, given)
    print(text)
    if given.out:
        out = Path(given.out)
        out.mkdir(parents=True, exist_ok=True)
        (out / "table.md").write_text(text + "\n", encoding="utf-8")
        (out / "rows.json").write_text(json.dumps([line.row() for line in lines], indent=1) + "\n", encoding="utf-8")
        print(f"kept in {out}")
    return cli.EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = cli.Parser(
        prog="python -m tools.bench.precision",
        description="Speed, memory and likeness of every runtime and precision.",
    )
    parser.add_argument("methods", nargs="*", help="which; none means all feed-forward ones")
    parser.add_argument("--weights", action="append", default=[], metavar="METHOD=PATH", help="or METHOD=random")
    parser.add_argument("--size", default="768x512", help="WIDTHxHEIGHT of the photos (default 768x512)")
    parser.add_argument("--turns", type=positive_int, default=7, help="timed calls of each line (default 7)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--isa", choices=list(ISA), help="use no more of the processor than such ones have")
    parser.add_argument(
        "--no-forms", action="store_true", help="torch's layout and folding as by default, not compiled"
    )
    parser.add_argument("--out", metavar="FOLDER", help="keep table.md and rows.json there")
    return parser


def _weights(given: list[str]) -> dict[str, str]:
    weights = {}
    for word in given:
        method, equals, path = word.partition("=")
        if not equals or method not in names():
            raise UsageError(f"--weights {word}: expected METHOD=PATH, METHOD one of {', '.join(names())}")
        weights[method] = path
    return weights


def _pictures(size: tuple[int, int]) -> tuple[list[Pixels], list[Pixels]]:
    """Return three of the demo's photos and two of the shipped artworks."""
    with tempfile.TemporaryDirectory() as folder:
        photos = _spread(write_demo_photos(Path(folder)), 3, size)
    return photos, _spread(sorted(styles_folder().rglob("*.jpg")), 2, (512, 512))


def _spread(paths: list[Path], count: int, size: tuple[int, int]) -> list[Pixels]:
    chosen = [paths[i * len(paths) // count] for i in range(count)]
    return [np.array(Image.open(path).convert("RGB").resize(size, Image.Resampling.LANCZOS)) for path in chosen]


if __name__ == "__main__":
    cli.run(main)
