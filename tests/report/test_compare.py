from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from stylize.errors import UsageError
from stylize.report.compare import compare, told
from tests.support.made_rows import row, rows


def run(factor: float = 1.0, noise: float = 0.01, seed: int = 0, **changes: Any) -> pd.DataFrame:
    """40 rows around 0.1 s times `factor`."""
    rng = np.random.default_rng(seed)
    return rows([row(n, stylize_s=0.1 * factor * float(np.exp(rng.normal(0, noise))), **changes) for n in range(40)])


def verdicts(a: pd.DataFrame, b: pd.DataFrame, **options: Any) -> dict[str, str]:
    return {line.quantity: line.verdict for line in compare(a, b, **options).lines}


def test_a_run_is_the_same_as_another_within_the_tolerance() -> None:
    found = compare(run(), run(1.02, seed=1))
    assert not found.worse
    assert {line.verdict for line in found.lines} == {"same"}


def test_slower_by_more_than_the_tolerance_is_worse() -> None:
    found = compare(run(), run(1.2, seed=1))
    assert found.worse
    assert {line.quantity: line.verdict for line in found.lines}["stylize time"] == "worse"
    assert not compare(run(), run(1.2, seed=1), 0.5).worse


def test_faster_is_better() -> None:
    assert verdicts(run(), run(0.8, seed=1))["stylize time"] == "better"


def test_what_noise_hides_is_not_settled_and_not_worse() -> None:
    found = compare(run(noise=1.0), run(1.06, noise=1.0, seed=1))
    assert {line.quantity: line.verdict for line in found.lines}["stylize time"] == "not settled"
    assert not found.worse


def test_more_memory_and_less_ssim_are_worse() -> None:
    found = verdicts(run(), run(seed=1, image_host_bytes=150_000_000, ssim=0.4))
    assert (found["memory of one more image"], found["SSIM"]) == ("worse", "worse")
    assert verdicts(run(), run(seed=1, ssim=0.6))["SSIM"] == "better"


def test_a_task_that_is_no_longer_ok_is_worse() -> None:
    b = run()
    b.loc[3, ["status", "ok", "clean"]] = ["crashed", False, False]
    found = compare(run(), b)
    assert found.worse
    assert found.broken == ["compact fp32, day/3 in wash: crashed"]
    assert "no longer ok: compact fp32, day/3 in wash: crashed" in "\n".join(told(found, "A", "B"))


def test_another_machine_is_refused() -> None:
    with pytest.raises(UsageError, match="different hardware"):
        compare(run(), run(device_name="Another"))


def test_too_few_common_tasks_are_refused() -> None:
    with pytest.raises(UsageError, match="share 0 tasks"):
        compare(run(), run(precision="bf16"))


def test_runs_outside_of_sweeps_pair_by_photo_and_artwork_whatever_folder_they_lie_in() -> None:
    b = rows([row(n, content_uri=f"/elsewhere/{n}.jpg", workers=None, repeat=None) for n in range(40)])
    a = rows([row(n, workers=None, repeat=None) for n in range(40)])
    assert compare(a, b).shared == 40
