"""run.json: what a run was asked to do, on what, and how far it came. All that write or read that file do it here."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from stylize.errors import UsageError, message_of, one_line
from stylize.io.files import write_json_atomic, writing
from stylize.measure import hardware

NAME = "run.json"


class RunRecord(BaseModel):
    """A run of the main job or of a sweep. What it does not say is None or empty; what only others know stays in it."""

    model_config = ConfigDict(extra="allow")

    run_id: str = ""
    started_at: str | None = None
    """Times are UTC, ISO 8601."""
    command: str | None = None
    retry_failed: bool | None = None
    redo: bool | None = None
    config: dict[str, Any] = {}
    """The main job's settings."""
    title: str | None = None
    """A sweep's."""
    claims: bool | None = None
    """Whether a sweep wants common claims held to its rows."""
    variants: dict[str, dict[str, Any]] = {}
    """A sweep's settings by variant."""
    git_commit: str | None = None
    code_sha256: str | None = None
    environment: dict[str, Any] = {}
    """The driver's machine and versions, from `hardware.describe`."""
    nodes: list[dict[str, Any]] = []
    """A cluster's nodes as the run began."""
    workers: dict[str, dict[str, Any]] = {}
    """Where each worker ran."""
    left_out: dict[str, list[dict[str, Any]]] = {}
    """What was passed over in CONTENT and STYLES: what it is called, why, and how many there are."""
    counts: dict[str, int] = {}
    """Tasks by status, those of earlier runs included."""
    last_row_at: str | None = None
    finished_at: str | None = None

    @classmethod
    def begin(cls, run_id: str, command: str, **fields: Any) -> Self:
        """Return the record of a run that begins now on this machine, by this code. command: what calls it again."""
        return cls(
            run_id=run_id,
            started_at=now(),
            command=command,
            git_commit=hardware.git_commit(),
            code_sha256=hardware.code_sha256(),
            environment=hardware.describe(),
            **fields,
        )

    def settings_of(self, variant: str | None) -> dict[str, Any]:
        """Return the settings that a row of this run was made with; `variant` is the row's. Empty if not recorded."""
        return self.config or self.variants.get(variant or "", {})

    def write(self, folder: Path) -> None:
        """Write run.json, with the earlier runs of the same OUT in it, as their rows stay. Raises as `read_runs`."""
        earlier = [run.recorded() for run in reversed(read_runs(folder)) if run.run_id != self.run_id]
        path = folder / NAME
        with writing(path):
            write_json_atomic(path, self.recorded() | {"earlier_runs": earlier})

    def recorded(self) -> dict[str, Any]:
        """Return what stands in the file of this run."""
        return self.model_dump(exclude_unset=True, exclude={"earlier_runs"})


def read_runs(folder: Path) -> list[RunRecord]:
    """Return the records of an OUT's runs, the newest first; none where there is no run.json.

    Raises UsageError for a file that cannot be read or is not such a record.
    """
    return read_record(folder / NAME)


def read_record(path: Path) -> list[RunRecord]:
    """Return the records of a file called run.json or otherwise, the newest first. Raises as `read_runs`."""
    try:
        newest = json.loads(path.read_text(encoding="utf-8"))
        return [RunRecord.model_validate(run) for run in (newest, *reversed(newest.get("earlier_runs", [])))]
    except FileNotFoundError:
        return []
    except OSError as error:
        problem = error.strerror or str(error)
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"{'.'.join(map(str, first['loc'])) or 'a run'}: {first['msg']}"
    except (ValueError, AttributeError, TypeError) as error:
        problem = message_of(error)
    raise UsageError(f"{one_line(path)} is not the record of a run ({problem}): mend it, or move it away")


def now() -> str:
    """Return the time as records have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
