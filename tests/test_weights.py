"""Weights from files of unknown origin: read whole, told apart, never run."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from stylize import weights
from stylize.errors import WeightsError

EXPECTED = "weights of the tiny network"
TENSORS = {"0.weight": torch.arange(6.0).view(2, 3), "0.bias": torch.ones(2)}


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 2))


def state(tensors: dict[str, Tensor]) -> weights.State:
    return weights.State(Path("tiny.pth"), tensors, "0" * 64)


def line(call: Callable[[], object], named: str) -> str:
    """The one line of the error that a call raises, which names the file and what was expected."""
    with pytest.raises(WeightsError) as caught:
        call()
    message = str(caught.value)
    assert named in message
    assert message.endswith(f"; expected {EXPECTED}") or message.endswith(f"; expected a file with {EXPECTED}")
    assert "\n" not in message
    return message


def saved(content: object) -> bytes:
    """What torch.save writes."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def zipped(*names: str) -> bytes:
    """A zip archive of small files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"N.")
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["a.pth", "a.pt", "a.model", "a.pth.tar", "a.ckpt", "a.safetensors", "A.SAFETENSORS"])
def test_tensors_and_hash_of_a_file_are_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    save_file(TENSORS, path) if path.suffix.lower() == ".safetensors" else torch.save(TENSORS, path)
    found = weights.read(path, EXPECTED)
    assert found.path == path
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.tensors.keys() == TENSORS.keys()
    assert all(torch.equal(found.tensors[key], TENSORS[key]) for key in TENSORS)


def test_bytes_are_read_as_the_file_they_came_from(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save(TENSORS, path)
    data = path.read_bytes()
    path.unlink()
    assert weights.parse(data, path, EXPECTED).tensors.keys() == TENSORS.keys()


def test_state_dict_of_a_training_checkpoint_is_found(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "state_dict": TENSORS}, tmp_path / "a.pth")
    assert weights.read(tmp_path / "a.pth", EXPECTED).tensors.keys() == TENSORS.keys()


@pytest.mark.parametrize("name", ["state_dict", "model", "model_state_dict", "net", "params", "params_ema", "netG"])
def test_tensors_are_found_under_the_names_that_programs_keep_them(tmp_path: Path, name: str) -> None:
    kept: dict[str, object] = {"epoch": 3, "optimizer": {"lr": 1.0}, name: TENSORS}
    for content in (kept, {"model": kept}):
        torch.save(content, tmp_path / "a.pth")
        assert weights.read(tmp_path / "a.pth", EXPECTED).tensors.keys() == TENSORS.keys()


@pytest.mark.parametrize(
    "before",
    [
        "module.",
        "_orig_mod.",
        "model.",
        "net.",
        "module._orig_mod.",
        "_orig_mod.model.",
        "net.module.net.",
        "netG.",
        "student.decoder.",
    ],
)
def test_what_programs_put_before_names_is_taken_away_until_they_fit(before: str) -> None:
    tiny = net()
    weights.fill(tiny, state({before + name: value for name, value in TENSORS.items()}), EXPECTED)
    assert all(torch.equal(value, TENSORS[key]) for key, value in tiny.state_dict().items())


def test_no_more_is_taken_away_than_makes_the_names_fit() -> None:
    inner = nn.ModuleDict({"net": net()})
    tensors = {f"model.net.{name}": value for name, value in TENSORS.items()}
    weights.fill(inner, state(tensors), EXPECTED)
    # A part that was compiled has it between its names.
    weights.fill(inner, state({f"net._orig_mod.{name}": value for name, value in TENSORS.items()}), EXPECTED)
    assert "holds no 0.weight" in line(
        lambda: weights.fill(net(), state({f"{key}.{key}": value for key, value in TENSORS.items()}), EXPECTED),
        "tiny.pth",
    )


def test_a_file_is_found_as_training_programs_call_it(tmp_path: Path) -> None:
    names = ("decoder_iter_9000.pth.tar", "Decoder_iter_160000.pth.tar", "decoder_iter_160001.txt", "decoders.pth")
    for name in names:
        (tmp_path / name).touch()
    assert weights.file_like(tmp_path, "decoder.pth").name == "Decoder_iter_160000.pth.tar"
    assert weights.file_like(tmp_path, "encoder.pth") == tmp_path / "encoder.pth"
    (tmp_path / "decoder.pth").touch()
    assert weights.file_like(tmp_path, "decoder.pth").name == "decoder.pth"
    for name in ("encoder-a.pth", "encoder-b.pth"):
        (tmp_path / name).touch()
    with pytest.raises(WeightsError, match=r"encoder-a\.pth, encoder-b\.pth could each be encoder\.pth"):
        weights.file_like(tmp_path, "encoder.pth")


@pytest.mark.parametrize(
    "name",
    ["content_encoder.pth", "content_encoder_iter_9000.pth.tar", "Content-Encoder.safetensors", "contentEncoder.pt"],
)
def test_a_file_with_a_number_of_its_own_is_found_by_others(tmp_path: Path, name: str) -> None:
    for other in (name, "encoder.pth", "content_encoders.pth"):
        (tmp_path / other).touch()
    assert weights.file_like(tmp_path, "content_encoder_iter_160000.pth.tar").name == name


def test_files_of_before_the_zip_format_are_read(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    assert torch.equal(weights.read(tmp_path / "a.pth", EXPECTED).tensors["0.bias"], TENSORS["0.bias"])


@pytest.mark.parametrize(
    "content",
    [[torch.ones(1)], torch.ones(1), {"0.weight": 3}, {**TENSORS, "epoch": 3}, {0: torch.ones(1)}, None],
    ids=["list", "tensor", "numbers", "number", "numbered", "none"],
)
def test_what_is_no_plain_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "a.pth"
    torch.save(content, path)
    assert "no plain state dict" in line(lambda: weights.read(path, EXPECTED), "a.pth")


def test_several_state_dicts_are_named(tmp_path: Path) -> None:
    torch.save({"mine": TENSORS, "yours": TENSORS, "epoch": torch.ones(2)}, tmp_path / "a.pth")
    told = "holds several state dicts (mine, yours); write the one that is wanted into its own file"
    assert told in line(lambda: weights.read(tmp_path / "a.pth", EXPECTED), "a.pth")


def test_a_file_is_read_by_what_it_holds_whatever_it_is_called(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "a.pth")
    torch.save(TENSORS, tmp_path / "a.safetensors")
    torch.save(TENSORS, tmp_path / "old.safetensors", _use_new_zipfile_serialization=False)
    for name in ("a.pth", "a.safetensors", "old.safetensors"):
        assert torch.equal(weights.read(tmp_path / name, EXPECTED).tensors["0.bias"], TENSORS["0.bias"])


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "an empty file; copy or download it again; "),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "; get that with `git lfs pull`; "),
        (b"\n<!DOCTYPE html>\n<html>\n", "a web page that was saved in place of the file; download it again; "),
        (saved(TENSORS)[:-100], "cut short or damaged; copy or download it again; "),
        (zipped("saved_models/candy.pth"), "packed by zip; unpack it first; "),
        (zipped("code/__torch__.py", "constants.pkl", "data.pkl"), "torch.save(torch.jit.load(OLD).state_dict(), NEW)"),
        (saved(nn.Linear(1, 1)), "could run code; write its tensors alone: torch.save(network.state_dict(), FILE); "),
    ],
    ids=["empty", "LFS", "page", "cut", "zip", "TorchScript", "module"],
)
def test_what_a_file_is_instead_and_what_to_do_is_told(tmp_path: Path, name: str, data: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(data)
    assert told in line(lambda: weights.read(tmp_path / name, EXPECTED), name)


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize("data", [b"", b"\0", b"<!DOCTYPE html>\n<html>\n", b"PK\x03\x04", bytes(range(256)) * 9])
def test_what_is_no_weights_file_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    line(lambda: weights.read(tmp_path / name, EXPECTED), name)


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize("pack", [bz2.compress, gzip.compress, lzma.compress])
def test_a_packed_file_is_called_so(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    (tmp_path / name).write_bytes(pack(bytes(100)))
    assert "; unpack it first; " in line(lambda: weights.read(tmp_path / name, EXPECTED), f"{name}: packed by ")


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_every_truncation_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    save_file(TENSORS, path) if path.suffix == ".safetensors" else torch.save(TENSORS, path)
    data = path.read_bytes()
    for end in range(0, len(data), 23):
        line(lambda end=end: weights.parse(data[:end], path, EXPECTED), name)  # type: ignore[misc]


def test_missing_file_and_folder_are_told_apart(tmp_path: Path) -> None:
    assert "no such file" in line(lambda: weights.read(tmp_path / "gone.pth", EXPECTED), "gone.pth")
    assert "is a folder" in line(lambda: weights.read(tmp_path, EXPECTED), tmp_path.name)


def test_name_renamed_to_none_is_left_out() -> None:
    renamed = state(TENSORS).renamed(lambda name: name.replace("0.", "net.") if "weight" in name else None)
    assert list(renamed.tensors) == ["net.weight"]


def test_network_is_filled_whatever_the_files_precision() -> None:
    tiny = net()
    weights.fill(tiny, state({key: value.half() for key, value in TENSORS.items()}), EXPECTED)
    assert all(torch.equal(value, TENSORS[key]) for key, value in tiny.state_dict().items())
    assert tiny[0].weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"0.bias": None}, "holds no 0.bias;"),
        ({"0.bias": None, "0.shift": torch.ones(2)}, "holds no 0.bias, but 0.shift;"),
        ({"0.bias": torch.ones(3)}, "0.bias is (3,), not (2,)"),
        ({"0.weight": torch.ones(3, 2)}, "0.weight is (3, 2), not (2, 3)"),
        ({"0.bias": torch.tensor([1, float("nan")])}, "0.bias holds NaN or infinity"),
        ({"0.bias": torch.tensor([1, float("inf")])}, "0.bias holds NaN or infinity"),
        ({"1.bias": torch.ones(2)}, "1.bias, which is not part of it"),
    ],
)
def test_tensor_that_does_not_fit_is_named_and_nothing_filled(change: dict[str, Tensor | None], named: str) -> None:
    tiny = net()
    before = {key: value.clone() for key, value in tiny.state_dict().items()}
    tensors = {key: value for key, value in (TENSORS | change).items() if value is not None}
    message = line(lambda: weights.fill(tiny, state(tensors), EXPECTED), "tiny.pth")
    assert named in message
    assert all(torch.equal(value, before[key]) for key, value in tiny.state_dict().items())


@pytest.mark.parametrize("kind", [nn.Linear, nn.Embedding, nn.LSTM, lambda a, b: nn.Conv2d(a, b, 3)])
def test_a_network_that_is_to_be_filled_draws_no_random_numbers(kind: Callable[..., nn.Module]) -> None:
    before = torch.get_rng_state()
    with weights.unfilled():
        hollow = kind(2, 2)
    assert torch.equal(torch.get_rng_state(), before)
    with weights.unfilled(False):
        whole = kind(2, 2)
    assert not torch.equal(torch.get_rng_state(), before)
    weights.fill(hollow, state(whole.state_dict()), EXPECTED)
    assert all(torch.equal(value, whole.state_dict()[name]) for name, value in hollow.state_dict().items())


def test_hash_of_several_files_is_that_of_what_sha256sum_prints() -> None:
    states = [weights.State(Path("in") / name, {}, digit * 64) for name, digit in (("b.pth", "1"), ("a.pth", "2"))]
    printed = f"{'2' * 64}  a.pth\n{'1' * 64}  b.pth\n"
    assert weights.together(states) == hashlib.sha256(printed.encode()).hexdigest()
    assert weights.together(states) == weights.together(states[::-1])


def test_hash_of_one_file_is_its_own() -> None:
    buffer = io.BytesIO()
    torch.save(TENSORS, buffer)
    one = weights.parse(buffer.getvalue(), Path("a.pth"), EXPECTED)
    assert weights.together([one]) == hashlib.sha256(buffer.getvalue()).hexdigest()
