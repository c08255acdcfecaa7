"""Images, folders and Rays that several tests use; which tests need Ray, and which files begin."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from stylize import images
from tests.support.ask_for_worker import FORKS
from tests.support.browser import browser as browser
from tests.support.browser import chromium as chromium
from tests.support.forked_workers import forks
from tests.support.logged import line_taker
from tests.support.logged import logged as logged
from tests.support.samples import ROOT, picture
from tests.support.shared_ray import SHARED_RAY
from tests.support.shared_ray import both_cpus as both_cpus
from tests.support.shared_ray import local_ray as local_ray

# Ray's workers have niceness 15, a thirtieth of the time of what runs beside them: with three files of tests at once on
# two cores, a task of a tenth of a second took longer than limits of several.
os.environ.setdefault("RAY_worker_niceness", "0")
# Workers that Ray starts in advance are of no use to actors with an environment of their own: a second of CPU each Ray.
os.environ.setdefault("RAY_prestart_worker_first_driver", "0")
os.environ.setdefault("RAY_enable_worker_prestart", "0")
# Ray looks for new logs ten times a second, to show them in a driver that asks for none: 37 s of CPU in all.
os.environ.setdefault("RAY_LOG_MONITOR_MANY_FILES_THRESHOLD", "0")
os.environ.setdefault("LOG_NAME_UPDATE_INTERVAL_S", "3600")
# OpenMP's threads spin while they wait for each other, and with three files at once for one that has no core: tests
# of stylizers took 92 to 100 s, and 31 to 33 s when they sleep instead. To be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Tests compare with what a CPU makes, to the last digit, and load methods onto the best device that torch sees: a card
# is hidden from them and from all that they start. On an H100 that was seen, 120 of them failed for its digits alone.
os.environ["CUDA_VISIBLE_DEVICES"] = ""
# Where several files run at once, each has a core at most: teams of threads for tiny pictures doubled the CPU's time.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# What nobody listens to is not printed, as where pytest captures it.
logging.getLogger().addHandler(line_taker(len))

# Of its own accord hypothesis fails a test whose example took over 0.2 s, as on a busy machine any may.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")

TESTS = Path(__file__).parent
NO_RAY = "/dev/null/this test starts Ray; let it ask for the fixture local_ray or own_ray"
"""Where Ray would put its sessions, for tests that do not ask for one: no folder can be there."""
AFTER_RAY = pytest.StashKey[bool]()
"""With the tests of files that come after the last with Ray."""
LONGEST_FIRST = (
    "jobs/stores/test_object_store_job.py",
    "jobs/run/test_hostile_out.py",
    "stylizers/test_strips.py",
    "stylizers/test_contract.py",
    "training/test_training.py",
    "jobs/scheduler/test_scheduler.py",
    "pipeline/test_bounded_memory.py",
    "stylizers/test_runtimes.py",
    "jobs/test_train.py",
    "jobs/replay/test_replay.py",
    "stylizers/test_gatys.py",
    "tools/test_draw_styles.py",
    "jobs/test_summarize.py",
    "jobs/test_submit.py",
    "report/page/test_page.py",
    "jobs/test_benchmark.py",
    "commands/test_export.py",
    "stylizers/test_int8.py",
    "jobs/run/test_kills.py",
    "jobs/test_stylize_folder.py",
    "tools/test_scale.py",
)
"""Files that take longest, as the last process must not be left alone with one; those that mostly wait for Ray in turn
with those that compute, which would else leave the cores idle. Others with Ray follow, then SLOW."""

SLOW = (
    "commands/test_export.py",
    "commands/test_restyle.py",
    "images/test_apart.py",
    "images/test_limits.py",
    "images/test_turbo.py",
    "io/test_listings.py",
    "io/test_object_store.py",
    "io/test_store_errors.py",
    "jobs/replay/test_replay.py",
    "jobs/run/test_changing_inputs.py",
    "jobs/run/test_hostile_out.py",
    "jobs/run/test_lacking.py",
    "jobs/run/test_scoring.py",
    "jobs/run/test_second_runs.py",
    "jobs/run/test_shards.py",
    "jobs/test_awkward_inputs.py",
    "jobs/test_benchmark.py",
    "jobs/test_fid.py",
    "jobs/test_manifest_settings.py",
    "jobs/test_own_methods.py",
    "jobs/test_result_names.py",
    "jobs/test_score.py",
    "jobs/test_stylize_folder_calls.py",
    "jobs/test_summarize.py",
    "jobs/test_train.py",
    "machine/test_openmp.py",
    "pipeline/test_accelerators.py",
    "pipeline/test_bounded_memory.py",
    "pipeline/test_isolated.py",
    "pipeline/test_own_settings.py",
    "pipeline/test_reading_ahead.py",
    "pipeline/test_runner_batches.py",
    "pipeline/test_score_runner.py",
    "report/evidence/test_claims.py",
    "report/evidence/test_compare.py",
    "report/evidence/test_verdicts.py",
    "report/evidence/test_votes.py",
    "report/page/test_page.py",
    "report/page/test_pictures.py",
    "report/page/test_plots.py",
    "report/page/test_sizes.py",
    "report/page/test_tables.py",
    "report/page/test_words.py",
    "report/test_analysis.py",
    "results/test_older_rows.py",
    "results/test_output_lease.py",
    "results/test_row_faults.py",
    "results/test_row_store.py",
    "stylizers/test_adain.py",
    "stylizers/test_building.py",
    "stylizers/test_compiled.py",
    "stylizers/test_gatys.py",
    "stylizers/test_int8.py",
    "stylizers/test_microast.py",
    "stylizers/test_runtimes.py",
    "stylizers/test_strip_files.py",
    "stylizers/test_strips.py",
    "test_backbones.py",
    "test_edge.py",
    "test_hosts.py",
    "test_interrupts.py",
    "test_new_process.py",
    "test_truth.py",
    "tools/test_compare_models.py",
    "tools/test_draw_styles.py",
    "tools/test_gpu_check.py",
    "tools/test_large_images.py",
    "tools/test_random_calls.py",
    "tools/test_ssim_speed.py",
    "training/test_consistency.py",
    "training/test_training.py",
    "viewer/test_export.py",
    "viewer/test_hostile_runs.py",
    "viewer/test_media.py",
    "viewer/test_server.py",
    "votes/test_agreement.py",
    "votes/test_ranking.py",
    "votes/test_store.py",
)
"""Files without Ray that together take most of such tests' time; `make test-fast` leaves them out, and all tests in a
browser."""


def pytest_configure(config: pytest.Config) -> None:
    """Where several processes run tests, let them share what each would else make: they themselves are not told of it.

    The measures' compiled loops, 6 s of a core, and the process that Ray's workers are forked from, 3 s.
    """
    if config.getoption("numprocesses", None):
        if sys.platform == "linux":
            shared = contextlib.ExitStack()
            os.environ[FORKS] = shared.enter_context(forks())
            shared.callback(os.environ.pop, FORKS)
            config.add_cleanup(shared.close)
        kernels = "from stylize.measure import _ssim_kernel, _statistics_kernel; from stylize.pipeline import levels"
        with contextlib.ExitStack() as compiling:
            compiling.enter_context(subprocess.Popen([sys.executable, "-c", kernels], cwd=ROOT))
            config.add_cleanup(compiling.pop_all().close)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark slow tests and those that ask for a Ray, themselves or by fixtures; put the longest files first."""
    names = {path: path.relative_to(TESTS).as_posix() for path in {item.path for item in items}}
    for item in items:
        asked = getattr(item, "fixturenames", ())
        if "local_ray" in asked or "own_ray" in asked or item.get_closest_marker("cluster"):
            item.add_marker("ray")
        if names[item.path] in SLOW or "browser" in asked:
            item.add_marker("slow")
    with_ray = {item.path for item in items if item.get_closest_marker("ray")}
    begin = {name: number for number, name in enumerate(LONGEST_FIRST)}
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(
        key=lambda item: (begin.get(names[item.path], len(begin)), item.path not in with_ray, item.path not in slow)
    )
    last = max((number for number, item in enumerate(items) if item.path in with_ray), default=-1)
    for item in items[last + 1 :]:
        item.stash[AFTER_RAY] = True


def pytest_collection_finish() -> None:
    """Collect garbage seldom, and nothing of what is loaded by now: it took 6 % of the tests' processor time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Let Ray not start where no test asked for it, neither here nor in a process that the test starts.

    The shared one ends with the last file that may ask for it: idle, it takes 4 % of a core.
    What earlier tests left is not looked at again for garbage: isolated images ask for that each, which took 0.2 s. So
    nothing is to thaw what is frozen, as tests of sweeps did for the next test to freeze again: half a second each.
    """
    if AFTER_RAY in item.stash:
        SHARED_RAY.close()
    gc.collect()
    gc.freeze()
    with pytest.MonkeyPatch.context() as patch:
        if not item.get_closest_marker("ray"):
            patch.setenv("RAY_TMPDIR", NO_RAY)
        return (yield)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """CONTENT with two types of two photos each, STYLES with two types of one artwork each."""
    names = ("content/day/a.jpg", "content/day/b.png", "content/night/a.jpg", "content/night/c d.jpg")
    for seed, name in enumerate((*names, "styles/ink/wash.jpg", "styles/oil/sea.jpg")):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(images.encode(picture(seed), path.suffix[1:], 95))
    return tmp_path / "content", tmp_path / "styles"


@pytest.fixture(scope="session")
def own_ray() -> None:
    """Leave to start a Ray of the test's own, here or in a process; `local_ray` costs less."""


@pytest.fixture
def by_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the default runtime be torch on every processor: strips are torch's, and ports are held to it."""
    from stylize.stylizers._runtimes import sessions

    monkeypatch.setattr(sessions, "FASTEST", {})


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real photos and weights that some checks need; skips where there is none."""
    found = os.environ.get("STYLIZE_TEST_DATA")
    if not found or not Path(found).is_dir():
        pytest.skip("STYLIZE_TEST_DATA names no folder with real photos and weights")
    return Path(found)
