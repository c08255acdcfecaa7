from __future__ import annotations

from stylize.report.words import summary
from tests.support.made_rows import of_sweep, row, rows


def said(made: list[dict[str, object]]) -> str:
    return "\n".join(summary(rows(made)))


def test_the_fastest_and_the_fastest_near_the_best_style_are_named_with_their_numbers() -> None:
    made = [
        *(of_sweep(n, "quick", "fp32", 600, stylize_s=0.01, ssim=0.6, gram_distance=5.0) for n in range(7)),
        *(of_sweep(n + 10, "good", "fp32", 600, stylize_s=0.05, ssim=0.4, gram_distance=1.05) for n in range(7)),
        *(of_sweep(n + 20, "best", "fp32", 600, stylize_s=9.0, ssim=0.3, gram_distance=1.0) for n in range(7)),
    ]
    text = said(made)
    assert "At 600 px, quick fp32 is the fastest: 10 ms per image (p95 10 ms, 7 images), mean SSIM 0.600." in text
    assert "best fp32 comes nearest to the artworks' style (Gram distance 1) in 9 s" in text
    assert "good fp32 is the fastest: 50 ms" in text
    assert "SSIM of 0.5 or more, quick fp32" in text


def test_what_fits_in_a_memory_comes_from_the_fit_and_goes_not_far_beyond_what_was_measured() -> None:
    # 200 MB a megapixel, up to 1.5 MP.
    made = [of_sweep(n, "m", "fp32", px) for n, px in enumerate([300, 600, 1200, 1500])]
    text = said(made)
    assert "With 1 GB for one more image, megapixels that fit: m fp32 5 (from the fits)." in text
    assert "With 4 GB" not in text


def test_growth_in_proportion_is_called_so_with_its_interval() -> None:
    text = said([of_sweep(n, "m", "fp32", px) for n, px in enumerate([300, 600, 1200, 2400])])
    assert "Time grows in proportion to pixels: m fp32 (1.00, 1.00 to 1.00)." in text


def test_growth_that_is_faster_is_called_so() -> None:
    made = [of_sweep(n, "m", "fp32", px, stylize_s=(px / 1000) ** 3) for n, px in enumerate([300, 600, 1200, 2400])]
    assert "Time grows faster than pixels: m fp32 (1.50" in said(made)


def test_failures_end_the_summary() -> None:
    assert said([row(1), row(2, status="oom")]).splitlines()[-1] == "1 of 2 rows are not ok: 1 oom."
    assert said([row(1)]).splitlines()[-1] == "All 1 rows are ok."


def test_two_machines_are_spoken_of_apart() -> None:
    lines = summary(rows([row(1), row(2, device_name="Another", stylize_s=0.2)]))
    assert any(line.startswith("Another, 2 threads, isolated: At 512 px") for line in lines)
    assert any(line.startswith("A processor, 2 threads, isolated: At 512 px") for line in lines)


def test_a_single_method_is_fastest_of_nothing() -> None:
    text = said([row(n) for n in range(3)])
    assert "At 512 px, compact fp32 takes 100 ms per image (p95 100 ms, 3 images), mean SSIM 0.500." in text
    assert "fastest" not in text
    assert "keeps most" not in text
