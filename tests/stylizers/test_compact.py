"""The bundled model: ships whole, is loaded safely, and does visibly what it is for."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import stylize
from stylize import images
from stylize.errors import UsageError, WeightsError
from stylize.measure.ssim import ssim
from stylize.stylizers.compact import BUNDLED
from tests.support.samples import picture


def test_bundled_weights_are_at_most_four_megabytes() -> None:
    assert 1_000_000 < BUNDLED.stat().st_size <= 4_000_000


def test_no_name_loads_the_bundled_model() -> None:
    assert stylize.load().name == "compact"


@pytest.mark.parametrize(
    ("photo", "artwork"),
    [
        ("landscapes/dipping_sun.jpg", "van_gogh/vg_starry_night.jpg"),
        ("portraits/woman_blond.jpg", "pattern/red_texture_sq.jpg"),
    ],
)
def test_alpha_goes_evenly_from_the_photo_to_the_full_style(real_data: Path, photo: str, artwork: str) -> None:
    content, style = (
        images.decode((real_data / "images" / name).read_bytes(), long_side_px=160).pixels
        for name in (f"content/{photo}", f"style/{artwork}")
    )
    stylizer = stylize.load("compact")
    made = [stylizer.with_settings(alpha=fifth / 5)(content, style).astype(float) for fifth in range(6)]
    kept = [ssim(content, one.astype(np.uint8)) or 0.0 for one in made]
    assert kept[0] > 0.99
    assert all(more > less for more, less in pairwise(kept))
    steps = np.array([np.abs(after - before).mean() for before, after in pairwise(made)])
    assert steps.max() < 3 * steps.mean()
    # No cast: the mean colour stays between the photo's and the full style's, or next to it.
    means = np.array([one.mean((0, 1)) for one in made])
    assert (means > np.minimum(means[0], means[-1]) - 8).all()
    assert (means < np.maximum(means[0], means[-1]) + 8).all()


@pytest.mark.parametrize("alpha", [-0.1, 1.1, "much", float("nan")])
def test_alpha_outside_its_range_is_refused(alpha: object) -> None:
    with pytest.raises(UsageError, match="alpha"):
        stylize.load("compact", alpha=alpha)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"layer.weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match=r"other\.safetensors: holds no down_half.*expected weights of the compact"):
        stylize.load("compact", weights=path)


def test_a_style_never_seen_changes_the_picture_towards_it(real_data: Path) -> None:
    def read(name: str) -> images.Pixels:
        return images.decode((real_data / "images" / name).read_bytes(), long_side_px=256).pixels

    content, starry = read("content/cities/golden_gate2.jpg"), read("style/van_gogh/vg_starry_night.jpg")
    mosaic = read("style/pattern/red_texture_sq.jpg")
    restyle = stylize.load()
    results = {"starry": restyle(content, starry), "mosaic": restyle(content, mosaic)}

    def far(a: images.Pixels, b: images.Pixels) -> float:
        """Distance of the mean colours."""
        return float(np.abs(a.mean((0, 1)) - b.mean((0, 1))).sum())

    assert far(results["starry"], starry) < far(results["starry"], mosaic)
    assert far(results["mosaic"], mosaic) < far(results["mosaic"], starry)
    kept = ssim(content, results["starry"])
    assert kept is not None
    assert 0.1 < kept < 0.9


def test_bf16_stays_close_to_fp32(real_data: Path) -> None:
    path = real_data / "images" / "content" / "cities" / "golden_gate2.jpg"
    content = images.decode(path.read_bytes(), long_side_px=256).pixels
    style = picture(5, 256, 256)
    agreement = ssim(stylize.load()(content, style), stylize.load(precision="bf16")(content, style))
    assert agreement is not None
    assert agreement > 0.9


def test_the_picture_has_no_frame(real_data: Path) -> None:
    """Zero padding once drew one: the rim must not differ from what is just inside more than the photo's own does."""
    path = real_data / "images" / "content" / "landscapes" / "dipping_sun.jpg"
    content = images.decode(path.read_bytes(), long_side_px=256).pixels
    result = stylize.load()(content, picture(5, 256, 256)).astype(float)
    height = result.shape[0]
    inside = np.abs(result[height // 4 : -height // 4, 1:] - result[height // 4 : -height // 4, :-1]).mean((0, 2))
    assert inside[:8].mean() < 4 * inside[8:-8].mean()
    assert inside[-8:].mean() < 4 * inside[8:-8].mean()
