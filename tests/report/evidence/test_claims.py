from __future__ import annotations

from collections.abc import Iterable

import pytest

from stylize.report.evidence.claims import Claim, check
from stylize.report.evidence.verdicts import LEAST_PAIRS
from stylize.results.schema import Row
from tests.support.made_rows import of_sweep, row, rows

N = 6


def found(made: Iterable[Row], word: str) -> Claim:
    (claim,) = (claim for claim in check(rows(made)) if word in claim.text)
    return claim


def gatys(seconds: list[float], memory: float = 1e9, backbone: str = "vgg19", model: float = 8e7) -> list[Row]:
    """A row at 768 px for each time, each of a photo of its own."""
    return [
        of_sweep(number, f"gatys {backbone}", "bf16", 768, stylize_s=time, image_host_bytes=int(memory),
                 stylizer="gatys", backbone=backbone, model_host_bytes=int(model), task_id=f"{backbone}{number}")
        for number, time in enumerate(seconds)
    ]  # fmt: skip


def of(method: str, precision: str, seconds: list[float], memory: float = 1e8, px: int = 768) -> list[Row]:
    return [
        of_sweep(number, method, precision, px, stylizer=method, stylize_s=time, image_host_bytes=int(memory),
                 task_id=f"{method}{precision}{px}{number}")
        for number, time in enumerate(seconds)
    ]  # fmt: skip


def test_without_rows_nothing_is_measured() -> None:
    assert {claim.verdict for claim in check(rows([row(1)]))} == {"not measured"}


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([30.0] * N, "holds here"),
        ([3.0] * N, "does not hold here"),
        # Half of the photos take no tens of seconds: their median may lie on either side.
        ([5.0, 6.0, 7.0, 30.0, 31.0, 32.0], "undecided"),
        ([30.0] * (LEAST_PAIRS - 1), "undecided"),
    ],
    ids=["inside", "outside", "astride", "too few"],
)
def test_tens_of_seconds_are_ten_to_a_hundred_with_the_whole_interval(seconds: list[float], expected: str) -> None:
    claim = found(gatys(seconds), "tens of seconds")
    assert claim.verdict == expected
    assert f"n = {len(seconds)}" in claim.measured


def test_four_gigabytes_are_of_model_and_image_together() -> None:
    assert found(gatys([30.0] * N, 3.9e9), "about 4 GB").verdict == "holds here"
    unknown = [one | {"model_host_bytes": None} for one in gatys([30.0] * N, 3.9e9)]
    assert found(unknown, "about 4 GB").verdict == "not measured"
    beside = [one | {"model_host_bytes": None} for one in gatys([30.0] * N, 3.9e9, "vgg19a")]
    told = found([*gatys([30.0] * N, 3.9e9), *beside, *gatys([30.0] * N, 1e9, "vgg19b")], "about 4 GB").measured
    assert [part.split()[1] for part in told.split("; ")] == ["vgg19b", "vgg19"]
    assert found(gatys([30.0] * N, 2.95e9), "about 4 GB").verdict == "holds here"
    assert found(gatys([30.0] * N, 1e9), "about 4 GB").verdict == "does not hold here"


def test_fast_methods_that_differ_make_a_claim_hold_in_part() -> None:
    quick, slow = of("compact", "fp32", [0.05] * N), of("adain", "fp32", [1.5] * N)
    unclear = of("johnson", "fp32", [0.05, 0.05, 0.05, 0.2, 0.2, 0.2])
    assert found(quick, "tens of milliseconds").verdict == "holds here"
    assert found([*quick, *slow], "tens of milliseconds").verdict == "holds in part"
    assert found([*quick, *unclear], "tens of milliseconds").verdict == "holds here, as far as decided"
    assert found(unclear, "tens of milliseconds").verdict == "undecided"


def test_linear_growth_is_an_exponent_that_is_surely_about_one() -> None:
    sizes = (300, 600, 1200, 2400)
    line = [of_sweep(n, "compact", "fp32", px) for n, px in enumerate(sizes)]
    steep = [of_sweep(n, "compact", "fp32", px, image_host_bytes=px**4) for n, px in enumerate(sizes)]
    bumpy = [
        of_sweep(n, "compact", "fp32", px, image_host_bytes=px**2 * factor)
        for n, (px, factor) in enumerate(zip(sizes, (100, 300, 60, 250), strict=True))
    ]
    assert found(line, "linearly").verdict == "holds here"
    assert found(steep, "linearly").verdict == "does not hold here"
    assert found(bumpy, "linearly").verdict == "undecided"


def test_a_lighter_backbone_is_less_in_model_memory_and_time() -> None:
    vgg19 = gatys([30.0] * N)
    assert found([*vgg19, *gatys([5.0] * N, 2e8, "mobilenet_v2", 1e7)], "MobileNet").verdict == "holds here"
    assert found([*vgg19, *gatys([50.0] * N, 2e8, "mobilenet_v2", 1e7)], "MobileNet").verdict == "holds in part"
    few = [*vgg19, *gatys([5.0], 2e8, "mobilenet_v2", 1e7)]
    assert found(few, "MobileNet").verdict == "undecided"
    assert "undecided (n = 1)" in found(few, "MobileNet").measured


def test_what_noise_could_have_made_decides_no_backbone() -> None:
    noisy = gatys([20.0, 40.0, 28.0, 33.0, 25.0, 36.0], 1e9, "mobilenet_v2")
    claim = found([*gatys([30.0] * N), *noisy], "MobileNet")
    assert "stylize time no difference seen" in claim.measured
    # Model and memory are the same, which is no less.
    assert claim.verdict == "does not hold here, as far as decided"


def test_saved_memory_is_beside_fp32_of_the_same_task() -> None:
    base = of("compact", "fp32", [0.1] * N)
    half, same = of("compact", "bf16", [0.1] * N, 7e7), of("compact", "int8", [0.1] * N)
    assert found([*base, *half], "Half precision").verdict == "holds here"
    assert "0.7x of fp32's (n = 6, 768 px)" in found([*base, *half], "Half precision").measured
    assert found([*base, *half, *same], "INT8 saves").verdict == "does not hold here"
    assert found([*base, *of("compact", "int8", [0.1])], "INT8 saves").verdict == "undecided"


@pytest.mark.parametrize(
    ("seconds", "memory", "faster", "smaller"),
    [
        ([0.05] * N, 5e7, "holds here", "holds here"),
        ([0.09] * N, 8e7, "does not hold here", "does not hold here"),
        ([0.05, 0.05, 0.05, 0.09, 0.09, 0.09], 6e7, "undecided", "holds here"),
    ],
    ids=["worth it", "not worth it", "astride"],
)
def test_int8_is_worth_it_where_the_whole_interval_is(
    seconds: list[float], memory: float, faster: str, smaller: str
) -> None:
    made = [*of("compact", "fp32", [0.1] * N), *of("compact", "int8", seconds, memory)]
    assert found(made, "1.5 times as fast").verdict == faster
    assert found(made, "0.6 times").verdict == smaller
    assert "of fp32's (n = 6, 768 px)" in found(made, "1.5 times as fast").measured


def test_memory_that_varies_about_fp32s_saves_none_that_is_seen() -> None:
    base = of("compact", "fp32", [0.1] * N)
    varying = [
        made | {"image_host_bytes": int(1e8 * share)}
        for made, share in zip(of("compact", "int8", [0.1] * N), (0.5, 1.5, 0.8, 1.2, 0.9, 1.1), strict=True)
    ]
    claim = found([*base, *varying], "INT8 saves")
    assert claim.verdict == "undecided"
    assert "no difference seen" in claim.measured


def test_what_was_measured_on_several_machines_says_on_which() -> None:
    made = [*gatys([30.0] * N), *(of_sweep(n, "compact", "fp32", px) for n, px in enumerate((300, 600, 1200)))]
    assert " on " not in found(made, "tens of seconds").measured + found(made, "linearly").measured
    made += [one | {"device_name": "Another"} for one in made]
    for word in ("tens of seconds", "linearly"):
        told = found(made, word).measured
        assert {part.partition(" on ")[2].partition(",")[0] for part in told.split("; ")} == {"A processor", "Another"}
