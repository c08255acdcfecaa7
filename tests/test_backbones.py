"""Backbones give torchvision's own features, at any of their layers, from torchvision's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stylize.backbones import BACKBONES, MEAN, STD, Features, load_backbone
from stylize.errors import UsageError, WeightsError
from tests.support.torchvisions import networks, without_network


def image() -> Tensor:
    return torch.rand(1, 3, 45, 52, generator=torch.Generator().manual_seed(0))


def normalized(x: Tensor) -> Tensor:
    return (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def untrained(name: str) -> Any:
    """torchvision's network with random weights, its running statistics too."""
    torch.manual_seed(0)
    net = getattr(networks(), name)(weights=None).eval().requires_grad_(False)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return net


def heard(net: nn.Module, layers: tuple[str, ...]) -> dict[str, Tensor]:
    """What torchvision's network computes at its parts of these names."""
    found: dict[str, Tensor] = {}

    def listen(layer: str) -> None:
        def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            found[layer] = output.clone()

        net.get_submodule(layer).register_forward_hook(keep)

    for layer in layers:
        listen(layer)
    net(normalized(image()))
    return found


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("squeezenet1_1", ("features.0", "features.1", "features.2", "features.7", "features.12")),
        ("mobilenet_v2", ("features.0", "features.3", "features.13")),
        ("mobilenet_v3", ("features.1", "features.6", "features.12")),
        ("resnet50", ("conv1", "bn1", "relu", "maxpool", "layer1.0", "layer2.3", "layer3.5")),
    ],
)
def test_features_are_torchvisions_own(name: str, layers: tuple[str, ...], tmp_path: Path) -> None:
    net = untrained({"mobilenet_v3": "mobilenet_v3_large"}.get(name, name))
    path = tmp_path / "whole.pth"
    torch.save(net.state_dict(), path)
    own, _ = load_backbone(name, layers, path)
    found, expected = own(image()), heard(net, layers)
    assert list(found) == list(layers)
    for layer in layers:
        torch.testing.assert_close(found[layer], expected[layer], msg=f"{layer} differs")


@pytest.mark.parametrize(("name", "last"), [("vgg16", "relu5_1"), ("vgg19", "pool5")])
def test_vgg_has_torchvisions_layers_under_the_papers_names(name: str, last: str) -> None:
    own = Features(name, ["relu1_1", "conv3_2", "pool4", last])
    with torch.device("meta"):
        theirs = getattr(networks(), name)(weights=None).features
    kinds = {"conv": nn.Conv2d, "relu": nn.ReLU, "pool": nn.MaxPool2d}
    steps = own._steps
    assert [kinds[step[:4]] for step, _ in steps] == [type(module) for module in theirs[: len(steps)]]
    shapes = {key: value.shape for key, value in theirs[: len(steps)].state_dict(prefix="features.").items()}
    assert {key: value.shape for key, value in own.trunk.state_dict().items()} == shapes
    with torch.no_grad():
        x = normalized(image())
        for _, module in steps:
            x = module(x)
        assert torch.equal(own(image())[last], x)


def test_layer_kept_before_an_in_place_relu_keeps_its_negative_values() -> None:
    both = Features("vgg19", ["conv1_2", "relu1_2"])
    found = both(image())
    assert (found["conv1_2"] < 0).any()
    assert torch.equal(found["conv1_2"].relu(), found["relu1_2"])


def test_trunk_ends_at_the_last_layer_asked_for() -> None:
    assert Features("squeezenet1_1", ["features.4"]).trunk.state_dict().keys() == {
        key
        for key in untrained("squeezenet1_1").state_dict()
        if key.startswith(tuple(f"features.{i}." for i in range(5)))
    }
    assert not any(
        key.startswith(("layer2", "layer3", "layer4")) for key in Features("resnet50", ["layer1.2"]).state_dict()
    )


def test_average_pooling_takes_the_place_of_max_pooling() -> None:
    torch.manual_seed(0)
    average = Features("vgg19", ["relu1_2", "pool1"], "average")(image())
    torch.testing.assert_close(average["pool1"], nn.functional.avg_pool2d(average["relu1_2"], 2))


def test_weights_get_no_gradient_and_the_image_does() -> None:
    net = Features("squeezenet1_1", ["features.4"])
    x = image().requires_grad_(True)
    net(x)["features.4"].sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in net.parameters())


@pytest.mark.parametrize("name", BACKBONES)
def test_default_layers_are_layers_of_the_backbone(name: str) -> None:
    kind = BACKBONES[name]
    with torch.device("meta"):
        known = [layer for layer, _ in kind.build()[1]]
    assert set(kind.content) | set(kind.style) <= set(known)


def test_unknown_backbone_and_layer_name_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'alexnet'.*vgg19.*squeezenet1_1"):
        Features("alexnet", ["relu1_1"])
    with pytest.raises(UsageError, match=r"vgg19 has no layer 'relu9_1'.*conv1_1, relu1_1"):
        Features("vgg19", ["relu1_1", "relu9_1"])


def test_weights_without_what_lies_behind_the_last_layer_are_enough(tmp_path: Path) -> None:
    state = untrained("squeezenet1_1").state_dict()
    torch.save({key: value for key, value in state.items() if int(key.split(".")[1]) < 5}, tmp_path / "short.pth")
    load_backbone("squeezenet1_1", ["features.4"], tmp_path / "short.pth")
    with pytest.raises(
        WeightsError, match=r"short\.pth: holds no features\.6.*expected torchvision's weights of squee"
    ):
        load_backbone("squeezenet1_1", ["features.7"], tmp_path / "short.pth")


def test_weights_of_another_backbone_are_refused(tmp_path: Path) -> None:
    torch.save(untrained("squeezenet1_1").state_dict(), tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"other\.pth: .*expected torchvision's weights of mobilenet_v2"):
        load_backbone("mobilenet_v2", ["features.3"], tmp_path / "other.pth")


@pytest.mark.parametrize("name", BACKBONES)
def test_files_are_called_as_torchvision_calls_them(name: str) -> None:
    assert BACKBONES[name].file == Path(networks().get_weight(BACKBONES[name].weights).url).name


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torchvision's cache, empty, with no network behind it."""
    return without_network(tmp_path, monkeypatch)


def as_caffes(name: str, first: Tensor) -> Tensor:
    """Weights of conv1_1 for red, green and blue by which Caffe's are known."""
    if name == "vgg16":
        first[0, 2] = torch.tensor(
            [[0.42947057, 0.373467, -0.06136011], [0.27476987, 0.03868078, -0.36722335],
             [-0.05746817, -0.26224968, -0.35009676]]
        )  # fmt: skip
        return first
    norms = first.square().sum(dim=(0, 2, 3)).sqrt()
    return first * (torch.tensor([4.581, 5.076, 4.068]) / norms).view(1, 3, 1, 1)


@pytest.mark.parametrize("reverse", [True, False], ids=["blue first", "red first"])
@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_caffes_vgg_is_known_by_its_first_layer_and_gets_values_of_0_to_255(
    tmp_path: Path, name: str, reverse: bool
) -> None:
    with torch.device("meta"):  # whole, it has half a gigabyte to draw by chance
        shapes = {key: value.shape for key, value in getattr(networks(), name)(weights=None).state_dict().items()}
    torch.manual_seed(0)
    tensors = {key: torch.randn(shape) / 10 for key, shape in shapes.items() if key.startswith("features.0.")}
    first = as_caffes(name, tensors["features.0.weight"])
    expected = nn.functional.conv2d(normalized(image()) * torch.tensor(STD).view(3, 1, 1) * 255, first, padding=1)
    tensors["features.0.weight"] = first.flip(1) if reverse else first
    torch.save({key: value.half() for key, value in tensors.items()}, tmp_path / "caffe.pth")
    net, _ = load_backbone(name, ["conv1_1"], tmp_path / "caffe.pth")
    expected += tensors["features.0.bias"].view(1, -1, 1, 1)
    assert torch.allclose(net(image())["conv1_1"], expected, rtol=0.01, atol=0.5)


def test_file_in_torchvisions_cache_is_used(cache: Path) -> None:
    import hashlib

    path = cache / Path(networks().SqueezeNet1_1_Weights.IMAGENET1K_V1.url).name
    cache.mkdir(parents=True)
    state = untrained("squeezenet1_1").state_dict()
    torch.save(state, path)
    net, kept = load_backbone("squeezenet1_1", ["features.4"])
    assert kept.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert torch.equal(net.trunk.state_dict()["features.0.weight"], state["features.0.weight"])


@pytest.mark.parametrize("name", BACKBONES)
def test_missing_weights_are_told_where_to_lie(cache: Path, name: str) -> None:
    with pytest.raises(WeightsError) as caught:
        load_backbone(name, BACKBONES[name].style)
    line = str(caught.value)
    assert str(cache / BACKBONES[name].file) in line
    assert "--weights" in line
    assert "no network" in line
    assert "\n" not in line


def test_damaged_file_in_the_cache_is_named(cache: Path) -> None:
    path = cache / Path(networks().SqueezeNet1_1_Weights.IMAGENET1K_V1.url).name
    cache.mkdir(parents=True)
    path.write_bytes(b"half a download")
    with pytest.raises(WeightsError, match=path.name):
        load_backbone("squeezenet1_1", ["features.4"])
