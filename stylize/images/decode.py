"""Image files to pixels: (H, W, 3) uint8 RGB, upright, in sRGB, on white."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from stylize.errors import UsageError
from stylize.images import jpeg, scratch, tiff
from stylize.images.carried import Carried, dpi_of, exif_of
from stylize.images.color import ToSrgb
from stylize.images.color_source import PARTLY_TOLD, color_source
from stylize.images.damage import damage_is_corrupt
from stylize.images.loading import Loaded, Truncated, Wish, as_shown, load, note_part, opened, prepare
from stylize.images.opening import MAX_PIXELS, decoder_bytes
from stylize.images.orientation import SIDEWAYS, orientation, upright
from stylize.images.pixels import Pixels, block_of, blocks, refuse_wide, resize, scaled_alpha, scaled_rgb, working_size


@dataclass(frozen=True, slots=True)
class Decoded:
    """Pixels (H, W, 3) uint8 at the working size, and the upright size of the file they came from.

    `truncated`: the file ends within its pixels, and what it lacks is grey, black or white; or it is a JPEG that is
    damaged there, and what follows is wrong.
    """

    pixels: Pixels
    source_width_px: int
    source_height_px: int
    truncated: bool = False
    carried: Carried | None = None


def decode(
    data: bytes,
    *,
    long_side_px: int | None = None,
    max_pixels: int = MAX_PIXELS,
    truncated: Truncated = "refuse",
    whole: bool = False,
    metadata: bool = False,
    alpha: bool = False,
    most_in_memory: int | None = None,
) -> Decoded:
    """Return a file's pixels, their long side `long_side_px` (None: as they are). An animation's first frame counts.

    Raises CorruptImageError for what is no whole image, UnsupportedImageError for one of more than `max_pixels`
    (counted as a JPEG's decoder scales it down), of a kind that is not read, or without a sensible 8-bit form.
    With `truncated` accept, a file cut, or a JPEG damaged, within its pixels gives what it has. With `whole`,
    a JPEG of up to `max_pixels` is not scaled as it is decoded, so that the pixels are those of `from_image`.
    `carried` has EXIF and dots per inch with `metadata`, and alpha of the size of the pixels with `alpha`.
    Pixels of more than `most_in_memory` bytes are in a mapped file (`scratch`).
    """
    loaded = load(data, Wish(long_side_px, max_pixels, truncated, whole, most_in_memory))
    width, height = loaded.width_px, loaded.height_px
    # Before it is turned: `box` is in the file's own orientation.
    size = working_size(width, height, long_side_px)
    to_srgb = ToSrgb(loaded.profile, loaded.signal)
    source = loaded.image if loaded.pixels is None else loaded.pixels
    if loaded.pixels is not None and to_srgb.keeps("RGB") and blocks(source, size, loaded.box) == (1, 1):
        rgb = resize(loaded.pixels, *size, loaded.box)
    else:
        rgb = scaled_rgb(source, size, loaded.box, to_srgb, most_in_memory)
    carried = _carried(loaded, size, metadata, alpha) if metadata or alpha else None
    if loaded.orientation in SIDEWAYS:
        width, height = height, width
    rgb = upright(rgb, loaded.orientation, most_in_memory)
    scratch.let_go(rgb)
    return Decoded(rgb, width, height, loaded.truncated, carried)


def decoding_bytes(data: bytes, *, long_side_px: int | None = None, max_pixels: int = MAX_PIXELS) -> int:
    """Return about how many bytes a file's pixels take while it is decoded, and its result's, as its header says.

    Raises CorruptImageError and UnsupportedImageError where `decode` does so by the header.
    """
    image, _, stated = opened(data, Wish(long_side_px, max_pixels, "refuse"))
    width, height = size = working_size(*stated, long_side_px)
    across, down = block_of(image.size, size)
    pixels = image.width * image.height
    # A JPEG is scaled by its decoder, and the few that come as RGB already are scaled from there.
    is_jpeg = image.format in jpeg.NAMES
    converted = 0 if is_jpeg or image.size == size else 3 * pixels // (across * down)
    # A PNG's text may have any name.
    progressive = is_jpeg and image.info.get("progressive")
    coefficients = _COEFFICIENT_BYTES * len(image.getbands()) if progressive else 0
    return decoder_bytes(image) * pixels + converted + coefficients * stated[0] * stated[1] + 2 * 3 * width * height


_COEFFICIENT_BYTES = 2
"""Of a channel's value in a progressive JPEG, all of which are held, however it is scaled."""


def _carried(loaded: Loaded, size: tuple[int, int], metadata: bool, alpha: bool) -> Carried:
    image, turned = loaded.image, loaded.orientation
    opacity = scaled_alpha(image, size, loaded.box) if alpha else None
    return Carried(
        exif_of(image) if metadata else None,
        dpi_of(image, turned in SIDEWAYS) if metadata else None,
        None if opacity is None else upright(opacity, turned),
    )


def alpha_of(image: Image.Image) -> Pixels | None:
    """Return the (H, W) alpha of an image that `from_image` took, of the size of its pixels; None if all is opaque."""
    shown = as_shown(image)
    alpha = scaled_alpha(shown, shown.size, None)
    return None if alpha is None else upright(alpha, orientation(image))


NO_PIXELS = "expected a picture, got one without pixels"
_COLORS = "stylize_color_source"
"""Where an image keeps what its file said: once it is loaded, its file is gone."""


def _load(image: Image.Image) -> None:
    """Load an image, and have it keep what its file says of its colours, of which Pillow tells a part."""
    try:
        if isinstance(image, ImageFile) and image.format in (*PARTLY_TOLD, "WEBP", "HEIF") and image.fp is not None:
            data = _file_of(image)
            note_part(image, data)
            prepare(image, data)
            vars(image)[_COLORS] = color_source(image.format, image.info, data)
        image.load()
    except (ValueError, AssertionError) as error:
        # Pillow asserts that a file is there, which is not after its `with`.
        if "closed" in str(error) or getattr(image, "fp", image) is None:
            raise UsageError("the PIL image is closed; use it within its `with`, or call its load() there") from None
        raise


def _file_of(image: Any) -> bytes:
    at = image.fp.tell()
    image.fp.seek(0)
    data: bytes = image.fp.read()
    # Where Pillow goes on from.
    image.fp.seek(at)
    return data


def from_image(image: Image.Image, *, long_side_px: int | None = None) -> Pixels:
    """Return the pixels of an image that Pillow opened or made, their long side `long_side_px` (None: as they are).

    The image itself stays as it is, but that it is loaded. Of one that was loaded before, the colours count as far as
    Pillow tells them. Raises CorruptImageError and UnsupportedImageError as `decode` does, UsageError for one that is
    closed or without a pixel.
    """
    if 0 in image.size:
        raise UsageError(NO_PIXELS)
    with damage_is_corrupt():
        _load(image)
        refuse_wide(image)
        jpeg.refuse_untold_inks(image)
        if isinstance(image, TiffImageFile):
            tiff.refuse_opened(image)
        turned, shown = orientation(image), as_shown(image)
        source = vars(image).get(_COLORS) or color_source(image.format, image.info, b"")
    size = working_size(*shown.size, long_side_px)
    return upright(scaled_rgb(shown, size, None, ToSrgb(*source)), turned)
