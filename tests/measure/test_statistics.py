"""Image statistics on pictures whose values are known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from stylize.measure.statistics import EDGE, LONG_SIDE_PX, statistics
from tests.support.samples import picture


def flat(colour: tuple[int, int, int], size: tuple[int, int] = (64, 96)) -> np.ndarray:
    return np.full((*size, 3), colour, np.uint8)


def test_a_flat_grey_picture_has_nothing_to_tell() -> None:
    assert statistics(flat((90, 90, 90))) == (0.0, 0.0, 0.0)


def test_two_equal_halves_are_one_bit_and_one_edge() -> None:
    halves = flat((0, 0, 0))
    halves[:, 48:] = 255
    found = statistics(halves)
    assert found.entropy_bits == pytest.approx(1.0)
    assert found.edge_density == pytest.approx(2 / 96)


def test_edges_are_scikit_images() -> None:
    from skimage.filters import sobel

    pixels = picture(3, 120, 90)
    luma = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / 255
    # Its kernel has other norms: half the sum of absolute weights of ours in each direction, over sqrt(2).
    expected = (sobel(luma, mode="nearest") * np.sqrt(2) / 2 > EDGE).mean()
    assert statistics(pixels).edge_density == pytest.approx(expected, abs=1e-3)


def test_entropy_is_scikit_images() -> None:
    from skimage.measure import shannon_entropy

    pixels = picture(4, 120, 90)
    luma = (pixels.astype(int) @ np.array([299, 587, 114]) + 500) // 1000
    assert statistics(pixels).entropy_bits == pytest.approx(shannon_entropy(luma, base=2), abs=1e-6)


def test_colourfulness_follows_the_paper() -> None:
    # One colour: no deviation, so 0.3 of the mean opponent vector's length.
    assert statistics(flat((200, 100, 50))).colourfulness == pytest.approx(0.3 * np.hypot(100, 100), rel=1e-4)
    pixels = picture(4, 120, 90).astype(float)
    red, green, blue = np.moveaxis(pixels, 2, 0)
    opponents = red - green, (red + green) / 2 - blue
    deviation, mean = (np.hypot(*(measure(one) for one in opponents)) for measure in (np.std, np.mean))
    assert statistics(picture(4, 120, 90)).colourfulness == pytest.approx(deviation + 0.3 * mean, rel=1e-6)


def test_they_compare_across_resolutions() -> None:
    large = picture(5, 1024, 768)
    small = large.reshape(192, 4, 256, 4, 3).mean((1, 3)).round().astype(np.uint8)
    one, two = statistics(large), statistics(small)
    assert one.edge_density == pytest.approx(two.edge_density, abs=0.01)
    assert one.colourfulness == pytest.approx(two.colourfulness, rel=0.01)
    assert one.entropy_bits == pytest.approx(two.entropy_bits, rel=0.01)


def test_other_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        statistics(np.zeros((4, 4), np.uint8))


def test_a_change_of_exactly_the_limit_is_no_edge() -> None:
    # Of greys, 25.5 levels a pixel is a tenth of the range: 51 over two.
    steps = np.repeat(np.array([[0, 0, 51, 51]], np.uint8)[..., None], 3, axis=2)
    assert statistics(steps).edge_density == 0
    steps[0, 2:] = 52
    assert statistics(steps).edge_density == 0.5


# Of the first three each span has as many pixels; of the last two, some lie in the middle between two spans.
@pytest.mark.parametrize(
    ("height", "width"), [(384, 512), (512, 768), (1024, 1024), (700, 531), (3, 900), (900, 2), (332, 394), (279, 515)]
)
def test_it_is_scaled_as_pillow_scales(height: int, width: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    scale = LONG_SIDE_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    across = Image.fromarray(pixels).resize((size[0], height), Image.Resampling.BOX)
    small = np.asarray(across.resize(size, Image.Resampling.BOX))
    assert statistics(pixels) == statistics(small)


def test_a_part_of_an_array_may_be_given() -> None:
    pixels = picture(5, 300, 200)
    assert statistics(pixels[:, ::-1][:, ::-1]) == statistics(pixels)
    pixels.flags.writeable = False
    assert statistics(pixels[10:, 10:]) == statistics(pixels[10:, 10:].copy())
