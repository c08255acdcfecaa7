"""Object stores, `s3://bucket/key` and `gs://bucket/key`: whole objects in and out, with bounded retries.

Credentials are the store's usual chain: environment variables, a role of the machine or pod and, for S3 with boto3
installed, the profiles in ~/.aws. Requests that are throttled, fail with 5xx or break off are tried again with growing,
jittered pauses. Nothing here ever repeats a credential in a message.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from stylize.errors import UsageError, one_line

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

SCHEMES = ("s3", "gs")
RETRIES = 6
RETRY_FOR_S = 60
TIMEOUT_S = 60
CONNECT_S = 5
_URI = re.compile(r"(s3|gs)://([^/]+)/*(.*)", re.IGNORECASE | re.DOTALL)


class RefusedError(PermissionError):
    """The store knows no such credentials, or they may not do this."""


def is_object(uri: str) -> bool:
    """Whether this names something in an object store."""
    return uri[:5].lower() in {f"{scheme}://" for scheme in SCHEMES}


def read(uri: str) -> bytes:
    """All bytes of an object. Raises FileNotFoundError, RefusedError, OSError when retries are used up, UsageError."""
    store, key = _place(uri)
    import obstore

    return _tried(uri, "read", lambda: bytes(obstore.get(store, key).bytes()))


def read_version(uri: str) -> tuple[bytes, dict[str, str]]:
    """As `read`, and the version that was read, for `put` to write over."""
    store, key = _place(uri)
    import obstore

    def get() -> tuple[bytes, dict[str, str]]:
        found = obstore.get(store, key)
        return bytes(found.bytes()), _known(found.meta)

    return _tried(uri, "read", get)


class Found(NamedTuple):
    """An object below a folder: its name relative to that, its size, and what tells its versions apart."""

    name: str
    size_bytes: int
    version: str


def names(uri: str) -> Iterator[Found]:
    """Every object below the folder `uri`, lazily, in the order of keys. Raises as `read` does."""
    store, key = _place(uri)
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
                        yield Found(last.removeprefix(key).lstrip("/"), found["size"], _version(found))
                    broken = 0
                return
            except exceptions.GenericError as error:
                broken += 1
                _pause(broken, error)


def head(uri: str) -> Found | None:
    """What is known of one object without its bytes; None where there is none. Raises as `read` does."""
    store, key = _place(uri)
    import obstore

    try:
        found = _tried(uri, "read", lambda: obstore.head(store, key))
    except FileNotFoundError:
        return None
    return Found(key.rpartition("/")[2], found["size"], _version(found))


def fetch(uri: str, path: Path) -> None:
    """An object into a local file, in pieces as they come. Raises as `read` does."""
    store, key = _place(uri)
    import obstore

    def get() -> None:
        with path.open("wb") as file:
            for piece in obstore.get(store, key).stream():
                file.write(piece)

    _tried(uri, "read", get)


class Conflict(Exception):  # noqa: N818 - it is an answer, not a fault
    """Another writer was first."""


def put(uri: str, data: bytes | memoryview, only_over: Mapping[str, str] | None = None) -> dict[str, str]:
    """Write an object, complete or not at all; a large one goes in several parts. Returns its version.

    `only_over`: write only over that version, or with an empty one only where there is no object; Conflict is raised
    otherwise. Raises RefusedError, OSError when retries are used up, UsageError.
    """
    store, key = _place(uri)
    import obstore
    from obstore import exceptions

    mode: Any = "overwrite" if only_over is None else (dict(only_over) or "create")
    try:
        # Only a plain write may go in parts: a condition holds for one request.
        parts = None if only_over is None else False
        return _known(
            _tried(uri, "written", lambda: obstore.put(store, key, bytes(data), mode=mode, use_multipart=parts))
        )
    except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
        raise Conflict(one_line(uri)) from None


def remove(uri: str) -> None:
    """Delete an object, if it is there. Raises as `put` does."""
    store, key = _place(uri)
    import obstore

    with contextlib.suppress(FileNotFoundError):
        _tried(uri, "deleted", lambda: obstore.delete(store, key))


def _known(version: Any) -> dict[str, str]:
    return {name: version[name] for name in ("e_tag", "version") if version.get(name)}


def _version(found: Any) -> str:
    return str(found.get("e_tag") or found["last_modified"])


def _place(uri: str) -> tuple[ObjectStore, str]:
    found = _URI.fullmatch(uri)
    if found is None:
        raise UsageError(f"{one_line(uri)}: expected s3://BUCKET/KEY or gs://BUCKET/KEY")
    scheme, bucket, key = found.groups()
    if "@" in bucket:
        # Not repeated: what stands before the @ would be a password, and a URI is in every row.
        raise UsageError(f"{scheme}://: no credentials in a URI; leave them to the environment or the machine's role")
    return _store(scheme.lower(), bucket), key.rstrip("/")


@lru_cache(64)
def _store(scheme: str, bucket: str) -> ObjectStore:
    try:
        from obstore.store import from_url
    except ImportError:
        raise UsageError(f"{scheme}:// needs the package obstore: pip install obstore") from None
    retry: RetryConfig = {"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_FOR_S)}
    client: ClientConfig = {"timeout": f"{TIMEOUT_S}s", "connect_timeout": f"{CONNECT_S}s"}
    if os.environ.get("AWS_ENDPOINT_URL", os.environ.get("AWS_ENDPOINT", "")).startswith("http://"):
        client["allow_http"] = True
    more: dict[str, Any] = {"credential_provider": _profile()} if scheme == "s3" and _has_profile() else {}
    return from_url(f"{scheme}://{bucket}", client_options=client, retry_config=retry, **more)


def _has_profile() -> bool:
    if "AWS_ACCESS_KEY_ID" in os.environ:
        return False
    places = (("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config"))
    return "AWS_PROFILE" in os.environ or any(
        Path(os.environ.get(name, f"~/.aws/{file}")).expanduser().is_file() for name, file in places
    )


def _profile() -> Any:
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        raise UsageError(
            "profiles in ~/.aws need the package boto3: pip install boto3, or set AWS_ACCESS_KEY_ID"
        ) from None
    return Boto3CredentialProvider()


_Got = TypeVar("_Got")


def _tried(uri: str, done: str, call: Callable[[], _Got]) -> _Got:
    """What `call` returns. An answer that breaks off is asked for again, as obstore does for bytes only."""
    from obstore import exceptions

    broken = 0
    with _told(uri, done):
        while True:
            try:
                return call()
            except exceptions.GenericError as error:
                broken += 1
                _pause(broken, error)


def _pause(broken: int, error: Exception) -> None:
    """Wait before another try, longer each time; raises `error` if there is not to be one."""
    if "or response body error" not in str(error) or broken > RETRIES:
        raise error
    time.sleep(random.uniform(0.05, 0.1) * 2**broken)


@contextlib.contextmanager
def _told(uri: str, done: str) -> Iterator[None]:
    """Within it, a store's errors become those that files have, in one line that names `uri`."""
    from obstore import exceptions

    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(f"no such {'object' if done == 'read' else 'bucket'}: {one_line(uri)}") from None
    except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
        raise
    except exceptions.InvalidPathError as error:
        raise UsageError(f"{one_line(uri)}: no key that can be {done} ({_reason(error)})") from None
    except exceptions.BaseError as error:
        # By its status, as a refused listing has no class of its own.
        if re.search(r"status code: 40[13]\b", str(error)):
            why = f"the store refuses to let it be {done} ({_reason(error)}): check the credentials"
            raise RefusedError(f"{one_line(uri)}: {why}") from None
        if "<Code>NoSuchBucket<" in str(error):
            raise FileNotFoundError(f"no such bucket: {one_line(uri)}") from None
        raise OSError(f"{one_line(uri)} could not be {done}, although tried again ({_reason(error)})") from None


def _reason(error: BaseException) -> str:
    """What a store said, without its answer's body: that of a refused request repeats the access key."""
    text = str(error).partition("\n\nDebug source")[0]
    if code := re.search(r"<Code>(\w{1,80})</Code>", text):
        return code[1]
    plain = text.partition("<")[0]
    return " ".join((plain.partition(" - ")[2] or plain).split())[:200] or type(error).__name__
