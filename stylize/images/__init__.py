"""Image files to pixels and back: (H, W, 3) uint8 RGB, upright, in sRGB, on white."""

from stylize.images.apart import decode_safely
from stylize.images.carried import Carried
from stylize.images.decode import NO_PIXELS, Decoded, alpha_of, decode, decoding_bytes, from_image
from stylize.images.encode import COPIED_BYTES, FORMATS, PICTURE_BYTES, encode, pixel_bytes, shows_all
from stylize.images.exif import MadeBy
from stylize.images.formats import SUFFIXES
from stylize.images.opening import MAX_PIXELS, header_size, refuse_too_large
from stylize.images.pixels import STYLE_RESOLUTION_PX, Pixels, is_plain, resize, without_matte, working_size

__all__ = [
    "COPIED_BYTES",
    "FORMATS",
    "MAX_PIXELS",
    "NO_PIXELS",
    "PICTURE_BYTES",
    "STYLE_RESOLUTION_PX",
    "SUFFIXES",
    "Carried",
    "Decoded",
    "MadeBy",
    "Pixels",
    "alpha_of",
    "decode",
    "decode_safely",
    "decoding_bytes",
    "encode",
    "from_image",
    "header_size",
    "is_plain",
    "pixel_bytes",
    "refuse_too_large",
    "resize",
    "shows_all",
    "without_matte",
    "working_size",
]
