"""How far a training is, without torch: what holds it for the driver to read needs none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainStatus:
    """How far a run is: for a progress bar."""

    step: int
    images_per_s: float
    wait_share: float
    loss: float
