"""The main job with everything in an object store, a real S3 server, and faults in between."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml

import stylize
from jobs.benchmark import main as benchmark
from jobs.replay import main as replay
from jobs.scheduler.worker import WORKER_ENV
from jobs.stylize_folder import main
from jobs.summarize import main as summarize
from stylize.errors import CannotContinueError, UsageError
from stylize.gallery import styles_folder
from stylize.gallery.photos import PHOTOS
from stylize.io import object_store
from stylize.results import output_lease
from tests.support.main_job import call, descendants, plain, refused, runs, start, wait_for
from tests.support.s3 import Bucket, bucket

SMALL = ("--resolution-px", "64", "--actors", "1")


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    folder = tmp_path_factory.mktemp("inputs")
    for number in range(12):
        plain(folder / "content" / f"kind{number % 2}" / f"{number:02}.png", (number * 20, 5, 77))
    plain(folder / "styles" / "s.png", (200, 2, 3))
    with bucket() as made:
        made.upload(folder / "content", "content")
        made.upload(folder / "styles", "styles")
        made.put("content/.hidden/x.png", b"not looked at")
        made.put("content/kind0/notes.txt", b"not an image")
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                patch.setitem(WORKER_ENV, name, os.environ[name])  # as workers of a Ray that is started now have it
            yield made


def rows(out: str) -> pd.DataFrame:
    frame = pd.read_parquet(f"{out}/rows")
    assert frame["task_id"].is_unique
    return frame


def test_whole_job_in_a_bucket_survives_throttling_and_cut_connections(s3: Bucket, local_ray: str) -> None:
    chance = random.Random(7)
    s3.s3.faults = [chance.choice([*[None] * 6, 503, 500, 429, "cut", 0.5]) for _ in range(300)]
    words = ("s3://pictures/content", "s3://pictures/styles", "s3://pictures/out", *SMALL)
    done = call(main, *words)
    assert done.returncode == 0, done.stderr
    s3.s3.faults = []
    frame = rows("s3://pictures/out")
    assert list(frame["status"].unique()) == ["ok"]
    assert sorted(frame["content_uri"]) == sorted(f"s3://pictures/content/kind{n % 2}/{n:02}.png" for n in range(12))
    assert set(frame["content_type"]) == {"kind0", "kind1"}
    assert all(object_store.read(uri)[:2] == b"\xff\xd8" for uri in frame["output_uri"])
    again = call(main, *words)
    assert again.returncode == 0
    assert "nothing to do: all 12 tasks have their rows already" in again.stdout
    object_store.remove(frame["output_uri"][0])
    once_more = call(main, *words)
    assert "1 result is no longer in OUT/images" in once_more.stdout
    assert object_store.read(frame["output_uri"][0])[:2] == b"\xff\xd8"
    assert len(rows("s3://pictures/out")) == 12
    record = json.loads(object_store.read("s3://pictures/out/run.json"))
    assert [run["counts"] for run in record["earlier_runs"]] == [{"ok": 12}]  # without the one that did nothing


@dataclass(frozen=True)
class Killed:
    """A run with a Ray of its own that was killed while it worked, and resumed."""

    before: pd.DataFrame
    """Its rows when it was killed."""
    left: list[str]
    """What ran on of its Ray."""
    resumed: subprocess.CompletedProcess[str]
    told: str
    """What both runs printed."""


@pytest.fixture(scope="module")
def killed(s3: Bucket, own_ray: None, local_ray: str, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    gate = tmp_path_factory.mktemp("killed") / "gate"
    words = (
        "s3://pictures/content", "s3://pictures/styles", "s3://pictures/killed", *SMALL,
        "--stylizer", "tests.support.stylizers:Slow", "--set", "seconds=1", "--set", f"gate={gate}",
    )  # fmt: skip
    driver = start(*words)
    wait_for(lambda: bool(list(object_store.names("s3://pictures/killed/rows"))), driver)
    gate.touch()  # the worker is in the middle of a task
    family = {
        pid: title[:80]
        for pid, title in descendants(driver.pid)
        if title.startswith("ray::Worker") or Path(title.partition("\0")[0]).name in ("raylet", "gcs_server")
    }
    assert len(family) >= 3
    driver.send_signal(signal.SIGKILL)
    told = "".join(driver.communicate())
    deadline = time.monotonic() + 240
    # Ray's own agents take some minutes to notice.
    while any(map(runs, family)) and time.monotonic() < deadline:
        time.sleep(0.2)
    left = [title for pid, title in family.items() if runs(pid)]
    gate.unlink()
    before = rows("s3://pictures/killed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output_lease, "LEASE_S", 10.0)
        patch.setattr(output_lease, "RENEW_S", 1.0)
        resumed = call(main, *words)
    return Killed(before, left, resumed, told + resumed.stdout + resumed.stderr)


def test_a_killed_driver_leaves_no_worker_of_its_own_ray_behind(killed: Killed) -> None:
    assert killed.left == []


def test_killed_driver_is_resumed_and_no_row_is_doubled(killed: Killed) -> None:
    assert killed.resumed.returncode == 0, killed.resumed.stderr
    assert "waiting 10 s to see whether it still is" in killed.resumed.stdout
    frame = rows("s3://pictures/killed")
    assert 0 < len(killed.before) < len(frame) == 12
    assert set(killed.before["run_id"]) < set(frame["run_id"])
    assert set(frame["status"]) == {"ok"}


def test_credentials_stand_nowhere(killed: Killed) -> None:
    written = killed.told
    for info in object_store.names("s3://pictures/killed"):
        if not info.name.startswith("images/"):
            written += object_store.read(f"s3://pictures/killed/{info.name}").decode(errors="replace")
    written += killed.before.to_csv() + rows("s3://pictures/killed").to_csv()
    assert "run.json" in {info.name for info in object_store.names("s3://pictures/killed")}
    assert "KEY-ID-HERE" not in written
    assert "SECRET-HERE" not in written


def test_manifest_and_weights_may_be_in_a_bucket(
    s3: Bucket, local_ray: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    artwork = sorted(styles_folder().rglob("*.jpg"))[0]
    s3.put("styles/other.jpg", artwork.read_bytes())
    pairs = (
        "content_uri,style_uri",
        "content/kind0/00.png,s3://pictures/styles/other.jpg",
        "content/none.png,styles/s.png",
    )
    s3.put("list.csv", "\n".join(pairs).encode())
    package = Path(stylize.__file__).parent / "stylizers/weights"
    weights = s3.put("weights/own.safetensors", next(package.glob("*.safetensors")).read_bytes())
    words = ("--manifest", "s3://pictures/list.csv", "s3://pictures/listed", "--weights", weights, *SMALL)
    done = call(main, *words)
    assert done.returncode == 3, done.stderr
    by_uri = rows("s3://pictures/listed").set_index("content_uri")
    assert by_uri.loc["s3://pictures/content/kind0/00.png", "status"] == "ok"
    assert by_uri.loc["s3://pictures/content/none.png", "status"] == "corrupt"
    s3.put("weights/own.safetensors", b"broken")
    assert "s3://pictures/weights/own.safetensors: not a whole safetensors file" in refused(main, *words)


def test_a_sweep_is_measured_into_a_bucket_and_read_from_there(
    s3: Bucket, local_ray: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Without CONTENT: the project's own photos go to OUT, where every machine's workers see them.
    methods = [{"name": "identity", "precisions": ["fp32"]}]
    plan = {"title": "In a bucket", "methods": methods, "resolutions_px": [48], "repeats": 1, "artworks": 1}
    (tmp_path / "sweep.yaml").write_text(
        yaml.safe_dump(plan | {"cpus_per_actor": 1, "device": "cpu", "mode": "throughput"})
    )
    words, out = (str(tmp_path / "sweep.yaml"), "s3://pictures/swept"), "s3://pictures/swept"
    assert benchmark([*words, "--dry-run"]) == 0
    wanted = len(PHOTOS) + 1
    assert f"would measure {wanted} of {wanted} images" in capsys.readouterr().out
    assert not list(object_store.names(out))
    done = call(benchmark, *words)
    assert done.returncode == 0, done.stderr
    assert f"report:  python -m jobs.summarize {out} --out REPORT" in done.stdout
    frame = rows(out)
    assert set(frame["content_uri"]) == {f"{out}/inputs/photos/{name}" for name in PHOTOS}
    assert all(uri.startswith(f"{out}/inputs/artworks/") for uri in frame["style_uri"])
    assert all(object_store.read(uri)[:2] == b"\xff\xd8" for uri in frame["output_uri"])
    assert object_store.read(f"{out}/sweep.yaml").startswith(b"title: In a bucket")
    assert benchmark([*words]) == 0
    assert f"nothing to do: all {wanted} tasks have their rows already" in capsys.readouterr().out
    # The project's own photos are written anew for this, as in the copy of the project that a submitted job runs in.
    assert benchmark([*words, "--dry-run"]) == 0
    assert f"would measure 0 of {wanted} images" in capsys.readouterr().out
    assert summarize([out, "--out", str(tmp_path / "report")]) == 0
    assert "In a bucket" in (tmp_path / "report" / "index.html").read_text()
    assert replay([out, frame["task_id"][0]]) == 0
    own = call(benchmark, *words, "--content", "s3://pictures/content", "--styles", "s3://pictures/styles")
    assert own.returncode == 0, own.stderr
    assert sum(uri.startswith("s3://pictures/content/") for uri in rows(out)["content_uri"]) == 13


def test_what_is_wrong_with_a_sweep_is_said_before_anything_is_put_into_the_bucket(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    own = s3.put("sweep-weights/own.safetensors", b"whatever")
    plan = {"title": "t", "methods": [{"name": "compact", "weights": own}], "cpus_per_actor": 1, "device": "cpu"}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(plan))
    words = [str(tmp_path / "sweep.yaml"), "s3://pictures/wrong"]
    with pytest.raises(UsageError, match="s3://pictures/nothing: no images in this folder"):
        benchmark([*words, "--styles", "s3://pictures/nothing"])
    with pytest.raises(UsageError, match="OUT lies in CONTENT"):
        benchmark([words[0], "s3://pictures/content/out", "--content", "s3://pictures/content"])
    with pytest.raises(UsageError, match=r"own\.safetensors: not a whole safetensors file"):
        benchmark(words)
    s3.put("sweep-weights/own.safetensors", b"something else")
    s3.s3.failing = "/sweep-weights/own"
    # Not rows that say the method cannot do it: they would stay.
    with pytest.raises(CannotContinueError, match=r"own\.safetensors could not be read"):
        benchmark(words)
    s3.s3.failing = None
    assert not list(object_store.names("s3://pictures/wrong"))


def test_what_cannot_be_is_one_clear_line(s3: Bucket) -> None:
    folders = ("s3://pictures/content", "s3://pictures/styles")
    for words, line in (
        ((*folders, "s3://none/out"), "error: no such bucket: s3://none/out"),
        ((*folders, "s3://pictures/content/out"), "error: OUT lies in CONTENT"),
        (("s3://none/c", folders[1], "s3://pictures/o"), "error: no such bucket: s3://none/c"),
        (("s3://pictures/empty", folders[1], "s3://pictures/o"), "s3://pictures/empty: no images in this folder"),
        ((*folders, "s3://KEY:SEC/SECRET@pictures/out"), "error: OUT: s3://: expected s3://BUCKET/KEY"),
        ((*folders, "s3://pictures/o", "--perceptual", "s3a://KEY:SECRET@b/vgg"), "error: --perceptual: s3a:// is"),
        ((*folders, "ftp://host/out"), "ftp:// is not supported; what is: plain paths, file://, s3://"),
    ):  # fmt: skip
        told = refused(main, *words)
        assert line in told
        assert "SECRET" not in told
    assert list(object_store.names("s3://pictures/o")) == []
