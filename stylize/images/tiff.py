"""TIFF files that Pillow misreads, by another reader, and those that are something else."""

from __future__ import annotations

import ctypes
import io
import logging
from typing import Any

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from stylize.errors import CorruptImageError, UnsupportedImageError
from stylize.images.pixels import BAND_PIXELS, SIXTEEN_TO_EIGHT, Pixels, levels_of
from stylize.images.tiff_tags import exif_block, is_whole

_NEW_SUBFILE_TYPE, _BITS, _COMPRESSION, _PHOTOMETRIC, _OFFSETS = 254, 258, 259, 262, 273
_SAMPLES, _EXTRA = 277, 338
_COUNTS, _PLANAR, _TILE_OFFSETS, _TILE_COUNTS, _SUB_IFDS, _SAMPLE_FORMAT = 279, 284, 324, 325, 330, 339
_COLOUR_MAP, _SUBSAMPLING, _XMP, _ICC_PROFILE, _DNG_VERSION = 320, 530, 700, 34675, 50706
_REFERENCE, _WHOLE_RANGE = 532, (0, 255, 128, 255, 128, 255)
"""ReferenceBlackWhite, and what it is where values go from 0 to 255, as a JPEG's do."""
_PACKED_BITS = 12
# None, CCITT's three, LZW, JPEG twice, deflate twice, PackBits, LZMA, Zstandard.
_COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000)
_WHITE_IS_ZERO, _INKS, _YCBCR = 0, 5, 6
_GREY, _ALPHAS = (0, 1), (1, 2)
_SEVERAL = 3
"""Grey channels that are bands of a scene or dyes of a microscope; a second one is a mask that somebody saved."""
_MOST_CHANNELS, _MOST_PACKED = 32, 1032
"""Times its length that deflated data may have."""
_INK_SET, _NOT_CMYK = 332, 2
_SAYS_NO_COLOURS = "a TIFF that does not say what its values mean (PhotometricInterpretation); save it as PNG first"
_THUMBNAIL_FIRST = "a TIFF whose first page is a thumbnail of another; save the other one alone first"

# They log damaged tags as errors, whether or not the pixels need them.
for _name in ("tifffile", "PIL.TiffImagePlugin"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)
# libtiff writes such to stderr, past Python; Pillow raises an error where it costs pixels. Found by way of the library
# that is linked to it, whichever that is; where none is seen, it goes on writing.
_linked = ctypes.CDLL(vars(Image)["core"].__file__)
for _name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
    if hasattr(_linked, _name):
        getattr(_linked, _name)(None)


def refuse(image: TiffImageFile) -> None:
    """Raise UnsupportedImageError for what would give other pixels than the file's, or none."""
    tags = image.tag_v2
    if _DNG_VERSION in tags or (_SUB_IFDS in tags and _number(tags.get(_NEW_SUBFILE_TYPE, 0)) & 1):
        # The first picture is a thumbnail.
        raise UnsupportedImageError("a camera's raw file, which is not read; develop it to JPEG or TIFF first")
    if image.tell() == 0 and tags.next and _number(tags.get(_NEW_SUBFILE_TYPE, 0)) & 1:
        raise UnsupportedImageError(_THUMBNAIL_FIRST)
    _refuse_compression(_number(tags.get(_COMPRESSION, 1)))
    if _PHOTOMETRIC not in tags:
        raise UnsupportedImageError(_SAYS_NO_COLOURS)
    _refuse_channels(tags.get(_PHOTOMETRIC), tags.get(_INK_SET), tags.get(_SAMPLES), numbers(tags.get(_EXTRA)))
    if image.mode == "LAB" and is_in_planes(image):
        raise UnsupportedImageError("TIFF with CIELAB in planes is not read; convert it to RGB")
    if 2 in numbers(tags.get(_SAMPLE_FORMAT)):
        raise UnsupportedImageError("signed or 32-bit values have no 8-bit form; convert it to 8 or 16 bits first")
    if tags.get(_PHOTOMETRIC) == _YCBCR and _is_raw(image):
        # Pillow takes all of them for a JPEG's.
        if tags.get(_SUBSAMPLING, (2, 2)) != (1, 1):
            raise UnsupportedImageError("TIFF with uncompressed subsampled colour is not read; convert it to RGB")
        if tags.get(_REFERENCE, _WHOLE_RANGE) != _WHOLE_RANGE:
            raise UnsupportedImageError("TIFF with uncompressed YCbCr of another range is not read; convert it to RGB")


def is_misread(image: TiffImageFile) -> bool:
    """Return whether Pillow gives wrong pixels, or none.

    It takes uncompressed planes of 16 bits for planes of 8, loses a plane of alpha beside grey, leaves floats negative
    and swaps no bytes of those that are compressed.
    """
    tags = image.tag_v2
    if image.mode == "F":
        return tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO or (tags.prefix == b"MM" and not _is_raw(image))
    return is_in_planes(image) and ((_deep(image) and _is_raw(image)) or image.mode == "LA")


def is_in_planes(image: TiffImageFile) -> bool:
    """Return whether each channel is stored by itself."""
    return bool(image.tag_v2.get(_PLANAR) == 2)


def is_left_as_stored(image: TiffImageFile) -> bool:
    """Return whether Pillow takes values for others than they are: `righted` is to be asked.

    It turns only 8 bits and less the right way round where white is zero, and takes those of 12 bits for 16, as it does
    with the colours of a palette of 8.
    """
    return _is_negative(image) or _deepest(image) == _PACKED_BITS or _has_eight_bit_palette(image)


def righted(image: TiffImageFile) -> Image.Image:
    """Return a loaded image that `is_left_as_stored` with the values that are meant."""
    if image.mode == "P":
        made = image.copy()
        made.putpalette(np.array(image.tag_v2[_COLOUR_MAP], np.uint8).reshape(3, -1).T.tobytes())
        return made
    values = _full_range(np.asarray(image), _deepest(image))
    made = Image.fromarray(65_535 - values if _is_negative(image) else values)
    made.info |= image.info
    return made


def _is_negative(image: TiffImageFile) -> bool:
    return _deep(image) and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO


def _has_eight_bit_palette(image: TiffImageFile) -> bool:
    # As libtiff does; the format knows no such.
    return image.mode == "P" and 0 < max(numbers(image.tag_v2.get(_COLOUR_MAP)), default=0) < 256


def refuse_opened(image: TiffImageFile) -> None:
    """Raise UnsupportedImageError for an image that Pillow opened by itself and gives other pixels than the file's."""
    refuse(image)
    if is_misread(image) or is_left_as_stored(image):
        raise UnsupportedImageError("a TIFF that Pillow misreads; save it as PNG, or restyle its file by command")


def is_cut(image: TiffImageFile, length: int) -> bool:
    """Return whether pixels lie beyond the file's end."""
    tags = image.tag_v2
    for offsets, counts in ((_OFFSETS, _COUNTS), (_TILE_OFFSETS, _TILE_COUNTS)):
        pairs = zip(numbers(tags.get(offsets)), numbers(tags.get(counts)), strict=False)
        if any(at + count > length for at, count in pairs):
            return True
    return False


def stated(file: Any) -> tuple[tuple[int, int], int]:
    """Return (width, height) of a file's first picture in pixels, and how many bytes the other reader has of each."""
    import tifffile

    with tifffile.TiffFile(file) as opened:
        if not len(opened.pages):
            raise ValueError("no directory of a picture within the file")
        page: Any = opened.pages[0]
        _refuse_compression(int(page.compression))
        size, value_bytes = (page.imagewidth, page.imagelength), page.nbytes
    if not all(isinstance(side, int) and side > 0 for side in size):
        raise ValueError("no size in its header")
    return size, value_bytes // (size[0] * size[1])


def read(data: bytes) -> Image.Image:
    """Return the first picture, by tifffile, with what Pillow's `info` has of files that it opens.

    Raises UnsupportedImageError for what is neither grey, RGB nor CMYK.
    """
    import tifffile

    refuse_cut(data)
    with tifffile.TiffFile(io.BytesIO(data)) as opened:
        page: Any = opened.pages[0]
        if page.is_reduced and len(opened.pages) > 1:
            raise UnsupportedImageError(_THUMBNAIL_FIRST)
        _refuse_many_channels(page, len(data))
        if _PHOTOMETRIC not in page.tags:
            raise UnsupportedImageError(_SAYS_NO_COLOURS)
        _refuse_channels(page.photometric, page.tags.valueof(_INK_SET), page.samplesperpixel, page.extrasamples)
        image = _image(_eight_bit(page), int(page.photometric), tuple(page.extrasamples))
        for name, code in (("xmp", _XMP), ("icc_profile", _ICC_PROFILE)):
            if isinstance(value := page.tags.valueof(code), bytes):
                image.info[name] = value
    image.info["exif"] = exif_block(data)
    return image


def refuse_cut(data: bytes) -> None:
    """Raise CorruptImageError for a file that ends within what it says of its pixels: what is said else is not so."""
    if not is_whole(data):
        raise CorruptImageError("cut short: the file ends within the directory of its picture; copy it again")


def _refuse_compression(number: int) -> None:
    if number not in _COMPRESSIONS:
        raise UnsupportedImageError(f"TIFF compression {number} is not read; save it as PNG or JPEG first")


def _refuse_many_channels(page: Any, length: int) -> None:
    """Raise an ImageError for a number of channels that no picture has: each would take time and memory."""
    if (number := page.samplesperpixel) > _MOST_CHANNELS:
        if page.nbytes > _MOST_PACKED * length:
            raise CorruptImageError(f"damaged or cut short: it has no room for {number} channels")
        raise UnsupportedImageError(f"a TIFF of {number} channels, which is not read; save it as RGB or grey first")


def _refuse_channels(photometric: Any, inks: Any, number: Any, extra: tuple[int, ...]) -> None:
    """Raise UnsupportedImageError for channels that are shown in no way a file tells."""
    if photometric == _INKS and inks == _NOT_CMYK:
        raise UnsupportedImageError("TIFF in inks other than CMYK is not read; save it as RGB first")
    if photometric in _GREY and _number(number) >= _SEVERAL and not set(extra) & set(_ALPHAS):
        raise UnsupportedImageError(
            f"a TIFF of {number} grey channels, which does not say what they show; save it as RGB or grey first"
        )


def _is_raw(image: TiffImageFile) -> bool:
    # Its tiles say so only until it is loaded.
    return _number(image.tag_v2.get(_COMPRESSION, 1)) == 1


def _deep(image: TiffImageFile) -> bool:
    return _deepest(image) > 8


def _deepest(image: TiffImageFile) -> int:
    return max(numbers(image.tag_v2.get(_BITS)), default=1)


def _full_range(values: np.ndarray, bits: int) -> np.ndarray:
    """Return unsigned values of fewer bits than their type has as values of all of them."""
    top = 255 if values.dtype == np.uint8 else 65_535
    if values.dtype not in (np.uint8, np.uint16) or top < 1 << bits:
        return values
    return (values.astype(np.uint32) * top // ((1 << bits) - 1)).astype(values.dtype)


def _eight_bit(page: Any) -> Pixels:
    """Return a page's values as 8 bits, made of some rows at a time: on the way they take several times their size."""
    values = page.asarray()
    if page.planarconfig == 2 and values.ndim == 3:
        values = np.moveaxis(values, 0, -1)
    made = np.empty(values.shape, np.uint8)
    rows = max(1, BAND_PIXELS // values[0].size)
    for start in range(0, len(values), rows):
        made[start : start + rows] = _levels(_full_range(values[start : start + rows], page.bitspersample))
    return made


def _levels(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.uint16:
        return np.asarray(SIXTEEN_TO_EIGHT[values])
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind == "f":
        return levels_of(values)
    raise UnsupportedImageError(f"TIFF values of type {values.dtype} are not read; convert the file to 8 bits first")


def _image(values: np.ndarray, photometric: int, extra: tuple[int, ...]) -> Image.Image:
    values = values[..., None] if values.ndim == 2 else values
    colours = {0: 1, 1: 1, 2: 3, 5: 4}.get(photometric, 0)
    if values.ndim != 3 or not colours or values.shape[2] < colours:
        raise UnsupportedImageError(f"TIFF of photometric kind {photometric} in such planes is not read; convert it")
    if photometric == 0:
        values = np.concatenate([255 - values[..., :1], values[..., 1:]], axis=2)
    # 1: colours are multiplied by alpha already; 2: they are not; all else is no alpha, and may stand before it.
    kinds = extra[: values.shape[2] - colours] if colours < 4 else ()
    place, alpha = next(((place, int(kind)) for place, kind in enumerate(kinds) if kind in _ALPHAS), (0, 0))
    mode, channels = {1: "L", 3: "RGB", 4: "CMYK"}[colours], [*range(colours)]
    if alpha:
        mode = {(1, 1): "La", (1, 2): "LA", (3, 1): "RGBa", (3, 2): "RGBA"}[colours, alpha]
        channels.append(colours + place)
    kept = np.ascontiguousarray(values[..., channels])
    return Image.frombytes(mode, (kept.shape[1], kept.shape[0]), kept)


def numbers(value: Any) -> tuple[int, ...]:
    """Return what a tag may hold one or several of."""
    return value if isinstance(value, tuple) else () if value is None else (value,)


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
