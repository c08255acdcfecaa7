from __future__ import annotations

import pytest
import torch

from tools.bench import ssim_speed


def test_speed_reports_both_times_and_an_agreement_of_1e_4(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, less in {"HEIGHT_PX": 64, "WIDTH_PX": 96, "_OURS_TIMES": 1, "_THEIRS_TIMES": 1}.items():
        monkeypatch.setattr(ssim_speed, name, less)
    threads = torch.get_num_threads()
    ours_ms, theirs_ms, difference = ssim_speed.ssim_speed()
    assert ours_ms > 0
    assert theirs_ms > 0
    assert 0 < difference < 1e-4
    assert torch.get_num_threads() == threads
