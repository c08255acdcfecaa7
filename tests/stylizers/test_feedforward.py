"""What every feed-forward method shares: parts kept in fp32, results that are not finite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import stylize
from stylize.stylizers._feedforward import FeedForward
from stylize.stylizers._layers import adain
from stylize.stylizers._runtimes import sessions
from stylize.stylizers._strips.trace import NotTraceableError, trace


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
    with pytest.raises(NotTraceableError, match="not made of the image"):
        trace(lambda content: stylizer.picture(content, None), (1, 3, 4, 4))
    anew = []
    for height in (4, 4, 3):
        stylizer.result = torch.zeros(1, 3, height, 4)
        stylizer.stylize_batch(stylizer.result, None)
        anew.append(stylizer.compiled_anew())
    assert anew == [True, False, True]


@pytest.mark.parametrize(("method", "settings"), [("adain", {}), ("microast", {"blend": "features"})])
def test_a_compiled_network_that_blends_features_is_not_compiled_for_each_alpha(
    method: str, settings: dict[str, Any]
) -> None:
    stylizer: Any = stylize.load(method, weights="random", device="cpu", runtime="torch", precision="fp32", **settings)
    seen: list[Any] = []

    def net(contents: Tensor, *code_and_alpha: Any) -> Tensor:
        seen.append((type(code_and_alpha[-1]), float(code_and_alpha[-1]), stylizer.compiled_anew()))
        return contents.clone()

    code = stylizer.code(torch.rand(3, 32, 32))
    stylizer.net, stylizer._compiled_for = net, set()
    for alpha in (1.0, 0.25, 0.75, 1.0):
        stylizer.settings = stylizer.settings.model_copy(update={"alpha": alpha, "compile": True})
        stylizer.stylize_batch(torch.rand(1, 3, 32, 32), code)
    kinds = [(float, 1.0, True), (Tensor, 0.25, True), (Tensor, 0.75, False), (float, 1.0, False)]
    assert seen == kinds


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_alpha_as_a_tensor_blends_as_the_number_does(dtype: torch.dtype) -> None:
    x, mean, std = torch.rand(1, 4, 8, 8).to(dtype), torch.rand(1, 4, 1, 1), torch.rand(1, 4, 1, 1)
    wanted, got = (adain(x, mean, std, alpha) for alpha in (0.3, torch.tensor(0.3)))
    torch.testing.assert_close(got, wanted, rtol=0.02, atol=1e-2 if dtype == torch.bfloat16 else 1e-6)


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
