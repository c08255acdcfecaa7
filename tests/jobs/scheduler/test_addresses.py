"""Which clusters a call may name, and how."""

from __future__ import annotations

import re

import pytest

from jobs.scheduler.addresses import address_of
from stylize.errors import UsageError


@pytest.mark.parametrize(("given", "named"), [(None, "local"), ("local", "192.0.2.1:6379"), (None, "")])
def test_local_is_the_address_of_no_cluster(given: str | None, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", named)
    assert address_of(given) is None


@pytest.mark.parametrize("address", ["auto", "192.0.2.1:6379", "[2001:db8::1]:6379", "head:6379", "ray://head:10001"])
def test_these_are_addresses_of_one(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert address_of(address) == address
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert address_of(None) == address


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://head:8265", "http://"), ("HTTPS://SECRET@head", "HTTPS://"), ("head", "head"), ("head:", "head:"),
        ("head:6379/x", "head:6379/x"), ("a head:1\n", r"'a head:1\n'"), ("head:65536", "head:65536"),
        ("head:٦٣٧٩", "head:٦٣٧٩"),
    ],
)  # fmt: skip
def test_what_can_be_no_address_says_what_is_expected(
    address: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=f"^address {re.escape(shown)}: expected HOST:PORT of the cluster's head"):
        address_of(address)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UsageError, match=f"^RAY_ADDRESS {re.escape(shown)}: expected HOST:PORT") as refused:
        address_of(None)
    assert ("`ray job submit`" in str(refused.value)) == ("://" in shown)


def test_an_empty_address_is_not_taken_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(UsageError, match=r"^address '': expected HOST:PORT"):
        address_of("")


@pytest.mark.parametrize("named", ["local", "192.0.2.1:6379", "http://head:8265"])
def test_auto_is_what_ray_address_names_as_for_ray_itself(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", named)
    if named.startswith("http"):
        with pytest.raises(UsageError, match=r"^RAY_ADDRESS http://: expected HOST:PORT"):
            address_of("auto")
    else:
        assert address_of("auto") == address_of(named)
