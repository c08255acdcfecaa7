"""How torch's threads wait is said to their library as it is loaded, and to nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stylize import images
from stylize.machine.openmp import SPINS
from tests.support.samples import ROOT, picture

LOAD = """
import contextlib, os, stylize
with contextlib.suppress(Exception):  # such a torch is good for nothing else
    stylize.load("identity", device="cpu")
print("left", os.environ.get("GOMP_SPINCOUNT"))
"""
COMMAND = """
import contextlib, sys
with contextlib.suppress(Exception):
    from stylize.__main__ import main
    main(sys.argv[1:])
"""


def spins(*command: str, **given: str) -> set[str]:
    """What the OpenMP libraries of a Python process say of how often their threads look for each other."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    }
    done = subprocess.run(
        [sys.executable, *command], env=environment | {"OMP_DISPLAY_ENV": "VERBOSE"} | given, cwd=ROOT, check=True,
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    found = {line.partition(" = ")[2].strip("'") for line in lines if line.startswith("GOMP_SPINCOUNT = ")}
    assert found, done
    assert not any(line.startswith("left") and line != f"left {given.get('GOMP_SPINCOUNT')}" for line in lines)
    return found


@pytest.fixture
def quick(tmp_path: Path) -> dict[str, str]:
    """An environment in which torch is its OpenMP alone, which takes no two seconds to load."""
    found = [*Path(torch.__file__).parent.rglob("libgomp*.so*")]
    if not found:
        pytest.skip("torch's OpenMP is not GNU's")
    (tmp_path / "torch.py").write_text(f"import ctypes\nctypes.CDLL({str(found[0])!r})\n")
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}


def test_a_library_that_is_loaded_by_ours_looks_shortly(quick: dict[str, str]) -> None:
    assert SPINS in spins("-c", LOAD, **quick)
    assert SPINS not in spins("-c", "import torch", **quick)


def test_what_the_environment_says_counts(quick: dict[str, str]) -> None:
    assert "7" in spins("-c", LOAD, GOMP_SPINCOUNT="7", **quick)
    assert "0" in spins("-c", LOAD, OMP_WAIT_POLICY="PASSIVE", **quick)


def test_the_command_for_one_image_does_so_too(tmp_path: Path, quick: dict[str, str]) -> None:
    paths = [tmp_path / name for name in ("photo.png", "artwork.png", "result.png")]
    for seed, path in enumerate(paths[:2]):
        path.write_bytes(images.encode(picture(seed), "png", 95))
    assert SPINS in spins("-c", COMMAND, *map(str, paths), "--stylizer", "identity", "--device", "cpu", **quick)
