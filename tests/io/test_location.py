"""URIs of object stores, and the credentials that their stores are opened with."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from stylize.errors import BadKeyError, UsageError
from stylize.io import object_store, store_kinds
from stylize.io.files import Folder, read_bytes
from stylize.io.location import LocalPath, ObjectUri, absolute, locate, normalized
from tests.support.s3 import Bucket

SECRETS = [
    "s3://KEY:SECRET@b/x.jpg",
    "s3://KEY:SEC/RET@b/x.jpg",
    "S3://SECRET@b",
    "gs://SECRET@b/x",
    "s3://SECRET b/x",
    "s3://SECRET?x/k",
    "s3://SECRET#f/k",
    "s3://[SECRET/k",
    "s3://b/x.jpg?X-Amz-Credential=KEY&X-Amz-Signature=SECRET",
    "s3://b/few?s3_access_key_id=KEY&s3_secret_access_key=SECRET",
    "s3://b/few?access_key=SECRET",
    "gs://b/few?a=b&session-token=SECRET",
    "s3://b/few?AWSAccessKeyId=SECRET",
    "s3://b/few?accessKey=SECRET",
    "s3a://KEY:SECRET@b/x.jpg",
    "https://b.s3.amazonaws.com/x.jpg?X-Amz-Signature=SECRET",
    "file://KEY:SECRET@host/x.jpg",
]


@pytest.mark.parametrize("key", ["what?monkey=1.jpg", "a?keys=2", "why&because=token.jpg"])
def test_a_name_that_only_looks_like_one_is_a_name(key: str) -> None:
    assert str(locate(f"s3://b/{key}")) == f"s3://b/{key}"


@pytest.mark.parametrize("uri", SECRETS)
def test_what_may_be_a_password_is_refused_and_not_repeated(uri: str) -> None:
    for call in (locate, normalized, read_bytes, Folder):
        with pytest.raises(UsageError) as refused:
            call(uri)
        assert "SEC" not in str(refused.value)
        assert "RET" not in str(refused.value)
        assert uri.partition(":")[0].lower() in str(refused.value).lower()


@pytest.mark.parametrize("text", ["s3:/SECRET/out", "S3:SECRET", "gs:/SECRET", r"s3:\\SECRET\out"])
def test_a_slash_that_was_left_out_makes_no_folder_of_this_machine(text: str) -> None:
    with pytest.raises(UsageError, match=r"without //; expected (s3|gs)://BUCKET/KEY, or \./(s3|gs):") as refused:
        locate(text)
    assert "SECRET" not in str(refused.value)
    assert str(locate(f"./{text}")) == text
    assert str(locate(f"/lists/{text}")) == f"/lists/{text}"
    with pytest.raises(UsageError, match="without //"):
        locate("s3://b/lists").resolve(text)
    assert str(locate("s3://b/lists").resolve(f"./{text}")) == f"s3://b/lists/{text}"


@pytest.mark.parametrize(
    ("uri", "form"),
    [
        ("s3://b//photos", "s3://b/photos"),
        ("S3://b/photos//", "s3://b/photos"),
        ("gs://b/", "gs://b"),
        ("s3://b/Photos/a", "s3://b/Photos/a"),
        ("a//b/", "a//b/"),
        ("file:///a/b", "file:///a/b"),
    ],
)
def test_a_place_in_a_bucket_has_one_form_and_a_path_stays(uri: str, form: str) -> None:
    assert normalized(uri) == form


def test_location_says_what_kind_of_place_a_text_names() -> None:
    assert locate("a/b%20c") == LocalPath(Path("a/b%20c"))
    assert locate("file:///a/b%20c") == LocalPath(Path("/a/b c"))
    assert locate("S3://b/x/y.jpg/") == ObjectUri("s3", "b", "x/y.jpg")
    assert locate("gs://b") == ObjectUri("gs", "b", "")
    assert str(locate("s3://b/x//y")) == "s3://b/x//y"


@pytest.mark.parametrize("root", ["/data", "s3://b/data", "s3://b"])
def test_locations_of_both_kinds_are_joined_and_taken_apart_alike(root: str) -> None:
    folder = locate(root)
    file = folder.join("deep/a.jpg")
    assert str(file) == f"{root}/deep/a.jpg"
    assert file.name == "a.jpg"
    assert file.parent.parent == folder
    assert file.absolute() == file
    assert file.is_inside(folder)
    assert folder.is_inside(folder)
    assert not folder.is_inside(file)
    assert not folder.is_inside(folder.parent.join("dat"))


def test_no_kind_of_location_lies_in_the_other() -> None:
    assert not locate("/b/data").is_inside(locate("s3://b"))
    assert not locate("s3://b/data").is_inside(locate("/"))
    assert not locate("s3://b/data").is_inside(locate("gs://b"))


def test_link_to_a_folder_leads_inside(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    assert LocalPath(tmp_path / "link/out").is_inside(LocalPath(tmp_path / "photos"))
    assert LocalPath(tmp_path / "link").absolute().path == tmp_path / "link"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("album/../a.jpg", "a.jpg"),
        ("album/../../HERE/./a.jpg", "a.jpg"),
        ("link/../b.jpg", "far/b.jpg"),
        ("album/../link/b.jpg", "link/b.jpg"),
        ("none/../a.jpg", "a.jpg"),
    ],
)
def test_two_dots_lead_where_the_system_takes_them(
    path: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "far/album").mkdir(parents=True)
    (tmp_path / "album").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far/album")
    monkeypatch.chdir(tmp_path)
    given = Path(path.replace("HERE", tmp_path.name))
    assert absolute(given) == absolute(tmp_path / given) == tmp_path / place


@pytest.mark.parametrize(
    ("folder", "text", "place"),
    [
        ("/lists", "a.jpg", "/lists/a.jpg"),
        ("/lists", "/else/a.jpg", "/else/a.jpg"),
        ("/lists", "file:///a%20b.jpg", "/a b.jpg"),
        ("/lists", "s3://b/a.jpg", "s3://b/a.jpg"),
        ("s3://b/lists", "a.jpg", "s3://b/lists/a.jpg"),
        ("s3://b/lists", "../photos/./a.jpg", "s3://b/photos/a.jpg"),
        ("s3://b", "a b#1.jpg", "s3://b/a b#1.jpg"),
        ("s3://b/lists", "/data/a.jpg", "/data/a.jpg"),
        ("s3://b/lists", "gs://c/a.jpg", "gs://c/a.jpg"),
    ],
)
def test_text_written_down_in_a_folder_is_resolved_from_there(folder: str, text: str, place: str) -> None:
    assert str(locate(folder).resolve(text)) == place


def test_another_kind_of_store_is_one_entry_in_the_table(memory: Folder, tmp_path: Path) -> None:
    memory.write("a.jpg", b"x")
    assert read_bytes("MEM://b/out/a.jpg") == b"x"
    assert [info.name for info in object_store.names("mem://b")] == ["out/a.jpg"]
    object_store.fetch("mem://b/out/a.jpg", tmp_path / "a.jpg")
    assert (tmp_path / "a.jpg").read_bytes() == b"x"
    memory.remove("a.jpg")
    assert object_store.head("mem://b/out/a.jpg") is None
    with pytest.raises(UsageError, match=r"plain paths, file://, .* and mem:// URIs"):
        locate("ftp://host/a.jpg")


@pytest.mark.parametrize("key", ["a//b.jpg", "a/../b.jpg", "./a.jpg", "a\nb.jpg", "a\x7f.jpg", "\udcff.jpg"])
def test_what_can_be_no_key_says_so_in_one_line_without_a_request(s3: Bucket, key: str) -> None:
    for call in (
        object_store.read,
        object_store.head,
        lambda uri: list(object_store.names(uri)),
        lambda uri: object_store.put(uri, b""),
    ):
        with pytest.raises(BadKeyError, match="no key") as refused:
            call(f"s3://pictures/{key}")
        assert str(refused.value).isprintable()
    assert s3.s3.requests == 0


def test_a_bucket_is_no_object(s3: Bucket) -> None:
    for call in (object_store.read, object_store.remove):
        with pytest.raises(UsageError, match="a bucket, where an object is wanted"):
            call("s3://pictures/")
    assert object_store.head("s3://pictures") is None


@pytest.fixture
def aws(s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of AWS's own files, and no credentials but theirs."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    store_kinds.open_bucket.cache_clear()
    return tmp_path


def test_profiles_of_aws_s_own_files_are_used(s3: Bucket, aws: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = s3.put("a.jpg", b"x")
    (aws / "credentials").write_text("[mine]\naws_access_key_id = FROM-FILE\naws_secret_access_key = S\n")
    (aws / "config").write_text("[profile mine]\nregion = eu-west-3\n")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    assert object_store.read(uri) == b"x"
    assert "Credential=FROM-FILE/" in s3.s3.authorizations[-1]
    assert "/eu-west-3/" in s3.s3.authorizations[-1]


def test_files_with_a_region_only_leave_credentials_to_the_environment_s_chain(
    s3: Bucket, aws: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = s3.put("a.jpg", b"x")
    s3.client.put_object_acl(Bucket=s3.name, Key="a.jpg", ACL="public-read")
    (aws / "config").write_text("[default]\nregion = eu-west-3\n")
    assert store_kinds.aws_profile() == {"region": "eu-west-3"}
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    assert object_store.read(uri) == b"x"
    assert s3.s3.authorizations[-1] == ""


@pytest.mark.parametrize(
    ("text", "profile", "line"),
    [
        ("[mine]\naws_access_key_id = K\n", "mine", r"cannot be used \(PartialCredentialsError\)"),
        ("[mine]\naws_access_key_id = K\n", "other", "AWS_PROFILE names no profile"),
        ("[mine]\ncredential_process = {helper}\n", "mine", r"cannot be used \(CredentialRetrievalError\)"),
    ],
)
def test_credentials_that_cannot_be_used_are_one_line_without_what_a_helper_says(
    s3: Bucket, aws: Path, monkeypatch: pytest.MonkeyPatch, text: str, profile: str, line: str
) -> None:
    helper = aws / "helper.py"
    helper.write_text("import sys; sys.exit('SECRET')")
    (aws / "credentials").write_text(text.format(helper=f"{sys.executable} {helper}"))
    monkeypatch.setenv("AWS_PROFILE", profile)
    with pytest.raises(UsageError, match=line) as refused:
        object_store.read("s3://pictures/a.jpg")
    assert "SECRET" not in str(refused.value)


def test_helper_that_fails_later_is_not_quoted_either(s3: Bucket, aws: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import CredentialRetrievalError  # type: ignore[import-untyped]
    from obstore.auth import boto3

    def fails(self: object) -> None:
        raise CredentialRetrievalError(provider="custom-process", error_msg="SECRET")

    (aws / "credentials").write_text("[default]\naws_access_key_id = K\naws_secret_access_key = S\n")
    monkeypatch.setattr(boto3.Boto3CredentialProvider, "__call__", fails)
    with pytest.raises(OSError, match="CredentialRetrievalError") as refused:
        object_store.read("s3://pictures/a.jpg")
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize("endpoint", ["http://KEY:SECRET@host", "not one", "host:9000"])
def test_an_endpoint_that_is_none_is_one_line(s3: Bucket, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    store_kinds.open_bucket.cache_clear()
    with pytest.raises(UsageError, match="AWS_ENDPOINT_URL: expected") as refused:
        object_store.read("s3://pictures/a.jpg")
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json", "open service account file from /nowhere/key.json"),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", '"SECRET"', "credentials or settings cannot be used"),
    ],
)
def test_bad_google_credentials_are_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str, line: str) -> None:
    monkeypatch.setenv(name, value)
    store_kinds.open_bucket.cache_clear()
    with pytest.raises(UsageError, match=line) as refused:
        object_store.read("gs://b/x")
    assert "SECRET" not in str(refused.value)
    assert str(refused.value).isprintable()


def test_without_the_package_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    store_kinds.open_bucket.cache_clear()
    with pytest.raises(UsageError, match="pip install obstore"):
        read_bytes("s3://bucket/a.jpg")


def test_names_that_an_ascii_locale_cannot_spell_are_those_of_their_utf8_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsencode", lambda path: os.fspath(path).encode("ascii", "surrogateescape"))
    monkeypatch.setattr(os, "fsdecode", lambda name: name.decode("ascii", "surrogateescape"))
    for text in ("/caf\u00e9/a", "file:///caf%C3%A9/a"):
        where = locate(text)
        assert isinstance(where, LocalPath)
        assert str(where.path) == "/caf\udcc3\udca9/a"
