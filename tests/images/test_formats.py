"""Which kinds of files are known, by name and by their first bytes."""

from __future__ import annotations

import io
import struct
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from stylize import images
from stylize.errors import CorruptImageError, UnsupportedImageError
from stylize.images import decode
from stylize.images.formats import FORMATS_READ, FORMATS_REFUSED, HEAD_BYTES, kind_of
from tests.support.image_files import PHOTO, saved, tiff


def test_suffixes_are_lower_case_with_a_dot_and_of_one_kind() -> None:
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in images.SUFFIXES)
    refused = [suffix for suffixes in FORMATS_REFUSED.values() for suffix in suffixes]
    assert len({*images.SUFFIXES, *refused}) == len(images.SUFFIXES) + len(refused)


@pytest.mark.parametrize(
    "suffix", [".mpo", ".pjpeg", ".pnm", ".pbm", ".apng", ".dib", ".heic", ".heif", ".avif", ".jxl", ".jp2"]
)
def test_what_people_have_is_looked_for(suffix: str) -> None:
    assert suffix in images.SUFFIXES


WRITERS = {
    "JPEG": "JPEG", "PNG": "PNG", "WebP": "WEBP", "GIF": "GIF", "TIFF": "TIFF", "BMP": "BMP", "DIB": "DIB",
    "PPM": "PPM", "AVIF": "AVIF", "JPEG 2000": "JPEG2000",
}  # fmt: skip


@pytest.mark.parametrize("kind", WRITERS)
def test_a_kind_is_told_by_its_first_bytes(kind: str) -> None:
    data = saved(Image.fromarray(PHOTO), WRITERS[kind])
    assert kind_of(data[:HEAD_BYTES]) == kind
    assert decode(data).pixels.shape == PHOTO.shape


def test_heic_is_told_by_its_brands() -> None:
    for brands, kind in (
        (b"heic\0\0\0\0mif1heic", "HEIF"), (b"mif1\0\0\0\0mif1heic", "HEIF"), (b"mif1\0\0\0\0mif1avif", "AVIF"),
        (b"avif\0\0\0\0avifmif1", "AVIF"), (b"qt  \0\0\0\0qt  ", "video"), (b"isom\0\0\0\0isommp41", "video"),
        (b"crx \0\0\0\1crx isom", "camera raw"), (b"abcd\0\0\0\0abcd", None),
        (b"avci\0\0\0\0mif1avci", "HEIF"), (b"iso5\0\0\0\0iso5dash", "video"), (b"3g2a\0\0\0\0", "video"),
    ):  # fmt: skip
        assert kind_of(struct.pack(">I", 8 + len(brands)) + b"ftyp" + brands + bytes(100)) == kind


REFUSED = {
    "PSD": b"8BPS\0\1", "SVG": b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>",
    "PDF": b"%PDF-1.7\n",
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0", "icon": b"\0\0\1\0\1\0", "OpenEXR": b"\x76\x2f\x31\x01", "QOI": b"qoif",
    "Radiance HDR": b"#?RADIANCE\n", "XCF": b"gimp xcf v011", "FITS": b"SIMPLE  =   T", "DDS": b"DDS |", "PAM": b"P7\n",
    "camera raw": b"II*\0\x10\0\0\0CR\2\0", "JPEG XR": b"II\xbc\1", "DICOM": bytes(128) + b"DICM",
    "PFM": b"PF\n1 1\n-1\n", "JPEG-LS": b"\xff\xd8\xff\xf7\0\x0b",
    "PNG packed by Xcode": b"\x89PNG\r\n\x1a\n\0\0\0\4CgBI",
    "XPM or XBM": b"#define photo_width 8\n",
    "DPX": b"SDPX\0\0", "DjVu": b"AT&TFORM\0\0\1\0DJVU", "MNG": b"\x8bJNG\r\n\x1a\n",
    "farbfeld": b"farbfeld\0\0\0\1", "ILBM": b"FORM\0\0\1\0ILBMBMHD", "Affinity": b"\0\xffKA", "texture": b"\xabKTX 11",
    "Krita": b"PK\3\4" + bytes(26) + b"mimetypeapplication/x-krita", "Paint Shop Pro": b"Paint Shop Pro Image File\n",
    "video": b"\0\0\0\x08wide\0\0\1\0mdat",
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_a_picture_of_a_kind_that_is_not_read_is_unsupported_and_named(kind: str) -> None:
    assert kind in FORMATS_REFUSED
    with pytest.raises(UnsupportedImageError, match=kind):
        decode(REFUSED[kind].ljust(600, b"\0"))


def test_what_pillow_writes_and_is_not_read_here_is_unsupported() -> None:
    image = Image.fromarray(PHOTO)
    for kind in ("PCX", "SGI", "DDS", "ICO", "BLP", "PDF", "EPS", "QOI", "XBM"):
        data = saved(image.convert({"XBM": "1", "BLP": "P"}.get(kind, "RGB")), kind)
        with pytest.raises(UnsupportedImageError, match="not read"):
            decode(data)


@pytest.mark.parametrize("data", [b"BMW and P5, said P1 of the files\n" * 30, b"{}", b"P5 is text", b"\0" * 600, b"II"])
def test_text_and_noise_are_no_picture(data: bytes) -> None:
    assert kind_of(data[:HEAD_BYTES]) is None
    with pytest.raises(CorruptImageError, match="not an image"):
        decode(data)


def test_text_with_many_comments_is_looked_at_in_no_time() -> None:
    # A pattern that tries every way to group them is not done with 70 in years.
    for rest, kind in ((b"<svg>", "SVG"), (b"text", None)):
        assert kind_of(b"<!---->" * 70 + rest) == kind
    assert kind_of(b"<!-- a > b -- c --> <!--\n--><!DOCTYPE svg") == "SVG"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (bytes(600), "zeros: not downloaded"), (b"version https://git-lfs.github.com/spec/v1\noid ", "`git lfs pull`"),
        (b"\n<!DOCTYPE html><html>", "a web page"), (b"<?xml version='1.0'?><Error>", "a web page"),
        (b'{"error": "not found"}', "JSON"), (b"/annex/objects/SHA256E-s1--x.jpg", "git annex get"),
        (b"data:image/png;base64,iVBORw0KGgo", "base64; decode"), (b"/9j/4AAQSkZJRg", "base64; decode"),
        (b"\x1f\x8b\x08" + bytes(30), "packed by gzip; unpack it first"), (b"PK\x03\x04" + bytes(30), "packed by zip"),
        (saved(Image.fromarray(PHOTO), "PNG").replace(b"\r\n", b"\n"), "moved as text; copy it again, as binary"),
        (saved(Image.fromarray(PHOTO), "PNG").decode("latin-1").encode(), "moved as text"),
        (saved(Image.fromarray(PHOTO), "JPEG").decode(errors="replace").encode(), "moved as text"),
        (saved(Image.fromarray(PHOTO), "JPEG2000")[:100], "the file ends within its header; copy it again"),
        (saved(Image.fromarray(PHOTO), "PNG")[:33], "no pixels in the file; copy it again"),
    ],
)  # fmt: skip
def test_what_lies_in_an_images_place_is_named(data: bytes, words: str) -> None:
    with pytest.raises(CorruptImageError, match=words):
        decode(data)


@pytest.mark.parametrize(("kind", "bits", "of_map"), [(2, 15, 0), (10, 15, 0), (1, 8, 15), (9, 8, 8)])
def test_a_tga_of_a_kind_that_is_not_read_is_unsupported_though_it_has_no_mark(
    kind: int, bits: int, of_map: int
) -> None:
    data = struct.pack("<3B2HB4H2B", 0, of_map > 0, kind, 0, 4 * (of_map > 0), of_map, 0, 0, 4, 4, bits, 0) + bytes(64)
    with pytest.raises(UnsupportedImageError, match="a TGA of a kind"):
        decode(data)


@pytest.mark.parametrize(
    ("kind", "data"), [("HEIF", b"\0\0\0\x18ftypheic" + bytes(600)), ("JPEG XL", b"\xff\x0a" + bytes(600))]
)
def test_a_kind_whose_package_is_missing_names_it(kind: str, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    known = FORMATS_READ[kind]
    monkeypatch.setitem(sys.modules, known.module, None)
    with pytest.raises(UnsupportedImageError, match=f"pip install {known.package}"):
        decode(data)


def raw_of_a_camera(**tags: int) -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        thumbnail = np.zeros((8, 8, 3), np.uint8)
        extra = [(50706, 1, 4, b"\1\4\0\0", True)] if "dng" in tags else []
        writer.write(thumbnail, photometric="rgb", subfiletype=1, subifds=0 if "dng" in tags else 1, extratags=extra)
        if "dng" not in tags:
            writer.write(np.zeros((64, 64), np.uint16), photometric="minisblack")
    return file.getvalue()


@pytest.mark.parametrize("tags", [{"dng": 1}, {}])
def test_a_cameras_raw_file_is_not_taken_for_its_thumbnail(tags: dict[str, int]) -> None:
    with pytest.raises(UnsupportedImageError, match="raw"):
        decode(raw_of_a_camera(**tags))


@pytest.mark.parametrize("values", [np.float64, np.int16, np.int8, np.uint32, np.float16])
def test_a_whole_tiff_of_values_without_an_8_bit_form_is_unsupported(values: type) -> None:
    for shape in ((8, 8), (8, 8, 3)):
        data = tiff(np.full(shape, 2, values), photometric="rgb" if len(shape) == 3 else "minisblack")
        with pytest.raises(UnsupportedImageError):
            decode(data)


def test_a_tiff_of_an_unknown_compression_is_unsupported_and_named() -> None:
    data = bytearray(saved(Image.fromarray(PHOTO), "TIFF"))
    entry = data.index(struct.pack("<HHI", 259, 3, 1))
    for number in (50001, 34712, 34887, 65000):
        data[entry + 8 : entry + 10] = struct.pack("<H", number)
        with pytest.raises(UnsupportedImageError, match=str(number)):
            decode(bytes(data))
