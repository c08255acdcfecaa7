"""A stylizer that says where it is at work and waits to be let on, so that a test can act in mid-run."""

from __future__ import annotations

import platform
import time
import uuid
from pathlib import Path
from typing import Any

from torch import Tensor

from stylize.stylizers.base import Settings
from stylize.stylizers.identity import Identity


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
