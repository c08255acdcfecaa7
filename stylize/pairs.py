"""What to do: a lazy stream of content/style pairs, and the tasks made from them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Input:
    """One image to read: its URI, what tells one version of it from another (size and time), and its type."""

    uri: str
    identity: str
    type: str | None


@dataclass(frozen=True, slots=True)
class Pair:
    """A photo and the artwork it is to take its style from."""

    content: Input
    style: Input


@dataclass(frozen=True, slots=True)
class Task:
    """A pair, its key, and where below OUT its image goes."""

    task_id: str
    pair: Pair
    output_name: str
    attempt: int = 1
