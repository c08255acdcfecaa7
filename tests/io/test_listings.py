"""Stores whose listings have no end: the command that asks has one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stylize.io import object_store, retry, store_kinds
from stylize.io.listings import EndlessError, pages
from tests.support.s3 import Answering, Proxy

ONE = "<Contents><Key>p/{:03d}.jpg</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>1</Size></Contents>"
KEYS = "".join(map(ONE.format, range(100)))
MORE = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"


def store(keys: str) -> Proxy:
    """One that always has more, and these keys in each answer."""

    class Endless(Answering):
        def answer(self) -> None:
            body = f"<ListBucketResult><Name>pictures</Name>{MORE}{keys}</ListBucketResult>"
            self.reply(200, [("Content-Type", "application/xml")], body.encode())

    return Proxy(Endless)


@pytest.mark.parametrize(("keys", "said"), [("", "gave nothing for 6 s"), (KEYS, "repeats itself without an end")])
def test_a_listing_without_an_end_ends(keys: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "DEFAULT", retry.DEFAULT._replace(total_s=1, request_s=5))
    store_kinds.open_bucket.cache_clear()
    served = store(keys)
    told = {"AWS_ENDPOINT_URL": served.url, "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": "k",
            "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "us-east-1"}  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(OSError, match=f"^s3://pictures/p could not be read: its listing {said}$"):
        list(object_store.names("s3://pictures/p"))
    served.close()
    store_kinds.open_bucket.cache_clear()


def test_what_a_listing_raises_comes_through_and_its_end_ends_it() -> None:
    def listed(end: Callable[[], object]) -> Iterator[Any]:
        yield [{"path": "a"}, {"path": "b"}]
        yield [{"path": "c"}]
        end()

    assert [page[0]["path"] for page in pages(listed(lambda: None), 10)] == ["a", "c"]
    with pytest.raises(ZeroDivisionError):
        list(pages(listed(lambda: 1 // 0), 10))
    with pytest.raises(EndlessError):
        list(pages(listed(lambda: time.sleep(5)), 0.1))
