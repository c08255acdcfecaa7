"""`python -m stylize PHOTO ARTWORK RESULT`."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import stylize
from stylize import images
from stylize.__main__ import main
from stylize.errors import CannotContinueError, CorruptImageError, StylizeError, UnsupportedImageError, UsageError
from stylize.measure.ssim import ssim
from stylize.stylizers import identity
from stylize.stylizers.johnson import TransformerNet
from tests.support.samples import picture
from tests.support.torchvisions import networks


@pytest.fixture
def pair(tmp_path: Path) -> list[str]:
    """A photo of 64 x 48 px and an artwork."""
    paths = [tmp_path / "photo.png", tmp_path / "artwork.png"]
    for seed, path in enumerate(paths):
        path.write_bytes(images.encode(picture(seed), "png", 95))
    return list(map(str, paths))


def refused(argv: list[str], kind: type[StylizeError] = UsageError) -> str:
    """The one line that a call is refused with."""
    with pytest.raises(kind) as error:
        main(argv)
    line = str(error.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(("suffix", "kind"), [("jpg", "JPEG"), ("jpeg", "JPEG"), ("PNG", "PNG"), ("webp", "WEBP")])
def test_the_suffix_says_the_format(
    pair: list[str], tmp_path: Path, suffix: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    result = tmp_path / "new folder" / f"result.{suffix}"
    assert main([*pair, str(result), "--stylizer", "identity"]) == 0
    with Image.open(result) as image:
        assert image.format == kind
        assert image.size == (64, 48)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{result}: 64 x 48 px"
    assert lines[1].startswith("identity, fp32 on cpu")
    shown = ssim(images.decode(Path(pair[0]).read_bytes()).pixels, images.decode(result.read_bytes()).pixels)
    assert lines[1].endswith(f"SSIM {shown:.3f} against the photo")
    assert ": 0.00 s" not in lines[1]
    assert len(lines) == 2


@pytest.mark.parametrize(("name", "more", "told"), [("r.jpg", [], 1), ("r.jpg", ["--strip"], 0), ("r.png", [], 0)])
def test_transparency_that_jpeg_leaves_out_is_told(
    name: str, more: list[str], told: int, pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGBA", (64, 48), (255, 0, 0, 9)).save(pair[0])
    assert main([*pair, str(tmp_path / name), "--stylizer", "identity", *more]) == 0
    assert capsys.readouterr().out.count("transparency is left out, as JPEG has none: .png and .webp keep it") == told


def test_flags_may_stand_anywhere(pair: list[str], tmp_path: Path) -> None:
    result = tmp_path / "r.png"
    assert main([pair[0], "--resolution-px", "32", pair[1], "--set", "alpha=0.5", str(result)]) == 0
    with Image.open(result) as image:
        assert image.size == (32, 24)


def test_a_result_that_exists_is_replaced_by_force_alone(pair: list[str], tmp_path: Path) -> None:
    result = tmp_path / "r.png"
    result.write_bytes(b"old")
    assert "--force" in refused([*pair, str(result)])
    assert result.read_bytes() == b"old"
    assert main([*pair, str(result), "--force"]) == 0
    assert result.read_bytes() != b"old"


def test_the_command_does_what_the_library_does(pair: list[str], tmp_path: Path) -> None:
    main([*pair, str(tmp_path / "r.png"), "--precision", "fp32"])
    with Image.open(tmp_path / "r.png") as image:
        expected = stylize.load(precision="fp32")(picture(0), picture(1))
        assert image.tobytes() == expected.tobytes()


def test_shares_of_several_artworks_count(pair: list[str], tmp_path: Path) -> None:
    photo, artwork = pair
    made = []
    for artworks, more in (
        ([artwork], []),
        ([artwork, photo], ["--style-weights", "1,0"]),
        ([artwork, photo], ["--style-weights", "1,3"]),
        ([artwork, photo], []),
    ):
        assert main([photo, *artworks, str(tmp_path / "r.png"), "--force", *more]) == 0
        made.append(images.decode((tmp_path / "r.png").read_bytes()).pixels.tobytes())
    assert made[0] == made[1]
    assert len(set(made)) == 3


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--stylizer", "nosuch"], "known: adain, compact"),
        (["--stylizer", "microast"], "microast needs --weights"),
        (["--stylizer", "adain", "--weights", "nowhere"], "nowhere: no such folder"),
        (["--set", "wings=2"], "compact: unknown setting 'wings'; known: "),
        (["--set", "wings"], "expected NAME=VALUE"),
        (["--set", "alpha=7"], "compact: alpha: expected 1 or less"),
        (["--quality", "0"], "quality: expected 1 or more"),
        (["--resolution-px", "wide"], "--resolution-px: expected a whole number"),
        (["--style-weights", "1,2"], "2 for 1 artwork; give"),
        (["--style-weights", "one"], "such as 1,2"),
        (["--style-weights", "-1"], "such as 1,2"),
        (["--style-weights", "1", "--stylizer", "identity"], "methods that mix: adain, compact"),
        (["--precision", "bf16", "--stylizer", "identity"], "choose one of: fp32"),
        (["--precision", "fp16", "--device", "cpu"], "choose one of: fp32, bf16, int8"),
        (["--precision", "int8", "--set", "channels_last=false"], "for torch, not for int8"),
    ],
)
def test_a_wrong_flag_is_refused_in_one_line(pair: list[str], tmp_path: Path, more: list[str], said: str) -> None:
    more = [f"{more[0]}={more[1]}", *more[2:]]  # a value may begin with a dash
    assert said in refused([*pair, str(tmp_path / "r.png"), *more])
    assert not (tmp_path / "r.png").exists()


def test_wrong_paths_are_refused_in_one_line(pair: list[str], tmp_path: Path) -> None:
    result = str(tmp_path / "r.png")
    assert "got 2 paths; RESULT is missing" in refused(pair)
    assert "johnson" not in refused(pair)
    assert "johnson's ARTWORK is a checkpoint" in refused([*pair, "--stylizer", "johnson"])
    assert "one of .jpg" in refused([*pair, str(tmp_path / "r.gif")])
    assert "one of the inputs" in refused([*pair, pair[0]])
    (tmp_path / "link.png").symlink_to(pair[1])
    assert "one of the inputs" in refused([*pair, str(tmp_path / "link.png")])
    (tmp_path / "folder.png").mkdir()
    assert "is a folder" in refused([*pair, str(tmp_path / "folder.png")])
    assert "photo.png is no folder" in refused([*pair, f"{pair[0]}/r.png"])
    assert "no such file" in refused(["nowhere.jpg", pair[1], result], CorruptImageError)
    assert "expected a path, got an empty text" in refused(["", pair[1], result])
    assert "expected a path, got an empty text" in refused([*pair, ""])
    assert "a name of more than 255 bytes" in refused([*pair, str(tmp_path / f"{'x' * 252}.jpg")])
    (loop := tmp_path / "loop").symlink_to(loop)
    assert "leads back to itself" in refused([str(loop), pair[1], result], CorruptImageError)
    assert "with a NUL character in it" in refused([pair[0], "nul\0.jpg", result])
    assert "loop is no folder" in refused([*pair, f"{loop}/r.png"])
    assert "http:// is not supported" in refused(["http://a/b.jpg", pair[1], result])
    assert "takes one ARTWORK" in refused([*pair, pair[1], result, "--stylizer", "identity"])


def test_a_file_that_is_no_image_is_named(pair: list[str], tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("no image")
    said = refused([pair[0], str(tmp_path / "notes.jpg"), str(tmp_path / "r.png")], CorruptImageError)
    assert said == f"{tmp_path / 'notes.jpg'}: not an image that can be read"
    assert "raise --max-pixels" in refused([*pair, str(tmp_path / "r.png"), "--max-pixels", "9"], UnsupportedImageError)


def test_a_photo_too_small_for_the_method_is_refused(pair: list[str], tmp_path: Path) -> None:
    argv = [*pair, str(tmp_path / "r.png"), "--stylizer", "adain", "--weights", "random", "--resolution-px", "8"]
    assert "adain needs 16 px a side" in refused(argv, UnsupportedImageError)


def test_nan_is_one_line_and_no_result(pair: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: identity.Identity, content: Tensor, code: None) -> Tensor:
        return content * float("nan")

    monkeypatch.setattr(identity.Identity, "stylize", broken)
    assert "NaN" in refused([*pair, str(tmp_path / "r.png"), "--stylizer", "identity"], CannotContinueError)
    assert not (tmp_path / "r.png").exists()


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_memory_that_runs_out_is_one_line(
    pair: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def greedy(self: identity.Identity, content: Tensor, code: None) -> Tensor:
        raise error

    monkeypatch.setattr(identity.Identity, "stylize", greedy)
    said = refused([*pair, str(tmp_path / "r.png"), "--stylizer", "identity"], CannotContinueError)
    assert said.endswith("(--max-memory, --resolution-px)")


def test_ctrl_c_says_that_nothing_was_written(
    pair: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(self: identity.Identity, content: Tensor, code: None) -> Tensor:
        raise KeyboardInterrupt

    monkeypatch.setattr(identity.Identity, "stylize", stopped)
    assert main([*pair, str(tmp_path / "r.png"), "--stylizer", "identity"]) == 130
    assert capsys.readouterr().err == "interrupted: nothing was written\n"


def test_a_johnson_style_is_a_checkpoint_or_its_name(pair: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "styles"
    folder.mkdir()
    torch.manual_seed(1)
    state = io.BytesIO()
    torch.save(TransformerNet().state_dict(), state)
    (folder / "mosaic.pth").write_bytes(state.getvalue())
    flags = ["--stylizer", "johnson", "--precision", "fp32"]
    by_file, by_name = tmp_path / "file.png", tmp_path / "name.png"
    assert main([pair[0], str(folder / "mosaic.pth"), str(by_file), *flags]) == 0
    assert main([pair[0], "mosaic", str(by_name), *flags, "--weights", str(folder)]) == 0
    file, name = (images.decode(path.read_bytes()).pixels for path in (by_file, by_name))
    assert np.array_equal(file, name)
    with Image.open(by_file) as result:
        sha256 = hashlib.sha256(state.getvalue()).hexdigest()
        assert json.loads(result.info["Comment"])["weights_sha256"] == sha256
    assert "its styles: mosaic" in refused(
        [pair[0], "wave", str(tmp_path / "new.png"), *flags, "--weights", str(folder)]
    )
    assert "not a weights file" in refused([*pair, str(tmp_path / "new.png"), *flags])


def test_random_weights_are_called_so(pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([pair[0], "any", str(tmp_path / "r.png"), "--stylizer", "johnson", "--weights", "random"]) == 0
    assert "untrained weights" in capsys.readouterr().out


def test_gatys_prints_its_losses_and_no_bar_off_a_terminal(
    pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(networks().squeezenet1_1(weights=None).state_dict(), weights := tmp_path / "squeezenet.pth")
    flags = ["--stylizer", "gatys", "--weights", str(weights), "--precision", "fp32", "--set", "iterations=2"]
    flags += ["--set", "backbone=squeezenet1_1"]
    assert main([*pair, str(tmp_path / "r.png"), *flags]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.splitlines()[2].startswith("content_loss ")


def test_microast_restyles_with_the_published_weights(pair: list[str], tmp_path: Path, real_data: Path) -> None:
    weights = str(real_data / "weights" / "microast")
    assert main([*pair, str(tmp_path / "r.jpg"), "--stylizer", "microast", "--weights", weights]) == 0


def test_a_wrong_call_exits_with_2_and_no_traceback() -> None:
    call = [sys.executable, "-m", "stylize", "nowhere.jpg", "nowhere.jpg", "r.gif"]  # known before torch is loaded
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    said = "error: RESULT r.gif: its suffix says the format; give one of .jpg, .jpeg, .png, .webp\n"
    assert done.stderr == said


def test_folders_are_another_commands(tmp_path: Path) -> None:
    folders = [str(tmp_path), str(tmp_path), str(tmp_path / "out")]
    assert f"is a folder; for folders: stylize-folder {' '.join(folders)}" in refused(folders)
    assert "for folders: stylize-folder CONTENT STYLES OUT" in refused(folders[:2])
    assert "for folders: stylize-folder CONTENT STYLES OUT" in refused([*folders[:2], "r.jpg"])
    (tmp_path / "photo.jpg").touch()
    call = [str(tmp_path / "photo.jpg"), str(tmp_path), "r.jpg"]
    assert f"ARTWORK {tmp_path} is a folder; for folders: stylize-folder CONTENT" in refused(call)


def test_a_result_keeps_what_the_photo_carried_and_says_what_made_it(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[272], exif[274] = "Phone 7", 6
    Image.fromarray(picture(1)).convert("LA").save(tmp_path / "photo.png", exif=exif, dpi=(300, 300))
    (tmp_path / "artwork.png").write_bytes(images.encode(picture(2), "png", 95))
    call = [str(tmp_path / "photo.png"), str(tmp_path / "artwork.png"), "--stylizer", "identity"]
    assert main([*call, str(tmp_path / "kept.jpg")]) == 0
    assert main([*call, str(tmp_path / "bare.jpg"), "--strip"]) == 0
    with Image.open(tmp_path / "kept.jpg") as kept, Image.open(tmp_path / "bare.jpg") as bare:
        assert kept.getexif()[272] == "Phone 7"
        assert kept.getexif()[274] == 1
        assert set(bare.getexif()) == {305, 0x8769}
        for result in (kept, bare):
            assert result.getexif()[305] == f"stylize {stylize.__version__} (identity)"
            details = json.loads(result.getexif().get_ifd(0x8769)[0x9286][8:])
            assert details["content_sha256"] == hashlib.sha256((tmp_path / "photo.png").read_bytes()).hexdigest()
            assert details["style_sha256"] == hashlib.sha256((tmp_path / "artwork.png").read_bytes()).hexdigest()
