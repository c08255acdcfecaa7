"""What Prometheus finds on the endpoint of the driver's node."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Set
from urllib.request import urlopen

import numpy as np
import pytest
import ray

from jobs.progress import prometheus
from jobs.stylize_folder import main
from tests.support.main_job import call, plain
from tests.support.samples import ROOT
from tests.support.stylizers import RAISE
from tests.support.worker_here import working_here

FAULTY = "tests.support.stylizers:Faulty"
LATEST_S = 200
"""Ray hands metrics on every 10 s and when a driver ends, later beside other work."""

OF_CARDS = {"ray_stylize_device_peak_bytes", "ray_stylize_device_idle_ratio"}
WANTED = {f"ray_{one.name}" for one in prometheus.METRICS} - OF_CARDS


@pytest.fixture(scope="module")
def scraped(local_ray: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Name and labels to value, after a run of six photos, one of which fails."""
    root = tmp_path_factory.mktemp("metrics")
    for number in range(5):
        plain(root / "content" / f"{number}.png", (number * 40, 100, 30))
    plain(root / "content" / "x.png", RAISE)
    plain(root / "styles" / "a.png", (10, 10, 10))
    with working_here():  # whose driver, this process, is at Ray all the same
        done = call(main, root / "content", root / "styles", root / "out", "--stylizer", FAULTY)
    assert done.returncode == 3, done.stderr
    run = json.loads((root / "out" / "run.json").read_text())["run_id"]
    return _of_run(run, 6, WANTED)


def _of_run(run: str, done: int, wanted: Set[str] = frozenset()) -> dict[str, float]:
    """What is there once exactly `done` tasks are, and all that is wanted: Ray hands metrics on in parts."""
    end = time.monotonic() + LATEST_S
    while time.monotonic() < end:
        found = _scrape(run)
        if found.get("ray_stylize_tasks_done_total") == done and names_of(found) >= wanted:
            return found
        time.sleep(0.5)
    raise AssertionError(f"not all metrics of run {run} within {LATEST_S} s: {found}")


def names_of(found: dict[str, float]) -> set[str]:
    """The metrics' names, without what tells the parts of a histogram apart."""
    return {re.sub("_(bucket|count|sum)$", "", name.split()[0]) for name in found}


def _scrape(run: str) -> dict[str, float]:
    node = ray.nodes()[0]
    with urlopen(f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    found = {}
    for name, labels, value in re.findall(r"^(ray_stylize_\w+)\{(.*)\} (\S+)$", text, re.MULTILINE):
        own = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if own["run"] == run:
            assert own["stylizer"]
            found[name + "".join(f" {own[label]}" for label in ("status", "le") if label in own)] = float(value)
    return found


def test_the_endpoint_has_the_counts_of_a_run(scraped: dict[str, float]) -> None:
    assert scraped["ray_stylize_tasks_failed_total failed"] == 1
    assert scraped["ray_stylize_tasks_left"] == 0
    assert scraped["ray_stylize_tasks_queued"] == 0
    assert scraped["ray_stylize_workers_loaded"] == 0
    assert scraped["ray_stylize_images_per_second"] > 0


def test_times_of_warm_up_and_of_failures_are_not_in_the_histogram(scraped: dict[str, float]) -> None:
    assert scraped["ray_stylize_image_seconds_count"] == 4
    assert scraped["ray_stylize_image_seconds_bucket +Inf"] == 4
    bounds = {name.split()[1] for name in scraped if name.startswith("ray_stylize_image_seconds_bucket")}
    assert {float(bound) for bound in bounds - {"+Inf"}} == set(prometheus.BOUNDARIES_S)


def test_every_declared_metric_is_there_but_memory_that_a_cpu_has_not(scraped: dict[str, float]) -> None:
    assert names_of(scraped) == WANTED


def test_a_choice_of_times_is_even_and_keeps_quantiles() -> None:
    values = np.random.default_rng(0).exponential(size=30_000)
    chosen = prometheus.evenly(values, 1000)
    assert len(chosen) == 1000
    assert np.quantile(chosen, 0.5) == pytest.approx(np.quantile(values, 0.5), rel=0.1)
    assert prometheus.evenly(values[:7], 1000) is not chosen
    assert prometheus.evenly(values[:7], 1000).tolist() == values[:7].tolist()


FAST = """
import sys, time
import ray
from jobs.progress.prometheus import Metrics
from jobs.progress.reporter import Reporter
from jobs.progress.stats import RunStats
from stylize.results.schema import to_batch

ray.init(sys.argv[1], log_to_driver=False)
row = {"status": "ok", "stylize_s": 0.2, "warmup": False, "device_peak_allocated_bytes": 7_000_000_000}
batch = to_batch([row] * 256)
with Reporter(RunStats(10**6), "off") as shown:
    shown.watch(None, Metrics("identity", "fast"))
    start = time.perf_counter()
    for sent in range(235):  # 30,000 rows per second for two seconds
        shown.stats.add(batch)
        shown.tick()
        time.sleep(max(0, start + (sent + 1) * 256 / 30_000 - time.perf_counter()))
print(time.perf_counter() - start)
"""


def test_of_30_000_rows_a_second_ray_gets_a_thousand_times_a_second_and_every_count(local_ray: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAST, local_ray], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found = _of_run("fast", 235 * 256)
    assert found["ray_stylize_device_peak_bytes"] == 7_000_000_000
    # Once at the start, once each second, once at the end.
    records = float(done.stdout.split()[-1]) / prometheus.EVERY_S + 2
    assert prometheus.OBSERVED <= found["ray_stylize_image_seconds_count"] <= prometheus.OBSERVED * records
    assert found["ray_stylize_image_seconds_bucket 0.2"] == found["ray_stylize_image_seconds_count"]
