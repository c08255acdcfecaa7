"""The house's rules that a machine can hold: which way imports run, and what a plain import loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import stylize
import stylize.errors

ROOT = Path(stylize.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Full names of the modules a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_library_knows_nothing_of_ray_or_jobs(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & {"ray", "jobs"}


ALLOWED = {
    "errors": set(),
    "cli": {"errors"},
    "stores": {"errors"},
    "config": {"errors", "stores"},
    "objects": {"errors", "stores"},
    "kept": {"errors", "objects", "stores", "weights"},
    "storage": {"errors", "kept", "objects", "stores"},
    "images": {"errors"},
    "naming": set(),
    "weights": {"errors"},
    "backbones": {"errors", "weights"},
    "inputs": {"errors", "images", "objects", "storage", "stores"},
    "manifest": {"errors", "inputs", "objects", "storage", "stores"},
    "pairs": {"errors", "config", "images", "inputs", "manifest", "naming", "objects", "storage"},
    "measure": {"errors", "backbones"},
    "stylizers": {"errors", "weights", "backbones"},
    "results": {"errors", "objects", "storage", "stores"},
    "gallery": {"errors", "storage"},
    "training": {"errors", "backbones", "images", "inputs", "measure", "storage", "stylizers", "weights"},
    "tasklog": set(),
    "outcomes": {"config", "pairs", "results", "tasklog"},
    "styles": {"config", "errors", "images", "inputs", "measure", "storage", "stylizers"},
    "scores": {"config", "errors", "images", "measure", "results", "storage", "stylizers"},
    "runner": {
        "scores", "styles",
        "outcomes", "errors", "config", "images", "measure", "pairs", "results", "storage", "stylizers",
        "tasklog",
    },
    "report": {"errors", "images", "results", "storage"},
    "sweep": {"config", "errors", "inputs", "naming", "pairs"},
    "commands": {"errors", "cli", "backbones", "images", "measure", "outcomes", "storage", "stylizers"},
    "__main__": {"cli", "commands"},
}  # fmt: skip


@pytest.mark.parametrize("path", [p for p in FILES if p.parent != ROOT or p.stem != "__init__"],
                         ids=lambda p: str(p.relative_to(ROOT)))  # fmt: skip
def test_imports_run_one_way(path: Path) -> None:
    part = path.relative_to(ROOT).with_suffix("").parts[0]
    used = {name.split(".")[1] for name in imports(path) if name.startswith("stylize.")}
    assert used - {part} <= ALLOWED[part]


def test_stylizers_import_neither_each_other_nor_measure() -> None:
    for path in (ROOT / "stylizers").glob("*.py"):
        used = {name.split(".")[2] for name in imports(path) if name.startswith("stylize.stylizers.")}
        used -= {"base", "Stylizer", path.stem}
        assert not {name for name in used if not name.startswith("_")} & set(stylize.names()), path.name


def test_plain_import_loads_neither_torch_nor_ray() -> None:
    code = "import sys, stylize; sys.exit(bool({'torch', 'ray', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_public_surface() -> None:
    assert stylize.__all__ == ["__version__", "errors", "load", "names"]


def test_every_error_is_in_the_drawn_tree() -> None:
    drawn = stylize.errors.__doc__ or ""
    classes = [c for c in vars(stylize.errors).values() if isinstance(c, type) and issubclass(c, Exception)]
    assert len(classes) > 5
    assert all(c.__name__ in drawn for c in classes)
