"""`python -m stylize export METHOD OUT.onnx`: a method's network as a file that needs no torch."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from stylize import cli, stylizers
from stylize.cli import Groups
from stylize.commands.place import file_to_write
from stylize.errors import CannotContinueError, ImageError, UsageError, one_line
from stylize.images import MAX_PIXELS, STYLE_RESOLUTION_PX, decode_safely, resize
from stylize.io.files import local_path, read_bytes, write_atomic, writing
from stylize.no_effect import no_effect, of_method
from stylize.shares import Metavar, PathText
from stylize.terminal import say
from stylize.validation import Checked
from stylize.weights import GRAPH_SUFFIX

GROUPS: Groups = {"method": ("weights", "settings", "style", "style_resolution_px"), "output": ("precision",)}
SIZES = ((96, 128), (255, 383), (256, 256), (160, 320), (333, 250))
"""Heights and widths at which a file is compared with torch's result."""
LEAST_SSIM = {"fp32": 0.99, "fp16": 0.99, "int8": 0.95}
"""Of every one of those, else nothing is written."""


class Options(Checked):
    """The options of an export."""

    weights: PathText | None = Field(
        None, description="weights file or folder, as for restyling; none: the method's own"
    )
    settings: dict[str, Any] = Field(default_factory=dict, description="setting of the method; may be repeated")
    style: Annotated[str, Metavar("ART")] | None = Field(
        None,
        description="artwork that becomes part of the file; none: its code is a second input, and OUT.encoder.onnx "
        "makes it of an artwork",
    )
    style_resolution_px: int | None = Field(
        STYLE_RESOLUTION_PX, ge=1, le=32768, description="long side in pixels at which ART is looked at; none: its own"
    )
    precision: Literal["fp32", "fp16", "int8"] = Field(
        "fp32",
        description="fp16: weights of half the size, computed in fp32; int8: convolutions in 8 bits, calibrated on the "
        "shipped artworks",
    )

    @property
    def side(self) -> int | None:
        """Return the long side in pixels at which artworks are looked at."""
        return self.style_resolution_px if self.style else STYLE_RESOLUTION_PX


@dataclass(frozen=True)
class Likeness:
    """How a file's pictures compare with torch's fp32: the smallest SSIM, the largest difference in levels of 255."""

    ssim: float
    levels: int


def main(argv: Sequence[str]) -> int:
    """Write the file, or the two, and say what they are; returns the exit status."""
    parser = cli.Parser(
        prog="stylize export",
        usage="stylize export METHOD OUT.onnx [options]",
        description="Write a method's network as ONNX: free height, width and batch, compared with torch's result.",
        epilog="Exit status: 0 written, 2 a wrong call or an input that cannot be used, 1 could not go on.",
    )
    inputs = parser.group("inputs")
    inputs.add_argument("method", metavar="METHOD", help="a feed-forward method of `stylize list`")
    inputs.add_argument("out", metavar="OUT.onnx", help="the file to write")
    cli.add_model(parser, Options, GROUPS)
    parser.group("output").add_argument("--force", action="store_true", help="replace files that are there already")
    given = vars(parser.parse_args(argv))
    method, out, force = given.pop("method"), local_path(given.pop("out"), "OUT"), given.pop("force")
    options = cli.checked(Options, given)
    if (options.weights or "").lower().endswith(GRAPH_SUFFIX):
        raise UsageError(f"{cli.flag('weights')} {one_line(str(options.weights))}: that is an ONNX file already")
    for name in ("weights", "style"):
        if (given_path := getattr(options, name)) is not None:
            local_path(given_path, cli.flag(name))
    has_encoder = options.style is None and not stylizers.find(method).styles_are_weights
    places = _check_places(out, force, has_encoder)
    _export(method, places, options)
    if not has_encoder and places[1].exists():
        say(f"{one_line(places[1])} is of another export: {one_line(out)} has its style in it and needs none")
    return cli.EXIT_OK


def _check_places(out: Path, force: bool, has_encoder: bool) -> tuple[Path, Path]:
    """Return where the network and its encoder go, or would go."""
    if out.suffix.lower() != ".onnx":
        raise UsageError(f"OUT {one_line(out)}: give a name that ends in .onnx")
    with writing(out):
        network, encoder = file_to_write(out, f"OUT {one_line(out)}", force), out.with_suffix(".encoder.onnx")
        return network, file_to_write(encoder, f"OUT {one_line(encoder)}", force) if has_encoder else encoder


def _export(name: str, places: tuple[Path, Path], options: Options) -> None:
    from stylize.stylizers._feedforward import FeedForward
    from stylize.stylizers._runtimes import sessions

    if not issubclass(stylizers.find(name), FeedForward):
        raise UsageError(f"{name} has no network that runs once per image; `stylize list` shows the methods")
    why = of_method(stylizers.find(name))["style_resolution_px"]
    why = why or (None if options.style else "it is the size of --style ART")
    for line in no_effect(options, {"style_resolution_px": why}):
        say(line)
    sessions.check_installed(sessions.ONNXRUNTIME)
    from stylize.stylizers._runtimes import onnx_graph

    modules, torch_ = (
        stylizers.load(
            name, device="cpu", precision="fp32", runtime=runtime, weights=options.weights, **options.settings,
            style_resolution_px=options.side,
        )
        for runtime in (sessions.MODULES, sessions.TORCH)
    )  # fmt: skip
    styles, facts = _styles(torch_, options)
    files = _files(modules, styles[0][1], facts, places, options)
    likeness = _compared(list(files.values()), torch_, styles)
    if likeness.ssim < LEAST_SSIM[options.precision]:
        raise CannotContinueError(f"the file's pictures differ from torch's: SSIM {likeness.ssim:.4f}; nothing written")
    for path, data in files.items():
        with writing(path):
            write_atomic(path, data)
        say(f"{one_line(path)}: {len(data) / 1e6:.2f} MB, {options.precision}, ONNX opset {onnx_graph.OPSET}")
    told = f"SSIM {math.floor(likeness.ssim * 1e4) / 1e4:.4f} at least, pixels at most {likeness.levels} of 255 apart"
    say(f"{name} beside torch in fp32, over {len(SIZES)} sizes: {told}")


def _files(
    modules: Any, artwork: Any, facts: dict[str, Any], places: tuple[Path, Path], options: Options
) -> dict[Path, bytes]:
    """Return the file of the network by where it goes, and that of its encoder where it has one.

    artwork: (1, 3, H, W), which the network is written for if it is for one alone.
    """
    import torch

    from stylize.stylizers._runtimes import export, onnx_graph

    baked = None
    if modules.styles_are_weights:
        baked = modules.code(options.style)
    elif options.style is not None:
        with torch.inference_mode():
            baked = modules.encode_style(torch.from_numpy(artwork[0]))
    exported = export.export(modules, baked, precision=options.precision, **facts)
    out, encoder = places
    models = {out: exported.network} | ({encoder: exported.encoder} if exported.encoder else {})
    if options.precision == "int8":
        from stylize.stylizers._runtimes import quantize

        models[out] = quantize.in_8_bits(modules, exported.network)
    for path, model in models.items():
        if options.precision == "fp16" or (options.precision == "int8" and path != out):
            onnx_graph.half_weights(model)
    return {path: model.SerializeToString() for path, model in models.items()}


def _styles(stylizer: Any, options: Options) -> tuple[list[tuple[Any, Any]], dict[str, Any]]:
    """Return styles to compare with, each as its code and the artwork as an encoder takes it, and facts of the file."""
    import torch

    from stylize.gallery import styles_folder
    from stylize.stylizers.base import to_tensor

    if stylizer.styles_are_weights:
        return [(stylizer.code(options.style), None)], {} if options.style is None else {"style": options.style}
    paths = [options.style] if options.style else [str(p) for p in sorted(styles_folder().rglob("*.jpg"))[::4]]
    styles, facts = [], {}
    for path in paths:
        data = read_bytes(path)
        try:
            pixels = decode_safely(data, long_side_px=options.side, max_pixels=MAX_PIXELS, whole=True).pixels
        except ImageError as error:
            raise type(error)(f"{one_line(path)}: {error}") from None
        picture = to_tensor(pixels, stylizer.device)
        with torch.inference_mode():
            styles.append((stylizer.encode_style(picture), picture[None].numpy()))
        if options.style:
            facts = {"style": Path(path).name, "style_sha256": hashlib.sha256(data).hexdigest()}
    return styles, facts


def _compared(files: list[bytes], stylizer: Any, styles: list[tuple[Any, Any]]) -> Likeness:
    """Read the files back and compare their pictures with a stylizer's, at all sizes and in turn with each style."""
    import torch

    from stylize.measure.ssim import ssim
    from stylize.stylizers._runtimes.loading import load_onnxruntime
    from stylize.stylizers._runtimes.sessions import onnxruntime_options
    from stylize.stylizers.base import to_pixels, to_tensor

    options = onnxruntime_options()
    network, *encoder = (
        load_onnxruntime().InferenceSession(data, options, providers=["CPUExecutionProvider"]) for data in files
    )
    scores, levels = [], []
    for number, photo in enumerate(_photos()):
        code, picture = styles[number % len(styles)]
        content = to_tensor(photo, torch.device("cpu"))
        inputs = {"content": content[None].numpy()}
        if encoder:
            (inputs["code"],) = encoder[0].run(None, {"style": picture})
        (result,) = network.run(None, inputs)
        with torch.inference_mode():
            wanted = to_pixels(stylizer.stylize(content, code))
        got = to_pixels(torch.from_numpy(result[0]))
        scores.append(ssim(wanted, got) or 0.0)
        levels.append(int(np.abs(wanted.astype(int) - got).max()))
    return Likeness(min(scores), max(levels))


def _photos() -> list[Any]:
    """Return a photo of the demo's for each of `SIZES`."""
    from stylize.gallery import write_demo_photos

    with tempfile.TemporaryDirectory() as folder:
        data = [path.read_bytes() for path in sorted(write_demo_photos(Path(folder)))[: len(SIZES)]]
    photos = [decode_safely(one, long_side_px=None, max_pixels=MAX_PIXELS).pixels for one in data]
    return [resize(photo, width, height) for photo, (height, width) in zip(photos, SIZES, strict=True)]
