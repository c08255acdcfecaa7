"""Which tasks are still to be done, given the rows that earlier runs left in OUT."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from jobs.progress.stats import RunStats
from jobs.run.earlier_rows import result_settings
from jobs.run.lacking import Lacking
from jobs.run.stored_rows import StoredRows
from stylize.config import JobConfig
from stylize.errors import UsageError, counted, one_line
from stylize.results.run_record import RunRecord, read_runs
from stylize.results.schema import key_of
from stylize.results.store import Replaceable
from stylize.tasks.pairing import is_in_shard
from stylize.tasks.task import Pair, Task, number_of, settings_of


class Resume:
    """Tells tasks that are still to be done from those that have a row, and counts the latter in `stats`.

    done: 16-byte keys of tasks that are not to be done again. replaceable: rows that new ones may replace. config: the
    main job's; without one, no task is listed twice, and a row is superseded by its own task's alone. earlier: gives
    the key of another task's row that stands for a task, as its files were only touched. redone: where all is done
    again, such a row is superseded too; it gives the name of that row's result, which the new one takes. lacking:
    counts rows that are ok and stay.
    """

    settings_apart = True
    """Whether rows of the same work with other settings stand beside each other."""

    def __init__(
        self,
        done: set[bytes],
        replaceable: Iterable[Replaceable],
        stats: RunStats,
        config: JobConfig | None = None,
        earlier: Callable[[Task], bytes | None] = lambda task: None,
        redone: Callable[[bytes], str | None] | None = None,
        lacking: Lacking | None = None,
    ) -> None:
        self._earlier, self._redone = earlier, redone
        self._done, self._stats, self._lacking = done, stats, lacking
        self._may_repeat = config is not None and config.manifest is not None
        self._listed_again = 0
        self.kept_failed: set[bytes] = set()
        """Keys of tasks whose row, which is not ok, stays."""
        self.mended: set[bytes] = set()
        """Keys of rows on lines of a manifest that can be used by now or have newer ones, once all tasks are listed."""
        self._status: dict[bytes, str] = {}
        self._replaceable: dict[int, list[bytes]] = {}
        """What `same_work` gives of a replaceable row -> the keys of such rows."""
        self._settings = None if config is None else config.result_settings()
        self._listed_in = f"{one_line(config.manifest)}: row " if config is not None and config.manifest else None
        self._bad_rows: dict[bytes, tuple[int, str]] = {}
        """Rows on lines of the manifest that could not be used, with the line's number and the settings then."""
        self._bad_now: dict[int, str] = {}
        """Lines that cannot be used, with the settings now."""
        for row in replaceable:
            self._status[row.key] = row.status
            if (line := self._bad_line(row.error, row.content_uri, row.style_uri)) is not None:
                # Lines of other shards are not listed here.
                if is_in_shard(row.content_uri, row.style_uri, config.shard if config else None):
                    self._bad_rows[row.key] = line, _result_settings(row.settings_json)
            elif config is not None:
                self._replaceable.setdefault(same_work(row._asdict()), []).append(row.key)

    def _bad_line(self, *texts: str | None) -> int | None:
        """Return the number of the manifest's line that these texts say could not be used, None where none does so.

        A row of such a line is no work of its pair.
        """
        prefix = self._listed_in
        numbers = (text.removeprefix(prefix) for text in texts if prefix and text and text.startswith(prefix))
        return next((int(number[0]) for rest in numbers if (number := re.match(r"\d+", rest))), None)

    def _is_bad(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row is of a line of the manifest that could not be used."""
        return self._bad_line(row["error"], row["content_uri"], row["style_uri"]) is not None

    def pending(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """Return the tasks without a row, lazily, each once: a manifest may list a pair twice."""
        listed: set[bytes] = set()
        yield from self._pending(tasks, listed)
        # A line that still cannot be used keeps its rows of other settings: those of runs of their own.
        told = ((key, settings, self._bad_now.get(line, settings)) for key, (line, settings) in self._bad_rows.items())
        self.mended = {key for key, then, now in told if key not in listed and (then == now or not self.settings_apart)}

    def _pending(self, tasks: Iterable[Task], listed: set[bytes]) -> Iterator[Task]:
        for task in tasks:
            key = key_of(task.task_id)
            if key in listed:
                self._stats.total -= 1
                self._listed_again += 1
                continue
            if self._may_repeat:
                listed.add(key)
                if (line := self._bad_line(task.pair.problem)) is not None:
                    self._bad_now[line] = _settings_of(task.pair, self._settings or {})
            if key in self._done:
                if key in self._status:
                    self._stats.keep(self._status[key])
                    self.kept_failed.add(key)
                else:
                    self._keep(key)
            elif (other := self._earlier(task)) is None:
                yield task
            elif self._redone is not None:
                self._replaceable.setdefault(work_of(task.pair, self._settings or {}), []).append(other)
                yield replace(task, output_name=self._redone(other) or task.output_name)
            else:
                self._keep(other)

    def _keep(self, key: bytes) -> None:
        self._stats.keep("ok")
        if self._lacking is not None:
            self._lacking.keep(key)

    def notes(self) -> list[str]:
        """Return what is to be told once all tasks are listed: of pairs listed again, and of rows that stay."""
        told = []
        if self._listed_again:
            rows = counted(self._listed_again, "row lists a pair", "rows list pairs")
            told.append(f"manifest: {rows} that other rows list, too; each is done once")
        if self.kept_failed:
            rows = counted(len(self.kept_failed), "row that is not ok stays", "rows that are not ok stay")
            told.append(f"{rows}: --retry-failed does such again")
        return told if self._lacking is None else told + self._lacking.lines()

    def superseded(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        """Return the keys of rows that the batch replaces: of its pairs and settings, failed, without image or redone.

        Their files were replaced or touched since, so that their tasks have other keys.
        """
        if not self._replaceable:
            return
        for row in batch.select(["task_id", "error", *OF_WORK]).to_pylist():
            found = [] if self._is_bad(row) else self._replaceable.pop(same_work(row), [])
            yield from (key for key in found if key != key_of(row["task_id"]))


def runs_with_rows(folder: Path) -> list[RunRecord]:
    """Return the records of the runs that left rows in an OUT, the newest first. One that was killed counted none."""
    runs = read_runs(folder)
    if all(run.counts for run in runs):
        return runs
    named = set(StoredRows(folder).table(["run_id"]).column("run_id").unique().to_pylist())
    return [run for run in runs if run.counts or run.run_id in named]


def refuse_other_shard(config: JobConfig, runs: Iterable[RunRecord]) -> None:
    """Raise UsageError if `runs_with_rows` did another share of the same pairs: two OUTs would have rows of a task."""
    own = config.model_dump()
    for run in runs:
        shards = {run.config.get("shard"), config.shard}
        same = all(run.config.get(name) == own[name] for name in ("content", "styles", "manifest"))
        if same and None not in shards and len(shards) > 1:
            raise UsageError(
                f"OUT holds shard {one_line(run.config['shard'])} of these pairs: go on with that, or give another OUT"
            )


def other_names(config: JobConfig, runs: Iterable[RunRecord]) -> list[str]:
    """Return a line where the last of `runs_with_rows` named its results in another way, which those keep."""
    last = next((run.config for run in runs if "layout" in run.config), None)
    now = (config.layout, config.name)
    if last is None or (last["layout"], last.get("name")) == now:
        return []
    names = f"{config.called('layout')} and {config.called('name')}"
    return [f"results that are there keep their names; {names} are of new ones"]


OF_WORK = ("content_uri", "style_uri", "style_uris", "settings_json")
"""The columns that `same_work` needs."""


def same_work(row: Mapping[str, Any]) -> int:
    """Return a number that rows of the same photo, artworks and settings have, whatever became of their files."""
    settings = _result_settings(row["settings_json"])
    return number_of(row["content_uri"], row["style_uri"], row["style_uris"], settings)


def work_of(pair: Pair, settings: dict[str, Any]) -> int:
    """Return what `same_work` gives of the row of a pair in a run of these `result_settings`."""
    return number_of(pair.content.uri, pair.style.uri, pair.style_uris, _settings_of(pair, settings))


def _settings_of(pair: Pair, settings: dict[str, Any]) -> str:
    return json.dumps(settings_of(settings, pair.own, pair.shares), sort_keys=True)


@functools.lru_cache(256)
def _result_settings(settings_json: str | None) -> str:
    return json.dumps(result_settings(settings_json), sort_keys=True)


def nothing_to_do(tasks: int) -> str:
    """Return the line of a run that finds so many tasks, all of them with a row."""
    rows = f"all {tasks} tasks have their rows" if tasks != 1 else "the one task has its row"
    return f"nothing to do: {rows} already"
