"""`python -m stylize doctor`: what this machine can run, one line per fact, and what to do about what is missing."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from stylize import cli, stylizers
from stylize.errors import StylizeError, counted, message_of, named_message
from stylize.measure import hardware
from stylize.terminal import say

LEAST_TORCH = (2, 11)
SIDE_PX = 256
PATIENCE_S, LEAST_RUNS = 0.2, 4
FREE_BYTES = 2 * 2**30
"""Below this a download of VGG's weights, over half a gigabyte, may fail or leave no room for results."""

_known: dict[tuple[str, str], float] = {}
"""Milliseconds of the bundled model, by device and precision."""
Line = tuple[str, str]
"""What it is (ok, warn: it runs without, no: it does not run), and the text."""


def main(argv: Sequence[str]) -> int:
    """Print the lines; the exit status is 0 if the bundled model runs, else 1."""
    cli.Parser(
        prog="stylize doctor",
        description="Say what this machine can run, and what to do about the rest.",
        epilog="Exit status: 0 the bundled model runs, 1 it does not, 2 a wrong call.",
    ).parse_args(argv)
    runs = False
    _known.clear()
    for check in (_versions, _machine, _accelerators, _bundled, _precisions, _runtimes, _compiler, _cached, _disk):
        for status, text in _lines(check):
            say(f"{status:<5} {text}")
            runs |= check is _bundled and status == "ok"
    return cli.EXIT_OK if runs else cli.EXIT_CANNOT_CONTINUE


def _lines(check: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    """Yield a check's lines; whatever breaks in it is a line, too, as finding that out is what this is for."""
    try:
        yield from check()
    except Exception as error:
        yield "no", f"{check.__name__.strip('_')}: {_why(error)}"


def _why(error: Exception) -> str:
    return message_of(error) if isinstance(error, StylizeError) else named_message(error)


def _versions() -> Iterator[Line]:
    yield "ok", f"Python {sys.version.split()[0]}"
    yield _torch()
    yield _torchvision()
    ray = importlib.util.find_spec("ray") is not None
    if ray:
        yield "ok", f"ray {hardware.version_of('ray') or '(unknown version)'}: folders of images run, too"
    else:
        yield "warn", "ray is missing; only the jobs for folders need it: pip install 'stylize[jobs]'"


def _torch() -> Line:
    wanted = f"torch>={'.'.join(map(str, LEAST_TORCH))}"
    try:
        import torch
    except Exception as error:  # a library of the system's that is missing, or half an installation
        return "no", f"torch does not import ({_why(error)}): install {wanted}"
    version = str(torch.__version__)
    if tuple(_parts(version)[:2]) < LEAST_TORCH:
        return "no", f"torch {version} is too old: install {wanted}"
    return "ok", f"torch {version}"


def _torchvision() -> Line:
    """Say what its package says of itself: to import it would take longer than all the rest."""
    version, torch = hardware.version_of("torchvision"), (hardware.version_of("torch") or "").partition("+")[0]
    if version is None:
        return "warn", "torchvision is missing; gatys needs the release for this torch"
    for line in metadata.requires("torchvision") or []:
        asked = re.fullmatch(r"torch\s*\(?(==|>=)([\d.]+)\)?", line.replace(" ", ""))
        if asked and not (torch == asked[2] or (asked[1] == ">=" and _parts(torch) >= _parts(asked[2]))):
            told = f"torchvision {version} asks for torch{asked[1]}{asked[2]}"
            return "warn", f"{told}; gatys needs the release for this torch"
    return "ok", f"torchvision {version}"


def _parts(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def _machine() -> Iterator[Line]:
    machine = hardware.describe()
    cores = machine["cpu_usable"]
    yield (
        "ok",
        f"{machine['cpu_model'] or 'unknown processor'}: {cores} of {counted(machine['cpu_count'], 'core')} usable",
    )
    memory = machine["memory_bytes"]
    yield ("warn", "memory: unknown") if memory is None else ("ok", f"memory: {_gib(memory)}")
    import torch

    from stylize.machine.devices import fast_bf16

    yield "ok", f"torch uses {torch.backends.cpu.get_cpu_capability()} and {counted(torch.get_num_threads(), 'thread')}"
    flags = torch.cpu.get_capabilities()
    has = [flag for flag in ("avx512_bf16", "amx_tile", "avx512_vnni") if flags.get(flag)]
    listed = f"instructions for 16 and 8 bits: {', '.join(has) or 'none'}"
    yield ("ok", listed) if fast_bf16(torch.device("cpu")) else ("warn", f"{listed}; bf16 is slower than fp32 here")


def _accelerators() -> Iterator[Line]:
    """Yield a line an accelerator, and what a job would choose by itself, and why."""
    import torch

    from stylize.machine import devices

    kind, cards, cores = devices.available(), devices.count(), hardware.usable_cores()
    for number in range(cards):
        card = f"{kind}:{number}"
        size = devices.card_bytes(card)
        yield "ok", f"{card}: {devices.card_name(card) or 'unnamed'}{'' if size is None else f', {_gib(size)}'}"
    precision = stylizers.find(stylizers.DEFAULT).default_precision(torch.device(kind or "cpu"))
    if cards:
        share = f"{max(1, cores // cards)} of {counted(cores, 'core')}"
        workers = counted(cards, "worker")
        yield "ok", f"a job takes {workers} on {kind}, one a card with {share}, in {precision}: cards go first"
        yield "ok", "`--device cpu` or `--gpus-per-actor 0` says no"
        if kind != "cuda":
            yield "warn", f"nobody has tried {kind} yet: hold its results against `--device cpu`"
        return
    if unusable := hardware.describe()["gpus"]:
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        name = unusable[0]["name"]
        yield "warn", f"torch ({built}) cannot use the {name}: install a torch for this driver, or a newer one"
    yield (
        "warn",
        f"a job takes {counted(cores, 'worker')} of a core each, in {precision}: torch sees no accelerator here",
    )


def _bundled() -> Iterator[Line]:
    """Yield the one line that the exit status hangs on."""
    try:
        model = stylizers.load()
        milliseconds = _took(str(model.device), model.precision, model)
    except Exception as error:
        yield "no", f"the bundled model does not run: {_why(error)}; mend what is said above, or install stylize again"
        return
    took = f"{_time(milliseconds)} for {SIDE_PX} x {SIDE_PX} px on {model.device} in {model.precision}"
    yield "ok", f"{model.name}, the bundled model: {took}"


def _took(device: str, precision: str, model: Any = None) -> float:
    """Return the milliseconds of the bundled model there, measured once. Raises as loading and running it do."""
    key = device.partition(":")[0], precision
    if key not in _known:
        _known[key] = _restyled(model or stylizers.load(device=device, precision=precision))
    return _known[key]


def _restyled(model: Any) -> float:
    """Return milliseconds for a small image of noise, at best. Raises RuntimeError if the result is not finite."""
    import torch

    from stylize.measure.clock import timed

    device = str(model.device)
    noise = torch.rand(2, 3, SIDE_PX, SIDE_PX, generator=torch.Generator().manual_seed(0)).to(device)
    best, begin, runs = math.inf, time.monotonic(), 0
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        code = model.encode_style(noise[0])
        while runs < LEAST_RUNS or time.monotonic() - begin < PATIENCE_S:
            runs += 1
            with timed(device) as watch:
                result = model.stylize(noise[1], code)
            best = min(best, watch.seconds)
    if not torch.isfinite(result.sum()):
        raise RuntimeError("the result has NaN or infinity in it")
    return best * 1000


def _precisions() -> Iterator[Line]:
    """Try each precision with the bundled model."""
    import torch

    method = stylizers.find(stylizers.DEFAULT)
    from stylize.machine import devices

    for device in filter(None, ("cpu", devices.available())):
        default = method.default_precision(torch.device(device))
        for precision in method.precisions:
            note = " (default)" if precision == default else ""
            try:
                milliseconds = _took(device, precision)
            except Exception as error:
                yield "no", f"{precision} on {device}{note}: {_why(error)}"
            else:
                yield "ok", f"{precision} on {device}{note}: {_time(milliseconds)}"


def _runtimes() -> Iterator[Line]:
    """Try what else than torch can run the bundled model."""
    from stylize.stylizers._runtimes import sessions as known

    default = known.fastest(stylizers.DEFAULT, "auto")
    for runtime in known.RUNTIMES[1:]:
        try:
            model = stylizers.load(device="cpu", runtime=runtime)
            took = f"{_time(_restyled(model))} in {model.precision}"
        except StylizeError as error:
            yield "warn", f"{error}; only --runtime {runtime} needs it"
        else:
            yield "ok", f"{runtime} {hardware.version_of(runtime)}{' (default)' if runtime == default else ''}: {took}"


def _compiler() -> Iterator[Line]:
    import torch

    from stylize.machine import devices
    from stylize.stylizers._feedforward import check_compiler

    for device in filter(None, ("cpu", devices.available())):
        try:
            check_compiler(torch.device(device))
        except StylizeError as error:
            yield "warn", _why(error)
        else:
            yield "ok", f"a compiler and Python.h: --set compile=true can work on {device}"


def _cached() -> Iterator[Line]:
    from stylize.backbones import BACKBONES, cache_folder, cached_file

    there = [name for name in BACKBONES if cached_file(name).exists()]
    absent = [name for name in BACKBONES if name not in there]
    if there:
        yield "ok", f"weights of {', '.join(there)} for gatys, in {cache_folder()}"
    if absent:
        advice = "downloaded when first used, or given with --weights; `stylize list gatys` names the files"
        yield "warn", f"no weights of {', '.join(absent)} for gatys: {advice}"


def _disk() -> Iterator[Line]:
    from stylize.backbones import cache_folder

    for folder, use in ((cache_folder(), "downloaded weights"), (Path(tempfile.gettempdir()), "temporary files")):
        there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
        free = shutil.disk_usage(there).free
        writable = os.access(there, os.W_OK)
        status = "ok" if free >= FREE_BYTES and writable else "warn"
        todo = "" if writable else ", but it may not be written to: make it writable"
        todo = todo or ("" if status == "ok" else f": free some, {_gib(FREE_BYTES)} is safe")
        yield status, f"{_gib(free)} free for {use} in {folder}{todo}"


def _time(milliseconds: float) -> str:
    """Return 12 ms, or 0.42 ms: what a card takes is no 0 ms."""
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.2g} ms"


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"
