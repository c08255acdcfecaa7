"""What the README prints works as printed, and what it lists is what there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import stylize
from jobs import benchmark, summarize
from stylize.commands.call import Options
from stylize.config import JobConfig
from stylize.errors import UsageError
from stylize.results.schema import COLUMNS, STATUSES
from stylize.stylizers import find
from stylize.training.config import TrainConfig
from tests.support.samples import finished_run, picture

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
QUERIES = [block for block in BLOCKS if "read_parquet" in block]
MODELS = (JobConfig, Options, TrainConfig)


def test_there_are_three_queries() -> None:
    assert len(QUERIES) == 3


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_pandas_queries_run_as_printed(query: str, folders: tuple[Path, Path], tmp_path: Path) -> None:
    (folders[0] / "day" / "broken.jpg").write_bytes(b"")
    finished_run(*folders, tmp_path / "demo" / "out")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", query], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "day" in done.stdout
    assert "Empty" not in done.stdout


def test_every_column_and_status_is_listed() -> None:
    missing = [name for name in (*(c.name for c in COLUMNS), *STATUSES) if f"`{name}`" not in TEXT]
    assert not missing


def test_every_option_that_is_shown_exists() -> None:
    known = {"--" + name.replace("_", "-") for model in MODELS for name in model.model_fields}
    for parser in (benchmark.parser(), summarize.parser()):
        known |= {flag for action in parser._actions for flag in action.option_strings}
    known |= {
        "--set",
        "--config",
        "--dry-run",
        "--retry-failed",
        "--allow-failed",
        "--help",
        "--head",
        "--working-dir",
        "--generate",
        "--address",
        "--baseline",
    }
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXT)) <= known


def test_every_method_is_listed() -> None:
    assert all(f"`{name}`" in TEXT for name in stylize.names())


def test_files_that_are_linked_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / target).exists(), target


def test_the_stylizer_shown_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = [block for block in BLOCKS if "STYLIZER" in block]
    (tmp_path / "my_module.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    assert find("my_module:Negative").name == "negative"
    restyle = stylize.load("my_module:Negative")
    result = restyle(picture(1), picture(2) * 0 + 255)
    assert abs(result.astype(int) - (255 - picture(1).astype(int))).max() <= 1
    with pytest.raises(UsageError, match="Positive"):
        find("my_module:Positive")
