"""What ships: weights and artworks inside the package, plain pins, no secrets in cluster.yaml."""

from __future__ import annotations

import re
from pathlib import Path

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
