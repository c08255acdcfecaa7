"""How the threads of torch's OpenMP wait for each other: said before torch is loaded, as its library asks once."""

from __future__ import annotations

import importlib
import os
import sys

SPINS = "10000"
"""How often a thread looks for the others of its team before it sleeps."""
_SAID = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


def load_torch() -> None:
    """Load torch, if it is not there yet, so that a thread that waits for its team soon sleeps.

    Left to itself GNU's OpenMP has it look for some milliseconds, on a core that the one waited for may need: where
    another process holds a core, an image takes several times as long. What the environment says already counts.
    """
    if "torch" in sys.modules or any(name in os.environ for name in _SAID):
        return
    os.environ["GOMP_SPINCOUNT"] = SPINS
    try:
        importlib.import_module("torch")
    finally:
        del os.environ["GOMP_SPINCOUNT"]  # processes that this one starts decide for themselves
