"""What a task is: one photo to restyle with one artwork, under a key that tells it from every other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stylize.naming import keyed_name

MISSING = "missing"
"""The identity of a file that is not there."""

Own = tuple[tuple[str, Any], ...]
"""Settings of one pair, by name."""


@dataclass(frozen=True, slots=True)
class Input:
    """One image to read: its URI, what tells one version of it from another (size and time), and its type."""

    uri: str
    identity: str
    type: str | None
    problem: str | None = None
    """Why its pair cannot be done, where a list of pairs shows that already.

    `identity` then says where it is listed, and so does `uri` where it is not known what is.
    """


@dataclass(frozen=True, slots=True)
class Pair:
    """A photo and the artwork it is to take its style from, or several; a list of pairs may say more of each."""

    content: Input
    style: Input
    others: tuple[Input, ...] = ()
    """Artworks whose styles are mixed with that of `style`."""
    shares: tuple[float, ...] = ()
    """The weights of `style` and the others, where there are any."""
    own: Own = ()
    """Settings of this pair alone, in place of the run's."""
    result: Input | None = None
    """The picture itself, where it was made elsewhere and is only scored."""

    @property
    def styles(self) -> tuple[Input, ...]:
        """Return all artworks."""
        return (self.style, *self.others)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Return all that is read for it: photo, artworks, and a result that is there already."""
        return (self.content, *self.styles, *([self.result] if self.result else []))

    @property
    def problem(self) -> str | None:
        """Return why it cannot be done, where a list of pairs shows that already."""
        return next((one.problem for one in self.inputs if one.problem), None)

    @property
    def style_uris(self) -> str | None:
        """Return what the column of that name holds: all artworks as JSON, None for a single one."""
        return json.dumps([one.uri for one in self.styles], ensure_ascii=False) if self.others else None


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
    warms_up: bool = False
    """Whether it is one more than counts, to warm a worker up."""


def settings_of(settings: dict[str, Any], own_settings: Own, shares: tuple[float, ...]) -> dict[str, Any]:
    """Return what decides the result of a pair: a run's `result_settings`, the pair's own in place of them.

    So a pair with a setting of its own is the task that it would be in a run of that setting.
    """
    own = dict(own_settings)
    if own:
        of_method = settings["settings"]
        given = {name: value for name, value in own.items() if name not in settings or name in of_method}
        settings = settings | {name: own[name] for name in settings.keys() & own} | {"settings": of_method | given}
    return settings | {"style_weights": list(shares)} if shares else settings


def digest_of(what: list[Any]) -> hashlib._Hash:
    """Return the SHA-256 of what many tasks share, such as settings and weights, for `make_task` to go on from."""
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode())


def number_of(*texts: str | None) -> int:
    """Return a 64-bit number that texts have in common with their equals alone."""
    text = "\0".join(one or "" for one in texts)
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def make_task(
    pair: Pair,
    shared: hashlib._Hash,
    suffix: str,
    *,
    name: Callable[[Pair, str], str] | None = None,
    variant: str | None = None,
    repeat: int | None = None,
) -> Task:
    """Return the pair's task. Its key hashes what is `shared` and all inputs' URI and identity.

    `name` gives a pair and a key the result's name, suffix and all; None: one with the key in it.
    """
    digest = shared.copy()
    for one in pair.inputs:
        digest.update(f"\0{one.uri}\0{one.identity}".encode())
    task_id = digest.hexdigest()
    own = name(pair, task_id) if name else keyed_name(pair.content.uri, pair.style.uri, task_id, suffix)
    return Task(task_id, pair, own, variant=variant, repeat=repeat)
