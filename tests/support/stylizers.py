"""Stylizers for tests, `identity` but for what each is made to do: misbehave, take its time, wait to be let on."""

from __future__ import annotations

import os
import platform
import signal
import time
import uuid
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylize.stylizers.base import Settings
from stylize.stylizers.identity import Identity

HANG, EXIT, RAISE, NAN, MEMORY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)


def _is(content: Tensor, colour: tuple[int, int, int]) -> bool:
    wanted = torch.tensor(colour, dtype=content.dtype) / 255
    return bool(torch.equal(content[:, 0, 0], wanted))


class Faulty(Identity):
    """Hangs, ends its process, raises, returns NaN or runs out of memory on photos of these plain colours."""

    name = "faulty"

    def stylize(self, content: Tensor, code: Any) -> Tensor:
        """(3, H, W) in [0, 1] to the same, or trouble."""
        if _is(content, HANG):
            time.sleep(600)
        if _is(content, EXIT):
            os._exit(1)
        if _is(content, RAISE):
            raise RuntimeError("this one\nis refused")
        if _is(content, MEMORY):
            raise MemoryError("no room")
        return torch.full_like(content, float("nan")) if _is(content, NAN) else content


class Unloadable(Identity):
    """Takes more memory than there is, or meets a broken driver, before it has seen an image."""

    name = "unloadable"

    def __init__(self, *given: Any, **more: Any) -> None:
        raise MemoryError("no room for it")


class SlowSettings(Settings):
    """seconds: how long an image takes. gate: while this file is there, no image is done."""

    seconds: float = 0.03
    gate: str | None = None


class Slow(Identity):
    """Takes its time."""

    name = "slow"
    settings_type = SlowSettings

    def stylize(self, content: Tensor, code: Any) -> Tensor:
        """(3, H, W) in [0, 1] to the same, later."""
        settings = self.settings
        assert isinstance(settings, SlowSettings)
        time.sleep(settings.seconds)
        while settings.gate is not None and Path(settings.gate).exists():
            time.sleep(0.01)
        return content


class SignalsSettings(Settings):
    """number: of the signal."""

    number: int = signal.SIGINT


class Signals(Identity):
    """Sends its own process a signal with the second photo, as somebody might: for a worker in the driver's process.

    One signal alone, whatever follows: its process may be that of other tests, too.
    """

    name = "signals"
    settings_type = SignalsSettings
    first: Tensor | None = None
    sent = False

    def stylize(self, content: Tensor, code: Any) -> Tensor:
        """(3, H, W) in [0, 1] to the same."""
        settings = self.settings
        assert isinstance(settings, SignalsSettings)
        if self.first is None:
            self.first = content
        elif not self.sent and not torch.equal(content, self.first):
            self.sent = True
            os.kill(os.getpid(), settings.number)
        return content


class GatedSettings(Settings):
    """folder: takes a mark HOST-… for each image that is begun; while a file `gate` is in it, no image is done."""

    folder: str
    seconds: float = 0.1


class Gated(Identity):
    """Returns the photo, once it is let on."""

    name = "gated"
    settings_type = GatedSettings

    def stylize(self, content: Tensor, code: Any) -> Tensor:
        """(3, H, W) in [0, 1] to the same."""
        settings = self.settings
        assert isinstance(settings, GatedSettings)
        folder = Path(settings.folder)
        (folder / f"{platform.node()}-{uuid.uuid4().hex}").touch()
        time.sleep(settings.seconds)
        while (folder / "gate").exists():
            time.sleep(0.05)
        return content
