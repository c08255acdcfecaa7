from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

from PIL import Image

from jobs.stylize_folder import main
from stylize.results.read import read_rows
from tests.support.main_job import call, fork_job, job_here, plain, rows, runs, stamps, start, wait_for, workers

SLOW = ("--stylizer", "tests.support.stylizers:Slow", "--format", "png")


def inputs(root: Path, photos: int) -> tuple[Path, Path]:
    """A folder of small photos and one of a single artwork."""
    for number in range(photos):
        plain(root / "content" / f"{number:03}.png", (number % 256, number // 256, 77))
    plain(root / "styles" / "s.png", (1, 2, 3))
    return root / "content", root / "styles"


def test_a_worker_killed_in_mid_task_costs_nothing_and_a_second_run_is_refused(local_ray: str, tmp_path: Path) -> None:
    folders, out, gate = inputs(tmp_path, 30), tmp_path / "out", tmp_path / "gate"
    gate.touch()
    words = (*folders, out, *SLOW, "--set", f"gate={gate}", "--set", "seconds=0.01")
    driver = start(*words, "--address", local_ray, "--actors", 1)
    # A worker is named after what it runs, so this one is in the middle of a task or about to begin.
    wait_for(lambda: bool(workers("ray::Worker.run")), driver)
    second = call(main, *words)
    assert second.returncode == 1
    assert len(second.stderr.splitlines()) == 1
    assert f"{out} is in use by another run (pid {driver.pid}" in second.stderr
    (killed,) = workers("ray::Worker.run")
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: not runs(killed), driver)
    gate.unlink()
    told, complaint = driver.communicate(timeout=240)
    assert driver.returncode == 0, complaint
    assert "died with" in told
    frame = rows(out)
    assert len(frame) == 30
    assert set(frame["status"]) == {"ok"}
    assert frame["attempt"].max() == 2


def test_a_driver_killed_four_times_ends_with_one_ok_row_a_task_and_writes_nothing_twice(
    local_ray: str, tmp_path: Path
) -> None:
    photos = 250
    folders, out = inputs(tmp_path, photos), tmp_path / "out"
    words = (*folders, out, *SLOW, "--address", local_ray, "--progress", "off", "--actors", 1)
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    print("seed", seed)
    settled: dict[str, tuple[int, int]] = {}
    hit = 0
    for kill in range(4):
        seen = len(stamps(out))
        driver = fork_job(*words)
        if kill % 3:  # while images come, for longer than rows wait to be written
            while len(stamps(out)) == seen and driver.is_alive():
                time.sleep(0.02)
            driver.join(chance.uniform(0, 3))
        else:  # anywhere, loading included
            driver.join(chance.uniform(0, 5))
        driver.kill()
        driver.join()
        hit += driver.exitcode == -signal.SIGKILL
        settled = _settled(out, settled)
    assert hit >= 2, "too few of the kills met a run"
    done = job_here(local_ray, *words)
    assert done.returncode == 0, done.stderr
    assert len(_settled(out, settled)) == photos
    frame = rows(out)
    assert len(frame) == photos
    assert set(frame["status"]) == {"ok"}
    assert frame["content_uri"].is_unique
    found = stamps(out)
    assert set(found) == set(frame["output_uri"])
    assert not list(out.rglob(".tmp-*"))


def _settled(out: Path, before: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """The images that have rows, each whole and, where it had one before, untouched since."""
    if not (out / "rows").is_dir():
        return before
    uris = read_rows(out, ["output_uri"]).column("output_uri").to_pylist()
    assert len(uris) == len(set(uris))
    found = stamps(out)
    assert set(before) <= set(uris)
    for uri in uris:
        assert before.get(uri, found[uri]) == found[uri], f"{uri} was written again after its row"
        with Image.open(uri) as image:
            image.load()
    return {uri: found[uri] for uri in uris}
