"""What the calling program has set in torch, or does in other threads, is not in the pictures."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

import stylize
from stylize.stylizers._runtimes import sessions
from stylize.stylizers.identity import Identity
from tests.support.samples import picture

CASES: list[tuple[str, dict[str, Any]]] = [
    ("compact", {"preserve_color": True, "alpha": 0.5}),
    ("microast", {}),
    ("adain", {"preserve_color": True, "style_resolution_px": None}),  # an artwork that is enlarged takes VGG seconds
    ("johnson", {}),
    ("gatys", {"backbone": "squeezenet1_1", "iterations": 2, "scales": 1, "start": "noise"}),
]


def loaded(name: str, **how: Any) -> Any:
    return stylize.load(name, device="cpu", weights=None if name == "compact" else "random", **how)


def restyled(restyle: Any) -> np.ndarray[Any, Any]:
    style = "random" if restyle.styles_are_weights else picture(2)
    return np.asarray(restyle(picture(1), style))


@pytest.fixture(params=["dtype", "device"])
def change_torch(request: pytest.FixtureRequest) -> Any:
    """Give a call that sets what programs set; `meta` stands for a card."""
    if request.param == "dtype":
        yield lambda: torch.set_default_dtype(torch.float64)
    else:
        yield lambda: torch.set_default_device("meta")
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)


@pytest.mark.parametrize(("name", "how"), CASES)
def test_another_default_of_torchs_changes_nothing(name: str, how: Any, change_torch: Callable[[], None]) -> None:
    before = loaded(name, **how)
    wanted = restyled(before)
    change_torch()
    defaults = torch.get_default_dtype(), torch.get_default_device()
    assert (restyled(before) == wanted).all()
    assert (restyled(loaded(name, **how)) == wanted).all()
    assert (torch.get_default_dtype(), torch.get_default_device()) == defaults


def test_a_checkpoint_is_read_alike_too(change_torch: Callable[[], None], tmp_path: Any) -> None:
    from stylize.stylizers.johnson import TransformerNet

    torch.save(TransformerNet().state_dict(), tmp_path / "mosaic.pth")
    restyle = stylize.load("johnson", device="cpu")
    data = (tmp_path / "mosaic.pth").read_bytes()
    photo = picture(1)
    wanted = restyle.apply(photo, restyle.read_style(data, tmp_path / "mosaic.pth"))
    change_torch()
    assert (np.asarray(restyle.apply(photo, restyle.read_style(data, tmp_path / "mosaic.pth"))) == wanted).all()


def test_threads_that_load_at_once_get_the_same_untrained_weights() -> None:
    def load(_: int) -> float:
        return float(sum(weight.double().sum() for weight in loaded("microast", precision="fp32").net.parameters()))

    state = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(load, range(12)))) == 1
    assert torch.equal(torch.get_rng_state(), state)


def test_a_network_is_filled_on_one_thread_and_restyles_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shared out, copies of some kilobytes took 2 ms each where other processes had the cores."""
    seen = []
    apply: Callable[..., Any] = torch.nn.Module._apply

    def noted(module: torch.nn.Module, *given: Any, **named: Any) -> Any:
        seen.append(torch.get_num_threads())
        return apply(module, *given, **named)

    monkeypatch.setattr(torch.nn.Module, "_apply", noted)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        loaded("compact")
        assert (set(seen), torch.get_num_threads()) == ({1}, 2)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.skipif(not sessions.installed("openvino"), reason="openvino is not installed")
@pytest.mark.parametrize("by_size", [False, True])
def test_threads_may_share_a_method_that_openvino_runs(by_size: bool) -> None:
    restyle = stylize.load(device="cpu", precision="fp32", runtime="openvino", compile=by_size)
    code = restyle.code(picture(9))
    photos = [picture(seed, 48 + 8 * seed, 40) for seed in range(3)]
    wanted = [np.asarray(restyle.apply(photo, code)) for photo in photos]

    def agrees(number: int) -> bool:
        return bool((np.asarray(restyle.apply(photos[number % 3], code)) == wanted[number % 3]).all())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(agrees, range(24)))


def test_the_callers_autocast_changes_no_precision() -> None:
    restyle: Any = loaded("compact", precision="fp32", runtime="torch", style_resolution_px=None)
    photo, style = torch.rand(2, 3, 32, 40, generator=torch.Generator().manual_seed(0))

    def all_ways() -> list[Any]:
        code = restyle.encode_style(style)
        arrays = [restyle(picture(1), style), *restyle.batch([picture(1)] * 2, style)]
        return [*map(torch.from_numpy, arrays), restyle(photo, style), restyle.stylize(photo, code)]

    wanted = all_ways()
    with torch.autocast("cpu", torch.bfloat16):
        assert all(map(torch.equal, all_ways(), wanted))


def test_a_method_loads_without_the_callers_autocast() -> None:
    class Seen(Identity):
        def load(self, weights: Any) -> None:
            self.within = torch.is_autocast_enabled("cpu")

    with torch.autocast("cpu", torch.bfloat16):
        assert not Seen(Seen.settings_type(), device="cpu").within
