"""Training by Ray Train: how many resources its workers take, what each does, and how far they are."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray

from jobs.progress.reporter import TrainingReporter
from jobs.scheduler.shutdown import shutdown
from stylize import safe_json
from stylize.errors import CannotContinueError, StylizeError, UsageError, WeightsError, counted, one_line
from stylize.measure import hardware

if TYPE_CHECKING:
    from ray.train.torch import TorchTrainer

    from stylize.training.config import TrainConfig
    from stylize.training.data import Folder
    from stylize.training.status import TrainStatus

CHECKPOINTS = "checkpoints"
LIST = "checkpoint_manager_snapshot.json"
"""What Ray Train lists its checkpoints in. It is not written atomically: a full disk leaves it empty."""
STATE = "state.pt"
RESTARTS = 3
POLL_S = 0.5
Resources = Mapping[str, float]
"""What a node has, as in `ray.nodes()`."""


def scaling(config: TrainConfig) -> dict[str, Any]:
    """Return what Ray Train's ScalingConfig takes. Raises UsageError for what the cluster cannot hold."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    cards = int(sum(node.get("GPU", 0) for node in nodes))
    use_gpu = config.device == "cuda" or (config.device == "auto" and cards > 0)
    if use_gpu and config.workers > cards:
        raise UsageError(
            f"{counted(config.workers, 'worker')} on GPUs: there is room for {cards}; lower workers or set --device cpu"
        )
    cpus = config.cpus_per_worker or _most_cpus(nodes, config.workers, use_gpu)
    if _room(nodes, cpus, use_gpu) < config.workers:
        beside = " and a GPU" if use_gpu else ""
        workers = counted(config.workers, "worker")
        raise UsageError(f"there is no room for {workers} of {cpus} CPU{beside}; lower workers or cpus_per_worker")
    return {"num_workers": config.workers, "use_gpu": use_gpu, "resources_per_worker": {"CPU": cpus}}


def _room(nodes: Sequence[Resources], cpus: int, use_gpu: bool) -> int:
    """Return how many workers of so many CPUs, and a GPU each, the nodes hold."""
    fit = ((int(node.get("CPU", 0)) // cpus, int(node.get("GPU", 0))) for node in nodes)
    return sum(min(both) if use_gpu else both[0] for both in fit)


def _most_cpus(nodes: Sequence[Resources], workers: int, use_gpu: bool) -> int:
    """Return the most CPUs that all workers find room for; beside a GPU no more than its share of its machine."""
    shares = [int(node.get("CPU", 0)) // max(1, int(node.get("GPU", 0)) if use_gpu else 1) for node in nodes]
    fitting = (cpus for cpus in range(max(shares, default=1), 1, -1) if _room(nodes, cpus, use_gpu) >= workers)
    return next(fitting, 1)


def checkpoint_to_begin_with(out: Path, note: Callable[[str], None]) -> Path | None:
    """Return the newest checkpoint that can be read, where Ray Train would not find it; `note` is told of it.

    None where Ray Train finds it, or there is none. Raises UsageError where there are some and none can be read.
    """
    folder = out / CHECKPOINTS
    damaged = _damaged(folder)
    states = sorted(folder.glob(f"checkpoint_*/{STATE}"), reverse=True)
    if damaged is None or (damaged == folder / LIST and not states):
        if not states and any((out / "weights").glob("*.safetensors")):
            note(
                f"{folder} holds no checkpoint: beginning at step 1, and writing over the weights in {out / 'weights'}"
            )
        return None
    reasons = []
    for state in states:
        if (why := _why_unreadable(state)) is None:
            (folder / LIST).unlink(missing_ok=True)  # Ray Train would go by it
            note(f"{damaged} cannot be read: going on from {state}")
            return state
        reasons.append(why)
    why = next(iter(reasons), str(damaged))
    weights = out / "weights"
    raise UsageError(
        f"no checkpoint in {folder} can be read ({why}); begin in another OUT: --start-from and a file of {weights} "
        "takes up the weights that were reached"
    )


def _damaged(folder: Path) -> Path | None:
    """Return the file or folder that keeps Ray Train from going on from its newest checkpoint, None where none does."""
    try:
        names = [str(one["checkpoint_dir_name"]) for one in safe_json.read(folder / LIST)["checkpoint_results"]]
    except (OSError, ValueError, LookupError, TypeError):
        return folder / LIST
    gone = (folder / name for name in names if not (folder / name).is_dir())  # Ray Train wants them all
    newest = folder / names[-1] / STATE if names else None
    return next(gone, newest if newest and _why_unreadable(newest) else None)


def _why_unreadable(state: Path) -> str | None:
    from stylize import weights as files  # loads torch, which a status actor does without

    try:
        files.read_checkpoint(state, "a checkpoint of this training")
    except WeightsError as error:
        return str(error)
    return None


class StatusActor:
    """Holds how far training is, written by rank 0 for the driver to read."""

    def __init__(self) -> None:
        self._status: TrainStatus | None = None

    def write(self, status: TrainStatus) -> None:
        self._status = status

    def read(self) -> TrainStatus | None:
        """Return the last status, None before the first."""
        return self._status


def run_training(
    config: TrainConfig, photos: Folder, artworks: Folder, origin: dict[str, str], scaling: dict[str, Any],
    shown: TrainingReporter,
) -> None:  # fmt: skip
    """Train to the last step, showing how far it is. Raises StylizeError: a worker's own, or CannotContinueError."""
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    # Its own lines would tear the bar apart; what matters of them comes back as the error.
    logging.getLogger("ray.train").setLevel(logging.ERROR)
    begin = checkpoint_to_begin_with(config.out, shown.note)
    status_actor = ray.remote(StatusActor).options(num_cpus=0).remote()
    trainer = TorchTrainer(
        _work,
        train_loop_config={
            "config": config, "photos": photos, "artworks": artworks, "origin": origin, "begin": begin,
            "status_actor": status_actor,
        },
        scaling_config=ScalingConfig(**scaling),
        run_config=RunConfig(
            name=CHECKPOINTS,
            storage_path=str(config.out),
            checkpoint_config=CheckpointConfig(num_to_keep=2),
            failure_config=FailureConfig(max_failures=RESTARTS),
        ),
    )  # fmt: skip
    with shown, _watching(status_actor, shown):
        try:
            _fit(trainer)
        except Exception as error:
            raise _plain(error) from None


def _fit(trainer: TorchTrainer) -> None:
    """Train in another thread: in the main one Ray Train takes Ctrl-C for itself.

    It would ask its controller to abort, and now and then wait for the answer for ever. Nothing needs that: killed
    workers lose no step.
    """
    outcome: Future[None] = Future()

    def fit() -> None:
        try:
            trainer.fit()
        except BaseException as error:
            outcome.set_exception(error)
        else:
            outcome.set_result(None)

    threading.Thread(target=fit, name="ray-train", daemon=True).start()
    while not wait([outcome], POLL_S).done:
        shutdown.check()
    outcome.result()


def _plain(error: Exception) -> StylizeError:
    """Return what Ray Train raised as one line of ours: the first worker's own error if it is one."""
    causes: list[BaseException] = list(getattr(error, "worker_failures", {}).values()) or [error]
    for cause in causes:
        while cause is not None:
            if isinstance(cause, StylizeError):
                return cause
            cause = cause.__cause__ or getattr(cause, "cause", None)  # type: ignore[assignment]
    # What Ray Train puts together ends with what it is about, behind tracebacks.
    said = next(reversed(str(causes[0]).strip().splitlines()), type(causes[0]).__name__)
    return CannotContinueError(f"training stopped: {one_line(said)}; put that right, then the same command resumes")


@contextmanager
def _watching(status_actor: Any, shown: TrainingReporter) -> Iterator[None]:
    over = threading.Event()

    def watch() -> None:
        while not over.wait(POLL_S):
            _show(status_actor, shown)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        if not shutdown.ray_is_lost:  # what asks a lost head waits, then ends the process
            thread.join()  # a question to Ray after its shutdown ends the process
            _show(status_actor, shown)


def _show(status_actor: Any, shown: TrainingReporter) -> None:
    try:
        now: TrainStatus | None = ray.get(status_actor.read.remote(), timeout=5)
    except ray.exceptions.RayError:
        return
    if now is not None:
        waiting = f"{now.wait_share * 100:.0f} % of the time waiting for images"
        shown.at(now.step, f"{now.images_per_s:.1f} images/s, {waiting}, loss {now.loss:.4g}")


def _work(given: dict[str, Any]) -> None:
    """Do the work of one of Ray Train's workers."""
    import torch
    from ray import train
    from ray.train.torch import get_device, prepare_model

    from stylize.training.loop import Trainer, WorkerContext

    context = train.get_context()
    device = get_device()
    assert isinstance(device, torch.device)
    torch.backends.cudnn.benchmark = True  # every crop has one size
    torch.backends.cuda.matmul.allow_tf32 = True  # Gram matrices of a loss need no more digits
    wrap: Callable[[torch.nn.Module], torch.nn.Module] = lambda module: prepare_model(module, move_to_device=False)  # noqa: E731
    worker = WorkerContext(context.get_world_rank(), context.get_world_size(), device, wrap)
    origin = given["origin"] | {"hardware": f"{worker.workers} x {hardware.device_name(device.type)}"}
    trainer = Trainer(given["config"], given["photos"], given["artworks"], origin, worker)
    checkpoint = train.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            trainer.resume(Path(folder) / STATE)
    elif given["begin"] is not None:
        trainer.resume(given["begin"])

    def save(path: Path | None) -> None:
        state = train.Checkpoint.from_directory(path.parent) if path else None
        if state is not None:
            state.set_metadata(trainer.metadata())
        train.report({"step": trainer.step}, checkpoint=state)

    with tempfile.TemporaryDirectory() as scratch:
        trainer.run(save, lambda now: given["status_actor"].write.remote(now), Path(scratch))
