"""Loads the runtimes so that they tell nobody: left to themselves they send their makers what they are used for."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

SILENT = {"ORT_DISABLE_TELEMETRY": "1"}
"""What ONNX Runtime's environment must say before it is loaded."""
_OPENVINOS_REPORTS = "openvino_telemetry"
"""A package that OpenVINO can do without, and has no switch for."""


def load_onnxruntime() -> Any:
    """Return the module, loaded so that it sends nothing. What the environment says already counts."""
    for name, value in SILENT.items():
        os.environ.setdefault(name, value)
    return importlib.import_module("onnxruntime")


def load_openvino() -> Any:
    """Return the module, loaded so that it sends nothing."""
    if "openvino" in sys.modules or _OPENVINOS_REPORTS in sys.modules:
        return importlib.import_module("openvino")
    # To an import this is a package that is not installed.
    sys.modules[_OPENVINOS_REPORTS] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("openvino")
    finally:
        del sys.modules[_OPENVINOS_REPORTS]
