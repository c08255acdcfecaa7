"""Command lines made from a pydantic model: one flag a field, so that flags, YAML and record cannot drift apart."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from stylize.errors import CannotContinueError, StylizeError, UsageError
from stylize.safe_yaml import parse

EXIT_OK, EXIT_CANNOT_CONTINUE, EXIT_USAGE, EXIT_NOT_ALL_OK = 0, 1, 2, 3


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, then how to get help; exit status 2."""

    def error(self, message: str) -> Any:
        """One line, no usage dump."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message} (--help lists the options)\n")


def add_model(parser: argparse.ArgumentParser, model: type[BaseModel], skip: Sequence[str] = ()) -> None:
    """A `--flag` for every field of the model but those in `skip`; what is not given stays out of the result."""
    for name, field in model.model_fields.items():
        if name in skip:
            continue
        flag = "--" + name.replace("_", "-")
        default = "" if field.default in (None, PydanticUndefined) else f" (default {field.default})"
        text = f"{field.description or ''}{default}".replace("%", "%%")
        options: dict[str, Any] = {"help": text, "default": argparse.SUPPRESS, "dest": name}
        if get_origin(field.annotation) is dict:
            flag = "--set"
            options |= {"action": "append", "metavar": "NAME=VALUE"}
        elif choices := _choices(field.annotation):
            options |= {"choices": choices}
        else:
            options |= {"metavar": _metavar(field.annotation), "type": _value if _nullable(field.annotation) else str}
        parser.add_argument(flag, **options)


def pairs_to_dict(given: list[str]) -> dict[str, Any]:
    """`name=value` words to a dict; values are read as YAML, so that 0.5 is a number. Raises UsageError."""
    found: dict[str, Any] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError(f"--set {word}: expected NAME=VALUE, such as --set alpha=0.5")
        try:
            found[name] = parse(value, name)
        except UsageError:
            found[name] = value  # a text that only looks like YAML
    return found


def run(main: Callable[[Sequence[str]], int]) -> None:
    """Call `main` on the command line and exit: 2 for a wrong call, 1 for what cannot go on, each in one line."""
    try:
        status = main(sys.argv[1:])
    except CannotContinueError as error:
        status = EXIT_CANNOT_CONTINUE
        print(f"cannot go on: {error}", file=sys.stderr)
    except StylizeError as error:
        status = EXIT_USAGE
        print(f"error: {error}", file=sys.stderr)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; Python would complain once more as it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_CANNOT_CONTINUE)
    except KeyboardInterrupt:
        status = 130
        print("interrupted: what is done is kept; the same command resumes", file=sys.stderr)
    sys.stdout.flush()
    sys.exit(status)


def _choices(annotation: Any) -> list[str]:
    return [str(value) for value in get_args(annotation)] if get_origin(annotation) is Literal else []


def _nullable(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType) and type(None) in get_args(annotation)


def _metavar(annotation: Any) -> str:
    kinds = [a for a in (get_args(annotation) or (annotation,)) if a is not type(None)]
    words = [str(get_args(k)[0]) if get_origin(k) is Literal else {int: "N", float: "X"}.get(k, "TEXT") for k in kinds]
    return "|".join(words)


def _value(text: str) -> str | None:
    """`none` means no value, for settings that can have none."""
    return None if text.lower() == "none" else text
