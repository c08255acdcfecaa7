from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path

import pytest

from jobs.summarize import main
from stylize import images
from stylize.errors import CannotContinueError, UsageError
from stylize.io.files import write_atomic
from stylize.report.choices import CRITERIA
from stylize.report.evidence import pick
from stylize.report.page import page
from tests.support.made_rows import row, written
from tests.support.older_rows import make_older
from tests.support.s3 import bucket
from tests.support.samples import finished_run, picture


@pytest.fixture
def out(folders: tuple[Path, Path], tmp_path: Path) -> Path:
    finished_run(*folders, tmp_path / "out")
    return tmp_path / "out"


def test_a_run_of_the_main_job_becomes_a_report(out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(out), "--out", str(tmp_path / "report"), "--title", "Mine & yours", "--trust-paths"]) == 0
    told = capsys.readouterr().out
    assert "All 8 rows are ok." in told
    assert told.splitlines()[-1] == f"report: {tmp_path / 'report' / 'index.html'}"
    text = (tmp_path / "report" / "index.html").read_text()
    assert "Mine &amp; yours" in text
    assert text.count("data:image/jpeg") >= 8


@pytest.mark.parametrize("name", ["index.html", "summary.md", "plots/mine.svg", "pictures/mine.jpg"])
def test_only_a_report_is_replaced(out: Path, tmp_path: Path, name: str) -> None:
    mine = tmp_path / "site" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(UsageError, match=f"site holds {name.partition('/')[0]}; give a new or empty folder"):
        main([str(out), "--out", str(tmp_path / "site")])
    assert mine.read_text() == "mine"
    assert [path for path in (tmp_path / "site").rglob("*") if path.is_file()] == [mine]


def test_a_report_that_was_stopped_is_written_by_the_same_command(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops = [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]

    def write(path: Path, data: bytes) -> None:
        if path.name == "index.html":
            raise stops.pop()
        write_atomic(path, data)

    command, folder = [str(out), "--out", str(tmp_path / "report")], tmp_path / "report"
    with monkeypatch.context() as patched:
        patched.setattr(page, "write_atomic", write)
        for stopped in (KeyboardInterrupt, CannotContinueError):
            with pytest.raises(stopped):
                main(command)
    assert (folder / "summary.md").exists()
    assert main(command) == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "index.html", "pictures", "plots", "summary.md", "tables.parquet"
    ]  # fmt: skip
    (folder / "index.html").unlink()
    with pytest.raises(UsageError, match="give a new or empty folder"):
        main(command)


def test_a_report_takes_an_older_ones_place_but_replaces_nothing_through_a_link(out: Path, tmp_path: Path) -> None:
    (mine := tmp_path / "mine").mkdir()
    (mine / "old.svg").write_text("mine")
    (mine / "old.jpg").write_text("mine")
    assert main([str(out), "--out", str(tmp_path / "report")]) == 0
    for folder in ("plots", "pictures"):
        inner = (tmp_path / "report" / folder).rename(tmp_path / folder)
        (link := tmp_path / "report" / folder).symlink_to(mine)
        with pytest.raises(UsageError, match=f"{folder} is a link"):
            main([str(out), "--out", str(tmp_path / "report")])
        assert sorted(path.name for path in mine.iterdir()) == ["old.jpg", "old.svg"]
        link.unlink()
        inner.rename(link)
    older = [tmp_path / "report" / "plots" / "time-7.svg", tmp_path / "report" / "pictures" / "0.jpg"]
    for path in older:
        path.write_text("of an older report")
    assert main([str(out), "--out", str(tmp_path / "report")]) == 0
    assert not any(path.exists() for path in older)


def test_several_runs_become_one_report_which_says_whose_scores_are_not_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outs = [str(written(tmp_path / name / "out", [row(n) for n in range(5)])) for name in ("a", "b")]
    make_older(tmp_path / "a" / "out", 8)
    assert main([*outs, outs[0], "--out", str(tmp_path / "report")]) == 0
    text = (tmp_path / "report" / "summary.md").read_text()
    assert "10 rows, 10 ok" in text
    assert "# Restyling: a/out, b/out\n" in text
    assert "\n- a/out: recorded nothing, as OUT has no run.json" in text
    told = "quality columns of 5 rows of an older version are of the pixels before encoding"
    assert told in text
    assert "Over sizes" not in text
    capsys.readouterr()
    for runs, is_told in ((outs, True), (outs[:1], False)):
        assert main([*runs, "--pick", "ssim"]) == 0
        assert (told in capsys.readouterr().out) == is_told


def test_a_run_in_an_object_store_becomes_the_same_report(
    folders: tuple[Path, Path], out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with bucket() as s3:
        uri = s3.upload(out, "runs/out")
        assert main([str(out), "--out", str(tmp_path / "here")]) == 0
        shutil.rmtree(out)
        assert main([uri, f"{uri}/rows/", "--out", str(tmp_path / "there")]) == 0
        assert main(["--compare", uri, uri]) == 0
        here, there = ((tmp_path / name / "summary.md").read_text() for name in ("here", "there"))
        assert here == there
        with pytest.raises(UsageError, match="s3://pictures/no holds no rows"):
            main(["s3://pictures/no", "--out", str(tmp_path / "none")])
    assert "KEY" not in capsys.readouterr().out


def test_pictures_in_an_object_store_are_in_the_report(tmp_path: Path) -> None:
    with bucket() as s3:
        uris = [s3.put(f"run/images/{n}.png", images.encode(picture(n), "png", 95)) for n in range(3)]
        made = [row(1, content_uri=uris[0], style_uri=uris[1], output_uri=uris[2])]
        uri = s3.upload(written(tmp_path / "out", made), "run")
        assert main([uri, "--out", str(tmp_path / "report")]) == 0
    assert (tmp_path / "report" / "index.html").read_text().count("data:image/jpeg") >= 3


def test_of_many_settings_those_with_the_most_images_are_shown_and_none_are_put_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MOST_METHODS", 2)
    seeds = [1, 2, 2, 3, 3, 3]
    texts = [json.dumps({"seed": seed, "stylizer_settings": {}}) for seed in seeds]
    out = written(tmp_path / "out", (row(n, settings_json=text) for n, text in enumerate(texts)))
    assert main([str(out), "--out", str(tmp_path / "report")]) == 0
    said = (tmp_path / "report" / "summary.md").read_text()
    assert "of 3 methods and settings the 2 with the most images are shown" in said
    assert "All 6 rows are ok" in said
    assert ("compact (seed=3)" in said, "compact (seed=2)" in said, "compact (seed=1)" in said) == (True, True, False)


def test_a_run_of_nothing_but_failures_still_has_a_report(tmp_path: Path) -> None:
    made = [
        row(n, status="crashed", error="its worker died", stylize_s=None, width_px=None, height_px=None)
        for n in range(3)
    ]
    out = written(tmp_path / "out", made)
    assert main([str(out), "--out", str(tmp_path / "report")]) == 0
    text = (tmp_path / "report" / "summary.md").read_text()
    assert "3 of 3 rows are not ok: 3 crashed." in text
    assert "its worker died" in text


def test_compare_prints_a_verdict_and_its_exit_status_says_it_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = written(tmp_path / "a", [row(n) for n in range(10)])
    b = written(tmp_path / "b", [row(n, stylize_s=0.2) for n in range(10)])
    assert main(["--compare", str(a), str(b)]) == 3
    assert "stylize time" in (told := capsys.readouterr().out)
    assert told.splitlines()[-1] == "verdict: worse"
    assert main(["--compare", str(b), str(a), "--out", str(tmp_path / "c")]) == 5
    assert (told := capsys.readouterr().out).splitlines()[-1] == "verdict: better"
    assert told == (tmp_path / "c" / "compare.txt").read_text()
    assert main(["--compare", str(a), str(b / "rows"), "--tolerance", "0.99"]) == 3  # twice as slow is beyond that, too
    assert "before encoding" not in capsys.readouterr().out
    make_older(a, 8)
    assert main(["--compare", str(a), str(b)]) == 3
    assert "  quality columns of 10 rows of an older version are of the pixels" in capsys.readouterr().out
    make_older(b, 8)
    assert main(["--compare", str(a), str(b)]) == 3
    assert "before encoding" not in capsys.readouterr().out


def test_the_same_and_what_noise_hides_have_exit_statuses_of_their_own(tmp_path: Path) -> None:
    a = written(tmp_path / "a", [row(n) for n in range(10)])
    c = written(tmp_path / "c", [row(n, stylize_s=0.1 * (0.5 + n % 3)) for n in range(10)])
    assert main(["--compare", str(a), str(a)]) == 0
    assert main(["--compare", str(a), str(c)]) == 4


def test_the_best_is_picked_within_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = {"host_peak_rss_bytes": 900_000_000}
    made = [row(n, gram_distance=2.0, **held) for n in range(6)]
    made += [
        row(10 + n, content_uri=f"/photos/day/{n}.jpg", stylizer="slow", stylize_s=3.0, gram_distance=1.0, **held)
        for n in range(6)
    ]
    out = str(written(tmp_path / "out", made))
    assert main([out, "--pick", "style"]) == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == "by Gram distance, at any size:"
    assert second == "  slow fp32, 512 px: Gram distance 1, p95 3 s, whole worker 900 MB (n = 6)  best"
    assert third.startswith("  compact fp32, 512 px: Gram distance 2, p95 100 ms")
    assert main([out, "--pick", "style", "--at", "512", "--within-gb", "1", "--within-s", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[1].endswith("  best")
    assert main([out, "--pick", "style", "--within-gb", "0.5"]) == 3
    assert (
        capsys.readouterr().out == "nothing measured by Gram distance at any size, within 500 MB for the whole worker\n"
    )
    assert main([out, "--pick", "votes"]) == 3
    assert main([str(written(tmp_path / "plain", [row(n) for n in range(6)])), "--pick", "style"]) == 3
    assert "a job or sweep with --perceptual (`torchvision`, or a file) measures it\n" in capsys.readouterr().out
    assert (*pick.BY, "votes") == CRITERIA


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["OUT", "--pick", "style", "--at", "77"], "--at 77: nothing was measured at that size; there are 512"),
        (["OUT", "--pick", "style", "--within-s", "nan"], "--within-s: give a number above 0"),
        (["--pick", "style"], "give the folder of a run"),
        ([], "give the folder of a run"),
        (["OUT"], "--out REPORT says where"),
        (["/nowhere", "--out", "r"], "/nowhere is not there: give the OUT of a run"),
        (["OUT", "--out", "OUT"], "holds images, rows, run.json; give a new or empty"),
        (["OUT", "--out", "r", "--pictures", "-1"], "0 or more"),
        (["--compare", "OUT", "OUT", "--tolerance", "7"], "a share from 0 to 1"),
        (["--compare", "OUT", "OUT", "OUT"], "takes two runs and no others"),
        (["s3://bucket/out", "--out", "r"], "s3://"),
        (["OUT", "--out", "s3://bucket/r"], "^--out: s3://: no object store will do here"),
        (["OUT", "--out", "OUT/run.json"], "run.json is no folder"),
        (["OUT", "--out", "OUT/run.json/report"], "run.json is no folder"),
        (["--compare", "OUT", "OUT", "--out", "OUT"], "holds images, rows, run.json; give a new or empty"),
        (["OUT", "--out", "r", "--at", "512"], "--at does not go with a report; give --pick, too"),
        (["OUT", "--pick", "style", "--out", "r"], "--out does not go with --pick"),
        (["--compare", "OUT", "OUT", "--pick", "style"], "--compare does not go with --pick"),
        (["--compare", "OUT", "OUT", "--claims"], "--claims does not go with --compare"),
        (["--compare", "OUT", "OUT", "--pictures", "3"], "--pictures does not go with --compare"),
        (["OUT", "--pick", "style", "--trust-paths"], "--trust-paths does not go with --pick"),
        (["OUT", "--out", "r", "--tolerance", "0.1"], "--tolerance does not go with a report"),
    ],
)
def test_a_wrong_call_says_what_to_do(tmp_path: Path, words: list[str], said: str) -> None:
    out = written(tmp_path / "out", [row(n) for n in range(6)])
    with pytest.raises(UsageError, match=said):
        main([word.replace("OUT", str(out)) for word in words])
