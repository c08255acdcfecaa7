"""What decoders raise on damaged files, as errors of this package."""

from __future__ import annotations

import contextlib
import re
import struct
import warnings
import zlib
from collections.abc import Iterator

from PIL import Image, UnidentifiedImageError

from stylize.errors import CorruptImageError, UnsupportedImageError, message_of

# MemoryError is not among them: it says nothing about the file.
DAMAGE = (
    OSError, SyntaxError, ValueError, LookupError, EOFError, TypeError, ArithmeticError, AssertionError,
    AttributeError, RuntimeError, ImportError, struct.error, zlib.error, Warning,
)  # fmt: skip
"""What Pillow's plugins raise on damaged files."""

# What they say of whole files that they cannot read.
_NOT_READ = (
    "unsupported", "unknown pixel mode", "unknown data organization", "unknown raw mode", "not supported",
    "not implemented", "requires the", "no module named", "cannot handle", "has not been built in",
)  # fmt: skip

ENDS = "the file ends within its pixels; copy it again"
"""What is said of a file that was cut and that `truncated` accept would read, whatever its decoder calls it."""
_HEADER_ENDS = "the file ends within its header; copy it again"
_CLEARER = (
    ("image file is truncated", ENDS),
    ("not identified by this driver", "no size in its header"),
    ("Truncated File Read", _HEADER_ENDS),
    ("requires a buffer of", _HEADER_ENDS),
    ("Expected to read", _HEADER_ENDS),
    ("cannot load this image", "no pixels in the file; copy it again"),
    ("not a WEBP file", "no whole WebP picture"),
    ("could not create decoder object", "no whole WebP picture"),
    ("BMFF parsing failed", "no whole AVIF picture"),
    ("Insufficient input data", "no whole HEIF picture"),
    # Python's own from 3.14 on, which tifffile names where nothing else reads it.
    ("No module named 'compression", "ZSTD requires the 'imagecodecs' package"),
)
"""What decoders' words have in them where a stranger cannot read them, and what was found."""

_MEMBER = re.compile(r"<\w+\.(\w+): \d+>")
"""How Python writes what tifffile means by a name, as <COMPRESSION.LZW: 5>."""

# The size is checked from the header against `max_pixels`, a limit of the run's own; Pillow's, a warning from any
# thread that cannot be caught without touching the others, would come on top of it.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# Its complaints about metadata would, under `-W error`, cost an image whose pixels are whole.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


@contextlib.contextmanager
def damage_is_corrupt() -> Iterator[None]:
    """Turn what decoders raise into a CorruptImageError, or an UnsupportedImageError where the file is whole."""
    try:
        yield
    except UnidentifiedImageError:
        raise CorruptImageError("not an image that can be read") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnsupportedImageError(f"refused: {error}") from None
    except DAMAGE as error:
        said = message_of(error)
        line = next((clearer for words, clearer in _CLEARER if words in said), _MEMBER.sub(r"\1", said))
        if any(words in line.lower() for words in _NOT_READ):
            raise UnsupportedImageError(f"a variant that is not read ({line}); save it as PNG or JPEG first") from None
        raise CorruptImageError(f"damaged or cut short: {line}") from None
