"""Pictures made elsewhere to rows, inline: no Ray. Our own rows of the same pictures are what they should say."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jobs.run.score_config import ScoreConfig
from stylize import images
from stylize.errors import CannotContinueError
from stylize.measure.ssim import ssim
from stylize.pipeline import score_runner
from stylize.pipeline.failures import lost_row
from stylize.pipeline.score_runner import ScoreRunner
from stylize.pipeline.transfers import Transfers, Upload
from stylize.results.read import read_rows
from stylize.results.schema import SCHEMA, to_batch
from stylize.tasks import pairing
from stylize.tasks.task import MISSING, Input, Task
from tests.support.accelerators import Pretended
from tests.support.card_runs import card as card
from tests.support.samples import finished_run, picture

QUALITY = [
    "ssim", "ssim_uniform", "content_distance", "gram_distance", "moments_distance", "cfsd", "perceptual_variant",
    *(f"{of}_{what}" for of in ("content", "output") for what in ("edge_density", "colourfulness", "entropy_bits")),
]  # fmt: skip


def config(folders: tuple[Path, Path], results: Path, **settings: Any) -> ScoreConfig:
    content, styles = folders
    given = {"content": str(content), "styles": str(styles), "results": str(results), "out": "o", "pattern": "{photo}"}
    return ScoreConfig.build(given | {"stylizer": "their own"} | settings)


def score(folders: tuple[Path, Path], result: Path, **settings: Any) -> dict[str, Any]:
    """The row of a picture, as one of the first photo with the first artwork."""
    job = config(folders, result.parent, **settings)
    (task,) = pairing.tasks([next(iter(pairs(folders, result)))], job.result_settings(), None, "")
    (row,) = runner(job).submit([task])().to_pylist()
    return dict(row)


def pairs(folders: tuple[Path, Path], result: Path) -> Any:
    from stylize import config as configs

    main = configs.build({"content": str(folders[0]), "styles": str(folders[1]), "out": "o"})
    return (replace(pair, result=Input(str(result), "1:1", None)) for pair in pairing.pairs(main))


def runner(job: ScoreConfig) -> ScoreRunner:
    return ScoreRunner(job, torch.device("cpu"), run_id="r", worker_id="w")


@pytest.mark.parametrize("format", ["jpg", "png", "webp"])
@pytest.mark.parametrize("resolution_px", [None, 40, 96])
def test_scoring_our_own_results_gives_their_quality_columns_exactly(
    folders: tuple[Path, Path], tmp_path: Path, format: str, resolution_px: int | None
) -> None:
    (folders[1] / "oil").rename(tmp_path / "oil")
    (folders[0] / "day").rename(tmp_path / "day")
    finished_run(*folders, tmp_path / "own", stylizer="compact", format=format, resolution_px=resolution_px)
    rows = read_rows(tmp_path / "own").to_pylist()
    assert len(rows) == 2
    for row in rows:
        job = config(folders, tmp_path)
        pair = next(
            pair
            for pair in pairs(folders, Path(row["output_uri"]))
            if (pair.content.uri, pair.style.uri) == (row["content_uri"], row["style_uri"])
        )
        again = runner(job).run_one(Task("0" * 64, pair, ""))
        same = [*QUALITY, "content_sha256", "style_sha256", "output_sha256", "output_uri", "photo", "style", "width_px"]
        assert {name: again.get(name) for name in same} == {name: row[name] for name in same}
        assert again["resolution_px"] == resolution_px


def test_a_result_with_its_photos_transparency_is_scored_as_in_the_job_that_made_it(tmp_path: Path) -> None:
    for name, seed in (("content/a.png", 1), ("styles/s.png", 2)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(images.encode(picture(seed), "png", 95))
    alpha = np.linspace(0, 255, 64 * 48).reshape(48, 64).astype(np.uint8)
    carried = images.Carried(None, None, alpha)
    (tmp_path / "content/a.png").write_bytes(images.encode(picture(1), "png", 95, carried=carried))
    both = tmp_path / "content", tmp_path / "styles"
    finished_run(*both, tmp_path / "own", stylizer="compact", format="png")
    (row,) = read_rows(tmp_path / "own").to_pylist()
    again = score(both, Path(row["output_uri"]))
    assert {name: again[name] for name in QUALITY} == {name: row[name] for name in QUALITY}


def test_vgg19_judges_both_alike(folders: tuple[Path, Path], tmp_path: Path, real_data: Path) -> None:
    asked: dict[str, Any] = {
        "perceptual": str(real_data / "weights" / "vgg19_features_fp16.safetensors"),
        "scores": ["cfsd", "ssim_uniform"],
        "style_resolution_px": 128,
    }
    for name in ("content/day/b.png", "content/night", "styles/oil"):  # VGG takes a second for each pair
        (folders[0].parent / name).rename(tmp_path / Path(name).name)
    finished_run(*folders, tmp_path / "own", stylizer="compact", **asked)
    row = read_rows(tmp_path / "own").to_pylist()[0]
    again = score(folders, Path(row["output_uri"]), **asked)
    assert (again["content_uri"], again["style_uri"]) == (row["content_uri"], row["style_uri"])
    assert {name: again[name] for name in QUALITY} == {name: row[name] for name in QUALITY}
    assert None not in [again[name] for name in QUALITY]


def test_a_row_says_what_made_it_where_it_lies_and_nothing_of_times(folders: tuple[Path, Path], tmp_path: Path) -> None:
    result = tmp_path / "there.png"
    result.write_bytes(images.encode(picture(9), "png", 95))
    row = score(folders, result)
    assert (row["status"], row["stylizer"], row["measure_mode"]) == ("ok", "their own", "scored")
    assert row["output_uri"] == str(result)
    assert row["output_sha256"] == hashlib.sha256(result.read_bytes()).hexdigest()
    known = {name for name, value in row.items() if value is not None}
    measured = {
        c for c in SCHEMA.names if c.endswith(("_bytes", "_s")) or c in ("precision", "warmup", "batch_size", "seed")
    }
    assert measured & known == {"score_s"}
    assert row["stretch"] is None


def test_a_result_of_another_shape_is_held_against_the_photo_stretched_to_it_and_says_so(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    result = tmp_path / "square.png"
    result.write_bytes(images.encode(picture(9, 64, 64), "png", 95))
    row = score(folders, result)
    assert row["stretch"] == pytest.approx(1 / (64 / 48))
    photo = images.decode(Path(row["content_uri"]).read_bytes()).pixels
    assert row["ssim"] == ssim(images.resize(photo, 64, 64), picture(9, 64, 64))


@pytest.mark.parametrize(
    ("content", "status", "error"),
    [
        (None, "corrupt", "no such file"),
        (b"", "corrupt", "an empty file"),
        (b"%PDF-1.4 no picture", "unsupported", "of the kind PDF"),
        (b"\xff\xd8\xff\xe0 cut", "corrupt", ""),
    ],
)
def test_a_result_that_cannot_be_read_is_a_row_that_names_it(
    folders: tuple[Path, Path], tmp_path: Path, content: bytes | None, status: str, error: str
) -> None:
    result = tmp_path / "bad.jpg"
    if content is not None:
        result.write_bytes(content)
    row = score(folders, result)
    assert row["status"] == status
    assert row["error"].startswith("result")
    assert row["error"].count(str(result)) == 1
    assert error in row["error"]
    assert row["output_uri"] == str(result)
    assert (row["ssim"], row["photo"]) == (None, "day/a")


def test_a_result_that_is_cut_is_not_scored_where_such_photos_are_accepted(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    photo, result = folders[0] / "day" / "a.jpg", tmp_path / "there.jpg"
    result.write_bytes(photo.read_bytes())
    photo.write_bytes(photo.read_bytes()[:-600])
    row = score(folders, result, truncated="accept")
    assert (row["status"], row["truncated"]) == ("ok", True)
    result.write_bytes(photo.read_bytes())
    assert score(folders, result, truncated="accept")["status"] == "corrupt"


def test_a_store_that_does_not_answer_ends_the_run_and_leaves_no_row(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> bytes:
        raise CannotContinueError("no answer")

    monkeypatch.setattr(score_runner, "read_bytes", fails)
    with pytest.raises(CannotContinueError, match="no answer"):
        score(folders, tmp_path / "there.png")


def test_a_photo_that_is_not_there_is_a_row(folders: tuple[Path, Path], tmp_path: Path) -> None:
    result = tmp_path / "there.png"
    result.write_bytes(images.encode(picture(9), "png", 95))
    job = config(folders, tmp_path)
    gone = Input(str(folders[0] / "gone.jpg"), MISSING, None)
    pair = replace(next(iter(pairs(folders, result))), content=gone)
    row = runner(job).run_one(Task("0" * 64, pair, ""))
    assert (row["status"], "gone.jpg" in row["error"]) == ("corrupt", True)


def test_the_row_of_a_lost_task_says_that_it_was_scored(folders: tuple[Path, Path], tmp_path: Path) -> None:
    job = config(folders, tmp_path)
    task = Task("0" * 64, next(iter(pairs(folders, tmp_path / "x.png"))), "")
    (row,) = to_batch([lost_row(job, "r", task, "timeout", "took over 1 s", {"worker_id": "w"})]).to_pylist()
    assert (row["measure_mode"], row["stylizer"], row["output_uri"]) == ("scored", "their own", str(tmp_path / "x.png"))
    assert (row["precision"], row["seed"], row["batch_size"]) == (None, None, None)


def test_a_photo_that_finds_no_room_on_a_card_is_scored_by_the_cpu(
    folders: tuple[Path, Path], tmp_path: Path, card: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Transfers, pixels: images.Pixels) -> Upload:
        raise torch.OutOfMemoryError("CUDA out of memory")

    result = tmp_path / "there.png"
    result.write_bytes(images.encode(picture(9), "png", 95))
    monkeypatch.setattr(Transfers, "upload", full)
    row = score(folders, result)
    photo = images.decode(Path(row["content_uri"]).read_bytes()).pixels
    assert (row["status"], row["ssim"]) == ("ok", ssim(photo, picture(9)))
