"""What a task is: one photo to restyle with one artwork, under a key that tells it from every other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stylize.naming import keyed_name


@dataclass(frozen=True, slots=True)
class Input:
    """One image to read: its URI, what tells one version of it from another (size and time), and its type."""

    uri: str
    identity: str
    type: str | None
    problem: str | None = None
    """Why it cannot be read, where a list of pairs shows that already; `uri` then says where it is listed."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A photo and the artwork it is to take its style from."""

    content: Input
    style: Input


@dataclass(frozen=True, slots=True)
class Task:
    """A pair, its key, and where below OUT/images its image goes."""

    task_id: str
    pair: Pair
    output_name: str
    attempt: int = 1
    variant: str | None = None
    """What a sweep calls its method and settings."""
    repeat: int | None = None


def digest_of(what: list[Any]) -> hashlib._Hash:
    """Return the SHA-256 of what many tasks share, such as settings and weights, for `make_task` to go on from."""
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode())


def make_task(
    pair: Pair,
    shared: hashlib._Hash,
    suffix: str,
    *,
    name: Callable[[Pair, str], str] | None = None,
    variant: str | None = None,
    repeat: int | None = None,
) -> Task:
    """Return the pair's task. Its key hashes what is `shared` and both inputs' URI and identity.

    `name` gives a pair and a key the result's name, suffix and all; None: one with the key in it.
    """
    digest = shared.copy()
    for one in (pair.content, pair.style):
        digest.update(f"\0{one.uri}\0{one.identity}".encode())
    task_id = digest.hexdigest()
    own = name(pair, task_id) if name else keyed_name(pair.content.uri, pair.style.uri, task_id, suffix)
    return Task(task_id, pair, own, variant=variant, repeat=repeat)
