"""How busy a worker keeps a card that is not there: `TMPDIR=/dev/shm chrt -f 1 python -m tools.bench.simulated_card`.

The card takes CARD_MS an image and SCORING_MS to score it, one thing after the other, from a queue as a real one has.
All else is real: photos are read, decoded, encoded, looked at again and written. Printed are the share of the time that
the card works, what share of what the parts allow that is, and how many cores such a card needs. Parts are measured
alone, in the CPU time of one thread.

`chrt` keeps other programs off the two cores, and files in memory a disk that takes half a millisecond of a core for a
new file where many were deleted lately.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from stylize import cli, images
from stylize import config as configs
from stylize.io.files import read_bytes
from stylize.machine import devices
from stylize.measure import on_device
from stylize.pipeline import quality, scored, stylize_stage
from stylize.pipeline.runner import Runner
from stylize.pipeline.transfers import Download
from stylize.results.schema import Row
from stylize.stylizers.base import Settings
from stylize.stylizers.identity import Identity
from tools.arguments import positive_int
from tools.bench.inputs import job_tasks, write_inputs

WIDTH_PX, HEIGHT_PX = 768, 512
CARD_MS, SCORING_MS = 5.0, 0.5
CORES = 2
BATCH, IN_FLIGHT = 16, 3
"""Tasks of a call, and calls that a worker has at a time, as the driver gives them."""


class Card:
    """Does what is queued, one thing after the other, and counts for how long."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free_at = 0.0
        self.busy_s = 0.0

    def queue(self, ms: float = 0.0) -> float:
        """Queue so much work, behind what is queued; return when it will be done, by `perf_counter`."""
        with self._lock:
            self._free_at = max(self._free_at, time.perf_counter()) + ms / 1e3
            self.busy_s += ms / 1e3
            return self._free_at


class Point:
    """A `devices.Mark` of the card."""

    def __init__(self, card: Card) -> None:
        self._at = card.queue()

    def wait(self) -> None:
        """Sleep until the card gets there."""
        time.sleep(max(0.0, self._at - time.perf_counter()))

    def seconds_since(self, earlier: Point) -> float:
        """Return the card's time between the two."""
        return self._at - earlier._at


class OnCard(Identity):
    """The photo again, once the card is done with it."""

    card: Card
    ms: float
    ranked = False

    def stylize(self, content: Tensor, code: Any) -> Tensor:
        """Turn (3, H, W) into the same."""
        if not self.ranked:
            self.ranked = True
            rank_above_others()
        self.card.queue(self.ms)
        return content


def rank_above_others() -> None:
    """Let this thread go first where threads are ranked, as under `chrt -f`.

    Of one rank none interrupts another, which a usual scheduler lets a thread do that has slept.
    """
    if sys.platform != "linux":
        return
    policy = os.sched_getscheduler(0)
    if policy in (os.SCHED_FIFO, os.SCHED_RR):
        rank = os.sched_getparam(0).sched_priority
        os.sched_setscheduler(0, policy, os.sched_param(min(rank + 1, os.sched_get_priority_max(policy))))


class Scores:
    """Scores that cost the CPU nothing."""

    def __init__(self, card: Card) -> None:
        self._card = card

    def compare(self, photo: object, result: object) -> Row:
        """Return numbers, after the card's time."""
        self._card.queue(SCORING_MS)
        Point(self._card).wait()
        return dict.fromkeys(on_device.NAMES, 0.5)


class Arriving(Download):
    """Comes when the card is done."""

    def __init__(self, hosts: list[Tensor], done: Point) -> None:
        super().__init__(hosts)
        self._done = done

    def arrays(self) -> list[Any]:
        """Wait for it."""
        self._done.wait()
        return super().arrays()


@contextlib.contextmanager
def pretended(card: Card) -> Iterator[None]:
    """Let the pipeline take the CPU for an accelerator which converts and scores pictures by itself."""

    def sent_back(transfers: object, results: Tensor, times: scored.Times) -> list[scored.OnItsWay]:
        levels = results.view(torch.uint8).permute(0, 2, 3, 1).contiguous()
        download = Arriving([levels, torch.ones(len(levels), dtype=torch.bool)], Point(card))
        return [scored.OnItsWay(download, index, times) for index in range(len(levels))]

    def in_range(pixels: Tensor) -> Tensor:
        # The same bytes, by the name of a kind of numbers that stylizers take.
        return pixels.view(torch.float8_e4m3fn).permute(2, 0, 1)

    with (
        mock.patch.object(devices, "is_accelerator", return_value=True),
        mock.patch.object(devices, "facts", return_value={"device": "simulated"}),
        mock.patch.object(devices, "full_name", return_value="simulated:0"),
        mock.patch.object(devices, "synchronize"),
        mock.patch.object(devices, "Mark", lambda device: Point(card)),  # noqa: PT008 - a new one each time
        mock.patch.object(quality, "DeviceScores", return_value=Scores(card)),
        mock.patch.object(stylize_stage, "sent_back", sent_back),
        mock.patch.object(stylize_stage, "in_range", in_range),
    ):
        yield


def main(argv: Sequence[str]) -> int:
    """Print the numbers; returns 0."""
    parser = cli.Parser(prog="python -m tools.bench.simulated_card", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=positive_int, default=256, help="in each turn (default 256)")
    parser.add_argument("--turns", type=positive_int, default=3, help="runs, of which the median counts (default 3)")
    parser.add_argument("--card-ms", type=float, default=CARD_MS, help=f"time of an image (default {CARD_MS:g})")
    parser.add_argument("--io-threads", type=positive_int, default=2, help="threads that read, and as many that write")
    given = parser.parse_args(argv)
    torch.set_num_threads(CORES)
    with tempfile.TemporaryDirectory() as folder:
        photos, _ = write_inputs(Path(folder), given.images, WIDTH_PX, HEIGHT_PX)
        parts = parts_ms(photos, Path(folder))
        turns = [_turn(Path(folder), given) for _ in range(given.turns)]
    _show(given, parts, turns)
    return cli.EXIT_OK


def parts_ms(photos: Sequence[Path], folder: Path) -> dict[str, float]:
    """Return what each part of an image costs one thread alone, in ms of CPU time: medians of 32 photos."""
    took: dict[str, list[float]] = {}

    def part(name: str, call: Callable[[], Any]) -> Any:
        start = time.thread_time()
        result = call()
        took.setdefault(name, []).append((time.thread_time() - start) * 1e3)
        return result

    for path in photos[:32]:
        data = part("read", partial(read_bytes, str(path)))
        decoded = part("decode", partial(images.decode, data))
        file = part("encode", partial(images.encode, decoded.pixels, "jpg", 95))
        part("decode again to score", partial(images.decode, file))
        part("write", partial((folder / "part.jpg").write_bytes, file))
    return {name: statistics.median(times) for name, times in took.items()}


def _turn(folder: Path, given: argparse.Namespace) -> tuple[float, float, float]:
    """Return the seconds of a turn, those that the card worked, and those of CPU time."""
    values = {name: str(folder / name) for name in ("content", "styles")} | {"out": tempfile.mkdtemp(dir=folder)}
    job = configs.build(values | {"stylizer": "identity", "io_threads": given.io_threads})
    tasks = list(job_tasks(job))
    card = Card()
    with pretended(card):
        stylizer = OnCard(Settings(), device="cpu")
        stylizer.card, stylizer.ms = card, given.card_ms
        runner = Runner(job, stylizer, run_id="r", worker_id="w", token=None)
        runner.run(tasks[:BATCH])
        card.busy_s, start, cpu = 0.0, time.perf_counter(), time.process_time()
        waiting: list[Callable[[], Any]] = []
        statuses: set[str] = set()
        for first in range(0, len(tasks), BATCH):
            waiting.append(runner.submit(tasks[first : first + BATCH]))
            if len(waiting) >= IN_FLIGHT:
                statuses |= set(waiting.pop(0)().column("status").to_pylist())
        for wait in waiting:
            statuses |= set(wait().column("status").to_pylist())
        assert statuses == {"ok"}, f"rows are {statuses}"
        took = time.perf_counter() - start, card.busy_s, time.process_time() - cpu
        runner.close(wait=True)
    return took


def _show(given: argparse.Namespace, parts: dict[str, float], turns: list[tuple[float, float, float]]) -> None:
    card_ms, beside_ms = given.card_ms + SCORING_MS, sum(parts.values())
    allowed_ms = max(card_ms, beside_ms / CORES)
    wall_ms = statistics.median(wall for wall, _, _ in turns) / given.images * 1e3
    cpu_ms = statistics.median(cpu for _, _, cpu in turns) / given.images * 1e3
    listed = ", ".join(f"{name} {ms:.1f}" for name, ms in parts.items())
    print(f"parts on one core, ms of CPU time per image: {listed}: {beside_ms:.1f} in all; the card {card_ms:.1f}")
    print(f"{given.images} images {WIDTH_PX}x{HEIGHT_PX}, {CORES} cores, {1e3 / wall_ms:.0f}/s")
    print(f"the card works {card_ms / wall_ms:.2f} of the time; the parts allow {card_ms / allowed_ms:.2f}")
    print(f"share of what the parts allow: {allowed_ms / wall_ms:.2f}")
    print(f"CPU time per image {cpu_ms:.1f} ms, {cpu_ms / beside_ms:.2f} of the parts'")
    print(f"cores that a card of {given.card_ms:g} ms needs: {beside_ms / card_ms:.1f} by its parts, "
          f"{cpu_ms / card_ms:.1f} as it is")  # fmt: skip


if __name__ == "__main__":
    cli.run(main)
