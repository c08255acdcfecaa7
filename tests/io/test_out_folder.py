"""Which folders a job takes for its OUT, and which for its inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylize.errors import UsageError
from stylize.io.location import LocalPath, locate
from stylize.io.out_folder import RUN, TRAINING, refuse_foreign, refuse_results
from tests.support.s3 import Bucket


def write(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"{}")
    return folder


@pytest.mark.parametrize(
    "names",
    [
        (),
        (".lock", ".run", "Thumbs.db"),
        ("images/", "rows/"),
        ("images/", "rows/", "rows/.tmp-0"),
        ("run.json", "images/wash/cat.jpg", "my notes.txt"),
        ("rows/part-1.parquet", "images/wash/cat.jpg"),
    ],
)
def test_a_new_an_empty_and_a_runs_folder_are_an_out(names: tuple[str, ...], tmp_path: Path) -> None:
    refuse_foreign(str(write(tmp_path / "out", *names)))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("cat.jpg",), r"holds what no run has put there: cat\.jpg; give a new or empty folder, or the OUT of a run"),
        (("images/cat.jpg", "rows/"), "put there: images/;"),
        (("images/cat.jpg", "labels/cat.txt"), "put there: images/, labels/;"),
        (("rows/table.csv",), "put there: rows/;"),
        (("train.json", "weights/"), r"put there: train\.json, weights/;"),
        (("1", "2", "3", "4", "5"), "put there: 1, 2, 3 and more;"),
    ],
)
def test_a_folder_of_something_else_is_refused(names: tuple[str, ...], said: str, tmp_path: Path) -> None:
    out = write(tmp_path / "out", *names)
    with pytest.raises(UsageError, match=said):
        refuse_foreign(str(out))


@pytest.mark.parametrize(
    ("record", "name"),
    [(RUN, "images"), (RUN, "rows"), (RUN, "inputs"), *((TRAINING, name) for name in ("checkpoints", "losses"))],
)
def test_a_file_in_place_of_a_folder_of_ours_is_refused(record: str, name: str, tmp_path: Path) -> None:
    write(tmp_path, record, name)
    with pytest.raises(UsageError, match=f"^OUT: .*{name} is no folder, as a .* needs; move it away$"):
        refuse_foreign(str(tmp_path), record, own=("inputs",) if name == "inputs" else ())


def test_a_sweep_that_was_killed_while_it_began_goes_on(tmp_path: Path) -> None:
    out = write(tmp_path / "out", "inputs/photos/cat.jpg")
    refuse_foreign(str(out), own=("inputs",))
    with pytest.raises(UsageError, match="inputs/"):
        refuse_foreign(str(out))


def test_a_training_goes_on_in_its_own_folder_alone(tmp_path: Path) -> None:
    refuse_foreign(LocalPath(write(tmp_path / "own", "train.json", "weights/")), TRAINING)
    with pytest.raises(UsageError, match=r"no training has put there: run\.json"):
        refuse_foreign(LocalPath(write(tmp_path / "other", "run.json")), TRAINING)


def test_buckets_are_held_to_the_same_with_two_requests(s3: Bucket) -> None:
    refuse_foreign("s3://pictures/out")
    with pytest.raises(UsageError, match=r"^OUT: s3://pictures/a\.jpg is an object; give a folder$"):
        refuse_foreign(s3.put("a.jpg", b""))
    uri = s3.put("out/images/wash/cat.jpg", b"")
    with pytest.raises(UsageError, match="s3://pictures/out holds what no run has put there: images/;"):
        refuse_foreign("s3://pictures/out")
    s3.put("out/run.json", b"{}")
    refuse_foreign("s3://pictures/out")
    for number in range(4):
        s3.put(f"photos/{number:04d}.jpg", b"")
    s3.s3.requests = 0
    with pytest.raises(UsageError, match=r"put there: 0000\.jpg, 0001\.jpg, 0002\.jpg and more"):
        refuse_foreign("s3://pictures/photos")
    assert s3.s3.requests == 2
    refuse_results(locate(uri), "CONTENT")


def test_empty_folders_of_a_run_that_a_console_made_are_a_new_out(s3: Bucket) -> None:
    for marker in ("out/", "out/images/", "out/rows/", "other/notes/"):
        s3.put(marker, b"")
    refuse_foreign("s3://pictures/out")
    with pytest.raises(UsageError, match="put there: notes;"):
        refuse_foreign("s3://pictures/other")
    s3.put("out/images", b"")
    with pytest.raises(UsageError, match="put there: images;"):
        refuse_foreign("s3://pictures/out")


def test_a_runs_folder_is_no_input_but_its_images_are(tmp_path: Path, s3: Bucket) -> None:
    out = LocalPath(write(tmp_path / "out", "run.json", "rows/", "images/cat.jpg"))
    with pytest.raises(UsageError, match=f"CONTENT: {out} is the OUT of a run; to .* give {out}/images$"):
        refuse_results(out, "CONTENT")
    refuse_results(out.join("images"), "CONTENT")
    refuse_results(LocalPath(write(tmp_path / "photos", "run.json", "cat.jpg")), "CONTENT")
    for name in ("run.json", "rows/part-1.parquet"):
        s3.put(f"out/{name}", b"{}")
    with pytest.raises(UsageError, match="STYLES: s3://pictures/out is the OUT of a run"):
        refuse_results(locate("s3://pictures/out"), "STYLES")


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (("train.json", "losses/"), "the OUT of a training"),
        (("tables.parquet", "pictures/1.jpg"), "a report"),
        (("viewer.css", "v0/picture-result/0.jpg"), "an exported page"),
    ],
)
def test_what_else_we_made_is_no_input_but_for_checkpoints(names: tuple[str, ...], what: str, tmp_path: Path) -> None:
    folder = LocalPath(write(tmp_path / "made", *names))
    with pytest.raises(UsageError, match=f"^CONTENT: {folder} is {what}; give a folder of your own pictures$"):
        refuse_results(folder, "CONTENT")
    refuse_results(folder, "STYLES", of_checkpoints=True)


def test_a_store_that_refuses_is_said_of_the_folder_that_was_given(s3: Bucket) -> None:
    refusal = r"^s3://pictures/in: the store refuses .*403, SignatureDoesNotMatch"
    s3.s3.faults = [403, 403]
    with pytest.raises(UsageError, match=refusal):
        refuse_results(locate("s3://pictures/in"), "CONTENT")
    with pytest.raises(UsageError, match=refusal):
        refuse_foreign("s3://pictures/in")


@pytest.mark.parametrize(("record", "name"), [(RUN, "rows"), (RUN, "images"), (TRAINING, "losses")])
@pytest.mark.parametrize("begun", [False, True])
def test_an_out_whose_folders_lie_elsewhere_is_refused(tmp_path: Path, record: str, name: str, begun: bool) -> None:
    out = write(tmp_path / "out", record if begun else ".lock")
    (write(tmp_path / "mine", "part.parquet")).rename(tmp_path / "elsewhere")
    (out / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match=f"{name} is a link to outside of it; give another folder"):
        refuse_foreign(str(out), record)
    (out / name).unlink()
    refuse_foreign(str(out), record)
