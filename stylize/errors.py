"""Every error this package raises on purpose, and how names stand in their messages.

StylizeError                what every one of them is
├── UsageError              the call is wrong: an option, a setting, a missing folder (exit status 2)
│   ├── WeightsError        a weights file is missing, truncated or of another network
│   ├── BadKeyError         no object of a store can be called so
│   └── NoDeviceError       torch sees no such device on this machine
├── CannotContinueError     the run cannot go on: disk full, OUT not writable, OUT in use (exit status 1)
├── DeviceLostError         this process cannot use its GPU any more; another one does its work
├── NotFiniteError          a result has NaN or infinity in it; becomes a row of status `nan`
└── ImageError              one input cannot be used; becomes a row, never ends a run
    ├── CorruptImageError       status `corrupt`: not an image, cut short, unreadable
    ├── NoRoomError             status `oom`: needs more memory than there may be, even in strips
    └── UnsupportedImageError   status `unsupported`: an image, but one we refuse (too big, too small, ...)
"""

from __future__ import annotations

import difflib
import threading
import unicodedata
from collections.abc import Iterable


class StylizeError(Exception):
    """What every error this package raises on purpose is."""


class UsageError(StylizeError):
    """The call is wrong; the message says what to do."""


class WeightsError(UsageError):
    """A weights file is missing, truncated or belongs to another network."""


class BadKeyError(UsageError):
    """No object of a store can be read or written under such a key."""


class NoDeviceError(UsageError):
    """torch sees no such device on this machine."""


class CannotContinueError(StylizeError):
    """The run cannot go on; what is already written stays valid."""


class DeviceLostError(StylizeError):
    """This process can no longer use its accelerator; another process can."""


class NotFiniteError(StylizeError):
    """The stylizer's result has NaN or infinity in it."""

    def __init__(self) -> None:
        super().__init__("the result has NaN or infinity in it; try other settings, and fp32 for other precisions")


class ImageError(StylizeError):
    """One input cannot be used."""

    status = "failed"


class CorruptImageError(ImageError):
    """Not an image, cut short, or unreadable."""

    status = "corrupt"


class NoRoomError(ImageError):
    """An image that needs more memory than may be taken, even in strips."""

    status = "oom"


class UnsupportedImageError(ImageError):
    """An image, but one that is refused: too many pixels, or too few for the method."""

    status = "unsupported"


_JOINERS = "\u200c\u200d"
"""Invisible, and part of words in Persian and Hindi, and of emoji."""


def harmless(text: str) -> str:
    """Return a text on one line, with nothing in it that a terminal or a reader of logs would obey.

    Control characters, line ends, bidirectional overrides, lone surrogates and the like are written as escapes.
    """
    if text.isprintable():
        return text
    return "".join(one if _is_shown(one) else one.encode("unicode_escape").decode() for one in text)


def _is_shown(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs" or character in _JOINERS


def one_line(text: object) -> str:
    """Return a path or name fit for a one-line message: as it is, or quoted where it holds a newline or the like."""
    plain = str(text)
    return plain if harmless(plain) == plain else repr(plain)


def beside(name: str, error: str) -> str:
    """Return an error for a line that gives its file's name already: `no such file` of `no such file: NAME`."""
    return error.removesuffix(f": {name}")


def message_of(error: BaseException, limit: int = 300) -> str:
    """Return what an error says in one line of at most `limit` characters, or its class where it says nothing."""
    return harmless(" ".join(_said(error).split()))[:limit] or type(error).__name__


def named_message(error: BaseException, limit: int = 300) -> str:
    """Return an error's class and what it says, in one line of at most `limit` characters."""
    said = _said(error)
    return harmless(" ".join((type(error).__name__ + f": {said}" * bool(said.strip())).split()))[:limit]


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # of a class that somebody wrote
        return ""


def of_a_signal(error: BaseException) -> bool:
    """Return whether a signal may have raised this, which is to end the process: signals reach the main thread alone.

    In other threads KeyboardInterrupt is what a method raises, and any other that is no Exception is so in all.
    """
    return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()


def counted(number: float, one: str, several: str | None = None) -> str:
    """Return `1 task`, `2 tasks`; `several` is the word, or words, of any number but 1 where an s does not do."""
    shown = f"{number:g}" if isinstance(number, float) else str(number)
    return f"{shown} {one if number == 1 else several or one + 's'}"


LEAST_BEGINNING = 3
"""Letters of a name's beginning that tell which is meant."""


def nearest(name: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """Return the known name that a mistyped one is most like, or None where none is that like it, from 0 to 1.

    Else the only one that it begins: set, for settings.
    """
    by_plain = {_plain(one): one for one in known}
    near = difflib.get_close_matches(_plain(name), by_plain, n=1, cutoff=likeness)
    begun = [one for one in by_plain if len(_plain(name)) >= LEAST_BEGINNING and one.startswith(_plain(name))]
    near = near or (begun if len(begun) == 1 else [])
    return by_plain[near[0]] if near else None


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Return a message about a name that is none of the known ones: it asks for the nearest, or lists them all."""
    names = list(known)
    near = nearest(name, names)
    hint = f"did you mean {near}?" if near else f"known: {', '.join(names) or 'none'}"
    return f"unknown {what} {name!r}; {hint}"


def _plain(name: str) -> str:
    return name.lower().strip("-").replace("_", "-")
