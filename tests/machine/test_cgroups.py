from __future__ import annotations

from pathlib import Path

import pytest

from stylize.machine import cgroups


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose kernel tells nothing yet."""
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    return tmp_path


def told(root: Path, text: str, *folders: str) -> list[str]:
    """The folders of `memory`, below where groups are mounted, of a process of which the kernel tells `text`."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(text)
    for folder in folders:
        (root / "sys/fs/cgroup" / folder).mkdir(parents=True, exist_ok=True)
    return [str(one.relative_to(root / "sys/fs/cgroup")) for one in cgroups.folders("memory")]


@pytest.mark.parametrize(
    ("text", "folders", "found"),
    [
        ("0::/\n", ["."], ["."]),
        ("0::/a.slice/b.scope\n", ["a.slice/b.scope"], ["a.slice/b.scope", "a.slice", "."]),
        ("9:cpu:/c\n4:memory:/a/b\n0::/\n", ["memory/a/b"], [".", "memory/a/b", "memory/a", "memory"]),
        ("4:blkio,memory:/a\n", ["memory/a"], [".", "memory/a", "memory"]),
        ("4:memory:/docker/0a1b\n", ["memory"], [".", "memory"]),  # the host's path, which a container does not see
        ("0::/../other\n", ["."], ["."]),  # a group beside the container's own
        ("0::/a:b\n", ["a:b"], ["a:b", "."]),
        ("nonsense\n", ["."], ["."]),
        ("", [], []),
    ],
)
def test_groups_are_found_from_the_innermost_out(root: Path, text: str, folders: list[str], found: list[str]) -> None:
    assert told(root, text, *folders) == found


def test_a_machine_that_tells_nothing_has_no_groups(root: Path) -> None:
    assert cgroups.folders("memory") == []
    assert cgroups.oom_kills() is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sys/fs/cgroup/memory.events", "low 0\nhigh 0\nmax 9\noom 8\noom_kill 3\noom_group_kill 0\n"),
        ("sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"),
        ("proc/vmstat", "nr_free_pages 1\noom_kill 3\n"),
    ],
)
def test_processes_that_were_ended_for_memory_are_counted(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True)
    (root / name).write_text(text)
    assert cgroups.oom_kills() == 3
