"""MicroAST: the published checkpoints give the published network's result, and nothing else is taken for them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch

import stylize
from stylize import images
from stylize.errors import WeightsError
from stylize.measure.ssim import ssim
from stylize.stylizers.base import to_pixels, to_tensor
from stylize.stylizers.microast import FILES
from tests.support.samples import picture
from tools.bench.models import reference_models

CPU = torch.device("cpu")
PARTS = ("content_encoder", "style_encoder", "modulator", "decoder")


@pytest.fixture(scope="module")
def folder(real_data: Path) -> Path:
    return real_data / "weights" / "microast"


@pytest.fixture(scope="module")
def reference(folder: Path) -> reference_models.MicroAST:
    net = reference_models.MicroAST().eval().requires_grad_(False)
    for name in PARTS:
        path = folder / f"{name}_iter_160000.pth.tar"
        getattr(net, name).load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return net


def run(
    folder: Path | str, content: torch.Tensor, style: torch.Tensor, precision: str = "fp32", **settings: Any
) -> torch.Tensor:
    stylizer = stylize.load("microast", weights=folder, precision=precision, **settings)
    with torch.inference_mode():
        return stylizer.stylize(content, stylizer.encode_style(style))


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("size", [(48, 64), (45, 67), (9, 50)])
def test_result_is_the_published_networks(
    folder: Path, reference: reference_models.MicroAST, size: tuple[int, int], alpha: float
) -> None:
    height, width = size
    content, style = to_tensor(picture(1, width, height), CPU), to_tensor(picture(2, 71, 53), CPU)
    with torch.inference_mode():
        expected = reference(content[None], style[None], alpha)[0, :, :height, :width].clamp(0, 1)
    assert expected.std() > 0.02
    torch.testing.assert_close(run(folder, content, style, alpha=alpha, blend="features"), expected, atol=1e-4, rtol=0)
    if alpha == 1:
        torch.testing.assert_close(run(folder, content, style), expected, atol=1e-4, rtol=0)


def test_less_alpha_keeps_more_of_the_photo(folder: Path, real_data: Path) -> None:
    photo, artwork = (
        images.decode(next((real_data / "images" / name).rglob("*.jpg")).read_bytes(), long_side_px=128).pixels
        for name in ("content/portraits", "style/van_gogh")
    )
    stylizer = stylize.load("microast", weights=folder, precision="fp32", style_resolution_px=None)
    made = [stylizer.with_settings(alpha=alpha)(photo, artwork) for alpha in (1.0, 0.5, 0.0)]
    kept = [ssim(photo, one) or 0 for one in made]
    assert kept[0] + 0.03 < kept[1] < kept[2] - 0.03
    assert abs(made[2].mean((0, 1)) - photo.mean((0, 1))).max() < 40


def test_alpha_is_each_photos_own_in_a_batch(folder: Path) -> None:
    stylizer = stylize.load("microast", weights=folder, precision="fp32", alpha=0.4)
    photos = torch.stack([to_tensor(picture(seed), CPU) for seed in (1, 2)])
    with torch.inference_mode():
        code = stylizer.encode_style(to_tensor(picture(3), CPU))
        together = stylizer.stylize_batch(photos, code)
        alone = torch.stack([stylizer.stylize(photo, code) for photo in photos])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)


@pytest.mark.parametrize("setting", ["folded", "channels_last"])
def test_settings_that_only_save_time_leave_the_result(folder: Path, setting: str) -> None:
    content, style = to_tensor(picture(1, 61, 47), CPU), to_tensor(picture(2), CPU)
    choices: list[dict[str, Any]] = [{setting: value} for value in (False, True)]
    plain, fast = (run(folder, content, style, **choice) for choice in choices)
    torch.testing.assert_close(plain, fast, atol=1e-4, rtol=0)


def test_bf16_stays_close_to_fp32(folder: Path) -> None:
    content, style = to_tensor(picture(1, 96, 80), CPU), to_tensor(picture(2, 80, 80), CPU)
    full, half = (to_pixels(run(folder, content, style, precision=precision)) for precision in ("fp32", "bf16"))
    assert (ssim(full, half) or 0) >= 0.95


def test_the_four_files_are_recorded_with_their_hashes(folder: Path) -> None:
    stylizer = stylize.load("microast", weights=folder)
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES.values()}
    assert stylizer.weights_files == hashes
    printed = "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes))  # as sha256sum prints them
    assert stylizer.weights_sha256 == hashlib.sha256(printed.encode()).hexdigest()


@pytest.mark.parametrize("weights", ["gone", None])
def test_without_weights_it_says_which_files_it_wants(weights: str | None) -> None:
    with pytest.raises(WeightsError, match=FILES["modulator"]) as told:
        stylize.load("microast", weights=weights)
    assert str(told.value).startswith("microast needs --weights: " if weights is None else "gone: no such folder; ")
    assert "\n" not in str(told.value)
