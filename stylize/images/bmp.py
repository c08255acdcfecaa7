"""What of BMP files Pillow misreads: colours and alpha of Windows' BITMAPV4HEADER and BITMAPV5HEADER, runs."""

from __future__ import annotations

import io
import struct
from typing import Any

from PIL import ImageFile

from stylize.errors import UnsupportedImageError
from stylize.images.color import SRGB_CORNERS, Space, stated_space

_FILE_HEADER_BYTES = 14
_EMBEDDED = b"DEBM"
"""Of the field for the kind of colours, which is MBED in the order of its bytes."""
_CALIBRATED = bytes(4)
_ONE_OF_GAMMA = 2**16
_BY_MASKS, _MASKS_WITH_ALPHA = (3, 6), (0x7C00, 0x3E0, 0x1F, 0x8000)


def profile(data: bytes) -> bytes | None:
    """Return the ICC profile of a BMP or DIB file, None where there is none."""
    start = _start(data)
    # Its length, the kind of colours, and where the profile stands from here.
    length, kind, at, size = struct.unpack_from("<I52x4s52xII", data.ljust(start + 120), start)
    return data[start + at : start + at + size] or None if length >= 124 and kind == _EMBEDDED else None


def space(data: bytes) -> Space | None:
    """Return the colours by three lights and a gamma, None where they are sRGB's or not stated so."""
    start = _start(data)
    length, kind, *numbers = struct.unpack_from("<I52x4s9i3I", data.ljust(start + 108), start)
    if length < 108 or kind != _CALIBRATED:
        return None
    *lights, gammas = (numbers[at : at + 3] for at in range(0, 12, 3))
    if any(sum(light) <= 0 for light in lights) or min(gammas) <= 0:
        return None
    if max(gammas) > 1.01 * min(gammas):
        raise UnsupportedImageError("a BMP with a gamma for each colour, which is not read; convert it to sRGB first")
    # White is not stated: browsers take sRGB's.
    corners = *((light[0] / sum(light), light[1] / sum(light)) for light in lights), SRGB_CORNERS[3]
    gamma = gammas[0] / _ONE_OF_GAMMA
    # The format wants 2.2, ImageMagick writes 1 / 2.2.
    return stated_space(corners, 1 / max(gamma, 1 / gamma))


def have_alpha_loaded(image: ImageFile.ImageFile, data: bytes) -> None:
    """Have an opened BMP or DIB of 16 bits load the one of them that is alpha, too."""
    length, bits, packing, *masks = struct.unpack_from("<I10xHI20x4I", data.ljust(_start(data) + 56), _start(data))
    stated = (bits, tuple(masks)) == (16, _MASKS_WITH_ALPHA) and length >= 56 and packing in _BY_MASKS
    if stated and image.mode == "RGB":
        image._mode = "RGBA"
        tiles: list[Any] = image.tile
        image.tile = [tile._replace(args=("BGRA;15", *tile.args[1:])) for tile in tiles]


def have_runs_aligned(image: ImageFile.ImageFile, data: bytes) -> None:
    """Have an opened RLE file whose pixels begin at an odd offset load as from an even one.

    Runs end on a word counted from the first pixel; Pillow counts from the file's beginning.
    """
    if any(tile.codec_name == "bmp_rle" and tile.offset % 2 for tile in image.tile):
        if image._exclusive_fp and image.fp is not None:
            image.fp.close()  # Pillow opened it, and would close it when it is loaded
        image.fp = io.BytesIO(b"\0" + data)
        image.tile = [tile._replace(offset=tile.offset + 1) for tile in image.tile]


def _start(data: bytes) -> int:
    return _FILE_HEADER_BYTES if data[:2] == b"BM" else 0
