"""Where objects are: URIs of object stores, the stores behind them, and how long each is waited for.

Credentials are the store's usual chain: environment variables, a role of the machine or pod and, for S3 with boto3
installed, the profiles in ~/.aws. What stands in a URI where a bucket should be is never repeated, as it may be a
password; nor is what a helper of boto3 says.
"""

from __future__ import annotations

import os
import random
import re
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from stylize.errors import BadKeyError, UsageError, one_line

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig


class Patience(NamedTuple):
    """Up to `retries` after pauses of `first_s` to `most_s`, none begun later than `for_s`; `request_s` for each."""

    retries: int
    first_s: float
    most_s: float
    for_s: float
    request_s: float

    def pause_s(self, tries: int) -> float:
        """How long to wait after so many: jittered, so that workers do not come back all at once."""
        return random.uniform(self.first_s, min(self.most_s, self.first_s * _BASE ** min(tries, 20)))


_BASE = 4
USUAL = Patience(retries=9, first_s=0.3, most_s=10, for_s=60, request_s=60)
"""For what nothing depends on meanwhile: 35 to 55 s in all, as throttling lasts seconds and more."""
GUARDED = Patience(retries=2, first_s=0.1, most_s=0.5, for_s=5, request_s=20)
"""For one try of a write that must not come late; the next try is our own, after another look at the guard."""
PROMPT = Patience(retries=2, first_s=0.1, most_s=0.5, for_s=4, request_s=5)
"""For a lease's renewal, several of which must fit into what the lease lasts."""
CONNECT_S = 5

_KNOWN = "plain paths, file://, s3:// and gs:// URIs"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_URI = re.compile(r"(s3|gs)://([A-Za-z0-9][A-Za-z0-9._-]*)(?:/+(.*))?", re.IGNORECASE | re.DOTALL)
_SIGNED = re.compile(r"[?&](X-(Amz|Goog)-\w+|AWSAccessKeyId|GoogleAccessId|Signature)=", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ENDPOINT = re.compile(r"https?://[^\s/@]+(/[^\s@]*)?")


class Place(NamedTuple):
    """What a URI says; the key without slashes at its ends, empty for the bucket itself."""

    scheme: str
    bucket: str
    key: str


def is_object(uri: str) -> bool:
    """Whether this names something in an object store."""
    return uri[:5].lower() in ("s3://", "gs://")


def place(uri: str) -> Place:
    """Where an object or a folder of them is. Raises UsageError, which does not repeat what stands for a bucket."""
    found = _URI.fullmatch(uri)
    scheme = uri[:2].lower()
    if found is None:
        raise UsageError(
            f"{scheme}://: expected {scheme}://BUCKET/KEY, a bucket's name being letters, digits, '.', '_' and '-'; "
            "no credentials in a URI: leave them to the environment or the machine's role"
        )
    key = (found[3] or "").rstrip("/")
    if _SIGNED.search(key):
        raise UsageError(f"{scheme}://: no signed URL; give {scheme}://BUCKET/KEY alone")
    return Place(scheme, found[2], key)


def canonical(uri: str) -> str:
    """A URI of an object store in its one form; a path or `file://` URI as it is.

    Its scheme is in small letters, one slash stands behind the bucket and none at the end. Raises UsageError for what
    is neither, without repeating it.
    """
    if not is_object(uri):
        local_path(uri)
        return uri
    scheme, bucket, key = place(uri)
    return f"{scheme}://{bucket}/{key}" if key else f"{scheme}://{bucket}"


def check_key(uri: str) -> None:
    """Raises BadKeyError for a URI of an object store whose key obstore cannot address."""
    key = place(uri).key
    try:
        key.encode()
    except UnicodeEncodeError:
        raise BadKeyError(f"{one_line(uri)}: no key: not UTF-8") from None
    if _CONTROL.search(key):
        raise BadKeyError(f"{one_line(uri)}: no key that can be used: it holds a control character")
    if key and not {"", ".", ".."}.isdisjoint(key.split("/")):
        raise BadKeyError(f"{one_line(uri)}: no key that can be used: a part of it is empty, '.' or '..'")


def local_path(uri: str) -> Path:
    """The path behind a plain path or a percent-encoded `file://` URI. Raises UsageError for others."""
    if uri[:5].lower() == "file:" and uri[5:6] == "/":
        host, slash, rest = uri[7:].partition("/") if uri[5:7] == "//" else ("", "/", uri[6:])
        if host not in ("", "localhost") or not slash:
            raise UsageError("a file:// URI names this machine only: file:///folder/name")
        # surrogateescape: a name that is no UTF-8 is still the name of a file
        return Path("/" + unquote(rest, errors="surrogateescape"))
    if scheme := _SCHEME.match(uri):
        # By its scheme alone: what follows may be a password or a signature.
        if is_object(uri):
            raise UsageError(f"{scheme[1]}://: no object store will do here; give a folder or file of this machine")
        raise UsageError(f"{scheme[1]}:// is not supported; what is: {_KNOWN}")
    return Path(uri)


def absolute(path: Path) -> Path:
    """Return a path from the root, without `.` and `..`; symbolic links stay."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` would follow links


@lru_cache(64)
def store(scheme: str, bucket: str, patience: Patience) -> ObjectStore:
    """The store of a bucket. Raises UsageError where it cannot be had: no package, no usable credentials."""
    try:
        from obstore import exceptions
        from obstore.store import from_url
    except ImportError:
        raise UsageError(f"{scheme}:// needs the package obstore: pip install obstore") from None
    retry: RetryConfig = {
        "max_retries": patience.retries,
        "retry_timeout": timedelta(seconds=patience.for_s),
        "backoff": {
            "init_backoff": timedelta(seconds=patience.first_s),
            "max_backoff": timedelta(seconds=patience.most_s),
            "base": _BASE,
        },
    }
    client: ClientConfig = {"timeout": f"{patience.request_s}s", "connect_timeout": f"{CONNECT_S}s"}
    if (_endpoint(scheme) or "").startswith("http://"):
        client["allow_http"] = True
    more = _profile() if scheme == "s3" and _has_profile() else {}
    try:
        return from_url(f"{scheme}://{bucket}", client_options=client, retry_config=retry, **more)
    except (ValueError, exceptions.BaseError) as error:
        # Of its text only what names a file: the rest may repeat what the file holds.
        missing = re.search(r"Unable to open service account file from [^\n]*", str(error))
        why = missing[0] if missing else f"its credentials or settings cannot be used ({type(error).__name__})"
        raise UsageError(f"{scheme}://{bucket}: {one_line(why)}") from None


def _endpoint(scheme: str) -> str | None:
    """Where the environment says that stores are, if it does. Raises UsageError, without repeating what is wrong."""
    names = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT") if scheme == "s3" else ("GOOGLE_BASE_URL",)
    endpoint = next((os.environ[name] for name in names if name in os.environ), None)
    if endpoint and not _ENDPOINT.fullmatch(endpoint):
        raise UsageError(f"{names[0]}: expected http://HOST or https://HOST, without credentials")
    return endpoint


def _has_profile() -> bool:
    if "AWS_ACCESS_KEY_ID" in os.environ or os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in ("true", "1"):
        return False
    places = (("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config"))
    return "AWS_PROFILE" in os.environ or any(
        Path(os.environ.get(name, f"~/.aws/{file}")).expanduser().is_file() for name, file in places
    )


def _profile() -> dict[str, Any]:
    """Credentials by boto3; where it has none, only the region, and obstore looks for credentials its own way."""
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ProfileNotFound  # type: ignore[import-untyped]
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        raise UsageError(
            "profiles in ~/.aws need the package boto3: pip install boto3, or set AWS_ACCESS_KEY_ID"
        ) from None
    try:
        session = boto3.Session()
        if session.get_credentials() is None:
            return {"region": session.region_name} if session.region_name else {}
        provider = Boto3CredentialProvider(session)
    except ProfileNotFound:
        raise UsageError("AWS_PROFILE names no profile of ~/.aws") from None
    except BotoCoreError as error:
        raise UsageError(f"the credentials in ~/.aws cannot be used ({type(error).__name__})") from None

    def credentials() -> Any:
        try:
            return provider()
        except BotoCoreError as error:
            raise RuntimeError(type(error).__name__) from None

    return {"credential_provider": credentials} | ({"region": session.region_name} if session.region_name else {})


def reason(error: BaseException, scheme: str) -> str:
    """What a store said, without its answer's body: that of a refused request repeats the access key."""
    text = str(error).partition("\n\nDebug source")[0]
    if code := re.search(r"<Code>(\w{1,80})</Code>", text):
        return code[1]
    if "error sending request" in text:
        return f"{_endpoint(scheme) or 'the store'} cannot be reached, or breaks connections off"
    plain = text.partition("<")[0]
    return " ".join((plain.partition(" - ")[2] or plain).split())[:200] or type(error).__name__
