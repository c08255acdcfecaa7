"""Values held to a pydantic model, and what is wrong with them in one line."""

from __future__ import annotations

import contextlib
import json
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from stylize.errors import UsageError, nearest, one_line, unknown

Model = TypeVar("Model", bound=BaseModel)


MOST = 2**63 - 1
"""Of a whole number: rows and Ray hold it in 64 bits."""


class Checked(BaseModel):
    """Settings: frozen; an unknown name, yes or no for a number, and a whole number above MOST are errors.

    The word `none` leaves a setting unset that can be; 1e3 is the whole number 1000.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    folders: ClassVar[tuple[str, ...]] = ()
    """Settings that the word `none` does not leave unset, as a folder may be called so."""

    def as_json(self) -> dict[str, Any]:
        """Return them as JSON holds them, to be given again. Raises UsageError for what it cannot hold."""
        try:
            written: dict[str, Any] = _in_order(self, self.model_dump(mode="json", warnings=False))
        except ValueError as error:
            raise UsageError(f"settings that JSON cannot hold: {one_line(error)}") from None
        return written

    @field_validator("*", mode="before")
    @classmethod
    def _no_switches(cls, value: Any, info: ValidationInfo) -> Any:
        # YAML's `yes` and `true` would pass for the number 1.
        listed = value if isinstance(value, list | tuple) else [value]
        field = cls.model_fields[info.field_name or ""]
        if any(isinstance(one, bool) for one in listed) and not _takes(field.annotation, bool, Any):
            number = "; give a number" if _takes(field.annotation, int, float) else ""
            raise ValueError(f"not a yes-or-no setting{number}")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _none_by_its_word(cls, value: Any, info: ValidationInfo) -> Any:
        # Tables of settings say `none`, where YAML would have null.
        name = info.field_name or ""
        by_word = isinstance(value, str) and value.casefold() == "none" and name not in cls.folders
        return None if by_word and type(None) in get_args(cls.model_fields[name].annotation) else value

    @field_validator("*", mode="before")
    @classmethod
    def _whole_by_exponent(cls, value: Any, info: ValidationInfo) -> Any:
        # A flag gives texts, and of those pydantic takes 1e3 for a number, but for no whole one.
        field = cls.model_fields[info.field_name or ""]
        whole = _takes(field.annotation, int) and not _takes(field.annotation, str)
        if whole and isinstance(value, str) and "e" in value.casefold():
            with contextlib.suppress(ValueError):
                return float(value)
        return value

    @field_validator("*")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, int) and one > MOST:
                raise ValueError(f"expected {MOST} or less")
        return value


def _in_order(value: Any, written: Any) -> Any:
    """Return what JSON holds of a value, with its sets sorted: in each process they have another order."""
    value = dict(value) if isinstance(value, BaseModel) else value
    if isinstance(value, dict) and isinstance(written, dict) and len(value) == len(written):
        return {name: _in_order(one, written[name]) for name, one in zip(written, value.values(), strict=True)}
    if isinstance(value, list | tuple | set | frozenset) and isinstance(written, list) and len(value) == len(written):
        inner = [_in_order(*both) for both in zip(value, written, strict=True)]
        return inner if isinstance(value, list | tuple) else sorted(inner, key=json.dumps)
    return written


def _takes(annotation: Any, *kinds: Any) -> bool:
    return annotation in kinds or any(_takes(one, *kinds) for one in get_args(annotation))


@dataclass(frozen=True)
class Origin:
    """How a setting was given: what it is called there, such as --quality, and the file it stands in, if any."""

    name: str
    file: str | None = None

    def __str__(self) -> str:
        return self.name if self.file is None else f"{one_line(self.file)}: {self.name}"


_EXPECTED = {
    "missing": "is missing",
    "string_type": "expected a text",
    "string_unicode": "expected a text in UTF-8",
    "string_too_short": "expected a text that is not empty",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "finite_number": "expected a number that has an end",
    "greater_than_equal": "expected {ge} or more",
    "greater_than": "expected more than {gt}",
    "less_than_equal": "expected {le} or less",
    "less_than": "expected less than {lt}",
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "byte_size": "expected a size such as 2GiB",
    "byte_size_unit": "expected a size such as 2GiB",
    "literal_error": "expected {expected}",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "too_short": "expected a list that is not empty",
    "dict_type": "expected names with values",
    "model_type": "expected names with values",
}
"""What is said in place of pydantic's own words; a value of two kinds has one for each, joined by `or`."""

Origins = Mapping[str, Origin]
"""Of settings by name; one that is not there is called by its name."""


def validated(model: type[Model], values: Mapping[str, Any], where: str = "", origins: Origins | None = None) -> Model:
    """Return the model of the values. Raises UsageError: one line that names the setting, what is wrong, what is known.

    where: what the values are from, such as a file; it stands before the line. origins: what to call them by; the
    model's own validators have it as their context.
    """
    try:
        return model.model_validate(values, context=origins or {})
    except ValidationError as error:
        prefix = f"{where}: " if where else ""
        raise UsageError(prefix + _in_one_line(error, model, origins or {})) from None


def as_given(name: str | None, origins: Origins | None) -> str:
    """Return what to call a setting by, for a message."""
    return str((origins or {}).get(name or "", name))


def first_problem(error: ValidationError) -> str:
    """Return where the first thing is that is wrong with a record, and what; nothing of the record itself."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    return (f"{where}: " if where else "") + _told(first)


def _in_one_line(error: ValidationError, model: type[BaseModel], origins: Origins) -> str:
    errors = error.errors()
    first = errors[0]
    name, owner = _place(model, first["loc"])
    if first["type"] in ("extra_forbidden", "invalid_key"):
        above, _, last = name.rpartition(".")
        file = origins[name].file if name in origins else None
        above = above or one_line(file or "")
        told = unknown("setting", last, owner.model_fields)
        if "settings" in owner.model_fields and not nearest(last, owner.model_fields):
            told += "; a setting of the method is given in `settings`"
        return (f"{above}: " if above else "") + told
    # A setting of two kinds (a number or auto) has an error for each.
    same = dict.fromkeys(_told(one) for one in errors if _place(model, one["loc"])[0] == name)
    message = next(iter(same)) + "".join(f", or {one.removeprefix('expected ')}" for one in [*same][1:])
    if first["type"] == "string_type" and isinstance(first["input"], int | float):
        message += " in quotation marks"  # a folder called 2024 is a number in YAML
    # Not what may be a URI: a password may be in it.
    shown = name and first["type"] != "missing" and "://" not in str(first["input"])
    given = f" (got {reprlib.repr(first['input'])})" if shown else ""
    top, dot, rest = name.partition(".")
    called = as_given(top, origins)
    # A flag that is repeated has no numbers.
    repeated = called.startswith("--") and rest.isdigit()
    if rest.isdigit() and re.search(r"\w[,; ]+\w", str(first["input"])):
        given += f"; give {called} once for each" if repeated else "; give a list"
    place = called if repeated else f"{called}{dot}{rest}"
    return f"{place}: {message}{given}" if name else message


def _told(error: ErrorDetails) -> str:
    """Return what is wrong with a value: that it is missing, or what was expected."""
    facts = {name: _plain(value) for name, value in error.get("ctx", {}).items()}
    known = _EXPECTED.get(error["type"], "").format_map(facts)
    return known or error["msg"].removeprefix("Value error, ").removeprefix("Input ")


def _plain(fact: Any) -> str:
    """Return 1 for 1.0, and names without quotes."""
    return f"{fact:.15g}" if isinstance(fact, float) else str(fact).replace("'", "")


def _place(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[str, type[BaseModel]]:
    """Return an error's place as `methods.0.name`, and the model that its last name belongs or would belong to."""
    parts: list[str] = []
    owner: type[BaseModel] = model
    inner: type[BaseModel] | None = model
    for part in loc:
        if isinstance(part, str):
            if inner is None:
                break  # which one of a setting's two kinds
            owner = inner
            field = owner.model_fields.get(part)
            inner = None if field is None else _model_in(field.annotation)
        parts.append(str(part))
    return ".".join(parts), owner


def _model_in(annotation: Any) -> Any:
    """Return the model that a field holds one or several of, None for plain values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
