"""Options that were given and change nothing beside the others: each is told in one line, and nothing is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from stylize.cli import flag
from stylize.config import JobConfig

if TYPE_CHECKING:
    from stylize.stylizers.base import Stylizer

Reasons = Mapping[str, str | None]
"""By an option's name, why it changes nothing here; None where it does."""


def no_effect(options: BaseModel, reasons: Reasons) -> list[str]:
    """Return a line on each option that has a reason and another value than it has where nobody gives it."""
    called = getattr(options, "called", flag)
    fields = type(options).model_fields
    values = {name: getattr(options, name) for name, why in reasons.items() if why}
    recorded = options.result_settings() if isinstance(options, JobConfig) else {}
    return [
        f"{called(name)} {'none' if value is None else value} changes nothing: {reasons[name]}"
        + ("; rows record it, so a call without it does all again" if name in recorded else "")
        for name, value in values.items()
        if value != fields[name].get_default()
    ]


def of_method(method: type[Stylizer]) -> Reasons:
    """Return the reasons that lie in a method."""
    weights = f"{method.name}'s styles are weights, not pictures" if method.styles_are_weights else None
    return {"style_resolution_px": weights}


def of_format(format: str) -> Reasons:
    """Return the reasons that lie in the result's format."""
    return {"quality": "png keeps every pixel as it is" if format == "png" else None}


def of_seed(method: type[Stylizer], settings: Any) -> str | None:
    """Return why a seed changes nothing in a method with these settings, which may say themselves whether one does."""
    draws = getattr(settings, "draws", hasattr(settings, "seed"))
    return None if draws else f"{method.name} draws no random numbers with these settings"
