"""Loads ONNX Runtime so that it tells nobody: left to itself it notes what it runs, and sends that to Microsoft."""

from __future__ import annotations

import importlib
import os
from typing import Any

SILENT = {"ORT_DISABLE_TELEMETRY": "1"}
"""What its environment must say before it is loaded."""


def load_onnxruntime() -> Any:
    """Return the module, loaded so that it sends nothing. What the environment says already counts."""
    for name, value in SILENT.items():
        os.environ.setdefault(name, value)
    return importlib.import_module("onnxruntime")
