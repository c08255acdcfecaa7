"""Decoders that crash."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from stylize.errors import CorruptImageError
from stylize.images import Decoded, apart, decode, decode_safely, encode
from tests.support.samples import picture


def crash(data: bytes) -> Decoded:
    os.kill(os.getpid(), signal.SIGSEGV)
    return decode(data)


def test_a_crash_is_an_error_of_one_line() -> None:
    with pytest.raises(CorruptImageError, match="its decoder crashed on it: the file is damaged"):
        apart.apart(crash, b"")


def test_errors_and_pixels_come_from_the_other_process(real_data: Path) -> None:
    data = (real_data / "cases" / "heic" / "photo.heic").read_bytes()
    # Not scaled: that would load torch there, which takes two seconds.
    there, here = (way(data, metadata=True) for way in (decode_safely, decode))
    assert np.array_equal(there.pixels, here.pixels)
    assert there.carried is not None
    assert there.carried == here.carried
    with pytest.raises(CorruptImageError, match="damaged"):
        decode_safely(data[:2000])


def test_what_does_not_crash_is_decoded_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "apart", None)
    assert decode_safely(encode(picture(1), "png", 95)).pixels.shape == picture(1).shape
