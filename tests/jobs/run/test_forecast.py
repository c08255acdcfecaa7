"""How long a run will take, by the last one."""

from __future__ import annotations

from jobs.run.forecast import LastRun


def test_few_images_take_no_less_than_one_of_them() -> None:
    last = LastRun(images=50, span_s=4.0, one_s=0.4, workers=2)
    assert last.line(3).startswith("time:   about 400 ms for 3 images, ")
    assert last.line(100).startswith("time:   about 8 s for 100 images, ")
