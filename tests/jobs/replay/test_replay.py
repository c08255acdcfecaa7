"""`python -m jobs.replay`: a row made again, and what is said where it is not."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from jobs import replay
from jobs.scheduler.worker import load_stylizer
from stylize import config as configs
from stylize import images, load
from stylize.errors import UsageError
from stylize.measure.hardware import describe
from stylize.pipeline.runner import Runner
from stylize.results.read import read_rows
from stylize.results.store import RowStore
from stylize.stylizers._runtimes import sessions
from stylize.stylizers.compact import Compact
from stylize.tasks import pairing
from tests.support.s3 import bucket
from tests.support.samples import picture
from tests.support.small_calibration import small_calibration as small_calibration


def main(words: list[str]) -> int:
    """Replay a run of one's own, whose photos and artworks lie elsewhere."""
    return replay.main([*words, "--trust-paths"])


def make(root: Path, runtime: str, precision: str) -> None:
    """Make a run with a setting, one photo of which is broken, inline; its OUT is out/ in `root`."""
    names = ("content/day/a.jpg", "content/day/b.png", "styles/ink/wash.jpg", "styles/oil/sea.jpg")
    for seed, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(images.encode(picture(seed), Path(name).suffix[1:], 95))
    (root / "content" / "day" / "a.jpg").write_bytes(b"broken")
    values = {name: str(root / name) for name in ("content", "styles", "out")}
    values |= {"precision": precision, "runtime": runtime}
    config = configs.build(values | {"settings": {"alpha": 0.5}, "resolution_px": 32})
    stylizer = load("compact", precision=precision, runtime=runtime, alpha=0.5)
    runner = Runner(config, stylizer, run_id="first", worker_id="w", token=None)
    tasks = list(pairing.tasks(pairing.pairs(config), config.result_settings(), None, config.format))
    with RowStore.open(root / "out") as store:
        store.add(runner.run(tasks))
    record = {"run_id": "first", "config": config.model_dump(), "environment": describe(), "git_commit": None}
    (root / "out" / "run.json").write_text(json.dumps({"run_id": "second", "earlier_runs": [record]}))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where runs are made: in now/, and kept beside it as they were."""
    return tmp_path_factory.mktemp("replay")


@pytest.fixture
def out(kept: Path, request: pytest.FixtureRequest) -> Path:
    """A run as `make` leaves it with the memory that there is, whatever other tests did to theirs."""
    runtime, precision = getattr(request, "param", ("torch", "fp32"))
    needed = sessions.RUNTIMES if precision == "int8" else (runtime,)
    if not all(map(sessions.installed, needed)):
        pytest.skip(f"{' and '.join(needed)} are not installed")
    now, as_it_was = kept / "now", kept / f"{runtime} {precision} {'hungry' in request.fixturenames}"
    shutil.rmtree(now, ignore_errors=True)
    if as_it_was.exists():
        shutil.copytree(as_it_was, now)
    else:
        make(now, runtime, precision)
        shutil.copytree(now, as_it_was)
    return now / "out"


def a_row(out: Path, status: str = "ok") -> dict[str, Any]:
    return next(row for row in read_rows(out).to_pylist() if row["status"] == status)


@pytest.mark.parametrize(
    "out",
    [("torch", "fp32"), ("onnxruntime", "fp32"), ("openvino", "int8")],
    indirect=True,
    ids=" ".join,
)
def test_a_row_is_made_again_to_the_byte(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = a_row(out)
    assert json.loads(row["settings_json"])["runtime"] == row["runtime"]
    assert main([str(out), row["task_id"]]) == 0
    told = capsys.readouterr().out
    assert "image: the same bytes" in told
    assert "same    ssim" in told
    assert "DIFFERS" not in told


def test_a_row_is_found_by_its_first_digits_and_a_run_by_its_rows(out: Path) -> None:
    assert main([str(out / "rows"), a_row(out)["task_id"][:12]]) == 0


@pytest.fixture
def hungry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let other runtimes than torch need more memory than any machine has."""
    monkeypatch.setattr("stylize.stylizers._strips.within.ALWAYS_WHOLE_PX", 0)
    monkeypatch.setattr(Compact, "bytes_per_pixel", 1e9)


@pytest.mark.parametrize("out", [("onnxruntime", "fp32"), ("auto", "int8")], indirect=True, ids=" ".join)
def test_what_torch_did_in_strips_for_another_runtime_is_made_again(
    hungry: None, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = a_row(out)
    assert (row["runtime"], row["passes"]) == ("torch", 13)
    assert main([str(out), row["task_id"]]) == 0
    assert "image: the same bytes" in capsys.readouterr().out


def test_the_same_pixels_agree_though_a_file_says_other_versions(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = a_row(out)
    pixels = images.decode(Path(row["output_uri"]).read_bytes()).pixels
    Path(row["output_uri"]).write_bytes(images.encode(pixels, "png", 95))
    changed(out, row["task_id"], output_sha256="other")
    assert main([str(out), row["task_id"]]) == 0
    assert "same    image: the same pixels" in capsys.readouterr().out


def test_a_failure_fails_again_and_says_why_once(
    out: Path, capsys: pytest.CaptureFixture[str], logged: list[str]
) -> None:
    row = a_row(out, "corrupt")
    assert main([str(out), row["task_id"]]) == 0
    assert f"same    status corrupt: {row['error']}" in capsys.readouterr().out
    assert logged == []


def test_a_changed_photo_is_said_to_be_why(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = a_row(out)
    Path(row["content_uri"]).write_bytes(images.encode(picture(77), "png", 90))
    assert main([str(out), row["task_id"]]) == 3
    told = capsys.readouterr().out
    assert "DIFFERS image: other bytes" in told
    assert f"content_sha256: {row['content_sha256']} then" in told


def test_another_environment_is_named(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads((out / "run.json").read_text())
    record["earlier_runs"][0]["environment"]["versions"]["torch"] = "1.0"
    (out / "run.json").write_text(json.dumps(record))
    row = a_row(out)
    # Only a row that is not made again asks why.
    changed(out, row["task_id"], ssim=0.1)
    assert main([str(out), row["task_id"]]) == 3
    told = capsys.readouterr().out
    assert "DIFFERS ssim: 0.1 then" in told
    assert "versions.torch: 1.0 then" in told


def test_a_photo_that_has_moved_can_be_given(out: Path, tmp_path: Path) -> None:
    moved = Path((row := a_row(out))["content_uri"]).rename(tmp_path / "moved.png")
    assert main([str(out), row["task_id"], "--content", str(moved)]) == 0


def test_recorded_image_that_its_store_does_not_give_is_said(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = a_row(out)
    with bucket() as s3:
        changed(out, row["task_id"], output_uri="s3://pictures/out/images/gone.jpg", output_sha256="other")
        uri = s3.upload(out, "out")
        s3.s3.failing = "gone.jpg"
        assert main([uri, row["task_id"]]) == 3
        assert "the recorded one cannot be read: s3://pictures/out/images/gone.jpg" in (told := capsys.readouterr().out)
        assert "could not be read, although tried again" in told


def changed(out: Path, task_id: str, **values: object) -> None:
    """Write the row of a task anew with other values."""
    (part,) = (out / "rows").glob("*.parquet")
    rows = [one | values if one["task_id"] == task_id else one for one in read_rows(out).to_pylist()]
    pq.write_table(pq.read_table(part).from_pylist(rows, schema=pq.read_schema(part)), part)


def test_an_optimisation_on_an_accelerator_is_held_to_its_losses_alone(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task_id = a_row(out)["task_id"]
    changed(out, task_id, output_sha256="0" * 64, device="cuda:0", iterations=5, ssim=0.1)
    with pytest.raises(UsageError, match="torch sees no"):
        main([str(out), task_id])
    here = {"device": "cpu"}
    monkeypatch.setattr(
        "jobs.scheduler.worker.load_stylizer", lambda config: load_stylizer(config.model_copy(update=here))
    )
    assert main([str(out), task_id]) == 0
    assert "image and scores are not compared" in capsys.readouterr().out
    changed(out, task_id, content_loss=1.0)
    assert main([str(out), task_id]) == 3
    assert "content_loss: 1 then, not measured now" in capsys.readouterr().out


def test_what_a_row_names_outside_of_out_is_asked_for(out: Path, tmp_path: Path) -> None:
    row = a_row(out)
    with pytest.raises(
        UsageError, match=r"outside of its folder: content .*, style .*; --trust-paths takes it"
    ) as said:
        replay.main([str(out), row["task_id"]])
    assert row["content_uri"] in str(said.value)
    both = ["--content", row["content_uri"], "--style", row["style_uri"]]
    assert replay.main([str(out), row["task_id"], *both]) == 0
    changed(out, row["task_id"], run_id="evil")
    record = json.loads((out / "run.json").read_text())
    record |= {"run_id": "evil", "config": {"weights": "/evil.pth", "perceptual": "s3://evil/vgg.pth"}}
    (out / "run.json").write_text(json.dumps(record))
    with pytest.raises(UsageError, match="stores that the command line does not: perceptual s3://evil/vgg"):
        main([str(out), row["task_id"]])
    record["config"].pop("perceptual")
    (out / "run.json").write_text(json.dumps(record))
    with pytest.raises(UsageError, match=r"outside of its folder: weights /evil\.pth"):
        replay.main([str(out), row["task_id"], *both])


@pytest.mark.parametrize(
    ("asked", "what"), [({"lpips": "alex"}, "alex"), ({"perceptual": "torchvision"}, "vgg19"), ({}, "vgg19")]
)
def test_nothing_is_downloaded_because_a_record_says_so(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, str], what: str
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("a server was asked"))
    row = a_row(out)
    settings = json.loads(row["settings_json"]) | (
        {} if asked else {"stylizer": "gatys", "stylizer_settings": {}, "settings": {}}
    )
    record = json.loads((out / "run.json").read_text())
    record["earlier_runs"][0]["config"] |= asked
    (out / "run.json").write_text(json.dumps(record))
    changed(out, row["task_id"], settings_json=json.dumps(settings))
    here = ["--content", row["content_uri"], "--style", row["style_uri"]]
    with pytest.raises(UsageError, match=f"not on this machine: .*{what}.* --trust-paths fetches it"):
        replay.main([str(out), row["task_id"], *here])


def test_a_rows_own_method_runs_only_where_it_is_asked_for(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil_module.py").write_text("raise SystemExit('it ran')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    row = a_row(out)
    for name, told in (("stylizer", "evil_module:Method"), ("settings_json", '{"stylizer": "evil_module:Method"}')):
        changed(out, row["task_id"], **{name: told})
    with pytest.raises(UsageError, match="the method evil_module:Method, which is code: --stylizer"):
        main([str(out), row["task_id"]])
    with pytest.raises(UsageError, match="SystemExit: it ran"):
        main([str(out), row["task_id"], "--stylizer", "evil_module:Method"])


def test_settings_of_a_row_are_those_of_the_result_alone(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = a_row(out)
    settings = json.loads(row["settings_json"]) | {"perceptual": "/evil.pth", "weights": "/evil.pth", "lpips": "vgg"}
    changed(out, row["task_id"], settings_json=json.dumps(settings), threads=2**60)
    assert main([str(out), row["task_id"]]) == 0
    assert "DIFFERS" not in capsys.readouterr().out
