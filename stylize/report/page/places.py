"""Where a report's pictures may be read from, and which of their files are lost."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from stylize.errors import CannotContinueError, StylizeError, counted
from stylize.results.trusted import Readable

MOST_NAMED = 12
"""Methods and sizes that are named as lacking files."""


class ChangedError(Exception):
    """A file is not the one that its row tells of."""


class Places(Readable):
    """Where pictures may be read from, and what is lost of them."""

    def __init__(self, homes: list[str], trusted: bool, stores: Sequence[str] = ()) -> None:
        super().__init__(homes, trusted, stores)
        self._gone, self._changed = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)

    @contextlib.contextmanager
    def counting(self, what: str, file: str) -> Iterator[None]:
        """Note a file that is not there, cannot be read or was changed, by what it is of; once, however often asked."""
        try:
            yield
        except CannotContinueError:
            raise
        except ChangedError:
            self._changed[what].add(file)
        except (StylizeError, OSError):
            self._gone[what].add(file)

    def lost(self) -> list[str]:
        """Return what was counted, in words."""
        return [
            _lost(self._gone, "is not there, or cannot be read", "are not there, or cannot be read"),
            _lost(self._changed, "is no longer the row's, and not shown", "are no longer the rows', and not shown"),
        ]


def _lost(files: dict[str, set[str]], does: str, do: str) -> str:
    """Return how many files are lost, and of what; empty for none."""
    counts = Counter({what: len(lost) for what, lost in files.items()})
    if not counts:
        return ""
    named = [f"{n} of {what}" for what, n in counts.most_common(MOST_NAMED)]
    more = [f"and those of {len(counts) - MOST_NAMED} more"] * (len(counts) > MOST_NAMED)
    told = ", ".join(named + more)
    return f"{counted(counts.total(), 'file')} {does if counts.total() == 1 else do} ({told})"
