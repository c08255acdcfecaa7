"""Damaged files give the right pixels or the right error, and nothing else."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from stylize.errors import CorruptImageError, ImageError, UnsupportedImageError
from stylize.images import decode, encode
from stylize.images.damage import damage_is_corrupt
from tests.support.image_files import PHOTO, SRGB, png_chunk, png_header, saved
from tests.support.samples import picture

JPEG = encode(picture(2, 200, 150), "jpg", 90)


@pytest.mark.parametrize(
    "data",
    [b"", b"just text, named .jpg\n", JPEG[:30], b"\xff\xd8\xff", bytes(4096), b"GIF89a"],
    ids=["empty", "text", "jpeg head", "marker", "zeros", "gif head"],
)
def test_what_is_no_whole_image_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptImageError) as raised:
        decode(data)
    assert "\n" not in str(raised.value)


WHOLE = {
    "jpeg": JPEG, "png": encode(PHOTO, "png", 95), "webp": encode(PHOTO, "webp", 95),
    **{name: saved(Image.fromarray(PHOTO), name) for name in ("GIF", "TIFF", "BMP", "PPM", "TGA")},
}  # fmt: skip


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE.keys())
def test_a_file_cut_short_is_corrupt_in_every_format(data: bytes, keep: float) -> None:
    decode(data)
    told = "cut short: (the file ends within its pixels; copy it again|no whole WebP picture)$"
    with pytest.raises(CorruptImageError, match=told):
        decode(data[: int(len(data) * keep)])


def test_a_file_without_a_size_is_corrupt_and_says_so() -> None:
    for data in (b"\xff\xd8\xff\xd9", png_header(0, 48), b"P6 0 0 255\n"):
        with pytest.raises(CorruptImageError, match="no size in its header"):
            decode(data)


@pytest.mark.parametrize("truncated", ["refuse", "accept"])
def test_a_png_whose_pixels_do_not_fit_their_checksum_is_corrupt(truncated: Literal["refuse", "accept"]) -> None:
    data = bytearray(saved(Image.fromarray(picture(1, 300, 200)), "PNG", compress_level=0))
    data[data.rindex(b"IDAT") + 5000] ^= 255
    with pytest.raises(CorruptImageError, match="pixels that do not fit their checksum"):
        decode(bytes(data), truncated=truncated)


def test_a_palette_image_without_a_palette_is_corrupt() -> None:
    pixels = png_chunk(b"IDAT", zlib.compress(b"\x00\x00"))
    with pytest.raises(CorruptImageError):
        decode(png_header(1, 1, 8, 3) + pixels + png_chunk(b"IEND", b""))


def test_postscript_is_not_run() -> None:
    with pytest.raises(UnsupportedImageError, match="PostScript"):
        decode(saved(Image.fromarray(PHOTO), "EPS"))


def test_too_little_memory_stays_a_memory_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(image: Image.Image) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(MemoryError):
        decode(WHOLE["png"])


def test_complaints_about_metadata_are_no_errors_under_strict_warnings() -> None:
    data = bytearray(saved(Image.fromarray(PHOTO), "TIFF", software="a name that lies beyond the end"))
    entry = data.index(struct.pack("<HH", 305, 2))
    data[entry + 8 : entry + 12] = struct.pack("<I", len(data) - 3)
    noisy = "from PIL import Image; import io; Image.open(io.BytesIO(data))"
    ours = "from stylize.images import decode; assert decode(data).pixels.shape == (48, 64, 3)"
    for code, status in ((noisy, 1), (ours, 0)):
        command = [sys.executable, "-W", "error", "-c", f"data = {bytes(data)!r}\n{code}"]
        assert subprocess.run(command, capture_output=True, timeout=600, check=False).returncode == status


SEEDS = [
    encode(PHOTO, "jpg", 80), encode(PHOTO, "png", 80), encode(PHOTO, "webp", 80),
    *(saved(Image.fromarray(PHOTO), name) for name in ("GIF", "TIFF", "BMP", "PPM", "TGA")),
    saved(Image.fromarray(PHOTO).convert("CMYK"), "JPEG"), saved(Image.fromarray(PHOTO), "PNG", icc_profile=SRGB),
    saved(Image.fromarray(PHOTO), "GIF", save_all=True, append_images=[Image.new("RGB", (64, 48))]),
    saved(Image.fromarray(PHOTO).convert("P"), "PNG"), saved(Image.fromarray(PHOTO), "TIFF", compression="tiff_lzw"),
]  # fmt: skip


@settings(max_examples=400)
@given(
    st.sampled_from(SEEDS), st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6), st.floats(0, 1)
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damage_gives_an_image_or_an_image_error(data: bytes, damage: list[tuple[float, int]], keep: float) -> None:
    broken = bytearray(data[: max(1, int(len(data) * (1 if keep > 0.5 else 2 * keep)))])
    for where, value in damage:
        broken[int(where * len(broken))] = value
    try:
        decoded = decode(bytes(broken), max_pixels=1_000_000)
    except ImageError:
        return
    assert decoded.pixels.dtype == np.uint8
    assert decoded.pixels.shape[2] == 3


def test_what_tifffile_lacks_is_told_in_names_of_packages() -> None:
    with pytest.raises(UnsupportedImageError, match=r"\(LZW requires the 'imagecodecs' package\)"), damage_is_corrupt():
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")
    with (
        pytest.raises(UnsupportedImageError, match=r"\(ZSTD requires the 'imagecodecs' package\)"),
        damage_is_corrupt(),
    ):
        raise ModuleNotFoundError("No module named 'compression'")
