"""An opened image to its pixels: what every viewer shows is read, what lacks pixels is not, or is said."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageChops, ImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.TiffImagePlugin import TiffImageFile

from stylize.errors import CorruptImageError
from stylize.images import bmp, heif, heif_damage, jpeg, jpeg2000, mapped, png, tiff, tiff_damage, turbo, webp
from stylize.images.color import Signal, Space
from stylize.images.color_source import color_source
from stylize.images.damage import DAMAGE, damage_is_corrupt
from stylize.images.formats import opener
from stylize.images.opening import drafted, is_only_stated, open_data
from stylize.images.orientation import orientation
from stylize.images.pixels import BAND_PIXELS, Box, Pixels, refuse_wide
from stylize.images.tiff_tags import exif_block

Truncated = Literal["refuse", "accept"]
"""What becomes of a file that ends within its pixels."""

# What a JPEG decoder makes of pixels that it was not given.
_NOTHING = (128, (128, 128, 128), (128, 128, 128, 128), (127, 127, 127, 127))
_ALPHA_OR_PADDING = ("BMP", "DIB", "TGA")
"""Kinds whose fourth channel is often of no use: where all of it is zero, viewers show the picture without it."""
_SHOWN = "stylize_shown"
"""Where an image keeps what makes of it, once it is loaded, what viewers show."""


@dataclass(slots=True)
class Loaded:
    """A file's first picture, in the file's own orientation, mode and colours; only the part in `box` counts.

    `pixels`: those of an RGB image; `image` is then opened only.
    """

    image: Image.Image
    box: Box | None
    width_px: int
    height_px: int
    pixels: Pixels | None = None
    orientation: int = 1
    profile: bytes | None = None
    signal: Signal | Space | None = None
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller of `decode` wants."""

    long_side_px: int | None
    max_pixels: int
    truncated: Truncated
    whole: bool = False
    most_in_memory: int | None = None


def load(data: bytes, wish: Wish) -> Loaded:
    """Return what a file holds. Raises CorruptImageError and UnsupportedImageError as `decode` does."""
    image, box, (width, height) = opened(data, wish)
    with damage_is_corrupt():
        if is_only_stated(image) or (isinstance(image, TiffImageFile) and tiff.is_misread(image)):
            read = tiff.read(data) if image.format == "TIFF" else _read_jxl(data)
            return Loaded(read, None, *read.size, None, orientation(read), read.info.get("icc_profile"))
        assert isinstance(image, ImageFile.ImageFile)
        prepare(image, data)
        loaded = Loaded(image, box, width, height)
        try:
            _load_whole(loaded, data, wish)
        except DAMAGE as error:
            _repair(loaded, data, wish, error)
        if image.format == "AVIF":
            # It was cut as it was loaded, which its header's size leaves out.
            loaded.width_px, loaded.height_px = loaded.image.size
        loaded.orientation = orientation(loaded.image)
        loaded.profile, loaded.signal = color_source(image.format, loaded.image.info, data)
        if image.format == "JPEG2000":
            # After it was asked how the picture is turned: no viewer asks that of it.
            loaded.image.info["exif"] = jpeg2000.exif(data)
        if isinstance(image, TiffImageFile):
            image.info["exif"] = exif_block(data)
            if tiff.is_left_as_stored(image):
                loaded.image = tiff.righted(image)
        return loaded


def prepare(image: ImageFile.ImageFile, data: bytes) -> None:
    """Have an opened image load all of its channels. Raises ImageErrors where its decoder gives wrong pixels."""
    if image.format == "JPEG2000":
        jpeg2000.refuse_misread(image, data)
    if image.format == "PNG":
        png.refuse_damaged(data)
    if image.format == "HEIF":
        heif.refuse_unread(data)  # as a tile, it is plain green
        heif_damage.refuse_damaged(data)
    if image.format in ("BMP", "DIB"):
        bmp.have_alpha_loaded(image, data)
        bmp.have_runs_aligned(image, data)


def opened(data: bytes, wish: Wish) -> tuple[Image.Image, Box | None, tuple[int, int]]:
    """Return an image of the size that a decoder will give it, `drafted`'s box, and (width, height) by its header.

    Raises as `load` does.
    """
    image = open_data(data)
    size = image.size
    side = None if wish.whole and size[0] * size[1] <= wish.max_pixels else wish.long_side_px
    return image, drafted(image, side, wish.max_pixels), size


def _read_jxl(data: bytes) -> Image.Image:
    try:
        image = opener("JPEG XL")(io.BytesIO(data), "")
        image.load()
    except RuntimeError:
        # Its decoder's own words are of how it was built.
        raise CorruptImageError("damaged or cut short: no whole JPEG XL picture") from None
    return image


def _load_whole(loaded: Loaded, data: bytes, wish: Wish) -> None:
    image = loaded.image
    loaded.pixels = turbo.pixels_of(image, data, wish.most_in_memory)
    if loaded.pixels is None:
        refuse_wide(image)
        mapped.make_room(image, wish.most_in_memory)
        image.load()
        note_part(image, data)
        loaded.image = as_shown(image)
    if image.format in jpeg.NAMES:
        last = image.getpixel((-1, -1)) if loaded.pixels is None else tuple(loaded.pixels[-1, -1])
        # A file that was cut and closed again: its decoder says nothing and fills with grey.
        if last in _NOTHING and not _jpeg_holds_all(data, wish):
            raise OSError("image file is truncated")
        if loaded.pixels is None and (said := turbo.damage(image, data)):
            raise OSError(said)
    if isinstance(image, TiffImageFile) and (said := tiff_damage.damage(image, data)):
        # Not for `damage_is_corrupt` to judge: its decoder says "unsupported" of markers that damage made.
        raise CorruptImageError(f"damaged or cut short: {said}")


def as_shown(image: Image.Image) -> Image.Image:
    """Return a loaded image as viewers do: its part to show, padding no alpha, nothing drawn around a first frame."""
    if image.format in _ALPHA_OR_PADDING and image.mode == "RGBA" and not image.getchannel("A").getbbox():
        return image.convert("RGB")
    if isinstance(image, GifImageFile) and image.tell() == 0:
        return _clear_around(image, image.dispose_extent)
    shown: Image.Image = vars(image).get(_SHOWN, lambda loaded: loaded)(image)
    return shown


def _clear_around(image: Image.Image, extents: tuple[int, int, int, int] | None) -> Image.Image:
    if extents in (None, (0, 0, *image.size)):
        return image
    drawn = Image.new("L", image.size, 0)
    drawn.paste(255, extents)
    shown = image.convert("RGBA")
    shown.putalpha(ImageChops.multiply(shown.getchannel("A"), drawn))
    return shown


def _with_clear(image: Image.Image, colour: int | tuple[int, ...]) -> Image.Image:
    image = image._new(image.im)  # the same pixels
    image.info["transparency"] = colour
    return image


def note_part(image: Image.Image, data: bytes) -> None:
    """Have an image keep what Pillow does not tell: which part is drawn, or shown, its channels, its clear colour."""
    if image.format == "WEBP" and image.tell() == 0 and (drawn := webp.first_frame(data)):
        vars(image)[_SHOWN] = lambda loaded: _clear_around(loaded, drawn)
    if image.format == "AVIF" and (part := heif.aperture(data, *image.size)):
        vars(image)[_SHOWN] = lambda loaded: loaded.crop(part)
    if image.format == "JPEG2000" and (channels := jpeg2000.channels(image, data)):
        vars(image)[_SHOWN] = lambda loaded: jpeg2000.righted(loaded, channels)
    if image.format == "PNG" and (clear := png.clear_colour(image, data)) is not None:
        vars(image)[_SHOWN] = lambda loaded: _with_clear(loaded, clear)


def _repair(loaded: Loaded, data: bytes, wish: Wish, error: Exception) -> None:
    """Load again what failed to, where no pixels are missing, or where such are accepted. Raises `error` if not."""
    image = loaded.image
    kind = image.format
    assert isinstance(image, ImageFile.ImageFile)
    if kind in jpeg.NAMES:
        whole = jpeg.scans_are_complete(data) and not turbo.damage(image, data) and _jpeg_holds_all(data, wish)
        if not whole and wish.truncated == "refuse":
            raise error
        loaded.image, loaded.box = _loaded_jpeg(jpeg.without_end(data) + jpeg.END, wish)
        loaded.pixels = None
        loaded.truncated = not whole
        return
    ended = kind == "JPEG2000" and jpeg2000.lacks_end_alone(data)
    if kind == "PNG" or ended:
        mended = data.removesuffix(jpeg2000.END[:1]) + jpeg2000.END if ended else png.bare(data)
        image = opener("JPEG 2000" if ended else "PNG")(io.BytesIO(mended), "")
        loaded.image = image
        try:
            mapped.make_room(image, wish.most_in_memory)
            image.load()
            note_part(image, mended)
            loaded.image = as_shown(image)
            return
        except DAMAGE as again:
            error = again
    cut = "truncated" in str(error) or (isinstance(image, TiffImageFile) and tiff.is_cut(image, len(data)))
    if wish.truncated == "refuse" or not cut or not _has_pixels(image):
        raise error
    # What was decoded so far is there; without this, it would be tried again.
    image.tile = []
    note_part(image, data)
    loaded.image, loaded.truncated = as_shown(image), True


def _has_pixels(image: ImageFile.ImageFile) -> bool:
    """Return whether a decoder that met the end left what it had until then.

    Of a packed TIFF whole strips and tiles, all of its colours at once where they are not in planes.
    """
    if image.tile or not isinstance(image, TiffImageFile):
        return bool(image.tile)
    try:
        return not tiff.is_in_planes(image) and image.getbbox() is not None
    except OSError:  # it ended before there was room for any
        return False


def _jpeg_holds_all(data: bytes, wish: Wish) -> bool:
    """Return whether more bytes before the end would change nothing: then no pixel waits for any."""
    body = jpeg.without_end(data)
    try:
        first, _ = _loaded_jpeg(body + jpeg.END, wish)
        second, _ = _loaded_jpeg(body + jpeg.FILLER + jpeg.END, wish)
    except DAMAGE:
        return False
    return first.mode == second.mode and _are_alike(first, second)


def _are_alike(first: Image.Image, second: Image.Image) -> bool:
    rows = max(1, BAND_PIXELS // first.width)
    bands = [(0, top, first.width, min(top + rows, first.height)) for top in range(0, first.height, rows)]
    return all(ImageChops.difference(first.crop(band), second.crop(band)).getbbox() is None for band in bands)


def _loaded_jpeg(data: bytes, wish: Wish) -> tuple[Image.Image, Box | None]:
    image, box, _ = opened(data, wish)
    mapped.make_room(image, wish.most_in_memory)
    image.load()
    return image, box
