"""What is wrong with values is said in one line, and what was probably meant is asked."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from stylize.errors import UsageError, nearest, unknown
from stylize.validation import Origin, validated


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
        ({"parts": [{}]}, "parts.0.name: Field required"),
        ({"parts": [{"name": "a", "sides": [1, "b"]}]}, "parts.0.sides.1: expected a whole number"),
        ({"parts": []}, "parts: List should have at least 1 item"),
        ({"workers": "all"}, "workers: expected a whole number.*; or: should be 'auto' .got 'all'."),
    ],
)
def test_place_fault_and_known_names_are_said(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=f"^file: {said}") as refused:
        validated(Whole, GOOD | values, "file")
    assert "\n" not in str(refused.value)


def test_a_flag_that_is_repeated_has_no_number() -> None:
    with pytest.raises(UsageError, match=r"^--parts: should be a valid dictionary"):
        validated(Whole, {"parts": ["a"]}, origins={"parts": Origin("--parts")})


def test_good_values_make_the_model() -> None:
    assert validated(Whole, GOOD).parts == [Part(name="a")]


def test_a_value_that_may_hold_a_password_is_not_repeated() -> None:
    with pytest.raises(UsageError, match=r"^place: should be a valid string$"):
        validated(Whole, GOOD | {"place": ["s3://KEY:SECRET@b/x"]})


def test_nearest_looks_past_case_and_joints() -> None:
    known = ("adain", "compact", "style_weight")
    assert [nearest(one, known) for one in ("AdaIn", "style-weigth", "zzz")] == ["adain", "style_weight", None]


def test_unknown_lists_all_where_none_is_near() -> None:
    assert unknown("method", "zzz", ["a", "b"]) == "unknown method 'zzz'; known: a, b"
    assert unknown("method", "zzz", []) == "unknown method 'zzz'; known: none"
