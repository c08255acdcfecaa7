from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import yaml

from jobs.benchmark import main
from jobs.replay import main as replay
from jobs.scheduler.scheduler import Scheduler
from jobs.scheduler.worker import MakeRunner
from jobs.sweep.worker import MakeSweeper
from stylize.config import JobConfig
from stylize.errors import CannotContinueError, UsageError
from stylize.gallery import styles_folder
from stylize.gallery.photos import PHOTOS
from stylize.measure.hardware import node_name
from stylize.results.output_lock import OutputLock
from stylize.results.read import read_rows
from stylize.results.schema import to_batch
from stylize.tasks.task import Task
from tests.support.main_job import call, refused
from tests.support.samples import picture
from tests.support.scripted_workers import row, task

SWEEP: dict[str, Any] = {
    "title": "Two methods",
    "methods": [
        {"name": "compact"},
        {"name": "identity", "precisions": ["fp32"]},
        {"name": "compact", "label": "none such", "precisions": ["fp16"]},
        {"name": "tests.support.stylizers:Slow", "label": "slow", "precisions": ["fp32"], "settings": {"seconds": 0.03},
         "repeats": 1},
        {"name": "tests.support.stylizers:Slow", "label": "hangs", "precisions": ["fp32"], "settings": {"seconds": 60},
         "repeats": 1, "photos": 1, "warmup": False, "resolutions_px": [48]},
    ],
    "precisions": ["fp32"], "resolutions_px": [48, 96], "repeats": 2, "device": "cpu", "cpus_per_actor": 1,
    "timeout_s": 20,
}  # fmt: skip


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """content/ with two types of one photo each and a text, styles/ with one artwork, sweep.yaml."""
    from stylize import images

    folder = tmp_path_factory.mktemp("sweep")
    for seed, name in enumerate(("content/day/a.jpg", "content/night/b.jpg", "styles/s.jpg")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(images.encode(picture(seed, 96, 64), "jpg", 95))
    (folder / "content" / "notes.txt").write_text("who and where")
    text = yaml.safe_dump(SWEEP | {"content": str(folder / "content"), "styles": str(folder / "styles")})
    (folder / "sweep.yaml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def done(inputs: Path, local_ray: str) -> subprocess.CompletedProcess[str]:
    """The sweep."""
    return call(main, inputs / "sweep.yaml", inputs / "out")


@pytest.fixture
def rows(inputs: Path, done: subprocess.CompletedProcess[str]) -> pd.DataFrame:
    """Its rows."""
    assert done.returncode == 3, done.stderr
    frame: pd.DataFrame = read_rows(inputs / "out").to_pandas()
    return frame


def test_every_variant_and_repeat_has_its_images_and_limits_are_rows(rows: pd.DataFrame, done: Any) -> None:
    counts = rows.groupby(["variant", "status"]).size().to_dict()
    per_size = {
        ("compact fp32 {} px x1", "ok"): 6, ("identity fp32 {} px x1", "ok"): 6,
        ("none such fp16 {} px x1", "unsupported"): 6, ("slow fp32 {} px x1", "ok"): 3,
    }  # fmt: skip
    wanted = {(name.format(px), status): n for (name, status), n in per_size.items() for px in (48, 96)}
    assert counts == wanted | {("hangs fp32 48 px x1", "timeout"): 1}
    (error,) = rows.loc[rows["status"] == "unsupported", "error"].unique()
    assert f"unsupported: 6 images of none such fp16 48 px x1: {error}\n" in done.stdout


def test_each_block_begins_with_one_warmup_image(rows: pd.DataFrame) -> None:
    ok = rows[(rows["status"] == "ok")].sort_values("started_at")
    blocks = ok.groupby(["variant", "repeat"])["warmup"].agg(list)
    assert all(found == [True, False, False] for found in blocks)


def test_blocks_do_not_overlap_and_repeats_follow_each_other(rows: pd.DataFrame) -> None:
    ok = rows[rows["status"] == "ok"]
    blocks = ok.groupby(["repeat", "variant"])["started_at"].agg(["min", "max"]).sort_values("min")
    assert (blocks["max"].iloc[:-1].to_numpy() <= blocks["min"].iloc[1:].to_numpy()).all()
    assert blocks.index.get_level_values("repeat").is_monotonic_increasing


def test_rows_say_the_mode_workers_memory_and_statistics(rows: pd.DataFrame) -> None:
    ok = rows[rows["status"] == "ok"]
    assert set(ok["measure_mode"]) == {"isolated"}
    assert set(rows["workers"]) == {1}
    assert (ok["image_host_bytes"] >= 0).all()
    assert ok["content_edge_density"].notna().all()
    assert (ok.loc[ok["stylizer"] == "slow", "stylize_s"] >= 0.03).all()


def test_the_same_command_does_nothing_again_and_the_sweep_is_kept(
    inputs: Path, rows: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(inputs / "sweep.yaml"), str(inputs / "out")]) == 3
    told = capsys.readouterr().out
    assert f"nothing to do: all {len(rows)} tasks have their rows already" in told
    assert yaml.safe_load((inputs / "out" / "sweep.yaml").read_text())["title"] == "Two methods"
    record = json.loads((inputs / "out" / "run.json").read_text())
    assert "compact fp32 48 px x1" in record["variants"]
    assert "jobs.benchmark" in record["command"]
    assert record["left_out"] == {"content": [{"what": ".txt", "reason": "no image", "number": 1}]}
    plan = yaml.safe_load((inputs / "sweep.yaml").read_text())
    (inputs / "fewer.yaml").write_text(yaml.safe_dump(plan | {"methods": SWEEP["methods"][:2]}))
    assert main([str(inputs / "fewer.yaml"), str(inputs / "out")]) == 0  # the rows of the others stay, and do not count


def test_a_dry_run_estimates_from_rows_and_writes_nothing(
    inputs: Path, rows: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(inputs / "sweep.yaml"), str(tmp_path / "new"), "--dry-run", "--from", str(inputs / "out")]) == 0
    told = capsys.readouterr().out
    assert f"would measure {len(rows)} of {len(rows)} images" in told
    assert "time:   about" in told
    assert "not known, as no row is like it: none such fp16 48 px" in told
    assert list(tmp_path.iterdir()) == []
    assert main([str(inputs / "sweep.yaml"), str(inputs / "out"), "--dry-run"]) == 0
    assert f"would measure 0 of {len(rows)} images" in (told := capsys.readouterr().out)
    assert "(no image)\nnothing is left to do" in told
    assert main([str(inputs / "sweep.yaml"), str(inputs / "out"), "--dry-run", "--retry-failed"]) == 0
    assert f"would measure 13 of {len(rows)} images" in capsys.readouterr().out


def test_a_dry_run_says_what_is_measured_and_what_a_run_would_refuse(
    inputs: Path, rows: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(inputs / "sweep.yaml"), str(tmp_path / "new"), "--dry-run"]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "  compact fp32 48 px x1: 6 images in 2 repeats" in told
    assert "2 photos with 1 artwork each; 1 CPU per worker, isolated mode" in told
    with OutputLock(tmp_path / "new"), pytest.raises(CannotContinueError, match="is in use by another run"):
        main(words)
    (two := tmp_path / "two.yaml").write_text((inputs / "sweep.yaml").read_text().replace("actor: 1", "actor: 2"))
    assert main([str(two), str(inputs / "out"), "--dry-run"]) == 0
    had = (rows["threads"] == 1).sum()
    assert f"{had} rows of OUT had 1 CPU thread, and workers have 2 now" in capsys.readouterr().out
    large = tmp_path / "large.yaml"
    large.write_text((inputs / "sweep.yaml").read_text().replace("cpus_per_actor: 1", "cpus_per_actor: 9000"))
    with pytest.raises(UsageError, match="no machine here has 9000 CPU"):
        main([str(large), str(tmp_path / "none"), "--dry-run"])


def test_a_sweeps_row_can_be_made_again(inputs: Path, rows: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    row = rows[(rows["variant"] == "slow fp32 96 px x1") & (rows["warmup"] == False)].iloc[0]  # noqa: E712
    own = ["--stylizer", "tests.support.stylizers:Slow"]
    assert replay([str(inputs / "out"), row["task_id"], "--trust-paths", *own]) == 0
    assert "the row was made again" in capsys.readouterr().out


def test_a_method_that_cannot_be_loaded_gives_every_task_its_reason(inputs: Path, tmp_path: Path) -> None:
    config = JobConfig(
        content=str(inputs / "content"), styles=str(inputs / "styles"), out=str(tmp_path),
        stylizer="tests.support.stylizers:Unloadable", measure_mode="isolated",
    )  # fmt: skip
    sweeper = MakeSweeper({"v": config}, "run", None)("worker-7")
    batches = [[replace(task(n), variant="v", repeat=1) for n in numbers] for numbers in ((0, 1), (2,))]
    rows = [row for batch in batches for row in sweeper.submit(batch)().to_pylist()]
    assert [(row["status"], row["error"]) for row in rows] == [("oom", "MemoryError: no room for it")] * 3
    assert {(row["worker_id"], row["node"]) for row in rows} == {("worker-7", node_name())}


def test_a_store_that_does_not_answer_ends_the_run_and_is_no_trait_of_the_method(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: MakeRunner, worker_id: str) -> None:
        raise CannotContinueError("s3://b/w could not be read, although tried again")

    monkeypatch.setattr(MakeRunner, "__call__", fails)
    config = JobConfig(content=str(tmp_path), styles=str(tmp_path), out=str(tmp_path))
    with pytest.raises(CannotContinueError, match="s3://b/w"):
        MakeSweeper({"v": config}, "run", None)("worker-7").submit([replace(task(0), variant="v", repeat=1)])


@pytest.mark.parametrize("there", [[], ["photos/animals/cat.png"], ["photos/README.txt"]])
def test_a_dry_run_counts_the_project_s_own_images_however_many_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], there: list[str]
) -> None:
    for name in there:
        (tmp_path / "out" / "inputs" / name).parent.mkdir(parents=True)
        (tmp_path / "out" / "inputs" / name).write_bytes(b"x")
    plan = {"title": "t", "methods": [{"name": "identity"}], "repeats": 1, "cpus_per_actor": 1, "device": "cpu"}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(plan))
    assert main([str(tmp_path / "sweep.yaml"), str(tmp_path / "out"), "--dry-run"]) == 0
    wanted = len(PHOTOS) * len(list(styles_folder().rglob("*.jpg"))) + 1
    assert f"would measure {wanted} of {wanted} images" in capsys.readouterr().out


def test_an_out_inside_content_is_refused(inputs: Path) -> None:
    with pytest.raises(UsageError, match="OUT lies in CONTENT"):
        main([str(inputs / "sweep.yaml"), str(inputs / "content" / "out")])


@pytest.mark.usefixtures("worker_here")
def test_sigterm_keeps_what_a_sweep_has_done(inputs: Path, tmp_path: Path) -> None:
    settings = {"number": int(signal.SIGTERM)}
    method = {"name": "tests.support.stylizers:Signals", "settings": settings, "precisions": ["fp32"]}
    sweep = SWEEP | {"methods": [method], "content": str(inputs / "content"), "styles": str(inputs / "styles")}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    assert call(main, tmp_path / "sweep.yaml", tmp_path / "out").returncode == 130
    assert 0 < read_rows(tmp_path / "out", ["status"]).num_rows < 12


def test_an_interrupted_sweep_keeps_what_workers_had_returned(
    inputs: Path, tmp_path: Path, local_ray: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    returned: list[Task] = []

    def results(scheduler: Scheduler, tasks: Iterator[Task]) -> Iterator[pa.RecordBatch]:
        first, *others = tasks
        returned.extend(others)
        yield to_batch([row(first, "ok")])
        raise KeyboardInterrupt

    monkeypatch.setattr(Scheduler, "results", results)
    monkeypatch.setattr(Scheduler, "drain", lambda scheduler: iter([to_batch([row(task, "ok") for task in returned])]))
    folders = {name: str(inputs / name) for name in ("content", "styles")}
    sweep = SWEEP | folders | {"methods": [{"name": "identity"}], "resolutions_px": [48]}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    with pytest.raises(KeyboardInterrupt):
        main([str(tmp_path / "sweep.yaml"), str(tmp_path / "out"), "--progress", "off"])
    kept = read_rows(tmp_path / "out", ["task_id"]).column("task_id").to_pylist()
    assert len(kept) == 3
    assert {task.task_id for task in returned} < set(kept)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nonesuch"], "known: claims, gpu, precision, quick, scalability, workers"),
        (["quick", "--weights", "microast"], "expected METHOD=PATH"),
        (["quick", "--weights", "nobody=s3://KEY:SECRET@b/x"], "^--weights: expected METHOD=PATH, METHOD one of "),
        (["s3://KEY:SECRET@b/sweep.yaml"], "^SWEEP: .*no credentials in a URI"),
        (["quick", "--content", "/nowhere"], "/nowhere"),
        (
            ["quick", "--perceptual", "s3://KEY:SECRET@b/vgg"],
            r"^--perceptual: s3://: expected s3://BUCKET/KEY.*no credentials in a URI",
        ),
    ],
)
def test_a_wrong_call_says_what_to_do(tmp_path: Path, words: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        main([words[0], str(tmp_path / "out"), *words[1:]])
    assert "SECRET" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_weights_that_judge_are_looked_at_before_a_sweep_begins(inputs: Path, tmp_path: Path) -> None:
    (bad := tmp_path / "vgg19.pth").write_bytes(b"no weights")
    for path in (bad, tmp_path / "nowhere.pth"):
        told = refused(main, "quick", tmp_path / "out", "--content", inputs / "content", "--perceptual", path)
        assert path.name in told
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("local_ray")
def test_two_workers_measure_strong_and_weak_scaling(inputs: Path, tmp_path: Path) -> None:
    sweep = SWEEP | {
        "methods": [{"name": "identity", "precisions": ["fp32"]}], "workers": [1, 2], "scaling": ["strong", "weak"],
        "mode": "throughput", "resolutions_px": [48], "repeats": 1,
        "content": str(inputs / "content"), "styles": str(inputs / "styles"),
    }  # fmt: skip
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    done = call(main, tmp_path / "sweep.yaml", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    frame = read_rows(tmp_path / "out", ["variant", "workers", "worker_id"]).to_pandas()
    assert frame[frame["workers"] == 2]["worker_id"].nunique() >= 2
    # The record says of each where it ran.
    assert frame.groupby("worker_id")["workers"].nunique().max() == 1
    assert set(frame["worker_id"]) <= json.loads((tmp_path / "out" / "run.json").read_text())["workers"].keys()
    counts = frame.groupby("variant").size().to_dict()
    each = "identity fp32 48 px x{} each"
    # One worker is the same work in both.
    assert counts == {each[:-5].format(1): 3, each[:-5].format(2): 4, each.format(2): 6}
