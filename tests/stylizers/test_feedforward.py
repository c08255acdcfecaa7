"""What every feed-forward method shares: parts kept in fp32, results that are not finite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stylize.stylizers._feedforward import FeedForward
from stylize.stylizers._runtimes import sessions
from stylize.stylizers._strips.trace import trace


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


class Twice(Doubled):
    """One whose picture takes two passes, as one of any method with `alpha` does."""

    def picture(self, contents: Tensor, code: Any) -> Tensor:
        self.run(contents, code)
        return self.run(contents, code)


def test_a_call_compiled_the_network_if_any_of_its_passes_did_and_a_plan_compiles_nothing() -> None:
    stylizer = Twice(Twice.settings_type(), precision="fp32")
    stylizer.settings, stylizer._compiled_for = stylizer.settings.model_copy(update={"compile": True}), set()
    stylizer.result = torch.zeros(1, 3, 4, 4)
    trace(lambda content: stylizer.picture(content, None), (1, 3, 4, 4))
    anew = []
    for height in (4, 4, 3):
        stylizer.result = torch.zeros(1, 3, height, 4)
        stylizer.stylize_batch(stylizer.result, None)
        anew.append(stylizer.compiled_anew())
    assert anew == [True, False, True]


class BySize(sessions.Session):
    """A runtime's network that is compiled for each size."""

    def __init__(self) -> None:
        self.least_px, self.scale, self.one_by_one, self._finite = 1, 1.0, False, True
        self.seen: set[tuple[int, ...]] = set()

    def run(self, inputs: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        shape = inputs[0].shape
        self.compiled_anew = shape not in self.seen
        self.seen.add(shape)
        return inputs[0].copy()


def test_a_batch_that_a_runtime_takes_one_by_one_compiled_the_network_if_its_first_did() -> None:
    session, anew = BySize(), []
    for _ in range(2):
        session(torch.zeros(3, 3, 4, 4), torch.zeros(3, 5))
        anew.append(session.compiled_anew)
    assert anew == [True, False]
