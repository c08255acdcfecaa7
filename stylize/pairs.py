"""What to do: a lazy stream of content/style pairs, and the tasks made from them."""

from __future__ import annotations

import csv
import functools
import hashlib
import itertools
import json
import logging
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylize.config import JobConfig
from stylize.errors import UsageError, one_line
from stylize.images import SUFFIXES
from stylize.naming import output_name
from stylize.storage import local_path

log = logging.getLogger(__name__)

LOOK_AHEAD = 1024


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
        return grouped_by_style(in_shard(read_manifest(config.manifest), config.shard))
    content, styles = _folders(config, kinds)
    for root, found in ((content, SUFFIXES), (styles, kinds)):
        if next(images_in(root, found), None) is None:
            raise _no_images(root, found)
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
        return sum(1 for _ in in_shard(read_manifest(config.manifest), config.shard))
    roots = _folders(config, kinds)
    content, styles = count_images(roots[0]), count_images(roots[1], kinds)
    if config.pairing == "zip" and content != styles:
        raise UsageError(f"zip needs as many photos as artworks: CONTENT has {content}, STYLES has {styles}")
    if config.shard is not None:
        return sum(1 for _ in pairs(config, kinds))
    return content * styles if config.pairing == "cross" else content


def count_images(root: Path, kinds: Collection[str] = SUFFIXES) -> int:
    """How many images lie below a folder. Raises UsageError if there is none."""
    number = sum(1 for _ in images_in(root, kinds))
    if number == 0:
        raise _no_images(root, kinds)
    return number


def _no_images(root: Path, kinds: Collection[str]) -> UsageError:
    what = "images" if kinds is SUFFIXES else "checkpoints"
    return UsageError(f"{one_line(root)}: no {what} in this folder (looked for {', '.join(sorted(kinds))})")


def _folders(config: JobConfig, kinds: Collection[str]) -> tuple[Path, Path]:
    content = folder(config.content, "CONTENT")
    single = Path(os.path.abspath(local_path(config.styles or "")))  # noqa: PTH100 - symlinks stay
    styles = single if kinds is not SUFFIXES and single.is_file() else folder(config.styles, "STYLES")
    out = local_path(config.out).resolve()
    for root, role in ((content, "CONTENT"), (styles, "STYLES")):
        if out.is_relative_to(root.resolve()):
            raise UsageError(f"OUT lies in {role}, so results would be taken for inputs; give an OUT outside of it")
    return content, styles


def folder(uri: str | None, role: str) -> Path:
    """The absolute path of an input folder. Raises UsageError if it is no folder or cannot be listed."""
    path = Path(os.path.abspath(local_path(uri or ""))) if uri else None  # noqa: PTH100 - symlinks stay
    if path is None or not path.is_dir():
        raise UsageError(f"{role}: no such folder: {one_line(uri or '')}")
    if not os.access(path, os.R_OK | os.X_OK):
        raise UsageError(f"{role}: no permission to list {one_line(path)}")
    return path


def images_in(root: Path, kinds: Collection[str] = SUFFIXES) -> Iterator[Input]:
    """Every image below `root` by its suffix, in the order of names, one folder in memory at a time.

    With other `kinds`, every file of those; `root` may then be a single file.
    """
    if kinds is not SUFFIXES and root.is_file():
        yield Input(_uri(str(root)), _identity(root), None)
    else:
        yield from _walk(root, None, frozenset(), kinds)


def _walk(here: Path, kind: str | None, above: frozenset[tuple[int, int]], kinds: Collection[str]) -> Iterator[Input]:
    try:
        inode = here.stat()
        with os.scandir(here) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        _skipped(here, error.strerror)
        return
    me = (inode.st_dev, inode.st_ino)
    if me in above:
        return  # a link back to a folder that is being listed
    above |= {me}
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if _is_folder(entry):
            yield from _walk(Path(entry.path), kind if kind is not None else _readable(entry.name), above, kinds)
        elif os.path.splitext(entry.name)[1].lower() in kinds:  # noqa: PTH122 - hot
            yield Input(_uri(entry.path), _identity(entry), kind)


@functools.cache
def _skipped(here: Path, reason: str | None) -> None:
    # Once a folder, although `cross` lists it once for every artwork.
    log.warning("%s: skipped, it cannot be listed: %s", one_line(here), reason)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _readable(name: str) -> str:
    return os.fsencode(name).decode(errors="replace")


def _uri(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        return Path(path).as_uri()  # a name that is no UTF-8 cannot stand in a row as it is
    return path


def _identity(entry: os.DirEntry[str] | Path) -> str:
    try:
        found = entry.stat()
    except (OSError, ValueError):
        return "missing"
    return f"{found.st_size}:{found.st_mtime_ns}"


def _zipped(content: Path, styles: Path, kinds: Collection[str]) -> Iterator[Pair]:
    for c, s in itertools.zip_longest(images_in(content), images_in(styles, kinds)):
        if c is None or s is None:
            raise UsageError(f"zip needs as many photos as artworks: there are fewer {'photos' if s else 'artworks'}")
        yield Pair(c, s)


def read_manifest(uri: str) -> Iterator[Pair]:
    """Pairs from a CSV or Parquet file; relative paths are taken from the manifest's folder.

    Raises UsageError naming the file, the line and what is missing.
    """
    path = local_path(uri)
    if not path.is_file():
        raise UsageError(f"manifest: no such file: {one_line(uri)}")
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise UsageError(f"manifest {one_line(path)}: expected a .csv or .parquet file")
    rows = _csv_rows(path) if suffix == ".csv" else _parquet_rows(path)
    base = Path(os.path.abspath(path)).parent  # noqa: PTH100 - symlinks stay
    number = 0
    for number, row in enumerate(rows, start=1):
        for name in ("content_uri", "style_uri"):
            if not row.get(name):
                raise UsageError(f"manifest {one_line(path)}: row {number} has no {name}")
        content, style = str(row["content_uri"]), str(row["style_uri"])
        yield Pair(_listed(content, row.get("content_type"), base), _listed(style, row.get("style_type"), base))
    if number == 0:
        raise UsageError(f"manifest {one_line(path)}: no rows below its header")


def _listed(uri: str, kind: Any, base: Path) -> Input:
    path = base / local_path(uri)
    text = uri if uri[:6].lower() == "file:/" else _uri(str(path))
    return Input(text, _identity(path), str(kind) if kind else None)


def _csv_rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            _check_columns(path, reader.fieldnames or ())
            yield from reader
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"manifest {one_line(path)}: not a UTF-8 CSV file ({error})") from None
    except OSError as error:
        raise UsageError(f"manifest {one_line(path)}: {error.strerror}") from None


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    known = ("content_uri", "style_uri", "content_type", "style_type")
    try:
        with pq.ParquetFile(path) as file:
            _check_columns(path, file.schema_arrow.names)
            columns = [name for name in known if name in file.schema_arrow.names]
            for batch in file.iter_batches(4096, columns=columns):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        line = " ".join(str(error).split())
        raise UsageError(f"manifest {one_line(path)}: not a Parquet file ({line})") from None


def _check_columns(path: Path, names: Iterable[str]) -> None:
    missing = {"content_uri", "style_uri"} - set(names)
    if missing:
        raise UsageError(f"manifest {one_line(path)}: no column {' and no column '.join(sorted(missing))}")


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
