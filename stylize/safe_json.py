"""JSON that nobody vouches for: read in bounded time and memory, or refused in one line."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

MAX_BYTES = 32_000_000
"""A run's record has some ten thousand for each run of its OUT."""
MAX_DEPTH = 20


def read(path: Path) -> Any:
    """Return what a file says in JSON. Raises OSError, and ValueError for what is not JSON or beyond the bounds."""
    with open(path, "rb", opener=_open_file) as file:  # `Path.open` takes no opener
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"over {MAX_BYTES} bytes, which no record needs")
    return parse(data.decode("utf-8"))


def parse(text: str) -> Any:
    """Return what a text says in JSON. Raises ValueError for anything else, and for more than MAX_DEPTH."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise _too_deep() from None
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return value
    raise _too_deep()


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _too_deep() -> ValueError:
    return ValueError(f"nested more than {MAX_DEPTH} deep, which no record needs")


def _open_file(name: str, flags: int) -> int:
    """Open a file, and nothing else: a pipe in its place would be waited for, a device has no end."""
    descriptor = os.open(name, flags | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # of a folder Python says so itself
        os.close(descriptor)
        raise ValueError("not a file")
    return descriptor
