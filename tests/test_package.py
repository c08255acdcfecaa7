"""What ships: weights and artworks inside the package, plain pins, no secrets in cluster.yaml."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent


def test_constraints_are_plain_pins() -> None:
    lines = (ROOT / "constraints.txt").read_text().split()
    assert len(lines) > 20
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.!-]+", line) for line in lines)


def test_cluster_file_is_yaml_with_token_authentication_and_a_closed_dashboard() -> None:
    text = (ROOT / "cluster.yaml").read_text()
    cluster = yaml.safe_load(text)
    assert cluster["available_node_types"]["gpu"]["min_workers"] == 0
    assert "RAY_AUTH_MODE=token" in text
    assert "--dashboard-host=127.0.0.1" in text


@pytest.mark.parametrize("first", ["-m", "/usr/bin/stylize-folder"])
def test_a_job_without_ray_is_one_line_that_says_what_to_install(first: str) -> None:
    done = _imports_jobs_without_ray(first)
    said = "error: the jobs need Ray and what they report with: pip install 'stylize[jobs]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


def test_whoever_imports_the_jobs_without_ray_gets_an_error_to_catch() -> None:
    done = _imports_jobs_without_ray("/home/ann/restyle.py")
    assert (done.returncode, done.stdout) == (0, "pip install 'stylize[jobs]'\n")


def _imports_jobs_without_ray(first: str) -> subprocess.CompletedProcess[str]:
    script = """
import importlib.util, sys
sys.argv, sys.orig_argv = [sys.argv[1]], ["python", "-m", "jobs.train"]
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "ray" else find(name, *rest)
try:
    import jobs
except ImportError as error:
    print(str(error).partition(": ")[2])
"""
    return subprocess.run([sys.executable, "-c", script, first], cwd=ROOT, capture_output=True, text=True, check=False)
