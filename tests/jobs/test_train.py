"""`python -m jobs.train` as a person runs it: trained, killed, resumed, used; and called wrongly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from jobs import train
from jobs.train import main
from stylize import images
from stylize.io.out_folder import TRAINING
from stylize.machine import devices
from tests.support.main_job import call, environment, job_here, refused, rows, wait_for, workers
from tests.support.samples import ROOT, picture
from tests.training.conftest import artwork, photos, vgg

__all__ = ["artwork", "photos", "vgg"]
SMALL = ("--batch", 1, "--crop-px", 64, "--checkpoint-every", 2, "--sample-every", 4, "--device", "cpu")


def words(*given: object) -> list[str]:
    return [sys.executable, "-m", "jobs.train", *map(str, given)]


def start(*given: object) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(words(*given), cwd=ROOT, env=environment(), stdout=pipe, stderr=pipe, text=True)


def steps(out: Path) -> list[int]:
    return list(pd.read_parquet(out / "losses")["step"])


def test_two_workers_train_a_style_that_the_main_job_uses_with_no_further_step(
    photos: Path, artwork: Path, vgg: Path, local_ray: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = (photos, artwork, out, "--vgg", vgg, "--workers", 2, "--cpus-per-worker", 1, *SMALL, "--steps", 2)
    given = ("--address", local_ray, *words)
    done = call(main, *given)
    assert done.returncode == 0, done.stderr
    weights = out / "weights" / "night sky.safetensors"
    assert str(weights) in done.stdout
    losses = pd.read_parquet(out / "losses")
    assert losses["step"].tolist() == [1, 2]
    assert losses["images"].tolist() == [2, 2]
    assert (losses["wait_s"] <= losses["step_s"]).all()
    again = call(main, *given)
    assert again.returncode == 0
    assert "already trained to step 2" in again.stdout + again.stderr
    state = max(path.parent for path in (out / "checkpoints").rglob("state.pt"))
    facts = json.loads((state / ".metadata.json").read_text())
    assert facts["step"] == "2"
    assert facts["photos"].startswith("4 images, sha256")
    other = refused(main, photos, photos / "0.jpg", out, "--vgg", vgg, *SMALL)
    assert "name night sky, here 0" in other
    assert "give another OUT" in other
    assert "trained to step 2 with seed 0" in refused(main, *given, "--seed", 5)
    (some := tmp_path / "some").mkdir()
    (some / "0.jpg").write_bytes((photos / "0.jpg").read_bytes())
    assert "trained to step 2 with other photos; give another OUT" in refused(main, *given[:2], some, *given[3:])
    assert "start_from None, here" in refused(main, *given[:-1], 9, "--start-from", weights)
    (loop := tmp_path / "loop").symlink_to(loop)
    assert "loop: no such folder" in refused(main, loop, photos, out)
    used = job_here(local_ray, photos, tmp_path / "used", "--stylizer", "johnson", "--weights", weights)
    assert used.returncode == 0, used.stderr
    assert rows(tmp_path / "used")["status"].tolist() == ["ok"] * 4


def test_killed_worker_killed_driver_and_ctrl_c_lose_and_double_no_step(
    photos: Path, vgg: Path, local_ray: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    # No sheet: it takes as long as ten steps.
    few = (*SMALL, "--sample-every", 100_000)
    given = (photos, photos, out, "--vgg", vgg, *few, "--address", local_ray, "--cpus-per-worker", 1)
    driver = start(*given, "--steps", 100_000)
    try:
        wait_for(lambda: _parts(out) >= 1, driver)
        (worker,) = workers("RayTrainWorker")
        os.kill(worker, signal.SIGKILL)
        seen = _parts(out)
        wait_for(lambda: _parts(out) >= seen + 2, driver)
        assert driver.poll() is None
    finally:
        driver.kill()
        driver.wait()
    seen = _parts(out)
    driver = start(*given, "--steps", 100_000)
    wait_for(lambda: _parts(out) > seen, driver)
    driver.send_signal(signal.SIGINT)
    _, complaint = driver.communicate(timeout=300)
    assert driver.returncode == 130
    resumes = "the same command resumes from the last checkpoint, from step 1 where there is none yet"
    assert complaint == f"interrupted: {resumes}\n"
    assert steps(out) == list(range(1, len(steps(out)) + 1))
    with safe_open(out / "weights" / "compact.safetensors", "pt") as file:
        assert int(file.metadata()["step"]) in (len(steps(out)), len(steps(out)) - 2)  # losses are written first


def _parts(out: Path) -> int:
    return len(list((out / "losses").glob("*.parquet")))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"photos": "nowhere"}, "nowhere"),
        ({"styles": "nowhere.jpg"}, "nowhere.jpg"),
        ({"styles": "broken.jpg"}, "broken.jpg"),
        ({"styles": "cut.jpg"}, "cut.jpg: damaged or cut short"),
        ({"styles": "thin.png"}, "thin.png: 384 x 1 px at a long side of 384 is too thin to learn a style from"),
        ({"vgg": "broken.jpg"}, "broken.jpg"),
        ({"out": "photos/out"}, "OUT lies in PHOTOS"),
        ({"out": "used"}, "holds what no training has put there: rows/"),
        ({"out": "broken.jpg/out"}, "broken.jpg is a file; give a folder"),
        ({"more": ("--start-from", "broken.jpg")}, "broken.jpg"),
        ({"more": ("--steps", "few")}, "steps"),
        ({"more": ("--crop-px", 65)}, "--crop-px"),
        ({"more": ("--batch", "1e9")}, "--batch: expected 4096 or less"),
        ({"more": ("--loaders", 65)}, "--loaders: expected 64 or less"),  # each reads a batch ahead
        ({"more": ("--stepps", 3)}, "--stepps"),
        ({"more": ("--name", "../x")}, "--name: expected letters, digits, '.', '_' and '-'"),
        ({"more": ("--name", "..")}, "--name: expected letters"),
        ({"more": ("--name", ".x")}, "no '.' in front"),
        ({"more": ("--name", "x" * 201)}, "the weights' name has over 200 bytes; give a shorter --name"),
    ],
    ids=lambda value: " ".join(str(v) for v in value.values()) if isinstance(value, dict) else "",
)
def test_a_wrong_call_is_one_line_and_status_2(
    photos: Path, vgg: Path, tmp_path: Path, change: dict[str, object], told: str
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    whole = images.encode(picture(1, 160, 120), "jpg", 90)
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "thin.png").write_bytes(images.encode(picture(1, 1200, 4), "png", 90))
    (tmp_path / "a").mkdir()
    (tmp_path / "used" / "rows").mkdir(parents=True)
    (tmp_path / "a" / "a.png").write_bytes(images.encode(picture(1), "png", 90))
    paths = {"photos": photos, "styles": tmp_path / "a", "out": tmp_path / "out", "vgg": vgg}
    paths |= {name: tmp_path / str(value) for name, value in change.items() if name in paths}
    more = change.get("more", ())
    assert isinstance(more, tuple)
    more = tuple(str(tmp_path / word) if word == "broken.jpg" else word for word in more)
    given = (paths["photos"], paths["styles"], paths["out"], "--vgg", paths["vgg"], *SMALL, *more)
    assert told in refused(main, *given)
    assert not (tmp_path / "out").exists()


def test_weights_of_a_submitted_job_are_not_left_in_its_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (copy := tmp_path / "runtime_resources" / "_ray_pkg_0").mkdir(parents=True)
    monkeypatch.chdir(copy)
    assert "OUT 'out' is relative: a submitted job" in refused(main, tmp_path, tmp_path, "out")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_store_is_refused_by_the_name_of_what_cannot_be_there(tmp_path: Path, place: int) -> None:
    given = [tmp_path, tmp_path, tmp_path / "out"]
    told = refused(main, *given[:place], "s3://b/x", *given[place + 1 :])
    assert told.startswith(f"error: {('PHOTOS', 'STYLES', 'OUT')[place]}: s3://: no object store will do here")


@pytest.mark.parametrize(
    ("record", "history", "told"),
    [
        ("[]", None, "not readable as JSON"),
        ("[" * 100_000, None, "not readable as JSON"),
        ("", "{", "what it says of its training is not readable"),
        ("", "[]", "what it says of its training is not readable"),
        ("", "[3]", "what it says of its training is not readable"),
    ],
    ids=["list", "deep", "cut", "empty", "number"],
)
def test_an_out_that_says_nothing_readable_of_its_training_is_one_line(
    photos: Path, vgg: Path, tmp_path: Path, record: str, history: str | None, told: str
) -> None:
    out = tmp_path / "out"
    (out / "weights").mkdir(parents=True)
    same = {"method": "compact", "name": "compact", "start_from": None}
    (out / TRAINING).write_text(json.dumps(same) if history else record)
    metadata = {"step": "9", "history": history} if history else None
    save_file({"a": torch.ones(1)}, out / "weights" / "compact.safetensors", metadata)
    assert told in refused(main, photos, photos, out, "--vgg", vgg, *SMALL, "--steps", 4)


def test_a_gpu_that_a_ray_of_its_own_cannot_have_is_refused_before_out_is_made(
    photos: Path, vgg: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "available", lambda: "cpu")
    given = (photos, photos, tmp_path / "out", "--vgg", vgg, "--device", "cuda", "--address", "local")
    assert "torch sees no cuda device here" in refused(main, *given)
    assert not (tmp_path / "out").exists()


def test_more_workers_than_there_is_room_for_is_one_line_and_status_2(
    photos: Path, vgg: Path, local_ray: str, tmp_path: Path
) -> None:
    given = (photos, photos, tmp_path / "out", "--vgg", vgg, *SMALL, "--workers", 50, "--address", local_ray)
    done = call(main, *given)  # which says first that it waits for Ray
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "lower workers" in done.stderr


def test_weights_are_called_as_the_style_image_is_given_and_not_as_the_file_of_its_link(
    photos: Path, artwork: Path, tmp_path: Path
) -> None:
    (link := tmp_path / "starry night.png").symlink_to(artwork)
    config = train._config([str(photos), str(link), str(tmp_path / "out")])
    assert (config.weights_name, config.styles) == ("starry night", artwork.resolve())
    assert train._config([str(photos), str(link), str(tmp_path / "out"), "--name", "mine"]).weights_name == "mine"


def test_what_an_unfinished_training_did_otherwise_is_told(
    photos: Path, vgg: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "_train", lambda *_: 0)
    weights = tmp_path / "out" / "weights" / "compact.safetensors"
    weights.parent.mkdir(parents=True)
    (tmp_path / "out" / TRAINING).write_text(json.dumps({"method": "compact", "name": "compact", "start_from": None}))
    given = (photos, photos, tmp_path / "out", "--vgg", vgg, *SMALL, "--steps", 4)
    settings = train._config([str(word) for word in given]).shaping()
    same, others = (settings, None), "is trained to step 2 with other vgg"
    for (before, judge), steps, told in (
        (same, 4, ""),
        ((settings | {"seed": 7}, None), 4, "is trained to step 2 with seed 7: from its last"),
        ((settings, "another"), 4, f"{others}: from its last"),
        ((settings, "another"), 2, f"{others}; give another OUT"),
    ):
        history = json.dumps([{"step": 0, "settings": before, "photos": None, "styles": None, "vgg": judge}])
        save_file({"a": torch.ones(1)}, weights, {"step": "2", "history": history})
        said = call(main, *given[:-1], steps)
        assert told in said.stdout + said.stderr
        assert bool(said.stdout + said.stderr) == bool(told)
