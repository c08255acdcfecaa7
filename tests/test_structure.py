"""The house's rules that a machine can hold: which way imports run, and what a plain import loads."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import stylize
import stylize.errors

HOUSE = Path(stylize.__file__).parents[1]
ROOT = HOUSE / "stylize"
FILES = sorted(path for room in ("stylize", "jobs") for path in (HOUSE / room).rglob("*.py"))
TOOLS = sorted((HOUSE / "tools").rglob("*.py"))
ALL = [*FILES, *TOOLS, *sorted((HOUSE / "tests").rglob("*.py"))]

# From the bottom up: a room may import from those before it. What stands on one line does not import from each other.
STYLIZE = (
    ("errors", "interrupts", "packed"),
    ("machine", "safe_json", "safe_yaml", "shares", "tensor_files", "terminal", "validation"),
    ("cli", "downloads", "gallery", "images", "naming", "weights"),
    ("backbones", "io", "restyling"),
    ("config", "measure", "stylizers"),
    ("no_effect", "tasks", "results"),
    ("votes",),
    ("pipeline", "report", "training"),
    ("viewer",),
    ("commands",),
    ("__main__",),
)
JOBS = (
    ("progress",),
    ("scheduler",),
    ("run",),
    ("sweep", "training"),
    ("benchmark", "fid", "replay", "score", "stylize_folder", "summarize", "train"),
    ("demo",),
)


@functools.cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text())))


@functools.cache
def imports(path: Path) -> set[str]:
    """Full names of the modules a file imports, wherever in it."""
    found: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def name_of(path: Path) -> str:
    return str(path.relative_to(HOUSE))


def test_the_library_knows_nothing_of_ray_or_jobs() -> None:
    library = [path for path in FILES if path.is_relative_to(ROOT)]
    assert [name_of(path) for path in library if {name.split(".")[0] for name in imports(path)} & {"ray", "jobs"}] == []


def test_nothing_that_is_installed_imports_tools() -> None:
    assert [name_of(path) for path in FILES if "tools" in {name.split(".")[0] for name in imports(path)}] == []


def test_imports_run_one_way() -> None:
    for path in (path for path in FILES if path.name != "__init__.py" or path.parent.parent != HOUSE):
        package, part = path.relative_to(HOUSE).with_suffix("").parts[:2]
        floors = STYLIZE if package == "stylize" else JOBS
        floor = next((number for number, rooms in enumerate(floors) if part in rooms), None)
        assert floor is not None, f"{name_of(path)}: give {part} its place in {package.upper()} above"
        below = {room for rooms in floors[:floor] for room in rooms}
        used = {name.split(".")[1] for name in imports(path) if name.startswith(f"{package}.")}
        above = used & {room for rooms in floors for room in rooms} - {part} - below
        assert not above, f"{name_of(path)} imports what stands on its floor or above: {', '.join(sorted(above))}"


def test_no_file_is_over_300_lines() -> None:
    long = [name_of(path) for path in ALL if len(path.read_text().splitlines()) > 300]
    assert long == [], "give what stands by itself a module of its own"


def test_stylizers_import_neither_each_other_nor_measure() -> None:
    for path in (ROOT / "stylizers").glob("*.py"):
        used = {name.split(".")[2] for name in imports(path) if name.startswith("stylize.stylizers.")}
        used -= {"base", "Stylizer", path.stem}
        assert not {name for name in used if not name.startswith("_")} & set(stylize.names()), path.name


def test_one_module_prints() -> None:
    bad = []
    for path in (path for path in FILES if path != ROOT / "terminal.py"):
        for node in nodes(path):
            prints = isinstance(node, ast.Name) and node.id == "print"
            if isinstance(node, ast.Attribute) and node.attr in ("print", "write", "writelines", "buffer"):
                prints = node.attr == "print" or ast.unparse(node.value) in ("sys.stdout", "sys.stderr")
            if prints:
                bad.append(f"{name_of(path)}, line {getattr(node, 'lineno', 0)}: stylize.terminal prints")
    assert bad == []


COUNTED = re.compile(
    r" (artwork|block|checkpoint|core|field|file|image|pair|path|photo|picture|point|repeat|result|row|step|strip|"
    r"style|task|thread|vote|worker)s\b(?!/s)"
)


def plurals(path: Path) -> Iterator[str]:
    """Texts of a file in which a number stands before a plural."""
    # Where a number decides between two texts.
    choices = [node for node in nodes(path) if isinstance(node, ast.IfExp)]
    chosen = {id(part) for node in choices for part in ast.walk(node)}
    for text in (node for node in nodes(path) if isinstance(node, ast.JoinedStr) and id(node) not in chosen):
        for number, words in pairwise(text.values):
            if not (isinstance(words, ast.Constant) and COUNTED.match(str(words.value))):
                continue
            said = ast.unparse(number.value) if isinstance(number, ast.FormattedValue) else "A CONSTANT"
            if not said.isupper() and ".join(" not in said:
                yield f"{name_of(path)}, line {text.lineno}: {ast.unparse(text)}"


def test_a_count_of_one_has_no_plural() -> None:
    """`counted` writes them; a constant in capitals, or a number that says what `of` how many, may stand as it is."""
    assert [found for path in FILES for found in plurals(path)] == []


def test_help_is_had_before_what_does_the_work_is_loaded() -> None:
    """So is the package itself, which each command imports."""
    jobs = (path.stem for path in (HOUSE / "jobs").glob("*.py") if path.stem != "__init__")
    commands = ("stylize.__main__", *(f"jobs.{name}" for name in sorted(jobs)))
    code = f"""if True:
        import contextlib, importlib, io, sys
        for name in {commands}:
            shown = io.StringIO()
            with contextlib.suppress(SystemExit), contextlib.redirect_stdout(shown):
                importlib.import_module(name).main(["--help"])
            loaded = {{"torch", "ray", "pandas", "pyarrow"}} & set(sys.modules)
            if loaded or "usage:" not in shown.getvalue().lower():
                sys.exit(f"{{name}} --help loads {{loaded}} and shows {{shown.getvalue()[:80]!r}}")
    """
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_public_surface() -> None:
    assert stylize.__all__ == [
        "BadKeyError", "CannotContinueError", "CorruptImageError", "DeviceLostError", "ImageError", "NoDeviceError",
        "NoRoomError", "NotFiniteError", "StylizeError", "Stylizer", "UnsupportedImageError", "UsageError",
        "WeightsError", "__version__", "load", "names", "read_rows",
    ], "what users may rely on is listed here, too, so that it changes on purpose alone"  # fmt: skip
    assert all(hasattr(stylize, name) for name in stylize.__all__)
    assert set(stylize.__all__) <= set(dir(stylize))


def test_every_error_is_in_the_drawn_tree_and_public() -> None:
    drawn = stylize.errors.__doc__ or ""
    classes = [c for c in vars(stylize.errors).values() if isinstance(c, type) and issubclass(c, Exception)]
    assert len(classes) > 5
    assert [c.__name__ for c in classes if c.__name__ not in drawn] == [], "draw it above stylize/errors.py"
    assert [c.__name__ for c in classes if c.__name__ not in stylize.__all__] == [], "list it in stylize/__init__.py"
