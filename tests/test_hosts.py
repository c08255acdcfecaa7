"""Hosts in namespaces are hosts: names, addresses and folders of their own, links that can be cut, and an end."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hosts import Host, hosts, why_not

MISSING = why_not()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[list[Host]]:
    """Two hosts."""
    with hosts(["north", "south"], tmp_path) as made:
        yield made


def reaches(one: Host, other: Host) -> bool:
    """Whether `one` can connect to the sshd of `other`."""
    return one.run(f"timeout 2 bash -c '</dev/tcp/{other.address}/22'", check=False).returncode == 0


def links() -> set[str]:
    """What this test has made on this machine: bridges and hosts' ends of links."""
    names = (link.name for link in Path("/sys/class/net").iterdir())
    return {name for name in names if name.startswith((f"hosts-{os.getpid()}", f"h{os.getpid()}-"))}


def test_hosts_share_files_but_not_names_and_tmp(pair: list[Host], tmp_path: Path) -> None:
    assert [host.run("hostname").stdout for host in pair] == ["north\n", "south\n"]
    own = Path("/tmp") / f"own-{uuid.uuid4()}"  # no name that somebody may have used on this machine
    for host in pair:
        host.run(f"echo {host.name} > {own}; echo {host.name} >> {tmp_path}/shared")
    assert [host.run(f"cat {own}").stdout for host in pair] == ["north\n", "south\n"]
    assert (tmp_path / "shared").read_text() == "north\nsouth\n"
    assert not own.exists()


def test_a_cut_link_is_silent_until_it_is_mended(pair: list[Host]) -> None:
    north, south = pair
    assert reaches(north, south)
    south.cut()
    assert not reaches(north, south)
    assert south.run("hostname").stdout == "south\n"
    south.mend()
    assert reaches(north, south)


def test_a_killed_host_takes_its_processes_along(pair: list[Host]) -> None:
    north, south = pair
    south.run("setsid sleep 300.77 >/dev/null 2>&1 &")
    assert south.processes("sleep 300.77")
    south.kill()
    assert subprocess.run(["pgrep", "-f", "^sleep 300.77"], capture_output=True).returncode == 1
    assert not reaches(north, south)


def test_nothing_is_left_after_a_failure(tmp_path: Path) -> None:
    pids = []

    def fail() -> None:
        with hosts(["north"], tmp_path) as (north,):
            pids.append(north.pid)
            assert len(links()) == 2
            raise RuntimeError("in mid-test")

    with pytest.raises(RuntimeError, match="in mid-test"):
        fail()
    assert not links()
    assert not Path(f"/proc/{pids[0]}").exists()
