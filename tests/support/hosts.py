"""Several hosts on this machine: network, process, mount and name spaces of their own on a bridge, with sshd in each.

What no loopback test has: addresses, host names, /tmp and homes that differ, links that can be cut, a power cut that
takes a whole host. All files but those in /tmp, /dev/shm and /run are shared, as on a network disk.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.samples import ROOT

HOME = "/run/root"
NEEDED = {
    "ip": "iproute2",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "rsync": "rsync",
    "unshare": "util-linux",
}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Runs as process 1 of a host's own process space, and ends as its sshd, which reaps what its sessions leave behind.
INIT = """
set -eu
hostname "$NAME"
mount -t tmpfs tmpfs /run
mkdir /run/sshd /run/outside
mount --bind /tmp /run/outside
for folder in /tmp /dev/shm; do mount -t tmpfs -o mode=1777 tmpfs "$folder"; done
for folder in $SHARED; do
  mkdir -p "$folder"
  mount --bind "/run/outside/${folder#/tmp/}" "$folder"
done
umount /run/outside
mkdir -m 700 "$HOME"
mount --bind "$FOLDER/passwd" /etc/passwd
mount --bind "$FOLDER/hosts" /etc/hosts
cd /
echo ready
read -r go
ip link set lo up
ip link set "$LINK" name eth0
ip address add "$ADDRESS/24" dev eth0
ip link set eth0 up
exec env -i PATH="$PATH" "$SSHD" -D -e -f "$FOLDER/sshd_config"
"""

SSHD_CONFIG = """
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/login_key.pub
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PrintMotd no
MaxStartups 100
PidFile none
"""


def why_not() -> str | None:
    """Why hosts cannot be made here, in one line; None where they can."""
    if os.geteuid() != 0:
        return "hosts in namespaces need root"
    for program, package in NEEDED.items():
        if shutil.which(program, path=PATH) is None:
            return f"hosts in namespaces need {program}: apt-get install {package}"
    link = f"hosts-try-{os.getpid() % 10000}"
    for words in (
        ["unshare", "--net", "--pid", "--mount", "--uts", "--ipc", "--fork", "--mount-proc", "true"],
        ["ip", "link", "add", link, "type", "bridge"],
        ["ip", "link", "del", link],
    ):
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode != 0:
            return f"namespaces are refused here: {shlex.join(words)}: {' '.join(done.stderr.split())[:200]}"
    return None


@dataclass
class Host:
    """One host; `address` is seen by the others and by this machine, `key` is the file that logs root in."""

    name: str
    address: str
    key: Path
    _link: str
    _outer: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        """The process, as this machine sees it, that is process 1 of the host."""
        return int(Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text().split()[0])

    def run(self, command: str, check: bool = True, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """A shell command as root inside the host, also when its link is cut. Raises when it fails, if `check`."""
        enter = ["nsenter", "--target", str(self.pid), "--mount", "--uts", "--ipc", "--net", "--pid", f"--wdns={HOME}"]
        clean = ["env", "-i", f"HOME={HOME}", f"PATH={PATH}", "LANG=C.UTF-8"]
        done = subprocess.run(
            [*enter, *clean, "bash", "-c", command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{self.name}: {command}: {done.stdout[-1000:]}{done.stderr[-1000:]}"
        return done

    def processes(self, word: str) -> list[str]:
        """Command lines inside the host that have `word` in them."""
        listing = self.run("for one in /proc/[0-9]*; do tr '\\0' ' ' <$one/cmdline; echo; done 2>/dev/null")
        return [line.strip() for line in listing.stdout.splitlines() if word in line and "/proc/[0-9]" not in line]

    def kill(self) -> None:
        """End every process at once, as when a cloud takes a machine back; the host does not return."""
        with contextlib.suppress(OSError, IndexError):
            os.kill(self.pid, signal.SIGKILL)
        self._outer.wait(30)

    def cut(self) -> None:
        """Take the link down: processes live, nothing is heard of them."""
        _ip("link", "set", self._link, "down")

    def mend(self) -> None:
        """Bring the link up again."""
        _ip("link", "set", self._link, "up")


@contextlib.contextmanager
def hosts(names: Sequence[str], folder: Path, shared: Sequence[Path] = ()) -> Iterator[list[Host]]:
    """Hosts of these names, reachable from here by address; all is gone at the end, however it comes.

    `folder` takes keys and logs. It, this checkout, the Python that runs and `shared` are seen by all at their paths.
    """
    _sweep()
    bridge = f"hosts-{os.getpid()}"
    # One network for each process, so that two that test at once do not pick the same one.
    network = f"10.77.{os.getpid() % 255}"
    addresses = [f"{network}.{11 + i}" for i in range(len(names))]
    _prepare(folder, dict(zip(names, addresses, strict=True)))
    made: list[Host] = []
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("address", "add", f"{network}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for i, name in enumerate(names):
            made.append(_start(name, addresses[i], f"h{os.getpid()}-{i}", folder, _in_tmp([folder, *shared])))
            _connect(made[-1], bridge)
        for host in made:
            _wait_for_ssh(host, folder)
        yield made
    finally:
        for host in made:
            host.kill()
        for link in [*(host._link for host in made), bridge]:
            subprocess.run(["ip", "link", "del", link], capture_output=True)


def _start(name: str, address: str, link: str, folder: Path, shared: list[str]) -> Host:
    environment = {
        "NAME": name, "ADDRESS": address, "LINK": f"{link}i", "FOLDER": str(folder), "SHARED": " ".join(shared),
        "HOME": HOME, "PATH": PATH, "SSHD": str(shutil.which("sshd", path=PATH)),
    }  # fmt: skip
    with (folder / f"{name}.log").open("wb") as log:
        # Also when this process is killed, its hosts end.
        outer = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL",
             "unshare", "--net", "--pid", "--mount", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc",
             "sh", "-c", INIT],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            start_new_session=True,
        )  # fmt: skip
    return Host(name, address, folder / "login_key", link, outer)


def _connect(host: Host, bridge: str) -> None:
    outer = host._outer
    assert outer.stdin is not None
    assert outer.stdout is not None
    assert outer.stdout.readline() == "ready\n", f"{host.name} did not start: see its log beside the keys"
    _ip("link", "add", host._link, "type", "veth", "peer", "name", f"{host._link}i", "netns", str(outer.pid))
    _ip("link", "set", host._link, "master", bridge, "up")
    outer.stdin.write("go\n")
    outer.stdin.close()
    outer.stdout.close()


def _prepare(folder: Path, addresses: dict[str, str]) -> None:
    """Keys, sshd's configuration, and the files that each host sees in place of this machine's."""
    for key in ("host_key", "login_key"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(folder / key)]
        subprocess.run(words, check=True, capture_output=True)
    (folder / "sshd_config").write_text(SSHD_CONFIG.format(folder=folder))
    lines = Path("/etc/passwd").read_text().splitlines()
    own = [f"root:x:0:0:root:{HOME}:/bin/bash" if line.startswith("root:") else line for line in lines]
    (folder / "passwd").write_text("\n".join(own) + "\n")
    known = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in addresses.items())]
    (folder / "hosts").write_text("\n".join(known) + "\n")


def _in_tmp(wanted: Sequence[Path]) -> list[str]:
    """What has to be put back into a host's own /tmp, outermost first and nothing twice."""
    every = [*wanted, ROOT, Path(sys.prefix), Path(sys.base_prefix)]
    found: list[Path] = []
    for path in sorted({path.resolve() for path in every}):
        if path.is_relative_to("/tmp") and not any(path.is_relative_to(other) for other in found):
            found.append(path)
    return [str(path) for path in found]


def _wait_for_ssh(host: Host, folder: Path, limit_s: float = 30) -> None:
    words = [
        "ssh", "-i", str(host.key), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
        "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", f"root@{host.address}", "true",
    ]  # fmt: skip
    deadline = time.monotonic() + limit_s
    while subprocess.run(words, capture_output=True).returncode != 0:
        log = (folder / f"{host.name}.log").read_text()[-2000:]
        assert host._outer.poll() is None, f"{host.name} ended: {log}"
        assert time.monotonic() < deadline, f"{host.name} lets nobody in: {log}"
        time.sleep(0.1)


def _sweep() -> None:
    """Delete the bridges of processes that were killed: their hosts ended with them."""
    for link in Path("/sys/class/net").glob("hosts-[0-9]*"):
        if not Path(f"/proc/{link.name.partition('-')[2]}").exists():
            subprocess.run(["ip", "link", "del", link.name], capture_output=True)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"
