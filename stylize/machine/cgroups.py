"""What this process's control groups allow it and say of it: a container's, a batch system's or a service's."""

from __future__ import annotations

from functools import cache
from pathlib import Path

ROOT = Path("/")


def folders(controller: str) -> list[Path]:
    """Return the folders of this process's groups of a controller such as `memory`, each version's innermost one first.

    What any of them allows holds for all within. Where the kernel tells a container the host's path, the root that the
    container sees is its own.
    """
    return _folders(controller, ROOT)


@cache
def _folders(controller: str, root: Path) -> list[Path]:
    """Return them, asked for once: they are wanted for each image, and take a millisecond."""
    found = []
    for own, mount in (("", root / "sys/fs/cgroup"), (controller, root / "sys/fs/cgroup" / controller)):
        inner = mount / _path(own, root).lstrip("/")
        chain = (inner, *inner.parents) if ".." not in inner.parts else (mount,)
        found += [one for one in chain if one.is_relative_to(mount) and one.is_dir()]
    return found


def oom_kills() -> int | None:
    """Return how many processes of this one's group, or else of the machine, the kernel ended as memory ran out.

    None where it does not tell.
    """
    counts = [folder / name for folder in folders("memory") for name in ("memory.events", "memory.oom_control")]
    for path in (*counts, ROOT / "proc/vmstat"):
        for line in lines(path):
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return None


def lines(path: Path) -> list[str]:
    """Return the lines of one of the kernel's files; none where it is not there or cannot be read."""
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _path(controller: str, root: Path) -> str:
    """Return this process's path below where a controller is mounted, "" being version 2's, as the kernel tells it."""
    fields = (line.split(":", 2) for line in lines(root / "proc/self/cgroup"))
    found = (words[2] for words in fields if len(words) == 3 and controller in words[1].split(","))
    return next(found, "/")
