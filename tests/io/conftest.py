from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.s3 import Bucket, bucket


@pytest.fixture
def s3() -> Iterator[Bucket]:
    with bucket() as made:
        yield made
