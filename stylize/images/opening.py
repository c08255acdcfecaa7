"""Image files opened, and refused by what their first bytes and their header say."""

from __future__ import annotations

import io
import math
import re
import struct
from typing import IO

from PIL import Image, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from stylize.errors import CorruptImageError, UnsupportedImageError
from stylize.images import heif, jpeg, jpeg2000, jxl, png, tiff, webp
from stylize.images.damage import damage_is_corrupt
from stylize.images.formats import HEAD_BYTES, kind_of, opener
from stylize.images.orientation import leave_unturned
from stylize.images.pixels import Box, working_size
from stylize.packed import packed

MAX_PIXELS = 200_000_000
"""More than the sensors of phones and of all but few cameras have (docs/decisions.md)."""
BEFORE_SCALING = 8
"""Times `max_pixels` that a JPEG may have which its decoder scales down as it reads."""
BEFORE_SCALING_PROGRESSIVE = 2
"""The same for a progressive JPEG, all of whose coefficients are held at once, 3 to 6 bytes per pixel."""
KEPT = 2.2
"""Times the wanted size that the decoder's scaling leaves: nearer to it its own coarse filter shows."""
KEPT_OF_LARGE = 2
"""The same for a JPEG that is over `max_pixels` and is read only because it is scaled."""
BYTES_A_PIXEL = 8
"""Of the largest sensible file for its pixels: uncompressed, four channels of 16 bits."""
SIDE_MATTER_BYTES = 64 * 2**20
"""What a file may hold beside its pixels."""
LOOKED_AT_FIRST_BYTES = 32 * 2**20
"""Larger files are not read before their header was looked at."""
_PILLOWS_BYTES, _DECODER_BYTES = 4, {"WEBP": 16, "JPEG2000": 20}
"""Of a pixel in an image of Pillow's, but for few modes; with the copies of decoders, by Pillow's names."""
_BARE = {"PNG": png.bare, "WebP": webp.bare, "HEIF": heif.bare}
"""What makes of a file of a kind one without metadata."""
_TGA_HEADER_BYTES, _TGA_KINDS, _TGA_BITS = 18, (1, 2, 3, 9, 10, 11), (8, 15, 16, 24, 32)
_REFUSALS = {"HEIF": heif.refuse_unread, "JPEG 2000": jpeg2000.refuse_by_channels, "TIFF": tiff.refuse_cut}
"""What looks whether a file of a kind that cannot be opened is whole."""
_IN_PLACE_OF_IMAGES = (
    (re.compile(rb"\0+\Z"), ", but zeros: not downloaded yet, or lost; copy it again"),
    (re.compile(rb"version https://git-lfs"), ", but a pointer of Git LFS: `git lfs pull` brings the file"),
    (re.compile(rb"/annex/objects/"), ", but a pointer of git-annex: `git annex get` brings the file"),
    (
        re.compile(rb"(?i)\s*(?:<(?:!doctype html|html|head|body|\?xml)|[{\[]\s*[\"{\[])"),
        ", but a web page, XML or JSON, as failed downloads leave",
    ),
    (re.compile(rb"data:image/|/9j/[24]|iVBORw0KGgo"), ", but one in base64; decode it first"),
    (
        # PNG's mark shows that line ends were changed; the others are bytes as UTF-8, or what stands for such.
        re.compile(rb"\x89PNG\r?\n\x1a\r?\n|(?:\xef\xbf\xbd|\xc2\x89)PNG|(?:\xef\xbf\xbd){3}|\xc3\xbf\xc3\x98\xc3\xbf"),
        ", but one whose bytes were changed as it was moved as text; copy it again, as binary",
    ),
)
"""What files with the suffix of an image begin with instead, and what is said of it."""


def refuse_too_large(file: IO[bytes] | None, size_bytes: int, *, long_side_px: int | None, max_pixels: int) -> None:
    """Raise an ImageError for a file whose size, or header if it is large, says that it will not be decoded.

    For a file that is not yet read; None: only its size is known.
    """
    if file is not None and size_bytes > LOOKED_AT_FIRST_BYTES:
        _refuse_by_header(file, long_side_px, max_pixels)
    limit = BYTES_A_PIXEL * max_pixels + SIDE_MATTER_BYTES
    if size_bytes > limit:
        raise UnsupportedImageError(
            f"{size_bytes / 1e6:.0f} MB is over the limit of {limit / 1e6:.0f} MB for {max_pixels} pixels; "
            "raise --max-pixels to allow it"
        )


def _refuse_by_header(file: IO[bytes], long_side_px: int | None, max_pixels: int) -> None:
    try:
        image = open_image(file)
    except CorruptImageError:
        file.seek(0)
        if kind_of(file.read(HEAD_BYTES)) not in _BARE.keys() | _REFUSALS:
            raise
        # What is damaged may stand beside its pixels: `open_data` sees, once the file is read.
    else:
        drafted(image, long_side_px, max_pixels)


def open_image(file: IO[bytes]) -> Image.Image:
    """Return a file's image, its header read, its pixels not. Raises CorruptImageError and UnsupportedImageError.

    A kind that Pillow cannot open comes as an empty image of the stated size.
    """
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if not head:
        raise CorruptImageError("an empty file")
    kind = kind_of(head)
    if kind == "JPEG XL":
        # Opened, it would be decoded before its size is known.
        opener(kind)
        stated = jxl.header(file)
        if jxl.is_animated(stated):
            raise UnsupportedImageError("an animated JPEG XL, whose first picture is not read; save that as PNG")
        return _Stated(kind, jxl.stated_size(stated), 0)
    with damage_is_corrupt():
        if kind is None:
            return _as_tga(file, head)
        if kind == "TIFF":
            return _open_tiff(file)
        image = opener(kind)(file, "")
        jpeg.refuse_untold_inks(image)
        return image


def drafted(image: Image.Image, long_side_px: int | None, max_pixels: int) -> Box | None:
    """Let the JPEG decoder scale down by a power of two, to no less than KEPT times what is wanted, and check the size.

    Returns the part of what it will give that is the image: its last column and row may be so in part only. Raises
    UnsupportedImageError for more than `max_pixels`.
    """
    width, height = image.size
    box: Box | None = None
    if long_side_px is not None and image.format in jpeg.NAMES:
        wanted = working_size(width, height, long_side_px)
        kept = KEPT if width * height <= max_pixels else KEPT_OF_LARGE
        scaled = image.draft(None, (math.ceil(kept * wanted[0]), math.ceil(kept * wanted[1])))
        box = scaled[1] if scaled else None
    over = f"{width} x {height} px is over the limit of"
    if image.size != (width, height):
        times = BEFORE_SCALING_PROGRESSIVE if image.info.get("progressive") else BEFORE_SCALING
        if width * height > max_pixels * times:
            raise UnsupportedImageError(f"{over} {times} times {max_pixels} pixels; raise --max-pixels to allow it")
    if image.width * image.height > max_pixels:
        raise UnsupportedImageError(f"{over} {max_pixels} pixels; raise --max-pixels to allow it")
    return box


class _Stated(Image.Image):
    """An image of which only the header was read."""

    def __init__(self, format: str, size: tuple[int, int], pixel_bytes: int) -> None:
        super().__init__()
        self.format, self.pixel_bytes = format, pixel_bytes
        self._size = size


def is_only_stated(image: Image.Image) -> bool:
    """Return whether an opened image holds no way to its pixels."""
    return isinstance(image, _Stated)


def decoder_bytes(image: Image.Image) -> int:
    """Return about how many bytes of a pixel there are while an opened image is decoded."""
    beside = image.pixel_bytes if isinstance(image, _Stated) else 0
    return _DECODER_BYTES.get(image.format or "", _PILLOWS_BYTES) + beside


def _open_tiff(file: IO[bytes]) -> Image.Image:
    try:
        image = TiffImageFile(file, "")
    except (SyntaxError, KeyError):
        # Of a layout that Pillow does not know; what it does not say is whether the file is whole.
        file.seek(0)
        return _Stated("TIFF", *tiff.stated(file))
    tiff.refuse(image)
    leave_unturned(image)
    return image


def _as_tga(file: IO[bytes], head: bytes) -> ImageFile.ImageFile:
    try:
        return opener("TGA")(file, "")
    except (SyntaxError, OSError):
        if _is_tga(head):
            raise UnsupportedImageError("a TGA of a kind that is not read; save it as PNG or JPEG first") from None
        told = next((words for pattern, words in _IN_PLACE_OF_IMAGES if pattern.match(head)), "")
        told = f", but {by}" if (by := packed(head)) else told
        raise CorruptImageError(f"not an image that can be read{told}") from None


def _is_tga(head: bytes) -> bool:
    """Return whether bytes can be how a TGA begins (Truevision's specification 2.0), which has no mark of its own."""
    if len(head) < _TGA_HEADER_BYTES:
        return False
    _, has_map, kind, _, _, map_bits, _, _, width, height, bits, description = struct.unpack_from("<3B2HB4H2B", head)
    known = kind in _TGA_KINDS and has_map in (0, 1) and bits in _TGA_BITS and not description & 0xC0
    return known and width > 0 < height and map_bits in ((0,), _TGA_BITS)[has_map]


def header_size(data: bytes) -> tuple[int, int]:
    """Return (width, height) in pixels as the header says, before any turning. Raises CorruptImageError."""
    image = open_data(data)
    shown = heif.aperture(data, *image.size) if image.format == "AVIF" else None
    return image.size if shown is None else (shown[2] - shown[0], shown[3] - shown[1])


def open_data(data: bytes) -> Image.Image:
    """Return a whole file's image as `open_image` does, and where what stands beside its pixels is damaged, too."""
    try:
        return open_image(io.BytesIO(data))
    except (CorruptImageError, UnsupportedImageError) as error:
        kind = kind_of(data[:HEAD_BYTES])
        if kind in _REFUSALS:
            _REFUSALS[kind](data)
        if kind not in _BARE or isinstance(error, UnsupportedImageError):
            raise
        return open_image(io.BytesIO(_BARE[kind](data)))
