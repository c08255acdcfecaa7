"""Wrong calls of the main job: one line that says what to do, exit status 2, and nothing written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from jobs import stylize_folder
from jobs.run.call import parse
from jobs.stylize_folder import main
from stylize.errors import UsageError
from tests.support.accelerators import none_here
from tests.support.main_job import call, plain
from tests.support.torchvisions import without_network

BOTH = ["IN/content", "IN/styles"]
GOOD = [*BOTH, "OUT"]
CALLS: dict[str, tuple[list[str], str]] = {
    "no paths": ([], "no OUT given: expected CONTENT STYLES OUT, or --manifest PATH and OUT"),
    "two paths": (["IN/content", "OUT"], "got 2 paths"),
    "four paths": ([*GOOD, "OUT"], "got 4 paths; one with spaces needs quotes"),
    "no content": (["IN/none", "IN/styles", "OUT"], "CONTENT: no such folder: IN/none"),
    "a glob": (["IN/*.jpg", "IN/styles", "OUT"], "give its folder, and --include '*.jpg'"),
    "no styles": (["IN/content", "IN/none", "OUT"], "STYLES: no such folder: IN/none"),
    "content below a file": (["IN/notes.txt/x", "IN/styles", "OUT"], "CONTENT: no such folder: IN/notes.txt/x"),
    "content without images": (["IN/empty", "IN/styles", "OUT"], "IN/empty: no images in this folder"),
    "empty styles": (["IN/content", "IN/empty", "OUT"], "IN/empty: no images in this folder"),
    "out a file": ([*BOTH, "IN/notes.txt"], "OUT: IN/notes.txt is a file; give a folder"),
    "out below a file": ([*BOTH, "IN/notes.txt/x"], "OUT: IN/notes.txt is a file; give a folder"),
    "out in content": ([*BOTH, "IN/content/out"], "OUT lies in CONTENT"),
    "out in styles": ([*BOTH, "IN/styles/out"], "OUT lies in STYLES"),
    "a name too long": ([f"IN/{'x' * 300}", "IN/styles", "OUT"], "file name too long"),
    "a thousand folders": ([f"IN/{'a/' * 3000}", "IN/styles", "OUT"], "file name too long"),
    "mistyped option": ([*GOOD, "--styliser", "identity"], "--styliser; did you mean --stylizer?"),
    "option of the method": ([*GOOD, "--alpha", "1"], "unknown option --alpha; --help lists the options; a setting"),
    "value of a switch": ([*GOOD, "--strip=yes"], "--strip takes no value (--help lists the options)"),
    "no value": ([*GOOD, "--quality"], "--quality: expected one argument"),
    "bad choice": ([*GOOD, "--format", "bmp"], "--format: invalid choice: 'bmp'"),
    "unknown precision": ([*GOOD, "--precision", "fp64"], "--precision: invalid choice: 'fp64'"),
    "out of range": ([*GOOD, "--quality", "0"], "--quality: expected 1 or more (got '0')"),
    "no number": ([*GOOD, "--resolution-px", "wide"], "--resolution-px: expected a whole number"),
    "neither of two kinds": ([*GOOD, "--actors", "many"], "--actors: expected a whole number"),
    "no size": ([*GOOD, "--max-memory", "lots"], "--max-memory: expected a size such as 2GiB, or auto (got 'lots')"),
    "more than a size": (
        [*GOOD, "--max-memory", "20000000,5GB"],
        "--max-memory: expected a size such as 2GiB, or auto (got '20000000,5GB')",
    ),
    "too little memory": (
        [*GOOD, "--max-memory", "2"],
        "--max-memory: expected a size of 1MiB or more, such as 2GiB (without a unit: bytes), or auto (got '2')",
    ),
    "unknown score": (
        [*GOOD, "--scores", "cfds"],
        "--scores: expected distances, cfsd, lpips, ssim_uniform or flicker",
    ),
    "bad shard": ([*GOOD, "--shard", "3/2"], "--shard: give K/N with 1 <= K <= N"),
    "bad template": ([*GOOD, "--name", "{style}"], "--name: every photo would get the same one"),
    "signed url": (["https://b/c?X-Amz-Signature=S", "IN/styles", "OUT"], "CONTENT: https:// is not supported"),
    "uneven zip": (
        [*GOOD, "--pairing", "zip"],
        "--pairing zip needs as many photos as artworks: CONTENT has 2, STYLES has 1",
    ),
    "styles without random": ([*GOOD, "--styles-per-photo", "2"], "--styles-per-photo: this is for pairing random"),
    "unknown method": ([*GOOD, "--stylizer", "microats"], "unknown stylizer 'microats'; did you mean microast?"),
    "no such module": ([*GOOD, "--stylizer", "no.such:Class"], "no module named 'no' here; start in"),
    "unknown setting": ([*GOOD, "--set", "alhpa=1"], "compact: unknown setting 'alhpa'; did you mean alpha?"),
    "bad setting": ([*GOOD, "--set", "alpha=much"], "compact: alpha: expected a number"),
    "setting without value": ([*GOOD, "--set", "alpha"], "--set alpha: expected NAME=VALUE"),
    "option as setting": ([*GOOD, "--set", "weights=/x"], "'weights': it is an option of its own; give --weights"),
    "method as setting": ([*GOOD, "--set", "name=x"], "setting 'name': there is no such setting; --stylizer names"),
    "foreign precision": (
        [*GOOD, "--stylizer", "identity", "--precision", "int8"],
        "--precision int8: identity does not run in it; choose one of: fp32",
    ),
    "8 bits in torch": (
        [*GOOD, "--precision", "int8", "--runtime", "torch"],
        "--precision int8: it runs in openvino alone; leave --runtime torch out",
    ),
    "8 bits with what torch alone knows": (
        [*GOOD, "--precision", "int8", "--set", "channels_last=false"],
        "channels_last=false is for torch, not for int8; leave one of them out",
    ),
    "a runtime with what torch alone knows": (
        [*GOOD, "--runtime", "openvino", "--set", "channels_last=no", "--set", "compile=true"],
        "channels_last=false is for torch, not for the runtime openvino",
    ),
    "a runtime that does not compile": (
        [*GOOD, "--runtime", "onnxruntime", "--set", "channels_last=no", "--set", "compile=true"],
        "channels_last=false and compile=true are for torch, not for the runtime onnxruntime",
    ),
    "half on a CPU": ([*GOOD, "--precision", "fp16", "--device", "cpu"], "choose one of: fp32, bf16, int8"),
    "no weights": ([*GOOD, "--stylizer", "microast"], "microast needs --weights: give a folder with"),
    "weights missing": ([*GOOD, "--stylizer", "microast", "--weights", "IN/none"], "IN/none: no such folder"),
    "weights that are none": ([*GOOD, "--weights", "IN/notes.txt"], "IN/notes.txt: not a weights file"),
    "no checkpoints": ([*GOOD, "--stylizer", "johnson"], "no checkpoints in this folder"),
    "unknown backbone": ([*GOOD, "--stylizer", "gatys", "--set", "backbone=vgg11"], "unknown backbone 'vgg11'"),
    "judge missing": ([*GOOD, "--perceptual", "IN/none"], "IN/none: "),
    "judge that is none": ([*GOOD, "--perceptual", "IN/notes.txt"], "IN/notes.txt: not a weights file"),
    "manifest missing": (["OUT", "--manifest", "IN/none.csv"], "--manifest: no such file"),
    "empty content": (["", "IN/styles", "OUT"], "CONTENT: expected a path, got an empty text"),
    "empty weights": ([*GOOD, "--weights", ""], "--weights: expected a path, got an empty text"),
    "empty config": ([*GOOD, "--config", ""], "--config: expected a path, got an empty text"),
    "empty address": ([*GOOD, "--address", ""], "address '': expected HOST:PORT of the cluster's head"),
    "choice beside a manifest": (
        ["OUT", "--manifest", "IN/photos.csv", "--include", "*.png"],
        "--include is for folders: a manifest lists the pairs itself",
    ),
    "pairing beside a manifest": (
        ["OUT", "--manifest", "IN/photos.csv", "--pairing", "zip"],
        "--pairing is for folders: a manifest lists",
    ),
    "a name twice": ([*GOOD, "--config", "IN/twice.yaml"], "'quality' stands twice, in lines 1 and 3"),
    "two manifests": (
        ["OUT", "--manifest", "IN/photos.csv", "--manifest=IN/more.csv"],
        "--manifest is given twice; leave one of them out",
    ),
    "manifest a folder": (["OUT", "--manifest", "IN/empty"], "--manifest: a folder, not a file: IN/empty"),
    "manifest without styles": (["OUT", "--manifest", "IN/photos.csv"], "style_uri"),
    "manifest and folders": (
        [*GOOD, "--manifest", "IN/photos.csv"],
        "give CONTENT and STYLES, or --manifest, not both",
    ),
    "too many CPUs": ([*GOOD, "--cpus-per-actor", "9000"], "for a worker (there are"),
    "whole machine with a share": (
        [*GOOD, "--measure-mode", "isolated", "--gpus-per-actor", "0.5"],
        "--gpus-per-actor 0.5 shares a card",
    ),
    "no way out of a file": (["OUT", "--config", "IN/lost.yaml"], "IN/lost.yaml: content: no such folder: IN/none"),
    "room in a file": ([*GOOD, "--config", "IN/large.yaml"], "lower IN/large.yaml: cpus_per_actor or --gpus-per-actor"),
    "config missing": ([*GOOD, "--config", "IN/none.yaml"], "IN/none.yaml: No such file"),
    "config no yaml": ([*GOOD, "--config", "IN/broken.yaml"], "IN/broken.yaml: not YAML: "),
    "config no mapping": ([*GOOD, "--config", "IN/notes.txt"], "IN/notes.txt: expected `name: value` lines"),
    "config unknown": ([*GOOD, "--config", "IN/typo.yaml"], "IN/typo.yaml: unknown setting 'qualty'; did you mean qu"),
    "config number": ([*GOOD, "--config", "IN/number.yaml"], "IN/number.yaml: unknown setting '1'"),
    "config year": ([*GOOD, "--config", "IN/year.yaml"], "name: expected a text in quotation marks (got 2024)"),
    "config bad setting": ([*GOOD, "--config", "IN/alpha.yaml"], "IN/alpha.yaml: compact: alpha: expected 1 or less"),
    "config no settings": (
        [*GOOD, "--config", "IN/word.yaml", "--set", "alpha=1"],
        "IN/word.yaml: settings: expected names with values (got 'alpha')",
    ),
    "config bad method": ([*GOOD, "--config", "IN/method.yaml"], "IN/method.yaml: unknown stylizer 'kompact'"),
    "config bad value": ([*GOOD, "--config", "IN/bad.yaml"], "IN/bad.yaml: quality: expected 100 or less"),
    "record missing": ([*BOTH, "OUT", "--config", "IN/none.json"], "IN/none.json: no such file"),
    "record of a sweep": ([*GOOD, "--config", "IN/sweep.json"], "IN/sweep.json is no record of a run of this job"),
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos, an artwork, and files that nothing can be done with."""
    root = tmp_path_factory.mktemp("in")
    for number in range(2):
        plain(root / "content" / f"{number}.png", (number * 50, 100, 30))
    plain(root / "styles" / "a.png", (10, 10, 10))
    (root / "empty").mkdir()
    texts = {
        "notes.txt": "milk",
        "photos.csv": "content_uri\ncontent/0.png\n",
        "broken.yaml": "quality: [",
        "typo.yaml": "qualty: 5",
        "bad.yaml": "quality: 500",
        "number.yaml": "1: 2",
        "year.yaml": "name: 2024",
        "alpha.yaml": "settings: {alpha: 7}",
        "method.yaml": "stylizer: kompact",
        "word.yaml": "settings: alpha",
        "lost.yaml": f"content: {root}/none\nstyles: {root}/styles",
        "twice.yaml": "quality: 5\nformat: png\nquality: 6\n",
        "large.yaml": "cpus_per_actor: 9000",
        "sweep.json": json.dumps({"run_id": "1", "title": "quick"}),
    }
    for name, text in texts.items():
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("more", [[], ["--dry-run"]], ids=["run", "dry-run"])
def test_a_wrong_call_is_one_line_and_status_2_and_writes_nothing(
    name: str, more: list[str], inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*words: object) -> None:
        raise AssertionError("Ray was started")

    monkeypatch.setattr("jobs.run.restyle.local_or_cluster", started)
    words, said = CALLS[name]
    before = sorted(inputs.rglob("*"))
    done = call(main, *(re.sub("^IN/", f"{inputs}/", word).replace("OUT", f"{tmp_path}/out") for word in words), *more)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert said.replace("IN/", f"{inputs}/") in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert sorted(inputs.rglob("*")) == before


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (("--scores", "distances"), "vgg19-dcbb9e9d.pth there, or give a file with --perceptual PATH"),
        (("--scores", "lpips"), "put alexnet-owt-7be5be79.pth there, or leave lpips out"),
    ],
)
def test_judges_that_cannot_be_downloaded_are_told_before_ray_starts(
    asked: tuple[str, str], why: str, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torchmetrics")
    without_network(tmp_path / "cache", monkeypatch)
    monkeypatch.setattr("jobs.run.resolve.joins_cluster", lambda address: False)
    done = call(main, inputs / "content", inputs / "styles", tmp_path / "out", *asked)
    assert (done.returncode, "will be downloaded" in done.stdout) == (2, True), done.stderr
    assert why in done.stderr
    assert not (tmp_path / "out").exists()


def test_no_cuda_here_is_a_wrong_call(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    none_here(monkeypatch)
    monkeypatch.setattr("jobs.run.resolve.joins_cluster", lambda address: False)
    for more, what in ((["--device", "cuda"], "cuda device"), (["--gpus-per-actor", "1"], "accelerator")):
        done = call(main, inputs / "content", inputs / "styles", tmp_path / "out", *more, "--dry-run")
        assert (done.returncode, done.stdout) == (2, "")
        assert f"torch sees no {what} here; give --device cpu" in done.stderr


def test_python_hears_of_settings_by_their_keyword(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^resolution_px: expected a whole number"):
        stylize_folder.run(content="c", styles="s", out=tmp_path / "out", resolution_px="wide")
    with pytest.raises(UsageError, match=r"^content: no such folder"):
        stylize_folder.run(content=tmp_path / "c", styles=tmp_path, out=tmp_path / "out")
    with pytest.raises(UsageError, match="lower cpus_per_actor or gpus_per_actor"):
        stylize_folder.run(content="c", styles="s", out=tmp_path / "out", cpus_per_actor=9000)


def test_a_run_is_repeated_from_its_record_and_may_go_elsewhere(tmp_path: Path) -> None:
    newest = {"content": "/in/photos", "styles": "arts", "out": "/old", "quality": 80, "settings": {"alpha": 0.5}}
    record = {"run_id": "2", "config": newest, "earlier_runs": [{"run_id": "1", "config": {"quality": 10}}]}
    path = tmp_path / "run.json"
    path.write_text(json.dumps(record))
    with pytest.raises(
        UsageError, match=r"outside of its folder: CONTENT /in/photos, STYLES arts, OUT /old; --trust-p"
    ):
        parse(["--config", str(path)])
    assert parse(["--config", str(path), "--trust-paths"]).values == newest
    assert parse(["/in/photos", "arts", "new", "--config", str(path)]).values == newest | {"out": "new"}
    again = parse(["new", "--trust-paths", "--config", str(path), "--quality", "90", "--set", "preserve_color=true"])
    changed = {"out": "new", "quality": 90, "settings": {"alpha": 0.5, "preserve_color": True}}
    assert again.values == newest | changed | {"quality": "90"}
    assert [str(again.origins[name]) for name in ("out", "quality", "content")] == [
        "OUT", "--quality", f"{path}: content",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("recorded", "words", "said"),
    [
        ({"stylizer": "evil:Method"}, [], "the method evil:Method, which is code: --stylizer evil:Method lets it run"),
        ({"stylizer": "evil:Method"}, ["--stylizer", "evil:Other"], "the method evil:Method, which is code"),
        ({"weights": "/w.pth", "perceptual": "/v.pth"}, [], "--weights /w.pth, --perceptual /v.pth"),
        ({"weights": "s3://evil/w.pth"}, ["--trust-paths"], "stores that the command line does not: --weights s3://ev"),
        ({"manifest": "../pairs.csv"}, [], "--manifest ../pairs.csv"),
        ({"address": "evil:6379"}, [], "the cluster evil:6379: --address evil:6379 uses it"),
    ],
)
def test_what_a_record_names_is_not_taken_unasked(
    tmp_path: Path, recorded: dict[str, object], words: list[str], said: str
) -> None:
    path = tmp_path / "run.json"
    for run_id in ("r", ""):
        path.write_text(json.dumps({"run_id": run_id, "config": {"out": str(tmp_path)} | recorded}))
        with pytest.raises(UsageError) as refused:
            parse(["--config", str(path), *words])
        assert said in str(refused.value)


def test_what_lies_below_the_record_or_is_a_word_is_taken(tmp_path: Path) -> None:
    config = {
        "out": str(tmp_path),
        "content": str(tmp_path / "inputs"),
        "weights": "random",
        "perceptual": "torchvision",
    }
    (tmp_path / "run.json").write_text(json.dumps({"run_id": "r", "config": config}))
    assert parse(["--config", str(tmp_path / "run.json")]).values == config
    (tmp_path / "inputs").symlink_to("/")
    with pytest.raises(UsageError, match="outside of its folder: CONTENT"):
        parse(["--config", str(tmp_path / "run.json")])


def test_settings_may_be_json_that_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    for text in ('{"quality": 80}', '{"quality": 80,}'):  # YAML takes a comma at the end
        path.write_text(text)
        assert parse(["out", "--config", str(path)]).values == {"quality": 80, "out": "out"}
    path.write_text("[1]")
    with pytest.raises(UsageError, match="expected `name: value` lines, got a list"):
        parse(["out", "--config", str(path)])
