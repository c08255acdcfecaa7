"""What a finished run gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobs.run.output_dir import OutputDir, run_folders
from stylize import cli
from stylize.io.files import Folder, writing
from stylize.results.read import read_rows

if TYPE_CHECKING:  # brings pandas, which a call for help does not need
    import pandas as pd

    from stylize.report.summary import Table


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
        return Folder(self.out).at("rows")

    @property
    def summary_uri(self) -> str:
        """Return where the summary is, in Markdown."""
        return Folder(self.out).at("summary.md")

    def rows(self) -> pd.DataFrame:
        """Read the rows of OUT, one per image, those of earlier runs included. Raises StylizeError."""
        with run_folders([self.out]) as (folder,):
            frame: pd.DataFrame = read_rows(folder).to_pandas()
        return frame


def summarized(out: OutputDir, run_id: str, counts: dict[str, int]) -> RunResult:
    """Write summary.md from OUT's rows and return the run's result. Raises CannotContinueError."""
    from stylize.report import summary

    frame = summary.load(out.folder)
    text = summary.markdown(frame, f"Summary of {out.uri.rpartition('/')[2]}")
    with writing(out.folder / "summary.md"):
        (out.folder / "summary.md").write_text(text, encoding="utf-8")
    out.publish("summary.md")
    return RunResult(run_id, out.uri, counts, tuple(summary.tables(frame)))
