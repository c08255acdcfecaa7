"""The published networks with their weights, for `tools.bench.precision` to time beside ours."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylize.errors import UsageError
from stylize.stylizers import load
from stylize.stylizers.johnson import plain_name
from stylize.weights import SUFFIXES, read
from tools.bench.models.reference_models import (
    RELU4_1,
    MicroAST,
    TransformerNet,
    adain_decoder,
    adain_encoder,
    mean_std,
)

NETWORKS = ("adain", "johnson", "microast")


def calls(method: str, weights: str | None, photos: list[Tensor], artworks: list[Tensor]) -> list[Callable[[], Tensor]]:
    """Return a call for every photo with every artwork, (3, H, W) in [0, 1]; each gives (3, H, W), clamped.

    weights: as `stylize.load` takes them. Raises UsageError where there are none, WeightsError as it does.
    """
    if weights is None:
        raise UsageError(f"{method} needs weights: give --weights {method}=PATH or {method}=random")
    stylizer = load(method, weights=weights, precision="fp32")  # for its checks of the files
    with torch.inference_mode():
        run, codes = _READY[method](None if weights == "random" else Path(weights), artworks)
    device = photos[0].device
    del stylizer

    def call(photo: Tensor, code: Any) -> Tensor:
        height, width = photo.shape[-2:]
        image: Tensor = run(photo[None], code)[0, :, :height, :width].clamp(0, 1)
        return image.to(device)

    return [partial(call, photo, code) for photo in photos for code in codes]


def _micro(folder: Path | None, artworks: list[Tensor]) -> Any:
    net = MicroAST().eval()
    for part, module in net.named_children():
        if folder is not None:
            module.load_state_dict(read(folder / f"{part}_iter_160000.pth.tar", "MicroAST").tensors)
    net.to(artworks[0].device)
    return net.restyle, [net.encode(artwork[None]) for artwork in artworks]


def _transformer(path: Path | None, artworks: list[Tensor]) -> Any:
    net = TransformerNet().eval()
    if path is not None:
        file = path if path.is_file() else sorted(p for p in path.iterdir() if p.suffix in SUFFIXES)[0]
        kept = read(file, "TransformerNet").renamed(_wrapped_name)
        net.load_state_dict(kept.tensors)
    net.to(artworks[0].device)
    return lambda photo, _: net(photo * 255) / 255, [None]


def _wrapped_name(name: str) -> str | None:
    # The published network wraps each convolution in a layer of its own.
    plain = plain_name(name)
    return plain and re.sub(r"(conv\d)\.", r"\1.conv2d.", plain)


def _adain(folder: Path | None, artworks: list[Tensor]) -> Any:
    encoder, decoder = adain_encoder(), adain_decoder()
    if folder is not None:
        encoder.load_state_dict(read(folder / "vgg_normalised.pth", "VGG19").tensors)
        decoder.load_state_dict(read(folder / "decoder.pth", "decoder").tensors)
    encoder = encoder[:RELU4_1].to(artworks[0].device)
    decoder.to(artworks[0].device)

    def run(photo: Tensor, code: tuple[Tensor, Tensor]) -> Any:
        features = encoder(photo)
        mean, std = mean_std(features)
        return decoder((features - mean) / std * code[1] + code[0])

    return run, [mean_std(encoder(artwork[None])) for artwork in artworks]


_READY = {"microast": _micro, "johnson": _transformer, "adain": _adain}
