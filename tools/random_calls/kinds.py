"""The kinds of random input, and the calls that each goes to."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import torch
import yaml
from hypothesis import strategies as st

from jobs import benchmark, replay, score, stylize_folder, summarize
from stylize import __main__ as one_image
from stylize import images, weights
from stylize.config import JobConfig
from stylize.errors import ImageError, WeightsError
from stylize.images.encode import FORMATS
from stylize.images.loading import Truncated
from stylize.tasks.sweep import Method, Sweep
from tools.random_calls import inputs
from tools.random_calls.calling import check_line, command
from tools.random_calls.inputs import PATHS, Place, Strategy, changed, damaged, mapping

MAX_PIXELS = 1_000_000
COMMANDS = {
    "stylize_folder": stylize_folder.main, "benchmark": benchmark.main, "summarize": summarize.main,
    "replay": replay.main, "score": score.main, "stylize": one_image.main,
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """`inputs` are given to `call` one by one; `share` of all calls are of this kind."""

    inputs: Strategy
    call: Callable[[Place, Any], None]
    share: float


def kinds(place: Place) -> dict[str, Kind]:
    """Return all kinds by name."""
    record = (place.folder / "out" / "run.json").read_bytes()
    (part,) = (place.folder / "out" / "rows").rglob("*.parquet")
    pictures, sweep = damaged(inputs.whole_images()), {"title": "t", "methods": [{"name": "identity"}], "repeats": 1}
    cells = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 5), inputs.SCALARS), min_size=1, max_size=4)
    known = list(Sweep.model_fields)
    sweeps = mapping(known).map(lambda drawn: sweep | drawn) | mapping(list(Method.model_fields)).map(
        lambda drawn: sweep | {"methods": [drawn]}
    )
    return {
        "images": Kind(
            st.tuples(pictures, st.sampled_from(get_args(Truncated)), st.sampled_from(FORMATS)), _decode, 0.3
        ),
        "one-image": Kind(pictures, _one_image, 0.05),
        "weights": Kind(damaged(inputs.whole_weights()), _weights, 0.3),
        "configs": Kind(mapping(list(JobConfig.model_fields)) | damaged(inputs.WHOLE_YAML), _config, 0.09),
        "sweeps": Kind(sweeps | damaged(inputs.WHOLE_YAML), _sweep, 0.04),
        "words": Kind(st.tuples(st.sampled_from(sorted(COMMANDS)), inputs.WORDS), _words, 0.1),
        "manifests": Kind(inputs.tables() | damaged(inputs.whole_manifests()), _manifest, 0.08),
        "records": Kind(
            changed(json.loads(record)).map(lambda value: json.dumps(value).encode())
            | damaged({"run": record}).map(lambda drawn: drawn[1]),
            _record,
            0.02,
        ),
        "rows": Kind(cells | damaged({"part": part.read_bytes()}), _rows, 0.02),
    }


def _decode(place: Place, given: tuple[tuple[str, bytes], Truncated, str]) -> None:
    (_, data), truncated, format = given
    try:
        found = images.decode(data, max_pixels=MAX_PIXELS, truncated=truncated, metadata=True, alpha=True)
    except ImageError as error:
        check_line(error)
    else:
        images.decode(images.encode(found.pixels, format, 90, carried=found.carried))


def _one_image(place: Place, given: tuple[str, bytes]) -> None:
    name, data = given
    path = place.folder / f"photo.{name}"
    path.write_bytes(data)
    words = (path, place.at("styles", "s.png"), place.at("result.png"), "--stylizer", "identity", "--force")
    command(one_image.main, *words)


def _weights(place: Place, given: tuple[str, bytes]) -> None:
    name, data = given
    net = inputs.net()
    try:
        weights.fill(net, weights.parse(data, Path(name), "weights"), "weights")
        with torch.inference_mode():
            assert torch.isfinite(net.state_dict()["0.weight"]).all()
    except WeightsError as error:
        check_line(error)


def _config(place: Place, given: dict[str, Any] | tuple[str, bytes]) -> None:
    path = _written(place, "config.yaml", given)
    words = (place.at("content"), place.at("styles"), place.at("new"), "--config", path, "--dry-run")
    command(stylize_folder.main, *words)


def _sweep(place: Place, given: dict[str, Any] | tuple[str, bytes]) -> None:
    command(benchmark.main, _written(place, "sweep.yaml", given), place.at("new"), "--dry-run")


def _written(place: Place, name: str, given: dict[str, Any] | tuple[str, bytes]) -> Path:
    path = place.folder / name
    if isinstance(given, tuple):
        path.write_bytes(given[1])
    else:
        paths = {name: place.at(value) for name, value in given.items() if name in PATHS and isinstance(value, str)}
        path.write_text(yaml.safe_dump(given | paths, allow_unicode=True), encoding="utf-8", errors="surrogatepass")
    return path


def _words(place: Place, given: tuple[str, list[str]]) -> None:
    name, words = given
    more = ["--dry-run"] if name in ("stylize_folder", "benchmark") else []
    with contextlib.chdir(place.folder):
        command(COMMANDS[name], *words, *more)


def _manifest(place: Place, given: tuple[str, bytes]) -> None:
    suffix, data = given
    path = place.folder / f"manifest.{suffix}"
    path.write_bytes(data)
    command(stylize_folder.main, place.at("new"), "--manifest", path, "--stylizer", "identity", "--dry-run")


def _record(place: Place, given: bytes) -> None:
    out = place.fresh_out()
    (out / "run.json").write_bytes(given)
    read_all(place, out)


def _rows(place: Place, given: Any) -> None:
    out = place.fresh_out()
    (part,) = (out / "rows").rglob("*.parquet")
    if isinstance(given, tuple):
        part.write_bytes(given[1])
    else:
        table = pd.read_parquet(part).astype(object)
        for column, row, value in given:
            if value is None:
                table = table.drop(columns=table.columns[column % len(table.columns)])
            else:
                table.iat[row % len(table), column % len(table.columns)] = value
        try:
            table.to_parquet(part)
        except Exception:  # kinds of values in one column that no Parquet file holds
            return
    read_all(place, out)


def read_all(place: Place, out: Path) -> list[int]:
    """Call all that read a run; return their exit statuses."""
    folders = (place.at("content"), place.at("styles"), out)
    return [
        command(stylize_folder.main, *folders, "--stylizer", "identity", "--dry-run"),
        command(stylize_folder.main, *folders, "--config", out / "run.json", "--dry-run"),
        command(replay.main, out, place.task_id),
        command(replay.main, out, place.task_id, "--trust-paths"),
        command(summarize.main, "--compare", place.at("out"), out),
        command(summarize.main, out, "--out", place.at("report"), "--trust-paths"),
    ]
