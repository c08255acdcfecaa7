"""What is said of a GPU that waited for images."""

from __future__ import annotations

from typing import Any

import pytest

from stylize.report import idle, summary
from stylize.report.page.words import across
from tests.support.made_rows import row, rows

ON_CARD = {"device": "cuda:0", "device_name": "A card", "measure_mode": "throughput", "stylize_s": 0.02}


def waited(seconds: float | None, **more: Any) -> list[dict[str, Any]]:
    return [row(number, **{**ON_CARD, "device_wait_s": seconds, **more}) for number in range(4)]


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"score_s": 0.031}, "scoring takes 31 ms of 49 ms per image beside it; give workers more CPUs, or lower"),
        ({"decode_s": 0.1}, "decoding takes 100 ms of 118 ms per image beside it; give workers more CPUs, or smaller"),
        ({"score_s": None, "decode_s": 0.1}, "decoding takes 100 ms of 108 ms per image beside it; give workers more"),
        ({"read_s": 0.2}, "reading and writing takes 202 ms of 227 ms per image beside it; raise io_threads"),
    ],
)
def test_it_names_the_share_what_takes_most_and_what_to_do(more: dict[str, float], what: str) -> None:
    made = rows(waited(0.08, **more))
    said = idle.told(made)
    assert said is not None
    assert said.startswith(f"Device idle 80 %: {what}")
    assert said in across(made, ())
    assert said in summary.markdown(made, "Summary", [])


@pytest.mark.parametrize(
    "made",
    [
        waited(0.08, device="cpu"),
        waited(0.08, measure_mode="isolated"),
        waited(0.08, warmup=True),
        waited(0.001),
        waited(None),
        [row(1, status="oom", device=None, stylize_s=None)],
    ],
    ids=["cpu", "isolated", "warm-up", "little", "unknown", "failed"],
)
def test_nothing_is_said_where_nothing_is_known_or_to_be_done(made: list[dict[str, Any]]) -> None:
    assert idle.told(rows(made)) is None
