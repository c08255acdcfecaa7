"""A folder of what people's folders hold, one run over it."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import ExifTags, Image

from jobs.stylize_folder import main
from tests.support.main_job import by_name, call, job, plain, rows, stamps, without_root

RED, BLUE = (255, 0, 0), (0, 0, 255)
CORRUPT = {"zero.jpg", "cut.jpg", "text.jpg", "locked.png"}
UNSUPPORTED = {"bomb.png"}
TRANSPARENT = {"palette.png", "rgba.png"}
ODD_NAMES = ["with space.png", "q'uo\"te.png", "new\nline.png", "кошка 猫.png", "100%20.png", "-dash.png"]


def fill(folder: Path) -> None:
    """One of each."""
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    (folder / "zero.jpg").touch()
    Image.fromarray(noise).save(folder / "whole.jpg")
    data = (folder / "whole.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(data[: len(data) // 2])
    (folder / "text.jpg").write_text("not an image\n" * 20)
    Image.new("CMYK", (64, 48), (0, 255, 255, 0)).save(folder / "cmyk.jpg")
    Image.fromarray(np.full((48, 64), 40_000, np.uint16)).save(folder / "deep.png")
    palette = Image.new("P", (64, 48), 1)
    palette.putpalette([255, 0, 0, 0, 255, 0])
    palette.save(folder / "palette.png", transparency=1)
    Image.new("RGBA", (64, 48), (255, 0, 0, 0)).save(folder / "rgba.png")
    Image.new("L", (64, 48), 77).save(folder / "grey.png")
    frames = [Image.new("RGB", (64, 48), colour) for colour in (RED, BLUE)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    for turn in range(1, 9):
        upright = Image.new("RGB", (64, 48), BLUE)
        upright.paste(RED, (0, 0, 32, 24))
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = turn
        _turned(upright, turn).save(folder / f"turned{turn}.png", exif=exif)
    plain(folder / "dot.png", RED, (1, 1))
    plain(folder / "long.png", RED, (20_000, 1))
    (folder / "bomb.png").write_bytes(_bomb(60_000))
    for name in ODD_NAMES:
        plain(folder / name, BLUE)
    for name in ("same.png", "same.bmp"):
        plain(folder / name, RED)
    plain(Path(os.fsdecode(os.fsencode(folder) + b"/latin-\xe9.png")), BLUE)
    plain(folder / "locked.png", BLUE)
    (folder / "locked.png").chmod(0)
    (folder / "folder.jpg").mkdir()
    (folder / "dangling.png").symlink_to("nowhere.png")


def _turned(upright: Image.Image, turn: int) -> Image.Image:
    """As a camera that notes `turn` stores it."""
    how = Image.Transpose
    inverse = {
        2: how.FLIP_LEFT_RIGHT, 3: how.ROTATE_180, 4: how.FLIP_TOP_BOTTOM, 5: how.TRANSPOSE,
        6: how.ROTATE_90, 7: how.TRANSVERSE, 8: how.ROTATE_270,
    }  # fmt: skip
    return upright.transpose(inverse[turn]) if turn in inverse else upright


def _bomb(side: int) -> bytes:
    """A PNG whose header claims side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))


@pytest.fixture(scope="module")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The folder of everything and what came of it."""
    prefix = without_root()
    if prefix is None:
        pytest.skip("root reads everything here: neither another user nor setpriv at hand")
    root = tmp_path_factory.mktemp("awkward")
    fill(root / "content")
    plain(root / "styles" / "good.png", (9, 9, 9))
    (root / "styles" / "broken.png").write_bytes(b"no artwork")
    (root / "styles" / "layers.psd").write_bytes(b"8BPS")
    return root, job(*_words(root), prefix=prefix, worker_here=True)


def _words(root: Path) -> tuple[Any, ...]:
    return (root / "content", root / "styles", root / "out", "--stylizer", "identity", "--format", "png")


def _rows(root: Path, style: str) -> dict[str, dict[str, Any]]:
    frame = rows(root / "out")
    return by_name(frame[frame["style_uri"].str.endswith(style)])


def test_each_photo_gets_its_image_or_its_reason(awkward: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    root, done = awkward
    assert done.returncode == 3, done.stderr
    assert done.stderr == ""
    found = _rows(root, "good.png")
    photos = sum(path.is_file() or path.is_symlink() for path in (root / "content").iterdir())
    assert len(found) == photos
    wrong = {name: row["status"] for name, row in found.items() if row["status"] != "ok"}
    assert wrong == dict.fromkeys([*CORRUPT, "dangling.png"], "corrupt") | dict.fromkeys(UNSUPPORTED, "unsupported")
    for name, row in found.items():
        if row["status"] == "ok":
            with Image.open(row["output_uri"]) as image:
                assert image.size == (row["width_px"], row["height_px"])
                assert image.mode == ("RGBA" if name in TRANSPARENT else "RGB")  # what the photo had of alpha stays
        else:
            assert pd.isna(row["output_uri"])
            assert len(row["error"].splitlines()) == 1
    assert done.stdout.splitlines()[-3:] == [
        f"{len(found) - 6} ok, {len(found) + 6} not ok", f"  corrupt: {len(found) + 5}", "  unsupported: 1",
    ]  # fmt: skip


def test_a_broken_artwork_costs_its_own_pairs_and_is_named(
    awkward: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    found = _rows(awkward[0], "broken.png")
    assert {row["status"] for row in found.values()} == {"corrupt"}
    assert found["dot.png"]["error"] == "style: not an image that can be read"


def test_what_is_passed_over_is_told_and_recorded(awkward: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    root, done = awkward
    assert "STYLES: 1 skipped: 1 .psd (PSD is not read)\n" in done.stdout
    record = json.loads((root / "out" / "run.json").read_text())
    assert record["left_out"] == {"styles": [{"what": ".psd", "reason": "PSD is not read", "number": 1}]}


def test_odd_names_keep_their_rows_and_their_images_apart(
    awkward: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    root, _ = awkward
    found = _rows(root, "good.png")
    assert set(ODD_NAMES) <= set(found)
    outputs = [row["output_uri"] for row in found.values() if row["status"] == "ok"]
    assert len(set(outputs)) == len(outputs) == len(stamps(root / "out"))


@pytest.mark.parametrize(
    ("name", "pixel"),
    [
        ("cmyk.jpg", RED), ("deep.png", (156, 156, 156)), ("palette.png", (255, 255, 255)),
        ("rgba.png", (255, 255, 255)), ("grey.png", (77, 77, 77)), ("moving.gif", RED), ("long.png", RED),
        *((f"turned{turn}.png", RED) for turn in range(1, 9)),
    ],
)  # fmt: skip
def test_colours_and_turns_come_out_right(
    name: str, pixel: tuple[int, int, int], awkward: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    with Image.open(_rows(awkward[0], "good.png")[name]["output_uri"]) as image:
        seen = np.array(image)[..., :3]
    assert np.abs(seen[0, 0].astype(int) - pixel).max() <= 2
    if name.startswith("turned"):
        assert seen.shape == (48, 64, 3)
        assert tuple(seen[-1, -1]) == tuple(seen[0, -1]) == tuple(seen[-1, 0]) == BLUE


@pytest.mark.usefixtures("worker_here")
def test_retry_failed_puts_the_newer_outcome_in_the_older_ones_place(
    awkward: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    root, _ = awkward
    before, images = rows(root / "out"), stamps(root / "out")
    (root / "content" / "locked.png").chmod(0o644)
    done = call(main, *_words(root), "--retry-failed")
    assert done.returncode == 3, done.stderr
    after = rows(root / "out")
    assert set(after["task_id"]) == set(before["task_id"])
    assert _rows(root, "good.png")["locked.png"]["status"] == "ok"
    assert _rows(root, "broken.png")["locked.png"]["status"] == "corrupt"
    assert images.items() <= stamps(root / "out").items()
    assert len(stamps(root / "out")) == len(images) + 1
