"""What is found below an input folder, and what is passed over and counted."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Any, Literal

import pytest

from stylize import config as configs
from stylize import images
from stylize.config import JobConfig
from stylize.errors import UsageError
from stylize.io.files import read_bytes
from stylize.io.location import LocalPath
from stylize.tasks import listing, manifest, pairing
from stylize.tasks.left_out import LeftOut
from stylize.tasks.selection import Selection
from stylize.tasks.task import Pair
from tests.support.samples import picture


def names(found: list[Pair]) -> list[tuple[str, str]]:
    return [(Path(p.content.uri).name, Path(p.style.uri).name) for p in found]


def config(folders: tuple[Path, Path], **values: Any) -> JobConfig:
    return configs.build({"content": str(folders[0]), "styles": str(folders[1]), "out": "/out"} | values)


def test_types_are_the_first_folder_below_the_root(folders: tuple[Path, Path]) -> None:
    deep = folders[0] / "day" / "inner" / "deep.jpg"
    deep.parent.mkdir()
    deep.write_bytes(b"x")
    (folders[0] / "loose.jpg").write_bytes(b"x")
    types = {Path(i.uri).name: i.type for i in listing.files_in(LocalPath(folders[0]))}
    assert types["deep.jpg"] == "day"
    assert types["c d.jpg"] == "night"
    assert types["loose.jpg"] is None


def test_a_type_of_a_name_that_is_no_utf8_can_stand_in_a_row(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"x")
    (one,) = listing.files_in(LocalPath(tmp_path))
    assert one.type == "caf\ufffd"
    assert read_bytes(one.uri) == b"x"
    assert (one.uri + one.type).encode()


def test_a_folder_that_cannot_be_listed_is_skipped_and_told_once(tmp_path: Path, logged: list[str]) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    for _ in range(2):
        assert [Path(i.uri).name for i in listing.files_in(LocalPath(tmp_path))] == ["a.jpg"]
        assert list(listing.files_in(LocalPath(tmp_path / "gone"))) == []
    assert ["skipped" in line for line in logged] == [True]


def test_odd_names_are_listed(tmp_path: Path) -> None:
    odd = ["a b.jpg", "quote'\".JPG", "new\nline.png", "富士.webp", ".hidden.jpg", "text.txt"]
    for name in odd:
        (tmp_path / name).write_bytes(b"x")
    with open(os.path.join(os.fsencode(tmp_path), b"\xff\xfe.jpg"), "wb") as file:  # noqa: PTH118, PTH123 - bytes path
        file.write(b"x")
    found = [i.uri for i in listing.files_in(LocalPath(tmp_path))]
    assert {Path(uri).name for uri in found if not uri.startswith("file:")} == set(odd[:4])
    assert [uri for uri in found if uri.startswith("file:")] == [found_one for found_one in found if "%FF" in found_one]
    assert len(found) == 5


def test_links_to_themselves_and_to_nothing_do_not_stop_the_listing(tmp_path: Path) -> None:
    (tmp_path / "me").symlink_to("me")
    (tmp_path / "nothing.jpg").symlink_to("gone.jpg")
    (tmp_path / "x.jpg").write_bytes(b"x")
    found = [(Path(i.uri).name, i.identity == "missing") for i in listing.files_in(LocalPath(tmp_path))]
    assert found == [("nothing.jpg", True), ("x.jpg", False)]


def test_listing_is_lazy(folders: tuple[Path, Path]) -> None:
    stream = pairing.pairs(config(folders))
    first = next(stream)
    (folders[0] / "night" / "z.jpg").write_bytes(b"new")
    assert Path(first.content.uri).name == "a.jpg"
    assert any(p.content.uri.endswith("z.jpg") for p in stream)


def taken(root: Path, left_out: LeftOut | None = None, **globs: tuple[str, ...]) -> list[str]:
    """Return what is listed below a folder, as paths below it."""
    found = listing.files_in(LocalPath(root), "images", Selection(**globs), left_out)
    return [str(Path(one.uri).relative_to(root)) for one in found]


def write(root: Path, *names: str, data: bytes = b"x") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


JPEG = images.encode(picture(1), "jpg", 90)


def test_a_file_without_a_known_suffix_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    write(tmp_path, "plain", "img.jpg?width=640", "x.tmp", "a.jpg_large", data=JPEG)
    write(tmp_path, "no image", "notes.txt", "empty.xyz", data=b"")
    left_out = LeftOut()
    assert taken(tmp_path, left_out) == ["a.jpg_large", "img.jpg?width=640", "plain", "x.tmp"]
    assert left_out.total == 3


def test_what_is_passed_over_is_counted_by_suffix_and_reason(tmp_path: Path) -> None:
    write(tmp_path, "a.psd", "b.psd", "c.PSD", "notes.txt", "film.mov", "raw.nef", "README")
    write(tmp_path, "odd.picture", data=b"8BPS\0\1" + bytes(20))
    left_out = LeftOut()
    assert taken(tmp_path, left_out) == []
    assert left_out.total == 8
    records = {(str(one["what"]), str(one["reason"])): one["number"] for one in left_out.as_records()}
    assert records == {
        (".psd", "PSD is not read"): 3,
        (".txt", "no image"): 1,
        (".mov", "video is not read"): 1,
        (".nef", "camera raw is not read"): 1,
        ("without a suffix", "no image"): 1,
        (".picture", "PSD is not read"): 1,
    }
    assert str(left_out).startswith("8 skipped: 3 .psd (PSD is not read), ")


def test_a_link_back_is_not_followed_and_counted(tmp_path: Path) -> None:
    write(tmp_path, "day/a.jpg", data=JPEG)
    (tmp_path / "day" / "up").symlink_to(tmp_path)
    left_out = LeftOut()
    assert taken(tmp_path, left_out) == ["day/a.jpg"]
    assert str(left_out) == "1 skipped: 1 up/ (a link back to a folder above it)"


def test_folders_in_folders_are_followed_to_a_depth_and_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_NESTED", 3)  # of 900 the calls within each other were too many
    write(tmp_path, "d/d/a.jpg", "d/d/d/b.jpg", data=JPEG)
    left_out = LeftOut()
    assert taken(tmp_path, left_out) == ["d/d/a.jpg"]
    assert str(left_out) == "1 skipped: 1 d/ (more than 3 folders deep)"


def test_names_from_the_web_are_not_a_kind_each(tmp_path: Path) -> None:
    write(tmp_path, *(f"a.php?image={number}" for number in range(40)), *(f"b.x{number}" for number in range(40)))
    left_out = LeftOut()
    taken(tmp_path, left_out)
    assert str(left_out).startswith("80 skipped: 40 without a suffix (no image), ")
    assert str(left_out).endswith(" more")
    assert len(str(left_out)) < 400
    assert sum(int(one["number"]) for one in left_out.as_records()) == 80
    write(tmp_path, *(f".fuse_hidden{number}" for number in range(40)))
    taken(tmp_path, left_out := LeftOut())
    assert {"what": "without a suffix", "reason": "hidden", "number": 40} in left_out.as_records()


def test_a_folder_with_nothing_to_take_says_what_is_in_it(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    write(tmp_path / "raws", "a.nef", "b.nef")
    with pytest.raises(UsageError, match=r"no images in this folder; 2 skipped: 2 .nef \(camera raw is not read\)"):
        pairing.survey(config((tmp_path / "raws", folders[1])))


@pytest.mark.parametrize(
    "junk", ["@eaDir", "@EADIR", "#recycle", "$RECYCLE.BIN", "__MACOSX", ".@__thumb", "lost+found", ".thumbnails"]
)
def test_what_systems_leave_is_no_photo_and_is_counted(tmp_path: Path, junk: str) -> None:
    year = tmp_path / "2024"
    write(year, f"{junk}/a.jpg", f"{junk}/b/c.jpg", "a.jpg", ".b.jpg.icloud", "Thumbs.db", "desktop.ini", "._a.jpg")
    assert taken(tmp_path, left_out := LeftOut()) == ["2024/a.jpg"]
    reasons = {"hidden", "left by a system", "not downloaded from iCloud"}
    assert {str(one["reason"]) for one in left_out.as_records()} <= reasons
    assert f"1 {junk}/" in str(left_out)
    assert "1 .icloud (not downloaded from iCloud)" in str(left_out)
    # Given itself, such a folder is what was meant.
    assert taken(year / junk) == ["a.jpg", "b/c.jpg"]


def test_backups_and_thumbnails_are_left_out_and_folders_called_so_are_not(tmp_path: Path) -> None:
    left = ["IMG_1.jpg_original", "IMG_1.JPG~", "MVI_1.THM", "._a.jpg_original"]
    found = ["a.b_original.jpg", "img.jpg?of=the_original", "sea.v1_original/a.jpg", "the_original", "thm", "v1~"]
    write(tmp_path, *left, *found, data=JPEG)
    assert taken(tmp_path, left_out := LeftOut(), exclude=("*.thm",)) == found
    assert {(one["what"], one["reason"]) for one in left_out.as_records()} == {
        (".jpg_original", "hidden"), (".jpg_original", "a program's backup"), (".jpg~", "a program's backup"),
        (".thm", "by --exclude"),
    }  # fmt: skip
    assert taken(tmp_path / "MVI_1.THM") == ["."]  # given itself, it is what was meant
    taken(tmp_path, left_out := LeftOut())
    assert "1 .thm (a camera's thumbnail)" in str(left_out)


BRACKETS = {
    "[!b].*": ["a.JPG"], "[!!]*.jpg": ["05/b.jpg", "a.JPG"], "[]a].*": ["a.JPG"], "[!]b].*": ["a.JPG"],
    r"[\]": [], r"[\b].jpg": ["05/b.jpg"], "[^b].jpg": ["05/b.jpg"], "[[b].jpg": ["05/b.jpg"],
    "[&&b].jpg": ["05/b.jpg"], "[+--b].jpg": ["05/b.jpg"], "[b": [], "[!]": [],
}  # fmt: skip


def test_globs_choose_by_name_or_by_path(tmp_path: Path) -> None:
    write(tmp_path, "2024/a.JPG", "2024/05/b.jpg", "2023/c.png", "d.png", "caf\u00e9/e.png")
    assert taken(tmp_path, include=("*.jpg",)) == ["2024/05/b.jpg", "2024/a.JPG"]
    assert taken(tmp_path, include=("2024/*",)) == ["2024/a.JPG"]
    assert taken(tmp_path, include=("2024/**",)) == ["2024/05/b.jpg", "2024/a.JPG"]
    assert taken(tmp_path, include=("**/[bc].*",)) == ["2023/c.png", "2024/05/b.jpg"]
    assert taken(tmp_path, include=("cafe\u0301",)) == ["caf\u00e9/e.png"]
    assert taken(tmp_path, exclude=("2024", "?.png")) == []
    for glob, photos in BRACKETS.items():
        assert taken(tmp_path / "2024", include=(glob,)) == photos, glob
    for glob, said in (("[z-a]*", r"glob '\[z-a\]\*': a range in"), ("", "glob '': fits nothing")):
        with pytest.raises(UsageError, match=said):
            list(pairing.pairs(config((tmp_path, tmp_path), include=[glob])))
    left_out = LeftOut()
    assert taken(tmp_path, left_out, include=("*.png",), exclude=("2023/**",)) == ["caf\u00e9/e.png", "d.png"]
    reasons = {(str(one["reason"]), one["number"]) for one in left_out.as_records()}
    assert reasons == {("by --exclude", 1), ("not by --include", 2)}


def test_globs_are_for_photos_and_not_for_artworks(folders: tuple[Path, Path]) -> None:
    assert pairing.survey(config(folders, include=["*.png"])).pairs == 2
    assert pairing.survey(config(folders, exclude="night")).pairs == 4
    with pytest.raises(UsageError, match=r"4 skipped.*not by --include"):
        list(pairing.pairs(config(folders, include=["*.gif"])))


def test_globs_that_fit_nothing_are_told_beside_those_that_do(folders: tuple[Path, Path]) -> None:
    given = config(folders, include=["*.png", "2023/*", "night", "*.gif"], exclude=["b.*", "no*/**"])
    assert pairing.survey(given).notes == (
        "include 2023/*, *.gif fits no file of CONTENT",
        "exclude no*/** fits no file of CONTENT",
    )
    one = config((folders[0] / "day" / "a.jpg", folders[1]), include=["*.png"])
    assert pairing.survey(one).notes == ("include *.png changes nothing, as CONTENT is a single file",)
    assert pairing.survey(config(folders, include=["*.png", "night"])).notes == ()


def test_artworks_inside_the_photos_are_said_until_they_are_left_out(folders: tuple[Path, Path]) -> None:
    assert pairing.survey(config(folders)).lines() == []
    inside = folders[0] / "art"
    folders[1].rename(inside)
    (note,) = pairing.survey(config((folders[0], inside))).lines()
    assert "STYLES lies in CONTENT" in note
    assert "--exclude 'art/**'" in note
    survey = pairing.survey(config((folders[0], inside), exclude=["art/**"]))
    assert survey.pairs == 8
    assert survey.lines() == ["CONTENT: 2 skipped: 2 .jpg (by --exclude)"]


def test_one_file_is_fine_for_either_input(folders: tuple[Path, Path]) -> None:
    one = folders[0] / "day" / "a.jpg", folders[1] / "oil" / "sea.jpg"
    assert names(list(pairing.pairs(config(one)))) == [("a.jpg", "sea.jpg")]
    assert pairing.survey(config((one[0], folders[1]))).pairs == 2
    assert pairing.survey(config((folders[0], one[1]))).pairs == 4


def test_the_home_folder_is_found_in_every_place(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "list.csv").write_text("content_uri,style_uri\n~/content/day/a.jpg,~/styles/oil/sea.jpg\n")
    given = configs.build({"content": "~/content", "styles": "~/styles", "out": "~/out"})
    assert given.out == str(tmp_path / "out")
    listed = configs.build({"manifest": "~/list.csv", "out": "~/out"})
    for made, count in ((given, 8), (listed, 1)):
        found = list(pairing.pairs(made))
        assert len(found) == count
        assert all(Path(one.content.uri).is_file() and Path(one.style.uri).is_file() for one in found)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_is_found_however_its_accents_are_written(
    folders: tuple[Path, Path], tmp_path: Path, form: Literal["NFC", "NFD"]
) -> None:
    other: Literal["NFC", "NFD"] = "NFD" if form == "NFC" else "NFC"
    here = tmp_path / unicodedata.normalize(form, "Füße") / unicodedata.normalize(form, "é.jpg")
    here.parent.mkdir()
    here.write_bytes(b"x")
    asked = tmp_path / unicodedata.normalize(other, "Füße")
    assert [one.content.uri for one in pairing.pairs(config((asked, folders[1])))] == [str(here)] * 2
    listed = tmp_path / "list.csv"
    listed.write_text(f"content_uri,style_uri\n{asked / unicodedata.normalize(other, 'é.jpg')},gone.jpg\n")
    (pair,) = manifest.read(str(listed))
    assert (pair.content.uri, pair.content.identity != "missing") == (str(here), True)


def test_the_files_that_people_have_are_all_taken_or_counted(real_data: Path) -> None:
    cases = real_data / "cases"
    if not cases.is_dir():
        pytest.skip("the folder of real data holds no cases")
    left_out = LeftOut()
    assert taken(cases / "not_photos", left_out) == ["2024/a.jpg"]
    assert left_out.total == 11
    for name in ("suffixes", "heic", "metadata", "truncated", "planar_tiff", "gif"):
        assert len(taken(cases / name)) == len(list((cases / name).iterdir()))
