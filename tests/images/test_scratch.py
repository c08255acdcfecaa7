"""Large pictures lie in mapped files that have no name, and come out as they would in memory."""

from __future__ import annotations

import errno
import io
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stylize.errors import CorruptImageError
from stylize.images import Carried, MadeBy, decode, encode, mapped, scratch
from stylize.images.loading import Wish, load
from tests.support.image_files import png_chunk, red_and_blue_swapped, saved
from tests.support.samples import picture


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_what_is_let_go_of_is_still_there() -> None:
    pixels = scratch.empty((300, 200, 3), 1000)
    pixels[:] = values = picture(0, 200, 300)
    for part in (pixels, pixels[7:120], pixels[:, 3:50], torch.from_numpy(pixels)[10:20].numpy(), values):
        scratch.let_go(part)
    assert (pixels == values).all()


@pytest.mark.usefixtures("folder")
def test_where_the_system_reserves_no_room_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    pixels = scratch.empty((1000, 700, 3), 0)
    assert scratch.is_mapped(pixels)
    assert not pixels.any()


def test_where_no_file_can_be_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(**where: Any) -> None:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.TemporaryFile", none)
    assert scratch.free_on_disk() == 0
    assert not scratch.is_mapped(scratch.empty((30, 20, 3), 0))


@pytest.mark.usefixtures("folder")
def test_a_part_of_a_mapped_array_is_mapped_too() -> None:
    pixels = scratch.empty((30, 20, 3), 0)
    assert scratch.is_mapped(pixels)
    assert scratch.is_mapped(torch.from_numpy(pixels)[29:].numpy())
    assert not scratch.is_mapped(scratch.empty((30, 20, 3), 1800))
    assert not scratch.is_mapped(scratch.empty((30, 20, 3)))


def test_files_have_no_name_and_go_with_their_array(folder: Path) -> None:
    pixels = scratch.empty((30, 20, 3), 0)
    assert list(folder.iterdir()) == []
    assert str(folder) in Path("/proc/self/maps").read_text()
    del pixels
    assert str(folder) not in Path("/proc/self/maps").read_text()


@pytest.mark.usefixtures("folder")
def test_a_full_disk_is_no_error(monkeypatch: pytest.MonkeyPatch, logged: list[str]) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    pixels = scratch.empty((30, 20, 3), 0)
    assert not scratch.is_mapped(pixels)
    assert ["no room on the disk" in line for line in logged] == [True]


def test_without_its_folder_a_file_is_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    monkeypatch.setattr(scratch, "ON_DISK", str(tmp_path / "none, too"))
    assert scratch.is_mapped(scratch.empty((30, 20, 3), 0))


@pytest.mark.parametrize("turned", range(1, 9))
@pytest.mark.parametrize("format", ["jpg", "png"])
@pytest.mark.usefixtures("folder")
def test_a_photo_is_the_same_in_a_file(format: str, turned: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylize.images.pixels.BAND_PIXELS", 4000)
    monkeypatch.setattr("stylize.images.loading.orientation", lambda _: turned)
    data = encode(picture(1, 120, 90), format, 95)
    expected, found = decode(data), decode(data, most_in_memory=100)
    assert scratch.is_mapped(found.pixels)
    assert not scratch.is_mapped(expected.pixels)
    assert np.array_equal(found.pixels, expected.pixels)


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.usefixtures("folder")
def test_a_picture_that_is_decoded_twice_is_so_in_files(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As what a decoder makes of pixels that a JPEG lacks.
    data = saved(Image.new("RGB", (240, 180), (128, 128, 128)), format)
    if format == "PNG":
        data = data[:-12] + png_chunk(b"gAMA", b"x") + data[-12:]
    made, core = [], mapped._core

    def noted(*given: Any) -> Any:
        made.append(given[1])
        return core(*given)

    monkeypatch.setattr("stylize.images.loading.BAND_PIXELS", 1000)
    monkeypatch.setattr(mapped, "_core", noted)
    assert (decode(data, most_in_memory=100).pixels == 128).all()
    assert made == [(240, 180)] * 2


@pytest.mark.usefixtures("folder")
def test_a_tiff_is_not_turned_as_it_is_loaded() -> None:
    data = saved(Image.fromarray(picture(1, 120, 90)), "TIFF", tiffinfo={274: 6})
    loaded = load(data, Wish(None, 120 * 90, "refuse", most_in_memory=100))
    assert (loaded.image.size, loaded.orientation) == ((120, 90), 6)
    decoded = decode(data, most_in_memory=100)
    assert scratch.is_mapped(decoded.pixels)
    assert np.array_equal(decoded.pixels, np.rot90(picture(1, 120, 90), -1))


@pytest.mark.parametrize("side", [None, 20])
@pytest.mark.usefixtures("folder")
def test_of_a_jpeg_in_other_colours_no_copy_is_in_memory(side: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(Image.fromarray(picture(1, 240, 180)), "JPEG", icc_profile=red_and_blue_swapped())
    expected = decode(data, long_side_px=side, whole=True)
    monkeypatch.setattr("stylize.images.pixels.BAND_PIXELS", 4000)
    copied, fromarray = [], Image.fromarray

    def noting(pixels: scratch.Bytes) -> Image.Image:
        copied.append(pixels.shape[0] * pixels.shape[1])
        return fromarray(pixels)

    monkeypatch.setattr(Image, "fromarray", noting)
    found = decode(data, long_side_px=side, whole=True, most_in_memory=100)
    assert np.array_equal(found.pixels, expected.pixels)
    assert sum(copied) == 240 * 180
    assert max(copied) <= 4000


@pytest.mark.parametrize("format", ["jpg", "png", "webp"])
@pytest.mark.parametrize("quality", [60, 95])
@pytest.mark.parametrize("opaque", [True, False])
@pytest.mark.usefixtures("folder")
def test_a_result_in_a_file_is_encoded_to_the_same_bytes(
    format: str, quality: int, opaque: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylize.images.mapped.BAND_PIXELS", 1000)
    values = picture(2, 130, 333)
    pixels = scratch.empty(values.shape, 0)
    pixels[:] = values
    how: dict[str, Any] = {
        "carried": Carried(dpi=(72.0, 72.0), alpha=None if opaque else values[..., 0].copy()),
        "made_by": MadeBy("stylize", "{}"),
    }
    assert encode(pixels, format, quality, **how) == encode(values, format, quality, **how)


@pytest.mark.parametrize("format", ["jpg", "png"])
@pytest.mark.usefixtures("folder")
def test_while_a_result_is_encoded_no_copy_of_it_is_in_memory(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "_WRITTEN_BYTES", 2**15)
    pixels = scratch.empty((500, 400, 3), 0)
    pixels[:] = np.random.default_rng(0).integers(0, 256, pixels.shape)
    let_go, to_image, saved = scratch.let_go, mapped.to_image, []

    def noting(part: scratch.Bytes) -> None:
        saved.append(part.shape)
        let_go(part)

    def taken(*given: Any) -> tuple[Image.Image, Any]:
        image, file = to_image(*given)
        # Pillow's word for pixels that are the caller's own.
        assert image.readonly
        assert scratch.is_mapped(file._pixels)
        return image, file

    monkeypatch.setattr(mapped, "to_image", taken)
    monkeypatch.setattr(scratch, "let_go", noting)
    assert len(encode(pixels, format, 95)) > 2**18
    # The first time as it is filled.
    assert saved.count((500, 400, 4)) >= 4


def in_mode(mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(picture(3, 130, 91)[..., 0].astype(np.uint16) * 257)
    colours = Image.fromarray(picture(3, 130, 91))
    image = colours.convert(mode)
    if "A" in mode:
        image.putalpha(colours.getchannel("G"))
    return image


FILES: list[tuple[str, str, dict[str, Any]]] = [
    *(("PNG", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
    ("PNG", "P", {"transparency": 3}), ("PNG", "RGB", {"transparency": (0, 0, 0)}),
    *(("TIFF", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16")),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}), ("TIFF", "RGBA", {"compression": "tiff_deflate"}),
    ("TIFF", "RGB", {"compression": "jpeg"}), ("TIFF", "RGB", {"tiffinfo": {274: 6}}),
    ("TIFF", "L", {"compression": "tiff_lzw", "tiffinfo": {274: 8}}),
    ("WEBP", "RGB", {}), ("WEBP", "RGBA", {"lossless": True}), ("JPEG", "CMYK", {}), ("JPEG", "L", {}),
    ("GIF", "P", {}), ("BMP", "RGB", {}), ("JPEG2000", "RGB", {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "mode", "options"), FILES)
@pytest.mark.usefixtures("folder")
def test_what_pillow_decodes_is_the_same_in_a_file(
    kind: str, mode: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylize.images.pixels.BAND_PIXELS", 2000)
    file = io.BytesIO()
    in_mode(mode).save(file, kind, **options)
    cores: list[str] = []
    if mode in mapped._BYTES and kind in mapped._KINDS:
        core = mapped._core

        def noted(*given: Any) -> Any:
            cores.append(given[2])
            return core(*given)

        monkeypatch.setattr(mapped, "_core", noted)
    for data in (file.getvalue(), file.getvalue()[: len(file.getvalue()) * 2 // 3]):
        how: dict[str, Any] = {"alpha": True, "truncated": "accept"}
        try:
            expected = decode(data, **how)
        except CorruptImageError as error:
            with pytest.raises(CorruptImageError, match=re.escape(str(error))):
                decode(data, most_in_memory=100, **how)
            continue
        found = decode(data, most_in_memory=100, **how)
        assert scratch.is_mapped(found.pixels)
        assert np.array_equal(found.pixels, expected.pixels)
        assert found.truncated == expected.truncated
        assert found.carried is not None
        assert expected.carried is not None
        alpha = expected.carried.alpha
        assert (found.carried.alpha is None) == (alpha is None)
        assert alpha is None or np.array_equal(np.asarray(found.carried.alpha), alpha)
    assert mode in cores or mode not in mapped._BYTES or kind not in mapped._KINDS
