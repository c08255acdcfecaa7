"""Rows of earlier runs that lack what is asked for now, as columns are measured only where they are asked for."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from typing import get_args

import pyarrow as pa
import pyarrow.compute as pc

from jobs.run.score_config import OF_PICTURES
from jobs.run.stored_rows import Rows
from stylize.config import TORCHVISION, JobConfig, Score
from stylize.errors import StylizeError, counted
from stylize.io.files import at_hand
from stylize.measure.flicker import BORDER_PX
from stylize.results.parts import keys
from stylize.results.schema import SCHEMA, SCORED
from stylize.stylizers import RANDOM

SCORE_COLUMNS = [
    "task_id", "status", "measure_mode", "weights_sha256", "strips", "width_px", "height_px", "ssim",
    "content_distance", "perceptual_variant", "lpips_variant",
    *(score for score in get_args(Score) if score in SCHEMA.names),
]  # fmt: skip
"""What is read of the rows."""
ISOLATED = "isolated times and memory"
IN_ANOTHER = "the sweep into another OUT has it"
"""What to do about a sweep's rows."""


class Lacking:
    """Counts kept rows that lack what is asked for: 16 bytes for each row of OUT that does.

    advice: what to do about them, where it is not what the main job says.
    """

    def __init__(self, config: JobConfig, rows: Rows, advice: str = "") -> None:
        self._by_name: dict[str, set[bytes]] = {name: set() for name in _asked(config)}
        self._config, self._advice = config, advice
        self._kept = 0
        self._names: dict[str, None] = {}
        for batch in rows.columns(SCORE_COLUMNS) if self._by_name else ():
            for name, found in self._by_name.items():
                found.update(keys(batch.filter(self._lacks(name, batch)).column("task_id")))

    def keep(self, key: bytes) -> None:
        lacks = [name for name, found in self._by_name.items() if key in found]
        self._kept += bool(lacks)
        self._names |= dict.fromkeys(lacks)

    def lines(self) -> list[str]:
        """Return a line on the rows that lack something, if there are any."""
        if not self._kept:
            return []
        rows = counted(self._kept, "row that stays lacks", "rows that stay lack")
        advice = self._advice or "--redo makes the images again with it"
        if not self._advice and self._names.keys() <= set(OF_PICTURES):
            advice += "; `python -m jobs.score` scores those that are there, into another OUT"
        return [f"{rows} what is asked for now ({', '.join(self._names)}): {advice}"]

    def _lacks(self, name: str, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Return which rows could have what `name` says and do not."""
        column = {one: batch.column(one) for one in batch.schema.names}
        ok = pc.equal(column["status"], "ok")
        ours = pc.not_equal(column["measure_mode"], SCORED)
        if name == ISOLATED:
            return pc.and_(pc.and_(ok, ours), pc.not_equal(column["measure_mode"], "isolated"))
        ok = pc.and_(ok, pc.is_valid(column["ssim"]))
        if name == "distances":
            lacks = self._not_judged(column["perceptual_variant"])
        elif name == "cfsd":
            without = pc.and_(pc.is_valid(column["content_distance"]), pc.is_null(column["cfsd"]))
            lacks = pc.or_(self._not_judged(column["perceptual_variant"]), without)
        elif name == "lpips":
            lacks = pc.invert(pc.fill_null(pc.starts_with(column["lpips_variant"], f"{self._config.lpips} "), False))
        elif name == "flicker":
            lacks = pc.and_(pc.is_null(column[name]), pc.and_(ours, _moves(column)))
        else:
            lacks = pc.is_null(column[name])
        return pc.and_(ok, pc.fill_null(lacks, False))

    def _not_judged(self, variants: pa.StringArray) -> pa.BooleanArray:
        """Return which rows no network has judged, or another one than is given now."""
        none = pc.is_null(variants)
        if variants.null_count == len(variants) or self._judge is None:
            return none
        return pc.or_(none, pc.invert(pc.fill_null(pc.starts_with(variants, self._judge), False)))

    @functools.cached_property
    def _judge(self) -> str | None:
        """Return what `perceptual_variant` begins with in rows that the weights given now judged; None if not known."""
        from stylize.backbones import cached_file

        if (given := self._config.perceptual) is None or given == TORCHVISION:
            return f"vgg19 {cached_file('vgg19').stem.rpartition('-')[2]}"  # of their hash
        with contextlib.suppress(OSError, StylizeError), at_hand(given).open("rb") as file:
            return f"vgg19 {hashlib.file_digest(file, 'sha256').hexdigest()}"
        return None


def _asked(config: JobConfig) -> list[str]:
    scores = set(config.scores) | ({"distances"} if config.perceptual is not None else set())
    scores |= {"lpips"} if config.lpips != "none" else set()
    return sorted(scores) + ([ISOLATED] if config.measure_mode == "isolated" else [])


def _moves(column: dict[str, pa.Array]) -> pa.BooleanArray:
    """Return which rows' flicker can be measured: of trained networks' pictures that were taken whole and have room."""
    whole = pc.less_equal(pc.fill_null(column["strips"], 1), 1)
    trained = pc.not_equal(pc.fill_null(column["weights_sha256"], ""), RANDOM)
    room = pc.greater(pc.min_element_wise(column["height_px"], pc.subtract(column["width_px"], 1)), 2 * BORDER_PX)
    return pc.and_(pc.and_(whole, trained), room)
