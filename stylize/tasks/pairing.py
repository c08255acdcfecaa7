"""What to do: a lazy stream of content/style pairs, and the tasks made from them."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylize.config import JobConfig
from stylize.errors import UsageError
from stylize.images import SUFFIXES
from stylize.io.files import local_path
from stylize.io.location import absolute
from stylize.io.object_store import is_object
from stylize.naming import output_name
from stylize.tasks import manifest
from stylize.tasks.listing import Pair, Root, count_images, images_in, no_images, root_of
from stylize.tasks.manifest import LOOK_AHEAD


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


def pairs(config: JobConfig, kinds: Collection[str] = SUFFIXES) -> Iterator[Pair]:
    """Every pair of the config's shard, lazily, those that share a style together.

    `kinds` are the suffixes of what serves as a style.
    Raises UsageError for a missing or empty folder and for one that OUT lies in; while it is read, for folders of
    different sizes under `zip` and a bad manifest.
    """
    if config.manifest is not None:
        return grouped_by_style(manifest.with_versions(in_shard(manifest.read(config.manifest), config.shard)))
    content, styles = _folders(config, kinds)
    for root, found in ((content, SUFFIXES), (styles, kinds)):
        if next(images_in(root, found), None) is None:
            raise no_images(root, found)
    if config.pairing == "zip":
        return in_shard(_zipped(content, styles, kinds), config.shard)
    return in_shard((Pair(c, s) for s in images_in(styles, kinds) for c in images_in(content)), config.shard)


def in_shard(stream: Iterator[Pair], shard: str | None) -> Iterator[Pair]:
    """The pairs of shard "K/N", every one of them for None. N shards share out all pairs, each to exactly one.

    By a hash of both URIs: neither other files nor a newer version of its own move a pair to another shard.
    """
    if shard is None:
        return stream
    own, shards = map(int, shard.split("/"))
    return (pair for pair in stream if _place(pair) % shards == own - 1)


def _place(pair: Pair) -> int:
    both = f"{pair.content.uri}\0{pair.style.uri}".encode()
    return int.from_bytes(hashlib.blake2b(both, digest_size=8).digest(), "big")


def count(config: JobConfig, kinds: Collection[str] = SUFFIXES) -> int:
    """How many pairs there are, in one pass over the names (a shard's: over the pairs). Raises as `pairs` does."""
    if config.manifest is not None:
        return sum(1 for _ in in_shard(manifest.read(config.manifest), config.shard))
    roots = _folders(config, kinds)
    content, styles = count_images(roots[0]), count_images(roots[1], kinds)
    if config.pairing == "zip" and content != styles:
        raise UsageError(f"zip needs as many photos as artworks: CONTENT has {content}, STYLES has {styles}")
    if config.shard is not None:
        return sum(1 for _ in pairs(config, kinds))
    return content * styles if config.pairing == "cross" else content


def _folders(config: JobConfig, kinds: Collection[str]) -> tuple[Root, Root]:
    content = root_of(config.content, "CONTENT")
    single = _single(config.styles or "") if kinds is not SUFFIXES else None
    styles = single or root_of(config.styles, "STYLES")
    for root, role in ((content, "CONTENT"), (styles, "STYLES")):
        refuse_out_inside(root, role, config.out)
    return content, styles


def _single(uri: str) -> Path | None:
    """STYLES if it is one file of this machine."""
    if is_object(uri):
        return None
    path = absolute(local_path(uri))
    return path if path.is_file() else None


def refuse_out_inside(root: Root, role: str, out: str) -> None:
    """Raises UsageError where OUT lies in an input folder."""
    if isinstance(root, str):
        inside = is_object(out) and f"{out}/".startswith(f"{root}/")
    else:
        inside = not is_object(out) and local_path(out).resolve().is_relative_to(root.resolve())
    if inside:
        raise UsageError(f"OUT lies in {role}, so results would be taken for inputs; give an OUT outside of it")


def _zipped(content: Root, styles: Root, kinds: Collection[str]) -> Iterator[Pair]:
    for c, s in itertools.zip_longest(images_in(content), images_in(styles, kinds)):
        if c is None or s is None:
            raise UsageError(f"zip needs as many photos as artworks: there are fewer {'photos' if s else 'artworks'}")
        yield Pair(c, s)


def grouped_by_style(stream: Iterator[Pair]) -> Iterator[Pair]:
    """The same pairs, those of one style together within every LOOK_AHEAD of them, so its code is kept."""
    while chunk := list(itertools.islice(stream, LOOK_AHEAD)):
        by_style: dict[str, list[Pair]] = {}
        for pair in chunk:
            by_style.setdefault(pair.style.uri, []).append(pair)
        yield from itertools.chain.from_iterable(by_style.values())


def tasks(stream: Iterable[Pair], settings: dict[str, Any], weights_sha256: str | None, suffix: str) -> Iterator[Task]:
    """A task for every pair. Its key hashes both inputs' identity, the settings and the weights."""
    shared = json.dumps([settings, weights_sha256], sort_keys=True).encode()
    base = hashlib.sha256(shared)
    for pair in stream:
        digest = base.copy()
        for one in (pair.content, pair.style):
            digest.update(f"\0{one.uri}\0{one.identity}".encode())
        task_id = digest.hexdigest()
        yield Task(task_id, pair, output_name(pair.content.uri, pair.style.uri, task_id, suffix))
