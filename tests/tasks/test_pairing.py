"""Which photo meets which artwork, and the keys of the tasks that come of it."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stylize import config as configs
from stylize.config import JobConfig
from stylize.errors import UsageError
from stylize.tasks import pairing
from stylize.tasks.task import Input, Pair


def config(folders: tuple[Path, Path], **values: Any) -> JobConfig:
    return configs.build({"content": str(folders[0]), "styles": str(folders[1]), "out": "/out"} | values)


def names(found: list[Pair]) -> list[tuple[str, str]]:
    return [(Path(p.content.uri).name, Path(p.style.uri).name) for p in found]


def test_cross_pairs_every_photo_with_every_artwork_styles_together(folders: tuple[Path, Path]) -> None:
    found = list(pairing.pairs(config(folders)))
    assert len(found) == pairing.survey(config(folders)).pairs == 8
    assert [style for style, _ in itertools.groupby(p.style.uri for p in found)] == sorted({p.style.uri for p in found})


def test_zip_pairs_in_order_and_wants_equal_counts(folders: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="CONTENT has 4, STYLES has 2"):
        pairing.survey(config(folders, pairing="zip"))
    for path in (folders[0] / "night").iterdir():
        path.unlink()
    assert names(list(pairing.pairs(config(folders, pairing="zip")))) == [("a.jpg", "wash.jpg"), ("b.png", "sea.jpg")]


def drawn(folders: tuple[Path, Path], **values: Any) -> dict[str, set[str]]:
    """The artworks' names by the photo's URI."""
    made = config(folders, pairing="random", **values)
    stream = list(pairing.pairs(made))
    assert len(stream) == len(set(stream)) == pairing.survey(made).pairs
    by_photo: dict[str, set[str]] = {}
    for pair in stream:
        by_photo.setdefault(pair.content.uri, set()).add(Path(pair.style.uri).name)
    return by_photo


def many(tmp_path: Path, photos: int, artworks: int) -> tuple[Path, Path]:
    for name, number in (("photos", photos), ("artworks", artworks)):
        (tmp_path / name).mkdir(exist_ok=True)
        for one in range(number):
            (tmp_path / name / f"{one:03}.jpg").touch()
    return tmp_path / "photos", tmp_path / "artworks"


def test_cycle_begins_again_with_the_first_artwork(tmp_path: Path) -> None:
    made = config(many(tmp_path, 5, 2), pairing="cycle")
    expected = [(f"{number:03}.jpg", f"{number % 2:03}.jpg") for number in range(5)]
    assert sorted(names(list(pairing.pairs(made)))) == expected
    assert pairing.survey(made).pairs == 5


def test_random_draws_as_many_artworks_for_each_photo_and_the_seed_decides_which(tmp_path: Path) -> None:
    folders = many(tmp_path, 40, 10)
    first = drawn(folders, styles_per_photo=3)
    assert len(first) == 40
    assert {len(artworks) for artworks in first.values()} == {3}
    assert set.union(*first.values()) == {f"{number:03}.jpg" for number in range(10)}
    assert drawn(folders, styles_per_photo=3) == first != drawn(folders, styles_per_photo=3, seed=1)


def test_random_pairs_stay_in_a_growing_folder_and_a_new_artwork_takes_one_place_at_most(tmp_path: Path) -> None:
    first = drawn(many(tmp_path, 40, 10), styles_per_photo=3)
    more_photos = drawn(many(tmp_path, 80, 10), styles_per_photo=3)
    assert {uri: more_photos[uri] for uri in first} == first
    assert len(more_photos) == 80
    more_artworks = drawn(many(tmp_path, 80, 11), styles_per_photo=3)
    assert all(len(more_photos[uri] - artworks) <= 1 for uri, artworks in more_artworks.items())
    assert all(artworks - more_photos[uri] <= {"010.jpg"} for uri, artworks in more_artworks.items())
    assert 0 < sum("010.jpg" in artworks for artworks in more_artworks.values()) < 80


def test_random_pairs_are_those_that_earlier_runs_drew() -> None:
    photos, artworks = ([Input(f"/{name}/{n}.jpg", "1:1", None) for n in range(4)] for name in ("photos", "art"))
    found = pairing._drawn(iter(photos), artworks, 1, 0)
    assert [pair.style.uri for pair in found] == [f"/art/{n}.jpg" for n in (1, 1, 2, 1)]


def test_random_pairs_of_all_shards_are_those_of_the_whole(tmp_path: Path) -> None:
    folders = many(tmp_path, 20, 5)
    shares = [list(pairing.pairs(config(folders, pairing="random", shard=f"{k}/3"))) for k in (1, 2, 3)]
    whole = list(pairing.pairs(config(folders, pairing="random")))
    assert Counter(itertools.chain(*shares)) == Counter(whole)


def test_fewer_artworks_than_are_drawn_are_all_taken_which_is_said(tmp_path: Path) -> None:
    made = config(many(tmp_path, 4, 2), pairing="random", styles_per_photo=3)
    assert len(list(pairing.pairs(made))) == 8
    survey = pairing.survey(made)
    assert (survey.pairs, survey.notes) == (8, ("STYLES has 2 artworks only: each photo meets them all",))


def test_a_number_of_artworks_goes_with_random_alone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="styles_per_photo: this is for pairing random alone"):
        config((tmp_path, tmp_path), styles_per_photo=2)


@pytest.mark.parametrize("content", ["s3://pictures//photos", "S3://pictures/photos/", "s3://pictures"])
@pytest.mark.parametrize("out", ["s3://pictures/photos/out", "s3://pictures//photos//", "S3://pictures/photos/out"])
def test_an_out_inside_an_input_s_prefix_is_a_wrong_call_however_it_is_spelt(content: str, out: str) -> None:
    given = configs.build({"content": content, "styles": "s3://pictures/styles", "out": out})
    with pytest.raises(UsageError, match="OUT lies in CONTENT"):
        pairing.pairs(given)


def test_empty_and_missing_folders_are_wrong_calls(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no images"):
        pairing.survey(config((tmp_path / "empty", folders[1])))
    with pytest.raises(UsageError, match="STYLES: no such folder"):
        pairing.survey(config((folders[0], tmp_path / "gone")))


def test_pairs_of_an_empty_folder_are_a_wrong_call_without_a_count_before(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    for how in ("cross", "zip"):
        with pytest.raises(UsageError, match="no images"):
            pairing.pairs(config((folders[0], tmp_path / "empty"), pairing=how))


@pytest.mark.parametrize("inside", ["content", "content/out", "styles/a/b"])
def test_an_out_inside_an_input_folder_is_a_wrong_call(folders: tuple[Path, Path], tmp_path: Path, inside: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    for out in (tmp_path / inside, tmp_path / "link" / inside):
        for call in (pairing.survey, pairing.pairs):
            with pytest.raises(UsageError, match="OUT lies in"):
                call(config(folders, out=str(out)))
    assert pairing.survey(config(folders, out=str(tmp_path / "content-out"))).pairs == 8


def test_uneven_folders_under_zip_are_a_wrong_call_while_reading_too(folders: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="fewer artworks"):
        list(pairing.pairs(config(folders, pairing="zip")))


def test_ten_pairs_of_a_huge_cross_list_only_what_they_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("content", "styles"):
        for number in range(60):
            path = tmp_path / name / f"{number:02}" / "a.jpg"
            path.parent.mkdir(parents=True)
            path.touch()
    listed: list[object] = []
    scandir = os.scandir

    def noted(path: Any) -> Any:
        listed.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", noted)
    assert len(list(itertools.islice(pairing.pairs(config((tmp_path / "content", tmp_path / "styles"))), 10))) == 10
    assert len(listed) < 20


def test_grouping_by_style_loses_and_doubles_nothing() -> None:
    stream = [Pair(Input(str(n), "1", None), Input(str(n % 7), "1", None)) for n in range(5000)]
    grouped = list(pairing.grouped_by_style(iter(stream)))
    assert Counter(grouped) == Counter(stream)
    changes = sum(a.style != b.style for a, b in itertools.pairwise(grouped))
    assert changes < 50


def test_rows_of_a_manifest_that_share_an_artwork_follow_each_other(folders: tuple[Path, Path], tmp_path: Path) -> None:
    artworks = ("ink/wash.jpg", "oil/sea.jpg")
    lines = [f"content/day/{photo},styles/{art}" for photo in ("a.jpg", "b.png") for art in artworks]
    (tmp_path / "list.csv").write_text("\n".join(["content_uri,style_uri", *lines]))
    made = configs.build({"manifest": str(tmp_path / "list.csv"), "out": "/out"})
    assert [style for _, style in names(list(pairing.pairs(made)))] == ["wash.jpg"] * 2 + ["sea.jpg"] * 2


def key(folders: tuple[Path, Path], weights: str | None = "w", **values: Any) -> str:
    made = config(folders, **values)
    return next(pairing.tasks(pairing.pairs(made), made.result_settings(), weights, made.format)).task_id


def test_a_task_is_the_same_for_the_same_inputs_settings_and_weights(folders: tuple[Path, Path]) -> None:
    first = key(folders)
    assert len(first) == 64
    assert key(folders) == key(folders, actors=7, timeout_s=9, progress="off") == first


@pytest.mark.parametrize("change", [{"seed": 1}, {"precision": "bf16"}, {"settings": {"alpha": 0.5}}, {"quality": 80}])
def test_a_setting_that_decides_the_result_makes_another_task(
    folders: tuple[Path, Path], change: dict[str, Any]
) -> None:
    assert key(folders, **change) != key(folders)


def test_changed_file_or_weights_make_another_task(folders: tuple[Path, Path]) -> None:
    first = key(folders)
    assert key(folders, weights="v") != first
    (folders[0] / "day" / "a.jpg").write_bytes(b"another photo")
    assert key(folders) != first


def test_a_file_that_is_written_again_within_a_second_makes_another_task(folders: tuple[Path, Path]) -> None:
    photo = folders[0] / "day" / "a.jpg"
    os.utime(photo, ns=(0, 1_000_000_000))
    first = key(folders)
    os.utime(photo, ns=(0, 1_100_000_000))
    assert key(folders) != first
