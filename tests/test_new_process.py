"""What shows in a process that has done nothing before: what methods and commands load, and what loaded methods leave.

It is one process for all: to load torch takes each two seconds.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from stylize.stylizers._runtimes import sessions
from tests.support.samples import ROOT

INSTALLED = [name for name in sessions.RUNTIMES[1:] if sessions.installed(name)]

SCRIPT = """
import contextlib, copy, multiprocessing, os, pickle, signal, sys
import numpy as np
import stylize
import torch
from stylize.__main__ import main
from stylize.commands import doctor

def begins(part):
    for stream in (sys.stdout, sys.stderr):
        print("-- " + part, file=stream, flush=True)

def loaded():
    return {name.partition(".")[0] for name in sys.modules} & {"torchvision", "ray", "pandas"}

begins("plan")
for name in ("compact", "microast", "adain", "johnson"):
    stylizer = stylize.load(name, weights=None if name == "compact" else "random", device="cpu")
    style = stylizer.code(torch.zeros(3, 64, 64))
    stylizer.plan(3000, 2000, style)
    stylizer.plan(3000, 2000, style, 200 * 2**20)
print("torch._dynamo" in sys.modules)

doctor.PATIENCE_S, doctor.LEAST_RUNS = 0, 1
for command in ("list", "doctor"):
    begins(command)
    if command == "doctor":
        with contextlib.suppress(ImportError):
            from stylize.stylizers._runtimes import quantize

            quantize.CALIBRATION_PX = 64
    assert main([command]) == 0
    print("loaded", sorted(loaded()), flush=True)

begins("fork")
picture = np.zeros((64, 64, 3), np.uint8)

def told(call):
    try:
        call()
    except stylize.UsageError as error:
        print(str(error)[:60], flush=True)

def child(restyle):
    told(lambda: restyle(picture, picture))
    told(lambda: restyle.batch([picture], picture))
    told(lambda: stylize.load())

restyle = stylize.load()
restyle(picture, picture)
process = multiprocessing.get_context("fork").Process(target=child, args=[restyle])
process.start()
process.join()
told(lambda: pickle.dumps(restyle))
told(lambda: copy.deepcopy(restyle))

for runtime in sys.argv[1:]:
    begins("let go " + runtime)
    first, second = (stylize.load(device="cpu", precision="fp32", runtime=runtime) for _ in range(2))
    del first, second
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
begins("end")
"""


@pytest.fixture(scope="module")
def said() -> dict[str, tuple[list[str], list[str]]]:
    """The lines of standard output and error of each part."""
    words = [sys.executable, "-c", SCRIPT, *INSTALLED]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    out, err = (
        {name: lines for name, *lines in map(str.splitlines, f"\n{stream}".split("\n-- ")[1:])}
        for stream in (done.stdout, done.stderr)
    )
    return {name: (out[name], err[name]) for name in out}


Said = dict[str, tuple[list[str], list[str]]]


def test_planning_does_not_import_torchs_compiler(said: Said) -> None:
    assert said["plan"] == (["False"], [])


@pytest.mark.parametrize("command", ["list", "doctor"])
def test_neither_torchvision_nor_ray_is_imported_for_what_there_is(command: str, said: Said) -> None:
    assert said[command][0][-1] == "loaded []"


def test_doctor_says_that_the_bundled_model_runs(said: Said) -> None:
    *lines, _ = said["doctor"][0]
    assert {line.split()[0] for line in lines} <= {"ok", "warn", "no"}
    assert any(line.startswith("ok    compact, the bundled model") for line in lines)
    assert any(line.startswith("ok    fp32 on cpu") for line in lines)
    assert any("(default)" in line for line in lines)
    assert any("weights of vgg19" in line for line in lines)


def test_a_loaded_method_is_of_one_process(said: Said) -> None:
    told, complaints = said["fork"]
    assert complaints == []
    forked, copied = (
        "this process is a fork of one that had loaded a method",
        "a loaded method cannot be copied or pickled",
    )
    assert [line.startswith(forked) for line in told[:3]] == [True] * 3
    assert [line.startswith(copied) for line in told[3:]] == [True] * 2


@pytest.mark.parametrize("runtime", INSTALLED)
def test_ctrl_c_is_one_after_methods_were_let_go(runtime: str, said: Said) -> None:
    assert said[f"let go {runtime}"] == (["interrupted"], [])
