"""Image files to pixels and back: (H, W, 3) uint8 RGB, upright, in sRGB, on white."""

from stylize.images.decode import Decoded, decode
from stylize.images.encode import FORMATS, encode
from stylize.images.formats import SUFFIXES
from stylize.images.opening import MAX_PIXELS, header_size, refuse_too_large
from stylize.images.pixels import Pixels, resize, working_size

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "SUFFIXES",
    "Decoded",
    "Pixels",
    "decode",
    "encode",
    "header_size",
    "refuse_too_large",
    "resize",
    "working_size",
]
