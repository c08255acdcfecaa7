"""The kinds of image files: what they are called, how they begin, and what reads them."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import IO, Any, NamedTuple

from PIL import ImageFile

from stylize.errors import UnsupportedImageError


class Format(NamedTuple):
    """One kind that is read: its files' suffixes, and the class that opens it with the package that brings it."""

    suffixes: tuple[str, ...]
    module: str
    opener: str
    package: str = "pillow"


# Pillow knows more, but of those some start other programs (EPS runs Ghostscript) and few are ever photos.
FORMATS_READ = {
    "JPEG": Format(
        (".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp", ".mpo"), "PIL.JpegImagePlugin", "jpeg_factory"
    ),
    "PNG": Format((".png", ".apng"), "PIL.PngImagePlugin", "PngImageFile"),
    "WebP": Format((".webp",), "PIL.WebPImagePlugin", "WebPImageFile"),
    "GIF": Format((".gif",), "PIL.GifImagePlugin", "GifImageFile"),
    "TIFF": Format((".tif", ".tiff"), "PIL.TiffImagePlugin", "TiffImageFile"),
    "BMP": Format((".bmp",), "PIL.BmpImagePlugin", "BmpImageFile"),
    "DIB": Format((".dib",), "PIL.BmpImagePlugin", "DibImageFile"),
    "PPM": Format((".ppm", ".pgm", ".pbm", ".pnm"), "PIL.PpmImagePlugin", "PpmImageFile"),
    "TGA": Format((".tga", ".icb", ".vda", ".vst"), "PIL.TgaImagePlugin", "TgaImageFile"),
    "AVIF": Format((".avif",), "PIL.AvifImagePlugin", "AvifImageFile"),
    "HEIF": Format((".heic", ".heif", ".hif", ".heics", ".heifs"), "pi_heif", "HeifImageFile", "pi-heif"),
    "JPEG 2000": Format(
        (".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc"), "PIL.Jpeg2KImagePlugin", "Jpeg2KImageFile"
    ),
    "JPEG XL": Format((".jxl",), "pillow_jxl.JpegXLImagePlugin", "JXLImageFile", "pillow-jxl-plugin"),
}  # fmt: skip

SUFFIXES = frozenset(suffix for kind in FORMATS_READ.values() for suffix in kind.suffixes)

FORMATS_REFUSED = {
    "PSD": (".psd", ".psb"), "SVG": (".svg", ".svgz"), "PDF": (".pdf",), "PostScript": (".eps", ".ps", ".ai"),
    "icon": (".ico", ".cur", ".icns"), "OpenEXR": (".exr",), "Radiance HDR": (".hdr",), "XCF": (".xcf",),
    "FITS": (".fits", ".fit"), "DDS": (".dds",), "QOI": (".qoi",), "JPEG XR": (".jxr", ".wdp", ".hdp"),
    "JPEG-LS": (".jls",), "PNG packed by Xcode": (),
    "BPG": (".bpg",), "FLIF": (".flif",), "DICOM": (".dcm",), "PAM": (".pam",), "PFM": (".pfm",),
    "SGI": (".sgi", ".rgb", ".bw"), "Sun raster": (".ras",), "PCX": (".pcx", ".dcx"), "XPM or XBM": (".xpm", ".xbm"),
    "Windows metafile": (".wmf", ".emf"), "DPX": (".dpx", ".cin"), "DjVu": (".djvu", ".djv"), "MNG": (".mng", ".jng"),
    "farbfeld": (".ff",), "ILBM": (".iff", ".lbm", ".ilbm"), "Krita": (".kra", ".ora"), "Affinity": (".afphoto",),
    "Paint Shop Pro": (".psp", ".pspimage"), "texture": (".ktx", ".ktx2", ".vtf", ".astc", ".blp"),
    "video": (
        ".mov", ".mp4", ".m4v", ".avi", ".mkv", ".webm", ".3gp", ".3g2", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv",
        ".flv", ".ogv", ".qt",
    ),
    "camera raw": (
        ".dng", ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".sr2", ".srf", ".orf", ".rw2", ".raf", ".pef", ".srw",
        ".x3f", ".3fr", ".iiq", ".erf", ".mrw", ".kdc", ".dcr", ".mef", ".mos", ".raw", ".rwl",
    ),
}  # fmt: skip
"""Pictures that people have and that are not read, by kind, with their suffixes."""

HEAD_BYTES = 512
"""How much of a file's beginning `kind_of` wants to see."""

_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_OTHER_HEIF_BRANDS = (b"mif1", b"msf1", b"avci", b"avcs", b"jpeg", b"jpgs", b"j2ki", b"vvic", b"unif")
_VIDEO_BRANDS = (b"qt", b"iso", b"mp4", b"M4V", b"avc1", b"3gp", b"3g2", b"MSNV", b"dash", b"f4v")
"""What they begin with."""

# In this order: what begins alike is told apart by what stands first.
_BEGINNINGS: tuple[tuple[str, bytes], ...] = (
    ("JPEG-LS", rb"\xff\xd8\xff\xf7"),
    ("JPEG", rb"\xff\xd8\xff"),
    ("PNG packed by Xcode", rb"\x89PNG\r\n\x1a\n....CgBI"),
    ("PNG", rb"\x89PNG\r\n\x1a\n"),
    ("WebP", rb"RIFF....WEBP"),
    ("GIF", rb"GIF8[79]a"),
    ("camera raw", rb"II\*\0....CR|IIRO|IIRS|MMOR|IIU\0|II\x1a\0\0\0HEAP|FUJIFILMCCD-RAW|FOVb|\0MRM"),
    ("JPEG XR", rb"II\xbc"),
    ("TIFF", rb"II\*\0|MM\0\*|II\+\0|MM\0\+"),
    ("BMP", rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0"),
    ("DIB", rb"(?:\x0c\0\0\0.{4}|[\x28\x34\x38\x40\x6c\x7c]\0\0\0.{8})\x01\0[\x01\x04\x08\x10\x18\x20]\0"),
    ("PPM", rb"P[1-6][ \t\r\n]\s*[0-9#]"),
    ("PAM", rb"P7\n"),
    ("PFM", rb"P[fF]\s"),
    ("JPEG 2000", rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
    ("JPEG XL", rb"\0\0\0\x0cJXL \r\n\x87\n|\xff\x0a"),
    ("PSD", rb"8BPS"),
    ("PDF", rb"%PDF-"),
    ("PostScript", rb"%!PS|\xc5\xd0\xd3\xc6"),
    ("SVG", rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml.*?)?(?:<!--(?:(?!-->).)*-->\s*)*(?:<!DOCTYPE svg|<(?:\w+:)?svg[\s>])"),
    ("icon", rb"\0\0[\x01\x02]\0[^\0]\0|icns|RIFF....ACON"),
    ("OpenEXR", rb"\x76\x2f\x31\x01"),
    ("Radiance HDR", rb"#\?(?:RADIANCE|RGBE)"),
    ("XCF", rb"gimp xcf"),
    ("FITS", rb"SIMPLE  ="),
    ("DDS", rb"DDS "),
    ("QOI", rb"qoif"),
    ("BPG", rb"BPG\xfb"),
    ("FLIF", rb"FLIF"),
    ("DICOM", rb".{128}DICM"),
    ("SGI", rb"\x01\xda[\0\x01][\x01\x02]"),
    ("Sun raster", rb"\x59\xa6\x6a\x95"),
    ("XPM or XBM", rb"/\* ?XPM|#define \S+_width \d"),
    ("PCX", rb"\x0a[\0\x02-\x05]\x01[\x01\x02\x04\x08]|\xb1\x68\xde\x3a"),
    ("DPX", rb"SDPX|XPDS|\x80\x2a\x5f\xd7"),
    ("DjVu", rb"AT&TFORM"),
    ("MNG", rb"[\x8a\x8b][MJ]NG\r\n\x1a\n"),
    ("farbfeld", rb"farbfeld"),
    ("ILBM", rb"FORM....(?:ILBM|PBM )"),
    ("Krita", rb"PK\x03\x04.{26}mimetype(?:application/x-krita|image/openraster)"),
    ("Affinity", rb"\0\xffKA"),
    ("Paint Shop Pro", rb"Paint Shop Pro Image File"),
    ("texture", rb"\xabKTX |VTF\0|\x13\xab\xa1\x5c|BLP[12]"),
    ("Windows metafile", rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF"),
    ("video", rb"\x1a\x45\xdf\xa3|RIFF....AVI |.{4}(?:moov|mdat|wide)|\0\0\x01[\xb3\xba]|FLV\x01|0&\xb2u\x8ef|OggS"),
)  # fmt: skip
_PATTERNS = tuple((name, re.compile(pattern, re.DOTALL)) for name, pattern in _BEGINNINGS)


def kind_of(head: bytes) -> str | None:
    """Return the kind of a file that begins so (at least HEAD_BYTES of it), None where it is no picture known here.

    It is a key of FORMATS_READ or of FORMATS_REFUSED. TGA begins with nothing of its own and is never told.
    """
    if head[4:8] == b"ftyp":
        return _kind_by_brands(head)
    return next((name for name, pattern in _PATTERNS if pattern.match(head)), None)


def _kind_by_brands(head: bytes) -> str | None:
    length = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head)), 4))]
    if brands[0] == b"crx ":
        return "camera raw"
    for brand in brands:
        if brand in (b"avif", b"avis"):
            return "AVIF"
        if brand in _HEIC_BRANDS:
            return "HEIF"
    if brands[0] in _OTHER_HEIF_BRANDS:
        return "HEIF"
    return "video" if brands[0].startswith(_VIDEO_BRANDS) else None


def opener(kind: str) -> Callable[[IO[bytes], str], ImageFile.ImageFile]:
    """Return what opens a file of a kind, without Pillow's registry, which belongs to the whole process.

    Raises UnsupportedImageError for a kind that is not read, or whose package is not installed.
    """
    if kind not in FORMATS_READ:
        raise UnsupportedImageError(f"a file of the kind {kind}, which is not read; save it as PNG or JPEG first")
    known = FORMATS_READ[kind]
    try:
        opened: Any = getattr(importlib.import_module(known.module), known.opener)
    except ImportError:
        how = f"pip install {known.package}"
        raise UnsupportedImageError(f"{kind} is read by the package {known.package}: {how}") from None
    return opened  # type: ignore[no-any-return]
