"""What strips keep from one pass to the next: it may be in mapped files, with the same picture."""

from __future__ import annotations

from typing import Any

import pytest

from stylize import images
from stylize.errors import NoRoomError
from stylize.images import scratch
from stylize.stylizers._strips.plan import strip_plan
from stylize.stylizers._strips.trace import trace
from tests.stylizers.test_strips import METHODS, loaded, off, whole
from tests.support.accelerators import Pretended
from tests.support.samples import picture

pytestmark = pytest.mark.usefixtures("by_torch")


@pytest.mark.parametrize("name", METHODS)
def test_what_is_kept_may_be_in_files(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With so little memory that all would be computed again in each pass."""
    monkeypatch.setattr("stylize.stylizers._strips.plan.STRIP_PIXELS", 1)
    monkeypatch.setattr("stylize.stylizers._strips.plan.WORK_WITHOUT_FILES", 1.0)
    monkeypatch.setattr("stylize.stylizers._strips.plan.FILE_BYTES_PER_PIXEL", 1000)
    stylizer: Any
    stylizer, code = loaded(name)
    photo = picture(120, 50)
    planned = stylizer.settled(code, None)
    graph = trace(lambda content: stylizer.picture(content, planned), (1, 3, photo.shape[0], photo.shape[1]))
    bare, plan = strip_plan(graph, 1), strip_plan(graph, 1, files=True)
    assert (bare.mapped, plan.mapped) == (False, True)
    assert plan.work < bare.work
    assert plan.bytes <= bare.bytes
    result = stylizer.restyle(photo, code, plan)
    assert result is not None
    assert off(result.numpy(), whole(stylizer, photo, code)) <= 1e-3


def test_an_accelerators_allocator_keeps_nothing_from_pass_to_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylize.stylizers._strips.plan.STRIP_PIXELS", 1)
    stylizer, code = loaded("compact")
    photo = picture(0, 64)
    plan = stylizer.plan(photo.shape[1], photo.shape[0], code, whole=False)
    card = Pretended().put(monkeypatch)
    stylizer.restyle(photo, code, plan)
    assert card.calls.count("empty_cache") == len(plan.ways) > 1


def test_pictures_in_files_count_by_what_their_encoder_copies() -> None:
    stylizer, code = loaded("compact")
    size, pixels = (12_000, 8_400), 12_000 * 8_400
    stylizer.max_memory = 450 * 2**20
    plan, taken = stylizer.forecast(*size, code)
    assert taken == plan.bytes < stylizer.max_memory
    plan, taken = stylizer.forecast(*size, code, format="png")
    assert taken == max(plan.bytes, images.COPIED_BYTES["png"] * pixels)
    with pytest.raises(NoRoomError, match="compact takes an image in"):
        stylizer.forecast(*size, code, format="webp")
    stylizer.max_memory = 2**31
    plan, taken = stylizer.forecast(*size, code, format="webp")
    assert plan.bytes + 12 * pixels <= 2**31
    assert taken == max(plan.bytes, 12 * pixels)


def test_what_would_be_computed_half_as_much_again_is_kept_in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    stylizer, code = loaded("compact", precision="bf16")
    size, limit = (24_000, 16_800), 3500 * 2**20
    monkeypatch.setattr(scratch, "free_on_disk", lambda: 2**40)
    in_files = stylizer.plan(*size, code, limit)
    assert in_files.mapped
    assert in_files.work < 1.25
    assert not stylizer.plan(*size, code, 2 * limit).mapped
    # Without room on the disk, of which a fourth may be taken, as much as goes into memory.
    for free in (0, 2**34):
        monkeypatch.setattr(scratch, "free_on_disk", lambda free=free: free)
        in_memory = stylizer.plan(*size, code, limit)
        assert not in_memory.mapped
        assert 1.5 < in_memory.work < 2


def test_with_ample_room_a_forecast_counts_the_holes_in_the_heap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "free_on_disk", lambda: 2**40)
    stylizer, code = loaded("compact", precision="bf16", max_memory=2 * 2**30)
    plan, taken = stylizer.forecast(16_800, 12_000, code)
    assert plan.mapped
    assert taken == 2 * plan.bytes
    stylizer.max_memory = 2**30
    plan, taken = stylizer.forecast(16_800, 12_000, code)
    assert taken == max(plan.bytes, 3 * 16_800 * 12_000 // 4)
