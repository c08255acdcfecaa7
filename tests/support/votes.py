"""Votes whose answers are known."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd

Vote = dict[str, Any]


def vote(
    number: int, choice: str = "left", left: str = "compact", right: str = "adain", **changes: Any
) -> dict[str, Any]:
    """A vote on the pictures number 0 to 19, as `VoteStore.add` takes it."""
    made: Vote = {
        "vote_id": hashlib.md5(str(number).encode()).hexdigest(), "voter": "Ada", "choice": choice,
        "content_uri": f"/photos/{number % 20}.jpg", "style_uri": "/art/wash.jpg",
    }  # fmt: skip
    for side, method in (("left", left), ("right", right)):
        task = hashlib.sha256(f"{method} {number % 20}".encode()).hexdigest()
        made |= {f"{side}_run_id": "r", f"{side}_task_id": task, f"{side}_sha256": task, f"{side}_method": method}
    return made | changes


def voted(strengths: dict[str, float], votes: int, seed: int, pictures: int = 40, same: float = 0.0) -> pd.DataFrame:
    """Votes between methods of these Bradley-Terry strengths, sides by chance. same: share that saw no difference."""
    draw = np.random.default_rng(seed)
    names = list(strengths)
    made = []
    for number in range(votes):
        left, right = draw.choice(names, 2, replace=False)
        chance = strengths[left] / (strengths[left] + strengths[right])
        choice = "same" if draw.random() < same else "left" if draw.random() < chance else "right"
        uri = f"/photos/{draw.integers(pictures)}.jpg"
        made.append(vote(number, choice, str(left), str(right), content_uri=uri))
    return pd.DataFrame(made)
