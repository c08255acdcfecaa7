from __future__ import annotations

from itertools import combinations
from typing import Any

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stylize.report.page.labels import MOST, of, put, short


def test_what_tells_a_method_apart_stands_first_and_is_never_cut_off() -> None:
    shared = "alpha=1.0, channels_last=True"
    names = [f"compact ({shared}, compile={compile}, style_weights=[0.5, 0.5])" for compile in (False, True)]
    found = short((name, "fp32") for name in names)
    assert found == ["compact fp32 (compile=False, ..)", "compact fp32 (compile=True, ..)"]
    assert max(map(len, found)) <= MOST


def test_settings_that_fit_are_all_shown_and_as_few_as_tell_apart_are_needed() -> None:
    names = ["m (alpha=0.5, runtime=x)", "m (alpha=1.0, runtime=x)", "m (alpha=1.0, runtime=y)", "m", "other"]
    assert short((name, "bf16") for name in names) == [
        "m bf16 (alpha=0.5, runtime=x)", "m bf16 (alpha=1.0, runtime=x)", "m bf16 (alpha=1.0, runtime=y)", "m bf16",
        "other bf16",
    ]  # fmt: skip


def test_no_two_labels_are_the_same_however_long_what_differs() -> None:
    keys: list[tuple[str, ...]] = [(f"{'a long name ' * 4}{end}", "fp32") for end in "ab"]
    keys += [(f"m (weights={'x' * 60}{end})", "fp32", "weak") for end in "ab"]
    found = short(keys)
    assert len(set(found)) == len(keys)
    assert all(len(line) <= MOST for text in found for line in text.splitlines())


def test_a_name_is_no_formula_and_is_not_hidden() -> None:
    assert short([("$x_", "fp32"), ("_y", "fp32")]) == [r"\$x_ fp32", " _y fp32"]


def test_a_method_has_one_label_whatever_a_plot_shows_of_it() -> None:
    rows = pd.DataFrame({"method": ["a (x=1, y=2)", "a (x=1, y=3)", "b"], "precision": ["fp32", "fp32", None]})
    label = of(rows)
    assert label("a (x=1, y=3)", "fp32") == "a fp32 (y=3, x=1)"
    assert label("b", float("nan")) != label("a (x=1, y=3)", "fp32")


@pytest.mark.parametrize(("points", "numbered"), [(3, False), (12, True)])
def test_labels_of_points_cover_no_other_and_are_numbers_where_there_is_no_room(points: int, numbered: bool) -> None:
    figure = Figure(figsize=(4.4, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    spots = [(0.1 + 0.8 * n / points, (n * 7 % points) / points) for n in range(points)]
    texts = [f"{'long name ' * 3}{n}\n{n} ms" for n in range(points)]
    axes.scatter(*zip(*spots, strict=True))
    axes.set(xlim=(0, 1.8), ylim=(-0.2, 1.2))
    put(axes, spots, texts)
    figure.canvas.draw()
    drawn: Any = axes.texts
    assert [one.get_text() for one in drawn] == ([str(n + 1) for n in range(points)] if numbered else texts)
    boxes = [one.get_window_extent() for one in drawn]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    if numbered:
        told = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
        assert told == [f"{n + 1}  {text.replace(chr(10), ', ')}" for n, text in enumerate(texts)]
