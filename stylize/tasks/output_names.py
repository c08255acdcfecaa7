"""The names of a run's results: plain where they can be, with the task's key where another task has the plain one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import numpy as np

from stylize import naming
from stylize.tasks.task import Pair, number_of


class NamesInUse:
    """The names that OUT's rows give to their results, and to which task each belongs; 16 bytes per row."""

    def __init__(self, results: Iterable[tuple[str, str]] = (), gone: Iterable[tuple[str, int]] = ()) -> None:
        """`results` are pairs of a row's `output_uri` and its `task_id`, `gone` of one that is deleted and its work's
        number."""
        owned = itertools.chain(((uri, number_of(task_id)) for uri, task_id in results), gone)
        pairs = [
            (number_of(naming.same_file(name.rpartition(".")[0] or name)), owner)
            for uri, owner in owned
            for name in naming.below_images(uri)
        ]
        table = np.array(sorted(pairs), np.uint64).reshape(-1, 2)
        self._names, self._owners = table[:, 0].copy(), table[:, 1].copy()

    def owners(self, name: str) -> set[int]:
        """Return the numbers of whom a name belongs to: of tasks, and of deleted results' work."""
        number = np.uint64(number_of(naming.same_file(name)))
        first, last = (int(np.searchsorted(self._names, number, side)) for side in ("left", "right"))
        return set(self._owners[first:last].tolist()) if first < last else set()


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
        self._work: Callable[[Pair], int] = lambda pair: 0
        self._foreign: Callable[[str, str], bool] = lambda name, task_id: False
        self._given: set[int] = set()

    def spare(
        self,
        in_use: NamesInUse,
        work: Callable[[Pair], int],
        foreign: Callable[[str, str], bool] = lambda name, task_id: False,
    ) -> None:
        """Give none of these names to another task; to be called before the first name is asked for.

        work: the number of what a pair's task does, whatever the bytes of its files. foreign: tells of a name, suffix
        and all, that no row has, and of a task's key whether a file is there that the task has not made.
        """
        self._in_use, self._work, self._foreign = in_use, work, foreign

    def name(self, pair: Pair, task_id: str) -> str:
        """Return the name below OUT/images, suffix and all; one that cannot be done takes none from another."""
        photo = naming.mirrored(pair.content.uri, self._content_root)
        style = naming.mirrored_together([one.uri for one in pair.styles], self._style_root)
        name = self._fill(photo, style, task_id, keyed=False)
        number = number_of(naming.same_file(name))
        owners = self._in_use.owners(name)
        # A task's work is asked for only where it decides: of a million tasks that is seconds.
        if others := owners - {number_of(task_id)}:
            taken = others != {self._work(pair)}
        else:
            taken = not owners and self._foreign(f"{name}.{self._suffix}", task_id)
        if pair.problem or number in self._given or taken:
            name = self._fill(photo, style, task_id, keyed=True)
        else:
            self._given.add(number)
        return f"{name}.{self._suffix}"

    def _fill(self, photo: str, style: str, task_id: str, keyed: bool) -> str:
        return naming.fill(self._template, photo, style, self._method, task_id, keyed)
