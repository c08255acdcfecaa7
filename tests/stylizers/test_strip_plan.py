"""What an image is said to take, and which limits its strips keep to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stylize.errors import NoRoomError
from stylize.stylizers import check_settings
from stylize.stylizers._strips import compute
from stylize.stylizers._strips.compute import Sink
from stylize.stylizers._strips.plan import BASE_BYTES, STRIP_BASE_BYTES, Plan, no_room, whole_plan
from stylize.stylizers._strips.trace import trace
from stylize.stylizers.compact import Compact
from tests.stylizers.test_strips import loaded, picture

pytestmark = pytest.mark.usefixtures("by_torch")


def test_of_the_smallest_network_the_picture_itself_is_what_takes_memory() -> None:
    """As floats, rounded, and held to their range."""
    graph = trace(nn.ReLU(), (1, 3, 64, 48))
    assert whole_plan(graph).bytes == 3 * (3 * 64 * 48 * 4) + BASE_BYTES


def test_only_strips_have_ample_room() -> None:
    assert Plan(2**20, strips=2).has_ample_room(2**30)
    assert not Plan(2**20, strips=2).has_ample_room(2**20)
    assert not Plan(2**20, strips=1).has_ample_room(2**30)


def test_strips_instead_of_a_whole_image_keep_to_the_limit_too() -> None:
    stylizer, code = loaded("compact")
    half = stylizer.plan(3000, 2000, code, whole=False).bytes
    assert stylizer.plan(3000, 2000, code, half // 2, whole=False).bytes <= half // 2


@pytest.mark.parametrize("limit", [36, 47])
def test_what_is_kept_leaves_room_for_the_strips_that_then_hold_more(limit: int) -> None:
    """Images that fit into 18 MiB were refused in 36, as what there was room for beside bare strips was kept."""
    stylizer, code = loaded("compact", alpha=0.5)
    assert stylizer.plan(30, 1999, code, limit * 2**20).bytes <= limit * 2**20


@pytest.mark.parametrize(("strips", "side"), [(False, 2000), (True, 1000)])
def test_the_size_that_would_fit_goes_by_the_pixels_or_by_the_width_of_a_strip(strips: bool, side: int) -> None:
    base = STRIP_BASE_BYTES if strips else BASE_BYTES
    error = no_room("m", (4000, 2000), "so", base + 4 * 2**30, base + 2**30, strips=strips)
    assert f"make the image smaller, to a long side of {side} px, say" in str(error)


@pytest.mark.parametrize("bad", [0, 1])
def test_nan_in_any_strip_is_told(bad: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(graph: object, ways: object, strip_px: int, rows: object, take: Sink, *, mapped: bool) -> None:
        for strip in range(2):
            take(32 * strip, torch.full((1, 3, 32, 64), torch.nan if strip == bad else 0.5))

    stylizer, code = loaded("compact")
    monkeypatch.setattr(compute, "run", run)
    assert stylizer.restyle(picture(64, 64), code, stylizer.plan(64, 64, code, whole=False)) is None


@pytest.mark.parametrize(
    "made", [lambda x: x.flatten(2).sort().values.view_as(x), torch.zeros_like, lambda x: x], ids=["sort", "0", "same"]
)
def test_what_cannot_be_traced_is_taken_at_once(made: Callable[[Tensor], Tensor]) -> None:
    class Own(Compact):
        def picture(self, contents: Tensor, code: Any) -> Tensor:
            return made(contents)

    stylizer = Own(check_settings(Own, {}), device="cpu")
    assert stylizer.plan(4000, 3000, None).strips == 1
    with pytest.raises(NoRoomError, match="at once, as it must"):
        stylizer.plan(4000, 3000, None, 2**20)
