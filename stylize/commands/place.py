"""Where a command writes a file that its user names: checked before minutes of work."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from stylize.errors import UsageError, one_line
from stylize.io.location import real

MOST_NAME_BYTES = 255
"""Of a file on any system in use."""
MOST_PATH_BYTES = 4095
"""Of a path that Linux takes at once."""


def file_to_write(path: Path, called: str, force: bool) -> Path:
    """Return where a file goes: the end of the links, which stay. `called`: its role and what the user called it.

    Folders that are missing are made when it is written. Raises UsageError for a folder, for what is there already
    unless `force` is given, and where nothing can be written.
    """
    if any(len(os.fsencode(name)) > MOST_NAME_BYTES for name in path.parts):
        raise UsageError(f"{called}: a name of more than {MOST_NAME_BYTES} bytes; give a shorter one")
    if len(os.fsencode(path)) > MOST_PATH_BYTES:
        raise UsageError(f"{called}: a path of more than {MOST_PATH_BYTES} bytes; give a shorter one")
    if path.is_dir():
        raise UsageError(f"{called} is a folder; give a file name")
    if os.path.lexists(path) and not force:
        link = "" if path.exists() else ", a link that leads nowhere"
        raise UsageError(f"{called} is there already{link}; give another name, or --force to replace it")
    if path.is_symlink():
        path = real(path)
        if path.is_symlink():
            raise UsageError(f"{called} is a link that leads back to itself; give another name")
    above = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
    try:
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError:
        raise UsageError(
            f"{called}: {one_line(above)} is no folder that may be written to; give another place"
        ) from None
    return path
