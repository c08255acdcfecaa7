"""Keeping a photo's colours: what is taken from which picture."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from stylize.stylizers._color import Colors, luminance_only, match_colors
from tools.bench.models import reference_models


def image(seed: int, height: int = 30, width: int = 40) -> Tensor:
    """(3, H, W): correlated colours, different for every seed."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.rand(3, 3, generator=generator) / 3
    return (mix @ torch.rand(3, height * width, generator=generator)).view(3, height, width)


@pytest.mark.parametrize("size", [(30, 40), (60, 80), (11, 13)])
def test_matched_colours_have_the_targets_mean_and_spread(size: tuple[int, int]) -> None:
    target = image(2, *size)
    matched = match_colors(image(1), Colors(target))
    assert matched.shape == image(1).shape
    torch.testing.assert_close(matched.mean((1, 2)), target.mean((1, 2)), atol=1e-4, rtol=0)
    torch.testing.assert_close(matched.std((1, 2)), target.std((1, 2)), atol=0, rtol=0.02)


def test_matched_colours_vary_together_as_the_targets_do() -> None:
    source, target = image(1), image(2)
    before, goal, after = (torch.corrcoef(x.flatten(1)) for x in (source, target, match_colors(source, Colors(target))))
    assert (before - goal).abs().max() > 0.1
    torch.testing.assert_close(after, goal, atol=0.02, rtol=0)


def test_at_one_size_matching_is_the_ports() -> None:
    torch.testing.assert_close(
        match_colors(image(1), Colors(image(2))), reference_models.coral(image(1), image(2)), atol=1e-3, rtol=0
    )


def test_image_of_one_colour_can_be_source_or_target() -> None:
    flat = torch.full((3, 20, 20), 0.25)
    torch.testing.assert_close(
        match_colors(image(1), Colors(flat)), flat.new_full((3, 30, 40), 0.25), atol=1e-3, rtol=0
    )
    recoloured = match_colors(flat, Colors(image(2)))
    torch.testing.assert_close(recoloured.mean((1, 2)), image(2).mean((1, 2)), atol=1e-3, rtol=0)
    assert torch.isfinite(recoloured).all()


def test_luminance_is_the_results_and_chroma_the_contents() -> None:
    content, result = image(1) / 2 + 0.25, image(2) / 2 + 0.25
    kept = luminance_only(result, content)
    inside = ((kept > 0) & (kept < 1)).all(0)
    assert inside.float().mean() > 0.9
    luma, chroma = _luma(kept), kept - _luma(kept)
    torch.testing.assert_close(luma[:, inside], _luma(result)[:, inside], atol=1e-5, rtol=0)
    torch.testing.assert_close(chroma[:, inside], (content - _luma(content))[:, inside], atol=1e-5, rtol=0)


def test_luminance_beyond_the_range_is_clamped_and_nan_stays() -> None:
    assert luminance_only(torch.ones(3, 2, 2), torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1).expand(3, 2, 2)).max() == 1
    assert torch.isnan(luminance_only(torch.full((3, 2, 2), float("nan")), image(1, 2, 2))).all()


def _luma(x: Tensor) -> Tensor:
    return (x * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(0, keepdim=True)


def test_colors_gathered_by_rows_are_those_of_the_whole() -> None:
    whole, rows = image(3), Colors(*torch.split(image(3), 7, 1))
    torch.testing.assert_close(
        rows.mean_std(), (whole.double().mean((1, 2))[:, None], whole.double().std((1, 2))[:, None])
    )
    torch.testing.assert_close(rows.correlation(), Colors(whole).correlation())


def test_a_large_picture_of_one_colour_is_matched_too() -> None:
    red = torch.tensor([200.0, 30.0, 40.0]).div(255)[:, None, None].expand(3, 200, 300)
    matched = match_colors(image(1), Colors(red))
    torch.testing.assert_close(matched, red[:, :1, :1].expand_as(matched), atol=1e-3, rtol=0)
    assert match_colors(red, Colors(image(1))).isfinite().all()
