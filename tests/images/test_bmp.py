"""Colours that a BMP file states by three lights and a gamma, its alpha, and its runs."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylize.errors import UnsupportedImageError
from stylize.images import alpha_of, decode, from_image
from tests.support.image_files import PHOTO, png_chunk, saved

SRGB_LIGHTS = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
ADOBE_RGB_LIGHTS = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
SWAPPED_LIGHTS = SRGB_LIGHTS[::-1]
NO_LIGHTS = ((0, 0), (0, 0), (0, 0))


def with_calibrated_header(
    image: Image.Image,
    lights: tuple[tuple[float, float], ...],
    gammas: tuple[float, ...],
    scale: float = 1,
    kind: bytes = bytes(4),
    length: int = 108,
) -> bytes:
    """A BMP file with the header of Windows 95 or 98, whose lights are chromaticities times `scale`."""
    old = saved(image, "BMP")
    numbers = [
        round(scale * value * 2**30) * any(light) for light in lights for value in (*light, 1 - light[0] - light[1])
    ]
    stated = struct.pack("<9i3I", *numbers, *(round(65_536 * gamma) for gamma in gammas))
    header = (struct.pack("<I", length) + old[18:54] + bytes(16) + kind + stated).ljust(length, b"\0")
    body = header + old[54:]
    return b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, 14 + length) + body


@pytest.mark.parametrize("start", [0, 14], ids=["BMP", "DIB"])
@pytest.mark.parametrize("scale", [0.5, 1])
@pytest.mark.parametrize("length", [108, 124])
def test_stated_lights_count(start: int, scale: float, length: int) -> None:
    data = with_calibrated_header(Image.new("RGB", (8, 8), "red"), SWAPPED_LIGHTS, (2.2,) * 3, scale, length=length)
    pixels = decode(data[start:]).pixels
    assert np.abs(pixels.astype(int) - (0, 0, 255)).max() <= 2
    with Image.open(io.BytesIO(data[start:])) as image:
        assert (from_image(image) == pixels).all()


def test_lights_and_gamma_are_those_of_a_png_that_states_them() -> None:
    pixels = decode(with_calibrated_header(Image.fromarray(PHOTO), ADOBE_RGB_LIGHTS, (1.8,) * 3)).pixels
    stated = 0.3127, 0.329, *(value for light in ADOBE_RGB_LIGHTS for value in light)
    numbers = struct.pack(">8I", *(round(100_000 * value) for value in stated))
    gamma = struct.pack(">I", round(100_000 / 1.8))
    png = saved(Image.fromarray(PHOTO), "PNG")
    png = png[:33] + png_chunk(b"gAMA", gamma) + png_chunk(b"cHRM", numbers) + png[33:]
    assert np.abs(pixels.astype(int) - decode(png).pixels).max() <= 1
    assert np.abs(pixels.astype(int) - PHOTO).max() > 20


@pytest.mark.parametrize("gamma", [2.2, 1 / 2.2])
def test_a_gamma_counts_whichever_way_it_is_written(gamma: float) -> None:
    data = with_calibrated_header(Image.fromarray(PHOTO), SRGB_LIGHTS, (gamma,) * 3)
    assert (decode(data).pixels == PHOTO).all()
    grey = Image.new("RGB", (8, 8), (55, 55, 55))
    assert abs(int(decode(with_calibrated_header(grey, SRGB_LIGHTS, (1,) * 3)).pixels[0, 0, 0]) - 128) <= 1


@pytest.mark.parametrize(
    ("lights", "gammas", "kind"),
    [
        (NO_LIGHTS, (0, 0, 0), bytes(4)), (NO_LIGHTS, (2.2,) * 3, bytes(4)), (SWAPPED_LIGHTS, (0, 0, 0), bytes(4)),
        (SWAPPED_LIGHTS, (1, 1, 1), b"BGRs"), (SWAPPED_LIGHTS, (1, 1, 1), b" niW"),
    ],
)  # fmt: skip
def test_a_header_that_states_nothing_changes_nothing(
    lights: tuple[tuple[float, float], ...], gammas: tuple[float, ...], kind: bytes
) -> None:
    assert (decode(with_calibrated_header(Image.fromarray(PHOTO), lights, gammas, kind=kind)).pixels == PHOTO).all()


def test_a_gamma_for_each_colour_is_refused() -> None:
    with pytest.raises(UnsupportedImageError, match="a gamma for each colour"):
        decode(with_calibrated_header(Image.fromarray(PHOTO), SRGB_LIGHTS, (1.8, 2.2, 2.2)))


@pytest.mark.parametrize("is_file", [True, False])
@pytest.mark.parametrize(("packing", "mask", "alpha"), [(3, 0x8000, [[255, 0]]), (3, 0, None), (0, 0x8000, None)])
def test_one_bit_of_alpha_beside_three_times_five_of_colours_is_read(
    packing: int, mask: int, alpha: list[list[int]] | None, is_file: bool
) -> None:
    header = struct.pack("<IiiHHIIiiII", 108, 2, 1, 1, 16, packing, 4, 0, 0, 0, 0)
    header += struct.pack("<4I", 0x7C00, 0x3E0, 0x1F, mask) + b"BGRs" + bytes(48)
    data = struct.pack("<2sIHHI", b"BM", 126, 0, 0, 122) * is_file + header + struct.pack("<2H", 0xFC00, 0x001F)
    decoded = decode(data, alpha=True)
    assert decoded.pixels.tolist() == [[[255, 0, 0], [255, 255, 255] if alpha else [0, 0, 255]]]
    assert decoded.carried is not None
    assert (decoded.carried.alpha.tolist() if decoded.carried.alpha is not None else None) == alpha
    if is_file:
        with Image.open(io.BytesIO(data)) as image:
            assert (from_image(image) == decoded.pixels).all()
            assert (alpha_of(image) is None) == (alpha is None)


@pytest.mark.parametrize("beside", [0, 1], ids=["at an even offset", "at an odd one"])
def test_runs_end_on_a_word_counted_from_the_first_pixel(beside: int, tmp_path: Path) -> None:
    runs = bytes([0, 3, 1, 2, 3, 0, 2, 4, 0, 0, 0, 3, 5, 6, 7, 0, 2, 8, 0, 1])
    header = struct.pack("<IiiHHIIiiII", 40, 5, 2, 1, 8, 1, len(runs), 0, 0, 256, 0)
    body = header + bytes(channel for n in range(256) for channel in (n, n, n, 0)) + bytes(beside) + runs
    data = b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, 14 + len(body) - len(runs)) + body
    wanted = [[5, 6, 7, 8, 8], [1, 2, 3, 4, 4]]
    assert decode(data).pixels[..., 0].tolist() == wanted
    (path := tmp_path / "runs.bmp").write_bytes(data)
    with Image.open(path) as image:
        assert from_image(image)[..., 0].tolist() == wanted
