from __future__ import annotations

from pathlib import Path

import pytest

from stylize import memory_limit

GIB = 2**30


@pytest.mark.parametrize(
    ("names", "stat"),
    [
        (("memory.max", "memory.current", "memory.stat"), "anon 1\ninactive_file {}\n"),
        (
            ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
            "inactive_file 1\ntotal_inactive_file {}\n",
        ),
    ],
)
def test_files_that_were_read_are_no_memory_taken(
    tmp_path: Path, names: tuple[str, str, str], stat: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable: {64 * GIB // 1024} kB\n")
    texts = str(16 * GIB), str(15 * GIB), stat.format(12 * GIB)
    for name, text in zip(names, texts, strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    monkeypatch.setattr(memory_limit, "_PROC", tmp_path)
    monkeypatch.setattr(memory_limit, "_CGROUP", tmp_path)
    assert memory_limit.free_bytes("cpu") == 13 * GIB
    (tmp_path / names[2]).unlink()
    assert memory_limit.free_bytes("cpu") == 1 * GIB


def test_a_share_is_never_more_than_all_that_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_limit, "free_bytes", lambda device: 10 * GIB)
    assert memory_limit.allowed_bytes("auto", "cpu", 0.5) == 4 * GIB
    assert memory_limit.allowed_bytes("auto", "cpu", 3.0) == 8 * GIB
