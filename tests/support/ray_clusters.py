"""Ray on hosts in namespaces: brought up by Ray's launcher from cluster-local.yaml, or host by host."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from tests.support.hosts import Host
from tests.support.samples import ROOT

BIN = Path(sys.executable).parent
RAY = f"{BIN}/ray"
SLOWER = 3
"""Limits were found on an idle machine; tests also run on slower, busier ones."""
# A host that falls silent is given up after some 10 s, and not after a minute.
SOON = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "3000",
    "RAY_health_check_failure_threshold": "3",
}


@dataclass(frozen=True)
class Cluster:
    """A cluster as its user sees it: where jobs go, and the environment of one who has the token."""

    url: str
    environment: dict[str, str]
    code: tuple[str, ...] = ("--working-dir", ".")
    """Options by which its machines get the project."""

    def submit(self, log: Path, *words: object) -> subprocess.Popen[bytes]:
        """`ray job submit` of the main job from this checkout, once it is under way; it follows the job to its end."""
        job = ("python", "-m", "jobs.stylize_folder", *map(str, words))
        for _ in range(30):
            with log.open("wb") as out:
                started = subprocess.Popen(
                    [RAY, "job", "submit", "--address", self.url, *self.code, "--", *job],
                    cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                )  # fmt: skip
            while started.poll() is None and b"submitted successfully" not in log.read_bytes():
                time.sleep(0.2)
            if b"No available agent to submit job" not in log.read_bytes():
                break
            time.sleep(1)  # the head is up, but its agent has not yet said so
        return started


def user(folder: Path) -> dict[str, str]:
    """The environment of someone with a home in `folder`, with a token just made."""
    home = folder / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | {
        "HOME": str(home),
        "PATH": f"{BIN}:{os.environ['PATH']}",
        # What the launcher remembers of clusters.
        "TMPDIR": str(folder),
        "RAY_TMPDIR": str(folder),
        "RAY_AUTH_MODE": "token",
        "PYTHONWARNINGS": "ignore",
    }
    subprocess.run([RAY, "get-auth-token", "--generate"], env=environment, check=True, capture_output=True)
    return environment


def filled_in(hosts: Sequence[Host], folder: Path) -> Path:
    """A copy of cluster-local.yaml with what its user must choose: the first host is the head, each offers one CPU."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "cluster-local.yaml").read_text())
    config["cluster_name"] = f"test-{uuid.uuid4().hex[:8]}"  # a name used twice shares its connections
    config["provider"] |= {"head_ip": hosts[0].address, "worker_ips": [host.address for host in hosts[1:]]}
    config["auth"] = {"ssh_user": "root", "ssh_private_key": str(hosts[0].key)}
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        config[key] = [command.replace("ray start", "ray start --num-cpus=1") for command in config[key]]
    for host in hosts:
        host.run(f"touch ~/.bashrc; ln -s {sys.prefix} ~/venv")  # so that nothing has to be installed
    file = folder / "cluster.yaml"
    file.write_text(yaml.safe_dump(config))
    return file


def launcher(command: str, file: Path, environment: dict[str, str]) -> None:
    """`ray up` or `ray down`."""
    # Into a file: the connections that ssh keeps open for the next command would keep a pipe open, too.
    log = file.with_suffix(f".{command}.log")
    with log.open("wb") as out:
        done = subprocess.run(
            [RAY, command, "-y", str(file)],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=300,
        )  # fmt: skip
    assert done.returncode == 0, log.read_text()[-5000:]


@contextlib.contextmanager
def tunnel(file: Path, environment: dict[str, str], log: Path) -> Iterator[Cluster]:
    """`ray dashboard`, as long as it is needed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    with log.open("wb") as out:
        forward = subprocess.Popen(
            [RAY, "dashboard", "--port", str(port), str(file)],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    try:
        wait_until(lambda: _answers("127.0.0.1", port), 60, log.read_text)
        yield Cluster(f"http://127.0.0.1:{port}", environment)
    finally:
        os.killpg(forward.pid, signal.SIGKILL)
        forward.wait()


def start_head(host: Host, environment: dict[str, str]) -> Cluster:
    """Ray's head on a host, one CPU; its dashboard listens on the host's address."""
    options = f"--head --port 6379 --dashboard-host {host.address}"
    _start(host, environment, options, SOON)
    wait_until(lambda: _answers(host.address, 8265), 60, lambda: f"{host.name} has no dashboard")
    return Cluster(f"http://{host.address}:8265", environment)


def start_growing_head(host: Host, environment: dict[str, str], folder: Path, most: int) -> Cluster:
    """Ray's head on a host, without CPUs, whose autoscaler starts up to `most` nodes of one CPU beside it.

    Ray's own provider for trials: the nodes are Ray processes of the same host, the autoscaler is the real one.
    """
    config: dict[str, Any] = {
        "cluster_name": "growing",
        "max_workers": most,
        "idle_timeout_minutes": 0.1,
        "upscaling_speed": 1.0,
        "provider": {
            "type": "fake_multinode",
            "gcs_address": f"{host.address}:6379",
            "launch_multiple": True,
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "head_node_type": "ray.head.default",
        "available_node_types": {
            "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "min_workers": 0, "max_workers": 0},
            "worker": {"resources": {"CPU": 1}, "node_config": {}, "min_workers": 0, "max_workers": most},
        },
        "file_mounts_sync_continuously": False,
    }
    # What Ray's schema wants of every file.
    steps = ("initialization", "setup", "head_setup", "worker_setup", "head_start_ray", "worker_start_ray")
    empty = [*(f"{step}_commands" for step in steps), "cluster_synced_files", "rsync_exclude", "rsync_filter"]
    config |= {key: {} for key in ("auth", "docker", "file_mounts")} | {key: [] for key in empty}
    file = folder / "growing.yaml"
    file.write_text(yaml.safe_dump(config))
    options = f"--head --port 6379 --dashboard-host {host.address} --autoscaling-config={file}"
    own = {"AUTOSCALER_UPDATE_INTERVAL_S": "1", "RAY_FAKE_CLUSTER": "1", "RAY_enable_autoscaler_v2": "0"}
    _start(host, environment, options, SOON | own, cpus=0)
    wait_until(lambda: _answers(host.address, 8265), 60, lambda: f"{host.name} has no dashboard")
    # Each node that comes unpacks the working directory anew, and here all have one: the others' workers lost theirs.
    seen = json.dumps({"env_vars": {"PYTHONPATH": str(ROOT)}})
    return Cluster(f"http://{host.address}:8265", environment, ("--runtime-env-json", seen))


def join(host: Host, head: Host, environment: dict[str, str]) -> None:
    """Ray on a host that joins the head's cluster, one CPU."""
    _start(host, environment, f"--address {head.address}:6379")


def _start(
    host: Host,
    environment: dict[str, str],
    options: str,
    settings: Mapping[str, str] = MappingProxyType({}),
    cpus: int = 1,
) -> None:
    words = " ".join(f"{name}={value}" for name, value in settings.items())
    token = Path(environment["HOME"]) / ".ray" / "auth_token"
    host.run(f"mkdir -p ~/.ray && cp {token} ~/.ray/")
    host.run(
        f"cd / && export PATH={BIN}:$PATH RAY_AUTH_MODE=token RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO=0 {words} && "
        f"ulimit -n 65536; ray start {options} --num-cpus {cpus} --disable-usage-stats > /tmp/start.log 2>&1 "
        "< /dev/null || (cat /tmp/start.log; false)"
    )


def nodes(head: Host) -> int:
    """How many machines the cluster has, as `ray status` counts CPUs of one each."""
    told = head.run(f"PATH={BIN}:$PATH RAY_AUTH_MODE=token ray status", check=False).stdout
    return int(float(told.partition("/")[2].partition(" CPU")[0])) if "/" in told and " CPU" in told else 0


def wait_until(ready: Callable[[], object], limit_s: float, why: Callable[[], str]) -> None:
    """Wait until `ready` says so; fails with what `why` says."""
    deadline = time.monotonic() + SLOWER * limit_s
    while not ready():
        assert time.monotonic() < deadline, why()[-3000:]
        time.sleep(0.5)


def _answers(address: str, port: int) -> bool:
    with socket.socket() as one:
        one.settimeout(2)
        return one.connect_ex((address, port)) == 0
