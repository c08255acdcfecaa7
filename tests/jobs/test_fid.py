"""FID and ArtFID of runs, with Inception of random weights: what is compared with what, and what is said of it."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from jobs.fid import _scorer, _taken, main, parser
from stylize import images, read_rows
from stylize.measure import inception
from stylize.measure.inception import FILE, Inception
from stylize.report.frame import load
from stylize.results.schema import to_batch
from stylize.results.store import RowStore
from tests.support.made_rows import row, rows
from tests.support.main_job import call, refused
from tests.support.samples import finished_run, picture


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Torchvision's network, untrained, as its file has it."""
    from torchvision.models import inception_v3

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / FILE
    net = inception_v3(weights=None, init_weights=False)
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):  # else features would shrink to nothing, layer by layer
            torch.nn.init.kaiming_normal_(module.weight)
    torch.save(net.state_dict(), path)
    return path


@pytest.fixture(scope="module", autouse=True)
def loaded_once() -> Iterator[None]:
    """One network for all tests, as nothing changes it: to read and check its 100 MB takes as long as a set."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inception, "Inception", functools.cache(Inception))
        yield


def made(root: Path) -> Path:
    """A run of two photos and two artworks of 96 px."""
    for number, name in enumerate(("photos/a.png", "photos/b.png", "art/x.png", "art/y.png")):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(images.encode(picture(number, 96, 80), "png", 95))
    finished_run(root / "photos", root / "art", root / "own", format="png")
    return root / "own"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A run for one test."""
    return made(tmp_path)


@pytest.fixture(scope="module")
def scored(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The set of a run."""
    (scores,) = sets(made(tmp_path_factory.mktemp("scored")), weights)
    return scores


def sets(out: Path, weights: Path, *more: object) -> list[dict[str, Any]]:
    told = out.parent / "sets.json"
    done = call(main, out, "--inception", weights, "--out", told, "--trust-paths", *more)
    assert done.returncode == 0, done.stderr
    assert "n = 4 is too small to compare" in done.stdout
    facts = json.loads(told.read_text())
    assert facts["inception"].startswith("inception_v3 ")
    return list(facts["sets"])


def test_torchvisions_network_is_given_values_about_0_and_art_fids_as_they_are() -> None:
    judge = object.__new__(Inception)
    judge._device, judge._net = torch.device("cpu"), torch.nn.Identity()
    image = torch.tensor([0.0, 0.5, 1.0])
    for as_they_are, seen in ((False, [-1, 0, 1]), (True, [0, 0.5, 1])):
        judge._as_they_are = as_they_are
        assert judge.features(image).tolist() == seen


def test_identity_is_as_far_from_the_artworks_as_the_photos_and_artworks_are_at_none(scored: dict[str, Any]) -> None:
    method, photo, artwork = scored["lines"]
    assert [line["name"] for line in scored["lines"]] == ["identity fp32", "photo unchanged", "artwork itself"]
    assert method["fid"] == pytest.approx(photo["fid"], rel=1e-6)
    assert photo["fid"] > 1e-6
    assert artwork["fid"] == pytest.approx(0, abs=photo["fid"] * 1e-6)
    assert {line["n"] for line in scored["lines"]} == {4}
    assert {line["art_fid"] for line in scored["lines"]} == {None}
    assert len(scored["sha256"]) == 64


def test_art_fid_comes_with_lpips_and_another_photo_makes_another_set(
    own: Path, scored: dict[str, Any], weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torchmetrics")
    from torchvision.models import squeezenet1_1

    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(0)
    torch.save(squeezenet1_1().state_dict(), cache / "squeezenet1_1-b8a52dc0.pth")
    (tmp_path / "photos" / "a.png").write_bytes(images.encode(picture(50, 96, 80), "png", 95))
    (scores,) = sets(own, weights, "--lpips", "squeeze")
    assert scores["sha256"] != scored["sha256"]
    for line in scores["lines"]:
        assert line["art_fid"] == pytest.approx((1 + line["lpips"]) * (1 + line["fid"]), rel=1e-9)
    _, photo, artwork = scores["lines"]
    assert (photo["lpips"], artwork["lpips"] > 0) == (pytest.approx(0, abs=1e-6), True)


def test_what_judges_computes_fp32_in_fp32_on_a_card(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    _scorer(parser().parse_args(["out", "--inception", str(weights)]))
    assert not torch.backends.cudnn.allow_tf32


def test_what_cannot_be_read_and_a_single_picture_of_a_size_are_left_out_and_named(own: Path, weights: Path) -> None:
    first, *_, last = read_rows(own).to_pylist()
    (cut := own.parent / "cut.jpg").write_bytes(images.encode(picture(5, 96, 80), "jpg", 95)[:-500])
    with RowStore.open(own) as store:
        store.add(to_batch([last | {"task_id": "0" * 64, "resolution_px": 64}]))
        store.add(to_batch([last | {"task_id": "5" * 64, "content_uri": str(cut), "truncated": True}]))
        store.add(to_batch([last | {"task_id": "1" * 64, "style_uri": "/a/mosaic.PTH"}]))
        store.add(to_batch([last | {"task_id": "2" * 64, "content_uri": "/gone.jpg"}]))
        store.add(to_batch([last | {"task_id": "3" * 64, "content_uri": None}]))
        store.add(to_batch([last | {"task_id": "4" * 64, "style_uri": None}]))
    (gone := Path(first["output_uri"])).write_bytes(b"")
    done = call(main, own, "--inception", weights, "--trust-paths")
    assert done.returncode == 0
    assert f"left out: {gone}: an empty file" in done.stdout
    assert "2 rows without a photo or artwork are left out: there is nothing to compare with" in done.stdout
    assert "1 result whose style is weights is left out: there is no artwork to look like" in done.stdout
    assert f"left out: {last['output_uri']}: its photo /gone.jpg: no such file\n" in done.stdout
    assert "n = 4 is too small" in done.stdout  # the cut photo counts: a run that accepts such made its result
    assert "left out: 64 px: identity fp32: 1 picture can be read, two are the least" in done.stdout


def test_what_a_sweep_made_again_or_another_out_holds_too_counts_once(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(own, copy := own.parent / "copy")
    variants = [("identity fp32 96 px x1", 1), ("identity fp32 96 px x1", 2), ("identity fp32 96 px x2", 1)]
    with RowStore.open(own) as store:
        for row in read_rows(own).to_pylist():
            for variant, repeat in variants:
                name = hashlib.sha256(f"{row['task_id']} {variant} {repeat}".encode()).hexdigest()
                store.add(to_batch([row | {"task_id": name, "variant": variant, "repeat": repeat}]))
    capsys.readouterr()
    assert len(_taken(load([own, copy]))) == 4
    told = capsys.readouterr().out
    assert "4 results that later rows have, too, are left out: a photo in an artwork counts once" in told
    assert "12 results that a sweep made again are left out: a photo in an artwork counts once" in told


def test_of_a_photo_that_was_changed_the_newest_result_counts() -> None:
    made = rows([row(n, output_uri=f"/o/{n}", content_uri="/photo.jpg") for n in range(3)])
    assert _taken(made)["output_uri"].tolist() == ["/o/2"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--inception", "nowhere.pth", "--trust-paths"], "nowhere.pth"),
        (["--inception", "WEIGHTS", "--trust-paths", "--device", "tpu"], "tpu"),
    ],
    ids=["missing_weights", "device"],
)
def test_wrong_calls_are_refused_in_one_line(own: Path, weights: Path, more: list[str], told: str) -> None:
    words = [weights if word == "WEIGHTS" else word for word in more]
    assert told in refused(main, own, *words)


def test_a_place_that_cannot_be_written_is_said_before_anything_is_read() -> None:
    told = refused(main, "/nowhere", "--inception", "torchvision", "--out", "s3://b/f.json")
    assert told.startswith("error: --out: s3://: no object store will do here")
    told = refused(main, "/nowhere", "--inception", "torchvision", "--out", "/")
    assert told.startswith("error: --out: / is a folder; give a file name")
    told = refused(main, "/nowhere", "--inception", "torchvision", "--out", f"{__file__}/f.json")
    assert told.startswith(f"error: --out: {__file__} is a file; give a folder")


@pytest.mark.parametrize("text", ["no JSON", '{"run_id": "1"}', "[]", ""])
def test_a_file_of_others_is_not_replaced(tmp_path: Path, text: str) -> None:
    (path := tmp_path / "a.json").write_text(text)
    told = refused(main, "/nowhere", "--out", path)
    assert told.startswith(f"error: --out: {path} is there already, and not by this job; give another name")
    path.write_text('{"inception": "x", "sets": []}')
    assert "/nowhere" in refused(main, "/nowhere", "--out", path)


def test_numbers_of_a_submitted_job_are_not_left_in_its_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (copy := tmp_path / "runtime_resources" / "_ray_pkg_0").mkdir(parents=True)
    monkeypatch.chdir(copy)
    assert "--out 'sets.json' is relative: a submitted job" in refused(main, "/nowhere", "--out", "sets.json")


def test_what_lies_outside_is_taken_by_the_one_option_that_there_is(own: Path, weights: Path) -> None:
    told = refused(main, own, "--inception", weights)
    assert "--trust-paths takes it" in told
    assert "anew" not in told


def test_weights_that_are_nowhere_are_not_downloaded_here(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stylize import downloads

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "none"))
    with downloads.forbidden():
        assert FILE in refused(main, own, "--trust-paths")
