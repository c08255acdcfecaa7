"""Object stores, `s3://bucket/key` and `gs://bucket/key`: whole objects in, with bounded retries.

Credentials are the store's usual chain: environment variables, a role of the machine or pod and, for S3 with boto3
installed, the profiles in ~/.aws. Requests that are throttled, fail with 5xx or break off are tried again with growing,
jittered pauses. Nothing here ever repeats a credential in a message.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.errors import CannotContinueError, UsageError, one_line

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

SCHEMES = ("s3", "gs")
RETRIES = 6
RETRY_FOR_S = 60
TIMEOUT_S = 60
CONNECT_S = 5
_AT_ONCE = 8
_COPIES = 5
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

    with _told(uri):
        # A body that breaks off is taken on where it did.
        return bytes(obstore.get(store, key).bytes())


def names(uri: str) -> Iterator[tuple[str, str]]:
    """(name, version) of every object below the folder `uri`, lazily, names relative to it. Raises as `read` does."""
    store, key = _place(uri)
    import obstore

    with _told(uri):
        for chunk in obstore.list(store, prefix=key or None):
            for found in chunk:
                version = str(found.get("e_tag") or found["last_modified"])
                yield found["path"].removeprefix(key).lstrip("/"), version


def copy_run(uri: str, folder: Path) -> None:
    """A run's rows and run.json into a local folder. Raises UsageError where there are no rows.

    A driver may be merging parts meanwhile: a copy counts only if no part changed while it was made.
    """
    _place(uri)
    (folder / "rows").mkdir(parents=True, exist_ok=True)
    try:
        for _ in range(_COPIES):
            parts = _parts(uri)
            if not parts:
                raise UsageError(f"{one_line(uri)} holds no rows: give the OUT of a run")
            if _copied(uri, parts, folder) and parts.items() <= _parts(uri).items():
                return
    except RefusedError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise CannotContinueError(str(error)) from None
    raise CannotContinueError(f"{one_line(uri)}/rows kept changing while it was read: try again in a moment")


def _parts(uri: str) -> dict[str, str]:
    # What pandas and pyarrow read of a folder of rows.
    return {
        name: version for name, version in names(f"{uri}/rows") if "/" not in name and not name.startswith((".", "_"))
    }


def _copied(uri: str, parts: dict[str, str], folder: Path) -> bool:
    """Whether every one was still there."""
    for old in (folder / "rows").iterdir():
        old.unlink()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            for name, data in zip(parts, pool.map(lambda name: read(f"{uri}/rows/{name}"), parts), strict=True):
                (folder / "rows" / name).write_bytes(data)
        except FileNotFoundError:
            return False
    try:
        (folder / "run.json").write_bytes(read(f"{uri}/run.json"))
    except FileNotFoundError:
        (folder / "run.json").unlink(missing_ok=True)
    return True


def _place(uri: str) -> tuple[ObjectStore, str]:
    found = _URI.fullmatch(uri)
    if found is None:
        raise UsageError(f"{one_line(uri)}: expected s3://BUCKET/KEY or gs://BUCKET/KEY")
    scheme, bucket, key = found.groups()
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


@contextlib.contextmanager
def _told(uri: str) -> Iterator[None]:
    """Within it, a store's errors become those that files have, in one line that names `uri`."""
    from obstore import exceptions

    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(f"no such object: {one_line(uri)}") from None
    except exceptions.InvalidPathError as error:
        raise UsageError(f"{one_line(uri)}: no key that can be read ({_reason(error)})") from None
    except exceptions.BaseError as error:
        # By its status, as a refused listing has no class of its own.
        if re.search(r"status code: 40[13]\b", str(error)):
            why = f"the store refuses to give it ({_reason(error)}): check the credentials"
            raise RefusedError(f"{one_line(uri)}: {why}") from None
        raise OSError(f"{one_line(uri)} could not be read, although tried again ({_reason(error)})") from None


def _reason(error: BaseException) -> str:
    """What a store said, without its answer's body: that of a refused request repeats the access key."""
    text = str(error).partition("\n\nDebug source")[0]
    if code := re.search(r"<Code>(\w{1,80})</Code>", text):
        return code[1]
    plain = text.partition("<")[0]
    return " ".join((plain.partition(" - ")[2] or plain).split())[:200] or type(error).__name__
