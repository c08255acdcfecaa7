"""run.json: what a run was asked to do, on what, and how far it came. All that write or read that file do it here."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from stylize import safe_json
from stylize.errors import UsageError, message_of, one_line
from stylize.io.files import write_json_atomic, writing
from stylize.io.out_folder import RUN
from stylize.measure import hardware
from stylize.validation import first_problem

EARLIER_BYTES = safe_json.MAX_BYTES // 2
"""Of the earlier runs in a file, which nobody reads beyond MAX_BYTES: some five thousand of the main job's."""


class _Settings(BaseModel):
    """What is looked at of recorded settings before they are settings of a run again."""

    content: str | None = None
    styles: str | None = None
    manifest: str | None = None
    out: str | None = None
    stylizer: str | None = None
    weights: str | None = None
    perceptual: str | None = None
    address: str | None = None
    shard: str | None = None


class _Machine(BaseModel):
    """What reports say of the machine."""

    cpu_model: str | None = None
    cpu_usable: int | None = None
    gpus: list[dict[str, Any]] | None = None
    os: str | None = None
    python: str | None = None
    versions: dict[str, str | None] = {}


def _holds(model: type[BaseModel]) -> AfterValidator:
    """Return what holds a mapping to a model, and leaves it as it is."""

    def check(value: dict[str, Any]) -> dict[str, Any]:
        try:
            model.model_validate(value)
        except ValidationError as error:
            raise ValueError(first_problem(error)) from None
        return value

    return AfterValidator(check)


class RunRecord(BaseModel):
    """A run of the main job or of a sweep. What it does not say is None or empty; what only others know stays in it."""

    model_config = ConfigDict(extra="allow")

    run_id: str = ""
    started_at: str | None = None
    """Times are UTC, ISO 8601."""
    command: str | None = None
    retry_failed: bool | None = None
    redo: bool | None = None
    config: Annotated[dict[str, Any], _holds(_Settings)] = {}
    """The main job's settings."""
    title: str | None = None
    """A sweep's."""
    claims: bool | None = None
    """Whether a sweep wants common claims held to its rows."""
    variants: dict[str, Annotated[dict[str, Any], _holds(_Settings)]] = {}
    """A sweep's settings by variant."""
    git_commit: str | None = None
    code_sha256: str | None = None
    own_code: dict[str, str] = {}
    """A hash of the files of each method that is not of this package, by its name."""
    environment: Annotated[dict[str, Any], _holds(_Machine)] = {}
    """The driver's machine and versions, from `hardware.describe`."""
    nodes: list[dict[str, Any]] = []
    """A cluster's nodes as the run began."""
    workers: dict[str, dict[str, Any]] = {}
    """Where each worker ran."""
    left_out: dict[str, list[dict[str, Any]]] = {}
    """What was passed over in CONTENT and STYLES: what it is called, why, and how many there are."""
    notes: list[str] = []
    """What the user may not have meant: columns of a manifest that are not used, say."""
    counts: dict[str, int] = {}
    """Tasks by status, those of earlier runs included."""
    rows: int | None = None
    """How many rows it wrote itself; None before it is finished."""
    last_row_at: str | None = None
    finished_at: str | None = None
    runs_left_out: int = 0
    """In the newest run's: how many after the first were left out of the earlier ones, for lack of room."""

    @classmethod
    def begin(cls, run_id: str, command: str, **fields: Any) -> Self:
        """Return the record of a run that begins now on this machine, by this code. command: what calls it again."""
        return cls(
            run_id=run_id,
            started_at=now(),
            command=command,
            environment=hardware.describe(),
            **hardware.running_code(),
            **fields,
        )

    def settings_of(self, variant: str | None) -> dict[str, Any]:
        """Return the settings that a row of this run was made with; `variant` is the row's. Empty if not recorded."""
        return self.config or self.variants.get(variant or "", {})

    def write(self, folder: Path) -> None:
        """Write run.json, with the earlier runs of the same OUT in it, as their rows stay. Raises as `read_runs`.

        One that found nothing to do is left out: a call every few minutes would fill the file with them. Of more than
        EARLIER_BYTES the first stays, and the latest.
        """
        runs, path = read_runs(folder), folder / RUN
        earlier = [run.recorded() for run in reversed(runs) if run.run_id != self.run_id and run.rows != 0]
        kept = _with_room(earlier)
        left_out = sum(run.runs_left_out for run in runs[:1]) + len(earlier) - len(kept)
        told = {"runs_left_out": left_out} if left_out else {}
        with writing(path):
            write_json_atomic(path, self.recorded() | told | {"earlier_runs": kept})

    def recorded(self) -> dict[str, Any]:
        """Return what stands in the file of this run."""
        return self.model_dump(exclude_unset=True, exclude={"earlier_runs", "runs_left_out"})


def _with_room(earlier: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first of the runs and as many of the latest as there is room for, in their order."""
    ranked = [*earlier[:1], *reversed(earlier[1:])]
    sizes = accumulate(len(json.dumps(run, indent=2)) for run in ranked)
    kept = [run for run, size in zip(ranked, sizes, strict=True) if size <= EARLIER_BYTES]
    return [*kept[:1], *reversed(kept[1:])]


class _File(BaseModel):
    """What stands beside the newest run in its file."""

    earlier_runs: list[RunRecord] = []


def read_runs(folder: Path) -> list[RunRecord]:
    """Return the records of an OUT's runs, the newest first; none where there is no run.json.

    Raises UsageError for a file that cannot be read or is not such a record.
    """
    return read_record(folder / RUN)


def read_record(path: Path) -> list[RunRecord]:
    """Return the records of a file called run.json or otherwise, the newest first. Raises as `read_runs`."""
    try:
        newest = safe_json.read(path)
        return [RunRecord.model_validate(newest), *reversed(_File.model_validate(newest).earlier_runs)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"{one_line(path)} cannot be read ({error.strerror or error}): put that right") from None
    except ValidationError as error:
        problem = first_problem(error)
    except ValueError as error:
        problem = message_of(error)
    raise UsageError(f"{one_line(path)} is not the record of a run ({problem}): mend it, or move it away")


def now() -> str:
    """Return the time as records have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
