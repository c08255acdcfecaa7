"""Images taken in strips: the picture of the whole image, with no seam, in the memory that was allowed."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import stylize
from stylize.errors import NoRoomError
from stylize.images import Pixels
from stylize.measure.memory import PeakMemory, exact_peaks
from stylize.stylizers._strips import compute
from stylize.stylizers._strips.passes import schedule, spans
from stylize.stylizers._strips.plan import strip_plan
from stylize.stylizers._strips.trace import trace
from stylize.stylizers.base import Stylizer, to_pixels, to_tensor

pytestmark = pytest.mark.usefixtures("by_torch")
METHODS = ("compact", "microast", "adain", "johnson")


def picture(height: int, width: int, seed: int = 0) -> Pixels:
    """Blotches of colour with some grain: statistics of its parts are not those of the whole."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, height // 24 + 2, width // 24 + 2, generator=generator)
    smooth = F.interpolate(coarse, (height, width), mode="bicubic")[0]
    return to_pixels(smooth + 0.1 * torch.rand(3, height, width, generator=generator))


@functools.cache
def loaded(name: str, precision: str = "fp32", **settings: Any) -> tuple[Stylizer, Any]:
    how: dict[str, Any] = {"device": "cpu", "weights": None if name == "compact" else "random"}
    # An artwork that is enlarged takes VGG seconds.
    stylizer = stylize.load(name, precision=precision, style_resolution_px=None, **how, **settings)
    style = picture(60, 70, seed=1)
    with torch.inference_mode():
        if name in ("adain", "microast"):
            livened(stylizer, stylizer.net, style)  # type: ignore[attr-defined]
        code = stylizer.code(None) if name == "johnson" else stylizer.code(style)
    return stylizer, code


def livened(stylizer: Any, net: nn.Module, style: Pixels) -> None:
    """Give networks weights under which untrained ones show something: their own make every picture one grey."""
    torch.manual_seed(0)
    layers = [part for part in net.modules() if isinstance(part, nn.Conv2d)]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight)
    shown = stylizer.picture(to_tensor(style, stylizer.device)[None], stylizer.code(style)).std()
    layers[-1].weight.mul_(0.25 / shown)
    assert layers[-1].bias is not None
    layers[-1].bias.mul_(0.25 / shown).add_(0.5)


def whole(stylizer: Stylizer, photo: Pixels, code: Any) -> Pixels:
    with torch.inference_mode():
        return to_pixels(stylizer.stylize(to_tensor(photo, stylizer.device), code))


def in_strips(stylizer: Any, photo: Pixels, code: Any) -> tuple[Pixels, Any]:
    planned = stylizer.settled(code, None)
    graph = trace(lambda content: stylizer.picture(content, planned), (1, 3, *photo.shape[:2]))
    plan = strip_plan(graph)
    result = stylizer.restyle(photo, code, plan)
    assert result is not None
    return result.numpy(), plan


@pytest.fixture
def low_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make strips of 16 rows whatever the width, so that small pictures have many."""
    monkeypatch.setattr("stylize.stylizers._strips.plan.STRIP_PIXELS", 1)


def off(a: Pixels, b: Pixels) -> float:
    """Return the share of values that differ by more than a level."""
    return float((np.abs(a.astype(int) - b) > 1).mean())


@pytest.mark.parametrize("room", [None, 1], ids=["much kept", "nothing kept"])
@pytest.mark.parametrize("size", [(120, 24), (99, 37)])
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.usefixtures("low_strips")
def test_strips_give_the_picture_of_the_whole_image(
    name: str, size: tuple[int, int], room: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if room is not None:
        monkeypatch.setattr("stylize.stylizers._strips.plan._MOST_KEPT", 0)
    stylizer, code = loaded(name)
    photo = picture(*size)
    result, plan = in_strips(stylizer, photo, code)
    assert plan.strips == -(-size[0] // 16)
    assert off(result, whole(stylizer, photo, code)) <= 1e-3


@pytest.mark.parametrize(
    "settings", [{"alpha": 0.4}, {"folded": False}, {"channels_last": False}, {"preserve_color": True}], ids=str
)
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.usefixtures("low_strips")
def test_with_other_settings_too(name: str, settings: dict[str, Any]) -> None:
    if not set(settings) <= set(stylize.stylizers.find(name).settings_type.model_fields):
        pytest.skip("no such setting")
    stylizer, code = loaded(name, **settings)
    photo = picture(67, 29)
    assert off(in_strips(stylizer, photo, code)[0], whole(stylizer, photo, code)) <= 1e-3


@pytest.mark.usefixtures("low_strips")
def test_a_photo_of_one_colour_has_no_grain_of_rounding() -> None:
    """Each of 13 normalisations makes what little it finds up to 300 times as large."""
    stylizer, code = loaded("compact")
    photo = np.full((40, 66, 3), 255, np.uint8)
    assert np.abs(in_strips(stylizer, photo, code)[0].astype(int) - whole(stylizer, photo, code)).max() <= 1


@pytest.mark.parametrize("phases", [1, 2])
def test_one_pixel_of_another_level_is_more_than_rounding(phases: int) -> None:
    """The deviation of so many values is then under the bound, as that of a channel of one value is."""
    strips = torch.ones(2, 1, 4, 300, 300)
    strips[1, :, 2:] += 2.0**-22
    strips[0, 0, 1, 5, 7] += 2.0**-16
    moments = compute.Moments()
    for strip in strips:
        moments.add(strip)
    mean, var = (value.flatten() for value in moments.result(phases))
    torch.testing.assert_close(mean, torch.ones(4))
    assert (var > 0).tolist() == [phases == 2, True, False, False]
    expected = 2.0**-32 / (180_000 * phases)
    torch.testing.assert_close(var[1].item(), expected, rtol=0.01, atol=0)


def test_any_setting_has_a_plan_for_a_large_photo() -> None:
    for settings in ({}, {"preserve_color": True}, {"preserve_color": True, "alpha": 0.5}):
        stylizer, code = loaded("compact", **settings)
        whole, strips = (stylizer.plan(4000, 3000, code, room) for room in (None, 2**29))
        assert whole.strips == 1 < strips.strips
        assert whole.bytes > strips.bytes


def seam(result: Pixels, every: int) -> float:
    """Return how much larger rows' second differences are where strips meet than elsewhere: about 1 without a seam."""
    bends = np.abs(np.diff(result.astype(float), 2, axis=0)).mean((1, 2))
    at = [row + offset for row in range(every, len(result) - 2, every) for offset in (-2, -1)]
    return float(bends[at].mean() / np.delete(bends, at).mean())


@pytest.mark.parametrize("name", ["compact", "adain", "johnson"])
@pytest.mark.usefixtures("low_strips")
def test_there_is_no_seam_where_strips_meet(name: str) -> None:
    has_none_where_strips_meet(*loaded(name))


@pytest.mark.usefixtures("low_strips")
def test_microast_has_no_seam_either(real_data: Path) -> None:
    """Untrained, its picture is noise in which no seam would show."""
    stylizer = stylize.load("microast", device="cpu", precision="fp32", weights=real_data / "weights" / "microast")
    with torch.inference_mode():
        has_none_where_strips_meet(stylizer, stylizer.code(picture(60, 70, seed=1)))


def has_none_where_strips_meet(stylizer: Stylizer, code: Any) -> None:
    photo = picture(240, 40)
    clean = seam(in_strips(stylizer, photo, code)[0], 16)
    assert clean == pytest.approx(seam(whole(stylizer, photo, code), 16), rel=0.01)
    parts = [whole(stylizer, part, code) for part in np.split(photo, 15)]
    assert seam(np.concatenate(parts), 16) > 1.3 * clean


@pytest.mark.parametrize("name", ["compact", "johnson"])
@pytest.mark.usefixtures("low_strips")
def test_half_precision_keeps_its_look(name: str) -> None:
    stylizer, code = loaded(name, "bf16")
    photo = picture(96, 60)
    ours, theirs = in_strips(stylizer, photo, code)[0], whole(stylizer, photo, code)
    assert np.abs(ours.astype(int) - theirs).mean() < 0.5


def test_less_memory_is_asked_for_by_recomputing_more() -> None:
    stylizer, code = loaded("compact")
    much = stylizer.plan(4000, 3000, code, whole=False)
    little = stylizer.plan(4000, 3000, code, 200 * 2**20)
    assert little.bytes <= 200 * 2**20 < much.bytes
    assert little.work > much.work
    assert (much.passes, little.passes) == (13, 13)


@pytest.mark.parametrize("name", ["compact", "microast"])
def test_a_whole_image_takes_what_was_planned(name: str) -> None:
    stylizer, code = loaded(name)
    photo, first = picture(1050, 1400), picture(200, 300)

    def taken(photo: Pixels) -> int | None:
        with exact_peaks(), torch.inference_mode():
            peak = PeakMemory()
            peak.start()
            stylizer.restyle(photo, code, stylizer.plan(photo.shape[1], photo.shape[0], code))
            return peak.stop().image_host_bytes

    with ThreadPoolExecutor(1) as own:  # no holes of other work in its heap
        own.submit(taken, first).result()
        measured = own.submit(taken, photo).result()
    if not measured:
        pytest.skip("this kernel does not let a process reset its peak")
    assert stylizer.plan(1400, 1050, code).bytes + photo.nbytes == pytest.approx(measured, rel=0.15)


def test_a_forecast_counts_the_result_where_it_comes() -> None:
    stylizer, code = loaded("compact")
    stylizer.max_memory = 400 * 2**20
    plan, taken = stylizer.forecast(4000, 3000, code)
    assert plan.last_bytes < plan.bytes
    assert taken == max(plan.bytes + 3 * 12_000_000, plan.last_bytes + 6 * 12_000_000)
    stylizer.max_memory = 8 * 2**30
    plan, taken = stylizer.forecast(4000, 3000, code)
    assert (plan.strips, taken) == (1, plan.bytes + 6 * 12_000_000)


def test_an_image_that_fits_is_taken_whole() -> None:
    stylizer, code = loaded("compact")
    assert stylizer.plan(400, 300, code, 2**30).strips == 1
    assert stylizer.plan(400, 300, code).strips == 1
    assert stylizer.plan(8000, 6000, code, 2**30).strips > 1


def test_what_does_not_fit_in_strips_says_what_it_takes() -> None:
    stylizer, code = loaded("adain")
    with pytest.raises(
        NoRoomError, match=r"60000 x 400 px: adain .* needs .* GiB.* 100 MiB may be taken; [^-]*smaller"
    ):
        stylizer.plan(60000, 400, code, 100 * 2**20)


def test_a_method_that_takes_images_whole_says_so() -> None:
    stylizer = stylize.load("identity", device="cpu")
    with pytest.raises(NoRoomError, match="4000 x 3000 px: identity takes an image at once"):
        stylizer.plan(4000, 3000, None, 2**20)


@pytest.mark.usefixtures("low_strips")
def test_nan_anywhere_is_told() -> None:
    stylizer, code = loaded("compact")
    assert stylizer.restyle(picture(64, 64), code * float("nan"), stylizer.plan(64, 64, code, whole=False)) is not None
    plan = stylizer.plan(64, 64, code * float("nan"), whole=False)
    assert stylizer.restyle(picture(64, 64), code, plan) is None


def test_a_network_that_mixes_rows_in_unknown_ways_is_refused() -> None:
    graph = trace(lambda x: x.flip(2), (1, 3, 64, 64))
    with pytest.raises(Exception, match="flip"):
        strip_plan(graph)


def test_a_network_of_ones_own_is_taken_in_strips() -> None:
    """Nothing is said of each network: whatever is made of known operations works."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 7, padding=3, padding_mode="reflect"), nn.MaxPool2d(2, ceil_mode=True),
        nn.Conv2d(8, 8, 5, stride=2, padding=2), nn.Upsample(scale_factor=2), nn.Conv2d(8, 12, 3, padding=1),
        nn.PixelShuffle(2),
    )  # fmt: skip

    def own(x: Tensor) -> Tensor:
        F.relu(y := net[0](x), inplace=True)  # counts wherever y is used
        return cast(Tensor, net[1:](y.sub_(0.1)))

    image = torch.rand(1, 3, 150, 70)
    with torch.inference_mode():
        expected = own(image)
        graph = trace(own, (1, 3, 150, 70))
        plan = strip_plan(graph)
        rows: list[Tensor] = []
        compute.run(graph, plan.ways, 16, lambda a, b: image[:, :, a:b], lambda _, new: rows.append(new.clone()))
    assert torch.allclose(torch.cat(rows, 2), expected, atol=1e-5)


def test_every_row_is_computed_once_in_a_pass() -> None:
    stylizer, code = loaded("compact")
    graph = trace(lambda x: stylizer.picture(x, code), (1, 3, 500, 100))  # type: ignore[attr-defined]
    for one in schedule(graph, []):
        done: dict[int, int] = {}
        for node, first, end in [(s.node.index, *s.rows) for steps in spans(one, graph.nodes[0], 32) for s in steps]:
            if end > first:
                assert first == done.get(node, first)
                done[node] = end
        assert [done[target.index] for target in one.targets] == [target.height for target in one.targets]
