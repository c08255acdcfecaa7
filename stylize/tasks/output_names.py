"""The names of a run's results: plain where they can be, with the task's key where another task has the plain one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from stylize import naming
from stylize.tasks.task import Pair


class NamesInUse:
    """The names that OUT's rows give to their results, and to which task each belongs; 16 bytes per row."""

    def __init__(self, results: Iterable[tuple[str, str]] = ()) -> None:
        """`results` are pairs of a row's `output_uri` and its `task_id`."""
        pairs = [
            (_number(naming.same_file(name.rpartition(".")[0] or name)), _number(task_id))
            for uri, task_id in results
            for name in naming.below_images(uri)
        ]
        table = np.array(sorted(pairs), np.uint64).reshape(-1, 2)
        self._names, self._tasks = table[:, 0].copy(), table[:, 1].copy()

    def is_anothers(self, name: str, task_id: str) -> bool:
        """Return whether the name belongs to another task."""
        number = np.uint64(_number(naming.same_file(name)))
        first, last = (int(np.searchsorted(self._names, number, side)) for side in ("left", "right"))
        return bool((self._tasks[first:last] != np.uint64(_number(task_id))).any())


class OutputNames:
    """Gives each task of a run its name; ask in the order of the stream, so that the same run gives the same names.

    template: one that `naming.check_template` let pass. content_root, style_root: what the inputs lie below.
    """

    def __init__(
        self,
        template: str,
        method: str,
        suffix: str,
        content_root: str | None = None,
        style_root: str | None = None,
    ) -> None:
        self._template, self._method, self._suffix = template, method, suffix
        self._content_root, self._style_root = content_root, style_root
        self._in_use = NamesInUse()
        self._given: set[int] = set()

    def spare(self, in_use: NamesInUse) -> None:
        """Give none of these names to another task; to be called before the first name is asked for."""
        self._in_use = in_use

    def name(self, pair: Pair, task_id: str) -> str:
        """Return the name below OUT/images, suffix and all; one that cannot be done takes none from another."""
        photo = naming.mirrored(pair.content.uri, self._content_root)
        style = naming.mirrored_together([one.uri for one in pair.styles], self._style_root)
        name = self._fill(photo, style, task_id, keyed=False)
        number = _number(naming.same_file(name))
        if pair.problem or number in self._given or self._in_use.is_anothers(name, task_id):
            name = self._fill(photo, style, task_id, keyed=True)
        else:
            self._given.add(number)
        return f"{name}.{self._suffix}"

    def _fill(self, photo: str, style: str, task_id: str, keyed: bool) -> str:
        return naming.fill(self._template, photo, style, self._method, task_id, keyed)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
