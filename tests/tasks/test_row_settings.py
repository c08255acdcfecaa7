"""What a row of a list says of its pair: settings of its own, several artworks."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stylize import config as configs
from stylize.config import JobConfig
from stylize.errors import UsageError
from stylize.tasks import manifest, pairing
from stylize.tasks.output_names import OutputNames
from stylize.tasks.task import Pair, Task

HEADER = ("content_uri", "style_uri", "style_uris", "style_weights", "alpha", "resolution_px", "seed")


def listed(tmp_path: Path, *rows: dict[str, str], separator: str = ",") -> Path:
    path = tmp_path / "list.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, HEADER, delimiter=separator)
        writer.writeheader()
        writer.writerows({"content_uri": "a.jpg"} | row for row in rows)
    return path


def pair_of(tmp_path: Path, row: dict[str, str], separator: str = ",") -> Pair:
    (pair,) = manifest.read(str(listed(tmp_path, {"style_uri": "s.jpg"} | row, separator=separator)))
    return pair


def config(path: Path, **settings: Any) -> JobConfig:
    return configs.build({"manifest": str(path), "out": "/out"} | settings)


def tasks(path: Path, **settings: Any) -> list[Task]:
    made = config(path, **settings)
    return list(pairing.tasks(pairing.pairs(made), made.result_settings(), "w", made.format))


GIVEN: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "none": ({}, {}),
    "all": ({"alpha": "0.5", "resolution_px": "768", "seed": "3"}, {"alpha": 0.5, "resolution_px": 768, "seed": 3}),
    "a size as pandas writes it": ({"resolution_px": "768.0"}, {"resolution_px": 768}),
    "a seed as pandas writes it": ({"seed": "3."}, {"seed": 3}),
    "a comma for the point": ({"alpha": "0,5"}, {"alpha": 0.5}),
    "a whole alpha": ({"alpha": "1"}, {"alpha": 1.0}),
    "words for nothing": ({"alpha": "NaN", "resolution_px": "null", "seed": " n/a "}, {}),
    "the photo's own size": ({"resolution_px": "none"}, {"resolution_px": None}),
    "a large seed": ({"seed": str(2**63 - 1)}, {"seed": 2**63 - 1}),
}  # fmt: skip


@pytest.mark.parametrize("kind", GIVEN)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_row_has_settings_of_its_own_as_people_write_them(tmp_path: Path, kind: str, separator: str) -> None:
    row, settings = GIVEN[kind]
    pair = pair_of(tmp_path, row, separator)
    assert pair.problem is None
    assert dict(pair.own) == settings


BAD: dict[str, dict[str, str]] = {
    "row 1: alpha: expected a number, got 'lots'": {"alpha": "lots"},
    "row 1: alpha: expected a number, got '50%'": {"alpha": "50%"},
    "row 1: compact: alpha: expected 1 or less": {"alpha": "1.5"},
    "row 1: resolution_px: expected 1 or more": {"resolution_px": "0"},
    "row 1: resolution_px: expected a whole number": {"resolution_px": "10.5"},
    "row 1: resolution_px: expected a whole number without a separator of thousands, got '2.000'": {
        "resolution_px": "2.000"},
    "row 1: seed: expected a whole number without a separator of thousands, got '2,000'": {"seed": "2,000"},
    "row 1: seed: expected 0 or more": {"seed": "-1"},
    "row 1: seed: expected a number, got '999": {"seed": "9" * 5000},
    "row 1: style_weights: 1 for 2 artworks": {"style_uri": "", "style_uris": "s|t", "style_weights": "1"},
    "row 1: style_weights: 3 for 2 artworks": {"style_uri": "", "style_uris": "s|t", "style_weights": "1|2|3"},
    "row 1: style_weights: 2 for 1 artwork;": {"style_weights": "1|2"},
    "row 1: style_weights: expected numbers of 0": {"style_uri": "", "style_uris": "s|t", "style_weights": "0|0"},
    "row 1: style_weights: expected numbers of 0 or more, not all 0, got '-1|3'": {
        "style_uri": "", "style_uris": "s|t", "style_weights": "-1|3"},
    "row 1: style_weights: expected a number, got 'a'": {"style_uri": "", "style_uris": "s|t", "style_weights": "a|b"},
    "row 1: style_uris: expected a JSON list": {"style_uri": "", "style_uris": "[s.jpg"},
    "row 1: both style_uri and style_uris": {"style_uris": "t.jpg|u.jpg"},
    "row 1 has no style_uri": {"style_uri": ""},
    "row 1: http:// is not supported": {"style_uri": "", "style_uris": "s.jpg|http://USER:SECRET@b/x.jpg"},
}  # fmt: skip


@pytest.mark.parametrize("problem", BAD)
def test_a_bad_value_costs_its_row_and_says_which_it_is(tmp_path: Path, problem: str) -> None:
    path = listed(tmp_path, {"style_uri": "s.jpg"} | BAD[problem], {"style_uri": "s.jpg"})
    bad, good = manifest.read(str(path))
    assert str(bad.problem).startswith(f"{path}: {problem}")
    assert good.problem is None
    assert "SECRET" not in repr(bad)
    survey = pairing.survey(config(path))
    (note,) = (one for one in survey.notes if "cannot be used" in one)
    assert (survey.pairs, f"1 row cannot be used (row 1 is below the header): {problem}" in note) == (2, True)


MIXES: dict[str, tuple[str, str]] = {
    "bars": ("s.jpg|t.jpg", "1|3"), "bars and spaces": (" s.jpg | t.jpg ", "1 | 3"),
    "semicolons": ("s.jpg;t.jpg", "1;3"), "commas": ("s.jpg, t.jpg", "1, 3"), "JSON": ('["s.jpg", "t.jpg"]', "[1, 3]"),
    "lines": ("s.jpg\nt.jpg", "1\n3"),
    "spaces between weights": ("s.jpg|t.jpg", "1 3"), "a ratio": ("s.jpg|t.jpg", "1:3"),
    "commas for points": ("s.jpg|t.jpg", "0,25|0,75"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MIXES)
def test_a_row_lists_several_artworks_and_weights_as_people_write_them(tmp_path: Path, kind: str) -> None:
    uris, weights = MIXES[kind]
    pair = pair_of(tmp_path, {"style_uri": "", "style_uris": uris, "style_weights": weights})
    assert [Path(one.uri).name for one in pair.styles] == ["s.jpg", "t.jpg"]
    assert pair.shares[0] * 3 == pair.shares[1]
    assert json.loads(pair.style_uris or "") == [str(tmp_path / "s.jpg"), str(tmp_path / "t.jpg")]


def test_weights_left_out_are_equal_and_one_artwork_is_no_mix(tmp_path: Path) -> None:
    assert pair_of(tmp_path, {"style_uri": "", "style_uris": "s.jpg|t.jpg"}).shares == (1, 1)
    alone = pair_of(tmp_path, {"style_uri": "", "style_uris": "s.jpg", "style_weights": "2"})
    assert alone == pair_of(tmp_path, {})
    assert pair_of(tmp_path, {"style_uri": "s.jpg", "style_uris": "s.jpg|t.jpg"}).others[0].uri.endswith("t.jpg")


def test_parquet_has_lists_and_numbers_as_they_are(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "content_uri": ["a.jpg"] * 2, "style_uris": [["s.jpg", "t.jpg"], ["s.jpg"]],
            "style_weights": [[0.5, 1.5], None], "alpha": [0.5, None], "resolution_px": [64, None], "extra": [1, 2],
        }
    )  # fmt: skip
    table.to_parquet(tmp_path / "list.parquet")
    seen = manifest.Seen()
    mixed, plain = manifest.read(str(tmp_path / "list.parquet"), seen=seen)
    assert (len(mixed.styles), mixed.shares, dict(mixed.own)) == (2, (0.5, 1.5), {"alpha": 0.5, "resolution_px": 64})
    assert (len(plain.styles), plain.shares, plain.own) == (1, (), ())
    assert seen.unused == ["extra"]


def test_a_rows_setting_gives_the_key_that_the_runs_setting_does(tmp_path: Path) -> None:
    row = {"style_uri": "s.jpg"}
    (plain,) = tasks(listed(tmp_path, row))
    for name, value in (("alpha", 0.5), ("resolution_px", 64), ("seed", 3)):
        (own,) = tasks(listed(tmp_path, row | {name: str(value)}))
        run = {"settings": {name: value}} if name == "alpha" else {name: value}
        assert [own.task_id] == [task.task_id for task in tasks(listed(tmp_path, row), **run)]
        assert own.task_id != plain.task_id
    assert (
        len({task.task_id for task in tasks(listed(tmp_path, row, row | {"alpha": "0.5"}, row | {"alpha": "0.6"}))})
        == 3
    )


def test_other_artworks_or_weights_are_other_tasks(tmp_path: Path) -> None:
    uris, weights = ("s.jpg|t.jpg", "s.jpg|u.jpg", "s.jpg"), ("1|2", "2|1")
    rows = [{"style_uris": uri, "style_weights": weight * ("|" in uri)} for uri in uris for weight in weights]
    assert len({task.task_id for task in tasks(listed(tmp_path, *rows))}) == 5


def test_a_rows_own_setting_takes_the_place_of_one_that_the_method_is_given(tmp_path: Path) -> None:
    path = listed(tmp_path, {"style_uri": "s.jpg", "seed": "3"})
    (own,) = tasks(path, stylizer="gatys", settings={"seed": 5})
    (run,) = tasks(listed(tmp_path, {"style_uri": "s.jpg"}), stylizer="gatys", settings={"seed": 3}, seed=3)
    assert own.task_id == run.task_id


@pytest.mark.parametrize(
    ("stylizer", "row", "why"),
    [
        ("identity", {"alpha": "0.5"}, "row 2 gives alpha, but identity has no alpha"),
        ("gatys", {"alpha": "0.5"}, "row 2 gives alpha, but gatys has no alpha"),
        (
            "gatys",
            {"style_uri": "", "style_uris": "s.jpg|t.jpg"},
            "row 2 gives style_uris, but gatys takes one artwork",
        ),
        ("johnson", {"style_uri": "", "style_uris": "s.pth|t.pth"}, "but johnson takes one artwork"),
    ],
)
def test_what_the_method_cannot_do_is_refused_before_the_start(
    tmp_path: Path, stylizer: str, row: dict[str, str], why: str
) -> None:
    path = listed(tmp_path, {"style_uri": "s.jpg"}, {"style_uri": "s.jpg"} | row)
    with pytest.raises(UsageError, match=why):
        pairing.survey(config(path, stylizer=stylizer))
    seeded = config(listed(tmp_path, {"style_uri": "s.jpg", "seed": "4"}), stylizer=stylizer)
    vain = f"seed changes nothing: {stylizer} draws no random numbers"
    told = "rows have their own seed" if stylizer == "gatys" else vain
    assert f"manifest: {told}" in pairing.survey(seeded).notes


@pytest.mark.parametrize(
    ("column", "meant"),
    [("alpah", "alpha"), ("Resolution", "resolution_px"), ("style_weight", "style_weights"), ("seeds", "seed")],
)
def test_a_column_that_is_close_to_a_known_one_is_refused(tmp_path: Path, column: str, meant: str) -> None:
    (tmp_path / "list.csv").write_text(f"content_uri,style_uri,{column}\na.jpg,s.jpg,1\n")
    with pytest.raises(UsageError, match=f"unknown column '{column}'; did you mean {meant}\\?"):
        pairing.survey(config(tmp_path / "list.csv"))


def test_other_columns_are_named_in_a_note(tmp_path: Path) -> None:
    columns = ("style_artist", "content_title", "content_id", "style_name", "Notes", "name")
    (tmp_path / "list.csv").write_text(f"content_uri,style_uri,{','.join(columns)}\na.jpg,s.jpg{',x' * 6}\n")
    survey = pairing.survey(config(tmp_path / "list.csv"))
    assert survey.lines()[0] == f"manifest: columns not used: {', '.join(columns)}"


def test_results_of_one_pair_in_other_settings_and_mixes_have_names_of_their_own(tmp_path: Path) -> None:
    row = {"style_uri": "art/s.jpg"}
    mix = {"style_uris": "art/s.jpg|more/t.jpg"}
    path = listed(tmp_path, row, row | {"alpha": "0.5"}, mix, mix | {"style_weights": "1|2"})
    made = config(path)
    names = OutputNames("{style}/{photo}", "compact", "jpg", *made.input_roots())
    found = list(pairing.tasks(pairing.pairs(made), made.result_settings(), None, "jpg", names.name))
    given = [task.output_name.replace(task.task_id[:10], "KEY") for task in found]
    assert given == ["art/s/a.jpg", "art/s/a--KEY.jpg", "art/s-t/a.jpg", "art/s-t/a--KEY.jpg"]
