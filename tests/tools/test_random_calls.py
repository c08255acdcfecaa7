"""A short campaign of random calls; `python -m tools.random_calls` is the long one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stylize import cli
from tools.random_calls import __main__ as campaign
from tools.random_calls import calling
from tools.random_calls.__main__ import run
from tools.random_calls.inputs import Place, place
from tools.random_calls.kinds import kinds, read_all

CALLS = {
    "images": 40, "one-image": 5, "weights": 60, "configs": 6, "sweeps": 4, "manifests": 10, "records": 1, "rows": 2,
    "words": 20,
}  # fmt: skip
SEED = 3


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A photo, an artwork and a run."""
    return place(tmp_path_factory.mktemp("random"))


@pytest.mark.parametrize("name", CALLS)
def test_random_inputs_end_in_a_result_or_one_line(name: str, where: Place) -> None:
    known = kinds(where)
    assert known.keys() == CALLS.keys()
    run(known[name], where, CALLS[name], SEED)


def test_an_unknown_kind_is_a_wrong_call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(campaign, "place", lambda folder: None)
    monkeypatch.setattr(campaign, "kinds", lambda where: {"images": None, "rows": None})
    with pytest.raises(SystemExit) as ended:
        campaign.main(["pictures"])
    assert ended.value.code == cli.EXIT_USAGE
    assert "unknown kind 'pictures'; known: images, rows" in capsys.readouterr().err


def test_a_run_that_nobody_damaged_is_read_by_all(where: Place) -> None:
    refused = cli.EXIT_USAGE  # a replay of what lies outside of OUT
    assert read_all(where, where.fresh_out()) == [0, 0, refused, 0, 0, 0]


WATCHED = """
import time, pytest
from tools.random_calls import calling
calling.LIMIT_S = 1
with pytest.raises(calling.Hang), calling.watched():
    time.sleep(60)
calling.LIMIT_S, calling.MOST_BYTES = 60, 1_000_000
with pytest.raises(calling.FaultError, match="bytes"), calling.watched():
    assert b"x" * 50_000_000
"""


def test_endings_that_none_may_have_are_seen() -> None:
    def ends(said: str) -> None:
        def main(argv: object) -> int:
            sys.stderr.write(f"{said}\n")
            return cli.EXIT_USAGE

        calling.command(main)

    assert calling.command(lambda argv: cli.EXIT_NOT_ALL_OK, "word") == cli.EXIT_NOT_ALL_OK
    for said in ("two\nlines", "colour \x1b[31m"):
        with pytest.raises(calling.FaultError):
            ends(said)
    with pytest.raises(calling.FaultError, match="exit status 7"):
        calling.command(lambda argv: 7)


def test_calls_that_hang_or_take_too_much_are_seen() -> None:
    # In a process of its own: alarms are for all that a process does, and a run's other tests ended with one.
    done = subprocess.run([sys.executable, "-c", WATCHED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
