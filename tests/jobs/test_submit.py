from __future__ import annotations

import functools
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ray.job_submission import JobStatus, JobSubmissionClient

from jobs.run.output_dir import in_a_jobs_copy
from tests.support.main_job import descendants, plain, rows
from tests.support.samples import ROOT

RAY = (sys.executable, "-m", "ray.scripts.scripts")
NO_AGENT = "No available agent to submit job"
"""What is said while the head is up, but its agent has not yet said that it is."""


@dataclass(frozen=True)
class Head:
    """A running head: where jobs go, its folder, and the environment of whoever may use it."""

    url: str
    session: Path
    environment: dict[str, str]

    @functools.cached_property
    def client(self) -> JobSubmissionClient:
        """What `ray job` asks, which takes 3 s of a core to start."""
        token = (Path(self.environment["HOME"]) / ".ray" / "auth_token").read_text()
        return JobSubmissionClient(self.url, headers={"Authorization": f"Bearer {token}"})

    def begin(self, submission: str, *words: object) -> None:
        """What `ray job submit --no-wait` does with the main job from this checkout."""
        for tries_left in reversed(range(30)):
            try:
                self.client.submit_job(
                    entrypoint=shlex.join(job(*words)), submission_id=submission, runtime_env={"working_dir": str(ROOT)}
                )
                break
            except RuntimeError as error:
                if NO_AGENT not in str(error) or not tries_left:
                    raise
            time.sleep(1)

    def stop(self, submission: str) -> JobStatus:
        """What `ray job stop` does; how the job ended."""
        self.client.stop_job(submission)
        while not (status := self.client.get_job_status(submission)).is_terminal():
            time.sleep(0.2)
        return status

    def log(self, submission: str) -> str:
        """What a job has printed so far, as `ray job logs` shows it after 3 s of a core."""
        return (self.session / "session_latest" / "logs" / f"job-driver-{submission}.log").read_text()

    def submit(self, *words: object) -> subprocess.CompletedProcess[str]:
        """`ray job submit` of the main job from this checkout."""
        return subprocess.run(
            [*RAY, "job", "submit", "--address", self.url, "--working-dir", ".", "--", *job(*words)],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=400,
        )  # fmt: skip


def job(*words: object) -> list[str]:
    """The main job's command line in a copy of the project."""
    return ["python", "-m", "jobs.stylize_folder", *map(str, words)]


@pytest.fixture(scope="module")
def head(own_ray: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    """A head of two CPUs with token authentication, in a home and a session of its own."""
    home = tmp_path_factory.mktemp("home")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "PYTHONWARNINGS": "ignore",
    }
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text(secrets.token_hex(32))
    port, dashboard, client, agent = _free_ports(4)
    # Sockets have short names, so pytest's long temporary path will not do.
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as session:
        log = (home / "head.log").open("wb")
        started = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/support/job_head.py"), "start", "--head", "--block", "--num-cpus", "2",
             "--port", str(port), "--temp-dir", session, "--dashboard-port", str(dashboard),
             "--ray-client-server-port", str(client), "--dashboard-agent-listen-port", str(agent),
             "--disable-usage-stats", "--no-monitor", "--include-log-monitor", "false"],
            cwd=home, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            for one in (dashboard, agent):  # the agent, which starts jobs, comes last
                _wait_for(one, started, home / "head.log")
            yield Head(f"http://127.0.0.1:{dashboard}", Path(session), environment)
        finally:
            # Not `ray stop`, which ends every Ray on the machine.
            _end(started, session)
            log.close()


def _free_ports(count: int) -> list[int]:
    open_ones = [socket.socket() for _ in range(count)]
    try:
        for one in open_ones:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in open_ones]
    finally:
        for one in open_ones:
            one.close()


def _wait_for(port: int, started: subprocess.Popen[bytes], log: Path, limit_s: float = 120) -> None:
    deadline = time.monotonic() + limit_s
    while True:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert started.poll() is None, log.read_text()[-2000:]
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.2)


def _end(started: subprocess.Popen[bytes], session: str) -> None:
    """End the head and all that names its session folder."""
    started.terminate()
    try:
        started.wait(20)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                ours = session in (entry / "cmdline").read_text(errors="replace")
            except OSError:
                continue
            if ours:
                os.kill(int(entry.name), signal.SIGKILL)


def test_a_submitted_job_is_stopped_with_what_is_done_kept_and_the_same_command_resumes(
    head: Head, tmp_path: Path
) -> None:
    for number in range(12):
        plain(tmp_path / "content" / f"{number}.png", (number, 100, 30))
    plain(tmp_path / "styles" / "s.png", (1, 2, 3))
    gate = tmp_path / "gate"
    slow = ("--stylizer", "tests.support.stylizers:Slow", "--set", "seconds=1", "--set", f"gate={gate}")
    words = (tmp_path / "content", tmp_path / "styles", tmp_path / "out", *slow, "--actors", 1)
    head.begin("to-stop", *words)
    deadline = time.monotonic() + 300
    while not list((tmp_path / "out").glob("rows/*.parquet")):
        assert time.monotonic() < deadline, head.log("to-stop")
        time.sleep(0.1)
    gate.touch()
    (driver,) = (pid for pid, title in descendants(os.getpid()) if "jobs.stylize_folder" in title.split("\0"))
    assert in_a_jobs_copy(Path(f"/proc/{driver}/cwd").readlink())
    stopped = head.stop("to-stop")
    gate.unlink()
    assert stopped == JobStatus.STOPPED
    before = rows(tmp_path / "out")
    assert 0 < len(before) < 12
    told = head.log("to-stop")
    assert "interrupted: what is done is kept; the same command resumes" in told
    assert "Traceback" not in told
    done = head.submit(*words)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "succeeded" in done.stdout + done.stderr
    assert "12 ok, 0 not ok" in done.stdout + done.stderr
    frame = rows(tmp_path / "out")
    assert len(frame) == 12
    assert set(frame["status"]) == {"ok"}
