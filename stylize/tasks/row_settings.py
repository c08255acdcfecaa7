"""What a row of a list says of its pair beside photo and artwork: settings of its own, and several artworks."""

from __future__ import annotations

import functools
import math
import re
from typing import Any

from stylize import config as configs
from stylize import safe_json
from stylize.errors import UsageError, counted, one_line

OWN = ("alpha", "resolution_px", "seed")
"""Settings that a row may have in place of the run's, which its empty fields leave as they are."""
MIXES = "style_uris"
SHARES = "style_weights"

_EMPTY = ("", "nan", "na", "n/a", "null")
_MOST_DIGITS = 100
_SEPARATORS = ("|", "\n", ";", ",")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?", re.IGNORECASE)

_GROUPED = re.compile(r"[.,]\d{3}$")
"""2,000 or 2.000, which is two or two thousand, as the writer's country has it."""


def own_settings(row: dict[str, Any], stylizer: str) -> tuple[tuple[str, Any], ...]:
    """Return the settings that a row has. Raises UsageError for a value that cannot be, naming its column."""
    return tuple((name, _checked(name, text, stylizer)) for name, text in _filled(row))


def asked(row: dict[str, Any]) -> list[str]:
    """Return what a row asks for beyond a pair: `style_uris` for several artworks, and those of OWN that it fills."""
    return [*([MIXES] if len(_several(row.get(MIXES))) > 1 else []), *(name for name, _ in _filled(row))]


def _filled(row: dict[str, Any]) -> list[tuple[str, str]]:
    """Return those of OWN that a row fills, with what stands there."""
    given = ((name, str(row[name]).strip()) for name in OWN if row.get(name) is not None)
    return [(name, text) for name, text in given if text.casefold() not in _EMPTY]


def artworks(row: dict[str, Any]) -> list[str]:
    """Return what a row lists as its artworks, in `style_uris` or `style_uri`. Raises UsageError where they differ."""
    single = row.get("style_uri")
    listed = [str(one).strip() for one in _listed(row.get(MIXES), MIXES) if one is not None and str(one).strip()]
    if single and listed and listed[0] != str(single):
        raise UsageError(f"both style_uri and {MIXES} are given, and differ: give one")
    return listed or ([str(single)] if single else [])


def shares(row: dict[str, Any], number: int) -> tuple[float, ...]:
    """Return the weights of so many artworks, equal ones where a row has none; empty for a single artwork.

    Raises UsageError for others than `number` of 0 or more.
    """
    given = row.get(SHARES)
    listed = _listed(given, SHARES)
    if len(listed) == 1 and isinstance(listed[0], str) and number > 1:
        listed = re.split(r"[\s:/]+", listed[0].strip())
    if not listed:
        return (1.0,) * number if number > 1 else ()
    weights = [_number(SHARES, str(one)) for one in listed]
    if len(weights) != number:
        raise UsageError(f"{SHARES}: {len(weights)} for {counted(number, 'artwork')}; give one for each")
    if min(weights) < 0 or not 0 < sum(weights) < math.inf:
        raise UsageError(f"{SHARES}: expected numbers of 0 or more, not all 0, got {_shown(given)}")
    return tuple(map(float, weights)) if number > 1 else ()


@functools.cache
def cannot(stylizer: str, name: str) -> str | None:
    """Return why a method has no rows with this of their own, None where it can: `style_uris` or one of OWN."""
    from stylize.stylizers import find

    method = find(stylizer)
    has = name in method.settings_type.model_fields
    if name == MIXES:
        return None if method.mixes else f"{method.name} takes one artwork and mixes none"
    if name == "alpha" and not has:
        return f"{method.name} has no alpha"
    if has and name not in method.per_image:
        return f"{method.name}'s {name} is that of the whole run"
    return None


def idle(stylizer: str, name: str) -> str | None:
    """Return why rows' own value of OWN changes nothing in a method, None where it does."""
    from stylize.stylizers import find

    method = find(stylizer)
    none = name == "seed" and name not in method.settings_type.model_fields
    return f"{method.name} draws no random numbers" if none else None


@functools.lru_cache(4096)
def _checked(name: str, text: str, stylizer: str) -> Any:
    from stylize.stylizers import check_settings, find

    if against := cannot(stylizer, name):
        raise UsageError(f"{name}: {against}")
    if name == "resolution_px" and text.casefold() == "none":
        return None  # the photo's own
    number = _number(name, text)
    if name != "alpha" and _GROUPED.search(text):
        raise UsageError(f"{name}: expected a whole number without a separator of thousands, got {_shown(text)}")
    if name == "alpha":
        return getattr(check_settings(find(stylizer), {name: number}), name)
    return getattr(configs.build({"content": "-", "styles": "-", "out": "-", name: number}), name)


def _number(name: str, text: str) -> int | float:
    """Return a number as people and spreadsheets write it: 768, 768.0, 0,5."""
    text = text.strip()
    if len(text) > _MOST_DIGITS or not _NUMBER.fullmatch(text):
        raise UsageError(f"{name}: expected a number, got {_shown(text)}")
    if text.lstrip("+-").isdecimal():
        return int(text)
    number = float(text.replace(",", "."))
    return int(number) if number.is_integer() else number


def _several(given: Any) -> list[Any]:
    try:
        return _listed(given, MIXES)
    except UsageError:
        return []


def _listed(given: Any, name: str) -> list[Any]:
    """Return the parts of a field: a list, JSON of one, or text with one of the separators."""
    if given is None or isinstance(given, float):
        return [] if given is None or math.isnan(given) else [given]
    if not isinstance(given, str):
        return list(given) if isinstance(given, list | tuple) else [given]
    text = given.strip()
    if text.startswith("["):
        try:
            return list(safe_json.parse(text))
        except ValueError:
            raise UsageError(f"{name}: expected a JSON list, got {_shown(text)}") from None
    separator = next((one for one in _SEPARATORS if one in text), None)
    parts = text.split(separator) if separator else [text]
    return [part.strip() for part in parts if part.strip()]


def _shown(given: Any) -> str:
    """Return a value for a message, unless it may be a URI, which may hold a password."""
    text = one_line(given)
    return "a URI" if "://" in text else f"{text[:60]!r}"
