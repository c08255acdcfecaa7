"""Large objects, whose bytes come in pieces and go in parts: whole, whatever happens in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylize.io import object_store
from tests.support.s3 import Bucket


def test_body_that_breaks_off_goes_on_from_there(s3: Bucket, tmp_path: Path) -> None:
    data = bytes(range(256)) * 20_000  # 5 MB
    uri = s3.put("big", data)
    s3.s3.ranges, s3.s3.faults = [], ["cut", "cut"]
    object_store.fetch(uri, tmp_path / "big")
    assert (tmp_path / "big").read_bytes() == data
    starts = [int(text.removeprefix("bytes=").rstrip("-")) for text in s3.s3.ranges if text]
    assert len(s3.s3.ranges) == 3
    assert 1 << 20 <= starts[0] < starts[1] < len(data)


@pytest.mark.parametrize("new", [b"new" * 1_000_000, b""])
def test_object_that_is_replaced_while_it_is_read_is_read_from_its_start(s3: Bucket, new: bytes) -> None:
    uri = s3.put("big", bytes(5_000_000))
    s3.s3.faults = ["cut", lambda: s3.put("big", new)]
    assert object_store.read(uri) == new


def test_object_that_is_replaced_all_the_time_ends(s3: Bucket) -> None:
    uri = s3.put("big", bytes(5_000_000))
    changes: list[int] = []

    def replace() -> None:
        later, s3.s3.faults = s3.s3.faults, []
        changes.append(1)
        s3.put("big", bytes([len(changes)]) * 5_000_000)
        s3.s3.faults = later

    s3.s3.faults = ["cut", replace] * 50
    with pytest.raises(OSError, match="could not be read"):
        object_store.read(uri)
    assert len(changes) < 10


def test_upload_in_parts_whose_last_answer_is_lost_is_made_again(s3: Bucket) -> None:
    data = bytes(range(256)) * 60_000  # three parts
    s3.s3.requests, s3.s3.faults = 0, [None, None, None, None, "lose"]
    object_store.put("s3://pictures/big", data)
    assert s3.s3.requests == 5 + 1 + 5  # the first upload, giving it up, the second
    assert object_store.read("s3://pictures/big") == data
