"""`python -m stylize doctor`."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from stylize.__main__ import main
from stylize.commands import doctor
from stylize.errors import WeightsError
from stylize.stylizers.compact import Compact


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PATIENCE_S", 0)
    monkeypatch.setattr(doctor, "LEAST_RUNS", 1)


def without(monkeypatch: pytest.MonkeyPatch, *checks: str) -> None:
    """Leave these checks out, as they take their time."""
    for name in checks:
        monkeypatch.setattr(doctor, name, lambda: iter([]))


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What was printed; each line says how it stands."""
    printed = capsys.readouterr().out
    assert {line.split()[0] for line in printed.splitlines()} <= {"ok", "warn", "no"}
    return printed.splitlines()


def test_a_cards_time_is_no_0_ms() -> None:
    assert [doctor._time(one) for one in (0.4213, 9.96, 123.4)] == ["0.42 ms", "10 ms", "123 ms"]


def test_a_bundled_model_that_is_gone_is_exit_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(self: Compact, weights: Any) -> None:
        raise WeightsError("compact.safetensors: no such file")

    monkeypatch.setattr(Compact, "load", load)
    assert main(["doctor"]) == 1
    assert any(line.startswith("no    the bundled model does not run: compact.safetensors") for line in lines(capsys))


def test_what_is_missing_is_said_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ray" else found(name))
    monkeypatch.setattr(metadata, "requires", lambda package: ["numpy", "torch==1.0.0"])
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    without(monkeypatch, "_precisions", "_runtimes")
    monkeypatch.setattr(doctor, "FREE_BYTES", 2**60)
    assert main(["doctor"]) == 0
    text = "\n".join(lines(capsys))
    assert "warn  ray is missing; only the jobs for folders need it: pip install 'stylize[jobs]'" in text
    assert "asks for torch==1.0.0; gatys needs the release for this torch" in text
    assert "install this Python's development files" in text or "compile needs a C++ compiler" in text
    assert "free some" in text


def test_without_torch_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(doctor, "_bundled", lambda: iter([("no", "")]))
    without(monkeypatch, "_machine", "_accelerators", "_precisions", "_compiler", "_cached", "_disk")
    assert main(["doctor"]) == 1
    (needed,) = (one for one in metadata.requires("stylize") or [] if one.startswith("torch>="))
    assert any(line.startswith("no    torch does not import") and needed in line for line in lines(capsys))


def test_weights_that_are_not_here_are_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without(monkeypatch, "_precisions", "_runtimes")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / "vgg16-397923af.pth").touch()
    assert main(["doctor"]) == 0
    told = [line for line in lines(capsys) if "for gatys" in line]
    assert [line[:22] for line in told] == ["ok    weights of vgg16", "warn  no weights of vg"]
    assert "vgg19, mobilenet_v2" in told[1]
