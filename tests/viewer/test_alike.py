"""Which results are held against each other in a vote: like with like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stylize.viewer.server import Viewer
from tests.support.made_rows import row, written
from tests.support.viewed import served
from tests.support.viewed_page import Open, turned_to

SAME = {
    "content_uri": "/photos/a.jpg",
    "style_uri": "/art/b.jpg",
    "output_uri": "/out/images/x.jpg",
    "runtime": "torch",
}

MADE: list[dict[str, Any]] = [
    {"stylizer": "compact", "precision": "bf16", "resolution_px": 192},
    {"stylizer": "microast", "precision": "fp32", "resolution_px": 128},
    {"stylizer": "microast", "precision": "fp32", "resolution_px": 192},
    {"stylizer": "compact", "precision": "fp32", "resolution_px": 192},
    {"stylizer": "compact", "precision": "fp32", "resolution_px": 192, "alpha": 0.5},
    {"stylizer": "compact", "precision": "fp32", "resolution_px": 192, "runtime": "onnxruntime"},
    {"stylizer": "compact", "precision": "fp32", "resolution_px": 192, "repeat": 2},
    {"stylizer": "their tool", "precision": None, "runtime": None, "resolution_px": 192},
]  # fmt: skip


def whole(number: int, made: dict[str, Any]) -> dict[str, Any]:
    settings = {"stylizer": made["stylizer"], "precision": made["precision"], "resolution_px": made["resolution_px"],
                "stylizer_settings": {"alpha": made.get("alpha", 1.0)}}  # fmt: skip
    return row(number, **{**SAME, "alpha": 1.0, **made, "settings_json": json.dumps(settings)})


def pairs(tab: Any, by: str) -> set[tuple[int, int]]:
    found = tab.evaluate("async by => [...(await viewer.ballot(await viewer.rows(), by)).values()].flat()", by)
    return {(min(pair), max(pair)) for pair in found}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("alike")
    out = written(folder / "out", [whole(number, made) for number, made in enumerate(MADE)])
    with served(Viewer({out: str(out)}, folder / "cache")) as url:
        yield url


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("precision", {(0, 3)}),
        ("resolution_px", {(1, 2)}),
        ("alpha", {(3, 4)}),
        ("method", {(0, 7), (2, 3), (2, 4), (2, 7), (3, 4), (3, 7), (4, 7), (5, 7)}),
    ],
)
def test_all_but_what_is_compared_is_the_same(tabs: Open, url: str, by: str, expected: set[tuple[int, int]]) -> None:
    assert pairs(tabs(url, "#view=failures"), by) == expected


def test_where_nothing_is_alike_the_page_says_so(tabs: Open, tmp_path: Path) -> None:
    out = written(tmp_path / "out", [whole(number, made) for number, made in enumerate(MADE[:2])])
    with served(Viewer({out: str(out)}, tmp_path / "cache")) as url:
        tab = tabs(url, "#view=failures")
        tab.evaluate("localStorage.setItem('stylize-voter', 'Ada')")
        for by in ("method", "precision", "resolution_px"):
            turned_to(tab, f"view=vote&vote={by}")
            assert f"differ in {by} alone" in tab.locator("main").inner_text()
