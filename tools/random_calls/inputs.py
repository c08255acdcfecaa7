"""Random inputs: whole files of every kind with some bytes changed, and made-up settings."""

from __future__ import annotations

import contextlib
import csv
import functools
import importlib
import io
import itertools
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from hypothesis import strategies as st
from PIL import Image, ImageCms
from torch import nn

import stylize
from stylize import config as configs
from stylize import images
from stylize.images.formats import FORMATS_READ
from stylize.pipeline.runner import Runner
from stylize.results.run_record import RunRecord
from stylize.results.store import RowStore
from stylize.tasks import pairing
from stylize.tasks.csv_rows import COLUMNS

Strategy = st.SearchStrategy[Any]


@dataclass(frozen=True)
class Place:
    """A folder with a photo, an artwork and the OUT of a run of them, of which copies are damaged."""

    folder: Path
    task_id: str

    def at(self, *parts: str) -> str:
        """Return the path of something in it."""
        return str(self.folder.joinpath(*parts))

    def fresh_out(self) -> Path:
        """Return a copy of the run's OUT."""
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.folder / "out", copy)
        return copy


FEWEST = 5
"""A comparison wants as many photos."""


def place(folder: Path) -> Place:
    """Make the folder of a `Place`."""
    photos = [f"content/day/{number}.png" for number in range(FEWEST)]
    for seed, name in enumerate((*photos, "content/b.jpg", "styles/s.png")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(images.encode(_picture(seed), path.suffix[1:], 95))
    values = {"content": str(folder / "content"), "styles": str(folder / "styles"), "out": str(folder / "out")}
    config = configs.build(values | {"stylizer": "identity"})
    runner = Runner(config, stylize.load("identity"), run_id="r", worker_id="w", token=None)
    tasks = list(pairing.tasks(pairing.pairs(config), config.result_settings(), None, config.format))
    with RowStore.open(folder / "out") as store:
        store.add(runner.run(tasks))
    RunRecord.begin("r", "command", config=config.model_dump(mode="json")).write(folder / "out")
    return Place(folder, tasks[0].task_id)


def damaged(whole: Mapping[str, bytes]) -> Strategy:
    """Return a strategy of names and bytes: one of these files, with up to six edits."""
    edit = st.tuples(
        st.floats(0, 1), st.sampled_from(("flip", "set", "size", "cut", "insert", "end")), st.binary(max_size=8)
    )

    def apply(drawn: tuple[str, list[tuple[float, str, bytes]]]) -> tuple[str, bytes]:
        name, edits = drawn
        data = bytearray(whole[name])
        for where, how, new in edits:
            _edit(data, int(where * max(0, len(data) - 1)), how, new)
        return name, bytes(data)

    return st.tuples(st.sampled_from(sorted(whole)), st.lists(edit, min_size=1, max_size=6)).map(apply)


def _edit(data: bytearray, at: int, how: str, new: bytes) -> None:
    if how == "flip" and data:
        data[at] ^= 1 << (len(new) % 8)
    elif how == "set":
        data[at : at + len(new)] = new
    elif how == "size":
        data[at : at + 4] = (b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\0\0\0\0", b"\0\1\0\0")[len(new) % 4]
    elif how == "cut":
        del data[at : at + 1 + len(new)]
    elif how == "insert":
        data[at:at] = new
    elif how == "end":
        del data[at:]


TEXTS = st.text(max_size=12) | st.sampled_from(
    ("", "none", "\x1b[31m", "a\nb", "../x", "NaN", "1e999", "\ud7ff", "=1+1")
)
SCALARS: Strategy = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES: Strategy = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)
PATHS = {
    name: st.sampled_from(("content", "styles", "out", "nowhere", "content/b.jpg", "a\0b", "x" * 300)) | st.none()
    for name in ("content", "styles", "out", "manifest", "weights", "perceptual", "config", "address")
}
"""Settings that are paths are paths here: a random one could name half the disk."""
GOOD: dict[str, Strategy] = {
    "stylizer": st.sampled_from(("identity", "compact", "gatys", "a:b", "x.py")),
    "precision": st.sampled_from(("auto", "fp32", "bf16", "int8")),
    "settings": st.dictionaries(st.sampled_from(("alpha", "folded", "iterations")), SCALARS, max_size=2),
}


def mapping(known: list[str]) -> Strategy:
    """Return a strategy of settings by name, known ones and others."""

    def value(name: str) -> Strategy:
        return PATHS[name] if name in PATHS else GOOD.get(name, VALUES) | VALUES

    item = (st.sampled_from(known) | TEXTS).flatmap(lambda name: st.tuples(st.just(name), value(name)))
    return st.lists(item, max_size=5).map(dict)


def changed(whole: Any) -> Strategy:
    """Return a strategy of such a value with some of what is in it, at any depth, replaced."""

    def apply(drawn: list[tuple[int, Any]]) -> Any:
        made = json.loads(json.dumps(whole))
        for number, value in drawn:
            holders = list(_holders(made))
            holder, key = holders[number % len(holders)]
            holder[key] = value
        return made

    return st.lists(st.tuples(st.integers(0, 10_000), VALUES), min_size=1, max_size=4).map(apply)


def _holders(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _holders(value[key])


def _picture(seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((64, 48)))


@functools.cache
def whole_images() -> dict[str, bytes]:
    """Return an image of every kind and mode that a writer is installed for, with EXIF and a profile where it can."""
    made, picture = {}, Image.fromarray(_picture(1))
    for writer in ("pillow_heif", "pillow_jxl"):
        with contextlib.suppress(ImportError):
            getattr(importlib.import_module(writer), "register_heif_opener", lambda: None)()
    carried = {"exif": _exif(), "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()}
    for kind, form in FORMATS_READ.items():
        called = {"JPEG XL": "JXL"}.get(kind, kind.replace(" ", ""))
        for mode, options in itertools.product(("RGB", "L", "RGBA", "P", "CMYK", "1"), ({}, carried)):
            data = io.BytesIO()
            with contextlib.suppress(KeyError, OSError, ValueError, SystemError, NotImplementedError):
                picture.convert(mode).save(data, called, **options)
                made[f"{mode}{len(options)}{form.suffixes[0]}"] = data.getvalue()
    return made


def _exif() -> bytes:
    exif = Image.Exif()
    exif[271], exif[274], exif[282] = "Maker", 6, 72.0
    exif[0x8769] = {0x829A: 0.008, 0x927C: b"AOC\0MM\0\1" + bytes(50), 0x9003: "2024:05:06 07:08:09"}
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 12.5)}
    return exif.tobytes()


def net() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(3, 2))


@functools.cache
def whole_weights() -> dict[str, bytes]:
    """Return weights files of every kind that is read."""
    from safetensors.torch import save

    state = net().state_dict()
    made = {"a.safetensors": save(state), "half.safetensors": save({k: v.half() for k, v in state.items()})}
    for name, content in {
        "a": state,
        "model": {"epoch": 3, "state_dict": state},
        "int": {"0.weight": torch.ones(2).int()},
    }.items():
        for legacy in (False, True):
            data = io.BytesIO()
            torch.save(content, data, _use_new_zipfile_serialization=not legacy)
            made[f"{name}{legacy}.pth"] = data.getvalue()
    return made


def whole_manifests() -> dict[str, bytes]:
    """Return lists of pairs as CSV and Parquet."""
    table = pd.DataFrame({"content_uri": ["content/b.jpg", "content/day/0.png"], "style_uri": ["styles/s.png"] * 2})
    data = io.BytesIO()
    table.to_parquet(data)
    return {"csv": table.to_csv(index=False).encode(), "parquet": data.getvalue()}


def _csv(rows: list[list[Any]]) -> tuple[str, bytes]:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return "csv", text.getvalue().encode(errors="surrogatepass")


CELLS = (
    st.sampled_from(("content/b.jpg", "styles/s.png", "nowhere.png", "content", "0.5", "[1]", '["styles/s.png"]'))
    | SCALARS
)


WORDS = st.lists(
    st.sampled_from(
        (
            "content", "content/b.jpg", "styles", "styles/s.png", "out", "new", "new.png", "nowhere", "x" * 300,
            "a/" * 3000, "", " ", ".", "/dev/null", "https://a/b", "s3://", "s3:///a", "file:///nowhere", "file://a/b",
            "quick", "0", "-1", "nan", "--help", "--out", "--set", "alpha=1", "=", "--stylizer", "identity", "x.py:Y",
            "--format", "webp", "--name", "{photo", "--include", "[", "--shard", "1/0", "--resolution-px", "64",
            "--weights", "--config", "--manifest", "--compare", "--pairing", "zip", "--trust-paths", "--force",
        )
    ),
    max_size=7,
)  # fmt: skip
"""Of a command line, in a folder that has some of them."""
WHOLE_YAML = {
    "config": b"quality: 90\nstylizer: identity\nsettings: {alpha: 0.5}\ninclude: ['*.png', 'a/**']\n",
    "sweep": b"title: t\nmethods:\n  - name: identity\n    settings: {}\nresolutions_px: [64, 128]\nrepeats: 2\n",
    "aliases": b"a: &a [x, x]\nb: &b [*a, *a]\nquality: *b\ntitle: *a\n",
    "deep": b"settings: " + b"[" * 2000,
    "tag": b"quality: !!python/object/apply:os.getcwd []\n",
}


def tables() -> Strategy:
    """Return a strategy of lists of pairs as CSV."""
    header = st.lists(st.sampled_from(COLUMNS) | TEXTS, min_size=1, max_size=5)
    rows = st.lists(st.lists(CELLS, max_size=5), max_size=3)
    return st.tuples(header, rows).map(lambda drawn: _csv([drawn[0], *drawn[1]]))
