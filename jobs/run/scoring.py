"""A run that scores pictures which were made elsewhere: what differs from the main job's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from jobs.progress.stats import RunStats
from jobs.run.lacking import Lacking
from jobs.run.placement import place
from jobs.run.resolve import ResolvedConfig, absolute_paths, refuse_missing_device
from jobs.run.resume import Resume
from jobs.run.score_config import ScoreConfig
from jobs.scheduler.worker import MakeRunner, this_location
from stylize.config import JobConfig
from stylize.errors import UsageError
from stylize.io.location import Location, locate
from stylize.no_effect import no_effect
from stylize.results.parts import keys
from stylize.results.schema import SCORED, key_of
from stylize.results.store import Replaceable, RowStore
from stylize.tasks import manifest, pairing
from stylize.tasks.left_out import LeftOut
from stylize.tasks.listing import files_in, root_of, some_files_in
from stylize.tasks.matching import AMBIGUOUS, UNMATCHED, Matched, Names, Pattern, matched
from stylize.tasks.output_names import OutputNames
from stylize.tasks.task import Pair, Task, number_of
from stylize.validation import Origins

_OF_RESULT = ("output_uri", "content_uri", "style_uri", "style_uris")
"""Columns that tell the rows of one run apart."""
_OF_ROW = ("task_id", "error", *_OF_RESULT)


@dataclass(frozen=True)
class ResolvedScoring(ResolvedConfig):
    """What a scoring run does."""

    job: ScoreConfig

    @property
    def weights_sha256(self) -> None:
        """Return None: whose weights made the pictures is not known."""
        return None

    @property
    def own_code(self) -> dict[str, str]:
        """Return none, as none is run."""
        return {}

    def survey(self) -> pairing.Survey:
        """Count results that have a photo and an artwork, and what is passed over. Raises UsageError."""
        job = self.job
        if job.manifest is not None:
            return pairing.manifest_survey(job, job.manifest, None)
        left_out, globs, matches = self._matched
        notes = (*globs, *matches.notes())
        return pairing.Survey(sum(1 for _ in self.pairs()), left_out, notes, noted=(AMBIGUOUS, UNMATCHED))

    def pairs(self) -> Iterator[Pair]:
        """Return pairs with their results. Raises UsageError at once for inputs that are not there."""
        job = self.job
        if job.manifest is not None:
            rows = manifest.read(job.manifest, None, role=job.called("manifest"))
            return pairing.grouped_by_style(manifest.with_versions(pairing.in_shard(rows, job.shard)))
        return pairing.in_shard(iter(self._matched[2].pairs), job.shard)

    def tasks(self, pairs: Iterable[Pair], names: OutputNames | None = None) -> Iterator[Task]:
        """Return the tasks of pairs, lazily. Nothing is written, so that results are given no names."""
        return pairing.tasks(pairs, self.job.result_settings(), None, "", lambda pair, key: "")

    def check_device(self) -> None:
        """Raise UsageError for a device that this machine has not."""
        refuse_missing_device(self.job)

    @cached_property
    def notes(self) -> list[str]:
        """Return what is to be told of the settings, a line each."""
        unseen = None if self.job.perceptual is not None else "only the scores distances and cfsd look at artworks"
        told = no_effect(self.job, {"style_resolution_px": unseen})
        asked = "flicker" in self.job.scores
        return [*told, *["flicker stays null: it takes the method itself, not its pictures"] * asked]

    @cached_property
    def _matched(self) -> tuple[dict[str, LeftOut], list[str], Matched]:
        job = self.job
        assert job.results is not None
        assert job.pattern is not None
        content, styles = pairing.folders(job)
        results = root_of(job.results, job.called("results"))
        pairing.refuse_out_inside(results, job.called("results"), job.out)
        _refuse_own(results, job)
        skipped = {role: LeftOut() for role in ("content", "styles", "results")}
        selection = pairing.selected(job)
        chosen = {one.uri for one in some_files_in(content, "images", selection, skipped["content"])}
        # A result of a photo that is left out is not another one's.
        photos = Names(files_in(content, "images"), str(content), chosen)
        artworks = Names(some_files_in(styles, left_out=skipped["styles"]), str(styles))
        listed = list(some_files_in(results, left_out=skipped["results"], of_runs=True))
        matches = matched(Pattern.of(job.pattern), photos, artworks, listed, str(results), skipped["results"])
        if not matches.pairs:
            why = "; ".join(matches.notes())
            raise UsageError(f"{job.called('pattern')} {job.pattern}: no result has a photo and an artwork: {why}")
        return skipped, pairing.unfitted(job, content, selection), matches


def _refuse_own(results: Location, job: ScoreConfig) -> None:
    if results.is_inside(locate(job.out)):
        raise UsageError(f"{job.called('results')} lies in OUT, whose rows would be replaced; give another OUT")


def resolve(values: dict[str, Any], origins: Origins) -> ResolvedScoring:
    """Return the settings by name as a run needs them. Raises as the main job's `resolve`."""
    config = ScoreConfig.build(values, origins)
    changes = absolute_paths(config)
    placement = place(config)
    return ResolvedScoring(config.model_copy(update=changes | placement.settings), "images", placement.lines)


class MakeScorer(MakeRunner):
    """Makes a worker's ScoreRunner."""

    def __call__(self, worker_id: str) -> Any:
        """Load what judges and return a ScoreRunner."""
        from stylize.pipeline.score_runner import ScoreRunner

        device = self.prepare()
        gpu_ids = this_location().gpu_ids_text
        return ScoreRunner(self.config, device, run_id=self.run_id, worker_id=worker_id, gpu_ids=gpu_ids)


class ScoreResume(Resume):
    """Each result of a pair has one row: that of a picture which was replaced, or scored under another name, goes.

    Lines of a manifest that cannot be used have theirs beside it.
    """

    settings_apart = False

    def __init__(
        self,
        done: set[bytes],
        replaceable: Iterable[Replaceable],
        stats: RunStats,
        config: JobConfig,
        rows: Iterable[pa.RecordBatch],
        lacking: Lacking,
    ) -> None:
        super().__init__(done, replaceable, stats, config, lacking=lacking)
        self._by_result: dict[int, bytes] = {}
        for batch in rows:
            for key, row in zip(keys(batch.column("task_id")), batch.to_pylist(), strict=True):
                if row["measure_mode"] == SCORED and not self._is_bad(row):
                    self._by_result[number_of(*(row[name] for name in _OF_RESULT))] = key

    def superseded(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        """Return the keys of rows that the batch replaces: of its results."""
        for row in batch.select(_OF_ROW).to_pylist():
            number = number_of(*(row[name] for name in _OF_RESULT))
            key = None if self._is_bad(row) else self._by_result.pop(number, None)
            if key is not None and key != key_of(row["task_id"]):
                yield key


def earlier_runs(
    store: RowStore, config: ResolvedConfig, names: OutputNames, stats: RunStats, retry_failed: bool, redo: bool
) -> tuple[Resume, list[str]]:
    """Do as EarlierRuns says; results lie where others look after them, and so have no names here."""
    # Any row of a result may have to go.
    every = store.replaceable(elsewhere=lambda uri: False)
    failed = [row for row in every if row.measure_mode == SCORED and row.status != "ok"]
    rows = store.columns(["measure_mode", *_OF_ROW])
    lacking = Lacking(config.job, store, "--redo scores the pictures again")
    return ScoreResume(store.finished(retry_failed, redo=redo), failed, stats, config.job, rows, lacking), []
