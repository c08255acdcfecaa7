"""`python -m tools.bench.compare_models`: what it measures of two models, and wrong calls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from stylize import images, load
from stylize.errors import UsageError, WeightsError
from stylize.measure.ssim import ssim
from stylize.stylizers.compact import BUNDLED
from tests.support.samples import picture
from tools.bench.compare_models import main


def given(folders: tuple[Path, Path], out: Path, data: Path, *more: str) -> list[str]:
    microast = f"microast={data / 'weights' / 'microast'}"
    vgg = str(data / "weights" / "vgg19_features_fp16.safetensors")
    return [*map(str, (*folders, out)), "--baseline", microast, "--vgg", vgg, "--size", "64", *more]


def test_a_row_a_model_and_pair_a_table_and_sheets(
    folders: tuple[Path, Path], real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(given(folders, out, real_data)) == 0
    rows = pd.read_parquet(out / "rows.parquet")
    assert rows.groupby("model").size().to_dict() == {"compact": 8, "microast": 8}
    assert set(rows["content"]) == {"day/a.jpg", "day/b.png", "night/a.jpg", "night/c d.jpg"}
    layers = [c for c in rows.columns if c.startswith("gram_")]
    assert len(layers) == 4
    np.testing.assert_allclose(rows["gram"], rows[layers].sum(axis=1))
    one = rows[(rows["model"] == "compact") & (rows["content"] == "day/b.png") & (rows["style_type"] == "oil")].iloc[0]
    photo = images.decode((folders[0] / "day" / "b.png").read_bytes(), long_side_px=64).pixels
    artwork = images.decode((folders[1] / "oil" / "sea.jpg").read_bytes(), long_side_px=64).pixels
    # As a tensor, an artwork is looked at as it is.
    style = torch.from_numpy(artwork).permute(2, 0, 1) / 255
    expected = ssim(photo, load("compact", precision="fp32")(photo, style))
    assert expected is not None
    assert abs(one["ssim"] - expected) < 1e-6
    table = (out / "table.md").read_text()
    assert table.strip() in capsys.readouterr().out
    means = rows.groupby("model")["content_loss"].mean()
    assert f"| {means['compact'] / means['microast']:.3f} |" in table
    assert not (out / "faults.jpg").exists(), "nothing is large enough to measure"
    for name in ("sheet.jpg", "details.jpg"):
        assert images.decode((out / name).read_bytes()).pixels.std() > 10


def test_two_weights_of_one_method_are_told_apart(folders: tuple[Path, Path], real_data: Path, tmp_path: Path) -> None:
    data = {name: value * 1.1 for name, value in load_file(BUNDLED).items()}
    save_file(data, tmp_path / "new.safetensors")
    out, new = tmp_path / "out", f"compact={tmp_path / 'new.safetensors'}"
    assert main([*given(folders, out, real_data), "--model", new, "--baseline", "compact"]) == 0
    losses = pd.read_parquet(out / "rows.parquet").groupby("model")["content_loss"].mean()
    assert set(losses.index) == {new, "compact"}
    assert f"| {losses[new] / losses['compact']:.3f} |" in (out / "table.md").read_text()


@pytest.fixture
def plain_folders(tmp_path: Path) -> tuple[Path, Path]:
    """A dark plain photo and a light one, large enough to measure, and an artwork."""
    for name, pixels in {
        "photos/dark.png": np.full((96, 128, 3), 20, np.uint8),
        "photos/light.png": np.full((96, 128, 3), 180, np.uint8),
        "artworks/sea.png": picture(5, 96, 80),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(images.encode(pixels, "png", 90))
    return tmp_path / "photos", tmp_path / "artworks"


def test_faults_are_measured_shown_and_beside_another_method(
    plain_folders: tuple[Path, Path], real_data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = given(plain_folders, out, real_data)
    arguments[arguments.index("--size") + 1] = "128"
    assert main([*arguments, "--beside", "identity"]) == 0
    rows = pd.read_parquet(out / "rows.parquet").set_index(["model", "content"])
    assert len(rows) == 6
    assert (rows.loc["identity", ["weave", "blotch", "texture"]] < 1e-6).all(axis=None)
    assert (rows.loc["compact", ["weave", "texture"]] > 0.1).all(axis=None)
    assert (rows.loc["compact", "blotch"] > 1e-6).all()
    assert rows.loc[("compact", "dark.png"), "dark_texture"] == rows.loc[("compact", "dark.png"), "texture"]
    assert np.isnan(rows.loc[("compact", "light.png"), "dark_texture"])
    table = (out / "table.md").read_text()
    medians = rows.groupby("model")["weave"].median()
    weave = f"| {medians['compact']:.4g} | {medians['microast']:.4g} |"
    assert weave in table
    assert "| `identity` |" in table
    assert images.decode((out / "faults.jpg").read_bytes()).pixels.std() > 10


@pytest.mark.parametrize(
    ("more", "error", "told"),
    [
        (("--baseline", "gatys"), UsageError, "METHOD one of"),
        (("--baseline", "nothing"), UsageError, "METHOD one of"),
        (("--baseline", "compact"), UsageError, "against itself"),
        (("--beside", "compact"), UsageError, "against itself"),
        (("--beside", "nothing"), UsageError, "METHOD one of"),
        (("--model", "compact=/nowhere"), WeightsError, "/nowhere"),
        (("--vgg", "/nowhere"), WeightsError, "/nowhere"),
        (("--size", "8"), UsageError, "--size"),
    ],
)
def test_wrong_calls_are_told(
    folders: tuple[Path, Path],
    real_data: Path,
    tmp_path: Path,
    more: tuple[str, ...],
    error: type[Exception],
    told: str,
) -> None:
    with pytest.raises(error, match=told):
        main([*given(folders, tmp_path / "out", real_data), *more])


def test_a_broken_photo_is_named(folders: tuple[Path, Path], real_data: Path, tmp_path: Path) -> None:
    (folders[0] / "day" / "a.jpg").write_bytes(b"broken")
    with pytest.raises(UsageError, match=r"day/a\.jpg"):
        main(given(folders, tmp_path / "out", real_data))
