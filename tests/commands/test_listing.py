"""`python -m stylize list`."""

from __future__ import annotations

import enum
from pathlib import Path

import pytest
import torch
from pydantic import Field

import stylize
from stylize.__main__ import main
from stylize.commands import listing
from stylize.errors import UsageError
from stylize.stylizers.base import Settings


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of torchvision's cache."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_every_method_is_listed_in_120_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert all(f"│ {name} " in out for name in stylize.names())
    assert "ships with it" in out
    assert "none needed" in out
    assert max(map(len, out.splitlines())) <= 120


def test_backbones_say_whether_the_cache_has_their_weights(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cache / "vgg16-397923af.pth").touch()
    main(["list", "gatys"])
    out = capsys.readouterr().out
    assert "vgg16: yes" in out
    assert "vgg19: no" in out
    assert "vgg16-397923af.pth: yes" in out


def test_settings_have_defaults_and_layers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "gatys"]) == 0
    out = capsys.readouterr().out
    assert "│ iterations       │ 120 " in out
    assert "lbfgs (or adam)" in out
    assert "layer2.3" in out
    assert main(["list", "identity"]) == 0
    assert "no settings" in capsys.readouterr().out


def test_weights_say_who_can_use_them(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "microast", "--weights", str(real_data / "weights" / "microast")]) == 0
    assert "│ yes " in capsys.readouterr().out
    assert main(["list", "compact", "--weights", str(real_data / "weights" / "microast")]) == 0
    assert "no: is a folder" in capsys.readouterr().out


def test_a_path_that_is_not_there_and_an_unknown_method_are_refused() -> None:
    with pytest.raises(UsageError, match="no such file or folder: nowhere"):
        main(["list", "--weights", "nowhere"])
    with pytest.raises(UsageError, match="known: adain, compact"):
        main(["list", "nosuch"])


def test_defaults_of_any_kind_are_told_as_they_may_be_given() -> None:
    class Kind(enum.Enum):
        SOFT = "soft"
        HARD = "hard"

    class Odd(Settings):
        needed: int
        kind: Kind = Kind.SOFT
        table: dict[str, float] = Field(default_factory=lambda: {"a": 1.0})

    told = [listing._default(field) for field in Odd.model_fields.values()]
    assert told == ["none: it must be given", "soft (or hard)", "{'a': 1.0}"]
