"""8 bits: OpenVINO runs what was calibrated on the shipped artworks, the same each time it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import stylize
from stylize.commands import export
from stylize.errors import WeightsError
from stylize.gallery import styles_folder
from stylize.images import decode
from stylize.measure.ssim import ssim
from stylize.stylizers._runtimes import sessions
from tests.support.small_calibration import small_calibration as small_calibration

if not all(map(sessions.installed, sessions.RUNTIMES)):
    pytest.skip("pip install 'stylize[openvino]'", allow_module_level=True)

from onnx import numpy_helper

from stylize.stylizers._runtimes import onnx_graph, quantize


def artwork(number: int) -> np.ndarray[Any, Any]:
    path = sorted(styles_folder().rglob("*.jpg"))[number]
    return decode(path.read_bytes(), long_side_px=160).pixels


def restyled(stylizer: Any) -> Any:
    return stylizer(artwork(1), artwork(2))


def in_8_bits() -> Any:
    modules: Any = stylize.load(precision="fp32", runtime="modules", device="cpu")
    return quantize.in_8_bits(modules, onnx_graph.network(modules.net, modules.code_size))


@pytest.fixture(scope="module")
def compact_in_8_bits() -> Any:
    return in_8_bits()


@pytest.fixture(scope="module")
def eight() -> Any:
    return stylize.load(precision="int8", device="cpu")


def test_it_is_openvinos_and_keeps_the_look(eight: Any) -> None:
    assert (eight.runtime, eight.precision) == ("openvino", "int8")
    plain = stylize.load(precision="fp32", runtime="torch", device="cpu")
    for alpha in (1.0, 0.4):
        wanted, got = (restyled(one.with_settings(alpha=alpha)) for one in (plain, eight))
        assert 0.95 < (ssim(wanted, got) or 0) < 0.9999


def test_compiled_for_each_size_it_keeps_the_look() -> None:
    plain, eight = (
        stylize.load(precision="fp32", device="cpu"),
        stylize.load(precision="int8", device="cpu", compile=True),
    )
    assert eight.runtime == "openvino"
    got = restyled(eight)
    assert (ssim(restyled(plain), got) or 0) > 0.95
    assert (restyled(eight) == got).all()


def test_loaded_again_with_another_setting_it_is_the_same(
    eight: Any, small_calibration: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantize, "in_8_bits", small_calibration)
    again = stylize.load(precision="int8", device="cpu", alpha=0.5)
    assert (restyled(again.with_settings(alpha=1.0)) == restyled(eight)).all()


def test_the_number_of_threads_changes_no_digit_of_the_network(
    compact_in_8_bits: Any, small_calibration: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantize, "in_8_bits", small_calibration)
    before = torch.get_num_threads()
    torch.set_num_threads(before % 2 + 1)
    try:
        assert in_8_bits() == compact_in_8_bits
    finally:
        torch.set_num_threads(before)


def test_a_style_is_of_its_full_strength_while_ranges_are_found() -> None:
    adain = stylize.load("adain", weights="random", runtime="modules", device="cpu", alpha=0.25)
    inputs = next(quantize._calibration(adain, True))
    assert inputs["code"][0, -1] == 1


def test_weights_have_7_bits_so_that_pairs_of_products_do_not_overflow_16(compact_in_8_bits: Any) -> None:
    weights = [numpy_helper.to_array(one) for one in compact_in_8_bits.graph.initializer]
    narrow = [one.astype(int) for one in weights if one.dtype == np.int8 and one.ndim == 4]
    assert len(narrow) == 33
    assert 60 <= max(np.abs(one).max() for one in narrow) <= 64


def test_what_is_no_number_stays_so(eight: Any) -> None:
    photo = torch.rand(3, 32, 32)
    code = eight.code(artwork(2))
    assert eight.stylize(photo, code * float("nan")).isnan().all()
    photo[0, 3, 3] = float("nan")
    assert eight.stylize(photo, code).isnan().all()


def test_what_goes_wrong_apart_is_one_line(
    small_calibration: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(quantize, "in_8_bits", small_calibration)
    (tmp_path / "apart.py").write_text("raise ValueError('no such kind')")
    monkeypatch.setattr(quantize, "_APART", tmp_path / "apart.py")
    with pytest.raises(WeightsError, match=r"^compact's weights cannot be .* 8 bits: ValueError: no such kind$"):
        in_8_bits()


def test_of_onnx_files_only_those_in_8_bits_are_styles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "SIZES", export.SIZES[:1])  # of photos that the files are compared at
    for precision in ("fp32", "int8"):
        words = ["johnson", str(tmp_path / f"{precision}.onnx"), "--weights", "random", "--precision", precision]
        export.main(words)
    johnson = stylize.load("johnson", weights=tmp_path / "int8.onnx", precision="int8", device="cpu")
    plain = stylize.load("johnson", weights="random", precision="fp32", runtime="torch", device="cpu")
    assert (ssim(plain(artwork(1), "random"), johnson(artwork(1), "int8")) or 0) > 0.95
    with pytest.raises(WeightsError, match=r"fp32\.onnx: not in 8 bits; write it with `stylize export"):
        stylize.load("johnson", weights=tmp_path / "fp32.onnx", precision="int8", device="cpu")
    for runtime in sessions.RUNTIMES[1:]:
        with pytest.raises(WeightsError, match=r"int8\.onnx: in 8 bits, which would pass for fp32; give the precision"):
            stylize.load("johnson", weights=tmp_path / "int8.onnx", precision="fp32", runtime=runtime, device="cpu")
