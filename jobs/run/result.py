"""What a finished run gives back."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from jobs.run.output_dir import OutputDir
from stylize import cli
from stylize.io.files import Folder, write_atomic, writing
from stylize.io.location import ObjectUri, locate
from stylize.io.store_kinds import KINDS
from stylize.results.copies import run_folders
from stylize.results.parts import keys
from stylize.results.read import read_rows
from stylize.results.settings_json import read_uris

if TYPE_CHECKING:  # brings pandas, which a call for help does not need
    import pandas as pd

    from stylize.report.summary import Table

FAILURES_NAMED = 10
_OF_ARTWORK = re.compile(r"^style(?: (\d+) of \d+)?: ")
"""How errors begin that are about an artwork, or about one of several that are mixed."""


class Failure(NamedTuple):
    """Images that were not made, for one reason: their rows' status and error, and the first photo and artwork.

    Of artworks that are mixed it is the one that the error is about, or the first.
    """

    status: str
    error: str
    content_uri: str
    style_uri: str
    file: str = ""
    """The one of the two that the error is about."""
    pairs: int = 1
    """How many pairs with that file have no image for that reason."""


@dataclass(frozen=True)
class RunResult:
    """How a run ended and where its results are; `rows()` reads its measurements."""

    run_id: str
    out: str
    """OUT's absolute path or URI, as are the others."""
    counts: dict[str, int]
    """Images by status, those of earlier runs included."""
    tables: tuple[Table, ...] = field(default=(), repr=False)
    """The summary's tables."""
    failures: tuple[Failure, ...] = ()
    """The first ten files, with their reasons, of the images counted that are not ok."""
    remarks: tuple[str, ...] = ()
    """Sentences on what the rows show: a GPU that waited for images, transparency that was left out."""
    others: int = 0
    """How many rows OUT has of other calls: the tables count them, `counts` does not."""
    stores: tuple[str, ...] = ()
    """The buckets of the photos and artworks that a list named to this run, such as `s3://photos`."""

    @property
    def exit_status(self) -> int:
        """Return what the command exits with: 0 where all images are ok, else 3."""
        return cli.EXIT_OK if set(self.counts) <= {"ok"} else cli.EXIT_NOT_ALL_OK

    @property
    def images_uri(self) -> str:
        """Return where the images are."""
        return Folder(self.out).at("images")

    @property
    def rows_uri(self) -> str:
        """Return where the rows are, as `pandas.read_parquet` takes it."""
        where = locate(self.out).join("rows")
        return where.encoded if isinstance(where, ObjectUri) else str(where)

    @property
    def summary_uri(self) -> str:
        """Return where the summary is, in Markdown."""
        return Folder(self.out).at("summary.md")

    def rows(self) -> pd.DataFrame:
        """Read the rows of OUT, one per image, those of earlier runs included. Raises StylizeError."""
        with run_folders([self.out]) as (folder,):
            frame: pd.DataFrame = read_rows(folder).to_pandas()
        return frame


def summarized(
    out: OutputDir, run_id: str, counts: dict[str, int], kept_failed: Collection[bytes] = (), listed: bool = False
) -> RunResult:
    """Write summary.md from OUT's rows and return the run's result. Raises CannotContinueError.

    kept_failed: 16-byte keys of tasks that count, too, although their rows are of earlier runs. listed: whether a list
    named the pairs, so that rows alone tell where photos and artworks lie.
    """
    from stylize.report import summary

    frame = summary.load(out.folder)
    made = tuple(summary.tables(frame))
    text = summary.markdown(frame, f"Summary of {out.uri.rpartition('/')[2]}", made)
    with writing(out.folder / "summary.md"):
        write_atomic(out.folder / "summary.md", text.encode())  # not through a link that somebody left there
    out.publish("summary.md")
    others = len(frame) - sum(counts.values())
    failures = () if set(counts) <= {"ok"} else first_failures(out.folder, run_id, kept_failed)
    stores = _stores(out.folder, run_id) if listed else ()
    return RunResult(run_id, out.uri, counts, made, failures, summary.remarks(frame), others, stores)


def _stores(folder: Path, run_id: str) -> tuple[str, ...]:
    """Return the buckets that a run's rows name; those of other runs' rows are not this caller's to vouch for."""
    rows = read_rows(folder, ["run_id", "content_uri", "style_uri"])
    rows = rows.filter(pc.equal(rows.column("run_id"), run_id))
    bucket = rf"^(?P<store>(?:{'|'.join(KINDS)})://[^/]+)/"
    named = (pc.struct_field(pc.extract_regex(rows.column(name), bucket), [0]) for name in rows.column_names[1:])
    return tuple(sorted({one for found in named for one in pc.unique(found).to_pylist() if one}))


def first_failures(folder: Path, run_id: str, kept_failed: Collection[bytes]) -> tuple[Failure, ...]:
    """Return why rows of a run are not ok: each file with each reason once, at most FAILURES_NAMED.

    A photo that cannot be read fails with every artwork, which would hide the other photos that cannot.
    folder: where OUT's rows are. kept_failed: as `summarized` takes it. OUT may hold other tasks' rows as well.
    """
    rows = read_rows(folder, ["run_id", "task_id", "status", "error", "content_uri", "style_uri", "style_uris"])
    rows = rows.filter(pc.not_equal(rows.column("status"), "ok"))
    runs, tasks = rows.column("run_id").to_pylist(), keys(rows.column("task_id").combine_chunks())
    ours = [run == run_id or key in kept_failed for run, key in zip(runs, tasks, strict=True)]
    rows = rows.filter(pa.array(ours, pa.bool_()))
    error, photo = (pc.fill_null(rows.column(name), "") for name in ("error", "content_uri"))
    columns = (rows.column(name).to_pylist() for name in ("error", "style_uri", "style_uris"))
    artwork = pa.array(map(_artwork, *columns), pa.string())
    file = pc.if_else(pc.match_substring_regex(error, _OF_ARTWORK.pattern), artwork, photo)
    causes = pa.table(
        {"status": rows.column("status"), "error": error, "file": file, "photo": photo, "artwork": artwork}
    )
    grouped = causes.group_by(["status", "error", "file"], use_threads=False)
    firsts = grouped.aggregate([("photo", "first"), ("artwork", "first"), ([], "count_all")])
    names = ("status", "error", "photo_first", "artwork_first", "file", "count_all")
    return tuple(Failure(*(row[name] for name in names)) for row in firsts.slice(0, FAILURES_NAMED).to_pylist())


def _artwork(error: str | None, style_uri: str | None, style_uris: str | None) -> str:
    """Return a row's artwork: of several that are mixed the one that the error is about, or the first."""
    mixed, about = read_uris(style_uris), _OF_ARTWORK.match(error or "")
    number = int(about[1]) if about and about[1] else 1
    return mixed[number - 1] if 1 <= number <= len(mixed) else style_uri or ""
