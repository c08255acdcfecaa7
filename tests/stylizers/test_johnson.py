"""Johnson's networks: checkpoints of the PyTorch examples give the examples' result; others are refused."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import stylize
from stylize.errors import UsageError, WeightsError
from stylize.measure.ssim import ssim
from stylize.stylizers.base import to_pixels, to_tensor
from tests.support.samples import picture
from tools.bench.models import reference_models

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def net() -> reference_models.TransformerNet:
    return reference_models.transformer_net(1)


def content(size: tuple[int, int] = (48, 64)) -> Tensor:
    return to_tensor(picture(1, size[1], size[0]), CPU)


def expected(net: reference_models.TransformerNet, image: Tensor) -> Tensor:
    height, width = image.shape[1:]
    with torch.inference_mode():
        result: Tensor = (net(image[None] * 255) / 255)[0, :, :height, :width].clamp(0, 1)
    assert result.std() > 0.03
    return result


def run(path: Path, image: Tensor, precision: str = "fp32", **settings: Any) -> Tensor:
    stylizer = stylize.load("johnson", weights=path, precision=precision, **settings)
    with torch.inference_mode():
        return stylizer.stylize(image, stylizer.code(None))


def saved(path: Path, state: Mapping[str, Any]) -> Path:
    torch.save(dict(state), path)
    return path


@pytest.mark.parametrize("size", [(48, 64), (45, 67), (16, 33)])
def test_result_is_the_examples(net: reference_models.TransformerNet, tmp_path: Path, size: tuple[int, int]) -> None:
    result = run(saved(tmp_path / "a.pth", net.state_dict()), content(size))
    torch.testing.assert_close(result, expected(net, content(size)), atol=1e-5, rtol=0)


def test_statistics_that_old_torch_saved_are_ignored(net: reference_models.TransformerNet, tmp_path: Path) -> None:
    unused = {f"{norm}.running_{kind}": torch.rand(128) for norm in ("in3", "res1.in2") for kind in ("mean", "var")}
    path = saved(tmp_path / "old.model", net.state_dict() | unused | {"in3.num_batches_tracked": torch.tensor(3)})
    torch.testing.assert_close(run(path, content()), expected(net, content()), atol=1e-5, rtol=0)


def test_prefix_of_data_parallel_is_taken_off(net: reference_models.TransformerNet, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pth", {f"module.{name}": value for name, value in net.state_dict().items()})
    torch.testing.assert_close(run(path, content()), expected(net, content()), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("settings", "least"),
    [
        ({"folded": False}, 0.999),
        ({"channels_last": False}, 0.999),
        ({"precision": "bf16"}, 0.95),
        ({"precision": "bf16", "folded": False}, 0.95),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_settings_that_only_save_time_leave_the_look(
    net: reference_models.TransformerNet, tmp_path: Path, settings: dict[str, Any], least: float
) -> None:
    image = content((90, 71))
    result = run(saved(tmp_path / "a.pth", net.state_dict()), image, **settings)
    assert (ssim(to_pixels(expected(net, image)), to_pixels(result)) or 0) > least


def test_folder_of_checkpoints_is_a_folder_of_styles(tmp_path: Path) -> None:
    for seed, name in enumerate(("a.pth", "b.model")):
        saved(tmp_path / name, reference_models.transformer_net(seed).state_dict())
    (tmp_path / "LICENSE").write_text("words")
    stylizer = stylize.load("johnson", weights=tmp_path, precision="fp32")
    results = {name: to_tensor(stylizer(picture(1), name), CPU) for name in ("a", "b")}
    for seed, name in enumerate(("a", "b")):
        wanted = expected(reference_models.transformer_net(seed), content())
        torch.testing.assert_close(results[name], wanted, atol=0.51 / 255, rtol=0)
    assert (results["a"] - results["b"]).abs().mean() > 0.02
    assert sorted(stylizer.weights_files) == ["a.pth", "b.model"]


def test_unknown_style_names_the_known_ones(tmp_path: Path) -> None:
    for name in ("mosaic.pth", "wave.pth.tar"):
        saved(tmp_path / name, reference_models.transformer_net(0).state_dict())
    with pytest.raises(UsageError, match=r"'candy'.*mosaic, wave$"):
        stylize.load("johnson", weights=tmp_path)(picture(1), "candy")


def test_a_style_is_read_from_bytes(net: reference_models.TransformerNet, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pth", net.state_dict())
    stylizer = stylize.load("johnson", precision="fp32")
    with torch.inference_mode():
        result = stylizer.stylize(content(), stylizer.read_style(path.read_bytes(), path))
    torch.testing.assert_close(result, expected(net, content()), atol=1e-5, rtol=0)


def test_without_weights_a_picture_is_no_style() -> None:
    with pytest.raises(UsageError, match="checkpoint"):
        stylize.load("johnson")(picture(1), picture(2))


def test_folder_without_checkpoints_is_named_with_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("words")
    line = refused(tmp_path)
    assert ".pth" in line
    assert str(tmp_path) in line


def test_missing_checkpoint_is_named(tmp_path: Path) -> None:
    assert "gone.pth" in refused(tmp_path / "gone.pth")


def test_checkpoint_of_another_network_is_named(tmp_path: Path) -> None:
    assert "other.pth" in refused(saved(tmp_path / "other.pth", reference_models.MicroEncoder().state_dict()))


def test_checkpoint_with_more_than_the_network_is_refused(net: reference_models.TransformerNet, tmp_path: Path) -> None:
    path = saved(tmp_path / "more.pth", net.state_dict() | {"res6.conv1.conv2d.bias": torch.zeros(128)})
    assert "res6" in refused(path)


class Trap:
    """Unpickling it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("new_format", [True, False])
def test_checkpoint_that_would_run_code_is_refused_and_does_not_run(tmp_path: Path, new_format: bool) -> None:
    made, path = tmp_path / "made", tmp_path / "trap.pth"
    torch.save({"conv1.conv2d.weight": Trap(made)}, path, _use_new_zipfile_serialization=new_format)
    assert "trap.pth" in refused(path)
    assert not made.exists()
    torch.load(path, weights_only=False)
    assert made.exists()  # it is a trap indeed


def test_a_whole_pickled_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "whole.model"
    torch.save(reference_models.MicroDecoder(), path)
    assert "whole.model" in refused(path)


def test_random_weights_are_the_same_every_time_and_serve_any_style() -> None:
    first, second = (stylize.load("johnson", weights="random") for _ in range(2))
    assert first.weights_sha256 == "random"
    assert (first(picture(1), picture(2)) == second(picture(1), "random")).all()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_batch_is_its_images_one_by_one(net: reference_models.TransformerNet, tmp_path: Path, precision: str) -> None:
    path = saved(tmp_path / "a.pth", net.state_dict())
    stylizer = stylize.load("johnson", weights=path, precision=precision)
    contents = torch.stack([to_tensor(picture(seed, 41, 38), CPU) for seed in (1, 2)])
    with torch.inference_mode():
        together = stylizer.stylize_batch(contents, stylizer.code(None))
        alone = torch.stack([stylizer.stylize(image, stylizer.code(None)) for image in contents])
    torch.testing.assert_close(together, alone, atol=1e-4 if precision == "fp32" else 0.1, rtol=0)


def refused(weights: Path) -> str:
    """The one line with which weights are refused."""
    with pytest.raises(WeightsError) as caught:
        stylize.load("johnson", weights=weights)
    line = str(caught.value)
    assert "expected" in line
    assert "\n" not in line
    return line
