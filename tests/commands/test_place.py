"""Where a command may write a file that its user names."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylize.commands.place import file_to_write
from stylize.errors import UsageError


def test_a_link_stays_and_its_file_is_the_place(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (link := tmp_path / "link.png").symlink_to("far/real.png")
    with pytest.raises(UsageError, match="RESULT link is there already, a link that leads nowhere; give another name"):
        file_to_write(link, "RESULT link", force=False)
    assert file_to_write(link, "RESULT link", force=True) == tmp_path / "far" / "real.png"
    (tmp_path / "far" / "real.png").write_text("old")
    with pytest.raises(UsageError, match="RESULT link is there already; give another name, or --force to replace it"):
        file_to_write(link, "RESULT link", force=False)
    assert file_to_write(link, "RESULT link", force=True) == tmp_path / "far" / "real.png"
    assert link.is_symlink()


def test_a_circle_of_links_is_told(tmp_path: Path) -> None:
    (loop := tmp_path / "loop.png").symlink_to("loop.png")
    with pytest.raises(UsageError, match="a link that leads back to itself"):
        file_to_write(loop, "RESULT loop", force=True)


@pytest.mark.parametrize("place", ["/proc/r.png", "/proc/none/r.png", "file/r.png"])
def test_where_nothing_can_be_written_is_told_before_any_work(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is no folder that may be written to; give another place"):
        file_to_write(tmp_path / place, "RESULT", force=True)


def test_missing_folders_are_made_later(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b" / "r.png"
    assert file_to_write(place, "RESULT", force=False) == place
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("folder", "said"), [("x" * 300, "255 bytes"), ("x/" * 2100, "4095 bytes")])
def test_a_place_that_no_system_has_is_told_before_the_work(folder: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        file_to_write(tmp_path / folder / "a.jpg", "RESULT", force=False)
