"""Image files made byte by byte, or by Pillow, for tests of decoding."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageCms

from tests.support.samples import picture

PHOTO = picture(1)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    """Return an image as a file's bytes, written by Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def tiff(values: np.ndarray[Any, Any], **options: Any) -> bytes:
    """Return values as a TIFF's bytes, written by tifffile, which knows more kinds than Pillow."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, metadata=None, **options)
    return buffer.getvalue()


def red_and_blue_swapped(more: int = 0) -> bytes:
    """An sRGB profile, by name too, whose red primary is blue's and the other way round; and `more` bytes of no use."""
    profile = bytearray(SRGB + bytes(more))
    profile[:4] = struct.pack(">I", len(profile))
    tags = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * profile[131], 12)}
    profile[tags[b"rXYZ"] : tags[b"rXYZ"] + 4], profile[tags[b"bXYZ"] : tags[b"bXYZ"] + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


def in_linear_light() -> bytes:
    """An sRGB profile but for its curves, which have no points."""
    profile = bytearray(SRGB + b"curv" + bytes(8))
    profile[:4] = struct.pack(">I", len(profile))
    for at in range(132, 132 + 12 * profile[131], 12):
        if bytes(profile[at + 1 : at + 4]) == b"TRC":
            struct.pack_into(">II", profile, at + 4, len(SRGB), 12)
    return bytes(profile)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Return one whole chunk of a PNG, its checksum right."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    """Return how a PNG begins, its header included."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head)


def box(kind: bytes, body: bytes) -> bytes:
    """Return one box of a HEIF, AVIF, JPEG 2000 or JPEG XL file."""
    return struct.pack(">I4s", 8 + len(body), kind) + body
