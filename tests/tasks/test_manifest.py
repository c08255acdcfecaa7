"""Pairs from lists as people write them."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

import pandas as pd
import pytest

from stylize import config as configs
from stylize import load
from stylize.errors import UsageError
from stylize.io.files import read_bytes
from stylize.pipeline.runner import Runner
from stylize.tasks import manifest, pairing
from stylize.tasks.output_names import OutputNames
from stylize.tasks.task import Pair
from tests.support.s3 import bucket


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_manifest_gives_its_pairs_with_types_and_paths_from_its_own_folder(
    folders: tuple[Path, Path], tmp_path: Path, suffix: str
) -> None:
    table = pd.DataFrame(
        {
            "content_uri": ["content/day/a.jpg", str(folders[0] / "night" / "c d.jpg")],
            "style_uri": ["styles/ink/wash.jpg"] * 2,
            "content_type": ["sunny", None],
        }
    )
    path = tmp_path / f"list.{suffix}"
    table.to_csv(path, index=False, encoding="utf-8-sig") if suffix == "csv" else table.to_parquet(path)
    given = configs.build({"manifest": str(path), "out": "/out"})
    found = list(pairing.pairs(given))
    assert pairing.survey(given).pairs == 2
    assert [p.content.type for p in found] == ["sunny", None]
    assert all(Path(p.content.uri).is_file() and p.content.identity != "missing" for p in found)


def test_manifest_keeps_a_missing_file_as_a_pair(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("content_uri,style_uri\ngone.jpg,gone.png\n")
    (pair,) = pairing.pairs(configs.build({"manifest": str(path), "out": "/out"}))
    assert pair.content.identity == "missing"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("content_uri,other\na,b\n", "no column style_uri; its header is content_uri, other"),
        ("photo;art\na;b\n", "no column content_uri and no column style_uri; its header is photo, art"),
        ("sep=\r\ncontent_uri,style_uri\r\na,b\r\n", "no column style_uri; its header is sep="),
        ('sep="\ncontent_uri,style_uri\na,b\n', 'no column style_uri; its header is sep="'),
        ("content_uri,Content_URI,style_uri\na,b,c\n", "two columns content_uri"),
        ("", "no column .*it has no header"),
        ("content_uri,style_uri\n", "no rows"),
        ("content_uri,style_uri\n,\n\n , \n", "no rows"),
        ("\x1f\udc8b\x08\0", "list.csv: packed by gzip; unpack it first"),
        ("PK\x03\x04", "packed by zip; unpack it first, or save a spreadsheet as CSV UTF-8"),
        ("content_uri,style_uri\n\udcff,b\n", "not in UTF-8; in Excel, save it as `CSV UTF-8`"),
    ],
)
def test_bad_manifest_says_what_is_missing(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UsageError, match=message) as raised:
        list(pairing.pairs(configs.build({"manifest": str(path), "out": "/out"})))
    assert "\n" not in str(raised.value)


def pairs_of(tmp_path: Path, text: str | bytes, name: str = "list.csv") -> list[Pair]:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(manifest.read(str(path)))


PLAIN = "content_uri,style_uri,content_type\nphoto.jpg,art.jpg,sunny\n"
SPELLINGS: dict[str, str | bytes] = {
    "semicolons": PLAIN.replace(",", ";"), "tabs": PLAIN.replace(",", "\t"),
    "Windows lines": PLAIN.replace("\n", "\r\n"),
    "sep line": "sep=|\n" + PLAIN.replace(",", "|"), "quoted sep line": '"sep=;"\r\n' + PLAIN.replace(",", ";"),
    "UTF-8 mark": b"\xef\xbb\xbf" + PLAIN.encode(), "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16 big end first": b"\xfe\xff" + PLAIN.encode("utf-16-be"), "UTF-16 without mark": PLAIN.encode("utf-16-le"),
    "spaces": PLAIN.replace(",", " , "), "capitals": PLAIN.replace("content_uri,style_uri", "Content_URI,STYLE URI"),
    "empty rows": PLAIN.replace("\n", "\n\n,,\n , ,\n"), "quotes after spaces": PLAIN.replace("art.jpg", ' "art.jpg"'),
    "columns of another order": "Notes,style_uri,content_type,content_uri\n,art.jpg,sunny,photo.jpg\n",
    "another column": "content_uri,style_uri,content_type,Surplus\nphoto.jpg,art.jpg,sunny,yes\n",
    "empty columns at the end": PLAIN.replace("sunny", "sunny,,"),
    "other signs in names": PLAIN.replace("content_uri,style_uri,", "\u200bContent.URI,Style (URI),"),
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_list_is_read_as_people_and_their_programs_write_it(tmp_path: Path, spelling: str) -> None:
    (pair,) = pairs_of(tmp_path, SPELLINGS[spelling])
    assert (pair.content.uri, pair.style.uri) == (str(tmp_path / "photo.jpg"), str(tmp_path / "art.jpg"))
    assert (pair.content.type, pair.style.type) == ("sunny", None)


@pytest.mark.parametrize("rest", ["", "c.jpg,s.jpg\n" * 500, "c.jpg,s.jpg\n" * 20_000])
def test_a_quote_that_is_never_closed_swallows_nothing_in_silence(tmp_path: Path, rest: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f'content_uri,style_uri\na.jpg,s.jpg\n"b.jpg,s.jpg\n{rest}')
    with pytest.raises(UsageError, match=r"quote (that opens in row 2 )?(is )?never closed"):
        list(manifest.read(str(path)))
    path.write_text('\n\ncontent_uri,style_uri\n"a ""b""\n.jpg",s.jpg\n5".jpg,s.jpg')
    assert [pair.problem for pair in manifest.read(str(path))] == [None, None]


def test_a_tsv_is_a_list_too_and_parquet_may_have_other_capitals(tmp_path: Path) -> None:
    assert len(pairs_of(tmp_path, SPELLINGS["tabs"], "list.tsv")) == 1
    pd.DataFrame({"Content_URI": ["a.jpg"], "style uri": ["b.jpg"]}).to_parquet(tmp_path / "list.parquet")
    (pair,) = manifest.read(str(tmp_path / "list.parquet"))
    assert pair.content.uri == str(tmp_path / "a.jpg")


BAD_ROWS = {
    "row 2 has no style_uri": "a.jpg,", "row 2 has no content_uri": ",a.jpg",
    "row 2 has 3 fields, the header 2": "a,b,c",
    "row 2: http:// is not supported": "http://b/a.jpg,b.jpg",
}  # fmt: skip


@pytest.mark.parametrize("problem", BAD_ROWS)
def test_a_bad_row_is_a_row_and_not_the_end(folders: tuple[Path, Path], tmp_path: Path, problem: str) -> None:
    good = "content/day/a.jpg,styles/oil/sea.jpg"
    found = pairs_of(tmp_path, f"content_uri,style_uri\n{good}\n{BAD_ROWS[problem]}\n{good}\n")
    values = {"manifest": str(tmp_path / "list.csv"), "out": str(tmp_path / "out"), "stylizer": "identity"}
    given = configs.build(values)
    runner = Runner(given, load("identity"), run_id="r", worker_id="w", token=None)
    rows = runner.run(list(pairing.tasks(found, given.result_settings(), None, given.format))).to_pylist()
    assert [row["status"] for row in rows] == ["ok", "corrupt", "ok"]
    assert problem in rows[1]["error"]
    assert f"{tmp_path / 'list.csv'}: row 2" in (rows[1]["content_uri"], rows[1]["style_uri"])


@pytest.mark.parametrize(
    ("own", "said"),
    [("lots,", "alpha: expected a number, got 'lots'"), (",1:-1", "style_weights: expected numbers of 0 or more")],
)
def test_a_bad_row_keeps_what_it_lists_and_is_no_task_of_a_good_one(tmp_path: Path, own: str, said: str) -> None:
    header, listed = "content_uri,style_uris,alpha,style_weights\n", "photo.jpg,a.jpg|b.jpg"
    bad, good, other = pairs_of(tmp_path, f"{header}{listed},{own}\n{listed},,\n{listed},{own}\n")
    assert [one.uri for one in bad.inputs] == [one.uri for one in good.inputs]
    assert said in str(bad.problem)
    assert str(bad.problem).startswith(f"{tmp_path}/list.csv: row 1: ")
    named = OutputNames("{style}/{photo}", "compact", "jpg")
    tasks = list(pairing.tasks([bad, good, other], {"settings": {}}, None, "jpg", named.name))
    assert len({task.task_id for task in tasks}) == 3
    assert tasks[1].output_name.endswith("/photo.jpg")


@pytest.mark.parametrize(
    "uri", ["s3://KEY:SECRET@b/x.jpg", "s3://b?SECRET/x.jpg", "https://b/x?X-Amz-Signature=SECRET"]
)
@pytest.mark.parametrize("column", [0, 1])
def test_a_manifests_row_that_may_hold_a_password_is_named_by_its_number(tmp_path: Path, uri: str, column: int) -> None:
    row = ["a.jpg", "b.jpg"]
    row[column] = uri
    bad = pairs_of(tmp_path, f"content_uri,style_uri\na.jpg,b.jpg\n{','.join(row)}\n")[1]
    one = (bad.content, bad.style)[column]
    assert re.match(rf"{tmp_path}/list.csv: row 2: (s3|https)://", one.problem or "")
    assert "SECRET" not in repr(bad)


def test_the_lists_that_people_have_are_read(real_data: Path) -> None:
    folder = real_data / "cases" / "manifests"
    if not folder.is_dir():
        pytest.skip("the folder of real data holds no cases")
    paths = list(folder.iterdir())
    assert paths
    for path in paths:
        (pair,) = manifest.read(str(path))
        assert (Path(pair.content.uri).name, Path(pair.style.uri).name) == ("photo.jpg", "art.jpg")
        assert pair.content.problem is pair.style.problem is None


def test_manifest_in_a_bucket_has_keys_from_its_own_folder_and_bad_ones_cost_their_rows() -> None:
    with bucket() as s3:
        s3.put("photos/a.jpg", b"x")
        listed = (
            "../photos/a.jpg",
            "S3://pictures//photos/a.jpg",
            "./../photos//a.jpg",
            "s3://pictures/a//b.jpg",
            "../../a",
        )
        s3.put(
            "lists/my list.csv",
            b"content_uri,style_uri\n" + "".join(f"{one},s.jpg\n" for one in listed).encode(),
        )
        found = list(pairing.pairs(configs.build({"manifest": "s3://pictures//lists/my list.csv", "out": "/out"})))
        contents = {pair.content.uri: pair.content.identity for pair in found}
        assert list(contents) == ["s3://pictures/photos/a.jpg", "s3://pictures/a//b.jpg", "s3://pictures/../a"]
        assert {pair.style.uri for pair in found} == {"s3://pictures/lists/s.jpg"}
        problems = [pair.problem for pair in found if pair.problem]
        assert [problem.rpartition("list.csv: ")[2].partition(": no key")[0] for problem in problems] == [
            "row 4: s3://pictures/a//b.jpg",
            "row 5: s3://pictures/../a",
        ]


def test_manifest_that_is_not_in_its_bucket_is_called_by_its_role() -> None:
    with bucket() as s3:
        s3.put("packed.csv.gz", b"\x1f\x8b\x08\0")
        with pytest.raises(UsageError, match=r"^manifest s3://pictures/packed\.csv\.gz: packed by gzip; unpack it"):
            list(manifest.read("s3://pictures/packed.csv.gz"))
        for uri, said in (("s3://pictures/l.csv", "object"), ("s3://none/l.csv", "bucket")):
            with pytest.raises(UsageError, match=f"^--manifest: no such {said}: {uri}$"):
                list(manifest.read(uri, role="--manifest"))


def test_a_file_is_the_same_pair_however_a_list_spells_it(tmp_path: Path) -> None:
    photo = tmp_path / "a b.jpg"
    photo.write_bytes(b"x")
    (tmp_path / "d").mkdir()
    spelt = [str(photo), "a b.jpg", "./a b.jpg", photo.as_uri(), f"file:{tmp_path}/a%20b.jpg", f"FILE://{photo}"]
    spelt += ["d/../a b.jpg", f"{tmp_path}/d/../a b.jpg", f"file://{tmp_path}/d/../a%20b.jpg"]
    (tmp_path / "list.csv").write_text("\n".join(["content_uri,style_uri", *(f"{one},{one}" for one in spelt)]))
    pairs = list(manifest.read(str(tmp_path / "list.csv")))
    assert len(pairs) == len(spelt)
    assert {pair.content.uri for pair in pairs} | {pair.style.uri for pair in pairs} == {str(photo)}


def test_a_manifest_keeps_odd_names_and_file_uris(tmp_path: Path) -> None:
    here = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    here.mkdir()
    odd = ["a b.jpg", "quote'\".jpg", "new\nline.jpg", "富士, two.jpg"]
    for name in odd:
        (here / name).write_bytes(name.encode())
    with (here / "list.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([("content_uri", "style_uri"), *((name, (here / name).as_uri()) for name in odd)])
    found = list(manifest.read(str(here / "list.csv")))
    for pair, name in zip(found, odd, strict=True):
        assert read_bytes(pair.content.uri) == read_bytes(pair.style.uri) == name.encode()
        assert pair.content.uri.encode()
        assert pair.style.uri == (here / name).as_uri()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone.csv", "no such file"),
        ("list.xlsx", "expected a"),
        ("folder.csv", "a folder, not a file"),
        ("pipe.csv", "a device or pipe, not a file"),
    ],
)
def test_a_manifest_that_is_no_such_file_is_a_wrong_call(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "list.xlsx").touch()
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(UsageError, match=f"manifest.*: {said}"):
        pairing.survey(configs.build({"manifest": str(tmp_path / name), "out": "/out"}))


def test_a_parquet_manifest_that_is_none_is_a_wrong_call(tmp_path: Path) -> None:
    (tmp_path / "list.parquet").write_bytes(b"PAR1 not")
    with pytest.raises(UsageError, match="not a Parquet file"):
        list(pairing.pairs(configs.build({"manifest": str(tmp_path / "list.parquet"), "out": "/out"})))


def test_survey_names_the_first_files_that_are_not_there(folders: tuple[Path, Path], tmp_path: Path) -> None:
    photo, artwork = folders[0] / "day" / "a.jpg", folders[1] / "ink" / "wash.jpg"
    path = tmp_path / "list.csv"
    path.write_text(
        f"content_uri,style_uri\n{photo},{artwork}\n{photo},none.jpg\n{photo},none.jpg\nC:\\a.jpg,{artwork}\n"
    )
    config = configs.build({"manifest": str(path), "out": "/out"})
    head, *files = pairing.survey(config).notes
    assert head == "manifest: 3 rows with a file that is not there, such as:"
    assert files == [f"  {tmp_path}/none.jpg", f"  {tmp_path}/C:\\a.jpg"]
    path.write_text("content_uri,style_uri\n" + "".join(f"{photo},none{number}.jpg\n" for number in range(9)))
    assert len(pairing.survey(config).notes) == 1 + pairing.FAULTS_SHOWN
    path.write_text(f"content_uri,style_uri\n{photo},none.jpg\n")
    assert pairing.survey(config).notes == (f"manifest: 1 row with a file that is not there: {tmp_path}/none.jpg",)
    path.write_text(f"content_uri,style_uri\n{photo},{artwork}\n")
    assert not pairing.survey(config).notes
    path.write_text(f"content_uri,style_uri\n{photo},{artwork}|{artwork}\n")
    assert "go into the column style_uris" in pairing.survey(config).notes[-1]
