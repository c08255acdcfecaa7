"""Train the bundled network, or one for a style of your own, on Ray Train:

    python -m jobs.train PHOTOS ARTWORKS OUT     any style, as the bundled model
    python -m jobs.train PHOTOS STYLE.jpg OUT    that style alone, for `--stylizer johnson`

The same command resumes from the last checkpoint, also after `kill -9`; with more `--steps` it trains on.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.run import signals
from jobs.run.output_dir import absolute_out, check_place
from jobs.scheduler.addresses import address_of
from stylize import cli, safe_json
from stylize.errors import UsageError, counted, harmless, one_line
from stylize.io.files import write_json_atomic, writing
from stylize.io.location import LocalPath, real
from stylize.io.out_folder import TRAINING, refuse_foreign, refuse_results
from stylize.measure import hardware
from stylize.results.output_lock import OutputLock
from stylize.terminal import say
from stylize.validation import Origin

if TYPE_CHECKING:
    from stylize.training.config import TrainConfig
    from stylize.training.data import Folder


def main(argv: Sequence[str]) -> int:
    """Train to the last step; returns 0."""
    config = _config(argv)
    # What does the work, and loads torch, comes after a call that is right.
    from stylize.backbones import load_backbone
    from stylize.measure.perceptual import STYLE_LAYERS
    from stylize.training.data import read_folder, style_image

    _check_out(config)
    one_style = config.method == "johnson"
    photos = read_folder(config.photos, config.crop_px)
    artworks = read_folder(config.styles, 1 if one_style else config.crop_px)
    if one_style:
        style_image(config.styles, config.style_px)  # for its errors
    began = _began(config, artworks)
    _check_same_run(config, began)
    data = {"photos": photos.sha256, "styles": artworks.sha256}
    if config.vgg is not None:  # torchvision's might be downloaded for nothing
        data["vgg"] = load_backbone("vgg19", STYLE_LAYERS, config.vgg, option="--vgg")[1].sha256
    if _already_trained(config, data):
        return cli.EXIT_OK
    for line in config.idle():
        say(line)
    _check_device(config)
    if config.vgg is None:
        load_backbone("vgg19", STYLE_LAYERS, option="--vgg")
    with signals.handle_signals(), OutputLock(config.out):
        with writing(config.out / TRAINING):
            write_json_atomic(config.out / TRAINING, began)
        return _train(config, photos, artworks, argv)


def _config(argv: Sequence[str]) -> TrainConfig:
    """Return what the command line asks for, with absolute paths. Raises UsageError."""
    from stylize.training.config import GROUPS, TrainConfig, configure

    positional = {"photos": "inputs", "styles": "inputs", "out": "output"}
    parser = cli.Parser(
        prog="train",
        usage="python -m jobs.train PHOTOS STYLES OUT [options]",
        description="Train a network that restyles photos. The same command resumes.",
        epilog="STYLES decides the method: a folder of artworks, any style (compact); one image, that style (johnson). "
        "Exit status: 0 done, 2 a wrong call, 1 could not go on, 130 interrupted.",
    )
    for title in GROUPS:
        parser.group(title)  # in their order
    for name, title in positional.items():
        parser.group(title).add_argument(name, metavar=name.upper(), help=TrainConfig.model_fields[name].description)
    cli.add_model(parser, TrainConfig, GROUPS, skip=tuple(positional))
    origins = {
        name: Origin(name.upper() if name in positional else cli.flag(name)) for name in TrainConfig.model_fields
    }
    config = configure(vars(parser.parse_args(argv)), origins)
    absolute_out(str(config.out))  # refuses what would be lost
    places = {name: real(value) for name, value in config if isinstance(value, Path)}
    # Weights are called as the style image was given, whatever a link's file is called.
    return config.model_copy(update=places | {"name": config.weights_name})


def _check_out(config: TrainConfig) -> None:
    """Raise UsageError where OUT lies in an input or is not a training's, or an input is a run's OUT.

    Raises CannotContinueError for an OUT that may not be written.
    """
    check_place(str(config.out))
    for role, path in (("PHOTOS", config.photos), ("STYLES", config.styles)):
        if config.out.is_relative_to(path):
            raise UsageError(f"OUT lies in {role}, so its samples would be learnt from; give an OUT outside of it")
        refuse_results(LocalPath(path), role)
    refuse_foreign(LocalPath(config.out), TRAINING)


def _check_device(config: TrainConfig) -> None:
    """Raise UsageError where a GPU is asked for, and neither this machine nor a cluster can have one."""
    from stylize.machine import devices

    there = address_of(config.address) is not None or devices.available() == "cuda"
    if config.device == "cuda" and not there:
        raise UsageError("torch sees no cuda device here; use --device cpu, or --address of a cluster with GPUs")


def _began(config: TrainConfig, artworks: Folder) -> dict[str, Any]:
    """Return what a training is of and begins with. Raises WeightsError for weights that do not fit."""
    from stylize.training.trainable_model import trainable_model

    facts: dict[str, Any] = {"method": config.method, "name": config.weights_name}
    if config.method == "johnson":
        facts["style_sha256"] = artworks.sha256
    facts["start_from"] = trainable_model(config).start_from(config.start_from) if config.start_from else None
    return facts


def _check_same_run(config: TrainConfig, now: dict[str, Any]) -> None:
    """Raise UsageError where OUT holds the checkpoints of other weights: they would be trained on as these."""
    path = config.out / TRAINING
    try:
        before = safe_json.read(path)
        if not isinstance(before, dict):
            raise ValueError("no object")
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


def _already_trained(config: TrainConfig, data: dict[str, str]) -> bool:
    """Return whether the weights are there; tell where other settings or `data` than these have a part in them.

    data: SHA-256 of photos, artworks and, if given, VGG19. Raises UsageError if the weights are there, by other ones.
    """
    weights = _weights_path(config)
    metadata = _metadata(weights)
    try:
        done = int(metadata.get("step", 0))
        changed = _changed(config.shaping(), data, metadata) if "history" in metadata else []
    except (LookupError, TypeError, ValueError, RecursionError):
        raise UsageError(f"{weights}: what it says of its training is not readable; give another OUT") from None
    before = f"{weights} is trained to step {done} with {', '.join(changed)}"
    if done < config.steps or "history" not in metadata:
        if changed:
            say(f"{before}: from its last checkpoint on it is trained as this call says")
        return False
    if changed:
        raise UsageError(f"{before}; give another OUT to begin anew, or more --steps to train on with the new settings")
    say(f"already trained to step {done}: {weights}; more --steps train on")
    return True


def _changed(now: dict[str, Any], data: dict[str, str], metadata: dict[str, str]) -> list[str]:
    """Return what weights were last trained with that is not so now. Raises as what is read may be anything."""
    last = dict(json.loads(metadata["history"])[-1])
    before = dict(last["settings"])
    names = [name for name in now if name not in ("steps", "workers") and before.get(name) != now[name]]
    others = [f"other {name}" for name, sha256 in data.items() if last.get(name) not in (None, sha256)]
    return [f"{name} {before.get(name)}" for name in names] + others


def _weights_path(config: TrainConfig) -> Path:
    return config.out / "weights" / f"{config.weights_name}.safetensors"


def _metadata(weights: Path) -> dict[str, str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, "pt") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError):
        return {}


def _train(config: TrainConfig, photos: Folder, artworks: Folder, argv: Sequence[str]) -> int:
    from jobs.progress.reporter import TrainingReporter
    from jobs.scheduler.ray_runtime import awaited, local_or_cluster
    from jobs.training import ray_train

    shown = TrainingReporter(config.steps, config.progress)
    for folder, path in ((photos, config.photos), (artworks, config.styles)):
        if folder.left_out.total:
            shown.note(f"{path}: {folder.left_out}")
        if folder.unreadable:
            few = ", ".join(p.name for p in folder.unreadable[:5])
            number = counted(len(folder.unreadable), "image cannot be read and is", "images cannot be read and are")
            shown.note(f"{path}: {number} left out: {few}")
    shown.announce(awaited(config.address))
    with local_or_cluster(config.address):
        scaling = ray_train.scaling(config)
        shown.note(
            f"training {config.method} on {counted(len(photos.files), 'photo')}: "
            f"{counted(config.workers, 'worker')} of "
            f"{scaling['resources_per_worker']['CPU']} CPU{' and a GPU' if scaling['use_gpu'] else ''}"
        )
        ray_train.run_training(config, photos, artworks, _origin(argv), scaling, shown)
    weights = _weights_path(config)
    say(f"weights: {weights}", f"card: {weights.with_suffix('.md')}", f"losses: {config.out / 'losses'}")
    return cli.EXIT_OK


def _origin(argv: Sequence[str]) -> dict[str, str]:
    machine = hardware.describe()
    return {
        "command": harmless(shlex.join(["python", "-m", "jobs.train", *argv])),  # a path may be no UTF-8
        "versions": json.dumps(machine["versions"]),
        "git_commit": str(hardware.git_commit()),
    }


if __name__ == "__main__":
    signals.run(main, kept="the same command resumes from the last checkpoint, from step 1 where there is none yet")
