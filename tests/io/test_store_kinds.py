"""What the environment says of a store is checked before obstore panics at it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from stylize.errors import UsageError
from stylize.io import object_store, store_kinds
from tests.support.s3 import bucket


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "KEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    store_kinds.open_bucket.cache_clear()
    yield
    store_kinds.open_bucket.cache_clear()


@pytest.mark.parametrize(
    "endpoint",
    ["", "http://host:99999", "http://[::1", "http://", "http://host?SECRET", "http://host#SECRET", "SECRET"],
)
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "GOOGLE_BASE_URL"])
def test_every_variable_that_names_an_endpoint_is_one_line_where_it_is_none(
    monkeypatch: pytest.MonkeyPatch, name: str, endpoint: str
) -> None:
    monkeypatch.setenv(name, endpoint)
    with pytest.raises(UsageError, match=f"^{name}: expected http://HOST or https://HOST") as refused:
        object_store.read(f"{'gs' if name.startswith('GOOGLE') else 's3'}://b/x")
    assert "SECRET" not in str(refused.value)
    assert ("it is empty: unset it" in str(refused.value)) == (not endpoint)


@pytest.mark.parametrize("value", ["SECRET\n", "SECRET x", "SECRETé"])
@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_REGION", "GOOGLE_BEARER_TOKEN"])
def test_what_no_request_can_hold_is_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"^{name}: a space, a line end or the like in it") as refused:
        object_store.read(f"{'gs' if name.startswith('GOOGLE') else 's3'}://b/x")
    assert "SECRET" not in str(refused.value)


def test_stores_are_listed_in_words() -> None:
    assert store_kinds.listed("s3") == "s3://"
    assert store_kinds.listed("s3", "gs", "az") == "s3://, gs:// and az://"


def test_the_endpoint_of_s3_alone_is_used() -> None:
    with bucket() as s3, pytest.MonkeyPatch.context() as patch:
        uri = s3.put("a.jpg", b"x")
        patch.setenv("AWS_ENDPOINT_URL_S3", os.environ["AWS_ENDPOINT_URL"])
        patch.delenv("AWS_ENDPOINT_URL")
        store_kinds.open_bucket.cache_clear()
        assert object_store.read(uri) == b"x"
