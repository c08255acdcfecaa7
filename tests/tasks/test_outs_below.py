"""What earlier jobs made below an input folder is no input, and is counted as left out."""

from __future__ import annotations

from pathlib import Path

from stylize.io.location import LocalPath, locate
from stylize.tasks import listing
from stylize.tasks.left_out import LeftOut
from tests.support.s3 import bucket

RUN = ("run.json", "rows/part-1.parquet", "images/wash/cat.jpg", "sheet.jpg", "report/pictures/1.jpg")
SWEEP = ("inputs/photos/cat.jpg", "rows/part-1.parquet", "run.json", "sweep.yaml")
TRAINING = ("checkpoints/step_000001.jpg", "train.json", "losses/steps-1-2.parquet", "samples/step_000001.jpg")
REPORT = ("index.html", "pictures/1.jpg", "plots/speed.svg", "summary.md", "tables.parquet")
EXPORT = ("index.html", "index.js", "v0/columns/ssim.js", "v0/picture-result/0.jpg", "viewer.css")
PHOTOS = (
    "a.jpg", "day/b.jpg", "class1/images/c.jpg", "noted/run.json", "noted/d.jpg", "train.json", "web/index.html",
    "web/pictures/f.jpg", "web/v0/g.jpg", "zoo/e.jpg",
)  # fmt: skip
TOLD = [
    "1 .html (no image)",
    "1 page/ (an exported page)",
    "1 report/ (a report)",
    "1 sweep/ (the OUT of a run)",
    "1 trained/ (the OUT of a training)",
    "2 .json (no image)",
    "2 restyled/ (the OUT of a run)",
]


def tree() -> list[str]:
    made = {"day/restyled": RUN, "restyled": RUN, "sweep": SWEEP, "trained": TRAINING, "report": REPORT}
    made["day/page"] = EXPORT
    return [*PHOTOS, *(f"{folder}/{name}" for folder, names in made.items() for name in names)]


def put(root: Path) -> Path:
    for name in tree():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def told(left_out: LeftOut) -> list[str]:
    return sorted(str(left_out).partition(": ")[2].split(", "))


def wanted() -> list[str]:
    return sorted(name for name in PHOTOS if name.endswith(".jpg"))


def test_outs_below_a_folder_are_left_out_unless_they_are_asked_for(tmp_path: Path) -> None:
    root, left_out = put(tmp_path), LeftOut()
    found = [Path(one.uri) for one in listing.files_in(LocalPath(root), left_out=left_out)]
    assert sorted(str(path.relative_to(root)) for path in found) == wanted()
    assert told(left_out) == TOLD
    images = listing.files_in(LocalPath(root / "restyled/images"))
    assert [Path(one.uri).name for one in images] == ["cat.jpg"]
    assert len(list(listing.files_in(LocalPath(root), of_runs=True))) == len(wanted()) + 11


def test_weights_are_taken_from_the_out_of_a_training_and_not_what_it_resumes_from(tmp_path: Path) -> None:
    checkpoint = put(tmp_path) / "trained/weights.safetensors"
    state = tmp_path / "trained/checkpoints/checkpoint_2026-11-28_18-55-10.736669/state.pt"
    state.parent.mkdir()
    for path in (checkpoint, state):
        path.write_bytes(b"x")
    left_out = LeftOut()
    listed = listing.files_in(LocalPath(tmp_path), "checkpoints", left_out=left_out)
    assert [one.uri for one in listed] == [str(checkpoint)]
    assert "1 .pt (what a training resumes from)" in str(left_out)


def test_outs_below_a_folder_of_a_store_are_left_out() -> None:
    with bucket() as s3:
        for name in tree():
            s3.put(f"p/{name}", b"x")
        left_out = LeftOut()
        found = [one.uri for one in listing.files_in(locate("s3://pictures/p"), left_out=left_out)]
        assert found == [f"s3://pictures/p/{name}" for name in wanted()]
        assert told(left_out) == TOLD
        inside = [one.uri for one in listing.files_in(locate("s3://pictures/p/restyled/images"))]
        assert inside == ["s3://pictures/p/restyled/images/wash/cat.jpg"]
