"""`python -m stylize export`: files that ONNX Runtime runs as torch runs the network."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import stylize
from stylize.commands import export
from stylize.errors import StylizeError, UsageError, WeightsError
from stylize.gallery import styles_folder
from stylize.stylizers._feedforward import FeedForward
from stylize.stylizers._runtimes.sessions import onnxruntime_options

onnx = pytest.importorskip("onnx", reason="pip install 'stylize[onnx]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="pip install 'stylize[onnx]'")

ART = str(sorted(styles_folder().rglob("*.jpg"))[0])
MICROAST = Path(os.environ.get("STYLIZE_TEST_DATA", "/none")) / "weights" / "microast"


@pytest.fixture(autouse=True)
def few_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is compared with torch's result at two sizes, in styles of small artworks."""
    monkeypatch.setattr(export, "SIZES", ((96, 128), (63, 50)))
    monkeypatch.setattr(export, "STYLE_RESOLUTION_PX", 128)


def exported(out: Path, *argv: str) -> list[Any]:
    """The sessions of the files that a call writes: the network, and the encoder where there is one."""
    assert export.main([argv[0], str(out), *argv[1:]]) == 0
    files = [out, *out.parent.glob(f"{out.stem}.encoder.onnx")]
    options = onnxruntime_options()
    return [onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]) for path in files]


def told(session: Any) -> dict[str, str]:
    metadata: dict[str, str] = session.get_modelmeta().custom_metadata_map
    return {name.removeprefix("stylize."): value for name, value in metadata.items()}


def test_network_and_encoder_give_torchs_picture_at_any_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network, encoder = exported(tmp_path / "compact.onnx", "compact")
    assert "SSIM 0.99" in capsys.readouterr().out
    restyle = stylize.load("compact", precision="fp32", runtime="torch", device="cpu")
    artwork = np.random.default_rng(0).random((1, 3, 97, 128), dtype=np.float32)
    (code,) = encoder.run(None, {"style": artwork})
    for height, width, count in ((61, 47, 1), (25, 130, 2)):
        contents = np.random.default_rng(1).random((count, 3, height, width), dtype=np.float32)
        (pictures,) = network.run(None, {"content": contents, "code": code})
        assert pictures.shape == contents.shape
        for content, picture in zip(contents, pictures, strict=True):
            wanted = restyle(torch.from_numpy(content), torch.from_numpy(artwork[0]))
            assert np.abs(picture - wanted.numpy()).max() < 1e-4


def test_fp16_files_of_the_bundled_model_are_small_and_say_what_they_are(tmp_path: Path) -> None:
    out = tmp_path / "small.onnx"
    network, encoder = exported(out, "compact", "--precision", "fp16")
    assert out.stat().st_size + (tmp_path / "small.encoder.onnx").stat().st_size <= 3_500_000
    metadata = told(network)
    assert metadata["method"] == "compact"
    assert metadata["precision"] == "fp16"
    assert len(metadata["weights_sha256"]) == 64
    assert (metadata["license"], told(encoder)["license"]) == ("Apache-2.0", "Apache-2.0")
    assert json.loads(metadata["settings"]) == {"alpha": 1.0, "preserve_color": False}
    assert (metadata["part"], told(encoder)["part"]) == ("network", "encoder")
    assert int(metadata["least_px"]) == 1


def test_8_bits_are_a_quarter_of_the_convolutions_and_look_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network, encoder = exported(tmp_path / "eight.onnx", "compact", "--precision", "int8")
    assert (told(network)["precision"], told(encoder)["precision"]) == ("int8", "int8")
    model = onnx.load(str(tmp_path / "eight.onnx"))
    assert sum(node.op_type == "Conv" for node in model.graph.node) == 33
    assert sum(weight.data_type == onnx.TensorProto.INT8 for weight in model.graph.initializer) >= 33
    # What lies between two convolutions would be widened and narrowed again for each.
    narrow = {node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    assert sum(node.op_type == "Pad" and node.input[0] in narrow for node in model.graph.node) >= 9
    assert (tmp_path / "eight.onnx").stat().st_size < 2_500_000
    assert re.search(r"SSIM 0\.9[5-9]", capsys.readouterr().out)


def test_a_file_with_damaged_metadata_is_named(tmp_path: Path) -> None:
    from stylize.stylizers._runtimes.onnx_graph import IMAGE, Graph

    model = Graph().model({"content": IMAGE}, "content", "picture", IMAGE)
    onnx.helper.set_model_props(model, {"stylize.least_px": "many"})
    onnx.save(model, str(tmp_path / "broken.onnx"))
    with pytest.raises(WeightsError, match=r"broken\.onnx"):
        stylize.load("johnson", weights=tmp_path / "broken.onnx", runtime="onnxruntime", device="cpu")


def test_a_style_becomes_part_of_the_file(tmp_path: Path) -> None:
    (network,) = exported(tmp_path / "one.onnx", "compact", "--style", ART)
    assert [one.name for one in network.get_inputs()] == ["content"]
    assert told(network)["style"] == Path(ART).name
    assert len(told(network)["style_sha256"]) == 64


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_an_encoder_of_another_export_stays_beside_a_file_that_needs_none_and_is_told(
    tmp_path: Path, force: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.encoder.onnx").write_text("older")
    assert export.main(["compact", str(tmp_path / "one.onnx"), "--style", ART, *force]) == 0
    assert "one.encoder.onnx is of another export: " in capsys.readouterr().out
    assert (tmp_path / "one.encoder.onnx").read_text() == "older"


@pytest.mark.parametrize("method", ["johnson", "adain", "microast"])
def test_other_networks(method: str, tmp_path: Path) -> None:
    weights = str(MICROAST) if method == "microast" else "random"
    if method == "microast" and not MICROAST.is_dir():
        pytest.skip("STYLIZE_TEST_DATA names no folder with MicroAST's weights")
    network, *encoder = exported(tmp_path / "a.onnx", method, "--weights", weights)
    assert len(encoder) == (method != "johnson")
    restyle = stylize.load(method, precision="fp32", runtime="torch", device="cpu", weights=weights)
    content = torch.rand(3, 37, 50, generator=torch.Generator().manual_seed(0))
    artwork = torch.rand(3, 64, 6, generator=torch.Generator().manual_seed(1))  # is enlarged to what the encoder takes
    inputs = {"content": content[None].numpy()}
    if encoder:
        (inputs["code"],) = encoder[0].run(None, {"style": artwork[None].numpy()})
    assert "license" not in told(network)  # nobody here knows that of a user's weights
    (picture,) = network.run(None, inputs)
    wanted = restyle.stylize(content, restyle.code("random" if method == "johnson" else artwork))
    assert np.abs(picture[0] - wanted.numpy()).max() < 2e-3


class Plain(FeedForward):
    """A method of one's own that only torch can run."""

    name, summary = "plain", "a blur"

    def load(self, weights: Path | str | None) -> None:
        self.net = self.prepare(torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3, padding=1)))

    def encode_style(self, style: torch.Tensor) -> torch.Tensor:
        return style.mean()

    def forward(self, contents: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.net(contents)
        return result


def test_a_method_of_ones_own_without_a_graph_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="plain's network has no `graph`"):
        export.main([f"{__name__}:Plain", str(tmp_path / "a.onnx")])
    assert not list(tmp_path.iterdir())


def test_nothing_is_replaced_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "a.encoder.onnx").write_text("mine")
    with pytest.raises(UsageError, match=r"a\.encoder\.onnx is there already"):
        export.main(["compact", str(tmp_path / "a.onnx")])
    assert [path.name for path in tmp_path.iterdir()] == ["a.encoder.onnx"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["compact", "OUT.pt"], "ends in .onnx"),
        (["compact", "/proc/OUT.onnx"], "/proc is no folder that may be written to"),
        (["johnson", "OUT.onnx"], r"johnson needs --weights, a checkpoint per style: give a state dict"),
        (["johnson", "OUT.onnx", "--weights", "mosaic.ONNX"], "--weights mosaic.ONNX: that is an ONNX file already"),
        (["identity", "OUT.onnx"], "no network that runs once per image"),
        (["compact", "OUT.onnx", "--set", "alpha=0.5"], "two passes"),
        (["compact", "OUT.onnx", "--set", "compile=true"], "compile=true is for torch, not for a file"),
        (["compact", "OUT.onnx", "--set", "preserve_color=true"], "leave it out"),
    ],
)
def test_calls_that_cannot_be(argv: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(StylizeError, match=message):
        export.main([argv[0], str(tmp_path / argv[1]), *argv[2:]])
    assert not list(tmp_path.iterdir())


def test_a_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.encoder.onnx").mkdir()
    with pytest.raises(UsageError, match=r"a\.encoder\.onnx is a folder; give a file name"):
        export.main(["compact", str(tmp_path / "a.onnx"), "--force"])


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="microast needs --weights"):
        export.main(["microast", str(tmp_path / "a.onnx")])


def test_the_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None)
    with pytest.raises(UsageError, match=r"stylize\[onnx\]"):
        export.main(["compact", str(tmp_path / "a.onnx")])
