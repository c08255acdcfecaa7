"""The training loop of one worker, and what it needs to go on after a kill."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from stylize import weights as files
from stylize.errors import CannotContinueError, WeightsError, named_message
from stylize.io.files import write_atomic
from stylize.machine import devices
from stylize.training import consistency, edges, losses, record
from stylize.training.batch_loader import Batches
from stylize.training.config import TrainConfig
from stylize.training.data import Crops, Folder
from stylize.training.judge import Judge
from stylize.training.status import TrainStatus
from stylize.training.trainable_model import trainable_model

AVERAGE_DECAY = 0.998
WARM_UP_STEPS = 100
SETTLE_EVERY, SETTLE_S = 10, 1.0
"""Steps and seconds after which losses are asked for and shown: a GPU would be held up by more."""
SAMPLE_PX = 256
CPU = torch.device("cpu")


@dataclass(frozen=True)
class WorkerContext:
    """A worker's number among the others, and its device."""

    rank: int = 0
    workers: int = 1
    device: torch.device = CPU
    wrap: Callable[[nn.Module], nn.Module] = lambda module: module
    """Makes gradients common to all workers."""


class Trainer:
    """One worker's part of a run. Rank 0 writes losses, samples and weights into `config.out`."""

    def __init__(
        self, config: TrainConfig, photos: Folder, artworks: Folder, origin: dict[str, str], worker: WorkerContext
    ) -> None:
        """Raises WeightsError or UsageError for weights that are not there or not what they should be.

        origin: facts for the weights' metadata, such as versions and hardware.
        """
        self.config, self.photos, self.artworks, self.worker = config, photos, artworks, worker
        self.step = 0
        self.judge = Judge(config.vgg, worker.device, half_precision(config, worker.device))
        self.origin = origin | {"vgg_sha256": self.judge.sha256}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            model = trainable_model(config)
        started = model.start_from(config.start_from) if config.start_from else None
        self.history: list[dict[str, Any]] = [{"step": 0, "start_from": started, **self._facts()}]
        self.model = model.to(worker.device).to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        self.parallel = worker.wrap(self.model)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), config.learning_rate, weight_decay=1e-4)
        self.batches: Batches | None = None

    def run(self, save: Callable[[Path | None], None], show: Callable[[TrainStatus], None], scratch: Path) -> None:
        """Train to the last step. `save` is called by every worker at each checkpoint, by rank 0 with its file.

        Raises CannotContinueError when the loss is no longer finite.
        """
        self.open()
        try:
            self._train(save, show, scratch)
        finally:
            self.close()

    def _train(self, save: Callable[[Path | None], None], show: Callable[[TrainStatus], None], scratch: Path) -> None:
        config = self.config
        losses_file = record.Losses(config.out, self.step) if self.worker.rank == 0 else None
        pending: list[tuple[dict[str, float], dict[str, Tensor]]] = []
        settled_s = time.perf_counter()
        if losses_file is not None and self.step >= config.steps:
            self.export()  # there may be a checkpoint alone
        while self.step < config.steps:
            pending.append(self._timed_step())
            last = self.step == config.steps
            due = last or self.step % config.checkpoint_every == 0
            if due or len(pending) == SETTLE_EVERY or time.perf_counter() - settled_s >= SETTLE_S:
                rows = _settled(pending)
                pending, settled_s = [], time.perf_counter()
                _check_finite(rows)
                if losses_file is not None:
                    losses_file.add(rows)
                    show(_status(rows))
            if losses_file is not None and (last or self.step % config.sample_every == 0):
                self.sample()
            if due:
                if losses_file is not None:
                    losses_file.flush()
                    self.export()
                save(self._checkpoint(scratch) if losses_file is not None else None)

    def open(self) -> None:
        """Begin to read images."""
        worker = self.worker
        self.batches = Batches(self.config, self.photos, self.artworks, self.judge, worker.rank, worker.device)

    def close(self) -> None:
        """Stop reading images."""
        if self.batches is not None:
            self.batches.close()

    def learning_rate(self) -> float:
        """Return the learning rate of this step: warm-up, constant, then a linear fall."""
        config = self.config
        left = (config.steps - self.step) / max(1.0, config.steps * config.decay_share)
        return config.learning_rate * min(1.0, (self.step + 1) / WARM_UP_STEPS, max(0.01, left))

    def _timed_step(self) -> tuple[dict[str, float], dict[str, Tensor]]:
        start, waited = time.perf_counter(), self._wait_s()
        rate = self.learning_rate()
        parts = self.one_step(rate)
        return {
            "step": self.step,
            "learning_rate": rate,
            "images": self.config.batch * self.worker.workers,
            "step_s": time.perf_counter() - start,
            "wait_s": self._wait_s() - waited,
        }, parts

    def _wait_s(self) -> float:
        return self.batches.wait_s if self.batches is not None else 0.0

    def one_step(self, rate: float) -> dict[str, Tensor]:
        """Train on one batch; return the terms of its loss, detached."""
        assert self.batches is not None, "open() comes first"
        content, style = self.batches.get(self.step)
        photos = content.image.float()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with self.judge.autocast():
            result = self.parallel(photos, style.image.float()).float()
        own_style = style.image is content.image
        pooled_share = 0.0 if own_style else self.config.pooled_share
        parts = losses.terms(self.judge.features(result), content.features, style.target, result, pooled_share)
        if own_style:
            parts["identity"] = (result - photos).square().mean()
        if self.config.consistency_weight:
            parts["consistency"] = self._consistency(photos, style.image.float(), result)
        if self.config.edges_weight:
            parts["edges"] = edges.distance(photos, result)
        loss = losses.total(parts, self._term_weights())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        self._update_average()
        return {name: value.detach() for name, value in {"loss": loss, **parts}.items()}

    def _consistency(self, photos: Tensor, style: Tensor, result: Tensor) -> Tensor:
        """Return how far a window of the photos, painted by itself, is from that window of `result`."""
        seed = f"{self.config.seed}/{self.worker.rank}/{self.step}/window"
        window = consistency.draw_window(photos.shape[-1], seed)
        with self.judge.autocast():
            part = self.parallel(consistency.part_of(photos, window, seed), style).float()
        return consistency.distance(result, part, window)

    def _term_weights(self) -> dict[str, float]:
        """Return each term's weight in this step."""
        weights = self.config.terms()
        weights["consistency"] *= min(1.0, (self.step + 1) / self.config.consistency_ramp)
        return weights

    def _update_average(self) -> None:
        # What is saved is an average of the last few hundred steps: steadier than any one of them.
        average = get_ema_multi_avg_fn(min(AVERAGE_DECAY, self.step / (self.step + 10)))  # type: ignore[no-untyped-call]
        average(list(self.average.parameters()), list(self.model.parameters()), self.step)

    def _checkpoint(self, scratch: Path) -> Path:
        path = scratch / "state.pt"
        state = {
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scales": self.judge.scales,
            "history": json.dumps(self.history),
        }
        torch.save(state, path)
        return path

    def resume(self, path: Path) -> None:
        """Take up the run of a checkpoint that `run` gave to `save`, as if it had never stopped.

        Raises WeightsError for anything else.
        """
        expected = "a checkpoint of this training"
        # To the CPU: on a GPU, AdamW's step counts would make the host wait for the device at every step.
        state = files.read_checkpoint(path, expected)
        try:
            self.step = int(state["step"])
            for net, name in ((self.model, "model"), (self.average, "average")):
                files.fill(net, files.State(path, state[name], ""), expected)
            self.optimizer.load_state_dict(state["optimizer"])
            self.judge.scales = dict(state["scales"])
            self.history = json.loads(state["history"])
            facts = self._facts()
            last = {"vgg": facts["vgg"]} | self.history[-1]  # older versions did not say it
            if last["vgg"] != facts["vgg"]:
                self.judge.scales = {}  # they are the other judge's; Batches has this one measure its own
            if any(last[name] != value for name, value in facts.items()):
                self.history.append({"step": self.step, "start_from": None, **facts})
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise WeightsError(f"{path}: {named_message(error, 150)}; expected {expected}") from None

    def _facts(self) -> dict[str, Any]:
        """Return what the weights depend on and a resumed run may have changed."""
        data = {"photos": self.photos.sha256, "styles": self.artworks.sha256, "vgg": self.judge.sha256}
        return {"settings": self.config.shaping(), **data}

    def metadata(self) -> dict[str, str]:
        """Return settings, versions and data hashes, as strings."""
        return self.origin | {
            "format": self.average.format,
            "step": str(self.step),
            "photos": str(self.photos),
            "styles": str(self.artworks),
            "history": json.dumps(self.history),
            "layer_scales": json.dumps(self.judge.scales),
        }

    def export(self) -> None:
        """Write the averaged weights and their card to `out/weights`."""
        path = self.config.out / "weights" / f"{self.config.weights_name}.safetensors"
        metadata = self.metadata()
        record.save_weights(path, self.average.tensors(), metadata)
        text = record.card(self.config, metadata, self.config.out / "losses")
        write_atomic(path.with_suffix(".md"), text.encode())

    def sample(self) -> None:
        """Write a sheet of what the averaged network makes now: photos down, styles across."""
        photos, artworks = (
            [one.to(self.worker.device) for one in Crops(folder.files, SAMPLE_PX, 1.0, "").spread(4)]
            for folder in (self.photos, self.artworks)
        )
        corner = torch.ones(3, SAMPLE_PX, SAMPLE_PX, device=self.worker.device)
        rows = [[corner, *artworks]]
        with torch.no_grad():
            for photo in photos:
                rows.append([photo, *(self.average(photo[None], artwork[None])[0] for artwork in artworks)])
        record.save_sheet(self.config.out / "samples" / f"step_{self.step:06d}.jpg", rows)


def half_precision(config: TrainConfig, device: torch.device) -> bool:
    """Return whether the networks run in bf16: by default where the device has instructions for it."""
    if config.precision != "auto":
        return config.precision == "bf16"
    return devices.fast_bf16(device)


def _settled(pending: list[tuple[dict[str, float], dict[str, Tensor]]]) -> list[dict[str, float]]:
    """Return steps as rows of numbers. Asking for a value makes the host wait for the device, so not every step asks.

    On a GPU the wait is most of the steps' time: it is shared out among them.
    """
    start = time.perf_counter()
    rows = [facts | {name: value.item() for name, value in parts.items()} for facts, parts in pending]
    waited_s = (time.perf_counter() - start) / len(rows)
    return [row | {"step_s": row["step_s"] + waited_s} for row in rows]


def _check_finite(rows: list[dict[str, float]]) -> None:
    for row in rows:
        if not math.isfinite(row["loss"]):
            raise CannotContinueError(
                f"the loss of step {row['step']:.0f} is {row['loss']}; "
                "the same command goes on from the last checkpoint: give it a lower learning_rate"
            )


def _status(rows: list[dict[str, float]]) -> TrainStatus:
    seconds = sum(row["step_s"] for row in rows)
    return TrainStatus(
        step=int(rows[-1]["step"]),
        images_per_s=sum(row["images"] for row in rows) / seconds,
        wait_share=sum(row["wait_s"] for row in rows) / seconds,
        loss=float(np.mean([row["loss"] for row in rows])),
    )
