"""What the tools' command lines have in common, and the calls of two tools that have no other test."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from stylize import cli
from stylize.errors import CorruptImageError
from tools.bench import cost, gatys_speed, neighbours


@pytest.mark.parametrize(
    ("main", "words"),
    [
        (cost.main, ["--turns", "0"]),
        (gatys_speed.main, ["photo.jpg", "artwork.jpg", "--size", "-1"]),
        (neighbours.main, ["--cells", "0"]),
        (neighbours.main, ["--images", "many"]),
    ],
)
def test_what_is_counted_is_one_or_more(
    main: Callable[[Sequence[str]], int], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == cli.EXIT_USAGE
    assert f"{words[-2]}: expected " in capsys.readouterr().err


def test_a_photo_that_is_not_there_is_named() -> None:
    with pytest.raises(CorruptImageError, match=r"no such file: .*photo\.jpg"):
        gatys_speed.main(["photo.jpg", "artwork.jpg"])
