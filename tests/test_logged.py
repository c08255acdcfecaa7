from __future__ import annotations

import logging

import pytest


def test_a_log_call_whose_values_do_not_fit_its_words_raises_though_nobody_listens() -> None:
    with pytest.raises(TypeError, match="a real number is required"):
        logging.getLogger("stylize.tests").warning("%d files", "many")
