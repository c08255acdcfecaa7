"""The command line of one picture: which files, which method, how; checked before anything heavy is loaded."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from stylize import cli
from stylize.cli import Groups
from stylize.commands import COMMANDS
from stylize.commands.place import file_to_write
from stylize.config import Device
from stylize.errors import UsageError, counted, nearest, one_line
from stylize.images import MAX_PIXELS
from stylize.io.files import local_path, writing
from stylize.io.location import real
from stylize.restyling import Restyling
from stylize.shares import MaxMemory, Metavar

FORMATS = {".jpg": "jpg", ".jpeg": "jpg", ".png": "png", ".webp": "webp"}
"""A result's suffix to its format."""
GROUPS: Groups = {
    "inputs": ("style_weights", "max_pixels"),
    "method": (
        "stylizer", "weights", "settings", "precision", "runtime", "device", "max_memory", "resolution_px",
        "style_resolution_px",
    ),
    "output": ("quality", "strip"),
}  # fmt: skip
"""In what order and under which titles the options stand in the help."""
EXPECTED = "expected PHOTO ARTWORK [ARTWORK ...] RESULT"
EPILOG = (
    "`stylize list` shows the methods, `stylize list NAME` the settings of one, `stylize doctor` what this machine "
    "runs. "
    "Exit status: 0 done, 2 a wrong call or an input that cannot be used, 1 could not go on."
)


class Options(Restyling):
    """The options. Sizes in pixels; `style_weights` is one number of 0 or more per artwork, with commas."""

    device: Device = Field("auto", description="where the network runs; auto: an accelerator where there is one")
    max_memory: MaxMemory = Field(
        "auto",
        description="memory that the image may take, such as 2GiB, on the card where one is used; more is done in "
        "strips; auto: most of what is free",
    )
    style_weights: Annotated[str, Metavar("N,N")] | None = Field(
        None, description="share of each artwork, such as 1,2; none: equal parts"
    )
    max_pixels: int = Field(MAX_PIXELS, ge=1, le=2_000_000_000, description="images of more pixels are refused")


@dataclass(frozen=True)
class Call:
    """A whole command line: what to read, where to write, how; `shares` are the artworks' weights where given."""

    photo: str
    artworks: list[str]
    result: Path
    options: Options
    shares: list[float] | None


def parse(argv: Sequence[str]) -> Call:
    """Return the checked command line. Raises UsageError for paths and flags that cannot be."""
    _refuse_mistyped(argv[0] if argv else "")
    parser = cli.Parser(
        prog="stylize",
        usage="stylize PHOTO ARTWORK [ARTWORK ...] RESULT [options]\n       stylize list [NAME]\n       stylize doctor"
        "\n       stylize export METHOD OUT.onnx\n       stylize view OUT",
        description="Restyle PHOTO in the style of ARTWORK into RESULT (.jpg, .png or .webp).",
        epilog=EPILOG,
    )
    inputs = parser.group("inputs")
    inputs.add_argument("paths", nargs="*", metavar="PATH", help="the photo, one artwork or several, and the result")
    cli.add_model(parser, Options, GROUPS)
    parser.group("output").add_argument("--force", action="store_true", help="replace RESULT if it is there already")
    given = vars(parser.parse_args(argv))
    paths, force = given.pop("paths"), given.pop("force")
    if len(paths) < 3:
        _refuse_mistyped(paths[0] if paths else "")
    _refuse_folders(paths)
    if len(paths) < 3:
        told = _hint(paths, given.get("stylizer"))
        raise UsageError(f"{EXPECTED}, got {counted(len(paths), 'path')}{told} (--help lists the options)")
    options = cli.checked(Options, given)
    if options.weights is not None:
        local_path(options.weights, cli.flag("weights"))
    photo, *artworks, result = paths
    with writing(local_path(result, "RESULT")):
        path = _result_path(result, [photo, *artworks], force)
    return Call(photo, artworks, path, options, _shares(options.style_weights, len(artworks)))


def _refuse_mistyped(word: str) -> None:
    """Raise UsageError where a first word is no file, but almost a command: what follows it is no picture's."""
    if word in COMMANDS and not os.path.lexists(word):
        raise UsageError(f"no such file: {word}; the command comes first: stylize {word}")
    if re.fullmatch(r"\w[\w-]*", word) and not os.path.lexists(word) and (near := nearest(word, COMMANDS)):
        raise UsageError(f"no such file: {word}; did you mean `stylize {near}`? (--help lists the options)")


def _refuse_folders(paths: list[str]) -> None:
    """Raise UsageError where PHOTO or an ARTWORK is a folder: many at once are another command's."""
    inputs = paths[:-1] if len(paths) > 2 else paths
    for role, path in zip(("PHOTO", *["ARTWORK"] * len(inputs)), inputs, strict=False):
        if local_path(path, role).is_dir():
            as_given = len(paths) == 3 and role == "PHOTO" and Path(paths[-1]).suffix.lower() not in FORMATS
            folders = " ".join(map(shlex.quote, paths)) if as_given else "CONTENT STYLES OUT"
            raise UsageError(f"{role} {one_line(path)} is a folder; for folders: stylize-folder {one_line(folders)}")


def _hint(paths: list[str], stylizer: str | None) -> str:
    if len(paths) == 2:
        checkpoint = "; johnson's ARTWORK is a checkpoint, or one's name in --weights FOLDER"
        return f"; RESULT is missing: the file to write, such as result.jpg{checkpoint * (stylizer == 'johnson')}"
    return ""


def _result_path(result: str, inputs: list[str], force: bool) -> Path:
    """Return RESULT as a path that can be written. Raises UsageError now, not after minutes of work."""
    path, name = local_path(result, "RESULT"), one_line(result)
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"RESULT {name}: its suffix says the format; give one of {', '.join(FORMATS)}")
    if real(path) in [real(local_path(one)) for one in inputs]:
        raise UsageError(f"RESULT {name} is one of the inputs; give another name")
    return file_to_write(path, f"RESULT {name}", force)


def _shares(text: str | None, artworks: int) -> list[float] | None:
    if text is None:
        return None
    try:
        shares = [float(word) for word in text.split(",")]
    except ValueError:
        shares = []
    if not shares or min(shares) < 0 or not 0 < sum(shares) < float("inf"):
        raise UsageError(f"--style-weights {text}: expected numbers of 0 or more, not all 0, such as 1,2")
    if len(shares) != artworks:
        raise UsageError(f"--style-weights {text}: {len(shares)} for {counted(artworks, 'artwork')}; give one for each")
    return shares
