"""What every registered stylizer keeps; a new file in stylize/stylizers is tested without a line here."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import stylize
from stylize.errors import NotFiniteError, UnsupportedImageError, UsageError
from stylize.stylizers import find
from stylize.stylizers._arbitrary import ArbitraryStyle
from stylize.stylizers._feedforward import FeedForward
from stylize.stylizers._runtimes import sessions
from stylize.stylizers.base import Stylizer, to_pixels, to_tensor
from tests.support import samples
from tests.support.small_calibration import small_calibration as small_calibration

NAMES = stylize.names()
PAIRS = [(name, precision) for name in NAMES for precision in find(name).precisions if precision != "fp16"]

PX = 40
"""Long side of pictures: artworks are not enlarged, as VGG takes seconds for one of 512 pixels."""
picture = functools.partial(samples.picture, width=PX, height=32)

ANY_STYLE = [name for name in NAMES if issubclass(find(name), ArbitraryStyle) and name != "adain"]
"""Methods of any style but AdaIN, whose paper defines alpha 0 as what the decoder makes of the photo."""


@functools.cache
def loaded(name: str, **options: Any) -> Stylizer:
    """A method without files: untrained where it needs weights, few steps by a small network where it optimises."""
    method = find(name)
    if options.get("precision") == "int8" and not all(map(sessions.installed, sessions.RUNTIMES)):
        pytest.skip("pip install 'stylize[openvino]'")
    fewer: dict[str, Any] = {"iterations": 2, "scales": 1, "backbone": "squeezenet1_1"}
    few = {name: value for name, value in fewer.items() if name in method.settings_type.model_fields}
    weights = "random" if method.needs else None
    return stylize.load(name, weights=weights, style_resolution_px=PX, **(few | options))


@pytest.fixture(autouse=True, scope="module")
def none_is_kept() -> Iterator[None]:
    """What was loaded is let go behind the last test: 8 bits take seconds to make, VGG's weights to draw."""
    yield
    loaded.cache_clear()


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: f"{pair[0]}-{pair[1]}")
def stylizer(request: pytest.FixtureRequest) -> Stylizer:
    name, precision = request.param
    return loaded(name, precision=precision)


@pytest.mark.parametrize("size", [(32, 40), (1, 1), (3, 100), (65, 33)])
def test_result_has_the_contents_size_and_range(stylizer: Stylizer, size: tuple[int, int]) -> None:
    if min(size) < stylizer.least_px:
        pytest.skip(f"{stylizer.name} says it needs {stylizer.least_px} px")
    with torch.inference_mode():
        code = stylizer.encode_style(torch.rand(3, 32, 36))
        result = stylizer.stylize(torch.rand(3, *size), code)
    assert result.shape == (3, *size)
    assert result.dtype == torch.float32
    assert 0 <= float(result.min()) <= float(result.max()) <= 1


def test_same_inputs_give_the_same_image(stylizer: Stylizer) -> None:
    first, second = (stylizer(picture(1), picture(2)) for _ in range(2))
    assert (first == second).all()


def test_inputs_are_left_as_they_were(stylizer: Stylizer) -> None:
    content, style = torch.rand(3, 32, 32), torch.rand(3, 32, 32)
    before = content.clone(), style.clone()
    with torch.inference_mode():
        stylizer.stylize(content, stylizer.encode_style(style))
    assert torch.equal(content, before[0])
    assert torch.equal(style, before[1])


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_of_one_image_is_as_one_of_the_whole_stylizer(name: str) -> None:
    method = find(name)
    options = {"start": "noise"} if name == "gatys" else {}
    plain = loaded(name, precision="fp32", **options)
    assert set(method.per_image) <= set(method.settings_type.model_fields)
    for setting, value in {"alpha": 0.3, "seed": 7}.items():
        if setting in method.per_image:
            own = plain.with_settings(**{setting: value})
            whole = loaded(name, precision="fp32", **options, **{setting: value})
            content, style = torch.rand(3, 32, 32), torch.rand(3, 32, 32)
            with torch.inference_mode():
                before, made, wanted = (s.stylize(content, s.encode_style(style)) for s in (plain, own, whole))
                assert torch.equal(made, wanted)
                assert not torch.equal(made, before)
                assert torch.equal(plain.stylize(content, plain.encode_style(style)), before)
            assert own.columns() == whole.columns()


@pytest.mark.parametrize("name", NAMES)
def test_a_method_mixes_codes_or_says_that_it_does_not(name: str) -> None:
    stylizer = loaded(name, precision="fp32")
    with torch.inference_mode():
        content, codes = torch.rand(3, 32, 32), [stylizer.encode_style(torch.rand(3, 32, 32)) for _ in range(2)]
        if not stylizer.mixes:
            with pytest.raises(UsageError, match="mixes none"):
                stylizer.mix(codes, [1, 1])
            return
        only_first = stylizer.stylize(content, stylizer.mix(codes, [2, 0]))
        torch.testing.assert_close(only_first, stylizer.stylize(content, codes[0]), atol=1e-5, rtol=0)


def test_a_kept_code_serves_several_contents(stylizer: Stylizer) -> None:
    a, b, style = torch.rand(3, 32, 32), torch.rand(3, 48, 32), torch.rand(3, 32, 32)
    with torch.inference_mode():
        code = stylizer.encode_style(style)
        stylizer.stylize(b, code)
        assert torch.equal(stylizer.stylize(a, code), stylizer.stylize(a, stylizer.encode_style(style)))


def test_pil_gives_pil_and_array_gives_array(stylizer: Stylizer) -> None:
    content, style = picture(1), picture(2)
    array = stylizer(content, Image.fromarray(style))
    image = stylizer(Image.fromarray(content), style)
    assert isinstance(image, Image.Image)
    assert image.size == (content.shape[1], content.shape[0])
    assert (array == image).all()


def test_a_tensor_gives_a_tensor(stylizer: Stylizer) -> None:
    content, style = picture(1), picture(2)
    result = stylizer(to_tensor(content, stylizer.device), style)
    assert (to_pixels(result) == stylizer(content, style)).all()


def test_encode_style_and_stylize_say_what_tensor_they_take(stylizer: Stylizer) -> None:
    with torch.inference_mode():
        code = stylizer.encode_style(torch.rand(3, 32, 36))
        wrongs: tuple[Any, ...] = (torch.rand(32, 36, 3), picture(1), torch.zeros(3, 32, 36, dtype=torch.uint8))
        for wrong in wrongs:
            with pytest.raises(UsageError, match="float tensor in"):
                stylizer.encode_style(wrong)
            with pytest.raises(UsageError, match="float tensor in"):
                stylizer.stylize(wrong, code)


def test_a_batch_of_pictures_gives_what_calls_for_each_give(stylizer: Stylizer) -> None:
    photos = [picture(1), picture(2), Image.fromarray(picture(3, width=36, height=48))]
    style = picture(5)
    results = stylizer.batch(photos, style)
    assert [type(result) for result in results] == [type(photo) for photo in photos]
    for photo, result in zip(photos, results, strict=True):
        expected = np.asarray(stylizer(photo, style)).astype(int)
        assert np.abs(np.asarray(result) - expected).max() <= (1 if stylizer.precision == "fp32" else 24)
    assert stylizer.batch([], style) == []


@pytest.mark.parametrize("name", NAMES)
def test_its_repr_is_the_call_that_makes_it(name: str) -> None:
    text = repr(loaded(name, max_memory=2**30))
    how = eval(text, {"stylize": SimpleNamespace(load=lambda given, **how: how | {"name": given})})
    assert (how["name"], how["max_memory"], how["style_resolution_px"]) == (name, 2**30, PX)
    assert repr(stylize.load(weights="random" if find(name).needs else None, **how)) == text


def test_a_photo_too_small_is_refused_in_words(stylizer: Stylizer) -> None:
    if stylizer.least_px == 1:
        pytest.skip(f"{stylizer.name} takes any size")
    photo = picture(1, height=stylizer.least_px - 1)
    with pytest.raises(UnsupportedImageError, match=f"{stylizer.least_px} px a side"):
        stylizer.apply(photo, None)


def test_nan_in_the_content_comes_out_as_nan_not_as_black(stylizer: Stylizer) -> None:
    content = torch.full((3, 32, 32), float("nan"))
    with torch.inference_mode():
        result = stylizer.stylize(content, stylizer.encode_style(torch.rand(3, 32, 32)))
    assert not torch.isfinite(result.sum())


def test_a_picture_with_nan_in_it_is_no_black_one(stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stylizer, "stylize", lambda content, code: torch.full_like(content, float("nan")))
    with pytest.raises(NotFiniteError, match="NaN"):
        stylizer.apply(picture(1), None)
    monkeypatch.setattr(stylizer, "stylize_batch", lambda contents, code: torch.full_like(contents, float("nan")))
    for number in (1, 2):
        with pytest.raises(NotFiniteError, match="NaN"):
            stylizer.batch([picture(1)] * number, picture(2))


def test_torch_settings_are_left_alone(stylizer: Stylizer) -> None:
    before = torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()
    stylizer(picture(1), picture(2))
    assert before == (torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled())


def test_a_batch_gives_what_its_images_give_one_by_one(stylizer: Stylizer) -> None:
    contents = torch.rand(3, 3, 32, 36)
    with torch.inference_mode():
        code = stylizer.encode_style(torch.rand(3, 32, 32))
        together = stylizer.stylize_batch(contents, code)
        singly = torch.stack([stylizer.stylize(content, code) for content in contents])
    # A sum in another order rounds to another step: a number or two of a batch in 8 bits may be 0.1 off.
    apart = (together - together.roll(1, 0)).abs().mean()
    assert (together - singly).abs().mean() <= (1e-5 if stylizer.precision == "fp32" else 0.1 * apart)


def test_weights_are_named_by_their_hash(stylizer: Stylizer) -> None:
    if stylizer.needs:
        assert stylizer.weights_sha256 == "random"
    elif stylizer.weights_sha256 is not None:
        assert len(stylizer.weights_sha256) == 64
    assert stylizer.columns()["precision"] == stylizer.precision


@pytest.mark.parametrize("name", NAMES)
def test_default_precision_is_one_it_runs_in(name: str) -> None:
    assert find(name).default_precision(torch.device("cpu")) in find(name).precisions


@pytest.mark.parametrize("name", [name for name in NAMES if issubclass(find(name), FeedForward)])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_layout_changes_nothing_but_rounding(name: str, precision: str) -> None:
    photo, artwork = picture(1), picture(2)
    last = loaded(name, precision=precision)(photo, artwork)
    first = loaded(name, precision=precision, channels_last=False)(photo, artwork)
    assert np.abs(last.astype(int) - first).mean() < 4


@pytest.mark.parametrize("settings", [{}, {"preserve_color": True}], ids=str)
@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
@pytest.mark.parametrize("name", ANY_STYLE)
def test_alpha_0_is_the_photo_and_alpha_near_1_near_the_full_style(
    name: str, precision: str, settings: dict[str, Any]
) -> None:
    photo, artwork = picture(1), picture(2)
    stylizer = loaded(name, precision=precision).twin()  # loading 8 bits once more takes seconds
    stylizer.settings = stylizer.settings.model_copy(update=settings)

    def restyled(alpha: float) -> np.ndarray[Any, Any]:
        made = stylizer.with_settings(alpha=alpha)(photo, artwork)
        assert isinstance(made, np.ndarray)
        return made.astype(int)

    assert (restyled(0.0) == photo).all()
    full, nearly = restyled(1.0), restyled(0.99)
    assert np.abs(full - photo).mean() > 5
    assert np.abs(full - nearly).mean() < 0.2 * np.abs(full - photo).mean()


@pytest.mark.parametrize("name", NAMES)
def test_unknown_setting_is_named(name: str) -> None:
    with pytest.raises(UsageError, match=rf"{name}: unknown setting 'wings'; known: "):
        loaded(name, wings=2)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_precision_and_device_are_refused_by_name(name: str) -> None:
    with pytest.raises(UsageError, match="fp32"):
        loaded(name, precision="fp12")
    with pytest.raises(UsageError, match="cuda"):
        loaded(name, device="abacus")


@pytest.mark.parametrize("name", NAMES)
def test_name_is_the_file_and_it_says_what_it_is(name: str) -> None:
    method = find(name)
    assert method.name == name
    assert method.summary
    assert (method.__doc__ or "").strip()
