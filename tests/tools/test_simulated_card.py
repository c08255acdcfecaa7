"""The simulated card's numbers: that they come, and that the card's own time is no CPU's."""

from __future__ import annotations

import re

import pytest

from tools.bench.simulated_card import main


def test_it_prints_how_busy_the_card_was(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--images", "20", "--turns", "1"]) == 0
    told = capsys.readouterr().out
    (works,) = re.findall(r"the card works (\d\.\d\d) of the time", told)
    assert 0 < float(works) <= 1
    assert re.search(r"share of what the parts allow: \d\.\d\d\n", told)
    assert re.search(r"cores that a card of 5 ms needs: \d+\.\d by its parts, \d+\.\d as it is\n", told)
