"""torch compiles a network for each size that comes."""

from __future__ import annotations

import functools
import io
import shutil
from pathlib import Path
from typing import Any, cast

import pytest
import torch

import stylize
from stylize.stylizers import johnson
from stylize.stylizers._layers import conv


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch compiles by g++")
@torch.compiler.config.patch(recompile_limit=1)  # type: ignore  # torch's own is eight
def test_torch_compiles_for_each_size_however_many(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._dynamo.utils import counters  # two seconds, in each process that collects this file
    from torch._inductor import config
    from torch._inductor.compile_fx import compile_fx

    def first_by_inductor(graph: Any, inputs: Any) -> Any:
        """Make C++ for one size alone: each takes seconds, and half a minute where nothing is cached."""
        made.append(graph)
        assert not any(isinstance(one, torch.SymInt) for one in inputs), "for any size"
        if len(made) > 1:
            return graph.forward
        # Else torch starts processes that each load it, tries by C++ which instructions the processor has, and compiles
        # its headers in advance, anew in each checkout.
        lean = {"compile_threads": 1, "cpp.vec_isa_ok": True, "cpp_cache_precompile_headers": False}
        with config.patch(lean):
            return compile_fx(graph, inputs)

    def outer(channels: int, into: int, *how: Any, **more: Any) -> torch.nn.Module:
        return conv(channels, into, *how, **more) if 3 in (channels, into) else torch.nn.Identity()

    # Of the first layer and the last alone, C++ is made in a third of the time.
    norm = johnson.Norm
    monkeypatch.setattr(johnson, "conv", outer)
    monkeypatch.setattr(johnson, "Norm", lambda channels: norm(32) if channels == 32 else torch.nn.Identity())
    monkeypatch.setattr(johnson, "Residual", lambda channels: torch.nn.Identity())
    made: list[Any] = []
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=first_by_inductor))
    before = counters["stats"]["unique_graphs"]
    how: dict[str, Any] = {
        "weights": "random",
        "device": "cpu",
        "precision": "fp32",
        "runtime": "torch",
        "folded": False,
    }
    one, other = (cast(Any, stylize.load("johnson", **how, compile=given)) for given in (False, True))
    anew = []
    for width in (24, 32, 24):
        photo = torch.rand(3, 24, width)
        wanted, got = (restyle.apply(photo, restyle.code()) for restyle in (one, other))
        assert (wanted - got).abs().max() < 2e-3
        anew.append(other.compiled_anew())
    assert anew == [True, True, False]
    assert (graphs := counters["stats"]["unique_graphs"]) == before + 2
    torch.save(johnson.TransformerNet().state_dict(), checkpoint := io.BytesIO())
    codes = [restyle.read_style(checkpoint.getvalue(), Path("second.pth")) for restyle in (one, other)]
    wanted, got = (restyle.apply(photo, code) for restyle, code in zip((one, other), codes, strict=True))
    assert (wanted - got).abs().max() < 2e-3
    assert (other.compiled_anew(), counters["stats"]["unique_graphs"]) == (False, graphs)
