"""Command lines made from a pydantic model: one option per field, so that options, YAML and record agree."""

from __future__ import annotations

import argparse
import contextlib
import errno
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, NoReturn, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from stylize import __version__
from stylize.errors import CannotContinueError, StylizeError, UsageError, message_of, nearest, one_line
from stylize.interrupts import traced
from stylize.safe_yaml import parse_word
from stylize.shares import Metavar
from stylize.terminal import LogFormatter, open_closed_streams, say, silence
from stylize.validation import Model, Origin, validated

EXIT_OK, EXIT_CANNOT_CONTINUE, EXIT_USAGE, EXIT_NOT_ALL_OK, EXIT_INTERRUPTED = 0, 1, 2, 3, 130
EXITS_OF_A_RUN = (
    "Exit status: 0 all ok, 3 finished with rows that are not ok, 2 a wrong call, 1 could not go on, 130 interrupted."
)
NO_PATH = (
    errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST,
)  # fmt: skip
"""What the system says of a path that is none or is closed, whichever question about it comes first."""
EXHAUSTED = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN,
)  # fmt: skip
"""What it says where it cannot give any more, or a disk is broken."""
GONE = (
    errno.ENOTCONN, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH,
)  # fmt: skip
"""What it says of a file on a card that was pulled out, or of another machine that is away."""
_DASHED = re.compile(r"[\u2010-\u2015\u2212]+([^=]+)")  # what programs for text, and web pages, make of two hyphens
_OWN = ("stylize", "jobs", "tools")  # of these nothing is missing but by a fault of this program

ONE_FILE = ("--manifest", "--config")  # options whose first file would be left out
Groups = Mapping[str, Sequence[str]]  # what an option is about, to the names of the settings that are


class Parser(argparse.ArgumentParser):
    """A command line. It says what is wrong in one line with exit status 2; its help comes in groups."""

    def __init__(self, prog: str, **more: Any) -> None:
        # An abbreviation would mean another option, or none, once one more begins so.
        super().__init__(prog, formatter_class=_Help, allow_abbrev=False, **more)
        version = f"stylize {__version__}"
        self.add_argument("--version", action="version", version=version, help="show the project's version and exit")
        self._groups: dict[str, argparse._ArgumentGroup] = {}

    def group(self, title: str) -> argparse._ArgumentGroup:
        """Return the group of options under a title, made when it is first asked for."""
        if title not in self._groups:
            self._groups[title] = self.add_argument_group(title)
            # Options of the call itself, such as --help, come after those of what it does.
            self._action_groups.sort(key=lambda group: group is self._optionals)
        return self._groups[title]

    def parse_args(self, args: Sequence[str] | None = None) -> argparse.Namespace:  # type: ignore[override]
        """Return what was given, options before, between or after paths.

        Exits where an option is unknown, asking for the nearest, or one of ONE_FILE stands there twice.
        """
        words = list(sys.argv[1:] if args is None else args)
        end = words.index("--") if "--" in words else len(words)
        for dashed in filter(None, map(_DASHED.match, words[:end])):
            if (meant := f"--{dashed[1]}") in self._option_string_actions:
                self.exit(EXIT_USAGE, f"error: unknown option {one_line(dashed[0])}; did you mean {meant}?\n")
        # argparse takes what begins with a dash for an option here, also behind --.
        paths = [f"./{word}" if word.startswith("-") else word for word in words[end + 1 :]]
        options = self._with_values(words[:end])
        given, rest = self.parse_known_intermixed_args([*options, *paths])
        self._refuse(rest)
        self._refuse_twice(options)
        return given

    def _with_values(self, words: list[str]) -> list[str]:
        """Return the words, a value that begins with a dash joined to its option: argparse takes -1,2 for an option."""
        known, joined = self._option_string_actions, list[str]()
        for word in words:
            option = known.get(joined[-1]) if joined else None
            if option and option.nargs is None and re.match("-[^-]", word) and word not in known:
                joined[-1] += f"={word}"
            else:
                joined.append(word)
        return joined

    def _refuse_twice(self, words: list[str]) -> None:
        given = [word.partition("=")[0] for word in words]
        if twice := next((option for option in ONE_FILE if given.count(option) > 1), None):
            self.exit(EXIT_USAGE, f"error: {twice} is given twice; leave one of them out\n")

    def _refuse(self, rest: list[str]) -> None:
        words = [word for word in rest if word.startswith("-")]
        if words:
            name, option = one_line(words[0]), words[0].partition("=")[0]
            if os.path.lexists(words[0]):
                self.exit(EXIT_USAGE, f"error: {name} reads as an option; give the file as ./{name}\n")
            known = [flag for flag in self._option_string_actions if flag.startswith("--")]
            near = nearest(option, known)
            hint = f"did you mean {near}?" if near else "--help lists the options"
            if not near and "--set" in known:
                hint += "; a setting of the method is given as --set alpha=0.6"
            self.exit(EXIT_USAGE, f"error: unknown option {one_line(option)}; {hint}\n")
        if rest:
            self.error(f"{one_line(rest[0])} is one argument too many")

    def _print_message(self, message: str, file: Any = None) -> None:  # argparse's passes over a full disk
        say(*message.rstrip("\n").split("\n"), file=file)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Exit, with one line if there is anything to say."""
        end = SystemExit(status)
        if message:
            say(message.rstrip("\n"), file=sys.stderr)
            end.add_note(message.strip())
        raise end

    def error(self, message: str) -> NoReturn:
        """Exit with one line and no usage."""
        message = re.sub(r"(?s)argument (\S+): ignored explicit argument .*", r"\1 takes no value", message)
        kind, place = "a whole number" if "int value" in message else "a number", r"argument (\S+)"
        message = re.sub(rf"{place}: invalid (?:\w*int|float) value: (.*)", rf"\1: expected {kind} (got \2)", message)
        self.exit(EXIT_USAGE, f"error: {message} (--help lists the options)\n")


class _Help(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=27, width=min(shutil.get_terminal_size().columns, 100) - 2)


def add_model(parser: Parser, model: type[BaseModel], groups: Groups, skip: Sequence[str] = ()) -> None:
    """Add an option for each field of the model but those in `skip`; what is not given stays out of the result."""
    titles = {name: title for title, names in groups.items() for name in names}
    ordered = [name for names in groups.values() for name in names]
    for name in [*ordered, *(one for one in model.model_fields if one not in titles)]:
        if name not in skip:
            _add_field(parser.group(titles[name]) if name in titles else parser, name, model.model_fields[name])


def _add_field(home: argparse._ActionsContainer, name: str, field: FieldInfo) -> None:
    default = "" if field.default in (None, (), PydanticUndefined) else f" (default {field.default})"
    text = f"{field.description or ''}{default}".replace("%", "%%")
    options: dict[str, Any] = {"help": text, "default": argparse.SUPPRESS, "dest": name}
    kind = get_origin(field.annotation) or field.annotation
    if kind is bool:
        options |= {"action": "store_true", "help": field.description}
    elif kind in (dict, tuple):
        options |= {"action": "append", "metavar": "NAME=VALUE" if kind is dict else _metavar(field)}
    elif choices := _choices(field.annotation):
        options |= {"choices": choices}
    else:
        options |= {"metavar": _metavar(field), "type": _value if _nullable(field.annotation) else str}
    home.add_argument(flag(name), **options)


def flag(name: str) -> str:
    """Return what the command line calls a setting."""
    return "--set" if name == "settings" else "--" + name.replace("_", "-")


def pairs_to_dict(given: list[str]) -> dict[str, Any]:
    """Return `name=value` words as a dict, values read as YAML, so that 0.6 is a number. Raises UsageError."""
    values: dict[str, Any] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name or not value.strip():
            raise UsageError(f"--set {one_line(word)}: expected NAME=VALUE, such as --set alpha=0.6")
        values[name] = parse_word(value)
    return values


def checked(model: type[Model], given: Mapping[str, Any]) -> Model:
    """Return a command line's options as their model. Raises UsageError, which calls them as that does."""
    settings = {"settings": pairs_to_dict(given["settings"])} if "settings" in given else {}
    return validated(model, {**given, **settings}, origins={name: Origin(flag(name)) for name in model.model_fields})


def run(main: Callable[[Sequence[str]], int], interrupted: str = "interrupted") -> None:
    """Call `main` on the command line and exit: 2 for a wrong call, 1 for what cannot go on, each in one line.

    `interrupted` is that of Ctrl-C, with what is left of the work.
    """
    open_closed_streams()
    if logging.lastResort is not None:  # what is logged where nothing else says how
        logging.lastResort.setFormatter(LogFormatter())
    logging.captureWarnings(True)
    with traced():
        try:
            _refuse_lost_folder()
            status = main(sys.argv[1:])
            sys.stdout.flush()
        except CannotContinueError as error:
            status = EXIT_CANNOT_CONTINUE
            say(f"cannot go on: {error}", file=sys.stderr)
        except StylizeError as error:
            status = EXIT_USAGE
            say(f"error: {error}", file=sys.stderr)
        except BrokenPipeError:
            # The reader, such as `head`, has seen enough; Python would complain once more as it closes the stream.
            status = EXIT_CANNOT_CONTINUE
            silence(sys.stdout)
        except OSError as error:
            status = _end_of(error)
        except ImportError as error:
            if (error.name or "").partition(".")[0] in _OWN:
                raise
            status = EXIT_CANNOT_CONTINUE
            say(f"cannot go on: {_not_loaded(error)}", file=sys.stderr)
        except KeyboardInterrupt:
            status = EXIT_INTERRUPTED
            say(interrupted, file=sys.stderr)
    sys.exit(status)


def _refuse_lost_folder() -> None:
    """Raise CannotContinueError where the current folder was removed: some libraries end the process there."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise CannotContinueError("the current folder is not there any more: change to another one (cd)") from None


def _end_of(error: OSError) -> int:
    """Say what the system refuses, and return the exit status. Raises the error where that may be a fault of ours."""
    about, reason = one_line(error.filename) + ": " if error.filename else "", (error.strerror or "").lower()
    if error.errno in EXHAUSTED or (error.errno in GONE and isinstance(error.filename, str)):
        say(f"cannot go on: {about}{reason}: put that right, then run the same command again", file=sys.stderr)
        return EXIT_CANNOT_CONTINUE
    if error.errno in NO_PATH and isinstance(error.filename, str):
        say(f"error: {about}{reason}", file=sys.stderr)
        return EXIT_USAGE
    raise error


def _not_loaded(error: ImportError) -> str:
    """Return what to do where a package is missing or cannot be loaded."""
    if isinstance(error, ModuleNotFoundError):
        return f"{message_of(error)}: pip install {_that_brings(error.name or '')}"
    return f"{message_of(error)}: a package that cannot be loaded; allow more memory (ulimit -v), or install it anew"


def _that_brings(module: str) -> str:
    """Return what pip installs to bring a module: the extra of this project that lists it, where one does."""
    from importlib import metadata

    package = module.partition(".")[0].replace("_", "-").casefold()
    with contextlib.suppress(metadata.PackageNotFoundError):
        for wanted in metadata.requires("stylize") or []:
            extra = re.search(r"extra == [\"']([\w-]+)", wanted)
            if extra and re.match(r"[\w.-]+", wanted)[0].replace("_", "-").casefold() == package:  # type: ignore[index]
                return f"'stylize[{extra[1]}]'"
    return "the package that has it"


def _choices(annotation: Any) -> list[str]:
    return [str(value) for value in get_args(annotation)] if get_origin(annotation) is Literal else []


def _nullable(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType) and type(None) in get_args(annotation)


def _metavar(field: FieldInfo) -> str:
    given = [*field.metadata, *(one for kind in get_args(field.annotation) for one in get_args(kind))]
    if named := next((one.text for one in given if isinstance(one, Metavar)), None):
        return named
    kinds = [kind for kind in (get_args(field.annotation) or (field.annotation,)) if kind is not type(None)]
    kinds = [get_args(kind)[0] if get_origin(kind) is Annotated else kind for kind in kinds]
    words = {int: "N", float: "N", Path: "PATH"}
    return "|".join(
        str(get_args(kind)[0]) if get_origin(kind) is Literal else words.get(kind, "NAME") for kind in kinds
    )


def _value(text: str) -> str | None:
    """Return a setting's text, or None for the word `none`, where a setting can have none."""
    return None if text.lower() == "none" else text
