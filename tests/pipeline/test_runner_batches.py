"""Images that go through a stylizer together, styles that are checkpoints, and what only the method can say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import stylize
from stylize import images
from stylize.results.schema import Row
from stylize.stylizers.base import Settings, Stylizer
from stylize.stylizers.identity import Identity
from stylize.stylizers.johnson import TransformerNet
from stylize.tasks.listing import FileKind
from tests.support.inline_runs import make
from tests.support.samples import picture
from tests.support.torchvisions import networks


def run(method: Stylizer, content: Path, styles: Path, out: Path, kind: FileKind = "images", **more: Any) -> list[Row]:
    runner, tasks = make((content, styles), out, method, kind, **more)
    rows: list[Row] = runner.run(tasks).to_pylist()
    return rows


def by_batch(rows: list[Row]) -> list[int]:
    return [row["batch_size"] for row in rows]


def test_neighbours_of_one_style_and_size_share_a_call(folders: tuple[Path, Path], tmp_path: Path) -> None:
    content, styles = folders
    # The third of the four photos is of another size.
    path = content / "night" / "a.jpg"
    path.write_bytes(images.encode(picture(9, 40, 40), "jpg", 95))
    together = run(stylize.load(), content, styles, tmp_path / "b", batch_size=4)
    assert by_batch(together) == [2, 2, 1, 1] * 2
    singly = run(stylize.load(), content, styles, tmp_path / "s", batch_size=1)
    assert by_batch(singly) == [1] * 8
    for one, other in zip(together, singly, strict=True):
        assert one["status"] == "ok"
        assert one["ssim"] == pytest.approx(other["ssim"], abs=0.02)


def test_small_images_are_batched_by_default_and_large_ones_are_not(folders: tuple[Path, Path], tmp_path: Path) -> None:
    stylizer, both = stylize.load(), (folders[0], folders[1] / "ink")
    assert max(by_batch(run(stylizer, *both, tmp_path / "small", resolution_px=64))) == 4
    assert max(by_batch(run(stylizer, *both, tmp_path / "large", resolution_px=512))) == 1
    assert max(by_batch(run(stylizer, *both, tmp_path / "own"))) == 1


def test_isolated_images_are_never_batched(folders: tuple[Path, Path], tmp_path: Path) -> None:
    rows = run(stylize.load(), *folders, tmp_path / "o", batch_size=4, measure_mode="isolated")
    assert by_batch(rows) == [1] * 8


def test_one_bad_photo_costs_its_batch_nothing(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (folders[0] / "day" / "b.png").write_bytes(b"no image")
    rows = run(stylize.load(), *folders, tmp_path / "o", batch_size=4)
    assert [row["status"] for row in rows] == ["ok", "corrupt", "ok", "ok"] * 2


def test_a_result_that_is_no_number_costs_its_batch_nothing(folders: tuple[Path, Path], tmp_path: Path) -> None:
    class Spotty(type(stylize.load())):  # type: ignore[misc]
        def stylize_batch(self, contents: torch.Tensor, code: Any) -> torch.Tensor:
            results: torch.Tensor = super().stylize_batch(contents, code)
            results[1, 0, 0, 0] = torch.nan
            return results

    rows = run(Spotty(Spotty.settings_type()), *folders, tmp_path / "o", batch_size=4)
    assert [row["status"] for row in rows] == ["ok", "nan", "ok", "ok"] * 2
    assert by_batch(rows) == [4] * 8


def test_warm_up_is_counted_in_images_not_in_calls(folders: tuple[Path, Path], tmp_path: Path) -> None:
    rows = run(stylize.load(), *folders, tmp_path / "o", batch_size=2, warmup_images=2)
    assert [row["warmup"] for row in rows] == [True] * 2 + [False] * 6


def test_a_batch_that_does_not_fit_is_done_one_by_one(folders: tuple[Path, Path], tmp_path: Path) -> None:
    class Small(type(stylize.load())):  # type: ignore[misc]
        def stylize_batch(self, contents: torch.Tensor, code: Any) -> torch.Tensor:
            if len(contents) > 1:
                raise torch.OutOfMemoryError("no room")
            result: torch.Tensor = super().stylize_batch(contents, code)
            return result

    stylizer = Small(Small.settings_type())
    rows = run(stylizer, *folders, tmp_path / "o", batch_size=4)
    assert [row["status"] for row in rows] == ["ok"] * 8
    assert by_batch(rows) == [1] * 8
    # The call that failed is no image's warm-up, and what it encoded is an image's time.
    assert [row["warmup"] for row in rows] == [True] + [False] * 7
    assert [row["style_s"] is not None for row in rows] == ([True] + [False] * 3) * 2


def test_a_batch_in_which_a_method_ends_the_process_is_done_one_by_one(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    class Interrupting(type(stylize.load())):  # type: ignore[misc]
        def stylize_batch(self, contents: torch.Tensor, code: Any) -> torch.Tensor:
            raise KeyboardInterrupt

    rows = run(Interrupting(Interrupting.settings_type()), *folders, tmp_path / "o", batch_size=4)
    assert [(row["status"], row["error"]) for row in rows] == [("failed", "KeyboardInterrupt")] * 8


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"mood": 1.0}, "gives 'mood', which is no column: docs/rows.md lists them"),
        ({"style_loss": "low"}, "gives style_loss 'low', and the column holds double alone"),
        ({"iterations": 2**70}, f"gives iterations {2**70}, and the column holds int64 alone"),
        ("calm", "must return columns with their values, and returned str"),
        ({"style_loss": np.float32(0.5), "content_loss": None}, None),
        (None, None),
    ],
)
def test_what_a_method_tells_of_a_result_is_columns_and_their_values(
    folders: tuple[Path, Path], tmp_path: Path, given: Any, told: str | None
) -> None:
    class Telling(Identity):
        def outcome(self) -> Any:
            return given

    rows = run(Telling(Settings()), *folders, tmp_path / "o", batch_size=4)
    assert {row["error"] for row in rows} == {told and f"identity: outcome() {told}"}
    assert {row["style_loss"] for row in rows} == {0.5 if told is None and given else None}


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoints"
    for i, name in enumerate(("bright.pth", "dark.model")):
        torch.manual_seed(i)
        folder.mkdir(exist_ok=True)
        torch.save(TransformerNet().state_dict(), folder / name)
    (folder / "broken.pth").write_bytes(b"PK no weights")
    return folder


def test_a_checkpoint_is_a_style_with_its_own_weights_hash(
    folders: tuple[Path, Path], checkpoints: Path, tmp_path: Path
) -> None:
    rows = run(stylize.load("johnson"), folders[0], checkpoints, tmp_path / "o", "checkpoints")
    ok = [row for row in rows if row["status"] == "ok"]
    assert len(ok) == 8
    assert len({row["weights_sha256"] for row in ok}) == 2
    assert all(row["weights_sha256"] == row["style_sha256"] for row in ok)
    assert len({row["output_sha256"] for row in ok}) == 8
    bad = [row for row in rows if row["status"] != "ok"]
    assert {row["status"] for row in bad} == {"corrupt"}
    assert {row["style"] for row in bad} == {"broken"}
    # As of a broken artwork, so that a run names it once.
    (error,) = {row["error"] for row in bad}
    assert error.startswith("style: not a weights file; ")


def test_losses_of_an_optimisation_are_in_the_row(folders: tuple[Path, Path], tmp_path: Path) -> None:
    torch.save(networks().squeezenet1_1().state_dict(), tmp_path / "squeezenet.pth")
    few: dict[str, Any] = {"backbone": "squeezenet1_1", "iterations": 2, "scales": 1}
    stylizer = stylize.load("gatys", weights=tmp_path / "squeezenet.pth", **few)
    few_pairs = folders[0] / "day", folders[1] / "ink"
    row = run(stylizer, *few_pairs, tmp_path / "o")[0]
    assert row["status"] == "ok"
    assert min(row["content_loss"], row["style_loss"], row["variation_loss"]) > 0
    assert (row["backbone"], row["iterations"], row["style_weight"]) == ("squeezenet1_1", 2, 10)
    row = run(stylize.load("gatys", weights="random", **few), *few_pairs, tmp_path / "r")[0]
    assert (row["status"], row["weights_sha256"]) == ("ok", "random")
    assert (row["ssim"], row["content_loss"], row["style_loss"], row["variation_loss"]) == (None,) * 4


def test_every_weights_files_hash_is_in_the_row(folders: tuple[Path, Path], tmp_path: Path, real_data: Path) -> None:
    stylizer = stylize.load("microast", weights=real_data / "weights" / "microast")
    row = run(stylizer, *folders, tmp_path / "o")[0]
    hashes = json.loads(row["settings_json"])["weights_files"]
    assert len(hashes) == 4
    assert all(len(value) == 64 for value in hashes.values())
