"""torchvision's networks, for tests that compare with them."""

from __future__ import annotations

from typing import Any


def networks() -> Any:
    """Return torchvision.models. It takes 1.7 s to import, in each process that so much as collects such a test."""
    import torchvision.models

    return torchvision.models
