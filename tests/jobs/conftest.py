"""Fixtures of the tests of jobs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def worker_here() -> Iterator[None]:
    """Let a job that the test runs do its work in this process, without Ray: `support.worker_here`."""
    from tests.support.worker_here import working_here

    with working_here():
        yield
