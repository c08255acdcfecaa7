from __future__ import annotations

from pathlib import Path

import pytest

from stylize.machine import cgroups, memory_limit

GIB = 2**30


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


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
    groups = tmp_path / "sys/fs/cgroup"
    put(tmp_path / "proc/meminfo", f"MemTotal: 1 kB\nMemAvailable: {64 * GIB // 1024} kB\n")
    for name, text in zip(names, (str(16 * GIB), str(15 * GIB), stat.format(12 * GIB)), strict=True):
        put(groups / name, f"{text}\n")
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    assert memory_limit.free_bytes("cpu") == 13 * GIB
    (groups / names[2]).unlink()
    assert memory_limit.free_bytes("cpu") == 1 * GIB
    (tmp_path / "proc/meminfo").unlink()
    (groups / names[1]).write_text(str(16 * GIB))
    assert memory_limit.free_bytes("cpu") == 0


def test_the_narrowest_of_the_groups_around_this_process_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service's or a batch system's limit lies deeper than the root, which is all that a container sees."""
    put(tmp_path / "proc/self/cgroup", "0::/user.slice/job.scope\n")
    for folder, limit in (("user.slice/job.scope", "max"), ("user.slice", str(4 * GIB)), (".", str(8 * GIB))):
        put(tmp_path / "sys/fs/cgroup" / folder / "memory.max", limit)
        put(tmp_path / "sys/fs/cgroup" / folder / "memory.current", str(GIB))
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    assert memory_limit.free_bytes("cpu") == 3 * GIB


def test_a_share_is_never_more_than_all_that_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_limit, "free_bytes", lambda device: 10 * GIB)
    assert memory_limit.allowed_bytes("auto", "cpu", 0.5) == 4 * GIB
    assert memory_limit.allowed_bytes("auto", "cpu", 3.0) == 8 * GIB
