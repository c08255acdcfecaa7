"""The example of docs/edge.md runs without torch, in little memory, and gives torch's picture."""

from __future__ import annotations

import re
import runpy
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import stylize
from stylize.commands import export
from stylize.gallery import styles_folder
from tests.support.image_files import saved

pytest.importorskip("onnxruntime", reason="pip install 'stylize[onnx]'")
pytest.importorskip("onnx", reason="pip install 'stylize[onnx]'")

PAGE = Path(stylize.__file__).parents[1] / "docs" / "edge.md"
MOST_BYTES = 300_000_000
RUN = """
import builtins, pathlib, re, runpy, sys
plain = builtins.__import__
def without(name, *rest, **named):
    if name.partition(".")[0] in ("torch", "stylize", "jobs", "torchvision"):
        raise ImportError(f"{name} is not here")
    return plain(name, *rest, **named)
builtins.__import__ = without
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
print(1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]))
"""


def _of_size(png: bytes, px: int) -> bytes:
    """A PNG file whose header tells of another width and height."""
    header = b"IHDR" + struct.pack(">II", px, px) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


def ended(call: Callable[..., object], *words: str, **more: str) -> str:
    """The line that a call of the program ends with."""
    with pytest.raises(SystemExit) as end:
        call(*words, **more)
    assert "\n" not in str(end.value.code)
    return str(end.value.code)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_the_example_runs_without_torch_in_300_mb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "SIZES", ((96, 128),))
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert program.count("\n") < 60
    (tmp_path / "edge.py").write_text(program, encoding="utf-8")
    assert export.main(["compact", str(tmp_path / "compact.onnx"), "--precision", "fp16"]) == 0
    photo, artwork = sorted(styles_folder().rglob("*.jpg"))[:2]
    Image.open(photo).convert("RGB").resize((512, 384)).save(tmp_path / "photo.png")
    Image.open(artwork).convert("RGB").resize((512, 512)).save(tmp_path / "artwork.png")
    paths = [str(tmp_path / name) for name in ("edge.py", "photo.png", "artwork.png", "result.png")]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *paths], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < MOST_BYTES
    restyle = stylize.load("compact", precision="fp32", runtime="torch", device="cpu")
    wanted = restyle(*(Image.open(path) for path in paths[1:3]))
    assert np.abs(np.asarray(wanted, int) - np.asarray(Image.open(paths[3]), int)).max() <= 3
    made = np.asarray(Image.open(paths[3]))
    deep, words = made[..., 0].astype(np.uint16), PngInfo()
    words.add_text("comment", "x" * 2**21, zip=True)
    refused = {
        "deep.png": (saved(Image.fromarray(deep), "PNG"), "more than 8 bits per colour; convert it to 8 first"),
        "cut.jpg": (saved(Image.fromarray(made), "JPEG")[:-999], "cannot be read: image file is truncated"),
        "planes.tif": (saved(Image.fromarray(made), "TIFF"), "cannot be read: cannot identify image file"),
        "text.jpg": (b"no image", "cannot be read: cannot identify image file"),
        "vast.png": (_of_size(saved(Image.fromarray(made), "PNG"), 60_000), "cannot be read: Image size (3600000000"),
        "wordy.png": (
            saved(Image.fromarray(made), "PNG", pnginfo=words),
            "cannot be read: Decompressed data too large",
        ),
        "missing.jpg": (None, "cannot be read: No such file or directory"),
    }
    main = runpy.run_path(paths[0])["main"]
    for name, (data, line) in refused.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
        bad = str(tmp_path / name)
        assert ended(main, bad, *paths[2:]).startswith(f"{bad}: {line}")
    for name, line in {"result": "unknown file extension: ", "no/result.png": "[Errno 2]"}.items():
        bad = str(tmp_path / name)
        assert ended(main, *paths[1:3], bad).startswith(f"{bad}: cannot be written: {line}")
    monkeypatch.setattr(sys, "argv", paths[:2])
    usage = ended(runpy.run_path, paths[0], run_name="__main__")
    assert usage.partition(":")[0] == "python edge.py PHOTO ARTWORK RESULT.jpg"
    assert (np.asarray(Image.open(paths[3])) == made).all()
