"""Pairs with settings of their own, and mixes of artworks, in a worker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs import replay
from stylize import __main__ as command
from stylize import config as configs
from stylize import images, load
from stylize.errors import UsageError
from stylize.results.read import read_rows
from stylize.results.schema import to_batch
from stylize.results.store import RowStore
from stylize.tasks.output_names import OutputNames
from tests.support.inline_runs import made
from tests.support.samples import picture

LIST = """content_uri,style_uri,style_uris,style_weights,alpha,resolution_px,seed
content/day/a.jpg,styles/ink/wash.jpg,,,,,
content/day/a.jpg,styles/ink/wash.jpg,,,0.5,,
content/day/a.jpg,styles/ink/wash.jpg,,,,32,9
content/day/a.jpg,,styles/ink/wash.jpg,,many,,
content/day/a.jpg,,styles/ink/wash.jpg|styles/oil/sea.jpg,1|3,,,
content/day/a.jpg,,styles/ink/wash.jpg|styles/gone.jpg,,,,
content/day/a.jpg,,styles/ink/wash.jpg|styles/oil/sea.jpg,3|1,,,
"""


@pytest.fixture
def out(folders: tuple[Path, Path], tmp_path: Path) -> Path:
    """The OUT of a run of LIST, made inline, two at a time where they may share a call."""
    (tmp_path / "list.csv").write_text(LIST)
    values: dict[str, Any] = {"manifest": str(tmp_path / "list.csv"), "out": str(tmp_path / "out")}
    config = configs.build(values | {"precision": "fp32", "format": "png", "batch_size": 2})
    names = OutputNames("{style}/{photo}", "compact", "png", *config.input_roots())
    runner, tasks = made(config, load("compact", precision="fp32"), names=names)
    with RowStore.open(tmp_path / "out") as store:
        store.add(to_batch(runner.run(tasks).to_pylist()))
    record = {"run_id": "r", "config": config.model_dump()}
    (tmp_path / "out" / "run.json").write_text(json.dumps(record))
    return tmp_path / "out"


def test_each_row_says_its_own_settings_and_has_the_picture_that_they_make(out: Path, tmp_path: Path) -> None:
    rows = read_rows(out).to_pylist()
    assert [row["status"] for row in rows] == ["ok", "corrupt", "ok", "ok", "ok", "corrupt", "ok"]
    columns = ("alpha", "resolution_px", "seed", "style_weights")
    (bad, gone), rows = (rows[1], rows[5]), [rows[0], *rows[2:5]]
    assert [tuple(row[name] for name in columns) for row in rows] == [
        (1, None, 0, None), (0.5, None, 0, None), (1, 32, 9, None), (1, None, 0, "[1.0, 3.0]"),
    ]  # fmt: skip
    assert [max(row["width_px"], row["height_px"]) for row in rows] == [64, 64, 32, 64]
    mixed = rows[3]
    assert [Path(uri).stem for uri in json.loads(mixed["style_uris"])] == ["wash", "sea"]
    assert (mixed["style"], mixed["style_uri"]) == (
        "styles/ink/wash + styles/oil/sea",
        json.loads(mixed["style_uris"])[0],
    )
    assert len(mixed["style_sha256"].split(",")) == 2

    photo, wash, sea = (
        images.decode((tmp_path / name).read_bytes()).pixels
        for name in ("content/day/a.jpg", "styles/ink/wash.jpg", "styles/oil/sea.jpg")
    )
    plain, half = load("compact", precision="fp32"), load("compact", precision="fp32", alpha=0.5)
    expected = [plain(photo, wash), half(photo, wash), None, plain.batch([photo], [wash, sea], style_weights=[1, 3])[0]]
    for row, pixels in zip(rows, expected, strict=True):
        own = images.decode(Path(row["output_uri"]).read_bytes()).pixels
        assert pixels is None or np.abs(own.astype(int) - pixels).max() <= 1
    assert gone["error"].startswith("style 2 of 2: no such file: ")
    assert "row 4: alpha: expected a number" in bad["error"]


def test_mixes_of_the_same_artworks_in_other_weights_are_other_pictures(out: Path, tmp_path: Path) -> None:
    rows = read_rows(out).to_pylist()
    first, second = (images.decode(Path(rows[at]["output_uri"]).read_bytes()).pixels for at in (4, 6))
    photo, wash, sea = (
        images.decode((tmp_path / name).read_bytes()).pixels
        for name in ("content/day/a.jpg", "styles/ink/wash.jpg", "styles/oil/sea.jpg")
    )
    fresh = load("compact", precision="fp32").batch([photo], [wash, sea], style_weights=[3, 1])[0]
    assert rows[6]["style_weights"] == "[3.0, 1.0]"
    assert np.abs(second.astype(int) - fresh).max() <= 1
    assert np.abs(second.astype(int) - first).max() > 1


def test_a_batch_holds_pairs_of_the_same_mix_alone(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (folders[1] / "third.png").write_bytes(images.encode(picture(8), "png", 95))
    mixes = (("ink/wash.jpg", "oil/sea.jpg", "1|3"), ("ink/wash.jpg", "oil/sea.jpg", "3|1"),
             ("ink/wash.jpg", "third.png", "3|1"))  # fmt: skip
    lines = [f"content/day/a.jpg,styles/{one}|styles/{other},{shares}" for one, other, shares in mixes]
    (tmp_path / "mixes.csv").write_text("\n".join(["content_uri,style_uris,style_weights", *lines]))
    stylizer, hashes = load("compact", precision="fp32"), []
    for size in (1, 4):
        values: dict[str, Any] = {"manifest": str(tmp_path / "mixes.csv"), "out": str(tmp_path / str(size))}
        config = configs.build(values | {"format": "png", "batch_size": size})
        runner, tasks = made(config, stylizer)
        rows = runner.run(tasks).to_pylist()
        hashes.append([row["output_sha256"] for row in rows])
        assert [row["batch_size"] for row in rows] == [1, 1, 1]
    assert hashes[0] == hashes[1]
    assert len(set(hashes[0])) == 3


def test_every_row_is_made_again_by_a_replay(out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for row in read_rows(out).to_pylist():
        assert replay.main([str(out), row["task_id"], "--trust-paths"]) == 0
        assert row["status"] != "ok" or "image: the same bytes" in capsys.readouterr().out
    moved = [tmp_path / f"moved{number}.jpg" for number in range(2)]
    mixed = read_rows(out).to_pylist()[4]
    for path, uri in zip(moved, json.loads(mixed["style_uris"]), strict=True):
        Path(uri).rename(path)
    assert (
        replay.main([str(out), mixed["task_id"], "--trust-paths", "--style", str(moved[0]), "--style", str(moved[1])])
        == 0
    )
    capsys.readouterr()
    with pytest.raises(UsageError, match="--style: 1 given, the row has 2"):
        replay.main([str(out), mixed["task_id"], "--trust-paths", "--style", str(moved[0])])


def comment(path: Path) -> dict[str, Any]:
    from PIL import Image

    with Image.open(path) as image:
        text: dict[str, Any] = json.loads(image.info["Comment"])
    return text


def test_a_mix_says_what_made_it_as_that_of_the_one_image_command_does(out: Path, tmp_path: Path) -> None:
    row = read_rows(out).to_pylist()[4]
    words = ["content/day/a.jpg", "styles/ink/wash.jpg", "styles/oil/sea.jpg", "alone.png"]
    paths = [str(tmp_path / word) for word in words]
    assert command.main([*paths, "--style-weights", "1,3", "--precision", "fp32"]) == 0
    ours, alone = comment(Path(row["output_uri"])), comment(tmp_path / "alone.png")
    assert ours["settings"]["style_weights"] == alone["settings"]["style_weights"] == [1, 3]
    assert ours["style_sha256"] == alone["style_sha256"]
    in_job, by_hand = (images.decode(Path(path).read_bytes()).pixels for path in (row["output_uri"], paths[-1]))
    assert np.array_equal(in_job, by_hand)


def test_sizes_of_their_own_make_batches_of_their_own(folders: tuple[Path, Path], tmp_path: Path) -> None:
    lines = [f"content/day/{name},styles/ink/wash.jpg,{side}" for side in (48, 2048) for name in ("a.jpg", "b.png")]
    (tmp_path / "list.csv").write_text("content_uri,style_uri,resolution_px\n" + "\n".join(lines))
    values = {"manifest": str(tmp_path / "list.csv"), "out": str(tmp_path / "out"), "resolution_px": 48}
    (folders[0] / "day" / "b.png").write_bytes(images.encode(picture(5), "png", 95))
    config = configs.build(values)
    runner, tasks = made(config, load("compact", precision="fp32"))
    assert [len(group) for group in runner._groups(tasks)] == [2, 1, 1]
    runner.close()
