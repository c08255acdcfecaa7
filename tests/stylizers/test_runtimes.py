"""ONNX Runtime and OpenVINO give torch's picture, in this process's threads, and say so."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import stylize
from stylize.commands import export
from stylize.errors import NoRoomError, UsageError, WeightsError
from stylize.measure import memory
from stylize.stylizers import find
from stylize.stylizers._runtimes import sessions
from stylize.stylizers.base import to_pixels

DATA = Path(os.environ.get("STYLIZE_TEST_DATA", "/none"))
METHODS = {"compact": None, "johnson": "random", "adain": "random", "microast": DATA / "weights" / "microast"}
INSTALLED = [
    pytest.param(name, marks=pytest.mark.skipif(not sessions.installed(name), reason=f"{name} is not installed"))
    for name in sessions.RUNTIMES[1:]
]


@functools.cache
def loaded(method: str, **how: Any) -> Any:
    """A method, loaded once for all tests of this module."""
    weights = METHODS[method]
    if isinstance(weights, Path) and not weights.is_dir():
        pytest.skip("STYLIZE_TEST_DATA names no folder with MicroAST's weights")
    return stylize.load(method, device="cpu", weights=weights, **how)


@pytest.fixture(autouse=True, scope="module")
def none_is_kept() -> Iterator[None]:
    """What was loaded is let go behind the last test."""
    yield
    loaded.cache_clear()


def noise(seed: int, height: int, width: int) -> torch.Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


def style(restyle: Any) -> Any:
    return restyle.code("random") if restyle.styles_are_weights else restyle.code(noise(1, 48, 64))


@pytest.mark.parametrize("runtime", INSTALLED)
@pytest.mark.parametrize("method", METHODS)
def test_pictures_are_torchs(method: str, runtime: str) -> None:
    one, other = (loaded(method, precision="fp32", runtime=name) for name in ("torch", runtime))
    assert (other.runtime, other.columns()["runtime"]) == (runtime, runtime)
    photos = [noise(0, height, width) for height, width in ((40, 33), (25, 64), (max(7, one.least_px), 64))]
    # What rounding leaves of one colour's mean microast makes over 300 times as large.
    photos += [torch.full((3, 160, 200), 0.37)] * (method == "microast")
    for photo in photos:
        wanted, got = (restyle.apply(photo, style(restyle)) for restyle in (one, other))
        assert got.shape == photo.shape
        assert (wanted - got).abs().max() < 2e-3


@pytest.mark.parametrize("runtime", INSTALLED)
@pytest.mark.parametrize(("method", "pixel_bytes"), [("compact", 210), ("johnson", 347)])  # in OpenVINO, as measured
def test_what_does_not_fit_is_done_by_torch_in_strips(
    method: str, pixel_bytes: int, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylize.stylizers._strips.plan.STRIP_PIXELS", 1)
    one, other = (loaded(method, precision="fp32", runtime=name) for name in ("torch", runtime))
    photo = to_pixels(noise(0, 90, 70))
    at_once, plan = (other.plan(70, 90, style(other), whole=whole) for whole in (True, False))
    assert (at_once.strips, plan.strips, at_once.bytes >= 90 * 70 * pixel_bytes) == (1, 6, True)
    assert [other.ran(one)["runtime"] for one in (at_once, plan)] == [runtime, "torch"]
    wanted, got = one.apply(photo, style(one)), other.restyle(photo, style(other), plan).numpy()
    assert (np.abs(wanted.astype(int) - got) > 1).mean() <= 1e-3
    # It is still the runtime's, and does the next image.
    assert np.abs(other.apply(photo, style(other)).astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("runtime", INSTALLED)
def test_colours_that_are_kept_are_so_in_strips(runtime: str) -> None:
    restyle = stylize.load(precision="fp32", runtime=runtime, device="cpu", preserve_color=True)
    photo, code = to_pixels(noise(0, 64, 70)), restyle.code(noise(1, 48, 64))
    in_strips: Any = restyle.restyle(photo, code, restyle.plan(70, 64, code, whole=False))
    assert (np.abs(in_strips.numpy().astype(int) - restyle.apply(photo, code)) > 1).mean() <= 1e-3


@pytest.mark.parametrize("runtime", INSTALLED)
def test_alpha_batches_and_tiny_photos(runtime: str) -> None:
    one, other = (stylize.load(precision="fp32", runtime=name, device="cpu", alpha=0.5) for name in ("torch", runtime))
    photos = [noise(seed, 32, 40) for seed in range(3)]
    artwork = noise(9, 48, 48)
    for wanted, got in zip(one.batch(photos, artwork), other.batch(photos, artwork), strict=True):
        assert (wanted - got).abs().max() < 1e-3
    assert other(noise(0, 3, 7), artwork).shape == (3, 3, 7)


@pytest.mark.parametrize("runtime", INSTALLED)
def test_a_result_is_not_written_over_by_the_next(runtime: str) -> None:
    restyle = loaded("compact", precision="fp32", runtime=runtime)
    code = restyle.code(noise(9, 48, 48))
    first = restyle.apply(noise(0, 32, 32), code)
    kept = first.clone()
    restyle.apply(noise(1, 32, 32), code)
    assert torch.equal(first, kept)
    restyle.release(code)
    assert torch.equal(restyle.apply(noise(0, 32, 32), code), kept)


@pytest.mark.skipif(not sessions.installed("openvino"), reason="openvino is not installed")
def test_compiled_for_each_size_pictures_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (loaded("compact", precision="fp32", runtime="openvino", compile=given) for given in (False, True))
    monkeypatch.setattr(sessions, "SIZES_KEPT", 1)
    for height, width in ((40, 33), (5, 70), (40, 33)):
        photo = noise(0, height, width)
        wanted, got = (restyle.apply(photo, style(restyle)) for restyle in (one, other))
        assert (wanted - got).abs().max() < 1e-3
    batch = torch.stack([noise(1, 40, 33), noise(2, 40, 33)])
    code = style(other)
    alone = torch.stack([other.stylize(photo, code) for photo in batch])
    assert (other.stylize_batch(batch, code) - alone).abs().max() < 1e-3


@pytest.mark.skipif(not sessions.installed("openvino"), reason="openvino is not installed")
def test_of_sizes_no_more_than_the_last_stay_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    restyle = loaded("johnson", precision="fp32", runtime="openvino", compile=True)
    network = style(restyle)
    compiled: list[Any] = []
    core = network._core

    class Counting:
        def compile_model(self, *given: Any) -> Any:
            compiled.append(given[0].inputs[0].partial_shape)
            return core.compile_model(*given)

    monkeypatch.setattr(network, "_core", Counting())
    monkeypatch.setattr(sessions, "SIZES_KEPT", 2)
    anew = []
    for width in (32, 40, 32, 32, 48, 32, 40):
        restyle.apply(noise(0, 32, width), network)
        restyle.release(network)
        anew.append(restyle.compiled_anew())
    assert [shape[3].get_length() for shape in compiled] == [32, 40, 48, 40]
    assert anew == [True, True, False, False, True, False, True]


@pytest.mark.skipif(not sessions.installed("openvino"), reason="openvino is not installed")
def test_strips_of_a_network_compiled_for_sizes_need_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylize.stylizers._strips.plan.STRIP_PIXELS", 1)
    monkeypatch.setattr("shutil.which", lambda name: None)
    restyle = loaded("compact", precision="fp32", runtime="openvino", compile=True)
    photo, code = to_pixels(noise(0, 90, 70)), style(restyle)
    plan = restyle.plan(70, 90, code, whole=False)
    assert plan.strips > 1
    got = restyle.restyle(photo, code, plan).numpy()
    assert (np.abs(restyle.apply(photo, code).astype(int) - got) > 1).mean() <= 1e-3


@pytest.mark.parametrize("runtime", INSTALLED)
def test_what_is_no_number_stays_so_and_spoils_no_other_picture(runtime: str) -> None:
    restyle = loaded("compact", precision="fp32", runtime=runtime)
    code = restyle.code(noise(9, 48, 48))
    assert restyle.stylize(noise(0, 32, 32), code * float("nan")).isnan().all()
    photos = torch.stack([noise(0, 32, 32), noise(1, 32, 32)])
    photos[0, 1, 2, 3] = float("nan")
    spoilt, fine = restyle.stylize_batch(photos, code)
    assert spoilt.isnan().all()
    torch.testing.assert_close(fine, restyle.stylize(photos[1], code), atol=1e-4, rtol=0)


@pytest.fixture(scope="module")
def styles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with mosaic.onnx, a network of johnson's."""
    pytest.importorskip("onnxruntime", reason="pip install 'stylize[onnx]'")
    folder = tmp_path_factory.mktemp("styles")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "SIZES", ((63, 50),))
        export.main(["johnson", str(folder / "mosaic.onnx"), "--weights", "random"])
    return folder


@pytest.mark.parametrize("runtime", INSTALLED)
def test_an_onnx_file_is_a_style(runtime: str, styles: Path) -> None:
    restyle = stylize.load("johnson", weights=styles, precision="fp32", runtime=runtime, device="cpu")
    wanted = loaded("johnson", precision="fp32", runtime="torch")
    photo = noise(0, 40, 33)
    assert (restyle(photo, "mosaic") - wanted(photo, "random")).abs().max() < 1e-3
    assert len(restyle.weights_sha256 or "") == 64
    with pytest.raises(NoRoomError, match="at once, as it must"):
        restyle.plan(40, 33, restyle.code("mosaic"), whole=False)
    with pytest.raises(WeightsError, match="torch runs no ONNX files"):
        stylize.load("johnson", weights=styles, runtime="torch", device="cpu")


@pytest.mark.parametrize("runtime", INSTALLED)
@pytest.mark.parametrize("data", [b"", b"no such thing", bytes(range(256))])
def test_a_file_that_is_no_network_is_named(runtime: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(data)
    with pytest.raises(WeightsError, match=r"broken\.onnx"):
        stylize.load("johnson", weights=tmp_path / "broken.onnx", runtime=runtime, device="cpu")


@pytest.mark.parametrize(
    ("method", "how", "message"),
    [
        ("compact", {"runtime": "onxruntime"}, "did you mean onnxruntime"),
        ("identity", {"runtime": "openvino"}, "runs in torch alone"),
        ("compact", {"runtime": "onnxruntime", "precision": "bf16"}, "in onnxruntime; choose one of: fp32"),
        (
            "compact",
            {"runtime": "onnxruntime", "compile": True},
            "compile=true is for torch, not for the runtime",
        ),
        ("johnson", {"runtime": "openvino", "folded": False}, "folded=false is for torch, not for the runtime"),
        (
            "johnson",
            {"weights": "random", "precision": "int8", "channels_last": False, "folded": False},
            "channels_last=false and folded=false are for torch, not for int8",
        ),
        (
            "microast",
            {"weights": "random", "runtime": "onnxruntime", "blend": "features"},
            "blend=features is for torch",
        ),
        ("microast", {"weights": "random", "precision": "int8", "blend": "features"}, "for torch, not for int8"),
        ("compact", {"runtime": "modules", "compile": True}, "compile=true is for torch, not for a file"),
        ("compact", {"precision": "int4"}, "compact does not run in 'int4'; choose one of: fp32, bf16, int8$"),
        ("compact", {"runtime": "torch", "precision": "int4"}, "choose one of: fp32, bf16$"),
        ("compact", {"precision": "int8", "runtime": "onxruntime"}, "did you mean onnxruntime"),
        ("compact", {"runtime": "torch", "precision": "int8"}, "int8 runs in openvino alone; leave the runtime torch"),
        ("compact", {"runtime": "onnxruntime", "precision": "int8"}, "int8 runs in openvino alone"),
        ("gatys", {"precision": "int8", "weights": "random"}, "gatys does not run in 'int8'; choose one of: fp32"),
    ],
)
def test_calls_that_cannot_be(method: str, how: dict[str, Any], message: str) -> None:
    if not sessions.installed("onnxruntime"):
        pytest.skip("onnxruntime is not installed")
    with pytest.raises(UsageError, match=message):
        stylize.load(method, device="cpu", **how)


def test_what_is_not_installed_is_named_and_auto_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "kind_of_processor", lambda: "avx2")
    monkeypatch.setattr(sessions, "installed", lambda name: False)
    with pytest.raises(UsageError, match=r"pip install 'stylize\[openvino\]'"):
        stylize.load(runtime="openvino", device="cpu")
    assert stylize.load(precision="fp32", device="cpu").runtime == "torch"


@pytest.mark.parametrize("missing", ["openvino", "onnxruntime"])
def test_8_bits_name_the_extra_that_brings_what_is_missing(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "installed", lambda name: name != missing)
    with pytest.raises(UsageError, match=r"int8 needs openvino, and onnxruntime .*: pip install 'stylize\[openvino\]'"):
        stylize.load(precision="int8", device="cpu")


def test_8_bits_are_refused_on_other_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(UsageError, match="int8 runs on x86 CPUs alone"):
        stylize.load(precision="int8", device="cpu")
    with pytest.raises(UsageError, match="int8 runs on x86 CPUs alone"):
        find("compact").choose_runtime("auto", "int8", "cuda", None)


def test_auto_is_the_table_of_the_processors_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "installed", lambda name: True)
    monkeypatch.setattr(sessions, "kind_of_processor", lambda: "avx2")
    assert sessions.fastest("compact", "fp32") == sessions.FASTEST["avx2"]["compact"] != "torch"
    assert sessions.fastest("somebody's own", "fp32") == "torch"
    monkeypatch.setattr(sessions, "kind_of_processor", lambda: "other")
    assert sessions.fastest("compact", "fp32") == "torch"
    assert stylize.load("johnson", weights="random", device="cpu", folded=False).runtime == "torch"


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.skipif(not sessions.installed(sessions.ONNXRUNTIME), reason="onnxruntime is not installed")
def test_the_second_image_of_a_size_takes_no_more_memory_than_the_first() -> None:
    stylizer = loaded("johnson", runtime=sessions.ONNXRUNTIME)
    photo, took, peak = torch.rand(3, 264, 376), [], memory.PeakMemory()
    with memory.exact_peaks():
        for _ in range(3):
            peak.start()
            stylizer.stylize(photo, stylizer.code("random"))
            took.append(peak.stop().image_host_bytes or 0)
    assert max(took) < 1.25 * took[0]
