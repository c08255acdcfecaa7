"""What a run will take, for a dry run: memory by the plan of its largest photo, time by the pace of OUT's last run."""

from __future__ import annotations

import contextlib
import functools
import math
from dataclasses import dataclass
from pathlib import Path

from jobs.run.resolve import ResolvedConfig
from jobs.run.stored_rows import StoredRows
from jobs.scheduler.ray_runtime import joins_cluster
from jobs.scheduler.worker import load_stylizer, uncompiled
from stylize.config import JobConfig
from stylize.downloads import NotDownloadedError
from stylize.errors import ImageError, NoRoomError, StylizeError, counted, named_message
from stylize.io.files import read_bytes
from stylize.io.location import LocalPath, existing, locate
from stylize.report.units import seconds, size
from stylize.stylizers import find
from stylize.tasks.task import Pair

LOOKED_AT = 16
"""Of how many files with the most bytes the one with the most pixels is looked for."""


@dataclass(frozen=True)
class LastRun:
    """OUT's last run, from its first image's beginning to its last one's end. one_s: of an image, in a worker."""

    images: int
    span_s: float
    one_s: float
    workers: int

    def line(self, left: int) -> str:
        """Return what so many images will take."""
        workers = counted(self.workers, "worker")
        images, done = counted(left, "image"), counted(self.images, "image")
        took = max(left * self.span_s / self.images, self.one_s)  # so few take no less than one of them
        return (
            f"time:   about {seconds(took)} for {images}, loading not counted, at the pace of OUT's last run "
            f"({done} in {seconds(self.span_s)}, {workers}); {seconds(self.one_s)} for one image"
        )


def last_run(stored: StoredRows, job: JobConfig) -> LastRun | None:
    """Return what is known of the last run in OUT with the job's method and size; None where there is none."""
    names = ["run_id", "worker_id", "status", "stylizer", "resolution_px", "measure_mode", "started_at", "total_s"]
    rows = stored.table(names).to_pandas()
    own = rows["resolution_px"].isna() if job.resolution_px is None else rows["resolution_px"] == job.resolution_px
    rows = rows[own & (rows["stylizer"] == find(job.stylizer).name) & (rows["measure_mode"] == job.measure_mode)]
    rows = rows[(rows["status"] == "ok") & rows["started_at"].notna() & rows["total_s"].between(0, 1e9)]
    if rows.empty:
        return None
    last = rows[rows["run_id"] == rows.loc[rows["started_at"].idxmax(), "run_id"]]
    begun = (last["started_at"] - last["started_at"].min()).dt.total_seconds()
    span_s = float((begun + last["total_s"]).max())
    return LastRun(len(last), span_s, float(last["total_s"].median()), last["worker_id"].nunique())


def memory_line(config: ResolvedConfig, pairs: list[Pair]) -> str:
    """Return what the largest photo of some pairs will take in a worker, beside the loaded method, and how it is done.

    pairs: those of the files with the most bytes, which need not be those with the most pixels.
    Raises NotDownloadedError.
    """
    job = config.job
    if joins_cluster(job.address):
        return "memory: not known here, as the cluster's machines plan it"
    if not all(isinstance(locate(pair.content.uri), LocalPath) for pair in pairs):
        return "memory: not known, as the photos are not on this machine"
    try:
        return _planned(job, max(pairs, key=functools.partial(_pixels, job)))
    except NotDownloadedError:
        raise
    except NoRoomError as error:
        options = f"{job.called('max_memory')}, {job.called('resolution_px')}"
        return f"memory: too little for the largest photo, which would have an `oom` row: {error} ({options})"
    except ImageError as error:
        return f"memory: not known, as the largest photo would have a row of status {error.status}: {error}"
    except StylizeError as error:
        return f"memory: not known: {error}"
    except RuntimeError as error:
        # Of a card that others have filled, or taken for themselves: the method is loaded there.
        return f"memory: not known: {named_message(error)}"


def _side(job: JobConfig, pair: Pair) -> int | None:
    side: int | None = dict(pair.own).get("resolution_px", job.resolution_px)
    return side


def _pixels(job: JobConfig, pair: Pair) -> int:
    """Return how many pixels a photo's result will have, 0 for what is no image or cannot be read."""
    from stylize.images import working_size
    from stylize.images.opening import open_image

    where = locate(pair.content.uri)
    assert isinstance(where, LocalPath)
    with contextlib.suppress(OSError, ImageError), existing(where.path).open("rb") as file:
        return math.prod(working_size(*open_image(file).size, _side(job, pair)))
    return 0


def _planned(job: JobConfig, pair: Pair) -> str:
    import numpy as np

    from stylize.images import decoding_bytes, header_size, refuse_too_large, working_size
    from stylize.pipeline.room import ahead_bytes
    from stylize.pipeline.stylize_stage import share_of
    from stylize.stylizers import own_errors

    side = _side(job, pair)
    look = functools.partial(refuse_too_large, long_side_px=side, max_pixels=job.max_pixels)
    data = read_bytes(pair.content.uri, look)
    decoding_bytes(data, long_side_px=side, max_pixels=job.max_pixels)  # refuses what a run would refuse
    width, height = working_size(*header_size(data), side)
    with own_errors(job.stylizer):
        stylizer = load_stylizer(uncompiled(job))
        if stylizer.styles_are_weights and stylizer.weights_sha256 is None:
            code = stylizer.read_style(read_bytes(pair.style.uri), Path(pair.style.uri))
        else:
            code = stylizer.code(np.zeros((128, 128, 3), np.uint8))
    ahead = 0 if job.measure_mode == "isolated" else ahead_bytes(job.readers, job.max_memory)
    plan, taken = stylizer.forecast(width, height, code, share_of(job, stylizer.device), ahead, job.format)
    way = (
        f"in {counted(plan.strips, 'strip')}, {counted(plan.passes, 'pass', 'passes')}" if plan.in_parts else "at once"
    )
    told = f"memory: {size(taken)} planned for {width} x {height} px, the largest photo, {way}, in each worker"
    with_others = plan.bytes + max(ahead, taken - plan.bytes)
    return f"{told} beside the loaded method; {size(with_others)} at most with photos read ahead"
