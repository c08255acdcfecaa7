from __future__ import annotations

from stylize.report.evidence.claims import check
from stylize.results.schema import Row
from tests.support.made_rows import of_sweep, row, rows


def verdict(made: list[Row], word: str) -> str:
    (found,) = (claim for claim in check(rows(made)) if word in claim.text)
    return found.verdict


def gatys(seconds: float, memory: float, backbone: str = "vgg19", model: float = 8e7) -> Row:
    """A row at 768 px."""
    return of_sweep(1, f"gatys {backbone}", "fp32", 768, stylize_s=seconds, image_host_bytes=int(memory),
                    stylizer="gatys", backbone=backbone, model_host_bytes=int(model),
                    task_id=f"{backbone}{seconds}")  # fmt: skip


def test_without_rows_nothing_is_measured() -> None:
    assert {claim.verdict for claim in check(rows([row(1)]))} == {"not measured"}


def test_tens_of_seconds_are_ten_to_a_hundred() -> None:
    assert verdict([gatys(30, 1e9)], "tens of seconds") == "holds here"
    assert verdict([gatys(3, 1e9)], "tens of seconds") == "does not hold here"


def test_four_gigabytes_are_of_model_and_image_together() -> None:
    assert verdict([gatys(30, 3.9e9)], "about 4 GB") == "holds here"
    assert verdict([gatys(30, 1e9)], "about 4 GB") == "does not hold here"


def test_fast_methods_that_differ_make_a_claim_hold_in_part() -> None:
    quick = of_sweep(1, "compact", "fp32", 768, stylizer="compact", stylize_s=0.05)
    slow = of_sweep(2, "adain", "fp32", 768, stylizer="adain", stylize_s=1.5)
    assert verdict([quick], "tens of milliseconds") == "holds here"
    assert verdict([quick, slow], "tens of milliseconds") == "holds in part"


def test_linear_growth_is_an_exponent_of_about_one() -> None:
    sizes = (300, 600, 1200, 2400)
    line = [of_sweep(n, "compact", "fp32", px) for n, px in enumerate(sizes)]
    steep = [of_sweep(n, "compact", "fp32", px, image_host_bytes=px**4) for n, px in enumerate(sizes)]
    assert verdict(line, "linearly") == "holds here"
    assert verdict(steep, "linearly") == "does not hold here"


def test_a_lighter_backbone_is_less_in_model_memory_and_time() -> None:
    assert verdict([gatys(30, 1e9), gatys(5, 2e8, "mobilenet_v2", 1e7)], "MobileNet") == "holds here"
    assert verdict([gatys(30, 1e9), gatys(50, 2e8, "mobilenet_v2", 1e7)], "MobileNet") == "holds in part"


def test_saved_memory_is_beside_fp32_of_the_same_task() -> None:
    base = of_sweep(1, "compact", "fp32", 768)
    half = of_sweep(1, "compact", "bf16", 768, image_host_bytes=70_000_000, task_id="h")
    same = of_sweep(1, "compact", "int8", 768, task_id="i")
    assert verdict([base, half], "Half precision") == "holds here"
    assert verdict([base, half, same], "INT8") == "does not hold here"
