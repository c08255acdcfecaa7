"""Options as people type them: mistyped, twice, with values that begin with a dash, between and behind paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from stylize import cli, config
from stylize.config import JobConfig
from tools.arguments import positive_int


def parser() -> cli.Parser:
    made = cli.Parser(prog="made")
    cli.add_model(made, JobConfig, config.GROUPS, skip=("out",))
    return made


def refusal(capsys: pytest.CaptureFixture[str], argv: Sequence[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        parser().parse_args(argv)
    assert stopped.value.code == cli.EXIT_USAGE
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("--reslution-px", "--resolution-px"), ("--styliser=x", "--stylizer"), ("--RESOLUTION_PX", "--resolution-px"),
        ("—quality=1", "--quality"), ("\u2013quality", "--quality"),
    ],
)  # fmt: skip
def test_mistyped_option_is_asked_after(word: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    option = word.partition("=")[0]
    assert refusal(capsys, [word, "5"]) == f"error: unknown option {option}; did you mean {meant}?\n"


def test_option_that_is_like_none_may_be_a_setting_of_the_method(capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, ["--alpha", "0.6"])
    assert "unknown option --alpha; --help lists" in said
    assert "--set alpha=0.6" in said


def test_a_file_whose_name_reads_as_an_option_is_given_otherwise(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.path.lexists", lambda path: path == "-a=1.jpg")
    assert refusal(capsys, ["-a=1.jpg"]) == "error: -a=1.jpg reads as an option; give the file as ./-a=1.jpg\n"


def test_argument_too_many_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "error: surplus is one argument too many" in refusal(capsys, ["surplus"])


def test_of_an_option_given_twice_the_last_counts() -> None:
    given = parser().parse_args(["--quality", "5", "--quality=6", "--set", "alpha=1", "--set=alpha=2"])
    assert given.quality == "6"
    assert given.settings == ["alpha=1", "alpha=2"]


def test_of_two_files_none_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, ["--manifest", "a.csv", "--manifest=b.csv"])
    assert said == "error: --manifest is given twice; leave one of them out\n"


def test_options_of_several_values_switches_and_paths_may_be_alike() -> None:
    words = ["--include", "a", "--include", "b", "--strip", "--strip", "--quality", "5", "--", "--quality", "--quality"]
    made = parser()
    made.add_argument("paths", nargs="*")
    given = made.parse_args(words)
    assert (given.include, given.strip, given.quality) == (["a", "b"], True, "5")
    assert given.paths == ["./--quality", "./--quality"]


@pytest.mark.parametrize("value", ["-1,2", "-5", "-1e3", "-inf", "-a.pth", "-/x"])
def test_a_value_may_begin_with_a_dash(value: str) -> None:
    given = parser().parse_args(["--weights", value, "--include", value, "--strip", "--set", value])
    assert (given.weights, given.include, given.settings) == (value, [value], [value])


def test_an_option_is_no_value_of_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--weights: expected one argument" in refusal(capsys, ["--weights", "--device", "cpu"])
    with pytest.raises(SystemExit) as asked:
        parser().parse_args(["--strip", "-h"])
    assert not asked.value.code
    assert "unknown option -5" in refusal(capsys, ["--strip", "-5"])


@pytest.mark.parametrize("kind", [int, positive_int, float])
def test_a_text_for_a_number_is_told_as_settings_tell_it(
    kind: Callable[[str], float], capsys: pytest.CaptureFixture[str]
) -> None:
    made = cli.Parser(prog="made")
    made.add_argument("--port", type=kind)
    with pytest.raises(SystemExit):
        made.parse_args(["--port", "80x"])
    said = "a number" if kind is float else "a whole number"
    assert capsys.readouterr().err == f"error: --port: expected {said} (got '80x') (--help lists the options)\n"


def test_behind_two_dashes_all_words_are_paths() -> None:
    made = cli.Parser(prog="made")
    made.add_argument("paths", nargs="*")
    made.add_argument("--quality")
    given = made.parse_args(["a", "--quality", "3", "--", "-p.jpg", "--quality", "b"])
    assert (given.paths, given.quality) == (["a", "./-p.jpg", "./--quality", "b"], "3")


@pytest.mark.parametrize("number", ["*", "+"])
def test_options_may_stand_between_paths(number: str) -> None:
    made = cli.Parser(prog="made")
    made.add_argument("paths", nargs=number)
    made.add_argument("--dry-run", action="store_true")
    given = made.parse_args(["photos", "art", "--dry-run", "out"])
    assert (given.paths, given.dry_run) == (["photos", "art", "out"], True)
