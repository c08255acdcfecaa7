"""Train the bundled network, or one for a style of your own, on Ray Train:

    python -m jobs.train PHOTOS ARTWORKS OUT     any style, as the bundled model
    python -m jobs.train PHOTOS STYLE.jpg OUT    that style alone, for `--stylizer johnson`

The same command resumes from the last checkpoint, also after `kill -9`; with more `--steps` it trains on.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shlex
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray

from jobs.progress.reporter import TrainingReporter
from jobs.run import signals
from jobs.scheduler.ray_runtime import local_or_cluster
from stylize import cli
from stylize.errors import CannotContinueError, StylizeError, UsageError, one_line
from stylize.io.files import writing
from stylize.measure import hardware
from stylize.results.output_lock import OutputLock
from stylize.results.read import write_json_atomic

if TYPE_CHECKING:
    from stylize.training.config import TrainConfig
    from stylize.training.data import Folder
    from stylize.training.loop import TrainStatus

CHECKPOINTS = "checkpoints"
RUN_FILE = "train.json"
RESTARTS = 3
POLL_S = 0.5


def main(argv: Sequence[str]) -> int:
    """Train to the last step; returns 0."""
    import torch

    from stylize.backbones import load_backbone
    from stylize.measure.perceptual import STYLE_LAYERS
    from stylize.training.config import GROUPS, TrainConfig, configure
    from stylize.training.data import read_folder

    positional = ("photos", "styles", "out")
    parser = cli.Parser(
        prog="train",
        usage="python -m jobs.train PHOTOS STYLES OUT [options]",
        description="Train a network that restyles photos. The same command resumes.",
        epilog="STYLES decides the method: a folder of artworks, any style (compact); one image, that style (johnson).",
    )
    for title in GROUPS:
        parser.group(title)  # in their order
    for name, title in zip(positional, ("inputs", "inputs", "output"), strict=True):
        parser.group(title).add_argument(name, metavar=name.upper(), help=TrainConfig.model_fields[name].description)
    cli.add_model(parser, TrainConfig, GROUPS, skip=positional)
    config = _absolute(configure(vars(parser.parse_args(argv))))
    for role, path in (("PHOTOS", config.photos), ("STYLES", config.styles)):
        if config.out.is_relative_to(path):
            raise UsageError(f"OUT lies in {role}, so its samples would be learnt from; give an OUT outside of it")
    if (config.out / "rows").exists():
        raise UsageError(f"{config.out} holds the rows of a run; give another OUT")
    photos, artworks = read_folder(config.photos), read_folder(config.styles)
    began = _began(config, artworks)
    _check_same_run(config, began)
    if _already_trained(config):
        return cli.EXIT_OK
    if config.device == "cuda" and not (config.address or os.environ.get("RAY_ADDRESS") or torch.cuda.is_available()):
        raise UsageError("torch sees no CUDA device here; use --device cpu, or --address of a cluster with GPUs")
    load_backbone("vgg19", STYLE_LAYERS, config.vgg, option="--vgg")
    with signals.handle_signals(), OutputLock(config.out):
        with writing(config.out / RUN_FILE):
            write_json_atomic(config.out / RUN_FILE, began)
        return _locked(config, photos, artworks, argv)


def _absolute(config: TrainConfig) -> TrainConfig:
    paths = {name: value.resolve() for name, value in config if isinstance(value, Path)}
    return config.model_copy(update=paths)


def _began(config: TrainConfig, artworks: Folder) -> dict[str, Any]:
    """What a training is of and begins with. Raises WeightsError for weights that do not fit."""
    from stylize.training.trainable_model import trainable_model

    facts: dict[str, Any] = {"method": config.method, "name": config.weights_name}
    if config.method == "johnson":
        facts["style_sha256"] = artworks.sha256
    facts["start_from"] = trainable_model(config).start_from(config.start_from) if config.start_from else None
    return facts


def _check_same_run(config: TrainConfig, now: dict[str, Any]) -> None:
    """Raises UsageError where OUT holds the checkpoints of other weights: they would be trained on as these."""
    path = config.out / RUN_FILE
    try:
        before = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not readable as JSON ({one_line(error)}); give another OUT") from None
    if before.get("start_from") != now["start_from"] and now["start_from"] is None:
        now["start_from"] = before.get("start_from")  # what it began with stays true when it is trained on
    for name, value in now.items():
        if before.get(name) != value:
            raise UsageError(
                f"{config.out} holds another training: {name} {before.get(name)}, here {value}; give another OUT"
            )


def _already_trained(config: TrainConfig) -> bool:
    """Whether the weights are there. Raises UsageError if they are, by other settings than these."""
    weights = _weights_path(config)
    metadata = _metadata(weights)
    done = int(metadata.get("step", 0))
    if done < config.steps or "history" not in metadata:
        return False
    before, now = json.loads(metadata["history"])[-1]["settings"], config.shaping()
    changed = [
        f"{name} {before.get(name)}"
        for name in now
        if name not in ("steps", "workers") and before.get(name) != now[name]
    ]
    if changed:
        raise UsageError(
            f"{weights} is trained to step {done} with {', '.join(changed)}; give another OUT to begin anew, "
            "or more --steps to train on with the new settings"
        )
    print(f"already trained to step {done}: {weights}; more --steps train on")
    return True


def _weights_path(config: TrainConfig) -> Path:
    return config.out / "weights" / f"{config.weights_name}.safetensors"


def _metadata(weights: Path) -> dict[str, str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, "pt") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError):
        return {}


def _locked(config: TrainConfig, photos: Folder, artworks: Folder, argv: Sequence[str]) -> int:
    shown = TrainingReporter(config.steps, config.progress)
    for folder, path in ((photos, config.photos), (artworks, config.styles)):
        if folder.unreadable:
            few = ", ".join(p.name for p in folder.unreadable[:5])
            shown.note(f"{path}: {len(folder.unreadable)} images cannot be read and are left out: {few}")
    with local_or_cluster(config.address):
        scaling = _scaling(config)
        shown.note(
            f"training {config.method} on {len(photos.files)} photos: {config.workers} workers of "
            f"{scaling['resources_per_worker']['CPU']} CPU{' and a GPU' if scaling['use_gpu'] else ''}"
        )
        _train(config, photos, artworks, _origin(argv), scaling, shown)
    weights = _weights_path(config)
    print(f"weights: {weights}\ncard: {weights.with_suffix('.md')}\nlosses: {config.out / 'losses'}")
    return cli.EXIT_OK


def _origin(argv: Sequence[str]) -> dict[str, str]:
    machine = hardware.describe()
    return {
        "command": shlex.join(["python", "-m", "jobs.train", *argv]),
        "versions": json.dumps(machine["versions"]),
        "git_commit": str(hardware.git_commit()),
    }


def _scaling(config: TrainConfig) -> dict[str, Any]:
    """What ScalingConfig takes. Raises UsageError for what the cluster cannot hold."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    cards = int(sum(node.get("GPU", 0) for node in nodes))
    use_gpu = config.device == "cuda" or (config.device == "auto" and cards > 0)
    if use_gpu and config.workers > cards:
        raise UsageError(
            f"{config.workers} workers need as many GPUs; there are {cards}: lower workers or set --device cpu"
        )
    key = "GPU" if use_gpu else "CPU"
    biggest = max(nodes, key=lambda node: (node.get(key, 0), node.get("CPU", 0)))
    shared_by = int(biggest["GPU"]) if use_gpu else math.ceil(config.workers / len(nodes))
    cpus = config.cpus_per_worker or max(1, int(biggest.get("CPU", 1)) // max(1, shared_by))
    if not use_gpu and sum(int(node.get("CPU", 0)) // cpus for node in nodes) < config.workers:
        raise UsageError(
            f"there is no room for {config.workers} workers of {cpus} CPU; lower workers or cpus_per_worker"
        )
    return {"num_workers": config.workers, "use_gpu": use_gpu, "resources_per_worker": {"CPU": cpus}}


class StatusActor:
    """Where rank 0 writes how far it is, for the driver to read."""

    def __init__(self) -> None:
        self._standing: TrainStatus | None = None

    def write(self, standing: TrainStatus) -> None:
        """Replace what stands there."""
        self._standing = standing

    def read(self) -> TrainStatus | None:
        """What stands there."""
        return self._standing


def _train(
    config: TrainConfig, photos: Folder, artworks: Folder, origin: dict[str, str], scaling: dict[str, Any],
    shown: TrainingReporter,
) -> None:  # fmt: skip
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    # Its own lines would tear the bar apart; what matters of them comes back as the error.
    logging.getLogger("ray.train").setLevel(logging.ERROR)
    board = ray.remote(StatusActor).options(num_cpus=0).remote()
    trainer: Any = TorchTrainer(
        _work,
        train_loop_config={
            "config": config, "photos": photos, "artworks": artworks, "origin": origin, "board": board,
        },
        scaling_config=ScalingConfig(**scaling),
        run_config=RunConfig(
            name=CHECKPOINTS,
            storage_path=str(config.out),
            checkpoint_config=CheckpointConfig(num_to_keep=2),
            failure_config=FailureConfig(max_failures=RESTARTS),
        ),
    )  # fmt: skip
    # Else Ray Train asks its controller to abort, and now and then waits for the answer for ever. Nothing needs that:
    # killed workers lose no step.
    trainer._register_sigint_handler = lambda controller: None
    with shown, _watching(board, shown):
        try:
            with signals.repeat_interrupts():
                trainer.fit()
        except Exception as error:
            raise _plain(error) from None


def _plain(error: Exception) -> StylizeError:
    """What Ray Train raised as one line of ours: the first worker's own error if it is one."""
    causes: list[BaseException] = list(getattr(error, "worker_failures", {}).values()) or [error]
    for cause in causes:
        while cause is not None:
            if isinstance(cause, StylizeError):
                return cause
            cause = cause.__cause__ or getattr(cause, "cause", None)  # type: ignore[assignment]
    return CannotContinueError(f"training stopped: {one_line(causes[0])}; the same command resumes")


@contextmanager
def _watching(board: Any, shown: TrainingReporter) -> Iterator[None]:
    over = threading.Event()

    def watch() -> None:
        while not over.wait(POLL_S):
            _show(board, shown)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()  # a question to Ray after its shutdown ends the process
        _show(board, shown)


def _show(board: Any, shown: TrainingReporter) -> None:
    try:
        now: TrainStatus | None = ray.get(board.read.remote(), timeout=5)
    except (ray.exceptions.RayError, ray.exceptions.GetTimeoutError):
        return
    if now is not None:
        waiting = f"{now.wait_share:.0%} of the time waiting for images"
        shown.at(now.step, f"{now.images_per_s:.1f} images/s, {waiting}, loss {now.loss:.4g}")


def _work(given: dict[str, Any]) -> None:
    """One worker of Ray Train."""
    import torch
    from ray import train
    from ray.train.torch import get_device, prepare_model

    from stylize.training.loop import Place, Trainer

    context = train.get_context()
    device = get_device()
    assert isinstance(device, torch.device)
    torch.backends.cudnn.benchmark = True  # every crop has one size
    wrap: Callable[[torch.nn.Module], torch.nn.Module] = lambda module: prepare_model(module, move_to_device=False)  # noqa: E731
    place = Place(context.get_world_rank(), context.get_world_size(), device, wrap)
    origin = given["origin"] | {"hardware": f"{place.workers} x {hardware.device_name(device.type)}"}
    trainer = Trainer(given["config"], given["photos"], given["artworks"], origin, place)
    checkpoint = train.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            trainer.resume(Path(folder) / "state.pt")

    def save(path: Path | None) -> None:
        state = train.Checkpoint.from_directory(path.parent) if path else None
        if state is not None:
            state.set_metadata(trainer.metadata())
        train.report({"step": trainer.step}, checkpoint=state)

    with tempfile.TemporaryDirectory() as scratch:
        trainer.run(save, lambda now: given["board"].write.remote(now), Path(scratch))


if __name__ == "__main__":
    # Ray's workers know this module by its own name, not as the script that was started.
    from jobs.train import main as entry

    sys.argv[0] = "train"
    signals.run(entry)
