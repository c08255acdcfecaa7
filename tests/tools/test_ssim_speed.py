from __future__ import annotations

import torch

from tools.bench.ssim_speed import ssim_speed


def test_speed_reports_both_times_and_an_agreement_of_1e_4() -> None:
    threads = torch.get_num_threads()
    ours_ms, theirs_ms, difference = ssim_speed()
    assert ours_ms > 0
    assert theirs_ms > 0
    assert 0 < difference < 1e-4
    assert torch.get_num_threads() == threads
