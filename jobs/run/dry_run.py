"""`--dry-run`: what a run would do, how many and how big, and what it would refuse."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from jobs.progress import json_lines
from jobs.progress.stats import RunStats
from jobs.run import forecast
from jobs.run.earlier_rows import REDO, changed_code_lines, made_otherwise
from jobs.run.lacking import Lacking
from jobs.run.output_dir import refuse_in_use
from jobs.run.pictures import Pictures
from jobs.run.placement import refuse_neighbours
from jobs.run.resolve import ResolvedConfig, load_scorer, scheduler_options
from jobs.run.resume import Resume, other_names, refuse_other_shard, runs_with_rows
from jobs.run.stored_rows import StoredRows
from jobs.run.touched import TouchedFiles
from jobs.scheduler import preflight
from jobs.scheduler.ray_runtime import joins_cluster, local_or_cluster
from jobs.scheduler.worker import checked_settings
from stylize import cli, downloads
from stylize.downloads import NotDownloadedError
from stylize.errors import counted, one_line
from stylize.io.location import ObjectUri, locate
from stylize.io.out_folder import refuse_foreign
from stylize.report.units import size
from stylize.results.copies import rows_at_hand
from stylize.tasks.task import MISSING, Pair
from stylize.terminal import say

SHOWN = 5


@dataclass
class Outlook:
    """What a run would do. Its fields are those of the `dry_run` event."""

    out: str
    stylizer: str
    precision: str
    device: str
    settings: dict[str, Any]
    resolution_px: int | None
    shard: str | None
    total: int
    """Pairs, those that have rows already included."""
    notes: list[str]
    left: int = 0
    unusable: int = 0
    """Pairs without a row whose row will say what is wrong: of a bad row of the manifest, of no or an empty file."""
    kept: int = 0
    photos: int = 0
    size_bytes: int = 0
    first: list[tuple[str, str]] = field(default_factory=list)
    """URIs of the first pairs that are left; those of several artworks joined by +."""
    downloads: list[str] = field(default_factory=list)
    """Which weights the run would fetch, a line each."""
    forecast: list[str] = field(default_factory=list)
    """The memory and time that it will take, and how that is known."""

    def lines(self) -> Iterator[str]:
        """Yield what a person is told."""
        share = f" of shard {self.shard}" if self.shard else ""
        how = f"with {self.stylizer} in precision {self.precision} on {self.device}"
        yield f"would restyle {self.left} of {counted(self.total, 'pair')}{share} {how}{':' * bool(self.first)}"
        for content, style in self.first:
            yield f"  {one_line(content)}  x  {one_line(style)}"
        if self.left > len(self.first):
            yield "  ..."
        if self.unusable:
            yield f"{counted(self.unusable, 'pair')} cannot be used, and would have rows that say why"
        if self.settings:
            told = ", ".join(f"{name}={value}" for name, value in self.settings.items())
            yield f"settings of {self.stylizer}: {told}"
        side = f"{self.resolution_px} px" if self.resolution_px else "as it is"
        yield f"{counted(self.photos, 'photo')}, {size(self.size_bytes)}; long side {side}"
        yield from self.forecast
        yield from self.notes
        yield from self.downloads
        done = f"; {self.kept} of the pairs have their row there and are not done again" if self.kept else ""
        yield f"into {one_line(self.out)}{done}; nothing was written"


class _Sample:
    """Looks at what is left to be done as it passes: the first pairs, and how many photos there are, how big."""

    def __init__(self, outlook: Outlook, listed: bool) -> None:
        """Take what is counted into. listed: by a manifest, of whose files here the survey tells."""
        self._outlook, self._listed = outlook, listed
        self._contents: set[int] = set()
        self._largest: list[tuple[int, Pair]] = []
        self.absent: list[str] = []
        """The first files that are not there, but for those that the survey tells of."""
        self.empty: list[str] = []
        """The first files without a byte."""
        self.no_files: list[str] = []
        """The first of what is not read as it could block for ever: pipes, devices and sockets."""

    def count(self, pairs: Iterable[Pair]) -> None:
        outlook = self._outlook
        for pair in pairs:
            absent = [one.uri for one in pair.inputs if one.identity == MISSING]
            empty = [one.uri for one in pair.inputs if one.identity.startswith("0:")]
            if pair.problem or absent or empty:
                outlook.unusable += 1
                if not pair.problem:
                    told = [uri for uri in absent if not self._listed or isinstance(locate(uri), ObjectUri)]
                    _add_first(self.absent, told)
                    for uri in empty:
                        _add_first(self.empty if _may_be_file(uri) else self.no_files, [uri])
                continue
            outlook.left += 1
            if len(outlook.first) < SHOWN:
                outlook.first.append((pair.content.uri, " + ".join(one.uri for one in pair.styles)))
            # Its hash, as a million URIs would be a hundred megabytes.
            content = hash(pair.content.uri)
            if content not in self._contents:
                self._contents.add(content)
                length, known, _ = pair.content.identity.partition(":")
                outlook.photos += 1
                outlook.size_bytes += int(length) if known else 0
                if known:
                    self._note_size(int(length), pair)

    def _note_size(self, size_bytes: int, pair: Pair) -> None:
        if len(self._largest) < forecast.LOOKED_AT or size_bytes > self._largest[-1][0]:
            bisect.insort(self._largest, (size_bytes, pair), key=lambda one: -one[0])
            del self._largest[forecast.LOOKED_AT :]

    @property
    def largest(self) -> list[Pair]:
        """Return pairs of the photos with the most bytes, the largest first."""
        return [pair for _, pair in self._largest]


def _may_be_file(uri: str) -> bool:
    where = locate(uri)
    return isinstance(where, ObjectUri) or where.path.is_file()


def _add_first(known: list[str], uris: Iterable[str]) -> None:
    known += [uri for uri in uris if uri not in known][: SHOWN - len(known)]


def dry_run(config: ResolvedConfig, retry_failed: bool, redo: bool) -> None:
    """Print what a run would do, as one JSON object under `--progress json`; nothing is written or downloaded.

    Raises UsageError and CannotContinueError where a run would.
    """
    config.check()
    outlook = _outlook(config, retry_failed, redo)
    _ask_cluster(config, outlook)
    if config.job.progress == "json":
        json_lines.emit("dry_run", status=cli.EXIT_OK, **asdict(outlook))
        return
    say(*outlook.lines())


def _ask_cluster(config: ResolvedConfig, outlook: Outlook) -> None:
    """Note what a cluster's machines have. Raises as `check_nodes` does where one does not see the inputs."""
    job = config.job
    if joins_cluster(job.address) and (first := list(itertools.islice(config.pairs(), preflight.LOOKED_AT))):
        with local_or_cluster(job.address):
            required = preflight.requirements(job, first, None)
            nodes = preflight.check_nodes(scheduler_options(job), required, outlook.notes.append)
            refuse_neighbours(job, (node["workers"] for node in nodes))


def _outlook(config: ResolvedConfig, retry_failed: bool, redo: bool) -> Outlook:
    survey, job = config.survey(), config.job
    refuse_foreign(job.out, role=job.called("out"))
    refuse_in_use(job.out, say)
    outlook = Outlook(
        out=job.out,
        stylizer=job.stylizer,
        precision=job.precision,
        device=job.device_name(),
        settings=checked_settings(job).as_json(),
        resolution_px=job.resolution_px,
        shard=job.shard,
        total=survey.pairs,
        notes=[*config.notes, *survey.lines(), *config.placement],
    )
    with rows_at_hand(job.out) as folder:
        _look_at_pairs(config, outlook, folder, retry_failed, redo)
    return outlook


def _look_at_pairs(config: ResolvedConfig, outlook: Outlook, folder: Path, retry_failed: bool, redo: bool) -> None:
    """Note which pairs are left to do, given the rows in a folder, and what they will take."""
    job, rows, stats = config.job, StoredRows(folder), RunStats(outlook.total)
    left = _Sample(outlook, listed=job.manifest is not None)
    refuse_other_shard(job, runs := runs_with_rows(folder))
    outlook.notes += [] if redo else changed_code_lines(runs, rows, config.own_code, REDO)
    outlook.notes += other_names(job, runs)
    done = rows.finished(retry_failed, Pictures(job.out, outlook.notes.append), redo)
    if redo and rows.table(["status"]).num_rows:
        outlook.notes.append("results and rows that OUT has of these pairs will be replaced")
    if at_hand := _at_hand(lambda: config.weights_sha256, outlook):
        touched = TouchedFiles(rows, job, config.weights_sha256, done.__contains__)
        redone = (lambda key: None) if redo else None
        resume = Resume(done, (), stats, job, touched.earlier, redone, Lacking(job, rows))
        left.count(task.pair for task in resume.pending(config.tasks(config.pairs())))
        outlook.notes += resume.notes()
    else:
        # Without the weights no task's key is known, so that none is known to be done.
        left.count(config.pairs())
    outlook.notes += made_otherwise(rows, job, config.weights_sha256 if at_hand else None)
    _at_hand(partial(load_scorer, job), outlook)
    if left.absent:
        files = "manifest: objects" if job.manifest is not None else "files"
        outlook.notes.append(f"{files} that are not there, such as {', '.join(map(one_line, left.absent))}")
    if left.empty:
        outlook.notes.append(f"empty files, such as {', '.join(map(one_line, left.empty))}")
    if left.no_files:
        outlook.notes.append(f"devices or pipes, not files, such as {', '.join(map(one_line, left.no_files))}")
    outlook.total, outlook.kept = stats.total, stats.kept
    _forecast(config, outlook, left.largest, forecast.last_run(rows, job))


def _forecast(config: ResolvedConfig, outlook: Outlook, largest: list[Pair], last: forecast.LastRun | None) -> None:
    """Say what the run will take, where anything is left and the weights are at hand."""
    if not outlook.left:
        return
    if largest and not outlook.downloads:
        _at_hand(lambda: outlook.forecast.append(forecast.memory_line(config, largest)), outlook)
    outlook.forecast.append(last.line(outlook.left) if last else "time:   not known, as OUT has no rows like it yet")


def _at_hand(load: Callable[[], object], outlook: Outlook) -> bool:
    """Load weights, unless they would have to be downloaded, which is noted; return whether they were at hand."""
    with downloads.forbidden():
        try:
            load()
        except NotDownloadedError as error:
            if str(error) not in outlook.downloads:
                outlook.downloads.append(str(error))
            return False
    return True
