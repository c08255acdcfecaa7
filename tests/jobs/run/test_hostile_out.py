"""Every command that reads an OUT, on OUTs of somebody who means harm."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import save

from jobs import benchmark, replay, stylize_folder, summarize
from jobs.run.output_dir import OutputDir
from jobs.run.result import summarized
from stylize import cli
from stylize.__main__ import main as stylize_main
from stylize.errors import CannotContinueError
from stylize.io import object_store
from stylize.results.output_lock import OutputLock
from tests.support.hostile_out import CASES, EVIL, ROWS, SECRET_PX, plain
from tests.support.made_rows import row

Main = Callable[[Sequence[str]], int]
TASK_ID = row(0)["task_id"]


def summary(words: Sequence[str]) -> int:
    """What a run does at its end."""
    summarized(OutputDir(words[0], Path(words[0]), ""), "r", {"ok": 5, "failed": 1})
    return 0


COMMANDS: dict[str, tuple[Main, list[str]]] = {
    "report": (summarize.main, ["OUT", "--out", "BESIDE/report"]),
    "compare": (summarize.main, ["--compare", "OUT", "OUT", "--out", "BESIDE/compared"]),
    "replay": (replay.main, ["OUT", TASK_ID]),
    "replay trusted": (replay.main, ["OUT", TASK_ID, "--trust-paths"]),
    "replay anew": (replay.main, ["OUT", TASK_ID, "--content", "BESIDE/photo.jpg", "--style", "BESIDE/photo.jpg"]),
    "resume": (stylize_folder.main, ["BESIDE/in", "BESIDE/in", "OUT", "--stylizer", "identity", "--dry-run"]),
    "again": (stylize_folder.main, ["--config", "OUT/run.json", "--dry-run"]),
    "again trusted": (stylize_folder.main, ["BESIDE/in", "BESIDE/in", "BESIDE/new", "--config", "OUT/run.json",
                                            "--trust-paths", "--dry-run"]),
    "estimate": (benchmark.main, ["BESIDE/sweep.yaml", "BESIDE/new", "--dry-run", "--from", "OUT"]),
    "sweep": (benchmark.main, ["OUT/sweep.yaml", "BESIDE/new", "--dry-run"]),
    "summary": (summary, ["OUT"]),
    "resumed sweep": (benchmark.main, ["BESIDE/sweep.yaml", "OUT", "--dry-run"]),
}  # fmt: skip

LOOKED_AT = {
    "report": {"images", "rows", "run.json"},
    "compare": {"rows"},
    "replay": {"rows", "run.json"},
    "replay trusted": {"images", "rows", "run.json"},
    "replay anew": {"images", "rows", "run.json"},
    "resume": {"images", "rows", "run.json"},
    "again": {"run.json"},
    "again trusted": {"run.json"},
    "estimate": {"rows"},
    "sweep": {"sweep.yaml"},
    "summary": {"rows", "summary.md"},
    "resumed sweep": {"rows", "run.json"},
}
"""What of OUT each command reads or replaces, as the test of the plain one finds: where a case changes nothing of it,
the command does what it does there."""


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A plain OUT, whose photos' folder has a module that nobody may import and a store that nobody may ask."""
    out = plain(tmp_path / "beside" / "out")
    # Whoever does so leaves a mark: what they raise may become a line or a row.
    (out.parent / "evil_module.py").write_text(f"open({str(out.parent / 'it ran')!r}, 'w')")
    (out.parent / "in").mkdir()
    (out.parent / "in" / "photo.jpg").write_bytes((out.parent / "photo.jpg").read_bytes())
    sweep = yaml.safe_load((out / "sweep.yaml").read_text()) | {"content": "in", "styles": "in"}
    (out.parent / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    monkeypatch.chdir(out.parent)
    monkeypatch.syspath_prepend(str(out.parent))

    asked: list[object] = []

    def ask(*args: object) -> None:
        asked.append(args)
        pytest.fail(f"a store was asked: {args}")

    for name in ("read", "head", "names", "fetch"):
        monkeypatch.setattr(object_store, name, ask)
    yield out
    assert not asked
    assert not (out.parent / "it ran").exists()


def call(main: Main, words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command as its own process would; its exit status. What it does not expect fails the test."""
    monkeypatch.setattr(sys, "argv", ["command", *words])
    with pytest.raises(SystemExit) as ended:
        cli.run(main)
    assert isinstance(ended.value.code, int), ended.value.code
    return ended.value.code


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_out_is_read_and_nothing_of_it_is_obeyed(
    out: Path, name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    before = entries(out)
    CASES[name](out)
    changed = {one[0] for one in before ^ entries(out)}
    assert changed
    commands = {called: command for called, command in COMMANDS.items() if LOOKED_AT[called] & changed}
    if name.endswith("and others"):
        for number in range(1, ROWS):
            for called in ("replay", "replay trusted", "replay anew"):
                main, words = COMMANDS[called]
                theirs = [word.replace(TASK_ID, row(number)["task_id"]) for word in words]
                commands[f"{called} {number}"] = main, theirs
    for called, (main, words) in commands.items():
        here = [word.replace("OUT", str(out)).replace("BESIDE", str(out.parent)) for word in words]
        status = call(main, here, monkeypatch)
        said, errors = capfd.readouterr()
        told = f"{called}: {said[-2000:]}{errors[-2000:]}"
        assert status in (0, 1, 2, 3), told
        assert [one for one in said + errors if not one.isprintable() and one != "\n"] == [], told
        assert "Traceback" not in said + errors, told
        assert len(said + errors) < 200_000, told[:500]
        if status in (1, 2):
            assert len(errors.splitlines()) == 1, told
    assert (out.parent / "kept.txt").read_text() == "kept"
    assert SECRET_PX not in shown_in(out.parent / "report")
    for text in (*out.parent.glob("*/summary.md"), *out.parent.glob("compared/*.txt")):
        assert [one for one in text.read_text() if not one.isprintable() and one != "\n"] == []


def test_a_plain_out_is_read(out: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """So that the statuses above mean something, and no command is left out of what it might stumble at."""
    told, looked_at = {}, {}
    for called, (main, words) in COMMANDS.items():
        here = [word.replace("OUT", str(out)).replace("BESIDE", str(out.parent)) for word in words]
        with watched(out) as seen:
            told[called] = call(main, here, monkeypatch), capfd.readouterr()
        looked_at[called] = {name for name in seen if not name.startswith(".")} - LOOKED_AT[called]
    assert not any(looked_at.values()), looked_at
    # Without the photos' folder: it lies outside of OUT. A comparison needs more pairs.
    assert {called for called, (status, _) in told.items() if status == 2} == {"replay", "again", "compare"}, told
    assert shown_in(out.parent / "report")


@pytest.mark.parametrize("name", [".lock", "summary.md"])
def test_what_a_run_writes_goes_through_no_link(out: Path, name: str) -> None:
    (out / name).symlink_to(out.parent / "kept.txt")
    with contextlib.suppress(CannotContinueError), OutputLock(out):
        summarized(OutputDir(str(out), out, ""), "r", {"ok": 6})
    assert (out.parent / "kept.txt").read_text() == "kept"


def test_names_in_a_weights_file_steer_nothing(
    out: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = out.parent / f"{EVIL.replace('/', '')}.safetensors"
    path.write_bytes(save({EVIL: torch.zeros(1), "net." + EVIL: torch.zeros(1)}))
    photo, result = str(out.parent / "photo.jpg"), str(out.parent / "result.jpg")
    for words in (["list", "compact", "--weights", str(path)], [photo, photo, result, "--weights", str(path)]):
        assert call(stylize_main, words, monkeypatch) in (0, 2)
        said = "".join(capfd.readouterr())
        assert "x1b" in said
        assert [one for one in said if not one.isprintable() and one != "\n"] == []


def entries(out: Path) -> set[tuple[str, Path, int, bytes]]:
    """What lies in OUT: of each file and folder its part of OUT, its path, its kind and, of a file, its bytes."""
    found = {(path.relative_to(out).parts[0], path, path.lstat().st_mode) for path in out.rglob("*")}
    return {(part, path, mode, path.read_bytes() if stat.S_ISREG(mode) else b"") for part, path, mode in found}


@contextlib.contextmanager
def watched(out: Path) -> Iterator[set[str]]:
    """Give what of OUT is opened, listed or replaced meanwhile. Python keeps such a hook to the process's end."""
    seen: set[str] = set()
    going = [True]

    def hook(event: str, args: tuple[object, ...]) -> None:
        if going and event in ("open", "os.listdir", "os.scandir", "os.rename"):
            paths = [Path(one) for one in args if isinstance(one, str | os.PathLike)]
            seen.update(path.relative_to(out).parts[0] for path in paths if out in path.parents)

    sys.addaudithook(hook)
    yield seen
    going.clear()


def shown_in(report: Path) -> set[tuple[int, int]]:
    """The sizes of the pictures on a report's page."""
    if not (report / "index.html").exists():
        return set()
    coded = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", (report / "index.html").read_text())
    return {Image.open(io.BytesIO(base64.b64decode(one))).size for one in coded}
