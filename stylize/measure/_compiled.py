"""How loops of measures are compiled by numba."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types

NUMBERS = types.Array(types.uint8, 2, "C", readonly=True)
"""An (H, 3 W) uint8 image."""


def compiled(signature: Any, **how: Any) -> Callable[[Any], Any]:
    """Compile at once, and keep the result beside this file, or in the user's cache, for the next process."""

    def compile_one(function: Any) -> Any:
        try:
            # What is kept is found by name, and by the time of the function's file alone.
            function.__qualname__ += f"-{_numbers_in(function.__globals__)}"
            return njit(signature, cache=True, **how)(function)
        except Exception:  # neither can be written, there is no room, or what was kept is damaged
            return njit(signature, **how)(function)

    return compile_one


def _numbers_in(module: dict[str, Any]) -> str:
    """Return a hash of a module's numbers: what it takes from other files is compiled into its loops, too."""
    digest = hashlib.sha256()
    for name, value in sorted(module.items()):
        if isinstance(value, int | float | tuple | np.generic | np.ndarray):
            plain = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
            digest.update(repr((name, plain)).encode())
    return digest.hexdigest()[:8]
