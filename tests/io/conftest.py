from __future__ import annotations

from collections.abc import Iterator

import pytest
from obstore.store import MemoryStore, ObjectStore

from stylize.io import store_kinds
from stylize.io.files import Folder
from tests.support.s3 import Bucket, bucket


@pytest.fixture
def s3() -> Iterator[Bucket]:
    with bucket() as made:
        yield made


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A folder in an object store that is nowhere."""
    store = MemoryStore()

    class InMemory(store_kinds.StoreKind):
        def open(self, bucket: str, client: object) -> ObjectStore:
            return store

    monkeypatch.setitem(store_kinds.KINDS, "mem", InMemory("mem", ()))
    store_kinds.open_bucket.cache_clear()
    return Folder("mem://b/out")
