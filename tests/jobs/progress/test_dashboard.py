"""The Grafana dashboard holds together, and asks for metrics that somebody makes."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from jobs.progress.prometheus import METRICS, TAGS
from tests.support.samples import ROOT

DASHBOARD: dict[str, Any] = json.loads((ROOT / "dashboards" / "stylize.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
DEFINITIONS = [one["definition"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query"]


def asked(queries: list[str]) -> set[str]:
    """Metric names in queries, a histogram's without the ending of its parts."""
    names = set(re.findall(r"\bray_\w+", " ".join(queries)))
    return {re.sub("^(ray_stylize_image_seconds)_bucket$", r"\1", name) for name in names}


def test_every_metric_of_a_run_is_shown() -> None:
    assert {f"ray_{one.name}" for one in METRICS} <= asked(QUERIES)


def test_the_guide_names_every_metric() -> None:
    guide = (ROOT / "docs" / "monitoring.md").read_text()
    assert all(f"ray_{one.name}" in guide for one in METRICS)


def test_every_metric_that_is_asked_for_is_made() -> None:
    spec = importlib.util.find_spec("ray.dashboard.modules.reporter.reporter_agent")
    assert spec is not None
    assert spec.origin is not None
    rays = {f"ray_{name}" for name in re.findall(r'^    "(node_\w+)": Gauge', Path(spec.origin).read_text(), re.M)}
    assert asked(QUERIES + DEFINITIONS) <= {f"ray_{one.name}" for one in METRICS} | rays


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_in_which_unit_from_where(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"]
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"] == SOURCE
    assert panel["targets"]
    assert all(target["datasource"] == SOURCE for target in panel["targets"])
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_panels_have_ids_and_places_of_their_own() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for one, other in itertools.combinations([panel["gridPos"] for panel in DASHBOARD["panels"]], 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in DASHBOARD["panels"])


def test_it_can_be_imported_as_it_is() -> None:
    assert DASHBOARD["id"] is None  # Grafana gives one
    assert "__inputs" not in DASHBOARD
    variables = [one["name"] for one in DASHBOARD["templating"]["list"]]
    used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(DASHBOARD)))
    assert used <= set(variables)
    assert variables[0] == "datasource"


def test_labels_that_are_asked_for_are_there() -> None:
    own = [query for query in QUERIES if "ray_stylize" in query]
    assert all(set(re.findall(r'(\w+)=~"', query)) == set(TAGS) for query in own)
    groups = [group for query in own for group in re.findall(r"by \(([^)]*)\)", query)]
    assert {label for group in groups for label in group.split(", ")} == {*TAGS, "status", "le"}


def test_the_time_left_goes_by_more_than_the_block_at_work() -> None:
    (panel,) = [panel for panel in PANELS if panel["title"] == "Time left"]
    (target,) = panel["targets"]
    assert re.search(r"avg_over_time\(ray_stylize_images_per_second\{[^}]*\}\[1h\]\)", target["expr"])
    assert target["expr"].count("(") == target["expr"].count(")")
