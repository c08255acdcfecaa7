"""What the page's server gives, and to whom."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from stylize import images
from stylize.io.files import write_atomic
from stylize.results.copies import run_folders
from stylize.results.schema import to_batch
from stylize.results.store import RowStore
from stylize.viewer import server
from stylize.votes import read_votes
from tests.support.asked_viewer import Opened, on
from tests.support.made_rows import BEGIN, row
from tests.support.s3 import bucket
from tests.support.samples import picture
from tests.support.viewed import viewed_run


def test_a_picture_made_elsewhere_is_shown_where_rows_are_trusted(tmp_path: Path) -> None:
    there = tmp_path / "elsewhere.png"
    there.write_bytes(images.encode(picture(3), "png", 95))
    uris = {name: str(there) for name in ("content_uri", "style_uri", "output_uri")}
    with RowStore.open(tmp_path / "out") as store:
        store.add(to_batch([row(0) | uris | {"measure_mode": "scored", "precision": None, "stylizer": "their tool"}]))
    shown = [
        Opened(str(tmp_path / "out"), cache=tmp_path / "cache", trusted=trusted).picture("picture-result/0.jpg")
        for trusted in (False, True)
    ]
    assert [one is not None for one in shown] == [False, True]


def test_the_page_and_its_data_are_there(seen: Opened) -> None:
    assert "<main" in seen.get().text
    index = seen.data("index")
    assert index["rows"] == 12
    assert {"run", "method", "ssim", "error"} <= {one["name"] for one in index["columns"]}
    assert seen.texts("method")[:2] == ["compact", "microast"]
    assert seen.texts("picture")[:2] == [None, "jpg"]
    (first, second, *_) = seen.data("rows/0")
    assert first["error"] == "the disk was gone"
    assert "ssim" not in first
    assert second["ssim"] == 0.01
    assert second["warmup"] == seen.texts("warmup")[1] == "false"
    # As JavaScript counts: row 1 began a second later.
    assert second["started_at"] == BEGIN.timestamp() * 1000 + 1000


def test_pictures_photos_artworks_and_their_thumbnails(opened: Opened, tmp_path: Path) -> None:
    for kind in ("result", "photo", "artwork"):
        for form in ("thumb", "picture"):
            found = opened.picture(f"{form}-{kind}/1.jpg")
            assert found is not None, (kind, form)
            assert found.size == (96, 64)
    assert opened.picture("thumb-result/0.jpg") is None
    assert len(list((tmp_path / "cache").glob("*.jpg"))) == 3


def test_a_result_is_served_byte_for_byte(opened: Opened, out: Path) -> None:
    answer = opened.get(f"{opened.viewer.site.base}picture-result/1.jpg")
    assert answer.content == (out / "images" / "microast" / "0-0.jpg").read_bytes()
    assert answer.headers["content-type"] == "image/jpeg"


def test_a_thumbnail_follows_its_picture(opened: Opened, out: Path) -> None:
    seen = [opened.get(f"{opened.viewer.site.base}thumb-result/1.jpg").content]
    for seed in (7, 8):  # of one size in bytes
        data = images.encode(picture(seed, 96, 64), "jpg", 90).ljust(50_000, b"\0")
        write_atomic(out / "images" / "microast" / "0-0.jpg", data)
        seen.append(opened.get(f"{opened.viewer.site.base}thumb-result/1.jpg").content)
    assert len(set(seen)) == 3


def test_photos_within_out_are_shown_without_asking_and_others_beside_them_are_not(tmp_path: Path) -> None:
    for place in ("out/inputs", "beside"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "a.png").write_bytes(images.encode(picture(3), "png", 95))
    uris = {"content_uri": str(tmp_path / "out/inputs/a.png"), "style_uri": str(tmp_path / "beside/a.png")}
    with RowStore.open(tmp_path / "out") as store:
        store.add(to_batch([row(0) | uris]))
    opened = Opened(str(tmp_path / "out"), cache=tmp_path / "cache")
    assert opened.data("index")["inputs"] == {"photo": True, "artwork": False}
    assert opened.picture("picture-photo/0.jpg") is not None
    assert opened.picture("thumb-artwork/0.jpg") is None


@pytest.mark.parametrize(
    "host", ["evil.com", "evil.com:8340", "127.0.0.1.evil.com", "", "localhost@evil.com", "10.0.0.1"]
)
def test_another_name_for_this_machine_gets_nothing(seen: Opened, host: str) -> None:
    for path in ("", "index.js", f"{seen.viewer.site.base}rows/0.js", "votes"):
        answer = seen.get(path, headers={"Host": host})
        assert answer.status_code == 403
        assert "photo0" not in answer.text
    assert seen.vote(headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8340", "localhost:9000", "[::1]:8340"])
def test_this_machine_is_known_by_its_names(seen: Opened, host: str) -> None:
    assert seen.get(headers={"Host": host}).status_code == 200


def test_without_the_token_there_is_nothing(seen: Opened) -> None:
    for path in ("/", "/index.html", "/x/", f"/{seen.viewer.token[:-1]}/", "/favicon.ico", "/x/votes", "/%3F", "//"):
        assert seen.ask("GET", path).status_code == 403
    assert seen.ask("GET", f"/{seen.viewer.token}").headers["location"].endswith(f"/{seen.viewer.token}/")
    posted = seen.ask("POST", "/x/votes", content="{}", headers={"Content-Type": "application/json"})
    assert posted.status_code == 403


@pytest.mark.parametrize("path", [
    "../pyproject.toml", "..%2f..%2fpyproject.toml", "%2e%2e/viewer.py", "//etc/passwd", "v1/rows/-1.js",
    "v1/rows/9.js", "v1/columns/no.js", "v1/columns/../index.js", "v1/picture-result/99.jpg",
    "v1/picture-secret/1.jpg", "server.py",
    "v1/thumb-result/1.svg", "static/index.html",
])  # fmt: skip
def test_what_is_no_file_of_the_page_is_not_there(seen: Opened, path: str) -> None:
    assert seen.get(path).status_code in (403, 404)


def test_every_answer_forbids_other_pages_and_scripts(seen: Opened) -> None:
    paths = ("", "index.js", "nosuch", f"{seen.viewer.site.base}thumb-result/1.jpg")
    for answer in (*map(seen.get, paths), seen.ask("PUT", f"/{seen.viewer.token}/"), seen.ask("GET", "/x/")):
        headers = answer.headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_a_reload_shows_the_rows_that_have_come(opened: Opened, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = opened.viewer.site.base
    with RowStore.open(out) as store:
        store.add(to_batch([row(99)]))
    assert opened.data("index")["rows"] == 12
    with monkeypatch.context() as once:
        once.setattr(server, "Table", lambda runs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            opened.get()
    opened.get()
    assert opened.data("index")["rows"] == 13
    assert opened.get(f"{old}rows/0.js").status_code == opened.get(f"votes?of={old}").status_code == 410
    assert opened.get(f"votes?of={opened.viewer.site.base}").json() == []


def test_two_runs_are_one_table(out: Path, tmp_path: Path) -> None:
    other = viewed_run(tmp_path / "other" / "out")
    opened = Opened(str(out), str(other), cache=tmp_path / "cache")
    assert set(opened.texts("run")) == {"run/out", "other/out"}
    assert opened.picture("picture-result/13.jpg") is not None


def test_a_run_in_a_store(out: Path, tmp_path: Path) -> None:
    with bucket() as s3:
        uri = s3.upload(out, "deep/out")
        with run_folders([uri]) as runs:
            opened = Opened(folders=runs, cache=tmp_path / "cache", trusted=True)
            assert opened.picture("picture-result/1.jpg") is not None
            assert opened.picture("thumb-result/1.jpg") is not None
            before = s3.s3.requests
            assert opened.picture("thumb-result/1.jpg") is not None
            assert s3.s3.requests - before <= 1  # whether it is still there
            assert opened.vote().status_code == 200
            assert len(read_votes(uri)) == 1


def test_a_vote_is_in_out_before_it_is_answered(opened: Opened, out: Path) -> None:
    assert opened.vote("same").json() == {"taken": True}
    (vote,) = read_votes(str(out)).to_pylist()
    assert vote["voter"] == "Ada"
    assert vote["choice"] == "same"
    assert (vote["left_method"], vote["right_method"]) == ("compact", "microast")
    assert vote["left_task_id"] == row(2)["task_id"]
    file = out / "images" / "compact" / "0-1.jpg"
    assert vote["left_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert opened.get("votes").json() == [{"voter": "Ada", "choice": "same", "left": 2, "right": 3}]


def test_a_pair_is_judged_once_by_each_voter(opened: Opened, out: Path) -> None:
    assert opened.vote("left").json() == {"taken": True}
    assert opened.vote("right", vote_id="f" * 32, **on(3, 2)).json() == {"taken": False}
    assert opened.vote("right", vote_id="e" * 32, voter="Bob").json() == {"taken": True}
    assert sorted(one["choice"] for one in read_votes(str(out)).to_pylist()) == ["left", "right"]


@pytest.mark.parametrize("given", [{"voter": "Bob"}, on(4, 5)])
def test_a_vote_takes_no_place_of_another_one(opened: Opened, out: Path, given: dict[str, Any]) -> None:
    opened.vote("left")
    assert opened.vote("right", **given).status_code == 400
    assert [one["choice"] for one in read_votes(str(out)).to_pylist()] == ["left"]


def test_a_vote_is_not_lost_where_those_before_it_cannot_be_read(opened: Opened, out: Path) -> None:
    (out / "votes").mkdir()
    (out / "votes" / "part-x.parquet").write_text("no votes")
    assert opened.vote().status_code == 503


def test_a_file_that_is_not_what_the_row_recorded_is_not_given_out_to_be_voted_on(opened: Opened, out: Path) -> None:
    file, path = out / "images" / "microast" / "0-0.jpg", f"{opened.viewer.site.base}recorded-result/1.jpg"
    assert opened.get(path).content == file.read_bytes()
    write_atomic(file, images.encode(picture(7, 96, 64), "jpg", 90))
    assert opened.get(path).status_code == 404
    assert opened.get(f"{opened.viewer.site.base}picture-result/1.jpg").status_code == 200
    file.unlink()
    assert opened.get(path).status_code == 404


def test_votes_by_another_column_say_so(opened: Opened, out: Path) -> None:
    opened.vote(by="run")
    assert read_votes(str(out)).to_pylist()[0]["left_method"] == "compact, run out"


@pytest.mark.parametrize("given", [
    on(0, 1), on(2, 2), on(2, 5), {"choice": "both"}, {"voter": ""}, {"voter": "x" * 200}, {"vote_id": "../x"},
    {"left_task_id": 2}, {"more": 1}, {"by": "no"}, {"voter": None},
])  # fmt: skip
def test_what_is_no_vote_is_refused(seen: Opened, given: dict[str, Any]) -> None:
    answer = seen.vote(**given)
    assert answer.status_code == 400
    assert len(answer.text.splitlines()) == 1
    assert seen.get("votes").json() == []


def test_two_runs_of_the_same_photo_have_a_picture_of_it_each_and_the_first_has_the_votes(tmp_path: Path) -> None:
    same = {"content_uri": "/photos/a.jpg", "output_uri": "images/a.png", "output_sha256": "0" * 64}
    outs = [tmp_path / name for name in ("one", "two")]
    for number, out in enumerate(outs):
        with RowStore.open(out) as store:
            store.add(to_batch([row(number) | same]))
    opened = Opened(*map(str, outs), cache=tmp_path / "cache")
    assert opened.viewer.site.table.first_of("photo") == [0, 1]
    assert opened.vote(**on(1, 0)).status_code == 200
    assert [len(read_votes(str(out))) for out in outs] == [1, 0]


def test_a_vote_that_is_sent_again_or_that_a_copy_of_the_run_has_too_counts_once_as_it_was_written_last(
    opened: Opened, out: Path, tmp_path: Path
) -> None:
    opened.vote("left")
    copy = shutil.copytree(out, tmp_path / "copy")
    opened.vote("right")
    assert [one["choice"] for one in read_votes(str(out)).to_pylist()] == ["right"]
    both = Opened(str(out), str(copy), cache=tmp_path / "cache")
    assert both.get("votes").json() == [{"voter": "Ada", "choice": "right", "left": 2, "right": 3}]


def test_a_vote_on_two_mixes_of_other_artworks_is_refused(tmp_path: Path) -> None:
    same = {"content_uri": "/photos/a.jpg", "output_uri": "images/a.png", "output_sha256": "0" * 64}
    mixes = [{"style_uris": f'["/art/ink/wash.jpg", "/art/{other}.jpg"]'} for other in ("sea", "sun")]
    with RowStore.open(tmp_path / "out") as store:
        store.add(to_batch([row(number) | same | mix for number, mix in enumerate(mixes)]))
    opened = Opened(str(tmp_path / "out"), cache=tmp_path / "cache")
    assert opened.vote(**on(0, 1)).status_code == 400


def test_a_vote_on_rows_of_other_runs_is_told_apart(opened: Opened, out: Path) -> None:
    assert opened.vote(**on(2, 99)).status_code == 409
    assert opened.vote(left_run_id="another").status_code == 409
    assert not (out / "votes").exists()


def test_votes_are_taken_from_the_page_alone(opened: Opened, out: Path) -> None:
    assert opened.vote(headers={"Origin": "http://evil.com"}).status_code == 403
    assert opened.vote(headers={"Content-Type": "text/plain"}).status_code == 415
    assert opened.vote(voter="x" * 20_000).status_code == 413
    assert not (out / "votes").exists()
    assert opened.vote(headers={"Origin": "http://127.0.0.1:8340"}).status_code == 200


def test_where_votes_cannot_be_written_the_page_is_told(opened: Opened, out: Path) -> None:
    (out / "votes").write_text("a file")
    answer = opened.vote()
    assert answer.status_code == 503
    assert len(answer.text.splitlines()) == 1
