"""What a driver's rows survive: kill -9 at any moment, a full disk, a folder that may not be written."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from stylize.errors import CannotContinueError
from stylize.results.output_lock import OutputLock
from stylize.results.store import RowStore
from tests.support.numbered_rows import rows

TASKS = 300
ROUNDS = 4

COMMON = """
import hashlib, os, sys
from datetime import datetime, timezone
from pathlib import Path
from stylize.results import compaction
from stylize.results.output_lock import OutputLock
from stylize.results.schema import to_batch
from stylize.results.store import RowStore

def row(number, status="ok"):
    name = hashlib.sha256(str(number).encode()).hexdigest()
    return {"task_id": name, "status": status, "seed": number, "started_at": datetime.now(timezone.utc)}
"""

DRIVER = """
out, failing = Path(sys.argv[1]), int(sys.argv[2])
compaction.MANY_PARTS = 6  # merges happen all the time
print("ready", flush=True)
with OutputLock(out), RowStore.open(out, part_rows=5, flush_s=1e9) as store:
    done = store.finished(retry_failed=True)
    todo = [n for n in range(int(sys.argv[3])) if bytes.fromhex(row(n)["task_id"])[:16] not in done]
    for i in range(0, len(todo), 5):
        fresh = [row(n, "failed" if failing and n % 3 == failing % 3 else "ok") for n in todo[i : i + 5]]
        store.add(to_batch(fresh))
        for r in fresh:
            os.write(1, f"{r['seed']} {r['status']} {r['started_at'].timestamp()}\\n".encode())
"""

FULL = """
import resource
out = Path(sys.argv[1])
store = RowStore.open(out)
store.add(to_batch([row(n) for n in range(10)]))
store.flush()
store.add(to_batch([row(n) for n in range(10, 20)]))
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
for _ in range(2):
    try:
        store.flush()
    except Exception as error:
        print(type(error).__name__, error)
print(sorted(p.name[:4] for p in (out / "rows").iterdir()))
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
store.close()
"""

REFUSED = """
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
for attempt in (lambda: OutputLock(Path(sys.argv[1])).__enter__(), lambda: RowStore.open(Path(sys.argv[1]))):
    try:
        attempt()
    except Exception as error:
        print(type(error).__name__, error)
"""


def start(code: str, *args: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", COMMON + code, *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def run(code: str, *args: object) -> list[str]:
    with start(code, *args) as process:
        said, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return said.splitlines()


def test_killed_at_any_moment_no_reported_row_is_lost_and_none_is_there_twice(tmp_path: Path) -> None:
    draw, reported, killed = random.Random(), dict[int, float](), 0
    for turn in range(1, ROUNDS + 1):
        with start(DRIVER, tmp_path, turn, TASKS) as driver:
            assert driver.stdout is not None
            assert driver.stdout.readline() == "ready\n"
            time.sleep(draw.uniform(0.0, 0.25))
            driver.kill()
            lines = [line.split() for line in driver.stdout if line.endswith("\n")]
        killed += driver.returncode == -9
        reported.update({int(seed): float(when) for seed, _, when in lines})
        with OutputLock(tmp_path):
            RowStore.open(tmp_path).close()
        frame = pd.read_parquet(tmp_path / "rows")
        assert frame.seed.is_unique
        newest = dict(zip(frame.seed, [when.timestamp() for when in frame.started_at], strict=True))
        assert not [seed for seed, when in reported.items() if newest.get(seed, 0.0) < when]
        assert not list((tmp_path / "rows").glob(".*"))
    assert killed >= ROUNDS // 2
    run(DRIVER, tmp_path, 0, TASKS)
    frame = pd.read_parquet(tmp_path / "rows")
    assert sorted(frame.seed) == list(range(TASKS))
    assert set(frame.status) == {"ok"}


def test_a_write_that_does_not_fit_leaves_valid_rows_and_is_made_up_for(tmp_path: Path) -> None:
    *errors, names = run(FULL, tmp_path)
    assert len(errors) == 2
    for line in errors:
        assert line.startswith("CannotContinueError no space left to write ")
        assert line.endswith("free space, then run the same command again")
    assert names == "['part']"  # neither a second part nor a temporary file
    assert sorted(pd.read_parquet(tmp_path / "rows").seed) == list(range(20))


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_stops_the_run_and_the_next_one_resumes(tiny_disk: Path) -> None:
    out = tiny_disk / "out"
    store = RowStore.open(out, part_rows=10)
    written = 0
    try:
        for written in range(0, 1000, 10):
            store.add(rows(range(written, written + 10)))
    except CannotContinueError as error:
        assert "no space left" in str(error)  # noqa: PT017
    assert 0 < written < 990
    assert sorted(pd.read_parquet(out / "rows").seed) == list(range(written))
    with pytest.raises(CannotContinueError, match="no space left"):
        store.close()
    subprocess.run(["mount", "-o", "remount,size=4m", str(tiny_disk)], check=True)
    store = RowStore.open(out)
    assert len(store.finished(retry_failed=False)) == written
    store.add(rows(range(written, written + 10)))
    store.close()
    assert sorted(pd.read_parquet(out / "rows").seed) == list(range(written + 10))


def test_an_out_that_may_not_be_written_is_refused_with_one_line() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folder is closed to others
        Path(name).chmod(0o755)
        for folder in ("rows", "images"):
            (Path(name) / folder).mkdir()
        said = run(REFUSED, name)
    assert len(said) == 2
    assert all(line.startswith("CannotContinueError ") and "make it writable" in line for line in said)
