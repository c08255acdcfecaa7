"""Decoding in a process of its own, for a decoder that a damaged file can crash: a crash is an error, not the end."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from stylize.errors import CorruptImageError
from stylize.images.decode import Decoded, decode
from stylize.images.formats import HEAD_BYTES, kind_of

MAY_CRASH = ("HEIF",)
"""Kinds of which a decoder was seen to: pi-heif 1.4.0, on damaged files."""


def decode_safely(data: bytes, **wish: Any) -> Decoded:
    """Return what `decode` does; of a kind that may crash, from another process. Raises as `decode` does."""
    if kind_of(data[:HEAD_BYTES]) not in MAY_CRASH:
        return decode(data, **wish)
    return apart(decode, data, **wish)


def apart(function: Callable[..., Decoded], *words: Any, **named: Any) -> Decoded:
    """Call a function in a process of its own. Raises CorruptImageError where that process dies."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        try:
            return process.submit(function, *words, **named).result()
        except BrokenProcessPool:
            raise CorruptImageError("its decoder crashed on it: the file is damaged") from None
