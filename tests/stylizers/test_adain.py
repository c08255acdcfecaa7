"""AdaIN: files in the PyTorch port's layout give the port's results."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import stylize
from stylize.errors import UsageError, WeightsError
from stylize.measure.ssim import ssim
from stylize.stylizers.base import to_pixels, to_tensor
from tests.support.samples import picture
from tools.bench.models import reference_models

pytestmark = pytest.mark.usefixtures("by_torch")

CPU = torch.device("cpu")
Nets = tuple[nn.Sequential, nn.Sequential]


@pytest.fixture(scope="module")
def nets() -> Nets:
    torch.manual_seed(1)
    return reference_models.adain_encoder(), reference_models.adain_decoder()


@pytest.fixture(scope="module")
def folder(nets: Nets, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("adain")
    torch.save(nets[0].state_dict(), path / "vgg_normalised.pth")
    torch.save(nets[1].state_dict(), path / "decoder.pth")
    yield path
    loaded.cache_clear()


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def image(seed: int, size: tuple[int, int] = (48, 64)) -> Tensor:
    return to_tensor(picture(seed, size[1], size[0]), CPU)


def run(folder: Path, content: Tensor, style: Tensor, precision: str = "fp32", **settings: Any) -> Tensor:
    alpha = {"alpha": settings.pop("alpha")} if "alpha" in settings else {}
    stylizer = loaded(folder, precision, **settings).with_settings(**alpha)
    result: Tensor = stylizer.stylize(content, stylizer.encode_style(style))
    return result


@functools.cache
def loaded(folder: Path, precision: str = "fp32", **settings: Any) -> Any:
    """Read once: the files have 94 MB."""
    return stylize.load("adain", weights=folder, precision=precision, style_resolution_px=None, **settings)


def cut(result: Tensor, like: Tensor) -> Tensor:
    """The port rounds sides up; both clamp when they save."""
    assert result.std() > 0.02
    return result[:, : like.shape[1], : like.shape[2]].clamp(0, 1)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("size", [(48, 64), (45, 67), (16, 57)])
def test_result_is_the_ports(nets: Nets, folder: Path, size: tuple[int, int], alpha: float) -> None:
    content, style = image(1, size), image(2, (53, 39))
    expected = cut(reference_models.adain_transfer(*nets, content, [style], alpha), content)
    torch.testing.assert_close(run(folder, content, style, alpha=alpha), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_styles_are_mixed_as_the_port_interpolates(nets: Nets, folder: Path, alpha: float) -> None:
    content, styles = image(1), [image(2), image(3, (40, 40))]
    stylizer = loaded(folder).with_settings(alpha=alpha)
    pixels = [to_pixels(one) for one in (content, *styles)]
    result = stylizer(pixels[0], pixels[1:], style_weights=[1, 3])
    expected = cut(reference_models.adain_transfer(*nets, content, styles, alpha, weights=[0.25, 0.75]), content)
    torch.testing.assert_close(to_tensor(result, CPU), expected, atol=0.51 / 255, rtol=0)


def test_one_styles_whole_weight_is_that_style(folder: Path) -> None:
    stylizer = loaded(folder)
    mixed = stylizer(picture(1), [picture(2), picture(3)], style_weights=[0, 1])
    assert (mixed == stylizer(picture(1), picture(3))).all()


@pytest.mark.parametrize("weights", [[1], [1, 1, 1], [0, 0], [-1, 2], [float("nan"), 1]])
def test_weights_that_cannot_be_are_refused(folder: Path, weights: list[float]) -> None:
    stylizer = loaded(folder)
    with pytest.raises(UsageError, match="2 styles need as many weights"):
        stylizer(picture(1), [picture(2), picture(3)], style_weights=weights)


def test_preserve_color_encodes_the_recoloured_style(nets: Nets, folder: Path) -> None:
    content, style = image(1), image(2)
    expected = cut(reference_models.adain_transfer(*nets, content, [reference_models.coral(style, content)]), content)
    result = run(folder, content, style, preserve_color=True)
    torch.testing.assert_close(result, expected, atol=1e-3, rtol=0)
    assert (result - run(folder, content, style)).abs().mean() > 0.005


def test_preserve_color_matches_each_image_of_a_batch(folder: Path) -> None:
    stylizer = loaded(folder, preserve_color=True)
    contents, style = torch.stack([image(1), image(4)]), image(2)
    code = stylizer.encode_style(style)
    together = stylizer.stylize_batch(contents, code)
    alone = torch.stack([stylizer.stylize(content, code) for content in contents])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_preserved_colors_of_a_mix_lie_between_those_of_its_styles(folder: Path) -> None:
    stylizer = loaded(folder, preserve_color=True)
    a, b, mixed = (
        stylizer(picture(1), [picture(2), picture(3)], style_weights=weights).astype(float)
        for weights in ([1, 0], [0, 1], [1, 1])
    )
    assert abs(mixed - a).mean() < abs(a - b).mean()
    assert abs(mixed - b).mean() < abs(a - b).mean()


@pytest.mark.parametrize(
    ("settings", "least"),
    [({"channels_last": False}, 0.999), ({"precision": "bf16"}, 0.95)],
    ids=["channels_first", "bf16"],
)
def test_settings_that_only_save_time_leave_the_look(folder: Path, settings: dict[str, Any], least: float) -> None:
    content, style = image(1, (80, 72)), image(2)
    full, fast = (to_pixels(run(folder, content, style, **chosen)) for chosen in ({}, settings))
    assert (ssim(full, fast) or 0) > least


def test_missing_decoder_is_named(nets: Nets, tmp_path: Path) -> None:
    torch.save(nets[0][: reference_models.RELU4_1].state_dict(), tmp_path / "vgg_normalised.pth")
    with pytest.raises(WeightsError, match=r"decoder\.pth: .*expected adain's decoder\.pth$"):
        stylize.load("adain", weights=tmp_path)


def test_decoder_in_the_encoders_place_is_refused(folder: Path, tmp_path: Path) -> None:
    for name in ("vgg_normalised.pth", "decoder.pth"):
        (tmp_path / name).symlink_to(folder / "decoder.pth")
    with pytest.raises(WeightsError, match=r"vgg_normalised\.pth: .*expected adain's vgg_normalised\.pth$"):
        stylize.load("adain", weights=tmp_path)
