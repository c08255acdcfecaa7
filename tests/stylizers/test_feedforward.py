"""What every feed-forward method shares: parts kept in fp32, results that are not finite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stylize.stylizers._feedforward import FeedForward


class Doubled(FeedForward):
    """A network of one convolution that stays in fp32, and a result that a test decides."""

    name = "doubled"
    summary = "for tests"

    def load(self, weights: Path | str | None) -> None:
        self.result = torch.zeros(1)
        self.original = nn.Conv2d(3, 3, 1)
        nn.init.constant_(self.original.weight, 1 / 3)
        self.exact = self.original.weight.detach().clone()
        self.net = self.prepare(nn.Sequential(self.original, nn.Conv2d(3, 3, 1)), keep=[self.original])

    def encode_style(self, style: Tensor) -> Any:
        return None

    def forward(self, contents: Tensor, code: Any) -> Tensor:
        return self.result


def test_a_part_kept_in_fp32_keeps_every_digit_of_its_weights() -> None:
    stylizer = Doubled(Doubled.settings_type(), precision="bf16")
    torch.testing.assert_close(stylizer.net[0].weight.detach(), stylizer.exact, rtol=0, atol=0)
    assert stylizer.net[1].weight.dtype == torch.bfloat16


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_one_value_that_is_not_finite_spoils_its_image_and_no_other(value: float) -> None:
    stylizer = Doubled(Doubled.settings_type(), precision="fp32")
    stylizer.result = torch.full((2, 3, 4, 4), 2.0)
    stylizer.result[0, 1, 2, 3] = value
    spoilt, fine = stylizer.stylize_batch(torch.zeros(2, 3, 4, 4), None)
    assert not torch.isfinite(spoilt.sum())
    assert torch.equal(fine, torch.ones(3, 4, 4))
