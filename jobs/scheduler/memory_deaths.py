"""Whether a worker's process was ended because memory ran out: by Ray, or by the kernel, of which Ray knows nothing."""

from __future__ import annotations

import ray
from ray.exceptions import OutOfMemoryError, RayError

from stylize.errors import StylizeError
from stylize.machine import cgroups
from stylize.measure import hardware


class MemoryDeaths:
    """The kernel counts on each machine whom it ended; that of the driver's is read."""

    def __init__(self) -> None:
        self._told = cgroups.oom_kills() or 0

    def reason(self, error: RayError | StylizeError, node: str | None) -> str | None:
        """Return in words that memory ran out, if a worker died of it on a node; None: of something else, or not known.

        node: its host's name, None for a worker that has not told it.
        """
        if not isinstance(error, OutOfMemoryError):
            if self._told >= (cgroups.oom_kills() or 0) or (node or _sole_node()) != hardware.node_name():
                return None
            self._told += 1
        return f"{node or 'its machine'} ran out of memory: give it more, or run fewer workers there"


def _sole_node() -> str | None:
    nodes = [node for node in ray.nodes() if node["Alive"]]
    return nodes[0]["NodeManagerHostname"] if len(nodes) == 1 else None
