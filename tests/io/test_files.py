from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from stylize.errors import CannotContinueError, CorruptImageError, StylizeError, UsageError, one_line
from stylize.io.files import Folder, is_temporary, local_path, read_bytes, sizes_below, write_atomic

NAMES = ["plain.jpg", "with space.jpg", "quo\"te's.jpg", "new\nline.jpg", "фото-写真.jpg", "50%20#1?.jpg"]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def as_nobody(code: str, *args: object) -> str:
    """What `code` prints when run by a user whom permission bits bind, even if root runs the tests."""
    prelude = "import os, sys\nfrom pathlib import Path\nfrom stylize.io.files import *\n"
    prelude += "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
    command = [sys.executable, "-W", "error", "-c", prelude + code, *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_read_as_a_path_and_as_a_file_uri(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_atomic(path, b"bytes")
    assert read_bytes(str(path)) == b"bytes"
    assert read_bytes(path.as_uri()) == b"bytes"


def test_a_look_at_a_file_comes_before_it_is_read_and_may_refuse_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"header and more")
    seen = []

    def look(file: IO[bytes] | None, size_bytes: int) -> None:
        assert file is not None
        seen.append((file.read(6), size_bytes))

    assert read_bytes(str(path), look) == b"header and more"
    assert seen == [(b"header", 15)]

    def refuse(file: IO[bytes] | None, size_bytes: int) -> None:
        raise CorruptImageError("too large")

    with pytest.raises(CorruptImageError, match="too large"):
        read_bytes(str(path), refuse)


def test_a_name_that_is_no_utf8_has_a_file_uri(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))
    path.write_bytes(b"x")
    assert read_bytes(path.as_uri()) == b"x"


@pytest.mark.parametrize("uri", ["file:///a/b%20c", "file://localhost/a/b%20c", "file:/a/b%20c", "FILE:///a/b c"])
def test_file_uris_are_paths(uri: str) -> None:
    assert local_path(uri) == Path("/a/b c")


def test_a_plain_path_is_not_decoded() -> None:
    assert local_path("a/b%20c?d#e") == Path("a/b%20c?d#e")


@pytest.mark.parametrize("uri", ["ftp://host/a.jpg", "https://host/a.jpg", "file://server/share/a.jpg"])
def test_other_schemes_and_hosts_are_usage_errors_that_name_what_is_supported(uri: str) -> None:
    with pytest.raises(UsageError, match="file://"):
        read_bytes(uri)


def test_what_is_no_file_is_corrupt_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    cases = {
        str(tmp_path / "nowhere"): "no such file",
        str(tmp_path / "link"): "a link to a file that is not there",
        str(tmp_path / "file" / "below"): "no such file",
        str(tmp_path): "a folder, not a file",
        str(tmp_path / "pipe"): "a device or pipe, not a file",
        str(tmp_path / "loop"): "a link that leads back to itself",
        str(tmp_path / ("n" * 300)): "not a file name",
        "a\0b": "not a file name",
    }
    for uri, reason in cases.items():
        with pytest.raises(CorruptImageError, match=f"^{reason}"):
            read_bytes(uri)


def test_an_error_is_one_line_whatever_the_name() -> None:
    for name in NAMES:
        with pytest.raises(StylizeError) as caught:
            read_bytes("/nowhere/" + name)
        assert len(str(caught.value).splitlines()) == 1
    assert one_line("a b") == "a b"


def test_a_file_without_read_permission_is_corrupt_and_a_folder_without_write_permission_stops_the_run(
    open_folder: Path,
) -> None:
    (open_folder / "secret.jpg").write_bytes(b"x")
    (open_folder / "secret.jpg").chmod(0)
    tried = ("read_bytes(sys.argv[1])", "write_atomic(Path(sys.argv[1]).with_name('a.jpg'), b'x')")
    code = "\n".join(f"try: {one}\nexcept Exception as e: print(type(e).__name__, e)" for one in tried)
    read, written = as_nobody(code, open_folder / "secret.jpg").splitlines()
    assert read.startswith("CorruptImageError no permission to read: ")
    assert written.startswith("CannotContinueError ")
    assert "make it writable" in written


def test_a_write_replaces_makes_folders_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.jpg"
    for data in (b"one", b"two"):
        write_atomic(path, data, durable=True)
        assert path.read_bytes() == data
    assert [p.name for p in path.parent.iterdir()] == ["a.jpg"]


def test_a_written_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_atomic(tmp_path / "ours", b"")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "ours")]
    assert modes[0] == modes[1]


def test_a_guard_can_prevent_the_rename(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"theirs")

    def guard() -> None:
        assert [is_temporary(p.name) for p in sorted(tmp_path.iterdir())] == [True, False]
        raise CannotContinueError("another driver has OUT")

    with pytest.raises(CannotContinueError):
        write_atomic(path, b"ours", guard=guard)
    assert [p.name for p in tmp_path.iterdir()] == ["a.jpg"]
    assert path.read_bytes() == b"theirs"


def test_a_durable_file_is_on_the_disk_before_its_name_and_its_name_before_the_call_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append(Path(f"/proc/self/fd/{descriptor}").resolve().name))
    monkeypatch.setattr(Path, "replace", lambda path, target: done.append(f"to {target.name}"))
    write_atomic(tmp_path / "a.parquet", b"rows", durable=True)
    assert [is_temporary(name) for name in done] == [True, False, False]
    assert done[1:] == ["to a.parquet", tmp_path.name]
    write_atomic(tmp_path / "a.jpg", b"picture")
    assert done[3:] == ["to a.jpg"]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free space"), (errno.EDQUOT, "free space"), (errno.EFBIG, "free space"),
        (errno.EROFS, "make it writable"), (errno.EPERM, "make it writable"), (errno.EIO, "put that right"),
    ],
)  # fmt: skip
def test_what_would_fail_for_the_next_file_too_ends_the_run(
    number: int, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(CannotContinueError, match=remedy):
        write_atomic(tmp_path / "a.jpg", b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_guard_can_prevent_what_happens_to_an_object(memory: Folder) -> None:
    def guard() -> None:
        raise CannotContinueError("another driver has OUT")

    memory.write("a.jpg", b"theirs")
    with pytest.raises(CannotContinueError, match="another driver"):
        memory.write("a.jpg", b"ours", guard)
    with pytest.raises(CannotContinueError, match="another driver"):
        memory.remove("a.jpg", guard)
    assert memory.read("a.jpg") == b"theirs"
    assert sizes_below(memory.location) == {"a.jpg": 6}


def test_an_object_is_found_however_its_accents_are_written(memory: Folder) -> None:
    memory.write("caf\u00e9.jpg", b"one character")
    memory.write("u\u0308.jpg", b"two characters")
    assert read_bytes(memory.at("cafe\u0301.jpg")) == b"one character"
    assert read_bytes(memory.at("\u00fc.jpg")) == b"two characters"


def test_a_failed_write_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomic(tmp_path / "folder", b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_a_file_in_place_of_a_folder_ends_the_run_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "ink").touch()
    with pytest.raises(CannotContinueError, match="ink is no folder: move it away, or give"):
        write_atomic(tmp_path / "ink" / "may" / "a.jpg", b"x")


@pytest.mark.parametrize("link", ["images", "images/ink"])
def test_nothing_is_written_or_removed_through_a_link_out_of_the_folder(tmp_path: Path, link: str) -> None:
    (mine := tmp_path / "mine" / "ink").mkdir(parents=True)
    (mine / "a.jpg").write_bytes(b"mine")
    (place := tmp_path / "out" / link).parent.mkdir(parents=True)
    place.symlink_to(mine if link.endswith("ink") else mine.parent)
    out = Folder(str(tmp_path / "out"))
    with pytest.raises(CannotContinueError, match="a link to outside of"):
        out.write("images/ink/a.jpg", b"new")
    with pytest.raises(CannotContinueError, match="a link to outside of"):
        out.remove("images/ink/a.jpg")
    assert (mine / "a.jpg").read_bytes() == b"mine"


def test_a_folder_that_becomes_a_link_is_seen_after_a_first_file(tmp_path: Path) -> None:
    (mine := tmp_path / "mine").mkdir()
    out = Folder(str(tmp_path / "out"))
    for number in range(2):
        out.write(f"images/{number}.jpg", b"new")
    (tmp_path / "out" / "images").rename(tmp_path / "out" / "before")
    (tmp_path / "out" / "images").symlink_to(mine)
    with pytest.raises(CannotContinueError, match="a link to outside of"):
        out.write("images/2.jpg", b"new")
    assert list(mine.iterdir()) == []


def test_a_folder_may_itself_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    Folder(str(tmp_path / "out")).write("images/a.jpg", b"new")
    assert (tmp_path / "real" / "images" / "a.jpg").read_bytes() == b"new"


def test_threads_writing_one_name_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"

    def write(number: int) -> None:
        for _ in range(8):
            write_atomic(path, bytes([number]) * 50_000)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(path.read_bytes())) == 1
    assert path.stat().st_size == 50_000
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_goes_while_a_folder_is_listed_is_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept").write_bytes(b"123")
    (tmp_path / "gone").write_bytes(b"")
    is_file = Path.is_file

    def looked_at(path: Path) -> bool:
        found = is_file(path)
        (tmp_path / "gone").unlink(missing_ok=True)
        return found or path.name == "gone"

    monkeypatch.setattr(Path, "is_file", looked_at)
    assert sizes_below(str(tmp_path)) == {"kept": 3}
