"""What a run leaves behind: losses as Parquet, sample sheets, weights with their origin, and a model card."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from stylize import images
from stylize.errors import CannotContinueError, counted
from stylize.io.files import write_atomic
from stylize.stylizers.base import to_pixels
from stylize.training.config import TrainConfig

TERMS = tuple(name.removesuffix("_weight") for name in TrainConfig.model_fields if name.endswith("_weight"))
LOSSES = pa.schema(
    [
        pa.field("step", pa.int64(), metadata={"unit": "1", "meaning": "1 is the first"}),
        pa.field("loss", pa.float64(), metadata={"meaning": "weighted sum of the terms"}),
        *(pa.field(name, pa.float64(), metadata={"meaning": f"{name} term, unweighted"}) for name in TERMS),
        pa.field("learning_rate", pa.float64()),
        pa.field("images", pa.int64(), metadata={"unit": "1", "meaning": "photos in the step, over all workers"}),
        pa.field("step_s", pa.float64(), metadata={"unit": "s", "meaning": "on a GPU, means over some steps"}),
        pa.field("wait_s", pa.float64(), metadata={"unit": "s", "meaning": "of it, waiting for images"}),
    ]
)
_PART = re.compile(r"steps-(\d+)-\d+\.parquet")


class Losses:
    """`out/losses`: one row per step. Parts end at checkpoints, so that a resumed run repeats no row."""

    def __init__(self, out: Path, step: int) -> None:
        self._folder = out / "losses"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._rows: list[dict[str, float]] = []
        for path in self._folder.glob("*.parquet"):
            part = _PART.fullmatch(path.name)
            if part and int(part[1]) > step:
                path.unlink()

    def add(self, rows: list[dict[str, float]]) -> None:
        """Add one row per step; absent terms are null."""
        self._rows += rows

    def flush(self) -> None:
        """Write the rows since the last flush as one part."""
        if not self._rows:
            return
        table = pa.Table.from_pylist(self._rows, schema=LOSSES)
        name = f"steps-{self._rows[0]['step']:08d}-{self._rows[-1]['step']:08d}.parquet"
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        write_atomic(self._folder / name, memoryview(sink.getvalue()))
        self._rows = []


def save_weights(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write safetensors, whole or not at all.

    Raises CannotContinueError for weights that are no numbers: the last step may have spoilt them, whose loss was one.
    """
    from safetensors.torch import save

    if not all(bool(value.isfinite().all()) for value in tensors.values()):
        raise CannotContinueError(
            f"the weights of step {metadata['step']} are no finite numbers; "
            "the same command goes on from the last checkpoint: give it a lower learning_rate"
        )
    data = save({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, metadata)
    write_atomic(path, data)


def save_sheet(path: Path, rows: list[list[Tensor]]) -> None:
    """Write pictures (3, S, S) in [0, 1], in rows of one length, as one."""
    from torchvision.utils import make_grid

    flat = torch.stack([picture.float().cpu() for row in rows for picture in row])
    write_atomic(path, images.encode(to_pixels(make_grid(flat, nrow=len(rows[0]))), "jpg", 90))


def card(config: TrainConfig, metadata: dict[str, str], losses: Path) -> str:
    """Return a model card in Markdown: what the weights are, what made them, how far training went."""
    name, method = config.weights_name, config.method
    seen = pd.read_parquet(losses, schema=LOSSES) if any(losses.glob("*.parquet")) else pd.DataFrame()
    facts = {
        "method": f"`{method}`",
        "trained on photos": metadata["photos"],
        "trained on styles" if method == "compact" else "style image": metadata["styles"],
        "judged by": f"VGG19, sha256 {metadata['vgg_sha256']}",
        "steps": metadata["step"],
        "versions": ", ".join(f"{key} {value}" for key, value in json.loads(metadata["versions"]).items()),
        "hardware": metadata["hardware"],
    }
    lines = [f"# Model card: {name}", "", "| | |", "|---|---|"]
    lines += [f"| {key} | {value} |" for key, value in facts.items()]
    lines += ["", "## Settings", "", "| from step | settings |", "|---|---|"]
    history = json.loads(metadata["history"])
    if method == "johnson":
        history = [part | {"settings": _without_identity(part["settings"])} for part in history]
    lines += [f"| {part['step']} | {_settings(part, history[-1])} |" for part in history]
    if len(seen):
        last = seen.tail(min(200, max(1, len(seen) // 10)))
        terms = [term for term in ("loss", *TERMS) if last[term].notna().any()]
        pace, wait = seen.images.sum() / seen.step_s.sum(), seen.wait_s.sum() / seen.step_s.sum()
        lines += ["", f"## Loss, mean of the last {counted(len(last), 'step')}", ""]
        lines += [f"| {' | '.join(terms)} |", "|---" * len(terms) + "|"]
        lines += [f"| {' | '.join(f'{last[c].mean():.4g}' for c in terms)} |"]
        waiting = f"{wait * 100:.1f} % of the time spent waiting for images"
        lines += ["", f"{pace:.3g} images/s over the whole run, {waiting}."]
    styles = "PHOTOS ARTWORKS OUT" if method == "compact" else "PHOTOS OUT"
    lines += ["", "## Use", "", "In this folder:", "", "```bash"]
    given = shlex.quote(f"--weights={name}.safetensors")  # a style image's name may hold anything
    lines += [f"python -m jobs.stylize_folder {styles} --stylizer {method} {given}", "```", ""]
    return "\n".join(lines)


def _without_identity(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if not name.startswith("identity")}


def _settings(part: dict[str, Any], last: dict[str, Any]) -> str:
    facts = [f"{key} {value}" for key, value in part["settings"].items()]
    data = [name for name in ("photos", "styles", "vgg") if part.get(name) != last.get(name)]
    facts += [f"{name} of sha256 {part[name]}" for name in data if name in part]
    return (f"begun with {part['start_from']}; " if part["start_from"] else "") + ", ".join(facts)
