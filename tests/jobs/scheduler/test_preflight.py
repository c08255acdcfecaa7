from __future__ import annotations

from pathlib import Path

import pytest
import ray

from jobs.scheduler.preflight import (
    Node,
    NodeAnswer,
    Requirements,
    check_nodes,
    describe_nodes,
    judge_answers,
    requirements,
    version_differences,
    versions,
)
from jobs.scheduler.worker import UnfitNodeError
from jobs.scheduler.worker_pool import SchedulerOptions
from stylize.config import JobConfig
from stylize.errors import UsageError
from stylize.io.files import Folder
from stylize.measure.hardware import node_name
from stylize.results.parts import remove_temporary
from stylize.tasks.task import Input, Pair
from tests.support.main_job import plain


def node(cpus: float, gpus: float = 0) -> dict[str, object]:
    """As `ray.nodes()` gives one."""
    return {"Resources": {"CPU": cpus, "GPU": gpus} if gpus else {"CPU": cpus}}


@pytest.fixture
def wanted(tmp_path: Path) -> Requirements:
    plain(tmp_path / "c.png", (1, 2, 3))
    plain(tmp_path / "s.png", (1, 2, 3))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".run").write_text("token")
    config = JobConfig(content="c", styles="s", out=str(tmp_path / "out"), weights="random")
    pair = Pair(Input(str(tmp_path / "c.png"), "1:1", None), Input(str(tmp_path / "s.png"), "1:1", None))
    bad, gone = (Input(str(tmp_path / name), "missing", None) for name in ("list.csv: row 1", "gone.png"))
    return requirements(config, [Pair(bad, bad), Pair(gone, pair.style), pair], "token")


def test_node_that_sees_everything_is_fit_and_keeps_no_trace(wanted: Requirements, tmp_path: Path) -> None:
    assert wanted.missing() is None
    wanted.check()
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == [tmp_path / "out" / ".run"]


def test_what_a_kill_leaves_of_a_nodes_try_to_write_goes_with_the_next_run(
    wanted: Requirements, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Folder, "remove", lambda folder, name: None)
    assert wanted.missing() is None
    (left,) = (tmp_path / "out" / "images").iterdir()
    remove_temporary(tmp_path / "out")
    assert not left.exists()


def test_what_a_node_does_not_see_is_named_with_the_node(wanted: Requirements, tmp_path: Path) -> None:
    (tmp_path / "s.png").unlink()
    assert wanted.missing() == f"{node_name()} does not see STYLES' {tmp_path / 's.png'} (no such file)"
    with pytest.raises(UnfitNodeError, match="does not see STYLES'"):
        wanted.check()


def test_an_out_of_another_disk_at_the_same_path_is_refused(wanted: Requirements, tmp_path: Path) -> None:
    (tmp_path / "out" / ".run").unlink()
    assert "does not see or may not write OUT" in str(wanted.missing())
    assert "is another one here: it has no lock of this run" in str(wanted.missing())


def test_input_that_is_not_there_at_all_is_its_row_s_matter_and_no_node_s(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"")
    config = JobConfig(content="c", styles="s", out=str(tmp_path), weights=str(tmp_path / "w.pth"))
    gone = Input(str(tmp_path / "gone.png"), "missing", None)
    other = config.model_copy(update={"weights": str(tmp_path / "gone.pth"), "perceptual": str(tmp_path / "w.pth")})
    wanted = requirements(config, [Pair(gone, gone)], "t", [other])
    assert wanted.inputs == (("weights", config.weights), ("perceptual weights", config.weights))


def test_node_says_what_it_has_and_holds() -> None:
    assert Node("gpu-1", 8, 2, "L4", 4).line() == "gpu-1: 8 CPU, 2 GPU (L4): 4 workers"
    assert Node("head", 2, 0, None, 0).line() == "head: 2 CPU: no workers"
    assert Node("one", 1, 0, None, 1).line() == "one: 1 CPU: 1 worker"


def test_versions_that_differ_are_named_with_their_node() -> None:
    here = versions()
    same, other = Node("a", 1, 0, None, 1, here), Node("b", 1, 0, None, 1, here | {"torch": "1.0"})
    unasked = Node("c", 1, 0, None, 0)
    assert list(version_differences([same, unasked])) == []
    assert list(version_differences([same, other, unasked])) == [
        f"versions differ: torch {here['torch']} here, b has 1.0; times and pixels may differ, too"
    ]


@pytest.mark.parametrize(("actors", "told"), [(None, True), (8, False)])
def test_a_cluster_without_room_is_told_what_makes_it_grow(
    wanted: Requirements, monkeypatch: pytest.MonkeyPatch, actors: int | None, told: bool
) -> None:
    head = node(0) | {"NodeID": "h", "NodeManagerHostname": "head", "Alive": True}
    monkeypatch.setattr(ray, "nodes", lambda: [head])
    notes: list[str] = []
    check_nodes(SchedulerOptions(actors=actors, cpus=1, gpus=1), wanted, notes.append)
    assert notes[0] == "  head: 0 CPU: no workers"
    assert any("--actors N" in note for note in notes) == told


def test_nodes_that_lack_something_are_all_named() -> None:
    judge_answers([NodeAnswer(None, {}), NodeAnswer(None, {})])
    lines = ["a does not see OUT o", None, "b does not see weights w"]
    with pytest.raises(UsageError) as error:
        judge_answers(NodeAnswer(line, {}) for line in lines)
    assert str(error.value) == (
        "a does not see OUT o; b does not see weights w: make it visible there under the same path, "
        "or leave that node out"
    )


def test_a_node_without_an_answer_is_left_out_unless_no_worker_fits_there() -> None:
    big, lost, small = (
        node(cpus) | {"NodeID": name, "NodeManagerHostname": f"host-{name}"}
        for name, cpus in (("big", 4.0), ("lost", 4.0), ("small", 1.0))
    )
    described = describe_nodes([big, lost, small], {"big": NodeAnswer(None, {"torch": "2"})}, SchedulerOptions(cpus=2))
    assert described == [Node("host-big", 4, 0, None, 2, {"torch": "2"}), Node("host-small", 1, 0, None, 0)]
