"""Why images of a sweep are not ok."""

from __future__ import annotations

from jobs.sweep.reasons import OF_REASONS, REASONS_NAMED, reason_lines
from stylize.results.schema import to_batch
from tests.support.made_rows import row


def test_each_reason_is_told_once_with_its_images_and_the_rest_is_counted() -> None:
    bad = {"status": "failed", "output_uri": None}
    made = [row(n, **bad, variant="a", error="no room") for n in range(3)]
    made += [row(10 + n, **bad, variant="a", error=f"odd {n}") for n in range(REASONS_NAMED)]
    made += [row(30, variant="a"), row(31, **bad, variant="of another sweep", error="no room")]
    first, *others, last = reason_lines([to_batch(made).select(OF_REASONS)], {"a"})
    assert first == "failed: 3 images of a: no room"
    assert len(others) == REASONS_NAMED - 1
    assert "1 image of a: odd" in others[0]
    assert last == "... and 1 more that are not ok: the rows' column error says why"
