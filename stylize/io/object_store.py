"""Whole objects in and out of object stores, tried as often as `stylize.io.retry` says.

A location is given as an ObjectUri or as its text. All functions raise UsageError for a URI or credentials that cannot
be used and BadKeyError for a key; and those that a file's functions have: FileNotFoundError, RefusedError for what the
credentials may not do, OSError when the attempts are used up. Nothing here ever repeats a credential in a message.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from stylize.errors import BadKeyError, UsageError
from stylize.io import retry
from stylize.io.listings import EndlessError, pages
from stylize.io.location import ObjectUri, as_location
from stylize.io.retry import Retry, RetryPolicy
from stylize.io.store_errors import Conflict as Conflict
from stylize.io.store_errors import CredentialsError as CredentialsError
from stylize.io.store_errors import NoObjectError as NoObjectError
from stylize.io.store_errors import RefusedError as RefusedError
from stylize.io.store_errors import as_file_errors, is_unexplained, may_pass
from stylize.io.store_kinds import open_bucket

_PARTS_AT_ONCE = 4
_PIECE_BYTES = 1 << 20
_Result = TypeVar("_Result")
_Call = Callable[[Any, Any, str], _Result]
"""obstore, the store and the key to what comes of them."""


class ObjectInfo(NamedTuple):
    """An object below a folder: its name relative to that, its size, and what tells its versions apart."""

    name: str
    size_bytes: int
    version: str


def read(uri: str | ObjectUri, check_size: Callable[[int], None] | None = None) -> bytes:
    """Return all bytes of an object. `check_size` is called with its size in bytes before they come, and may raise."""
    data, _ = read_version(uri, check_size=check_size)
    return data


def read_head(uri: str | ObjectUri, length: int) -> bytes:
    """Return the first `length` bytes of an object, which has at least so many."""
    if length == 0:
        return b""  # no range can ask for that
    return _tried(_checked(uri), "read", lambda api, store, key: bytes(api.get_range(store, key, start=0, end=length)))


def read_version(
    uri: str | ObjectUri, policy: RetryPolicy | None = None, check_size: Callable[[int], None] | None = None
) -> tuple[bytes, dict[str, str]]:
    """Return an object's bytes and the version that was read, for `put` to write over. `check_size` as for `read`."""
    data = bytearray()

    def take(position: int, piece: bytes) -> None:
        del data[position:]
        data.extend(piece)

    meta = _receive(uri, take, policy, check_size)
    return bytes(data), _version_of(meta)


def fetch(uri: str | ObjectUri, path: Path, most_bytes: int | None = None) -> None:
    """Copy an object into a local file, in pieces as they come. Raises UsageError for one of more than `most_bytes`."""
    with path.open("wb") as file:

        def take(position: int, piece: bytes) -> None:
            file.seek(position)
            file.write(piece)
            file.truncate()

        def check(size_bytes: int) -> None:
            if most_bytes is not None and size_bytes > most_bytes:
                raise UsageError(f"{as_location(uri).shown}: {size_bytes:,} bytes, where {most_bytes:,} are the most")

        _receive(uri, take, check_size=check)


def names(uri: str | ObjectUri, policy: RetryPolicy | None = None) -> Iterator[ObjectInfo]:
    """Yield every object below the folder `uri`, lazily, in the order of keys.

    One that stands for the folder itself, as some programs make them, is left out. Raises OSError for a listing
    without an end.
    """
    where = _checked(uri)
    policy = policy or retry.DEFAULT
    store = open_bucket(where.scheme, where.bucket, policy.request_s)
    import obstore

    last: str | None = None
    attempts = Retry(policy)
    with as_file_errors(str(where), "read"):
        while True:
            try:
                stream = obstore.list(store, prefix=where.key or None, offset=last)
                for page in pages(stream, policy.longest_s):
                    for meta in page:
                        last = meta["path"]
                        if name := last.removeprefix(where.key).lstrip("/"):
                            yield ObjectInfo(name, meta["size"], _fingerprint(meta))
                    attempts.progressed()
                return
            except Exception as error:
                if isinstance(error, EndlessError):
                    raise OSError(f"{where.shown} could not be read: {error}") from None
                if not may_pass(error):
                    raise
                attempts.wait(error)


def head(uri: str | ObjectUri) -> ObjectInfo | None:
    """Return what is known of one object without its bytes, or None where there is none."""
    where = _checked(uri)
    if not where.key:
        return None
    with contextlib.suppress(FileNotFoundError):
        meta = _tried(where, "read", _head)
        return ObjectInfo(where.name, meta["size"], _fingerprint(meta))
    return None


def _head(api: Any, store: Any, key: str) -> Any:
    try:
        return api.head(store, key)
    except Exception as error:
        if is_unexplained(error):
            api.get_range(store, key, start=0, end=1)  # refused as well, it says why
        raise


def answers(uri: str | ObjectUri) -> bool:
    """Return whether the store of this object answers at all.

    A refusal is an answer, unless it is of the credentials themselves; throttling and 5xx are none.
    """
    where = _checked(uri)
    try:
        next(names(ObjectUri(where.scheme, where.bucket, ""), retry.RENEW), None)
    except CredentialsError:
        return False
    except (RefusedError, FileNotFoundError, UsageError):
        return True
    except OSError:
        return False
    return True


def put(
    uri: str | ObjectUri,
    data: bytes | memoryview,
    only_over: Mapping[str, str] | None = None,
    *,
    guard: Callable[[], None] | None = None,
    policy: RetryPolicy | None = None,
) -> dict[str, str]:
    """Write an object, complete or not at all, and return its version; a large one goes in several parts.

    `only_over`: write only over that version, or with an empty one only where there is no object; Conflict is raised
    otherwise. `guard` is called before every attempt, each of which is then short, and may raise to prevent it.
    """
    mode: Any = "overwrite" if only_over is None else (dict(only_over) or "create")
    # Only a plain write may go in parts: a condition holds for one request. Few at once, as each has a time limit.
    options = {"mode": mode, "use_multipart": None if only_over is None else False, "max_concurrency": _PARTS_AT_ONCE}

    def write(api: Any, store: Any, key: str) -> dict[str, str]:
        return _version_of(api.put(store, key, bytes(data), **options))

    return _tried(uri, "written", write, guard, policy)


def remove(uri: str | ObjectUri, guard: Callable[[], None] | None = None) -> None:
    """Delete an object, if it is there; `guard` as `put` has it."""
    with contextlib.suppress(FileNotFoundError):
        _tried(uri, "deleted", lambda api, store, key: api.delete(store, key), guard)


def _tried(
    uri: str | ObjectUri,
    done: str,
    call: _Call[_Result],
    guard: Callable[[], None] | None = None,
    policy: RetryPolicy | None = None,
) -> _Result:
    """Return what `call` returns, attempted as the policy says: DEFAULT, or GUARDED where there is a guard."""
    where, store, policy = _opened(uri, policy or (retry.DEFAULT if guard is None else retry.GUARDED))
    import obstore

    with as_file_errors(str(where), done):
        return retry.retried(lambda: call(obstore, store, where.key), policy, may_pass, guard)


def _receive(
    uri: str | ObjectUri,
    take: Callable[[int, bytes], None],
    policy: RetryPolicy | None = None,
    check_size: Callable[[int], None] | None = None,
) -> Any:
    """Hand an object's bytes to `take`, piece by piece with their position, and return what is known of it.

    An answer that breaks off is asked for again from there on; if the object was replaced meanwhile, from 0.
    """
    where, store, policy = _opened(uri, policy or retry.DEFAULT)
    import obstore
    from obstore import exceptions

    attempts = Retry(policy)
    received, meta, was_replaced = 0, None, False
    with as_file_errors(str(where), "read"):
        while True:
            try:
                answer = obstore.get(store, where.key, options=_rest(received, meta))
                meta = answer.meta
                if check_size is not None:
                    check_size(meta["size"])
                for piece in answer.stream(min_chunk_size=_PIECE_BYTES):
                    take(received, bytes(piece))
                    received += len(piece)
                    if len(piece) >= _PIECE_BYTES and not was_replaced:
                        attempts.progressed()
                return meta
            except (exceptions.GenericError, exceptions.PreconditionError) as error:
                replaced = isinstance(error, exceptions.PreconditionError)
                if not (replaced or may_pass(error)):
                    raise
                was_replaced |= replaced
                if replaced or meta is None or not meta["e_tag"]:
                    received = 0
                    take(0, b"")
                attempts.wait(error)


def _rest(received: int, meta: Any) -> Any:
    """Return the options that ask for what is left of one version of an object."""
    return {"range": {"offset": received}, "if_match": meta["e_tag"]} if received else None


def _opened(uri: str | ObjectUri, policy: RetryPolicy) -> tuple[ObjectUri, Any, RetryPolicy]:
    where = _checked(uri)
    if not where.key:
        raise BadKeyError(f"{where.shown}: a bucket, where an object is wanted")
    return where, open_bucket(where.scheme, where.bucket, policy.request_s), policy


def _checked(uri: str | ObjectUri) -> ObjectUri:
    where = as_location(uri)
    if not isinstance(where, ObjectUri):
        raise UsageError(f"{where.shown}: a path, where an object of a store is wanted")
    where.check()
    return where


def _version_of(meta: Any) -> dict[str, str]:
    return {name: meta[name] for name in ("e_tag", "version") if meta.get(name)}


def _fingerprint(meta: Any) -> str:
    return str(meta.get("e_tag") or meta["last_modified"])
