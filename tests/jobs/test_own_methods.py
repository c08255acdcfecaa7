"""What becomes of the mistakes in a stylizer of somebody's own: one line that says what to mend."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from jobs import replay, stylize_folder
from stylize import stylizers
from stylize.commands import restyle
from stylize.errors import UsageError
from stylize.results.read import read_rows
from stylize.stylizers.base import Settings, Stylizer
from tests.support.samples import picture

RESULTS = {
    "content[:, ::2, ::2]": r"(3, 20, 30) of torch.float32",
    "content[:1]": r"(1, 40, 60) of torch.float32",
    "content[None]": r"(1, 3, 40, 60) of torch.float32",
    "(content * 255).to(torch.uint8)": r"(3, 40, 60) of torch.uint8",
    "content.numpy()": "ndarray",
    "None": "NoneType",
    "content.resize_(3, 20, 30)": r"(3, 20, 30) of torch.float32",
}
FILE = """
import datetime, enum, pathlib, sys
import pydantic
from stylize.stylizers.base import Settings
from stylize.stylizers.identity import Identity
class Kind(enum.Enum):
    SOFT = "soft"
    HARD = "hard"
class Odd(Settings):
    kind: Kind = Kind.SOFT
    when: datetime.date = datetime.date(2026, 1, 2)
    where: pathlib.Path = pathlib.Path("place")
    words: frozenset[str] = frozenset({"one"})
    table: dict[str, float] = pydantic.Field(default_factory=lambda: {"a": 1.0})
class Endless(Settings):
    most: float = float("inf")
class Bytes(Settings):
    raw: bytes = bytes([255])
class Own(Identity):
    name = "own"
class Rich(Own):
    settings_type = Odd
    def stylize(self, content, code): return content * 0 + (self.settings.kind is Kind.HARD)
class Limitless(Own):
    settings_type = Endless
class Raw(Own):
    settings_type = Bytes
class PerLayer(Settings):
    style_weight: tuple[float, ...] = (1.0, 0.5)
    alpha: str = "high"
    iterations: float = 1.5
    content_weight: int = 2
    seed: int = 3
class Layered(Own):
    settings_type = PerLayer
class Told(Own):
    def outcome(self): return {"content_loss": 0.123456, "mood": "calm", "none": None}
class Untold(Own):
    def outcome(self): raise ValueError("no losses")
class Unloadable(Own):
    def load(self, weights): sys.exit("no card, bye")
class Half(Own):
    def stylize(self, content, code): return content[:, ::2, ::2]
class Ending(Own):
    def encode_style(self, style): sys.exit()
    def worth_batching(self, pixels): return 4
class Interrupting(Ending):
    def encode_style(self, style): raise KeyboardInterrupt
class Closing(Own):
    def stylize(self, content, code): raise GeneratorExit("closed")
class Raising(Own):
    def stylize(self, content, code): raise ValueError("boom")
"""


class _Own(Stylizer):
    name = "own"
    result = "content"

    def encode_style(self, style: Tensor) -> Any:
        return None

    def stylize(self, content: Tensor, code: Any) -> Tensor:
        made: Tensor = eval(self.result, {"torch": torch, "content": content})
        return made


class _Batching(_Own):
    def worth_batching(self, pixels: int) -> int:
        return 4

    def stylize_batch(self, contents: Tensor, code: Any) -> Tensor:
        return contents[:1]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A photo and an artwork, and a module `own_methods` that can be imported."""
    (tmp_path / "own_methods.py").write_text(FILE)
    monkeypatch.delitem(sys.modules, "own_methods", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    paths = [tmp_path / name for name in ("photo.png", "artwork.png")]
    for seed, path in enumerate(paths):
        Image.fromarray(picture(seed)).save(path)
    return [str(path) for path in paths]


@pytest.mark.parametrize("result", RESULTS)
def test_a_result_that_is_no_picture_of_the_photos_size_is_refused(
    result: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Own, "result", result)
    with pytest.raises(UsageError) as caught:
        _Own(Settings()).stylize(torch.zeros(3, 40, 60), None)
    expected = "a float tensor of the photo's shape (3, 40, 60), in [0, 1]"
    assert str(caught.value) == f"own: stylize must return {expected}, and returned {RESULTS[result]}"


def test_a_batch_of_other_than_was_given_is_refused() -> None:
    photos = [np.zeros((4, 6, 3), np.uint8)] * 3
    with pytest.raises(UsageError, match=r"shape \(3, 3, 4, 6\), in \[0, 1\], and returned \(1, 3, 4, 6\)"):
        _Batching(Settings()).batch(photos, photos[0])


@pytest.mark.parametrize("result", ["content.half()", "content.double()"])
def test_another_kind_of_float_is_taken(result: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Own, "result", result)
    assert _Own(Settings()).stylize(torch.zeros(3, 4, 6), None).dtype == torch.float32


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("Unloadable", "SystemExit: no card, bye at "),
        ("Raising", "ValueError: boom at "),
        ("Untold", "ValueError: no losses at "),
        ("Closing", "GeneratorExit: closed at "),
    ],
)
def test_what_a_method_raises_is_one_line_of_the_command_that_restyles_one_image(
    files: list[str], tmp_path: Path, method: str, told: str
) -> None:
    name = f"own_methods:{method}"
    with pytest.raises(UsageError) as caught:
        restyle.main([*files, str(tmp_path / "r.png"), "--stylizer", name])
    line = FILE[: FILE.index(told.split(": ")[1].removesuffix(" at "))].count("\n") + 1
    assert str(caught.value) == f"stylizer {name!r}: {told}{tmp_path / 'own_methods.py'}:{line}"


def test_what_a_method_tells_in_place_of_losses_is_told(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    restyle.main([*files, str(tmp_path / "r.png"), "--stylizer", "own_methods:Told"])
    assert capsys.readouterr().out.splitlines()[-1] == "content_loss 0.1235, mood calm, none None"


def test_a_job_of_a_method_that_does_not_load_is_a_wrong_call(files: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="SystemExit: no card, bye at"):
        stylize_folder.run(files[0], files[1], str(tmp_path / "out"), stylizer="own_methods:Unloadable")


@pytest.mark.parametrize("own", ["__main__:Own", "__main__:"])
def test_a_class_of_a_script_or_notebook_is_a_wrong_call_of_a_job(files: list[str], tmp_path: Path, own: str) -> None:
    with pytest.raises(UsageError, match=r"stylizer: workers are other processes, .* put the class in a module"):
        stylize_folder.run(files[0], files[1], tmp_path / "out", stylizer=own)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("worker_here")
def test_a_setting_called_like_a_column_may_be_of_another_kind(files: list[str], tmp_path: Path) -> None:
    result = stylize_folder.run(files[0], files[1], tmp_path / "out", stylizer="own_methods:Layered")
    (row,) = read_rows(result.out).to_pylist()
    columns = ("style_weight", "alpha", "iterations", "content_weight")
    assert (row["status"], *(row[name] for name in columns)) == ("ok", None, None, None, 2)
    assert json.loads(row["settings_json"])["stylizer_settings"]["style_weight"] == [1.0, 0.5]


@pytest.mark.usefixtures("worker_here")
def test_a_result_of_another_size_is_a_failed_row_that_says_so(files: list[str], tmp_path: Path) -> None:
    result = stylize_folder.run(files[0], files[1], str(tmp_path / "out"), stylizer="own_methods:Half")
    (row,) = result.rows().to_dict("records")
    assert row["status"] == "failed"
    assert row["error"].startswith("own: stylize must return a float tensor of the photo's shape")


@pytest.mark.usefixtures("worker_here")
@pytest.mark.parametrize(("method", "told"), [("Ending", "SystemExit"), ("Interrupting", "KeyboardInterrupt")])
def test_a_method_that_ends_the_process_ends_its_row(files: list[str], tmp_path: Path, method: str, told: str) -> None:
    result = stylize_folder.run(files[0], files[1], str(tmp_path / "out"), stylizer=f"own_methods:{method}")
    (row,) = result.rows().to_dict("records")
    assert (row["status"], row["error"]) == ("failed", told)


def test_what_this_package_raises_is_left_as_it_is() -> None:
    with pytest.raises(UsageError, match=r"^as it is$"), stylizers.own_errors("own:Own"):
        raise UsageError("as it is")
    with pytest.raises(ValueError, match="a fault here"), stylizers.own_errors("compact"):
        raise ValueError("a fault here")


@pytest.mark.usefixtures("worker_here")
def test_a_second_run_and_a_replay_say_that_the_methods_code_has_changed(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    call = [files[0], files[1], out, "--stylizer", "own_methods:Half", "--progress", "plain"]
    told = "own_methods:Half: its code has changed since 1 row of OUT, which stays as made then; --redo does all again"
    (tmp_path / "own_methods.py").write_text(FILE.replace("[:, ::2, ::2]", ""))
    assert stylize_folder.main(call) == 0
    assert stylize_folder.main(call) == 0
    assert told not in "".join(capsys.readouterr())
    (tmp_path / "own_methods.py").write_text(FILE.replace("[:, ::2, ::2]", " / 2"))
    del sys.modules["own_methods"]
    for more in ([], ["--dry-run"]):
        assert stylize_folder.main([*call, *more]) == 0
        assert told in "".join(capsys.readouterr())
    task_id = read_rows(tmp_path / "out").column("task_id")[0].as_py()
    assert replay.main([out, task_id, "--trust-paths", "--stylizer", "own_methods:Half"]) == 3
    assert "        code of own_methods:Half: " in capsys.readouterr().out
    assert stylize_folder.main([*call, "--redo"]) == 0
    assert stylize_folder.main(call) == 0
    assert told not in "".join(capsys.readouterr())


def test_the_code_of_a_method_is_its_file_and_those_of_what_it_comes_from(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "derived_method.py").write_text("import own_methods\nclass Derived(own_methods.Own): ...\n")
    monkeypatch.delitem(sys.modules, "derived_method", raising=False)
    now = stylizers.own_code(["derived_method:Derived", "compact"])
    assert list(now) == ["derived_method:Derived"]
    (tmp_path / "own_methods.py").write_text(FILE + "\n")
    assert stylizers.own_code(now) != now


@pytest.mark.usefixtures("worker_here")
def test_settings_that_json_has_no_kind_for_stand_in_rows_and_are_read_again(files: list[str], tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    for usual in ({}, {"when": "2026-01-02", "table": {"a": 1}}):
        asked = {"kind": "hard", **usual}
        result = stylize_folder.run(files[0], files[1], out, stylizer="own_methods:Rich", settings=asked)
    (row,) = result.rows().to_dict("records")
    assert row["status"] == "ok"
    written = {"kind": "hard", "when": "2026-01-02", "where": "place", "words": ["one"], "table": {"a": 1.0}}
    assert json.loads(row["settings_json"])["stylizer_settings"] == written
    assert replay.main([out, row["task_id"], "--trust-paths", "--stylizer", "own_methods:Rich"]) == 0


@pytest.mark.parametrize(
    ("name", "why"),
    [("Limitless", "most: expected a number that has an end"), ("Raw", "settings that JSON cannot hold")],
)
def test_settings_that_no_row_can_hold_are_a_wrong_call(files: list[str], tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        stylize_folder.run(files[0], files[1], str(tmp_path / "out"), stylizer=f"own_methods:{name}")
