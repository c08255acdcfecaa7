"""`--dry-run`: what a run would do, how many and how big."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jobs.progress.stats import RunStats
from jobs.run.output_dir import rows_at_hand
from jobs.run.resolve import ResolvedConfig
from jobs.run.resume import Resume, finished_in, refuse_other_shard
from stylize.errors import one_line
from stylize.results.run_record import read_runs
from stylize.tasks.task import Pair

SHOWN = 5


class _Sample:
    """Looks at pairs as they pass: the first of them, and how many photos there are, how big."""

    def __init__(self) -> None:
        self.first: list[Pair] = []
        self.size_bytes = 0
        self._contents: set[int] = set()

    @property
    def photos(self) -> int:
        return len(self._contents)

    def watch(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """Return the same pairs."""
        for pair in pairs:
            if len(self.first) < SHOWN:
                self.first.append(pair)
            # Its hash, as a million URIs would be a hundred megabytes.
            content = hash(pair.content.uri)
            if content not in self._contents:
                self._contents.add(content)
                size, known, _ = pair.content.identity.partition(":")
                self.size_bytes += int(size) if known else 0
            yield pair


def dry_run(config: ResolvedConfig, retry_failed: bool) -> None:
    """Print what a run would do; nothing is written. Raises UsageError where a run would."""
    survey = config.survey()
    job, sample, stats = config.job, _Sample(), RunStats(survey.pairs)
    tasks = config.tasks(sample.watch(config.pairs()))
    with rows_at_hand(job.out) as folder:
        refuse_other_shard(job, read_runs(folder))
        done = finished_in(folder, retry_failed)
    left = sum(1 for _ in Resume(done, (), stats, job).pending(tasks))
    share = f"pairs of shard {job.shard}" if job.shard else "pairs"
    print(
        f"would restyle {left} of {stats.total} {share} with {job.stylizer} in {job.precision} on {job.device_name()}:"
    )
    for pair in sample.first:
        print(f"  {one_line(pair.content.uri)}  x  {one_line(pair.style.uri)}")
    if stats.total > len(sample.first):
        print("  ...")
    side = f"{job.resolution_px} px" if job.resolution_px else "as it is"
    print(f"{sample.photos} photos, {sample.size_bytes / 1e6:.1f} MB; long side {side}")
    for line in survey.lines():
        print(line)
    print(f"into {job.out}, where {stats.kept} have rows that would be kept; nothing was written")
