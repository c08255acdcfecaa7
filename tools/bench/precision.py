"""What precision, layout, folding and compiling do to each feed-forward method, in one table:

    python -m tools.bench.precision --weights microast=FOLDER --weights johnson=FILE --weights adain=FOLDER

Every line of a method takes its turn in one run, so that the machine's moods fall on all alike. `as published` is the
published network, layer by layer, in eager fp32. SSIM and PSNR compare with that network's result (the bundled model:
with its own in plain fp32), as means over the pairs. Memory is a fresh process's peak above what it held before.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import statistics
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylize import cli
from stylize.errors import StylizeError, UsageError
from stylize.stylizers import find, load, names
from stylize.stylizers._feedforward import FeedForward
from stylize.stylizers.base import RANDOM, Stylizer, to_pixels, to_tensor
from tools.bench import reference_calls
from tools.bench.precision_table import Line, Setting, table

PRECISIONS = ("fp32", "bf16", "fp16", "int8")
Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def main(argv: Sequence[str]) -> int:
    """Print the table, and with --out keep it; returns 0."""
    parser = cli.Parser(prog="precision", description="Speed, memory and likeness of every precision and layout.")
    parser.add_argument("methods", nargs="*", help="which; none means all feed-forward ones")
    parser.add_argument("--weights", action="append", default=[], metavar="METHOD=PATH", help="or METHOD=random")
    parser.add_argument("--photos", metavar="FOLDER", help="three of its images; none: scikit-image's own")
    parser.add_argument("--artworks", metavar="FOLDER", help="two of its images; none: the shipped ones")
    parser.add_argument("--size", default="768x512", help="WIDTHxHEIGHT of the photos (default 768x512)")
    parser.add_argument("--turns", type=int, default=7, help="timed calls of each line (default 7)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--no-compile", action="store_true", help="leave the compiled lines out")
    parser.add_argument("--out", metavar="FOLDER", help="keep table.md and rows.json there")
    given = parser.parse_args(argv)
    weights = _weights(given.weights)
    photos, artworks = _pictures(given.photos, given.artworks, _size(given.size))
    methods = given.methods or [name for name in names() if issubclass(find(name), FeedForward)]
    lines: list[Line] = []
    for method in methods:
        lines += _Method(method, weights.get(method), given, photos, artworks).measure()
        print(f"{method}: measured", flush=True)
    text = table(lines, given)
    print(text)
    if given.out:
        out = Path(given.out)
        out.mkdir(parents=True, exist_ok=True)
        (out / "table.md").write_text(text + "\n", encoding="utf-8")
        rows = [vars(line) | {"setting": vars(line.setting), "stylize_s": line.stylize_s()} for line in lines]
        (out / "rows.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        print(f"kept in {out}")
    return cli.EXIT_OK


class _Method:
    """All lines of one method, in turns."""

    def __init__(
        self, name: str, weights: str | None, given: Any, photos: list[Pixels], artworks: list[Pixels]
    ) -> None:
        self.name, self.weights, self.given = name, weights, given
        self.photos, self.artworks = photos, artworks
        self.device = torch.device(given.device)

    def measure(self) -> list[Line]:
        """The lines, measured or skipped by name."""
        calls: list[tuple[Line, list[Callable[[], torch.Tensor]]]] = []
        lines = []
        for setting in self._settings():
            line = Line(setting)
            lines.append(line)
            try:
                calls.append((line, self.calls(line)))
            except StylizeError as error:
                line.skipped = str(error)
        with torch.inference_mode():
            self._judge(calls)
            for turn in range(self.given.turns):
                for line, made in calls:
                    line.times_s.append(self._timed(made[turn % len(made)]))
        for line in lines:
            if line.skipped is None:
                line.peak_bytes = self._peak(line.setting)
        return lines

    def _settings(self) -> Iterator[Setting]:
        folds = "folded" in find(self.name).settings_type.model_fields
        if self.name in reference_calls.NETWORKS:
            yield Setting(self.name, "fp32", channels_last=False, folded=False, published=True)
        if folds:
            yield Setting(self.name, "fp32", channels_last=False, folded=False)
        for precision in PRECISIONS:
            if precision == ("fp16" if self.device.type == "cpu" else "int8"):
                yield Setting(self.name, precision, folded=folds)  # its line says why not
                continue
            yield Setting(self.name, precision, channels_last=False, folded=folds)
            yield Setting(self.name, precision, folded=folds)
            if folds:
                yield Setting(self.name, precision, folded=False)
            if not self.given.no_compile and precision != "int8":
                yield Setting(self.name, precision, folded=False, compile=True)

    def calls(self, line: Line) -> list[Callable[[], torch.Tensor]]:
        """One call a pair, inputs on the device, style codes made."""
        setting = line.setting
        if setting.published:
            return reference_calls.calls(
                self.name, self.weights, self._tensors(self.photos), self._tensors(self.artworks)
            )
        stylizer = _load(setting, self.weights, self.given.device)
        line.weights_bytes = _weights_bytes(stylizer)
        with torch.inference_mode():
            if stylizer.styles_are_weights:
                codes = [stylizer.code(None)]
            else:
                codes = [stylizer.encode_style(artwork) for artwork in self._tensors(self.artworks)]
        pairs = itertools.product(self._tensors(self.photos), codes)
        return [partial(stylizer.stylize, photo, code) for photo, code in pairs]

    def _tensors(self, pictures: list[Pixels]) -> list[torch.Tensor]:
        return [to_tensor(picture, self.device) for picture in pictures]

    def _judge(self, calls: list[tuple[Line, list[Callable[[], torch.Tensor]]]]) -> None:
        """Compare results with the first line's; it warms every line up, too."""
        from skimage.metrics import peak_signal_noise_ratio

        from stylize.measure.ssim import ssim

        reference: list[Pixels] = []
        for line, made in calls:
            results = [to_pixels(call()) for call in made]
            reference = reference or results
            if self.weights == RANDOM:
                continue
            line.ssim = statistics.mean(ssim(a, b) or 0.0 for a, b in zip(reference, results, strict=True))
            same = all((a == b).all() for a, b in zip(reference, results, strict=True))
            if not same:
                ratios = (peak_signal_noise_ratio(a, b) for a, b in zip(reference, results, strict=True))
                line.psnr_db = float(min(120.0, statistics.mean(min(120.0, value) for value in ratios)))

    def _timed(self, call: Callable[[], torch.Tensor]) -> float:
        from stylize.measure.clock import timed

        with timed(str(self.device)) as clock:
            call()
        return clock.seconds

    def _peak(self, setting: Setting) -> int | None:
        context = multiprocessing.get_context("spawn")
        with context.Pool(1) as pool:
            return pool.apply(peak_of, (setting, self.weights, self.given.device, self.photos[0], self.artworks[0]))


def peak_of(setting: Setting, weights: str | None, device: str, photo: Pixels, artwork: Pixels) -> int | None:
    """Bytes at the highest during one call, above what this process held before; the device's own on a GPU."""
    from stylize.measure.memory import PeakMemory

    method = _Method(setting.method, weights, argparse.Namespace(device=device), [photo], [artwork])
    (call,) = method.calls(Line(setting))
    with torch.inference_mode():
        if setting.compile:
            call()
        before = int(Path("/proc/self/statm").read_text().split()[1]) * 4096 if device == "cpu" else 0
        peak = PeakMemory(device)
        peak.start()
        call()
        peaks = peak.stop()
    if device != "cpu":
        return peaks.device_peak_allocated_bytes
    return None if peaks.host_peak_rss_bytes is None else max(0, peaks.host_peak_rss_bytes - before)


def _load(setting: Setting, weights: str | None, device: str) -> Stylizer:
    return load(setting.method, weights=weights, device=device, **setting.options())


def _weights_bytes(stylizer: Any) -> int | None:
    net = stylizer.code(None) if stylizer.styles_are_weights else stylizer.net
    own = sum(t.numel() * t.element_size() for t in (*net.parameters(), *net.buffers()))
    return int(own + sum(getattr(part, "weight_bytes", 0) for part in net.modules()))


def _weights(given: list[str]) -> dict[str, str]:
    weights = {}
    for word in given:
        method, equals, path = word.partition("=")
        if not equals or method not in names():
            raise UsageError(f"--weights {word}: expected METHOD=PATH, METHOD one of {', '.join(names())}")
        weights[method] = path
    return weights


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.partition("x")
    if not cross or not (width.isdecimal() and height.isdecimal()) or min(int(width), int(height)) < 16:
        raise UsageError(f"--size {text}: expected WIDTHxHEIGHT in pixels, such as 768x512")
    return int(width), int(height)


def _pictures(photos: str | None, artworks: str | None, size: tuple[int, int]) -> tuple[list[Pixels], list[Pixels]]:
    import tempfile

    from stylize.gallery import styles_folder, write_demo_photos

    with tempfile.TemporaryDirectory() as folder:
        if photos is None:
            write_demo_photos(Path(folder))
        chosen = _spread(Path(photos or folder), 3, size)
    return chosen, _spread(Path(artworks) if artworks else styles_folder(), 2, (512, 512))


def _spread(folder: Path, count: int, size: tuple[int, int]) -> list[Pixels]:
    from PIL import Image

    from stylize.tasks.listing import files_in, root_of

    paths = [Path(one.uri) for one in files_in(root_of(str(folder), "a folder of images"))]
    if not paths:
        raise UsageError(f"{folder}: no images in this folder")
    chosen = [paths[i * len(paths) // count] for i in range(min(count, len(paths)))]
    return [np.array(Image.open(path).convert("RGB").resize(size, Image.Resampling.LANCZOS)) for path in chosen]


if __name__ == "__main__":
    cli.run(main)
