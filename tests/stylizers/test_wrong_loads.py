"""Wrong calls from Python are UsageErrors, whatever kind of value is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

import stylize


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"device": None}, "device: expected a text"),
        ({"runtime": None}, "runtime: expected a text"),
        ({"precision": 8}, "precision: expected a text .got 8."),
        ({"style_resolution_px": 0}, "style_resolution_px: expected 1 or more"),
        ({"style_resolution_px": "wide"}, "style_resolution_px: expected a whole number"),
        ({"alpha": True}, "compact: alpha: not a yes-or-no setting"),
        ({"weights": ""}, "expected a path, got an empty text"),
    ],
)
def test_a_value_of_another_kind_is_named(given: dict[str, Any], told: str) -> None:
    with pytest.raises(stylize.UsageError, match=told):
        stylize.load(**given)


@pytest.mark.parametrize("nothing", [np.zeros((0, 0, 3), np.uint8), Image.new("RGB", (0, 0))], ids=["array", "image"])
def test_a_picture_without_pixels_is_a_wrong_call(nothing: Any) -> None:
    restyle, picture = stylize.load("identity", device="cpu"), np.zeros((8, 8, 3), np.uint8)
    for pair in ((nothing, picture), (picture, nothing)):
        with pytest.raises(stylize.UsageError, match="got one without pixels"):
            restyle(*pair)
