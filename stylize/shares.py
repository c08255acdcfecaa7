"""Shares of CPUs, GPUs and pairs, sizes of memory, and what stands for a value in the help."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ByteSize
from pydantic_core import PydanticCustomError

LEAST_SHARE = 1e-4
"""Of a CPU or GPU; Ray counts in these."""
MOST_SHARE = 100_000
"""Of a worker's CPUs or GPUs: far more than any machine has, and a number that Ray can count in."""
EXPECTED_SIZE = "expected a size of 1MiB or more, such as 2GiB (without a unit: bytes)"


@dataclass(frozen=True)
class Metavar:
    """What stands for a setting's value in the help, as an annotation of its type."""

    text: str


PathText = Annotated[str, Metavar("PATH")]


def _not_tiny(size: ByteSize) -> ByteSize:
    if size < 2**20:
        raise ValueError(EXPECTED_SIZE)
    return size


def _one_size(text: Any) -> Any:
    if isinstance(text, str) and re.fullmatch(r"\d+(\.\d*)?[eE]\+?\d+", text):
        return float(text)
    # Pydantic takes what a text begins with, and passes over the rest: 20000000,5GB and 20000000.GB were 20 MB.
    if isinstance(text, str) and not re.fullmatch(r"[\d_]*\.?\d+\s*[A-Za-z]*", text.strip()):
        raise PydanticCustomError("byte_size", "no size")
    return text


MaxMemory = (
    Annotated[ByteSize, BeforeValidator(_one_size), AfterValidator(_not_tiny), Metavar("SIZE")] | Literal["auto"]
)


def checked_gpus(value: float | str) -> float | str:
    """Return a worker's GPUs, or `auto`. Raises ValueError for a part of several, or too small a one."""
    if not isinstance(value, str) and (0 < value < LEAST_SHARE or (value > 1 and value % 1)):
        raise ValueError(f"give 0, a fraction of at least {LEAST_SHARE:g} and below 1, or a whole number")
    return value


def checked_shard(text: str | None) -> str | None:
    """Return K/N in its one form, None for all. Raises ValueError as `parse_shard` does."""
    return None if text is None else "/".join(map(str, parse_shard(text)))


def parse_shard(text: str) -> tuple[int, int]:
    """Return K and N of "K/N". Raises ValueError for others than 1 <= K <= N."""
    own, _, shards = text.partition("/")
    numbers = (own + shards).isascii() and own.isdecimal() and shards.isdecimal() and len(shards) < 10
    if not numbers or not 1 <= int(own) <= int(shards):
        raise ValueError("give K/N with 1 <= K <= N, such as 2/4 for the second of four shares")
    return int(own), int(shards)
