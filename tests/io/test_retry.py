"""How often something is tried: as the table in the module's docstring says."""

from __future__ import annotations

import re
import time

import pytest

from stylize.io import retry
from stylize.io.retry import Retry, RetryPolicy, retried


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for; a clock goes on by them, and nobody waits."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    monkeypatch.setattr(time, "monotonic", lambda: sum(pauses))
    return pauses


def test_table_says_what_the_policies_are() -> None:
    rows = [line.strip("|").split("|") for line in (retry.__doc__ or "").splitlines() if line.startswith("| ")][1:]
    assert {row[0].strip() for row in rows} == {"DEFAULT", "GUARDED", "TAKE", "RENEW"}
    for name, _, *told in rows:
        policy = getattr(retry, name.strip())
        numbers = [float(number) for cell in told for number in re.findall(r"[\d.]+", cell)]
        pauses = [policy.first_pause_s, policy.longest_pause_s]
        assert numbers == [policy.attempts, *pauses, policy.total_s, policy.request_s, policy.longest_s]


@pytest.mark.parametrize("policy", [retry.DEFAULT, retry.RENEW])
def test_attempts_and_pauses_are_bounded(policy: RetryPolicy, slept: list[float]) -> None:
    tried: list[float] = []

    def fails() -> None:
        tried.append(sum(slept))
        raise OSError(f"failure {len(tried)}")

    with pytest.raises(OSError, match=f"failure {policy.attempts}"):
        retried(fails, policy, lambda error: True)
    assert len(tried) == policy.attempts
    assert len(slept) == policy.attempts - 1
    assert all(policy.first_pause_s <= pause_s <= policy.longest_pause_s for pause_s in slept)
    assert tried[-1] <= policy.total_s


def test_no_attempt_begins_after_the_policy_s_total(slept: list[float]) -> None:
    policy = RetryPolicy(attempts=1000, first_pause_s=1, longest_pause_s=1, total_s=5, request_s=1)
    tried: list[float] = []

    def fails() -> None:
        tried.append(sum(slept))
        raise OSError("failure")

    with pytest.raises(OSError, match="failure"):
        retried(fails, policy, lambda error: True)
    assert tried == [0, 1, 2, 3, 4, 5]


def test_what_cannot_pass_ends_at_once_and_the_guard_comes_before_each_attempt(slept: list[float]) -> None:
    order: list[str] = []

    def fails() -> None:
        order.append("attempt")
        raise OSError("passes" if order.count("attempt") < 3 else "stays")

    with pytest.raises(OSError, match="stays"):
        retried(fails, retry.DEFAULT, lambda error: str(error) == "passes", lambda: order.append("guard"))
    assert order == ["guard", "attempt"] * 3


def test_counts_start_anew_after_progress(slept: list[float]) -> None:
    attempts = Retry(retry.RENEW)
    for _ in range(20):
        attempts.wait(OSError("failure"))
        attempts.progressed()
    for _ in range(2):
        attempts.wait(OSError("failure"))
    with pytest.raises(OSError, match="failure"):
        attempts.wait(OSError("failure"))
    assert len(slept) == 22
