"""What rows hold as JSON: `settings_json`, and the lists of a mix; checked and read here alone."""

from __future__ import annotations

import functools
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from stylize import safe_json
from stylize.validation import first_problem

_MAX_CHARS = 100_000


class _RowSettings(BaseModel):
    """What others rely on. `stylizer_settings` are those of the method, `settings` of them what the call gave."""

    model_config = ConfigDict(extra="allow")

    stylizer: str | None = None
    precision: str | None = None
    runtime: str | None = None
    settings: dict[str, Any] = {}
    stylizer_settings: dict[str, Any] = {}
    weights_files: dict[str, str] = {}


def read_settings(text: str | None) -> dict[str, Any]:
    """Return a row's settings by name, empty where it has none. Raises ValueError for what no run writes."""
    return dict(_read(text)) if text else {}


def read_uris(text: str | None) -> list[str]:
    """Return what `style_uris` lists, nothing for null. Raises ValueError for what no run writes."""
    return _read_list("style_uris", text, (str,))


def read_weights(text: str | None) -> list[float]:
    """Return what `style_weights` lists, nothing for null. Raises ValueError for what no run writes."""
    return _read_list("style_weights", text, (int, float))


def _read_list(name: str, text: str | None, kinds: tuple[type, ...]) -> list[Any]:
    listed = [] if text is None else safe_json.parse(text)
    if not isinstance(listed, list) or not all(isinstance(one, kinds) for one in listed):
        raise ValueError(f"{name}: no list of what it should hold")
    return listed


@functools.lru_cache(256)
def _read(text: str) -> dict[str, Any]:
    if len(text) > _MAX_CHARS:
        raise ValueError(f"settings_json: over {_MAX_CHARS} characters, which no settings need")
    try:
        settings: dict[str, Any] = safe_json.parse(text)
        _RowSettings.model_validate(settings)
    except ValidationError as error:
        raise ValueError(f"settings_json: {first_problem(error)}") from None
    except ValueError as error:
        raise ValueError(f"settings_json: {error}") from None
    return settings
