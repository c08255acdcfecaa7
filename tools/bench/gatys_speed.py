"""How long `gatys` takes beside the textbook way, to the same style loss, and how much memory:

    python -m tools.bench.gatys_speed PHOTO ARTWORK --weights VGG19 [--size 512]

The textbook way is the tutorials': VGG19 in fp32, L-BFGS from the photo at full size, gradients of every term left to
autograd. It minimises the same loss. It is run until its style loss is what our default ended with. Both losses are
those of the unclamped picture at full size, as each optimiser sees them.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylize import cli
from stylize.backbones import MEAN, STD, load_backbone
from stylize.io.files import read_bytes
from stylize.stylizers import load
from stylize.stylizers.base import to_tensor
from tools.arguments import positive_int

CONTENT_LAYER = 22
STYLE_LAYERS = (1, 6, 11, 20, 29)


def main(argv: Sequence[str]) -> int:
    """Print both times, their ratio and the peak memory; returns 0."""
    parser = cli.Parser(
        prog="python -m tools.bench.gatys_speed",
        description="gatys beside plain fp32 L-BFGS from content at full size.",
    )
    parser.add_argument("photo", metavar="PHOTO", help="image file")
    parser.add_argument("artwork", metavar="ARTWORK", help="image file")
    parser.add_argument("--weights", metavar="VGG19", help="none: torchvision's")
    parser.add_argument("--size", type=positive_int, default=512, help="long side in px (default 512)")
    parser.add_argument("--most-steps", type=positive_int, default=300, help="of the textbook way (default 300)")
    given = parser.parse_args(argv)
    photo, artwork = (_picture(path, given.size) for path in (given.photo, given.artwork))
    ours = _ours(photo, artwork, given.weights)
    print(f"default: {ours['seconds']:.1f} s to style loss {ours['loss']:.4f} ({ours['precision']}, "
          f"{ours['steps']} steps at {ours['scales']} scales)", flush=True)  # fmt: skip
    steps, seconds, loss = _textbook(photo, artwork, given.weights, ours["loss"], given.most_steps)
    reached = "to" if loss <= ours["loss"] else "and only at"
    print(f"textbook: {seconds:.1f} s {reached} style loss {loss:.4f} ({steps} steps at full size, fp32)")
    print(f"ratio: {seconds / ours['seconds']:.2f}")
    for precision in ("auto", "fp32"):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            used, peak = pool.apply(peak_of, (given.weights, precision))
        print(f"peak memory at 768x512 in {used}: {peak / 1e6:.0f} MB above the process's own before the picture")
    return cli.EXIT_OK


def _ours(photo: Tensor, artwork: Tensor, weights: str | None) -> dict[str, Any]:
    stylizer: Any = load("gatys", weights=weights)
    trace: list[float] = []
    stylizer.on_step = lambda step, total, terms: trace.append(terms["style_loss"])
    start = time.perf_counter()
    stylizer.stylize(photo, stylizer.encode_style(artwork))
    return {
        "seconds": time.perf_counter() - start, "loss": trace[-1], "precision": stylizer.precision,
        "steps": len(trace), "scales": stylizer.settings.scales,
    }  # fmt: skip


def _textbook(photo: Tensor, artwork: Tensor, weights: str | None, goal: float, most: int) -> tuple[int, float, float]:
    """Return (steps, seconds, style loss) of plain fp32 L-BFGS, until its style loss is `goal`."""
    net = _plain_vgg(weights)
    start = time.perf_counter()
    with torch.no_grad():
        grams = {i: _gram(f) for i, f in _features(net, artwork[None]).items() if i in STYLE_LAYERS}
        content = _features(net, photo[None])[CONTENT_LAYER]
    image = photo[None].contiguous().clone().requires_grad_(True)
    optimizer = torch.optim.LBFGS([image], max_iter=1, tolerance_grad=0, tolerance_change=0)
    style = torch.tensor(0.0)

    def closure() -> Tensor:
        nonlocal style
        optimizer.zero_grad()
        features = _features(net, image)
        parts = [(_gram(features[i]) - gram).square().sum() / gram.square().sum() for i, gram in grams.items()]
        style = torch.stack(parts).mean()
        likeness = F.mse_loss(features[CONTENT_LAYER], content) / content.square().mean()
        smooth = (image[..., 1:, :] - image[..., :-1, :]).square().mean()
        smooth = smooth + (image[..., 1:] - image[..., :-1]).square().mean()
        loss: Tensor = likeness + 10 * style + smooth
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    steps = 0
    while steps < most and (steps == 0 or style.item() > goal):
        optimizer.step(closure)  # type: ignore[no-untyped-call]
        steps += 1
    return steps, time.perf_counter() - start, style.item()


def _plain_vgg(weights: str | None) -> nn.Sequential:
    ours, _ = load_backbone("vgg19", ["relu5_1"], None if weights is None else Path(weights))
    features: Any = ours.trunk.features
    return nn.Sequential(*(nn.ReLU() if isinstance(part, nn.ReLU) else part for part in features))


def _features(net: nn.Sequential, image: Tensor) -> dict[int, Tensor]:
    features = {}
    x = (image - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
    for i, layer in enumerate(net):
        x = layer(x)
        if i == CONTENT_LAYER or i in STYLE_LAYERS:
            features[i] = x
    return features


def _gram(features: Tensor) -> Tensor:
    flat = features.flatten(2)[0]
    return flat @ flat.t() / flat.shape[1]


def peak_of(weights: str | None, precision: str) -> tuple[str, int]:
    """Return (precision, bytes) at the highest during one picture of 768x512, above what this process held before."""
    from stylize.measure.memory import PeakMemory

    stylizer = load("gatys", weights=weights, precision=precision, iterations=18)
    photo, artwork = torch.rand(3, 512, 768), torch.rand(3, 400, 512)
    code = stylizer.encode_style(artwork)
    peak = PeakMemory()
    peak.start()
    stylizer.stylize(photo, code)
    return stylizer.precision, peak.stop().image_host_bytes or 0


def _picture(path: str, side: int) -> Tensor:
    from stylize.images import decode

    pixels = decode(read_bytes(path), long_side_px=side, max_pixels=100_000_000).pixels
    return to_tensor(pixels, torch.device("cpu"))


if __name__ == "__main__":
    cli.run(main)
