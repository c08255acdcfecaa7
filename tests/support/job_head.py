"""`ray start` with as much of Ray's dashboard as takes jobs: what its other pages need takes as long as a job."""

from __future__ import annotations

from typing import Any

from ray._private import services
from ray.scripts import scripts

start_process = services.start_ray_process


def start_less(command: list[str], process_type: str, *more: Any, **options: Any) -> Any:
    """Start one of Ray's processes."""
    jobs_only = ["--modules-to-load=JobHead,NodeHead"] if process_type == "dashboard" else []
    return start_process(command + jobs_only, process_type, *more, **options)


if __name__ == "__main__":
    services.start_ray_process = start_less
    scripts.main()
