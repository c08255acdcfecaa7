from __future__ import annotations

import pandas as pd
import pytest

from stylize.report.evidence.estimate import Estimate, Wanted, one, told
from tests.support.made_rows import of_sweep, row, rows

MADE = rows(
    [
        of_sweep(n, "m", "auto", px, precision="bf16", total_s=0.1 * px * px / 1e6)
        for n, px in enumerate([300, 600, 900])
    ]
)


def test_a_variant_that_was_measured_is_taken_as_it_was() -> None:
    found = one(MADE, Wanted("m", "auto", 600, 1, 10))
    assert found.seconds_per_image == pytest.approx(0.036)
    assert found.memory_bytes == 48_000_000
    assert found.how == "measured"
    old, new = (of_sweep(n, "m", "auto", 600, weights_sha256=sha * 16) for n, sha in enumerate(("cafe", "feed")))
    assert one(rows([old, new]), Wanted("m", "auto", 600, 1, 10)).how == "measured"


def test_a_whole_is_the_sum_of_what_its_images_and_those_that_warm_up_took() -> None:
    kinds = [(7.0, 3e8, True), (1.0, 1e8, False), (1.0, 1e8, False), (4.0, 2e8, False)]
    made = rows(
        of_sweep(n, "m", "auto", 600, total_s=s, image_host_bytes=int(size), warmup=warm)
        for n, (s, size, warm) in enumerate(kinds)
    )
    assert told(made, [Wanted("m", "auto", 600, 1, 4, warm_ups=1)])[0].startswith("time:   about 13 s for 4 images")
    assert told(made, [Wanted("m", "auto", 600, 1, 3)])[0].startswith("time:   about 6 s for 3 images")
    assert told(made, [Wanted("m", "auto", 600, 1, 3)])[-1].startswith("memory: 200 MB at most for one image")
    alone = made[made["clean"]]
    assert told(alone, [Wanted("m", "auto", 600, 1, 4, warm_ups=1)])[0].startswith("time:   about 8 s for 4 images")


def test_another_resolution_comes_from_the_methods_fit() -> None:
    found = one(MADE, Wanted("m", "auto", 1800, 1, 10))
    assert one(MADE, Wanted("m", "auto", 1900, 1, 10)).how == "not known"  # over 4 times as many pixels as 900 px has
    assert found.seconds_per_image == pytest.approx(0.324, rel=0.01)
    assert found.how == "from its other resolutions"


def test_another_precision_is_a_stopgap_that_says_so() -> None:
    assert one(MADE, Wanted("m", "fp32", 600, 1, 10)).how == "measured in another precision"


def test_images_in_strips_are_told_apart_from_those_at_once() -> None:
    def made(strips: list[int | None]) -> pd.DataFrame:
        return rows(
            of_sweep(n, "m", "auto", 600, strips=one, total_s=9.0 if (one or 1) > 1 else 1.0,
                     image_host_bytes=10**7 if (one or 1) > 1 else 10**8)
            for n, one in enumerate(strips)
        )  # fmt: skip

    wanted = Wanted("m", "auto", 600, 1, 10)
    assert one(made([1, 4]), wanted) == Estimate(1.0, 1e8, "measured")
    assert one(made([None, 4, 4]), wanted) == Estimate(9.0, 1e7, "measured in strips")
    larger = rows(of_sweep(n, "m", "auto", 1200, strips=4, total_s=99.0) for n in range(3))
    at_once = one(MADE, other := Wanted("m", "auto", 1800, 1, 10))
    assert one(pd.concat([MADE, larger]), other) == at_once


def test_rows_of_as_many_workers_count_before_others() -> None:
    made = rows(of_sweep(n, "m", "auto", 300, n, total_s=float(n)) for n in (1, 2, 3))
    assert [one(made, Wanted("m", "auto", 300, n, 10)).seconds_per_image for n in (1, 3, 8)] == [1, 3, 2]


def test_pictures_made_elsewhere_tell_nothing_of_a_method() -> None:
    scored = rows([row(1, stylizer="m", measure_mode="scored", precision=None, stylize_s=None)])
    assert one(scored, Wanted("m", "auto", 512, 1, 10)).how == "not known"


def test_what_no_row_is_like_is_not_guessed() -> None:
    assert one(MADE, Wanted("other", "auto", 600, 1, 10)).seconds_per_image is None
    text = "\n".join(told(MADE, [Wanted("other", "auto", 600, 1, 10)]))
    assert text == "not known, as no row is like it: other auto 600 px"


def test_the_whole_is_over_workers_and_names_the_largest() -> None:
    wanted = [Wanted("m", "auto", 900, 2, 100), Wanted("m", "auto", 300, 1, 100)]
    lines = told(MADE, wanted)
    assert lines[0] == "time:   about 4.95 s for 200 images, loading not counted"
    assert "4.05 s: m auto 900 px x2, 100 images, measured" in lines[1]
    twice = told(MADE, wanted[:1] * 2)  # two kinds of scaling, of which as many are left
    assert twice[0] == "time:   about 8.1 s for 200 images, loading not counted"
    assert lines[-1].startswith("memory: 108 MB at most for one image: m auto 900 px x2")


def test_nothing_left_is_said() -> None:
    assert told(MADE, [Wanted("m", "auto", 900, 1, 0)]) == ["nothing is left to do"]


def test_between_sizes_that_were_measured_a_fit_is_asked_however_wide_it_is() -> None:
    wide = rows(
        of_sweep(n, "m", "auto", px, precision="bf16", total_s=0.1 * px * px / 1e6 * off)
        for n, (px, off) in enumerate([(300, 1.0), (400, 6.0), (600, 0.3), (900, 3.0)])
    )
    assert one(wide, Wanted("m", "auto", 500, 1, 10)).how == "from its other resolutions"
    assert one(wide, Wanted("m", "auto", 1800, 1, 10)).how == "not known"


def test_many_images_of_three_sizes_are_no_more_sizes() -> None:
    # Half a second whatever the size: a line on logarithms that no number of images makes straight.
    bent = rows(
        of_sweep(n, "m", "auto", px, precision="bf16", total_s=0.5 + px * px / 1e6)
        for n, px in enumerate([256, 512, 1024] * 4)
    )
    assert one(bent, Wanted("m", "auto", 4096, 1, 10)).how == "not known"


def test_where_stages_overlapped_what_an_image_waited_for_others_does_not_count() -> None:
    waited = rows(
        of_sweep(n, "m", "auto", 300, measure_mode="throughput", stylize_s=0.4, total_s=3.0) for n in range(5)
    )
    assert one(waited, Wanted("m", "auto", 300, 1, 10)).seconds_per_image == pytest.approx(0.428)
