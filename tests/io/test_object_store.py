"""Objects of a real S3 server: whole or with a clear line, with faults in between."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from stylize import config as configs
from stylize import images, load
from stylize.errors import CannotContinueError, CorruptImageError, UsageError, one_line
from stylize.io import object_store, retry
from stylize.io.files import at_hand, read_bytes
from stylize.pipeline.runner import Runner
from stylize.results.remote_parts import copy_run
from stylize.tasks import pairing
from tests.support.s3 import QUICK, Bucket
from tests.support.samples import picture

DEFAULT = retry.DEFAULT


@pytest.mark.parametrize(
    "key", ["a.jpg", "deep/er/a b.jpg", "x#y.jpg", "50%.jpg", "p%20q.jpg", "ü/~!*'().jpg", "q?x=1&y.jpg"]
)
def test_any_key_is_read_as_it_is_called(s3: Bucket, key: str) -> None:
    assert read_bytes(s3.put(key, key.encode())) == key.encode()


def test_an_object_is_refused_by_its_size_before_its_bytes_come(s3: Bucket) -> None:
    uri = s3.put("a.jpg", bytes(1000))
    sizes = []

    def look(file: object, size_bytes: int) -> None:
        sizes.append((file, size_bytes))
        raise CorruptImageError("too large")

    with pytest.raises(CorruptImageError, match="too large"):
        read_bytes(uri, look)
    assert sizes == [(None, 1000)]


def test_throttling_and_server_errors_are_tried_again(s3: Bucket) -> None:
    uri = s3.put("a.jpg", b"pixels" * 1000)
    s3.s3.faults, s3.s3.requests = [503, 500, 429], 0
    assert read_bytes(uri) == b"pixels" * 1000
    assert s3.s3.requests == 4


def test_a_body_that_breaks_off_is_read_again(s3: Bucket) -> None:
    uri = s3.put("a.jpg", b"pixels" * 100_000)
    s3.s3.faults = ["cut", "cut"]
    assert read_bytes(uri) == b"pixels" * 100_000


def test_endless_faults_end(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "DEFAULT", QUICK._replace(attempts=3))
    uri = s3.put("a.jpg", b"pixels" * 100_000)
    s3.s3.faults, s3.s3.requests = [503] * 50, 0
    with pytest.raises(
        OSError,
        match=r"s3://pictures/a\.jpg could not be read, although tried again \(status 503, SignatureDoesNotMatch\)",
    ):
        object_store.read(uri)
    assert s3.s3.requests == 3
    s3.s3.faults = ["cut"] * 50
    with pytest.raises(OSError, match="could not be read, although tried again"):
        object_store.read(uri)


def test_what_is_not_there_or_refused_says_so_without_the_key_id(s3: Bucket) -> None:
    with pytest.raises(CorruptImageError, match=r"no such file: s3://pictures/no\.jpg"):
        read_bytes("s3://pictures/no.jpg")
    s3.s3.faults = [403]  # a signature that the rest of the store does not mind, as of an odd key
    with pytest.raises(CorruptImageError, match="check the credentials") as refused:
        read_bytes("s3://pictures/a.jpg")
    assert "KEY-ID-HERE" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_names_come_lazily_from_below_the_folder_alone_and_go_on_where_a_listing_broke_off(
    s3: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("in/a.jpg", "in/deep/b.jpg", "inside/c.jpg", "d.jpg"):
        s3.put(key, b"x")
    assert [info.name for info in object_store.names("s3://pictures/in/")] == ["a.jpg", "deep/b.jpg"]
    # An answer to a listing has up to 60, more than obstore hands on at once.
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "60")
    keys = [f"{number:03}" for number in range(130)]
    for key in keys:
        s3.put(f"many/{key}", b"")
    s3.s3.requests = 0
    listing = object_store.names("s3://pictures/many")
    assert next(listing).name == "000"
    assert s3.s3.requests == 1
    assert len(list(listing)) == 129
    s3.s3.faults = ["cut", None, "cut", "cut"]
    assert [info.name for info in object_store.names("s3://pictures/many")] == keys
    assert s3.s3.faults == []


def test_run_that_changes_while_it_is_copied_is_copied_again(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("part-1", "part-2"):
        s3.put(f"out/rows/{name}.parquet", name.encode())
    s3.put("out/run.json", b"{}")
    real = object_store.fetch
    merged: list[str] = []

    def merging(uri: str, path: Path, most_bytes: int | None = None) -> None:
        if not merged:  # a driver puts both parts into one just after they were listed
            merged.append(s3.put("out/rows/part-3.parquet", b"both"))
            for old in ("part-1", "part-2"):
                s3.client.delete_object(Bucket="pictures", Key=f"out/rows/{old}.parquet")
        real(uri, path)

    monkeypatch.setattr(object_store, "fetch", merging)
    copy_run("s3://pictures/out", tmp_path / "copy")
    assert [path.name for path in (tmp_path / "copy/rows").iterdir()] == ["part-3.parquet"]
    assert (tmp_path / "copy/run.json").read_bytes() == b"{}"


def test_no_rows_and_no_store_are_one_clear_line(s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="s3://pictures/none holds no rows: give the OUT of a run"):
        copy_run("s3://pictures/none", tmp_path / "a")
    s3.s3.faults = [403]
    with pytest.raises(UsageError, match="check the credentials"):
        copy_run("s3://pictures/none", tmp_path / "b")
    monkeypatch.setattr(retry, "DEFAULT", QUICK._replace(attempts=2))
    s3.s3.faults = [500] * 9
    with pytest.raises(CannotContinueError, match="could not be read"):
        copy_run("s3://pictures/none", tmp_path / "c")
    with pytest.raises(UsageError, match="expected s3://BUCKET/KEY"):
        object_store.read("s3://")


def test_large_object_is_complete_or_absent_whatever_breaks(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(range(256)) * 60_000  # 15 MB: several parts
    s3.s3.faults = [None, 503, "cut", 500, None, "cut"]
    s3.s3.requests = 0
    object_store.put("s3://pictures/big", data)
    assert s3.s3.requests > 6
    assert object_store.read("s3://pictures/big") == data
    monkeypatch.setattr(retry, "DEFAULT", QUICK._replace(attempts=2))
    s3.s3.faults = [None, None, *[500] * 30]
    with pytest.raises(OSError, match="s3://pictures/none could not be written, although tried again"):
        object_store.put("s3://pictures/none", data)
    s3.s3.faults = []
    assert object_store.head("s3://pictures/none") is None


def test_conditional_write_says_who_was_first(s3: Bucket) -> None:
    uri = "s3://pictures/lock"
    first = object_store.put(uri, b"1", {})
    with pytest.raises(object_store.Conflict):
        object_store.put(uri, b"2", {})
    object_store.put(uri, b"3", first)
    with pytest.raises(object_store.Conflict):
        object_store.put(uri, b"4", first)
    assert object_store.read(uri) == b"3"


def test_removing_what_is_not_there_is_no_error(s3: Bucket) -> None:
    uri = s3.put("x", b"1")
    object_store.remove(uri)
    object_store.remove(uri)
    assert object_store.head(uri) is None


def test_throttling_of_seconds_is_outlasted(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "DEFAULT", DEFAULT)
    uri = s3.put("a.jpg", b"x")
    s3.s3.failing = "/"
    threading.Timer(3, lambda: setattr(s3.s3, "failing", None)).start()
    assert object_store.read(uri) == b"x"


def test_store_that_does_not_answer_ends_the_run_and_one_object_s_trouble_does_not(
    s3: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "DEFAULT", QUICK._replace(attempts=3))
    uri = s3.put("a.jpg", b"x")
    s3.s3.failing = "a.jpg"
    with pytest.raises(OSError, match=r"a\.jpg could not be read, although tried again"):
        read_bytes(uri)
    s3.s3.failing = "/"
    with pytest.raises(CannotContinueError, match="run the same command again, it resumes"):
        read_bytes(uri)


@pytest.mark.parametrize("failing", ["/", "a.png"])
def test_outage_ends_a_batch_and_leaves_no_row(s3: Bucket, tmp_path: Path, failing: str) -> None:
    photo, style = (s3.put(f"{name}.png", images.encode(picture(1), "png", 90)) for name in "as")
    listed = s3.put("list.csv", f"content_uri,style_uri\n{photo},{style}\n".encode())
    config = configs.build({"manifest": listed, "out": str(tmp_path), "stylizer": "identity"})
    tasks = list(pairing.tasks(pairing.pairs(config), config.result_settings(), None, config.format))
    runner = Runner(config, load("identity"), run_id="test", worker_id="w", token=None)
    s3.s3.failing = failing
    if failing == "/":
        with pytest.raises(CannotContinueError, match="it resumes"):
            runner.run(tasks)
    else:
        (row,) = runner.run(tasks).to_pylist()
        assert row["status"] == "failed"
        assert row["error"].startswith("OSError: s3://pictures/a.png could not be read, although tried again")
    runner.close()


def test_store_that_refuses_a_listing_answers(s3: Bucket) -> None:
    s3.s3.faults = [b"<Error><Code>AccessDenied</Code></Error>"]
    assert object_store.answers("s3://pictures/a.jpg")
    s3.s3.faults = [b"<Error><Code>InvalidAccessKeyId</Code></Error>"]
    assert not object_store.answers("s3://pictures/a.jpg")
    assert object_store.answers("s3://no-such-bucket/a.jpg")
    s3.s3.failing = "/"
    assert not object_store.answers("s3://pictures/a.jpg")


def test_guard_is_asked_before_every_try_to_write(s3: Bucket) -> None:
    asked: list[int] = []
    s3.s3.faults = [503] * 2
    object_store.put("s3://pictures/x", b"1", guard=lambda: asked.append(s3.s3.requests))
    assert asked == [0, 1, 2]
    s3.s3.faults, s3.s3.requests = [503] * 50, 0

    def lost() -> None:
        if s3.s3.requests:
            raise CannotContinueError("another run has it")

    for call in (
        lambda: object_store.put("s3://pictures/x", b"2", guard=lost),
        lambda: object_store.remove("s3://pictures/x", lost),
    ):
        s3.s3.requests = 0
        with pytest.raises(CannotContinueError, match="another run has it"):
            call()
        assert s3.s3.requests == 1
    s3.s3.faults = []
    assert object_store.read("s3://pictures/x") == b"1"


@pytest.mark.parametrize("key", ["in/a//b.jpg", "in/../b.jpg", "in/./b.jpg", "in/a\x01b.jpg"])
def test_listing_that_one_key_spoils_names_it(s3: Bucket, key: str) -> None:
    s3.put("in/a.jpg", b"x")
    s3.put(key, b"x")
    with pytest.raises(UsageError, match="rename it, or list the photos in a --manifest") as refused:
        list(object_store.names("s3://pictures/in"))
    assert one_line(key) in str(refused.value)


def test_objects_that_stand_for_folders_are_neither_names_weights_nor_rows(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for marker in ("w/", "w/deep/", "w/empty.pth", "out/", "out/rows/", "out/rows/deep/"):
        s3.put(marker, b"")
    s3.put("w/a.pth", b"1")
    s3.put("out/rows/part-1.parquet", b"rows")
    assert "" not in [info.name for info in object_store.names("s3://pictures/w")]
    assert [path.name for path in at_hand("s3://pictures/w").rglob("*")] == ["a.pth"]
    copy_run("s3://pictures/out", tmp_path / "copy")
    assert [path.name for path in (tmp_path / "copy/rows").iterdir()] == ["part-1.parquet"]
