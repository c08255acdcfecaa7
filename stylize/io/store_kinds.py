"""The kinds of object stores: what their URIs begin with, and how a bucket of each is opened.

Another kind is one more entry in _KINDS, and a subclass here if its credentials or endpoint need more than obstore
finds by itself; nothing else in the package knows one kind from another.

Credentials are the store's usual chain: environment variables, a role of the machine or pod and, for S3 with boto3
installed, the profiles in ~/.aws. No message repeats what an endpoint's variable or a helper of boto3 says.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.errors import UsageError, one_line

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

CONNECT_S = 5
_LAST_PORT = 65535
_ENDPOINT = re.compile(r"https?://([\w.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?(/[^\s@?#]*)?", re.ASCII)
_WORD = re.compile(r"[!-~]*")
# Retries are ours alone (`stylize.io.retry`): retries within retries have no total that anybody could state.
_NO_RETRIES: RetryConfig = {"max_retries": 0, "retry_timeout": timedelta(0)}


class StoreKind:
    """One kind of object store, by its URIs' scheme and its environment variables.

    endpoint_variables: those that may name another endpoint. words: those that go into a request as they are.
    """

    def __init__(self, scheme: str, endpoint_variables: tuple[str, ...], words: tuple[str, ...] = ()) -> None:
        self.scheme = scheme
        self._endpoint_variables, self._words = endpoint_variables, words

    def open(self, bucket: str, client: ClientConfig) -> ObjectStore:
        """Return a bucket's store. Raises what obstore raises, and UsageError for settings that cannot be used."""
        from obstore.store import from_url

        self.check_words()
        if any(endpoint.startswith("http://") for endpoint in self.endpoints()):
            client["allow_http"] = True
        more = self.credentials()
        return from_url(f"{self.scheme}://{bucket}", client_options=client, retry_config=_NO_RETRIES, **more)

    def endpoints(self) -> list[str]:
        """Return where the environment says that the store is. Raises UsageError for what is no address.

        obstore's own check is a panic, with a trace of its program; so is an empty one's.
        """
        given = {name: os.environ[name] for name in self._endpoint_variables if name in os.environ}
        for name, endpoint in given.items():
            port = _ENDPOINT.fullmatch(endpoint)
            if port is None or int((port[2] or ":0")[1:]) > _LAST_PORT:
                empty = "" if endpoint else " (it is empty: unset it)"
                raise UsageError(f"{name}: expected http://HOST or https://HOST, without credentials{empty}")
        return list(given.values())

    def check_words(self) -> None:
        """Raise UsageError for a key or the like that no request can hold: obstore panics at a line end."""
        for name in self._words:
            if not _WORD.fullmatch(os.environ.get(name, "")):
                raise UsageError(
                    f"{name}: a space, a line end or the like in it, which no request can hold; set it without"
                )

    def credentials(self) -> dict[str, Any]:
        """Return options of credentials that obstore does not look for by itself. Raises UsageError."""
        return {}


class S3(StoreKind):
    """Amazon S3 and what speaks its protocol; profiles are read by boto3."""

    def credentials(self) -> dict[str, Any]:
        """Return the credentials of a profile in ~/.aws, where one is meant."""
        return aws_profile() if _has_aws_profile() else {}


_KINDS = (
    S3(
        "s3",
        ("AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3"),
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"),
    ),
    StoreKind("gs", ("GOOGLE_BASE_URL",), ("GOOGLE_BEARER_TOKEN",)),
)
KINDS = {kind.scheme: kind for kind in _KINDS}


def listed(*schemes: str) -> str:
    """Return what URIs begin with, in words: `file://, s3:// and gs://`."""
    *most, last = (f"{scheme}://" for scheme in schemes)
    return f"{', '.join(most)} and {last}" if most else last


SCHEMES = listed(*KINDS)
"""What URIs of object stores begin with, for help texts."""


@lru_cache(64)
def open_bucket(scheme: str, bucket: str, request_s: float) -> ObjectStore:
    """Return the store of a bucket, whose requests end after `request_s` seconds and are not tried again.

    Raises UsageError where it cannot be had: no package, no usable credentials.
    """
    try:
        from obstore import exceptions
    except ImportError:
        raise UsageError(f"{scheme}:// needs the package obstore: pip install obstore") from None
    client: ClientConfig = {"timeout": f"{request_s}s", "connect_timeout": f"{CONNECT_S}s"}
    try:
        return KINDS[scheme].open(bucket, client)
    except (ValueError, exceptions.BaseError) as error:
        # Of its text only what names a file: the rest may repeat what the file holds.
        missing = re.search(r"Unable to open service account file from [^\n]*", str(error))
        why = missing[0] if missing else f"its credentials or settings cannot be used ({type(error).__name__})"
        raise UsageError(f"{scheme}://{bucket}: {one_line(why)}") from None


def _has_aws_profile() -> bool:
    if "AWS_ACCESS_KEY_ID" in os.environ or os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in ("true", "1"):
        return False
    files = (("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config"))
    paths = (Path(os.environ.get(variable, f"~/.aws/{name}")) for variable, name in files)
    try:
        return "AWS_PROFILE" in os.environ or any(path.expanduser().is_file() for path in paths)
    except RuntimeError:  # there is no home
        return False


def aws_profile() -> dict[str, Any]:
    """Return boto3's credentials; where it has none, only the region, as obstore looks for others its own way."""
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
