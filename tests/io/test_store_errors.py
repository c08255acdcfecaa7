"""What is told of a store's answers: a status and a known code, never their text."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from stylize.errors import CannotContinueError, CorruptImageError, StylizeError
from stylize.io import object_store, retry, store_kinds
from stylize.io.files import Folder, read_bytes
from tests.support.s3 import QUICK, Answering, Proxy

Calls = list[Callable[[], object]]
CALLS: Calls = [
    lambda: object_store.read("s3://pictures/a.jpg"),
    lambda: object_store.head("s3://pictures/a.jpg"),
    lambda: list(object_store.names("s3://pictures/in")),
    lambda: object_store.put("s3://pictures/a.jpg", b"1"),
    lambda: object_store.put("s3://pictures/a.jpg", b"1", {}),
    lambda: object_store.put("s3://pictures/big", bytes(11_000_000)),
    lambda: object_store.remove("s3://pictures/a.jpg"),
    lambda: read_bytes("s3://pictures/a.jpg"),
    lambda: Folder("s3://pictures/out").write("a.jpg", b"1"),
]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "SECRET")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    yield
    store_kinds.open_bucket.cache_clear()


def asked(
    monkeypatch: pytest.MonkeyPatch, status: int, headers: list[tuple[str, str]], body: bytes, calls: Calls = CALLS
) -> Iterator[str]:
    """What each call says of a store that answers everything in one way."""

    class Handler(Answering):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.reply(status, headers, body)

    proxy = Proxy(Handler)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    for name in ("DEFAULT", "GUARDED", "RENEW"):
        monkeypatch.setattr(retry, name, QUICK._replace(attempts=2, request_s=2))
    store_kinds.open_bucket.cache_clear()
    try:
        for call in calls:
            try:
                yield f"nothing: {call()!r}"
            except (OSError, StylizeError, object_store.Conflict) as error:
                yield str(error)
    finally:
        proxy.close()


@pytest.mark.parametrize(
    ("status", "code"), [*((status, "SECRET") for status in (400, 401, 403, 404, 409, 429, 500)), (503, "SlowDown")]
)
def test_no_answer_s_text_is_told(monkeypatch: pytest.MonkeyPatch, status: int, code: str) -> None:
    body = f"<Error><Code>{code}</Code><Message>SECRET</Message>SECRET\nSECRET</Error>".encode()
    said = list(asked(monkeypatch, status, [], body))
    assert len(said) == len(CALLS)
    for line in said:
        assert "SECRET" not in line
        assert line.isprintable()
    if status not in (404, 409):
        assert f"status {status}" in said[0]
        assert ("SlowDown" in said[0]) == (code == "SlowDown")


@pytest.mark.parametrize("body", [b"<html>SECRET", b"SECRET", b"<ListBucketResult><SECRET>SECRET</SECRET>", b"{}"])
def test_answer_of_something_that_is_no_store_is_not_told_either(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    (listing,) = asked(monkeypatch, 200, [("Content-Type", "text/html")], body, CALLS[2:3])
    assert listing == "s3://pictures/in could not be read (the answer is none of such a store; is the endpoint right?)"


def test_redirect_to_nowhere_ends_in_a_bounded_number_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    followed: list[str] = []

    class Silent(Answering):
        def answer(self) -> None:
            followed.append(self.path)
            self.close_connection = True

    nowhere = Proxy(Silent)
    said = list(asked(monkeypatch, 307, [("Location", f"{nowhere.url}/SECRET?SECRET")], b""))
    nowhere.close()
    assert "cannot be reached, or breaks connections off" in said[2]
    assert not [line for line in said if "SECRET" in line]
    assert 0 < len(followed) < 20 * len(CALLS)
    (bare,) = asked(monkeypatch, 301, [], b"", CALLS[2:3])
    assert "redirects without saying where to" in bare


def refused(monkeypatch: pytest.MonkeyPatch, status: int, code: str, *calls: Callable[[], object]) -> list[str]:
    return list(asked(monkeypatch, status, [], f"<Error><Code>{code}</Code></Error>".encode(), list(calls)))


def test_look_at_an_object_that_is_refused_says_why_although_its_answer_has_no_body(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (said,) = refused(monkeypatch, 403, "InvalidAccessKeyId", CALLS[1])
    assert said == (
        "s3://pictures/a.jpg: the store refuses to let it be read (status 403, InvalidAccessKeyId): "
        "check the credentials"
    )


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (403, "RequestTimeTooSkewed", "set this machine's clock"),
        (403, "InvalidObjectState", "it lies in an archive: restore it first"),
        (403, "AccessDenied", "check the credentials, and what the bucket allows them"),
        (400, "ExpiredToken", "get new credentials"),
        (400, "AuthorizationHeaderMalformed", "check the region (AWS_REGION)"),
    ],
)
def test_refusal_says_what_would_help(monkeypatch: pytest.MonkeyPatch, status: int, code: str, advice: str) -> None:
    for line in refused(monkeypatch, status, code, *CALLS[:2]):
        assert f"(status {status}, {code}): {advice}" in line


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "ExpiredToken", CannotContinueError),
        (401, "", CannotContinueError),
        (403, "InvalidAccessKeyId", CannotContinueError),
        (403, "AccessDenied", CorruptImageError),
        (404, "NoSuchBucket", CorruptImageError),
    ],
)
def test_credentials_that_are_good_for_nothing_end_a_run_and_one_object_s_trouble_does_not(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, error: type[Exception]
) -> None:
    # Read with the rest, while the store answers so.
    seen: list[BaseException] = []

    def read() -> None:
        try:
            read_bytes("s3://pictures/a.jpg")
        except StylizeError as raised:
            seen.append(raised)

    refused(monkeypatch, status, code, read)
    assert [type(raised) for raised in seen] == [error]
    assert {"404": "no such bucket: s3://pictures/a.jpg", "400": "get new credentials, then run the same command"}.get(
        str(status), f"status {status}"
    ) in str(seen[0])
