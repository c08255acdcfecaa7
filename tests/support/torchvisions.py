"""torchvision's networks, for tests that compare with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch


def networks() -> Any:
    """Return torchvision.models. It takes 1.7 s to import, in each process that so much as collects such a test."""
    import torchvision.models

    return torchvision.models


def without_network(home: Path, patch: pytest.MonkeyPatch) -> Path:
    """Return torchvision's cache, empty, with no network behind it."""

    def refuse(url: str, *_args: object, **_kwargs: object) -> None:
        raise URLError("no network")

    patch.setenv("TORCH_HOME", str(home))
    patch.setattr(torch.hub, "download_url_to_file", refuse)
    return home / "hub" / "checkpoints"
