"""A report's folder: index.html that needs nothing else, pictures/ at full size, summary.md, plots/, tables.parquet."""

from __future__ import annotations

import base64
import functools
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from stylize.errors import counted, harmless
from stylize.io.files import write_atomic
from stylize.io.out_folder import filling, has_page
from stylize.report import analysis, units
from stylize.report.evidence import pick, votes
from stylize.report.evidence.cells import Size, by_size
from stylize.report.evidence.claims import Claim
from stylize.report.frame import of_other_networks
from stylize.report.names import run_names
from stylize.report.page import markdown as md
from stylize.report.page import pictures, plots, tables, words
from stylize.report.page.markdown import escaped
from stylize.report.page.plots import Plot
from stylize.report.page.table import Table, as_markdown, as_parquet
from stylize.results.read import read_rows
from stylize.results.run_record import RunRecord, read_runs
from stylize.stylizers import RANDOM

if TYPE_CHECKING:
    import jinja2

MOST_METHODS = 60
"""Methods and settings of them that a report shows: of a thousand, one per row of a manifest, it took over a minute."""
_UNFINISHED = ".unfinished-report"
"""In a folder while a report is written into it."""
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Run:
    """One run behind a report: its name and (what, value) facts from run.json."""

    name: str
    facts: list[tuple[str, str]]


@dataclass(frozen=True)
class Section:
    """What is said and shown of one size."""

    side: str
    anchor: str
    words: list[str]
    tables: list[Table]
    plots: list[Plot]


@dataclass
class Report:
    """All that a report says, ready to be written in any form."""

    title: str
    facts: list[str]
    words: list[str]
    """On all sizes together, as are the tables and plots here."""
    tables: list[Table]
    plots: list[Plot]
    sections: list[Section]
    main: str
    """The anchor of the section that is shown first."""
    choice: pick.Choice
    grid: pictures.Grid
    runs: list[Run]
    claims: list[Claim] = field(default_factory=list)

    @property
    def all_words(self) -> list[str]:
        """Return what is said of all sizes, and of each."""
        return [*self.words, *(line for section in self.sections for line in section.words)]

    @property
    def all_plots(self) -> list[Plot]:
        """Return the plots over sizes, and of each."""
        return [*self.plots, *(plot for section in self.sections for plot in section.plots)]

    @property
    def all_tables(self) -> list[Table]:
        """Return the tables over sizes, and of each."""
        return [*(table for section in self.sections for table in section.tables), *self.tables]


def build(
    rows: pd.DataFrame,
    outs: Sequence[Path],
    *,
    title: str,
    claims: list[Claim],
    most_pictures: int,
    trusted: bool = False,
    stores: Sequence[str] = (),
) -> Report:
    """Build a report of rows that `frame.load` read from `outs`. trusted, stores: as `pictures.grid` takes them."""
    ok = int(rows["ok"].sum())
    facts = [
        f"{counted(len(rows), 'row')}, {ok} ok",
        *sorted(setup for setup in rows["setup"].unique() if setup != "unknown"),
    ]
    if twice := int(rows["task_id"].duplicated().sum()):
        facts.append(f"{counted(twice, 'task is', 'tasks are')} in several of these runs, and count in each")
    if (untrained := rows["weights_sha256"] == RANDOM).any():
        names = ", ".join(sorted(rows.loc[untrained, "method"].unique()))
        facts.append(f"untrained weights, timed only: {names}")
    facts += of_other_networks(rows)
    images = rows["method"].value_counts()
    if len(images) > MOST_METHODS:
        facts.append(f"of {len(images)} methods and settings the {MOST_METHODS} with the most images are shown")
    shown = rows[rows["method"].isin(images.index[:MOST_METHODS])]
    sizes, main, (ballots, left_out) = by_size(shown), analysis.main_resolution(shown), votes.of_rows(shown)
    said = [*words.across(shown, sizes, rows), *([left_out] if left_out else [])]
    return Report(
        title, facts, said, tables.across(shown, ballots), plots.across(shown),
        [_section(size, ballots) for size in sizes], _anchor(main), pick.choice(sizes, ballots),
        pictures.grid(shown, most_pictures, trusted, stores), list(map(_run, run_names(outs), outs)), claims,
    )  # fmt: skip


def _section(size: Size, ballots: pd.DataFrame) -> Section:
    said = [*words.at_size(size), *votes.words(ballots, size.side_px, size.side)]
    return Section(size.side, _anchor(size.side_px), said, tables.at_size(size, ballots), plots.at_size(size))


def _anchor(px: Any) -> str:
    return "at-own-size" if px is None or pd.isna(px) else f"at-{px:.0f}"


def _run(name: str, out: Path) -> Run:
    """Return the facts of OUT's newest run that made any of its rows: a later one may have found nothing to do."""
    runs, made = read_runs(out), set(read_rows(out, ["run_id"]).column("run_id").unique().to_pylist())
    record = next((run for run in runs if run.run_id in made), next(iter(runs), RunRecord()))
    machine = record.environment
    cards = ", ".join(str(card.get("name")) for card in machine.get("gpus") or [])
    versions = machine.get("versions", {})
    facts = {
        "command": record.command,
        "begun": record.started_at,
        "program": record.git_commit,
        "processor": machine and f"{machine.get('cpu_model')}, {counted(machine.get('cpu_usable') or 0, 'core')}",
        "accelerators": cards,
        "system": machine.get("os"),
        "python": machine.get("python"),
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items() if version),
    }
    told = [(key, str(value)) for key, value in facts.items() if value]
    return Run(name, told or [("recorded", "nothing, as OUT has no run.json that says it")])


def is_report(folder: Path) -> bool:
    """Return whether a folder holds one of `write`'s, or a part of one."""
    return has_page(folder, b"script-src 'sha256-", _UNFINISHED)


def write(report: Report, folder: Path) -> None:
    """Write everything; index.html comes last. Raises CannotContinueError where it cannot."""
    files: dict[str, bytes] = {f"plots/{plot.file}": plot.svg.encode() for plot in report.all_plots}
    files["tables.parquet"] = _parquet(report)
    files["summary.md"] = markdown(report).encode(errors="replace")
    files["index.html"] = html(report).encode(errors="replace")
    full = {f"pictures/{one.file}": one.full for one in report.grid.pictures if one.full is not None}
    wanted = {folder / name for name in (*full, *files)}
    with filling(folder, _UNFINISHED):
        for name in (*full, *files):
            write_atomic(folder / name, full[name]() if name in full else files[name])
        for old in {*(folder / "plots").glob("*.svg"), *(folder / "pictures").glob("*.jpg")} - wanted:
            old.unlink()  # of an earlier report in the same folder


def _parquet(report: Report) -> bytes:
    data = io.BytesIO()
    as_parquet(report.all_tables).to_parquet(data, index=False)
    return data.getvalue()


def html(report: Report) -> str:
    """Return the page. Every name is escaped, also for a terminal, and only the page's own script may run."""
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    values: dict[str, Any] = vars(report) | {
        "data_uri": _data_uri,
        "numbers": _numbers(report),
        "criterion_words": pick.WORDS,
        "seconds": units.seconds,
        # Of one method there is nothing to choose.
        "several_methods": len({option.name for option in report.choice.options}) > 1,
        "several_setups": len({option.setup for option in report.choice.options}) > 1,
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "style": (TEMPLATES / "report.css").read_text(encoding="utf-8"),
    }
    return _template().render(values)


def _numbers(report: Report) -> dict[str, str]:
    """Return by a plot's file the anchor of the table that has its numbers, for who cannot read them off it."""
    over = {table.name: table.name for table in report.tables}
    found = {}
    for section in [None, *report.sections]:
        here = {table.name: f"{section.anchor}-{table.name}" for table in section.tables} if section else {}
        for plot in section.plots if section else report.plots:
            if anchor := (here | over).get(plot.table):
                found[plot.file] = anchor
    return found


@functools.cache
def _template() -> jinja2.Template:
    """Return the page's template, which takes as long to compile as a small report's page to fill."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
        finalize=lambda value: harmless(value) if type(value) is str else value,
    )  # fmt: skip
    return environment.get_template("report.html.j2")


def _data_uri(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def markdown(report: Report) -> str:
    """Return the same without pictures, for a terminal or a repository's page."""
    lines = [f"# {escaped(report.title)}", "", *(f"- {escaped(fact)}" for fact in report.facts), ""]
    lines += ["## In short", "", *(f"- {escaped(line)}" for line in report.words), ""]
    if report.claims:
        rows = [(claim.text, claim.measured, claim.verdict) for claim in report.claims]
        lines += ["## What is often claimed, and what was measured here", ""]
        lines += [*md.table(("Claim", "Measured", "Verdict"), rows), ""]
    for section in report.sections:
        lines += [f"# At {escaped(section.side)}", "", *(f"- {escaped(line)}" for line in section.words), ""]
        lines += _shown(section.plots, section.tables)
    if report.plots or report.tables:
        lines += ["# Over sizes", "", *_shown(report.plots, report.tables)]
    lines += ["## How it was made", ""]
    for run in report.runs:
        lines += [f"- {escaped(run.name)}: " + "; ".join(f"{k} {escaped(v)}" for k, v in run.facts)]
    return "\n".join([*lines, ""])


def _shown(drawn: list[Plot], listed: list[Table]) -> list[str]:
    pictured = [line for plot in drawn for line in (f"![{escaped(plot.caption)}](plots/{plot.file})", "")]
    return [*pictured, *(as_markdown(table) for table in listed)]
