"""What large images take: the tool's own arithmetic, and one run of it from file to file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stylize.errors import UsageError
from tools.bench import large_images


def row(side: int, peak: int, cpu_s: float, strips: int, limit: str = "2GiB") -> dict[str, Any]:
    return {
        "method": "compact", "limit": limit, "size": f"{side}x{side}", "pixels": side * side, "peak": peak,
        "cpu_s": cpu_s, "strips": strips,
    }  # fmt: skip


def test_memory_that_grows_with_the_root_of_the_pixels_has_the_exponent_of_a_half() -> None:
    rows = [row(100, 1000, 1, 1), row(200, 2000, 4, 1), row(400, 4000, 16, 1)]
    assert list(large_images._exponents(rows)) == [
        "compact, limit 2GiB: the peak grows with the pixels to the power 0.50"
    ]


def test_time_in_strips_is_held_against_the_largest_whole_image() -> None:
    rows = [row(100, 1, 5, 1, "none"), row(200, 1, 10, 1, "none"), row(400, 1, 60, 4)]
    (line,) = large_images._over_whole(rows)
    assert line.startswith("compact 400x400, limit 2GiB: 1.50 times the processor time")
    assert line.endswith("as of 200x200")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--sizes", "3000"], "3000: expected WIDTHxHEIGHT"),
        (["--sizes", "20x20,0x20"], "0x20: expected WIDTHxHEIGHT"),
        (["--max-memory", "none,much"], "--max-memory much: expected a size such as 2GiB, or none"),
    ],
)
def test_a_wrong_call_is_refused_before_anything_is_measured(words: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        large_images.main(words)


def test_a_photo_goes_from_file_to_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure, asked, found = large_images._measured, dict[str, str](), list[dict[str, Any]]()

    def measured(call: dict[str, Any], limit: str) -> dict[str, Any]:
        """Measure once: each takes a process that loads torch."""
        asked[limit] = call["max_memory"]
        found.append(found[0] if found else measure(call, limit))
        return found[-1]

    monkeypatch.setattr(large_images, "_measured", measured)
    table = tmp_path / "table.md"
    assert large_images.main(["--sizes", "320x240", "--max-memory", "80MiB,none", "--out", str(table)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("compact 320x240 ")][:2]
    assert [line.split()[:5] for line in lines] == [["compact", "320x240", limit, "1", "1"] for limit in asked]
    assert asked == {"80MiB": "80MiB", "none": large_images.WITHOUT_LIMIT}
    assert "| compact | 320x240 | none | 1 | 1 |" in table.read_text()
