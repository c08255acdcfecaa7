"""What is wrong with values is said in one line, and what was probably meant is asked."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from stylize.errors import UsageError, nearest, unknown
from stylize.validation import Checked, Origin, validated


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    sides: list[int] | None = None


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")

    parts: list[Part] = Field(min_length=1)
    workers: int | Literal["auto"] = "auto"
    place: str | None = None


GOOD: dict[str, Any] = {"parts": [{"name": "a"}]}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"wrkers": 1}, "unknown setting 'wrkers'; did you mean workers?"),
        ({"colour": 1}, "unknown setting 'colour'; known: parts, workers, place"),
        ({"parts": [{"nam": "a", "name": "a"}]}, "parts.0: unknown setting 'nam'; did you mean name?"),
        ({"parts": [{"name": "a", "x": 1}]}, "parts.0: unknown setting 'x'; known: name, sides"),
        ({"parts": [{}]}, "parts.0.name: is missing"),
        ({"parts": [{"name": "a", "sides": [1, "b"]}]}, "parts.0.sides.1: expected a whole number"),
        ({"parts": []}, "parts: expected a list that is not empty"),
        ({"workers": 1.5}, "workers: expected a whole number, or auto .got 1.5."),
        ({"place": 7}, "place: expected a text in quotation marks .got 7."),
        ({"place": [1]}, "place: expected a text .got .1.."),
        ({"parts": 7}, "parts: expected a list .got 7."),
        ({"workers": "all"}, "workers: expected a whole number, or auto .got 'all'."),
    ],
)
def test_place_fault_and_known_names_are_said(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=f"^file: {said}") as refused:
        validated(Whole, GOOD | values, "file")
    assert "\n" not in str(refused.value)


class Given(Checked):
    workers: int | Literal["auto"] = "auto"
    sides: tuple[int, ...] = ()


@pytest.mark.parametrize(
    ("values", "place"),
    [({"workers": 2**63}, "workers"), ({"workers": f"{10**30}"}, "workers"), ({"sides": [1, 2**64]}, "sides")],
)
def test_a_whole_number_that_no_row_can_hold_is_refused(values: dict[str, Any], place: str) -> None:
    with pytest.raises(UsageError, match=f"^{place}: expected {2**63 - 1} or less"):
        validated(Given, values)
    assert validated(Given, {"workers": 2**63 - 1}).workers == 2**63 - 1


def test_a_whole_number_may_have_an_exponent_however_it_is_given() -> None:
    assert [validated(Given, {"workers": given}).workers for given in ("1e3", 1e3, "2.5E+1", "auto")] == [
        1000, 1000, 25, "auto",
    ]  # fmt: skip
    for given, said in (("1e-3", "expected a whole number, or auto .got 0.001."), ("2e", "expected a whole number"),
                        ("1e999", "expected a number that has an end")):  # fmt: skip
        with pytest.raises(UsageError, match=f"^workers: {said}"):
            validated(Given, {"workers": given})


def test_a_flag_that_is_repeated_has_no_number() -> None:
    with pytest.raises(UsageError, match=r"^--parts: expected names with values"):
        validated(Whole, {"parts": ["a"]}, origins={"parts": Origin("--parts")})
    with pytest.raises(UsageError, match=r"^--parts: .*\(got 'a, b'\); give --parts once for each$"):
        validated(Whole, {"parts": ["a, b"]}, origins={"parts": Origin("--parts")})


def test_good_values_make_the_model() -> None:
    assert validated(Whole, GOOD).parts == [Part(name="a")]


def test_a_value_that_may_hold_a_password_is_not_repeated() -> None:
    with pytest.raises(UsageError, match=r"^place: expected a text$"):
        validated(Whole, GOOD | {"place": ["s3://KEY:SECRET@b/x"]})


def test_nearest_looks_past_case_and_joints() -> None:
    known = ("adain", "compact", "style_weight")
    assert [nearest(one, known) for one in ("AdaIn", "style-weigth", "zzz")] == ["adain", "style_weight", None]


def test_nearest_takes_a_beginning_that_one_name_has_alone() -> None:
    assert nearest("set", ["content", "settings"]) == "settings"
    assert nearest("se", ["content", "settings"]) is None
    assert nearest("res", ["resolution_px", "restoration_px"]) is None


def test_unknown_lists_all_where_none_is_near() -> None:
    assert unknown("method", "zzz", ["a", "b"]) == "unknown method 'zzz'; known: a, b"
    assert unknown("method", "zzz", []) == "unknown method 'zzz'; known: none"


class Sizes(Checked):
    number: int = 1
    numbers: list[int] | None = None
    switch: bool = False
    own: dict[str, Any] | None = None


@pytest.mark.parametrize("values", [{"number": True}, {"numbers": [2, False]}])
def test_yes_is_no_number(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"^numbers?: not a yes-or-no setting"):
        validated(Sizes, values)
    assert validated(Sizes, {"switch": True, "own": {"compile": True}}).switch


class Unset(Checked):
    folders: ClassVar[tuple[str, ...]] = ("photos",)

    place: str | None = "here"
    side: int | None = 3
    kind: Literal["none", "all"] = "all"
    title: str = ""
    photos: str | None = None


def test_the_word_none_leaves_unset_what_can_be_but_no_folder() -> None:
    words = dict.fromkeys(Unset.model_fields, "none")
    expected = {"place": None, "side": None, "kind": "none", "title": "none", "photos": "none"}
    assert dict(validated(Unset, words)) == expected
    assert validated(Unset, {"side": "NONE"}).side is None


class WithSets(Checked):
    words: frozenset[str] = frozenset()
    pairs: dict[str, list[set[int]]] = Field(default_factory=dict)
    listed: tuple[str, ...] = ()


def test_sets_have_one_order_in_every_process_and_lists_their_own() -> None:
    words = [f"word {number}" for number in range(30)]
    given = {"words": words[::-1], "pairs": {"a": [[2**number for number in range(30)]]}, "listed": words[::-1]}
    written = validated(WithSets, given).as_json()
    assert written["words"] == sorted(words)
    assert written["pairs"] == {"a": [sorted((2**number for number in range(30)), key=str)]}
    assert written["listed"] == words[::-1]
    assert validated(WithSets, written).as_json() == written
