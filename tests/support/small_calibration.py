"""8 bits in a fraction of the time, for tests that are not about how their ranges are found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stylize.stylizers._runtimes import sessions

CALIBRATION_PX = 64


@pytest.fixture(scope="module", autouse=True)
def small_calibration() -> Iterator[Callable[..., Any]]:
    """Find ranges on small pictures, and once for each network, in modules that import this; gives what does it anew.

    Each network takes some seconds.
    """
    if not all(map(sessions.installed, sessions.RUNTIMES)):
        yield NotImplemented
        return
    from stylize.stylizers._runtimes import quantize

    in_8_bits, made = quantize.in_8_bits, dict[bytes, Any]()

    def once(stylizer: Any, model: Any) -> Any:
        network = model.SerializeToString()
        if network not in made:
            made[network] = in_8_bits(stylizer, model)
        return made[network]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantize, "CALIBRATION_PX", CALIBRATION_PX)
        patch.setattr(quantize, "in_8_bits", once)
        yield in_8_bits
