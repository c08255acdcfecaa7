"""What README, docs/ and reports/ say is there is there, and no table in them is older than the code."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import stylize
from stylize.results.schema import STATUSES
from tests.support.samples import ROOT
from tools import write_docs

README = ROOT / "README.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PAGES = [README, *(ROOT / f"{name}.md" for name in ("CONTRIBUTING", "SECURITY", "CHANGELOG")),
         *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "reports").glob("*/README.md")),
         *sorted((ROOT / "stylize").rglob("*.md"))]  # fmt: skip
MODULES = sorted(
    str(path.relative_to(ROOT))
    for package in ("stylize", "jobs")
    for path in (ROOT / package).rglob("*.py")
    if path.name != "__init__.py" or path.parent.name == "stylizers"
)
OTHERS_FLAGS = {
    "--baseline", "--beside", "--disable-usage-stats", "--generate", "--head", "--isa", "--metrics-export-port",
    "--no-deps", "--no-forms", "--node-ip", "--old", "--temp-dir", "--turns", "--wheel-dir", "--working-dir",
}  # fmt: skip
"""Of Ray, of tools and of other programs."""


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def anchors(path: Path) -> set[str]:
    """Return the headings of a page as links name them."""
    headings = re.findall(r"^#+ (.*)$", text_of(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if "://" not in link:
            file, _, anchor = link.partition("#")
            target = (page.parent / file).resolve() if file else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_that_are_shown_exist(page: Path) -> None:
    for name in re.findall(r"python -m ((?:jobs|tools|stylize)(?:\.\w+)*)", text_of(page)):
        if name != "jobs.NAME":
            assert importlib.util.find_spec(name), name


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_are_named_exist(page: Path) -> None:
    for name in re.findall(r"`((?:stylize|jobs|tools|tests|docs|dashboards)/[\w./-]+\.\w+)`", text_of(page)):
        assert (ROOT / name).exists() or "NAME" in name, name


def test_options_that_are_shown_exist() -> None:
    known = set(OTHERS_FLAGS)
    for command in write_docs.COMMANDS.values():
        known |= {flag for action in write_docs.parser_of(command)._actions for flag in action.option_strings}
    for page in PAGES:
        if page.name not in ("CHANGELOG.md", "decisions.md"):
            shown = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text_of(page)))
            assert shown <= known, name_of(page)


def test_every_job_has_a_table_of_its_options() -> None:
    told = "name it in COMMANDS of tools/write_docs.py, and give its table a place in docs/"
    jobs = {path.stem for path in (ROOT / "jobs").glob("*.py")} - {"__init__", "demo"}
    assert jobs - write_docs.COMMANDS.keys() == set(), told
    placed = {place[2] for page in PAGES for place in write_docs.TABLE.finditer(text_of(page))}
    assert write_docs.tables().keys() - placed == set(), told


def test_tables_are_what_the_code_says() -> None:
    for page, text in write_docs.written():
        assert text_of(page) == text, f"{name_of(page)}: run python -m tools.write_docs"


@pytest.mark.parametrize(
    ("page", "most"), [(README, 1000), (ROOT / "docs" / "decisions.md", 9000), (ARCHITECTURE, 4000)]
)
def test_pages_that_everybody_adds_to_stay_short(page: Path, most: int) -> None:
    assert len(text_of(page).split()) <= most


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lines_are_at_most_120_wide(page: Path) -> None:
    assert [line for line in text_of(page).splitlines() if len(line) > 120 and not line.startswith(("|", "!["))] == []


@pytest.mark.parametrize("page", [README, ROOT / "docs" / "methods.md"], ids=name_of)
def test_a_table_of_the_page_lists_every_method(page: Path) -> None:
    told = re.findall(r"^\| `([^`]+)` \|", text_of(page), flags=re.MULTILINE)
    assert [name for name in stylize.names() if name not in told] == [], f"add it to the table of {name_of(page)}"


def test_every_status_is_explained() -> None:
    page = text_of(ROOT / "docs" / "rows.md")
    assert [status for status in STATUSES if f"| `{status}` |" not in page] == [], "explain it in docs/rows.md"


def test_the_glossary_is_short() -> None:
    glossary = text_of(ARCHITECTURE).partition("## Words\n")[2].partition("\n## ")[0]
    assert 0 < len([line for line in glossary.splitlines() if line.startswith("- ")]) <= 15


def test_every_module_has_its_line() -> None:
    told = re.findall(r"^\| `([^`]+)` \|", text_of(ARCHITECTURE), flags=re.MULTILINE)
    assert [module for module in MODULES if told.count(module) != 1] == [], "give it one line in docs/architecture.md"
