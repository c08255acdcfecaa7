"""Objects of a real S3 server: whole or with a clear line, with faults in between."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stylize import objects
from stylize.errors import CannotContinueError, CorruptImageError, UsageError
from stylize.results.mirror import copy_run
from stylize.storage import at_hand, read_bytes
from tests.s3 import Bucket, bucket


@pytest.fixture
def s3() -> Iterator[Bucket]:
    with bucket() as made:
        yield made


@pytest.mark.parametrize(
    "key", ["a.jpg", "deep/er/a b.jpg", "x#y.jpg", "50%.jpg", "p%20q.jpg", "ü/~!*'().jpg", "q?x=1&y.jpg"]
)
def test_any_key_is_read_as_it_is_called(s3: Bucket, key: str) -> None:
    assert read_bytes(s3.put(key, key.encode())) == key.encode()


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
    monkeypatch.setattr(objects, "RETRIES", 2)
    objects._store.cache_clear()
    uri = s3.put("a.jpg", b"pixels" * 100_000)
    s3.s3.faults, s3.s3.requests = [503] * 50, 0
    with pytest.raises(
        OSError, match=r"s3://pictures/a\.jpg could not be read, although tried again \(SignatureDoesNotMatch\)"
    ):
        objects.read(uri)
    assert s3.s3.requests == 3
    s3.s3.faults = ["cut"] * 50
    with pytest.raises(OSError, match="could not be read, although tried again"):
        objects.read(uri)


def test_what_is_not_there_or_refused_says_so_without_the_key_id(s3: Bucket) -> None:
    with pytest.raises(CorruptImageError, match=r"no such file: s3://pictures/no\.jpg"):
        read_bytes("s3://pictures/no.jpg")
    s3.s3.faults = [403]
    with pytest.raises(CorruptImageError, match="check the credentials") as refused:
        read_bytes("s3://pictures/a.jpg")
    assert "KEY-ID-HERE" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_names_come_lazily_and_only_from_below_the_folder(s3: Bucket) -> None:
    for key in ("in/a.jpg", "in/deep/b.jpg", "inside/c.jpg", "d.jpg"):
        s3.put(key, b"x")
    assert [found.name for found in objects.names("s3://pictures/in/")] == ["a.jpg", "deep/b.jpg"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: s3.put(f"many/{number:04}", b""), range(1010)))
    s3.s3.requests = 0
    listing = objects.names("s3://pictures/many")
    assert next(listing).name == "0000"
    assert s3.s3.requests == 1
    assert len(list(listing)) == 1009


def test_run_that_changes_while_it_is_copied_is_copied_again(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("part-1", "part-2"):
        s3.put(f"out/rows/{name}.parquet", name.encode())
    s3.put("out/run.json", b"{}")
    real = objects.fetch
    merged: list[str] = []

    def merging(uri: str, path: Path) -> None:
        if not merged:  # a driver puts both parts into one just after they were listed
            merged.append(s3.put("out/rows/part-3.parquet", b"both"))
            for old in ("part-1", "part-2"):
                s3.client.delete_object(Bucket="pictures", Key=f"out/rows/{old}.parquet")
        real(uri, path)

    monkeypatch.setattr(objects, "fetch", merging)
    copy_run("s3://pictures/out", tmp_path / "copy")
    assert [path.name for path in (tmp_path / "copy/rows").iterdir()] == ["part-3.parquet"]
    assert (tmp_path / "copy/run.json").read_bytes() == b"{}"


def test_no_rows_and_no_store_are_one_clear_line(s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="s3://pictures/none holds no rows: give the OUT of a run"):
        copy_run("s3://pictures/none", tmp_path / "a")
    s3.s3.faults = [403]
    with pytest.raises(UsageError, match="check the credentials"):
        copy_run("s3://pictures/none", tmp_path / "b")
    monkeypatch.setattr(objects, "RETRIES", 1)
    objects._store.cache_clear()
    s3.s3.faults = [500] * 9
    with pytest.raises(CannotContinueError, match="could not be read"):
        copy_run("s3://pictures/none", tmp_path / "c")
    with pytest.raises(UsageError, match="expected s3://BUCKET/KEY"):
        objects.read("s3://")


def test_profiles_of_aws_s_own_files_are_used(s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = s3.put("a.jpg", b"x")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    credentials = tmp_path / "credentials"
    credentials.write_text("[mine]\naws_access_key_id = FROM-FILE\naws_secret_access_key = S\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_PROFILE", "mine")
    objects._store.cache_clear()
    assert objects.read(uri) == b"x"
    assert "Credential=FROM-FILE/" in s3.s3.authorizations[-1]


def test_without_the_package_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    objects._store.cache_clear()
    with pytest.raises(UsageError, match="pip install obstore"):
        read_bytes("s3://bucket/a.jpg")


def test_large_object_is_complete_or_absent_whatever_breaks(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(range(256)) * 60_000  # 15 MB: several parts
    s3.s3.faults = [None, 503, "cut", 500, None, "cut"]
    s3.s3.requests = 0
    objects.put("s3://pictures/big", data)
    assert s3.s3.requests > 6
    assert objects.read("s3://pictures/big") == data
    monkeypatch.setattr(objects, "RETRIES", 1)
    objects._store.cache_clear()
    s3.s3.faults = [None, None, *[500] * 30]
    with pytest.raises(OSError, match="s3://pictures/none could not be written, although tried again"):
        objects.put("s3://pictures/none", data)
    s3.s3.faults = []
    assert objects.head("s3://pictures/none") is None


def test_conditional_write_says_who_was_first(s3: Bucket) -> None:
    uri = "s3://pictures/lock"
    first = objects.put(uri, b"1", {})
    with pytest.raises(objects.Conflict):
        objects.put(uri, b"2", {})
    objects.put(uri, b"3", first)
    with pytest.raises(objects.Conflict):
        objects.put(uri, b"4", first)
    assert objects.read(uri) == b"3"


def test_listing_that_breaks_off_goes_on_where_it_was(s3: Bucket) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: s3.put(f"many/{number:04}", b""), range(1010)))
    s3.s3.faults = ["cut", None, "cut", "cut"]
    assert [found.name for found in objects.names("s3://pictures/many")] == [f"{n:04}" for n in range(1010)]
    assert s3.s3.faults == []


def test_removing_what_is_not_there_is_no_error(s3: Bucket) -> None:
    uri = s3.put("x", b"1")
    objects.remove(uri)
    objects.remove(uri)
    assert objects.head(uri) is None


def test_password_in_a_uri_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="no credentials in a URI") as refused:
        objects.read("s3://KEY:SECRET@bucket/x")
    assert "SECRET" not in str(refused.value)


def test_weights_are_copied_once_and_again_when_they_change(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    s3.put("w/a.pth", b"1")
    s3.put("w/deep/b.pth", b"2")
    folder = at_hand("s3://pictures/w/")
    assert (folder.name, (folder / "a.pth").read_bytes(), (folder / "deep/b.pth").read_bytes()) == ("w", b"1", b"2")
    s3.s3.requests = 0
    assert at_hand("s3://pictures/w") == folder
    assert s3.s3.requests == 2  # to see that nothing changed
    s3.put("w/a.pth", b"3")
    assert (at_hand("s3://pictures/w") / "a.pth").read_bytes() == b"3"
    assert at_hand("s3://pictures/w/a.pth").read_bytes() == b"3"
    with pytest.raises(UsageError, match="s3://pictures/none: there is no such file or folder"):
        at_hand("s3://pictures/none")
    assert at_hand(str(tmp_path)) == tmp_path
