"""Pictures read ahead of the device: few where they are large, in order, and none waits for ever."""

from __future__ import annotations

import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stylize import images
from stylize.pipeline import read_stage
from stylize.pipeline.room import Room
from stylize.pipeline.runner import Runner
from stylize.stylizers.base import Settings
from stylize.stylizers.identity import Identity
from tests.support.image_files import saved
from tests.support.inline_runs import make
from tests.support.samples import picture

SIDE_PX = 256
HELD = 6 * SIDE_PX**2
"""Of a photo and its result."""
WAIT_S = 60.0


class Gated(Identity):
    """Waits before its first image until it is let go on."""

    bytes_per_pixel = 6

    def __init__(self) -> None:
        super().__init__(Settings())
        self.gate = threading.Event()

    def stylize(self, content: torch.Tensor, code: Any) -> torch.Tensor:
        """Return the photo, when the gate is open."""
        assert self.gate.wait(WAIT_S)
        return super().stylize(content, code)


class Alive:
    """Counts decoded photos that are in memory at once, and how many were decoded in all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = self.most = self.all = 0
        self._lock = threading.Condition()
        monkeypatch.setattr(read_stage, "decode", self._decode)

    def _decode(self, data: bytes, **how: Any) -> images.Decoded:
        decoded = images.decode(data, **how)
        with self._lock:
            self.now += 1
            self.all += 1
            self.most = max(self.most, self.now)
            self._lock.notify_all()
        weakref.finalize(decoded.pixels, self._gone)
        return decoded

    def _gone(self) -> None:
        self.now -= 1

    def wait_for(self, count: int, timeout_s: float = WAIT_S) -> bool:
        """Return whether so many photos have been decoded by then."""
        with self._lock:
            return self._lock.wait_for(lambda: self.all >= count, timeout_s)


def start(tmp_path: Path, stylizer: Identity, photos: list[int], **settings: Any) -> tuple[Runner, list[Any]]:
    for kind, sides in (("photos", photos), ("artworks", [64])):
        (tmp_path / kind).mkdir()
        for number, side in enumerate(sides):
            data = images.encode(picture(number, side, side), "png", 95) if side else b"no image"
            (tmp_path / kind / f"{number}.png").write_bytes(data)
    folders = tmp_path / "photos", tmp_path / "artworks"
    runner, tasks = make(folders, tmp_path / "out", stylizer, io_threads=2, strip=True, **settings)
    stylizer.max_memory = runner._config.max_memory
    return runner, tasks


def run_gated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photos: list[int], ahead: int, **settings: Any
) -> tuple[Alive, list[str]]:
    """Run with the device held until `ahead` photos are decoded; return what was alive, and each row's status."""
    stylizer, alive = Gated(), Alive(monkeypatch)
    runner, tasks = start(tmp_path, stylizer, photos, **settings)
    with ThreadPoolExecutor(1) as driver:
        rows = driver.submit(runner.run, tasks)
        reached, further = alive.wait_for(ahead), alive.wait_for(ahead + 1, 0.2)
        stylizer.gate.set()
        found = rows.result(WAIT_S).to_pylist()
    runner.close()
    assert (reached, further) == (True, False)
    assert [row["task_id"] for row in found] == [task.task_id for task in tasks]
    return alive, [row["status"] for row in found]


@pytest.mark.parametrize(("limit", "ahead"), [(8 * HELD, 1), (8 * 4 * HELD, 3), (8 * 100 * HELD, 5)])
def test_large_photos_are_few_in_memory_and_small_ones_are_bounded_by_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, ahead: int
) -> None:
    # Decoding takes four bytes per pixel more; the last case is the bound on their number.
    alive, statuses = run_gated(tmp_path, monkeypatch, [SIDE_PX] * 12, ahead, max_memory=str(limit))
    assert statuses == ["ok"] * 12
    assert alive.most <= ahead
    assert alive.all == 12


def test_a_photo_larger_than_the_bound_passes_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = [64, 64, SIDE_PX, 64, 64]
    alive, statuses = run_gated(tmp_path, monkeypatch, photos, 2, max_memory=str(4 * HELD))
    assert statuses == ["ok"] * 5
    assert alive.all == 5


def test_a_batch_larger_than_the_bound_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alive, statuses = run_gated(tmp_path, monkeypatch, [SIDE_PX] * 8, 4, max_memory=str(8 * HELD), batch_size=4)
    assert statuses == ["ok"] * 8
    assert alive.all == 8


def test_broken_photos_keep_no_later_one_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = [0, SIDE_PX, 0, 0, SIDE_PX, SIDE_PX, 0]
    alive, statuses = run_gated(tmp_path, monkeypatch, photos, 1, max_memory=str(8 * HELD), batch_size=2)
    assert statuses == ["corrupt" if side == 0 else "ok" for side in photos]
    assert alive.all == 3


def test_what_a_file_takes_is_known_before_it_is_decoded() -> None:
    large = images.encode(picture(0, 320, 160), "jpg", 90)
    # Whole: four bytes per pixel for the decoder, six for the photo and its result.
    assert images.decoding_bytes(large) == 320 * 160 * (4 + 6)
    assert images.decoding_bytes(images.encode(picture(0, 160, 80), "webp", 90)) == 160 * 80 * (16 + 6)
    # Scaled by the JPEG decoder to a half.
    assert images.decoding_bytes(large, long_side_px=64) == 160 * 80 * 4 + 64 * 32 * 6
    # All coefficients of a progressive one are held, two bytes for each of its channels' values.
    for mode, channels in (("RGB", 3), ("L", 1)):
        progressive = saved(Image.fromarray(picture(0, 320, 160)).convert(mode), "JPEG", progressive=True)
        held = 320 * 160 * 2 * channels
        assert images.decoding_bytes(progressive, long_side_px=64) == held + 160 * 80 * 4 + 64 * 32 * 6
    text = PngInfo()
    text.add_text("progressive", "1")
    assert images.decoding_bytes(saved(Image.new("RGB", (8, 8)), "PNG", pnginfo=text)) == 8 * 8 * (4 + 6)


def test_later_images_are_let_in_after_earlier_ones() -> None:
    room = Room(8, 100)
    (first,), (second,), (third,) = room.places(1), room.places(1), room.places(1)
    entered = []

    def enter(place: Any, size_bytes: int) -> None:
        room.enter(place, size_bytes)
        entered.append(place)

    with ThreadPoolExecutor(2) as pool:
        # It would fit, but would have the one before it wait.
        late = pool.submit(enter, third, 10)
        enter(first, 50)
        middle = pool.submit(enter, second, 60)
        assert entered == [first]
        room.leave(first)
        middle.result(WAIT_S)
        late.result(WAIT_S)
    assert entered == [first, second, third]


def test_of_a_group_that_waits_for_others_no_more_comes_in_than_there_is_room_for() -> None:
    room = Room(8, 100)
    (earlier,), group = room.places(1), room.places(2)
    room.enter(earlier, 50)
    room.enter(group[0], 40)
    assert not room._fits(group[1], 40)
    room.leave(earlier)
    assert room._fits(group[1], 400)
