"""OUTs of somebody who means harm: each case takes a plain OUT and changes it."""

from __future__ import annotations

import functools
import itertools
import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from stylize import images
from stylize.results.schema import SCHEMA, Row
from tests.support.made_rows import row, written
from tests.support.samples import picture

EVIL = (
    "x\x1b]0;owned\x07\x1b[31m\n\r\x9b2J\u202e\u2066|`<img src=x onerror=y>![a](http://evil/b)$\\frac{$[red]{{7*7}}%s"
)
HUGE = "h" * 120_000
ROWS = 6
"""How many rows the plain OUT has."""
SECRET_PX = (123, 45)
"""The size of the picture outside of OUT, whose like no report may show."""

SAME = object()
"""In place of a row's value: the plain OUT's."""

Case = Callable[[Path], None]


@functools.cache
def _jpeg(seed: int, *size_px: int) -> bytes:
    return images.encode(picture(seed, *size_px), "jpg", 90)


def plain(out: Path) -> Path:
    """Six rows of `identity` with their pictures, a record and a sweep; the photo lies beside OUT, as secrets do."""
    beside = out.parent
    beside.mkdir(parents=True, exist_ok=True)
    data = _jpeg(1)
    (beside / "photo.jpg").write_bytes(data)
    (beside / "secret.jpg").write_bytes(_jpeg(2, *SECRET_PX))
    (beside / "kept.txt").write_text("kept")
    settings = json.dumps({"stylizer": "identity", "precision": "fp32", "settings": {}, "format": "jpg"})
    made = []
    for number in range(ROWS):
        result = out / "images" / f"{number}.jpg"
        result.parent.mkdir(parents=True, exist_ok=True)
        result.write_bytes(data)
        uris = {"content_uri": str(beside / "photo.jpg"), "style_uri": str(beside / "photo.jpg")}
        made.append(row(number, **uris, output_uri=str(result), stylizer="identity", settings_json=settings,
                        content_type=f"day{number}"))  # fmt: skip
    config = {"content": str(beside), "styles": str(beside), "out": str(out), "stylizer": "identity"}
    written(out, made, run_id="r", config=config, counts={"ok": ROWS})
    (out / "sweep.yaml").write_text(yaml.safe_dump({"title": "t", "methods": [{"name": "identity"}]}))
    return out


def rows(**changes: Any) -> Case:
    """Return a case in which every row says so; a function of OUT gives the value. The first row stays `ok`."""

    def change(out: Path) -> None:
        (part,) = (out / "rows").glob("*.parquet")
        told: Row = {name: value(out) if callable(value) else value for name, value in changes.items()}
        table = pa.Table.from_pylist([one | told for one in pq.read_table(part).to_pylist()], schema=SCHEMA)
        pq.write_table(table, part)

    return change


def each_row(**changes: Sequence[Any]) -> Case:
    """Return a case in which each row says another thing; a function of OUT gives the value, `SAME` leaves it."""

    def change(out: Path) -> None:
        (part,) = (out / "rows").glob("*.parquet")
        told = pq.read_table(part).to_pylist()
        for name, values in changes.items():
            for one, value in zip(told, values, strict=True):
                one[name] = one[name] if value is SAME else value(out) if callable(value) else value
        pq.write_table(pa.Table.from_pylist(told, schema=SCHEMA), part)

    return change


def record(**changes: Any) -> Case:
    """Return a case in which run.json says so."""

    def change(out: Path) -> None:
        told = json.loads((out / "run.json").read_text())
        (out / "run.json").write_text(json.dumps(told | changes))

    return change


def config(**changes: Any) -> Case:
    """Return a case in which the settings in run.json say so."""

    def change(out: Path) -> None:
        told = json.loads((out / "run.json").read_text())
        record(config=told["config"] | changes)(out)

    return change


def text_of(name: str, text: str | bytes) -> Case:
    """Return a case in which a file of OUT holds this."""

    def change(out: Path) -> None:
        (out / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    return change


def replaced(name: str, make: Callable[[Path], object]) -> Case:
    """Return a case in which something else stands in a file's or folder's place."""

    def change(out: Path) -> None:
        place = next(out.glob(name))
        place.rename(out.parent / "moved")
        make(place)

    return change


def both(*cases: Case) -> Case:
    """Return a case of several."""

    def change(out: Path) -> None:
        for case in cases:
            case(out)

    return change


def mixed(out: Path) -> None:
    """Give each row's numbers another odd value."""
    (part,) = (out / "rows").glob("*.parquet")
    values = itertools.cycle((float("nan"), float("inf"), -1.0, 1e308, 0.0, None, 0.5))
    odd = [one | {name: next(values) for name in _FLOATS} for one in pq.read_table(part).to_pylist()]
    pq.write_table(pa.Table.from_pylist(odd, schema=SCHEMA), part)


def _photo(out: Path, parts: int) -> str:
    return f"{out.parent}/{'./' * parts}photo.jpg"


_TEXTS = [field.name for field in SCHEMA if field.type == pa.string()]
_FREE = [name for name in _TEXTS if name not in ("task_id", "settings_json", "style_uris", "style_weights", "status")]
_FLOATS = [field.name for field in SCHEMA if field.type == pa.float64()]
_INTS = [field.name for field in SCHEMA if field.type == pa.int64()]
# Together where none keeps a command from what another would do to it.
_TELLING = (("variant", "device_name", "output_uri"), ("backbone", "precision"), ("stylizer",), ("status",))
_SETTINGS = (
    "", "{", "[]", "7", '"text"', "null", "NaN", '{"stylizer": NaN}', '{"settings": []}',
    '{"stylizer_settings": {"alpha": NaN}}', '{"precision": "fp99"}', '{"seed": -1}',
    '{"format": "../x"}', '{"resolution_px": 1e99}', "[" * 5000, '{"a": "' + HUGE + '"}',
    json.dumps({EVIL: EVIL, "stylizer_settings": {EVIL: EVIL}}), '{"\\ud800": "\\udfff"}',
)  # fmt: skip
_OWN = {"stylizer": "evil_module:Method", "settings": {}}

CASES: dict[str, Case] = {
    **{f"{' and '.join(names)} that steers a terminal": rows(**dict.fromkeys(names, EVIL)) for names in _TELLING},
    "texts that steer a terminal": rows(**dict.fromkeys(_FREE, EVIL)),
    "a failure that steers a terminal": rows(status="failed", error=EVIL),
    "huge texts": rows(**dict.fromkeys(_FREE, HUGE)),
    "empty texts": rows(**dict.fromkeys(_FREE, "")),
    "no texts": rows(**dict.fromkeys(_FREE, None)),
    **{f"floats of {value}": rows(**dict.fromkeys(_FLOATS, value))
       for value in (float("nan"), float("inf"), float("-inf"), -1.0, 0.0, 1e308, 5e-324)},
    **{f"integers of {value}": rows(**dict.fromkeys(_INTS, value)) for value in (-(2**63), -1, 0, 2**63 - 1)},
    "numbers of every kind": mixed,
    "no numbers": rows(**dict.fromkeys([*_FLOATS, *_INTS], None)),
    **{f"settings_json {texts[0][:30]} and others": each_row(settings_json=texts)
       for texts in (_SETTINGS[first : first + ROWS] for first in range(0, len(_SETTINGS), ROWS))},
    "modules and others": each_row(
        settings_json=[json.dumps(_OWN), "{}", json.dumps(_OWN), *[SAME] * 3],
        stylizer=[SAME, "evil_module:Method", "evil_module:Method", *[SAME] * 3],
    ),
    "a mix that is no list": rows(style_uris="{}"),
    "photos of stores, other schemes, mixes and others": each_row(
        content_uri=["s3://evil/p.jpg", "https://evil/p.jpg", "\0", SAME, SAME, SAME],
        style_uri=["gs://evil/a.jpg", "file://evil/a.jpg", "\0", SAME, SAME, SAME],
        style_uris=[None, None, None, "[]", json.dumps([EVIL, "s3://evil/x"]), SAME],
        style_weights=[None, None, None, "[]", "[NaN, 1e999]", SAME],
    ),
    "pictures outside and others": both(
        # Of photos that are called otherwise, as each has a line of pictures.
        each_row(
            content_uri=[partial(_photo, parts=number) for number in range(ROWS)],
            output_uri=[
                lambda out: str(out.parent / "secret.jpg"), lambda out: f"{out}/images/../../secret.jpg",
                lambda out: f"/images/{out.parent}/secret.jpg", lambda out: f"{out}/images/link.jpg",
                "s3://evil/images/x.jpg", "/images/\0",
            ],
        ),
        lambda out: (out / "images" / "link.jpg").symlink_to(out.parent / "secret.jpg"),
    ),
    "images that are a link": replaced("images", lambda place: place.symlink_to(place.parent.parent)),
    "a summary that is a link": lambda out: (out / "summary.md").symlink_to(out.parent / "kept.txt"),
    "a picture that is a pipe": replaced("images/0.jpg", os.mkfifo),
    "rows that are a file": replaced("rows", lambda place: place.write_text("rows")),
    "a part that is a folder": replaced("rows/*.parquet", Path.mkdir),
    "a part that is a pipe": replaced("rows/*.parquet", os.mkfifo),
    "a part that is empty": replaced("rows/*.parquet", Path.touch),
    "a part that is text": replaced("rows/*.parquet", lambda place: place.write_text("a,b\n1,2\n")),
    **{f"run.json {text[:30]!r}": text_of("run.json", text)
       for text in ("", "{", "[]", "7", "null", "NaN", "[" * 5000, '{"run_id": 7}', '{"run_id": null}',
                    '{"earlier_runs": {"a": 1}}', '{"earlier_runs": [[]]}', '{"counts": {"ok": 1e99}}', b"\xff\xfe")},
    "run.json that is a folder": replaced("run.json", Path.mkdir),
    "run.json that is a pipe": replaced("run.json", os.mkfifo),
    "run.json without end": replaced("run.json", lambda place: place.symlink_to("/dev/zero")),
    "a record that steers a terminal": record(
        title=EVIL, command=EVIL, started_at=EVIL, git_commit=EVIL, run_id=EVIL, notes=[EVIL], claims=True,
        counts={EVIL: 1}, variants={EVIL: {EVIL: EVIL}}, left_out={EVIL: [{EVIL: EVIL}]},
        environment={"cpu_model": EVIL, "os": EVIL, "python": EVIL, "versions": {EVIL: EVIL}, "gpus": [{EVIL: EVIL}]},
    ),
    "a record with lone surrogates": record(title="\ud800", command="\udfff", environment={"os": "\ud800"}),
    "a huge record": record(title=HUGE, command=HUGE),
    "a record with a module": config(stylizer="evil_module:Method"),
    "a record with weights outside": config(weights="/etc/passwd", perceptual="s3://evil/vgg.pth"),
    "a record with a cluster": config(address="evil:6379"),
    "a record of numbers": config(content=7, shard=[1], weights={}),
    "a record of odd settings": config(quality=float("nan"), timeout_s=float("inf"), seed=10**400, format=EVIL),
    "a record with another shard": config(shard="1/3" + EVIL),
    "a sweep with a module": text_of("sweep.yaml", "title: t\nmethods: [{name: 'evil_module:Method'}]\n"),
    "a sweep with a store": text_of("sweep.yaml", "title: t\nmethods: [{name: identity}]\ncontent: s3://evil/x\n"),
}  # fmt: skip
