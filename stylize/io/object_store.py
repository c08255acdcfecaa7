"""Whole objects in and out of `s3://bucket/key` and `gs://bucket/key`, with bounded retries.

Requests that are throttled, fail with 5xx or break off are tried again with growing, jittered pauses. Nothing here ever
repeats a credential in a message.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from stylize.errors import BadKeyError, UsageError, one_line
from stylize.io import location
from stylize.io.location import Patience
from stylize.io.location import is_object as is_object

_PARTS_AT_ONCE = 4
_Got = TypeVar("_Got")


class RefusedError(PermissionError):
    """The store knows no such credentials, or they may not do this."""


class Conflict(Exception):  # noqa: N818 - it is an answer, not a fault
    """Another writer was first."""


class Found(NamedTuple):
    """An object below a folder: its name relative to that, its size, and what tells its versions apart."""

    name: str
    size_bytes: int
    version: str


def read(uri: str) -> bytes:
    """All bytes of an object. Raises FileNotFoundError, RefusedError, OSError when retries are used up, UsageError."""
    return _tried(uri, "read", lambda api, store, key: bytes(api.get(store, key).bytes()))


def read_version(uri: str, patience: Patience | None = None) -> tuple[bytes, dict[str, str]]:
    """As `read`, and the version that was read, for `put` to write over."""

    def get(api: Any, store: Any, key: str) -> tuple[bytes, dict[str, str]]:
        found = api.get(store, key)
        return bytes(found.bytes()), _known(found.meta)

    return _tried(uri, "read", get, patience)


def names(uri: str, patience: Patience | None = None) -> Iterator[Found]:
    """Every object below the folder `uri`, lazily, in the order of keys. Raises as `read` does.

    One that stands for the folder itself, as some programs make them, is left out.
    """
    patience = patience or location.USUAL
    store, key = _opened(uri, patience)
    import obstore
    from obstore import exceptions

    last: str | None = None
    broken = 0
    with _told(uri, "read"):
        while True:
            try:
                for chunk in obstore.list(store, prefix=key or None, offset=last):
                    for found in chunk:
                        last = found["path"]
                        if name := last.removeprefix(key).lstrip("/"):
                            yield Found(name, found["size"], _version(found))
                    broken = 0
                return
            except exceptions.GenericError as error:
                broken += 1
                _pause(broken, error, patience)


def head(uri: str) -> Found | None:
    """What is known of one object without its bytes; None where there is none. Raises as `read` does."""
    if not (key := location.place(uri).key):
        return None
    with contextlib.suppress(FileNotFoundError):
        found = _tried(uri, "read", lambda api, store, key: api.head(store, key))
        return Found(key.rpartition("/")[2], found["size"], _version(found))
    return None


def fetch(uri: str, path: Path) -> None:
    """An object into a local file, in pieces as they come. Raises as `read` does."""

    def get(api: Any, store: Any, key: str) -> None:
        with path.open("wb") as file:
            for piece in api.get(store, key).stream():
                file.write(piece)

    _tried(uri, "read", get)


def answers(uri: str) -> bool:
    """Whether the store of this object answers at all; a refusal is an answer, throttling or 5xx is none."""
    scheme, bucket, _ = location.place(uri)
    try:
        next(names(f"{scheme}://{bucket}", location.PROMPT), None)
    except (RefusedError, FileNotFoundError, UsageError):
        return True
    except OSError:
        return False
    return True


def put(
    uri: str,
    data: bytes | memoryview,
    only_over: Mapping[str, str] | None = None,
    *,
    guard: Callable[[], None] | None = None,
    patience: Patience | None = None,
) -> dict[str, str]:
    """Write an object, complete or not at all; a large one goes in several parts. Returns its version.

    `only_over`: write only over that version, or with an empty one only where there is no object; Conflict is raised
    otherwise. `guard` is called before every try, each of which is then short, and may raise to prevent it. Raises
    RefusedError, OSError when retries are used up, UsageError.
    """
    mode: Any = "overwrite" if only_over is None else (dict(only_over) or "create")
    # Only a plain write may go in parts: a condition holds for one request. Few at once, as each has a time limit.
    options = {"mode": mode, "use_multipart": None if only_over is None else False, "max_concurrency": _PARTS_AT_ONCE}

    def write(api: Any, store: Any, key: str) -> dict[str, str]:
        return _known(api.put(store, key, bytes(data), **options))

    return _guarded(uri, "written", write, guard, patience)


def remove(uri: str, guard: Callable[[], None] | None = None) -> None:
    """Delete an object, if it is there. `guard` and errors as `put` has them."""
    with contextlib.suppress(FileNotFoundError):
        _guarded(uri, "deleted", lambda api, store, key: api.delete(store, key), guard)


def patiently(call: Callable[[], _Got]) -> _Got:
    """What `call` returns, tried again while the store fails in ways that may pass, as long as any request is."""
    patience = location.USUAL
    until_s = time.monotonic() + patience.for_s
    for tries in itertools.count(1):
        try:
            return call()
        except OSError as error:
            final = isinstance(error, (RefusedError, FileNotFoundError)) or tries > patience.retries
            pause_s = patience.pause_s(tries)
            if final or time.monotonic() + pause_s > until_s:
                raise
            time.sleep(pause_s)
    raise AssertionError


_Call = Callable[[Any, Any, str], _Got]
"""obstore, the store and the key to what comes of them."""


def _guarded(
    uri: str, done: str, call: _Call[_Got], guard: Callable[[], None] | None, patience: Patience | None = None
) -> _Got:
    if guard is None:
        return _tried(uri, done, call, patience)

    def once() -> _Got:
        guard()
        return _tried(uri, done, call, location.GUARDED)

    return patiently(once)


def _tried(uri: str, done: str, call: _Call[_Got], patience: Patience | None = None) -> _Got:
    """What `call` returns. An answer that breaks off is asked for again, as obstore does for bytes only."""
    patience = patience or location.USUAL
    store, key = _opened(uri, patience)
    import obstore
    from obstore import exceptions

    if not key:
        raise BadKeyError(f"{one_line(uri)}: a bucket, where an object is wanted")
    broken = 0
    with _told(uri, done):
        while True:
            try:
                return call(obstore, store, key)
            except exceptions.GenericError as error:
                broken += 1
                _pause(broken, error, patience)


def _opened(uri: str, patience: Patience) -> tuple[Any, str]:
    scheme, bucket, key = location.place(uri)
    location.check_key(uri)
    return location.store(scheme, bucket, patience), key


def _pause(broken: int, error: Exception, patience: Patience) -> None:
    """Wait before another try, longer each time; raises `error` if there is not to be one."""
    if "or response body error" not in str(error) or broken > patience.retries:
        raise error
    time.sleep(patience.pause_s(broken))


def _known(version: Any) -> dict[str, str]:
    return {name: version[name] for name in ("e_tag", "version") if version.get(name)}


def _version(found: Any) -> str:
    return str(found.get("e_tag") or found["last_modified"])


@contextlib.contextmanager
def _told(uri: str, done: str) -> Iterator[None]:
    """Within it, a store's errors become those that files have, in one line that names `uri`."""
    from obstore import exceptions

    scheme = location.place(uri).scheme
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(f"no such {'object' if done == 'read' else 'bucket'}: {one_line(uri)}") from None
    except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
        raise Conflict(one_line(uri)) from None
    except exceptions.InvalidPathError as error:
        raise UsageError(_odd_key(uri, error)) from None
    except exceptions.BaseError as error:
        # By its status, as a refused listing has no class of its own.
        if re.search(r"status code: 40[13]\b", str(error)):
            why = f"the store refuses to let it be {done} ({location.reason(error, scheme)}): check the credentials"
            raise RefusedError(f"{one_line(uri)}: {why}") from None
        if "<Code>NoSuchBucket<" in str(error):
            raise FileNotFoundError(f"no such bucket: {one_line(uri)}") from None
        raise OSError(
            f"{one_line(uri)} could not be {done}, although tried again ({location.reason(error, scheme)})"
        ) from None
    except ValueError as error:  # obstore's own check of a key, should it know more than ours
        raise BadKeyError(f"{one_line(uri)}: no key that can be {done} ({one_line(error)})") from None


def _odd_key(uri: str, error: Exception) -> str:
    """Of a listing that obstore refuses whole for one key in it."""
    found = re.search(r'Path "(.*?)"(?: contained|: Encountered)', str(error), re.DOTALL)
    which = f" {one_line(found[1])}" if found else ""
    why = "with an empty, '.' or '..' part or a control character cannot be listed"
    return f"{one_line(uri)}: a key{which} {why}: rename it, or list the photos in a --manifest"
