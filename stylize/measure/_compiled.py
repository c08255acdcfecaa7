"""How loops of measures are compiled by numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit, types

NUMBERS = types.Array(types.uint8, 2, "C", readonly=True)
"""An (H, 3 W) uint8 image."""


def compiled(signature: Any, **how: Any) -> Callable[[Any], Any]:
    """Compile at once, and keep the result beside this file, or in the user's cache, for the next process."""

    def compile_one(function: Any) -> Any:
        try:
            return njit(signature, cache=True, **how)(function)
        except Exception:  # neither can be written, there is no room, or what was kept is damaged
            return njit(signature, **how)(function)

    return compile_one
