"""Rows of tasks whose worker could not make them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from stylize import errors
from stylize.config import JobConfig
from stylize.pipeline.failures import lost_row
from stylize.results.schema import SCHEMA, STATUSES
from stylize.stylizers.identity import Identity
from stylize.tasks.task import Input, Pair, Task

CONFIG = JobConfig(content="c", styles="s", out="o")
TASK = Task("ab" * 16, Pair(Input("/p/a.jpg", "1:2", None), Input("/s/b.jpg", "1:2", None)), "b/a.jpg")


def test_lost_row_has_only_known_columns() -> None:
    where = {"worker_id": "worker-1", "node": "n", "gpu_ids": "1"}
    row = lost_row(CONFIG, "r", TASK, "timeout", "too slow", where)
    assert row.keys() <= set(SCHEMA.names)
    assert row["status"] == "timeout"
    assert where.items() <= row.items()


def test_a_lost_row_counts_attempts_and_says_harmlessly_what_went_wrong() -> None:
    row = lost_row(CONFIG, "r", replace(TASK, attempt=3), "crashed", "\x1b[31mkilled\u202e", {})
    assert row["attempt"] == 3
    assert row["error"].isprintable()


def test_a_lost_row_says_what_its_pair_has_in_place_of_the_runs_settings() -> None:
    own = replace(TASK, pair=replace(TASK.pair, own=(("resolution_px", 32),)))
    config = CONFIG.model_copy(update={"resolution_px": 64})
    assert lost_row(config, "r", own, "timeout", "too slow", {})["resolution_px"] == 32


def test_what_images_are_refused_for_is_a_status() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ImageError)]
    told = "name it in STATUSES of stylize/results/schema.py"
    assert [kind.status for kind in kinds if kind.status not in STATUSES] == [], told


@pytest.mark.parametrize(
    ("method", "given", "wanted"),
    [
        ("compact", {"alpha": 0.6}, {"alpha": 0.6, "backbone": None, "iterations": None}),
        ("adain", {}, {"alpha": 1.0, "backbone": "vgg19"}),
        ("gatys", {"seed": 3, "iterations": 9}, {"seed": 3, "iterations": 9, "backbone": "vgg19", "style_weight": 10}),
    ],
)
def test_a_lost_row_names_the_settings_that_other_rows_of_its_method_do(
    method: str, given: dict[str, object], wanted: dict[str, object]
) -> None:
    config = CONFIG.model_copy(update={"stylizer": method, "settings": given})
    row = lost_row(config, "r", TASK, "crashed", "its worker died", {})
    assert {name: row.get(name) for name in wanted} == wanted


class Faded(Identity):
    """A method of somebody's own, with a setting of each photo's."""

    name = "faded"
    per_image = ("strength",)


def test_a_lost_row_of_a_method_of_ones_own_is_as_its_other_rows() -> None:
    config = CONFIG.model_copy(update={"stylizer": f"{__name__}:Faded", "seed": 5})
    pair = replace(TASK.pair, own=(("strength", 0.5), ("alpha", "soft"), ("seed", 7)))
    row = lost_row(config, "r", replace(TASK, pair=pair), "crashed", "its worker died", {})
    assert row.keys() <= set(SCHEMA.names)
    assert (row["stylizer"], row["seed"], row.get("alpha")) == ("faded", 7, None)
    assert json.loads(row["settings_json"])["settings"] == {"strength": 0.5, "alpha": "soft"}
