from __future__ import annotations

import inspect
import logging
import re
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from skimage.color import deltaE_ciede2000, rgb2lab

from stylize.report.evidence.cells import by_size
from stylize.report.page import drawings, labels, plots
from stylize.report.page import svg as svg_of
from tests.support.made_rows import BEGIN, of_sweep, rows

ELSEWHERE = {"variant": None, "stylizer": "theirs", "measure_mode": "scored", "stylize_s": None}


def drawn(made: list[dict[str, Any]]) -> dict[str, plots.Plot]:
    frame = rows(made)
    found = [*plots.across(frame), *(plot for size in by_size(frame) for plot in plots.at_size(size))]
    return {plot.file: plot for plot in found}


@pytest.fixture
def unwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out labels and SVGs, which take longest, where captions are looked at."""
    monkeypatch.setattr(labels, "put", lambda *_: None)
    monkeypatch.setattr(svg_of, "of", lambda figure: "")


def methods(*sides: int, **changes: Any) -> list[dict[str, Any]]:
    return [
        of_sweep(1000 * number + 10 * px + n, name, "fp32", px, content_uri=f"/p/{n}.jpg", **changes)
        for number, name in enumerate(("one", "two"))
        for px in sides
        for n in range(6)
    ]


def test_numbers_that_are_all_but_the_same_lie_amid_an_axis_with_ticks() -> None:
    axes = drawings.new_figure().subplots()
    axes.plot((1, 2, 3), (0.1, 0.1, 0.10000000000000002))
    axes.set(yscale="log")
    drawings._plain_ticks(axes.yaxis)
    low, high = axes.get_ylim()
    assert low < 0.09 < 0.11 < high
    assert len(axes.get_yticks()) > 2


@pytest.mark.parametrize("low", [0.0123, 98765])
def test_numbers_of_an_axis_do_not_touch(low: float) -> None:
    for ratio in (1.02, 1.5, 1.9, 2.5, 3.5, 12, 80, 1000, 1e9):
        with mpl.rc_context(plots._RC):
            figure = drawings.new_figure()
            axes = figure.subplots()
            axes.plot((low, low * ratio), (low, low * ratio), label="one")
            axes.set(xscale="log", yscale="log", xlabel="megapixels", ylabel="MB")
            drawings._plain_ticks(axes.xaxis)
            drawings._plain_ticks(axes.yaxis)
            drawings._legend(figure, axes)
            FigureCanvasAgg(figure)
            figure.draw_without_rendering()
        for axis in (axes.xaxis, axes.yaxis):
            shown = axis.get_majorticklabels()
            boxes = [one.get_window_extent() for one in shown]
            assert len(boxes) > 1, (axis, low, ratio)
            for one, other in pairwise(boxes):
                free = other.x0 - one.x1 if axis is axes.xaxis else other.y0 - one.y1
                assert free >= 2, (axis, low, ratio, [text.get_text() for text in shown])


@pytest.mark.usefixtures("unwritten")
def test_each_size_has_plots_of_its_own_and_captions_say_axes_and_size() -> None:
    found = drawn(methods(300, 600, gram_distance=2.0))
    assert set(found) == {
        "time.svg", "memory.svg", "tradeoff-300.svg", "stages-300.svg", "tradeoff-600.svg", "stages-600.svg",
    }  # fmt: skip
    assert "(up)" in found["time.svg"].caption
    assert "(across)" in found["time.svg"].caption
    assert "At 300 px." in found["tradeoff-300.svg"].caption


@pytest.mark.usefixtures("unwritten")
def test_what_a_plot_leaves_out_is_named_with_the_reason() -> None:
    made = [
        *methods(300, 600),
        *(of_sweep(9000 + n, "idle", "fp32", 300, stylizer="identity") for n in range(2)),
        *(of_sweep(9100 + n, "broken", "fp32", 300, status="oom") for n in range(2)),
        *(of_sweep(9200 + n, "untrained", "fp32", 300, ssim=None) for n in range(2)),
        *(of_sweep(9300 + n, "one", "fp32", 300, workers=2) for n in range(2)),
        *(of_sweep(9400 + n, "", "fp32", 300) | ELSEWHERE for n in range(2)),
    ]
    found = drawn(made)
    assert "Left out: idle (does nothing)" in found["time.svg"].caption
    caption = found["tradeoff-300.svg"].caption
    for told in (
        "idle (does nothing)",
        "broken (no image was made)",
        "untrained fp32 (no scores",
        "theirs scored (made elsewhere, not timed)",
        "2 workers (they",
    ):
        assert told in caption
    caption = found["stages-300.svg"].caption
    assert "broken (no image was made); runs with 2 workers (they stand in each other's way)" in caption


@pytest.mark.usefixtures("unwritten")
def test_a_distance_of_0_is_drawn_too() -> None:
    made = methods(300, gram_distance=2.0)
    (size,) = by_size(rows([*made[:6], *(one | {"gram_distance": 0.0} for one in made[6:])]))
    drawings._tradeoff(figure := drawings.new_figure(), size, size.machines[0])
    low, high = figure.axes[0].get_xlim()
    assert (figure.axes[0].get_xscale(), low < 0, high > 2) == ("linear", True, True)


@pytest.mark.usefixtures("unwritten")
def test_a_method_of_which_only_warm_ups_were_made_is_left_out_as_such() -> None:
    made = [*methods(300, 600), of_sweep(9000, "cold", "fp32", 300, warmup=True)]
    for name, plot in drawn(made).items():
        assert ("cold (warm-up images alone)" in plot.caption) == ("600" not in name)
        assert "no image was made" not in plot.caption


def test_workers_are_drawn_as_multiples_of_the_fewest() -> None:
    made = [
        of_sweep(1000 * workers + 100 * worker + n, "m", "fp32", 300, workers, total_s=1.0, worker_id=f"w{worker}",
                 started_at=BEGIN + timedelta(seconds=n))
        for workers in (2, 4, 8) for worker in range(workers) for n in range(3)
    ]  # fmt: skip
    (size,) = by_size(rows(made))
    figure = drawings.new_figure()
    assert drawings._workers(figure, size, size.machines[0])[0]
    measured, ideal = figure.axes[0].lines
    assert measured.get_xydata().tolist() == [[2, 1], [4, 2], [8, 4]]
    assert (ideal.get_label(), ideal.get_xydata().tolist()) == ("ideal", [[2, 1], [8, 4]])


@pytest.mark.usefixtures("unwritten")
def test_a_method_of_one_size_is_drawn_beside_those_of_several() -> None:
    made = [*methods(300, 600), *(of_sweep(9000 + n, "single", "fp32", 300) for n in range(3))]
    time, _ = plots.across(rows(made))
    assert "single" not in time.caption


def test_ink_is_that_of_the_page_and_nothing_is_painted_behind() -> None:
    svg = plots.across(rows(methods(300, 600)))[0].svg
    assert "currentColor" in svg
    assert "prefers-color-scheme: dark" in svg
    assert svg_of.INK not in svg
    assert "#ffffff" not in svg


@pytest.mark.filterwarnings("error")
def test_letters_that_the_plots_font_lacks_are_left_to_the_browsers() -> None:
    made = methods(300, gram_distance=2.0)
    plain, theirs = (
        drawn([row | {"variant": row["variant"].replace(" ", f"{more} ", 1)} for row in made]) for more in ("", "星空")
    )
    assert "<text" not in plain["tradeoff-300.svg"].svg
    for plot in theirs.values():
        assert "星空" in plot.svg


def test_a_home_that_cannot_be_written_is_not_spoken_of() -> None:
    assert not logging.getLogger("matplotlib").isEnabledFor(logging.WARNING)
    for module in (plots, labels, svg_of):  # it speaks of it as it is imported
        assert not re.search("^(from|import) matplotlib", inspect.getsource(module), re.MULTILINE)


@pytest.mark.usefixtures("unwritten")
def test_pictures_made_elsewhere_have_no_bar_of_stages() -> None:
    elsewhere = [one | ELSEWHERE for one in methods(300)[:6]]
    assert not [name for name in drawn(elsewhere) if name.startswith("stages")]
    caption = drawn([*methods(300), *elsewhere])["stages-300.svg"].caption
    assert caption.endswith("Left out: theirs (made elsewhere, not timed).")


def test_many_bars_of_stages_stand_at_their_axis_ends() -> None:
    (size,) = by_size(rows([of_sweep(number, f"m{number}", "fp32", 300) for number in range(40)]))
    drawings._stages(figure := drawings.new_figure(), size, size.machines[0])
    low, high = figure.axes[0].get_ylim()
    assert -1 < low < high < 40


def test_beside_long_names_no_label_of_the_stages_is_cut_or_over_another() -> None:
    made = [one | {"variant": f"method (a_setting_of_a_long_name={n}, b={n}) fp32 300 px x1", "task_id": f"{n}{k}" * 16}
            for n in (1000, 1001) for k, one in enumerate(methods(300)[:6])]  # fmt: skip
    (size,) = by_size(rows(made))
    with mpl.rc_context(plots._RC):
        drawings._stages(figure := drawings.new_figure(), size, size.machines[0])
        FigureCanvasAgg(figure).draw()
    (axes,) = figure.axes
    assert axes.xaxis.label.get_window_extent().x1 <= figure.bbox.x1
    one, other = (text.get_window_extent() for text in axes.get_yticklabels())
    assert one.y1 <= other.y0 or other.y1 <= one.y0


SEEN = {
    "protanopia": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deuteranopia": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritanopia": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}
"""What is left of linear RGB (Machado, Oliveira and Fernandes 2009)."""


@pytest.mark.parametrize("kind", SEEN)
def test_the_colour_blind_tell_colours_of_plots_apart(kind: str) -> None:
    viewer = (Path(plots.__file__).parents[2] / "viewer/static/plot.js").read_text()
    assert set(re.findall(r'"#(\w{6})"', viewer)) == set(plots._COLOURS) - {"94a4a2", "717581"}
    levels = np.array([list(bytes.fromhex(one)) for one in plots._COLOURS]) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(SEEN[kind]).T, 0, 1)
    lab = rgb2lab(np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055))
    apart = deltaE_ciede2000(lab[:, None], lab[None]) + 99 * np.eye(len(lab))
    assert apart.min() > 10
