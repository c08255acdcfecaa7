"""Folders below an input folder that a job or command of ours made: what is there is no input of another one."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from stylize.errors import UsageError
from stylize.io.location import LocalPath, ObjectUri
from stylize.io.out_folder import EXPORT, MADE, REPORT, RUN, TRAINING, is_out

_MADE_BY = {
    "images": (RUN,), "inputs": (RUN,), "rows": (RUN,), "checkpoints": (TRAINING,), "losses": (TRAINING,),
    "samples": (TRAINING,), "index.html": (REPORT, EXPORT), "pictures": (REPORT,), "index.js": (EXPORT,),
    "v0": (EXPORT,),
}  # fmt: skip
"""What stands in an OUT of ours, to the records it may have. In a store's order these come before the record."""


def reason_against_folder(folder: LocalPath, names: Collection[str]) -> str | None:
    """Return why nothing in a folder of this machine is an input, None where it may be; `names` are in it."""
    return next((what for record, what in MADE.items() if record in names and is_out(folder, record)), None)


class OutsBelow:
    """Those below a folder of an object store; each that may be one is asked for once."""

    def __init__(self, root: ObjectUri) -> None:
        self._root = root
        self._known: dict[tuple[str, str], bool] = {}

    def above(self, name: str) -> tuple[str, str] | None:
        """Return the OUT that an object lies in, and why that is left out; None for none. name: below the root."""
        parts = name.split("/")
        for number, part in enumerate(parts[1:], start=1):
            folder = "/".join(parts[:number])
            for record in _MADE_BY.get(part, ()):
                if self._is_out(folder, record):
                    return folder, MADE[record]
        return None

    def _is_out(self, folder: str, record: str) -> bool:
        if (folder, record) not in self._known:
            found = False
            with contextlib.suppress(UsageError):  # a store that shows no single object
                found = is_out(self._root.join(folder), record)
            self._known[folder, record] = found
        return self._known[folder, record]
