"""What pairs with settings of their own need in place of the run's: their size, stylizer and columns."""

from __future__ import annotations

import functools
import json

from stylize.config import JobConfig
from stylize.results.schema import Row
from stylize.stylizers.base import Stylizer
from stylize.tasks.task import Own, Pair, settings_of

_KEPT = 256
"""Pairs with a seed each would else be kept by the million."""


class OwnSettings:
    """Answers for any pair of a run, as a rule what is the run's. `columns` are those that all rows share."""

    def __init__(self, config: JobConfig, stylizer: Stylizer, columns: Row) -> None:
        self._settings, self._stylizer, self._columns = config.result_settings(), stylizer, columns
        self._stylizer_with = functools.lru_cache(_KEPT)(stylizer.with_settings)
        self._columns_with = functools.lru_cache(_KEPT)(self._made_columns)

    def resolution_px(self, pair: Pair) -> int | None:
        """Return the long side of the pair's result, None for the photo's own."""
        side: int | None = dict(pair.own).get("resolution_px", self._settings["resolution_px"])
        return side

    def stylizer(self, pair: Pair) -> Stylizer:
        """Return what restyles the pair."""
        return self._stylizer_of(pair.own)

    def columns(self, pair: Pair) -> Row:
        """Return the columns that say how the pair is restyled, and those that all rows share."""
        return dict(self._columns_with(pair.own, pair.shares))

    def _stylizer_of(self, own: Own) -> Stylizer:
        known = self._stylizer.settings_type.model_fields
        changed = {name: value for name, value in own if name in known}
        return self._stylizer_with(**changed) if changed else self._stylizer

    def _made_columns(self, own: Own, shares: tuple[float, ...]) -> Row:
        stylizer = self._stylizer_of(own)
        settings = settings_of(self._settings, own, shares) | {
            "stylizer_settings": stylizer.settings.as_json(),
            "weights_files": stylizer.weights_files,
        }
        return {
            **self._columns,
            "seed": settings["seed"],
            "resolution_px": settings["resolution_px"],
            **stylizer.columns(),
            "settings_json": json.dumps(settings, sort_keys=True),
        }
