"""What a wrong call of restyling one image says before anything heavy is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylize.commands.call import parse
from stylize.errors import UsageError


@pytest.mark.parametrize(
    ("words", "role"),
    [
        (["s3://b/a.jpg", "PATH", "r.jpg"], "PHOTO"),
        (["PATH", "gs://b/a.jpg", "r.jpg"], "ARTWORK"),
        (["PATH", "PATH", "s3://b/r.jpg"], "RESULT"),
        (["PATH", "PATH", "r.jpg", "--weights", "s3://b/w.pth"], "--weights"),
    ],
)
def test_an_object_store_is_refused_by_the_name_of_what_cannot_be_there(
    words: list[str], role: str, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").touch()
    with pytest.raises(UsageError, match=rf"^{role}: (s3|gs)://: no object store will do here; give a"):
        parse([str(tmp_path / "a.jpg") if word == "PATH" else word for word in words])


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["veiw", "OUT", "--port", "8000"], "view"), (["lst"], "list"), (["exprot", "compact", "x.onnx"], "export"),
        (["doctr"], "doctor"), (["do-ctor"], "doctor"),
    ],
)  # fmt: skip
def test_a_mistyped_command_is_asked_after_and_a_file_of_its_name_is_a_photo(
    words: list[str], meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=rf"^no such file: {words[0]}; did you mean `stylize {meant}`\?"):
        parse(words)
    (tmp_path / words[0]).touch()
    with pytest.raises(UsageError, match="got 1 path"):
        parse(words[:1])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--force", "lst"], "no such file: lst; did you mean `stylize list`?"),
        (["--device", "cpu", "list"], "no such file: list; the command comes first: stylize list"),
        (["--force", "doctor", "x"], "no such file: doctor; the command comes first: stylize doctor"),
    ],
)
def test_a_command_behind_options_is_told_to_come_first(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as raised:
        parse(words)
    assert str(raised.value).startswith(told)
