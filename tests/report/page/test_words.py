from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from stylize.report.evidence.cells import by_size
from stylize.report.page.words import MOST_NAMED, across, at_size
from tests.support.made_rows import BEGIN, of_sweep, row, rows


def said(made: Iterable[dict[str, Any]]) -> str:
    frame = rows(made)
    sizes = by_size(frame)
    return "\n".join([*across(frame, sizes), *(line for size in sizes for line in at_size(size))])


def cell(name: str, px: int = 600, n: int = 7, **changes: Any) -> list[dict[str, Any]]:
    """n rows of a method over n photos."""
    start = sum(map(ord, name)) * 1000 + px
    return [of_sweep(start + k, name, "fp32", px, content_uri=f"/p/{k}.jpg", **changes) for k in range(n)]


def test_the_best_of_each_kind_is_named_with_its_numbers_and_what_comes_next() -> None:
    text = said([
        *cell("quick", stylize_s=0.01, ssim=0.6, gram_distance=5.0),
        *cell("good", stylize_s=0.05, ssim=0.4, gram_distance=1.5),
        *cell("best", stylize_s=9.0, ssim=0.3, gram_distance=1.0),
    ])  # fmt: skip
    assert (
        "At 600 px, quick fp32 is the fastest: 10 ms (n = 7); next is good fp32, 5x as long (5x to 5x, n = 7)." in text
    )
    assert "At 600 px, best fp32 comes nearest to the artworks' style: Gram distance 1 (n = 7); next is good" in text
    assert "At 600 px, quick fp32 keeps most of the photo: SSIM 0.600 (n = 7); next is good fp32, 0.200 less" in text


def test_what_is_within_the_margin_is_not_told_apart() -> None:
    text = said([*cell("one", stylize_s=0.1), *cell("two", stylize_s=0.102), *cell("three", stylize_s=0.5)])
    assert (
        "At 600 px, no difference seen in stylize time between one fp32, 100 ms (n = 7), and two fp32 102 ms (n = 7). "
        "Clearly behind: three fp32." in text
    )


def test_what_was_measured_of_too_few_photos_is_named_and_not_compared() -> None:
    text = said([*cell("one"), *cell("two", n=2, stylize_s=0.001), *cell("three", stylize_s=0.9)])
    assert "At 600 px, one fp32 is the fastest" in text
    assert "Too few images to compare: two fp32 1 ms (n = 2)." in text


def test_of_a_long_list_the_first_are_named_and_the_others_counted() -> None:
    text = said([one for number in range(30) for one in cell(f"m{number:02}", n=1, ssim=None)])
    assert "too few images to say which is the fastest: m00 fp32 " in text
    assert text.count("(n = 1)") == MOST_NAMED
    assert ", m19 fp32 24 ms (n = 1), and 10 more." in text


def test_what_has_no_image_but_warm_ups_is_named_with_what_its_numbers_are_of() -> None:
    text = said([*cell("one"), *cell("two", n=2, warmup=True), *cell("none", n=1, status="oom")])
    assert "At 600 px, warm-up images alone, so that no time counts and scores are of those: two fp32." in text


def test_what_has_too_few_photos_in_common_with_the_best_is_counted_by_its_own() -> None:
    other = [one | {"content_uri": "/p/other.jpg"} for one in cell("two", n=1, stylize_s=0.143)]
    assert "Too few images to compare: two fp32 143 ms (n = 1, none in common with one fp32)." in said(
        [*cell("one"), *other]
    )


def test_a_size_is_in_every_sentence_of_it_and_sizes_that_disagree_are_named() -> None:
    made = [
        *cell("one", 300, gram_distance=1.0), *cell("two", 300, gram_distance=2.0),
        *cell("one", 900, gram_distance=2.0), *cell("two", 900, gram_distance=1.0),
    ]  # fmt: skip
    assert (
        "Sizes disagree on which comes nearest to the artworks' style: one fp32 at 300 px; two fp32 at 900 px."
        in said(made)
    )
    assert "disagree" not in said([*cell("one", 300, ssim=0.9), *cell("two", 300), *cell("one", 900, ssim=0.9)])
    for size in by_size(rows(made)):
        assert all(line.startswith(f"At {size.side}, ") for line in at_size(size))


def test_what_fits_counts_the_whole_worker_and_says_what_scoring_adds() -> None:
    mb = 10**6
    held: dict[str, Any] = {"scorer_host_bytes": 100 * mb, "score_peak_rss_bytes": 1300 * mb}
    text = said([
        *cell("small", host_peak_rss_bytes=900 * mb, **held), *cell("large", host_peak_rss_bytes=1200 * mb, **held),
    ])  # fmt: skip
    assert (
        "At 600 px, in 1 GB for the whole worker (scoring adds up to 500 MB) fits: small fp32 800 MB; does not fit: "
        "large fp32 1.1 GB." in text
    )
    older = said(cell("small", host_peak_rss_bytes=900_000_000))
    assert "(scoring included) fits: small fp32 900 MB." in older
    held = {"host_peak_rss_bytes": 900 * mb, "scorer_host_bytes": 100 * mb}
    overlapping = said(cell("small", **held, measure_mode="throughput"))
    assert "(scoring included) fits: small fp32 900 MB." in overlapping


def test_a_fit_is_asked_of_larger_pictures_only_where_three_sizes_agree() -> None:
    def sizes(*sides: int, **changes: Any) -> str:
        held = {px: int(5e8 + 2e8 * px * (px * 2 // 3) / 1e6) for px in sides}
        return said([one for px in sides for one in cell("m", px, host_peak_rss_bytes=held[px], **changes)])

    # 500 MB and 200 MB a megapixel, up to 1.5 MP.
    assert "In 1 GB for the whole worker, megapixels that fit by the fits over sizes: m fp32 2.5 (beyond" in sizes(
        300, 600, 1200, 1500
    )
    assert "by the fits" not in sizes(300, 1500)


def test_of_fewer_than_three_sizes_no_growth_and_no_brackets_are_told() -> None:
    text = said([one for px in (300, 1500) for one in cell("m", px)])
    assert "Measured at too few sizes to say how time grows, as it takes three: m fp32." in text
    assert "brackets" not in text


def test_growth_is_told_of_the_sizes_that_a_method_was_measured_at() -> None:
    made = [one for px in (300, 600, 1200, 2400) for one in cell("far", px)]
    made += [one for px in (300, 450, 600) for one in cell("near", px)]
    text = said([*made, *cell("once", 4800)])
    assert "From 0.06 to 3.84 megapixels, time grows in proportion to pixels: far fp32 (1.00, 1.00 to 1.00). In" in text
    assert (
        "From 0.06 to 0.24 megapixels, time grows in proportion to pixels: near fp32 (1.00, 1.00 to 1.00). In" in text
    )


def test_growth_is_called_by_its_interval() -> None:
    assert "time grows in proportion to pixels: m fp32 (1.00, 1.00 to 1.00)" in said(
        [one for px in (300, 600, 1200, 2400) for one in cell("m", px)]
    )
    faster = [one for px in (300, 600, 1200, 2400) for one in cell("m", px, stylize_s=(px / 1000) ** 3)]
    assert "time grows faster than pixels: m fp32 (1.50" in said(faster)
    wild = [one for px, time in ((300, 0.1), (600, 3), (1200, 0.2)) for one in cell("m", px, stylize_s=time)]
    assert "time grows in a way that these rows do not settle: m fp32" in said(wild)


def test_of_pictures_of_one_long_side_no_growth_is_asked_for() -> None:
    text = said([one | {"height_px": (400, 100)[n % 2]} for n, one in enumerate(cell("m"))])
    assert "too few sizes" not in text


def test_of_what_was_never_measured_it_is_not_said_that_it_takes_more_sizes() -> None:
    text = said([one for px in (300, 600, 1200) for one in cell("m", px, stylize_s=None)])
    assert "memory for one more image grows in proportion" in text
    assert "too few sizes" not in text


def test_what_was_measured_with_more_workers_alone_is_named_and_the_floor_leaves_nothing_out() -> None:
    made = cell("one") + [of_sweep(100 + n, "two", "fp32", 600, 2) for n in range(7)]
    assert "At 600 px, compared with nothing else, as measured with more workers alone: two fp32 (2 w" in said(made)
    floor = cell("nothing", stylizer="identity")
    made = floor + [of_sweep(n, "two", "fp32", 600, 2, host_peak_rss_bytes=6 * 10**8) for n in range(7)]
    assert "fits: two fp32 600 MB" in said(made)
    assert said(floor) == "All 7 rows are ok."


def test_a_size_just_above_a_limit_does_not_read_as_the_limit() -> None:
    text = said(cell("m", host_peak_rss_bytes=1_004_000_000))
    assert "in 1 GB for the whole worker (scoring included) nothing fits." in text
    assert "fits: m fp32 over 1 GB." in text


def test_an_efficiency_stands_beside_both_rates_that_it_is_made_of() -> None:
    made = [
        of_sweep(1000 * workers + 100 * repeat + n, "m", "fp32", 600, workers, repeat=repeat, total_s=seconds,
                 worker_id=f"w{n % workers}",
                 started_at=BEGIN + timedelta(hours=repeat, seconds=n // workers * seconds))
        for workers in (1, 2) for repeat, seconds in ((1, 0.1), (2, 0.2)) for n in range(20)
    ]  # fmt: skip
    rates = "15 images/s, repeats 10 to 20; with 1 worker 7.5 images/s, repeats 5 to 10"
    assert f"with 2 workers: m fp32 100 % ({rates})." in said(made)
    once = "20 images/s, one repeat; with 1 worker 10 images/s, one repeat"
    assert f"with 2 workers: m fp32 100 % ({once})." in said(one for one in made if one["repeat"] == 1)


def test_failures_end_what_is_said_of_all_sizes() -> None:
    assert "1 of 2 rows is not ok: 1 oom." in said([row(1), row(2, status="oom")])
    assert "The one row is ok." in said([row(1)])


def test_two_machines_are_spoken_of_apart() -> None:
    text = said([*cell("one"), *(one | {"device_name": "Another"} for one in cell("two", stylize_s=0.2))])
    assert "Another, 2 threads, isolated: At 600 px, two fp32 takes 200 ms per image (n = 7)." in text
    assert "A processor, 2 threads, isolated: At 600 px, one fp32 takes" in text


@pytest.mark.parametrize("images", [1, 7])
def test_a_single_method_is_fastest_of_nothing(images: int) -> None:
    text = said(cell("one", n=images))
    assert f"At 600 px, one fp32 takes 24 ms per image (n = {images})." in text
    assert "fastest" not in text
    assert "keeps most" not in text


def test_strong_and_weak_scaling_are_told_apart_where_their_times_are_unstable() -> None:
    made = [of_sweep(n, "m", "fp32", 600, each=each, stylize_s=0.1, cpu_wait_s=wait, host_peak_rss_bytes=mb * 10**6)
            for each, wait, mb in (("", 0.07, 600), (" each", 0.05, 500)) for n in range(7)]  # fmt: skip
    text = said(made)
    waited = "(busy neighbours, threads waited 70 % of a call)"
    assert f"m fp32, strong scaling {waited}, m fp32, weak scaling (busy neigh" in text
    assert "fits: m fp32 600 MB." in text


def test_a_precision_that_no_row_tells_does_not_end_a_report() -> None:
    made = [one | {"variant": None, "precision": None, "host_peak_rss_bytes": 6 * 10**8} for one in cell("one")]
    assert "fits: compact ? 600 MB." in said(made)


def test_unstable_times_are_named_with_their_cause() -> None:
    text = said(cell("one", stylize_s=0.1, cpu_wait_s=0.07))
    assert "At 600 px, times are unstable: one fp32 (busy neighbours, threads waited 70 % of a call)." in text
