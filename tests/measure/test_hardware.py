from __future__ import annotations

import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from stylize.machine import cgroups
from stylize.measure import hardware
from stylize.measure.hardware import (
    code_sha256,
    describe,
    device_name,
    git_commit,
    node_name,
    share_of_machine,
    usable_cores,
)


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    package = tmp_path / "package"
    package.mkdir()
    (package / "code.py").write_text("x = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    return package


def test_description_is_json_and_names_this_machine() -> None:
    found = json.loads(json.dumps(describe()))
    assert found["node"] == node_name() == platform.node()
    assert found["python"] == platform.python_version()
    assert found["memory_bytes"] > 100_000_000
    assert 1 <= found["cpu_usable"] <= found["cpu_count"]
    assert found["cpu_model"] == device_name("cpu")
    known = {"avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"}
    assert set(found["cpu_flags"]) <= known


def test_versions_are_those_installed() -> None:
    versions = describe()["versions"]
    assert versions["numpy"] == metadata.version("numpy")
    assert versions["torch"] == metadata.version("torch")
    assert set(versions) >= {"torchvision", "ray", "pyarrow", "pillow", "scikit-image", "pandas"}


def test_a_package_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_PACKAGES", ("no-such-package-anywhere",))
    assert describe()["versions"] == {"no-such-package-anywhere": None}


def test_an_unknown_device_is_its_own_name() -> None:
    assert device_name("cuda:99") == "cuda:99"
    assert device_name("abacus") == "abacus"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity is Linux's")
def test_usable_cores_follow_the_affinity() -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize(("quota", "cores"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", 64), ("", 64)])
@pytest.mark.parametrize("group", ["", "slurm/job_7"])
@pytest.mark.parametrize("version", [1, 2])
def test_usable_cores_follow_a_groups_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int, group: str, quota: str, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    first, _, second = quota.partition(" ")
    files = {"cpu.max": quota} if version == 2 else {"cpu.cfs_quota_us": first, "cpu.cfs_period_us": second}
    folder = tmp_path / "sys/fs/cgroup" / ("" if version == 2 else "cpu") / group
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(f"4:cpu,cpuacct:/{group}\n0::/{group}\n")
    try:
        assert usable_cores() == cores
        share_of_machine.cache_clear()
        assert share_of_machine(1) == 1 / cores
    finally:
        share_of_machine.cache_clear()


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_memory_is_what_a_container_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    whole = hardware.describe()["memory_bytes"]
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    (tmp_path / "sys/fs/cgroup/memory").mkdir(parents=True)
    for text, expected in (("2147483648", 2**31), ("max", whole), (str(2**63 - 4096), whole)):
        (tmp_path / "sys/fs/cgroup" / name).write_text(f"{text}\n")
        assert hardware.describe()["memory_bytes"] == expected


def test_cards_are_read_from_the_vendors_tool() -> None:
    cards = hardware._parse_cards("81559, NVIDIA H100 80GB HBM3\n[N/A], Some, Card\n\n")
    assert cards == [
        {"name": "NVIDIA H100 80GB HBM3", "memory_bytes": 81559 * 2**20},
        {"name": "Some, Card", "memory_bytes": None},
    ]


def test_a_clean_checkout_is_its_commit(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert git_commit(checkout) == commit
    monkeypatch.setenv("GIT_DIR", str(checkout / "a hook's"))
    assert git_commit(checkout) == commit


def test_a_changed_file_makes_the_checkout_dirty(checkout: Path) -> None:
    (checkout / "code.py").write_text("x = 2\n")
    assert git_commit(checkout) == git(checkout, "rev-parse", "HEAD") + "-dirty"


def test_an_untracked_file_does_not_make_the_checkout_dirty(checkout: Path) -> None:
    (checkout / "output.png").write_text("")
    assert git_commit(checkout) == git(checkout, "rev-parse", "HEAD")


def test_a_package_installed_inside_someone_elses_repository_has_no_commit(checkout: Path) -> None:
    installed = checkout / ".venv" / "package"
    installed.mkdir(parents=True)
    (installed / "code.py").write_text("")
    assert git_commit(installed) is None


def test_no_repository_and_no_git_are_no_commit(
    tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert git_commit(tmp_path / "nowhere") is None
    (begun := tmp_path / "begun").mkdir()
    (begun / "code.py").write_text("x = 1\n")
    git(begun, "init", "-q")
    git(begun, "add", ".")
    assert git_commit(begun) is None
    monkeypatch.setenv("PATH", "")
    assert git_commit(checkout) is None


def test_code_is_known_by_its_files_wherever_they_lie(tmp_path: Path) -> None:
    for copy in ("a", "b"):
        (tmp_path / copy / "deep").mkdir(parents=True)
        (tmp_path / copy / "deep" / "one.py").write_text("x = 1\n")
    assert code_sha256(tmp_path / "a") == code_sha256(tmp_path / "b")
    (tmp_path / "b" / "deep" / "one.py").write_text("x = 2\n")
    assert code_sha256(tmp_path / "a") != code_sha256(tmp_path / "b")
    (tmp_path / "b" / "deep" / "one.py").write_text("x = 1\n")
    (tmp_path / "b" / "deep" / "one.py").rename(tmp_path / "b" / "one.py")
    assert code_sha256(tmp_path / "a") != code_sha256(tmp_path / "b")
    assert len(code_sha256()) == 64
