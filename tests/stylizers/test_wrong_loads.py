"""Wrong calls from Python are UsageErrors, whatever kind of value is given."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import stylize


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"device": None}, "device: expected a text"),
        ({"runtime": None}, "runtime: expected a text"),
        ({"precision": 8}, "precision: expected a text in quotation marks .got 8."),
        ({"style_resolution_px": 0}, "style_resolution_px: expected 1 or more"),
        ({"style_resolution_px": "wide"}, "style_resolution_px: expected a whole number"),
        ({"alpha": True}, "compact: alpha: not a yes-or-no setting"),
        ({"weights": ""}, "expected a path, got an empty text"),
        ({"weights": "a\0b"}, r"expected a path, got one with a NUL character in it: 'a\\x00b'"),
        ({"name": 3}, "stylizer 3: expected a text"),
        ({"name": stylize.Stylizer}, "expected a text: a method's name, or package.module:Class"),
    ],
)
def test_a_value_of_another_kind_is_named(given: dict[str, Any], told: str) -> None:
    with pytest.raises(stylize.UsageError, match=told):
        stylize.load(**given)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (torch.zeros(48, 64, 3), r"got \(48, 64, 3\)"),
        (torch.zeros(1, 3, 48, 64), r"got \(1, 3, 48, 64\)"),
        (torch.zeros(3, 48, 0), "got one without pixels"),
        (torch.zeros(3, 48, 64, dtype=torch.uint8), "divide 0 to 255 by 255"),
        (torch.full((3, 48, 64), 255.0), "from 255 to 255; .*; divide 0 to 255 by 255"),
        (torch.full((3, 48, 64), -1.0), r"from -1 to -1; give them in \[0, 1\]$"),
        (torch.full((3, 48, 64), 1.0000001), r"to 1.0000001; .*; clamp\(0, 1\) does it"),
        (torch.full((3, 48, 64), float("nan")), "from nan"),
        (np.zeros((48, 64), np.uint8), r"expected a PIL image.*; a grey one is numpy.dstack\(\[grey\] \* 3\)"),
        (np.zeros((48, 64, 1), np.uint8), "a grey one is"),
        (np.zeros((3, 48, 64), np.uint8), "channels come last"),
        (np.zeros((48, 64, 3), np.float32), r"float32.*; values in \[0, 1\] are made so by \(array \* 255\)"),
        (np.zeros((48, 64, 3), np.int64), r"got int64 \(48, 64, 3\)$"),
        (b"\x89PNG", r"got bytes; open it with PIL.Image.open\(io.BytesIO"),
        (io.BytesIO(), "got BytesIO; open it with PIL.Image.open$"),
        ("photo.heic", "got str; open it with PIL.Image.open, a HEIC after pi_heif.register_heif_opener"),
        (None, "got NoneType"),
    ],
)
def test_what_is_no_picture_is_refused_in_a_line(wrong: Any, says: str) -> None:
    restyle, picture = stylize.load("identity", device="cpu"), np.zeros((48, 64, 3), np.uint8)
    with pytest.raises(stylize.UsageError, match=says) as raised:
        restyle(wrong, picture)
    assert "\n" not in str(raised.value)
    with pytest.raises(stylize.UsageError, match=says):
        restyle(picture, wrong)


@pytest.mark.parametrize("nothing", [np.zeros((0, 0, 3), np.uint8), Image.new("RGB", (0, 0))], ids=["array", "image"])
def test_a_picture_without_pixels_is_a_wrong_call(nothing: Any) -> None:
    restyle, picture = stylize.load("identity", device="cpu"), np.zeros((8, 8, 3), np.uint8)
    for pair in ((nothing, picture), (picture, nothing)):
        with pytest.raises(stylize.UsageError, match="got one without pixels"):
            restyle(*pair)


@pytest.mark.parametrize("weights", ["12", 3, [1, "a"], np.array([1.0, -1.0]), [1], [float("nan"), 1], []])
def test_weights_of_styles_that_are_none_are_a_wrong_call(weights: Any) -> None:
    restyle: Any = stylize.load("compact", device="cpu")
    picture = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(stylize.UsageError, match="2 styles need as many weights of 0 or more, not all 0"):
        restyle(picture, [picture, picture], style_weights=weights)
    with pytest.raises(stylize.UsageError, match="style_weights are of a list of styles"):
        restyle(picture, picture, style_weights=weights)


def test_weights_of_styles_may_be_an_array_or_a_tensor() -> None:
    restyle: Any = stylize.load("compact", device="cpu")
    picture = np.zeros((16, 16, 3), np.uint8)
    wanted = restyle(picture, [picture, picture + 255], style_weights=[1, 2])
    for weights in (np.array([1.0, 2.0]), torch.tensor([1, 2]), (1, 2)):
        assert (restyle(picture, [picture, picture + 255], style_weights=weights) == wanted).all()


@pytest.mark.parametrize(
    "alone", [Image.new("RGB", (8, 8)), np.zeros((8, 8, 3), np.uint8), torch.zeros(3, 8, 8), "photo.jpg", None, 3]
)
def test_a_batch_of_one_photo_alone_is_a_wrong_call(alone: Any) -> None:
    with pytest.raises(stylize.UsageError, match=r"expected a list of photos, got .*; give \[photo\] for one"):
        stylize.load("identity", device="cpu").batch(alone, np.zeros((8, 8, 3), np.uint8))


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize(
    "kind",
    [lambda one: one.to("meta"), lambda one: one.to_sparse(), lambda one: torch.nested.nested_tensor([one, one])],
)
def test_a_tensor_without_dense_values_is_a_wrong_call(kind: Callable[[torch.Tensor], torch.Tensor]) -> None:
    restyle, picture = stylize.load("identity", device="cpu"), torch.zeros(3, 8, 8)
    for pair in ((kind(picture), picture), (picture, kind(picture))):
        with pytest.raises(stylize.UsageError, match="expected a dense"):
            restyle(*pair)


def test_tensors_of_any_float_type_are_pictures() -> None:
    restyle, picture = stylize.load("identity", device="cpu"), torch.rand(3, 8, 8)
    kinds = [torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]
    for tensor in (*map(picture.to, kinds), torch.complex(picture, -picture).conj().imag):
        for result in (restyle(tensor, picture), *restyle.batch([tensor], tensor)):
            assert torch.equal(result, tensor.resolve_neg().float())
    with pytest.raises(stylize.UsageError, match="go from 0 to 240"):
        restyle((picture.round() * 240).to(torch.float8_e4m3fn), picture)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"alfa": 0.5}, "compact: unknown setting 'alfa'; did you mean alpha?"),
        ({"alpha": 7}, "compact: alpha: expected 1 or less .got 7."),
        ({"preserve_color": True}, "compact: preserve_color must be given when it is loaded; of one image are: alpha"),
    ],
)
def test_settings_that_no_image_may_have_of_its_own_are_a_wrong_call(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(stylize.UsageError, match=told):
        stylize.load(device="cpu").with_settings(**changes)


@pytest.mark.parametrize(("method", "settings"), [("compact", {"alpha": 0.5}), ("johnson", {"weights": "random"})])
def test_an_artwork_in_place_of_its_code_is_a_wrong_call(method: str, settings: dict[str, Any]) -> None:
    restyle, picture = stylize.load(method, device="cpu", **settings), np.zeros((32, 32, 3), np.uint8)
    for artwork in (None, picture, "artwork.jpg", Image.new("RGB", (8, 8))):
        with pytest.raises(stylize.UsageError, match=r"expected a code, as `code\(artwork\)` returns it, got"):
            restyle.apply(picture, artwork)


@pytest.mark.parametrize("out", [None, 3, ["out"], "", "a\0b", b"out"])
def test_rows_of_what_is_no_path_are_a_wrong_call(out: Any) -> None:
    with pytest.raises(stylize.UsageError, match="expected a path, got"):
        stylize.read_rows(out)


@pytest.mark.parametrize("columns", ["ssim", b"ssim", 3])
def test_columns_that_are_no_list_are_a_wrong_call(columns: Any) -> None:
    with pytest.raises(stylize.UsageError, match="columns: expected a list of names, got"):
        stylize.read_rows("out", columns)
