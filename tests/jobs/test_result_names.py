"""Where results lie: as the photos and artworks do, and never in place of another."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from jobs import stylize_folder
from jobs.run.result import RunResult
from stylize import images
from stylize.errors import CannotContinueError
from tests.support.samples import picture

pytestmark = pytest.mark.usefixtures("worker_here")


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[Path, Path]:
    """Two photos of one name in two folders, two that differ in suffix and case alone, one artwork."""
    names = ("photos/may/IMG_1.jpg", "photos/june/IMG_1.jpg", "photos/cat.jpg", "photos/Cat.png", "art/ink/wash.jpg")
    for seed, name in enumerate(names):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(images.encode(picture(seed), path.suffix[1:], 95))
    return tmp_path / "photos", tmp_path / "art"


def names(out: Path) -> list[str]:
    return sorted(str(path.relative_to(out / "images")) for path in (out / "images").rglob("*") if path.is_file())


def run(inputs: tuple[Path, Path], out: Path, **settings: Any) -> RunResult:
    return stylize_folder.run(*inputs, out, stylizer="compact", precision="fp32", actors=1, **settings)


def digests(out: Path) -> dict[str, str]:
    return {name: hashlib.sha256((out / "images" / name).read_bytes()).hexdigest() for name in names(out)}


def test_both_trees_are_mirrored_and_other_settings_take_no_name(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(inputs, out)
    key = next(name for name in names(out) if "--" in name)
    assert names(out) == sorted(["ink/wash/may/IMG_1.jpg", "ink/wash/june/IMG_1.jpg", "ink/wash/Cat.jpg", key])
    assert key.startswith("ink/wash/cat--")

    before = digests(out)
    rows = run(inputs, out, settings={"alpha": 0.5}).rows()
    after = digests(out)
    assert len(after) == 8
    assert all(after[name] == digest for name, digest in before.items())
    assert sorted(rows["output_sha256"]) == sorted(after.values())
    assert len(set(rows["output_uri"])) == 8


def test_a_layout_and_a_template_name_them_otherwise(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    run(inputs, tmp_path / "out", layout="by-photo", include="IMG*")
    assert names(tmp_path / "out") == ["june/IMG_1/ink/wash.jpg", "may/IMG_1/ink/wash.jpg"]
    run(inputs, tmp_path / "own", name="{method}/{photo_flat}", include="IMG*", format="png")
    assert names(tmp_path / "own") == ["compact/june-IMG_1.png", "compact/may-IMG_1.png"]


def test_somebodys_file_in_out_is_never_replaced_and_what_a_kill_left_is(
    inputs: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(inputs, out, include="june")
    for name, data in (("may/IMG_1.jpg", b"mine"), ("CAT.jpg", b"mine, too")):
        (out / "images/ink/wash" / name).parent.mkdir(exist_ok=True)
        (out / "images/ink/wash" / name).write_bytes(data)
    run(inputs, out)
    kept = digests(out)
    assert (out / "images/ink/wash/may/IMG_1.jpg").read_bytes() == b"mine"
    assert sorted(name.partition("--")[0] for name in names(out) if "--" in name) == [
        "ink/wash/Cat", "ink/wash/cat", "ink/wash/may/IMG_1"
    ]  # fmt: skip

    shutil.rmtree(out / "rows")
    assert run(inputs, out).counts == {"ok": 4}
    assert digests(out) == kept


def test_a_folder_in_place_of_a_result_stays_and_a_file_in_place_of_a_folder_ends_the_run(
    inputs: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(inputs, out, include="june")
    (out / "images/ink/wash/cat.jpg").mkdir()
    assert run(inputs, out, include="cat.jpg").counts == {"ok": 1}
    assert [name.partition("--")[0] for name in names(out) if "--" in name] == ["ink/wash/cat"]
    (out / "images/ink/wash/may").touch()
    with pytest.raises(CannotContinueError, match="ink/wash/may is no folder: move it away, or"):
        run(inputs, out, include="may")
    (out / "images/ink/wash/may").unlink()
    assert run(inputs, out).counts == {"ok": 4}
