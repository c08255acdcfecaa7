"""The files that bring up clusters: valid by Ray's own schema, one version everywhere, no secrets."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from jobs.run.call import parse

ROOT = Path(__file__).parent.parent
FILES = ("cluster.yaml", "cluster-local.yaml", "rayjob.yaml", "Dockerfile")
LAUNCHER = FILES[:2]
COMMANDS = ("setup_commands", "head_setup_commands", "head_start_ray_commands", "worker_start_ray_commands")
PINNED = dict(re.findall(r"^(\S+)==(\S+)$", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE))
SECRETS = (
    r"AKIA[0-9A-Z]{16}",
    r"-----BEGIN",
    r"(?i)(?:secret|token|password|access_key)[\w-]*\s*[:=]\s*['\"]?[A-Za-z0-9+/]{16,}",
    r"\b[0-9a-f]{32,}\b",
)


def text(name: str) -> str:
    """A file of the checkout's top level."""
    return (ROOT / name).read_text(encoding="utf-8")


def load(name: str) -> dict[str, Any]:
    """The same, as YAML."""
    loaded: dict[str, Any] = yaml.safe_load(text(name))
    return loaded


def commands(name: str) -> list[str]:
    """All shell commands of a launcher's file."""
    return [command for key in COMMANDS for command in load(name).get(key, ())]


@cache
def ray_options(command: str) -> set[str]:
    """The long options of `ray COMMAND`, from its own help."""
    words = [sys.executable, "-m", "ray.scripts.scripts", *command.split(), "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return set(re.findall(r"--[a-z][a-z-]+", done.stdout))


@pytest.mark.parametrize("name", LAUNCHER)
def test_launcher_files_validate_against_rays_schema(name: str) -> None:
    config = prepare_config(load(name))
    for kind in config["available_node_types"].values():
        kind.setdefault("resources", {})  # AWS is asked for them only once there is an account
    validate_config(config)


def test_the_schema_refuses_what_it_does_not_know() -> None:
    with pytest.raises(Exception, match="wroker"):
        validate_config(prepare_config(load("cluster.yaml") | {"wroker_setup_commands": []}))


@pytest.mark.parametrize("name", FILES)
def test_ray_is_the_pinned_one(name: str) -> None:
    found = re.findall(r"ray(?:\[default\])?==([\d.]+)|rayVersion: ([\d.]+)|__version__ == '([\d.]+)'", text(name))
    assert {version for groups in found for version in groups if version} == {PINNED["ray"]}


@pytest.mark.parametrize("name", FILES)
def test_no_secret_is_in_the_file(name: str) -> None:
    assert not [found for pattern in SECRETS for found in re.findall(pattern, text(name))]


@pytest.mark.parametrize(
    "secret", ["aws_secret_access_key: wJalrXUtnFEMIK7MDENGbPxRfiCY", "AKIAIOSFODNN7EXAMPLE", "ab" * 32]
)
def test_a_secret_would_be_seen(secret: str) -> None:
    assert any(re.search(pattern, secret) for pattern in SECRETS)


@pytest.mark.parametrize("name", LAUNCHER)
def test_dashboard_and_jobs_listen_on_the_head_alone(name: str) -> None:
    (start,) = [command for command in load(name)["head_start_ray_commands"] if "ray start" in command]
    assert "--dashboard-host=127.0.0.1" in start
    assert not re.search(r"0\.0\.0\.0|--ray-client-server-port|--include-dashboard", " ".join(commands(name)))


@pytest.mark.parametrize("name", LAUNCHER)
def test_the_token_gets_to_every_machine_and_is_asked_for(name: str) -> None:
    assert load(name)["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    assert any("RAY_AUTH_MODE=token" in command and ".bashrc" in command for command in load(name)["setup_commands"])


@pytest.mark.parametrize("name", LAUNCHER)
def test_files_that_are_mounted_exist(name: str) -> None:
    own = [source for source in load(name)["file_mounts"].values() if not source.startswith("~")]
    assert own
    assert all((ROOT / source).is_file() for source in own)


@pytest.mark.parametrize("name", LAUNCHER)
def test_every_ray_option_exists(name: str) -> None:
    found = [re.findall(r"ray (start|stop)\b([^;|&]*)", command) for command in commands(name)]
    used = {(word, option) for uses in found for word, rest in uses for option in re.findall(r"--[a-z][a-z-]+", rest)}
    assert used
    assert all(option in ray_options(word) for word, option in used)


@pytest.mark.parametrize("name", LAUNCHER)
def test_requirements_are_read_from_the_project(name: str, tmp_path: Path) -> None:
    (command,) = [
        command for command in load(name)["setup_commands"] if "requirements.txt" in command and "tomllib" in command
    ]
    (tmp_path / "pyproject.toml").write_text(text("pyproject.toml"))
    command = command.replace("~/venv/bin/python", sys.executable).replace("~/stylize", str(tmp_path))
    subprocess.run(command, shell=True, check=True)
    lines = (tmp_path / "requirements.txt").read_text().splitlines()
    assert {"torch>=2.11", "ray[default]>=2.55"} <= set(lines)


def test_the_cloud_cluster_starts_without_workers_and_keeps_work_off_the_head() -> None:
    config = load("cluster.yaml")
    head, gpu = (config["available_node_types"][name] for name in ("head", "gpu"))
    assert head["resources"]["CPU"] == head["max_workers"] == gpu["min_workers"] == 0
    assert gpu["max_workers"] == config["max_workers"] > 0
    assert gpu["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
    assert "InstanceMarketOptions" not in head["node_config"]


@pytest.mark.parametrize("name", LAUNCHER)
def test_commands_in_the_comments_are_called_rightly(name: str) -> None:
    comments = " ".join(line.removeprefix("#").strip() for line in text(name).splitlines() if line.startswith("#"))
    (job,) = re.findall(r"python -m jobs\.stylize_folder (.*?) +ray down", comments.replace("\\ ", " "))
    parse(shlex.split(job))
    assert f"ray up {name}" in comments
    assert "ray dashboard" in comments


def test_a_rayjob_is_what_kuberay_asks_for() -> None:
    job = load("rayjob.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert re.fullmatch(r"[a-z0-9-]{1,47}", job["metadata"]["name"])  # KubeRay's own limit
    spec = job["spec"]
    # KubeRay refuses both limits where the cluster is not ended after the job.
    assert spec["shutdownAfterJobFinishes"] is True
    cluster = spec["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token", "secretName": "stylize-ray-token"}
    assert cluster["enableInTreeAutoscaling"] is True
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    (gpu,) = cluster["workerGroupSpecs"]
    assert gpu["minReplicas"] == gpu["replicas"] == 0 < gpu["maxReplicas"]
    (worker,) = gpu["template"]["spec"]["containers"]
    assert worker["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_a_rayjobs_entrypoint_is_called_rightly() -> None:
    words = shlex.split(load("rayjob.yaml")["spec"]["entrypoint"])
    assert words[:3] == ["python", "-m", "jobs.stylize_folder"]
    parsed = parse(words[3:]).values
    assert parsed["gpus_per_actor"] == "1"
    assert all(parsed[name].startswith("s3://") for name in ("content", "styles", "out"))


def test_a_rayjobs_start_parameters_are_options_of_ray_start() -> None:
    cluster = load("rayjob.yaml")["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        for name, value in group["rayStartParams"].items():
            assert f"--{name}" in ray_options("start")
            assert isinstance(value, str), name  # KubeRay takes a map of strings


def test_no_head_reports_its_use_to_rays_makers() -> None:
    head = load("rayjob.yaml")["spec"]["rayClusterSpec"]["headGroupSpec"]
    assert head["rayStartParams"]["disable-usage-stats"] == "true"
    for name in LAUNCHER:
        assert any("--disable-usage-stats" in command for command in load(name)["head_start_ray_commands"])
    for name in ("docs/cluster.md", "docs/monitoring.md"):
        (line,) = [line for line in text(name).splitlines() if line.startswith("ray start --head")]
        assert "--disable-usage-stats" in line


def test_a_rayjobs_credentials_are_names_only() -> None:
    cluster = load("rayjob.yaml")["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        spec = group["template"]["spec"]
        assert spec["serviceAccountName"] == "stylize"
        for container in spec["containers"]:
            assert "env" not in container
            assert container["envFrom"] == [{"secretRef": {"name": "stylize-s3", "optional": True}}]


def test_the_image_has_a_python_that_the_project_takes() -> None:
    (version,) = re.findall(r"^FROM python:(\d+\.\d+)\.\d+-slim-bookworm$", text("Dockerfile"), flags=re.MULTILINE)
    assert version in ("3.11", "3.12", "3.13")
    assert re.findall(r"python(3\.\d+) -m venv", text("cluster.yaml")) == [version]
    assert re.findall(r"python(3\.\d+) -m venv", text("cluster-local.yaml")) == [version]


def pods() -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each pod of a RayJob that is ours to describe, and its containers."""
    cluster = load("rayjob.yaml")["spec"]["rayClusterSpec"]
    specs = [group["template"]["spec"] for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]
    return [(spec, spec["containers"]) for spec in specs]


def test_a_rayjobs_pods_run_without_rights() -> None:
    for pod, containers in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 1000
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }
    scaler = load("rayjob.yaml")["spec"]["rayClusterSpec"]["autoscalerOptions"]
    assert scaler["securityContext"] == pods()[0][1][0]["securityContext"]


def test_what_a_rayjobs_pods_write_is_no_part_of_the_image() -> None:
    for pod, containers in pods():
        volumes = {volume["name"] for volume in pod["volumes"] if "emptyDir" in volume}
        for container in containers:
            places = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
            assert set(places) == {"/tmp", "/home/ray"}
            assert set(places.values()) == volumes
    assert "WORKDIR /home/ray\n" in text("Dockerfile")


def test_the_image_copies_what_exists_and_is_let_in() -> None:
    sources = [
        word
        for line in re.findall(r"^COPY (.+)$", text("Dockerfile"), flags=re.MULTILINE)
        for word in line.split()[:-1]
    ]
    let_in = {line[1:] for line in text(".dockerignore").splitlines() if line.startswith("!")}
    assert set(sources) == let_in
    assert all((ROOT / source).exists() for source in sources)


def test_the_image_runs_as_the_user_that_pods_ask_for() -> None:
    (user,) = re.findall(r"^USER (\d+)$", text("Dockerfile"), flags=re.MULTILINE)
    assert f"--uid {user}" in text("Dockerfile")
    assert f"runAsUser: {user}\n" in text("rayjob.yaml")
