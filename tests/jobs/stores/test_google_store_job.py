"""Objects, the lease and the main job in `gs://`, against Google's protocol on the loopback address."""

from __future__ import annotations

import io
import json
import os
import random
from collections.abc import Iterator

import pandas as pd
import pytest

from jobs.scheduler.worker import WORKER_ENV
from jobs.stylize_folder import main as stylize_folder
from stylize.errors import CannotContinueError, UsageError
from stylize.io import object_store, store_kinds
from stylize.results import output_lease
from stylize.results.output_lease import OutputLease
from tests.support.gcs import Generations, google_bucket
from tests.support.main_job import call, plain
from tests.support.s3 import Bucket

Google = tuple[Bucket, Generations]


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    folder = tmp_path_factory.mktemp("inputs")
    for number in range(8):
        plain(folder / "content" / f"kind{number % 2}" / f"{number:02}.png", (number * 20, 5, 77))
    plain(folder / "styles" / "s.png", (200, 2, 3))
    with google_bucket() as (made, proxy):
        made.upload(folder / "content", "content")
        made.upload(folder / "styles", "styles")
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("GOOGLE_")]:
                patch.setitem(WORKER_ENV, name, os.environ[name])  # as workers of a Ray that is started now have it
            yield made, proxy


def test_conditional_write_says_who_was_first(google: Google) -> None:
    uri = "gs://pictures/lock"
    first = object_store.put(uri, b"1", {})
    with pytest.raises(object_store.Conflict):
        object_store.put(uri, b"2", {})
    second = object_store.put(uri, b"3", first)
    with pytest.raises(object_store.Conflict):
        object_store.put(uri, b"4", first)
    assert object_store.read_version(uri) == (b"3", second)
    assert google[1].conditions[0] == "0"


def test_objects_are_written_whole_listed_and_removed(google: Google) -> None:
    data = bytes(range(256)) * 60_000  # 15 MB: several parts
    google[0].s3.faults = [None, 503, "cut", 500, None, "cut"]
    object_store.put("gs://pictures/large/big", data)
    assert object_store.read("gs://pictures/large/big") == data
    google[0].s3.faults = []
    assert [(info.name, info.size_bytes) for info in object_store.names("gs://pictures/large")] == [("big", len(data))]
    for _ in range(2):
        object_store.remove("gs://pictures/large/big")
    assert object_store.head("gs://pictures/large/big") is None
    with pytest.raises(FileNotFoundError, match="no such object: gs://pictures/none"):
        object_store.read("gs://pictures/none")


def test_one_driver_holds_an_out(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_lease, "RENEW_S", 0.5)
    with OutputLease("gs://pictures/held", print) as first:
        with pytest.raises(CannotContinueError, match="gs://pictures/held is in use by another run"):
            OutputLease("gs://pictures/held", print).__enter__()
        first.check()
    with OutputLease("gs://pictures/held", print):
        pass


def test_whole_job_in_a_bucket(google: Google, local_ray: str, capsys: pytest.CaptureFixture[str]) -> None:
    made, proxy = google
    chance = random.Random(7)
    made.s3.faults = [chance.choice([*[None] * 6, 503, 500, 429, "cut"]) for _ in range(60)]
    folders = ("gs://pictures/content", "gs://pictures/styles", "gs://pictures/out")
    words = [*folders, "--resolution-px", "64", "--actors", "1"]
    done = call(stylize_folder, *words)
    made.s3.faults = []
    assert done.returncode == 0, done.stderr
    keys = [info.name for info in object_store.names("gs://pictures/out/rows")]
    frame = pd.concat([pd.read_parquet(io.BytesIO(object_store.read(f"gs://pictures/out/rows/{key}"))) for key in keys])
    assert frame["task_id"].is_unique
    assert sorted(frame["content_uri"]) == sorted(f"gs://pictures/content/kind{n % 2}/{n:02}.png" for n in range(8))
    assert set(frame["status"]) == {"ok"}
    assert all(object_store.read(uri)[:2] == b"\xff\xd8" for uri in frame["output_uri"])
    assert stylize_folder(words) == 0
    assert "nothing to do: all 8 tasks have their rows already" in capsys.readouterr().out
    record = json.loads(object_store.read("gs://pictures/out/run.json"))
    assert [run["counts"] for run in record["earlier_runs"]] == [{"ok": 8}]
    assert proxy.authorizations - {""} == {"Bearer SECRET-HERE"}
    assert "SECRET-HERE" not in done.stdout + done.stderr + json.dumps(record) + frame.to_csv()


def test_a_base_url_that_is_none_is_one_line(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_BASE_URL", "http://KEY:SECRET@host")
    store_kinds.open_bucket.cache_clear()
    with pytest.raises(UsageError, match="GOOGLE_BASE_URL: expected http://HOST") as refused:
        object_store.read("gs://pictures/a.jpg")
    assert "SECRET" not in str(refused.value)
    store_kinds.open_bucket.cache_clear()
