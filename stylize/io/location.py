"""Where a file or folder is: `locate` decides once what a string names, and the location knows the rest.

A plain path or a `file://` URI is a LocalPath; a URI of an object store, `s3://BUCKET/KEY`, is an ObjectUri. Which
stores there are stands in `stylize.io.store_kinds`. What stands in a URI where a bucket should be is never repeated in
a message, as it may be a password.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import re
import reprlib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from stylize.errors import BadKeyError, UsageError, one_line
from stylize.io.store_kinds import KINDS, listed

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SLIP = re.compile(rf"({'|'.join(KINDS)}):", re.IGNORECASE)
_BUCKET_AND_KEY = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:/+(.*))?", re.DOTALL)
_SECRET = re.compile(
    r"[?&](X-(Amz|Goog)-\w+|\w*Access_?(Key|Id)\w*|([\w.-]*[_.-])?(key|secret|token|signature|credentials?|password)"
    r"([_.-][\w.-]*)?)=",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class LocalPath:
    """A file or folder of this machine."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def shown(self) -> str:
        """Return the path as it stands in a one-line message."""
        return one_line(self)

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.name

    @property
    def parent(self) -> LocalPath:
        """Return the folder it lies in."""
        return LocalPath(self.path.parent)

    def join(self, name: str) -> LocalPath:
        """Return the path of `name` below this folder."""
        return LocalPath(self.path / name)

    def resolve(self, text: str) -> Location:
        """Return where `text` leads; a relative path starts at this folder."""
        where = locate(text)
        return LocalPath(self.path / where.path) if isinstance(where, LocalPath) else where

    def is_inside(self, folder: Location) -> bool:
        """Return whether this is `folder` or lies below it; symbolic links are followed."""
        return isinstance(folder, LocalPath) and real(self.path).is_relative_to(real(folder.path))

    def absolute(self) -> LocalPath:
        """Return the path from the root, as the disk spells it, without `.` and `..`; symbolic links stay."""
        return LocalPath(existing(absolute(self.path)))

    def check(self) -> None:
        """Do nothing: what a file may be called is known when it is opened."""


@dataclass(frozen=True, slots=True)
class ObjectUri:
    """An object or a folder of them; `key` is without slashes at its ends, and empty for the bucket itself."""

    scheme: str
    bucket: str
    key: str

    @classmethod
    def _parse(cls, scheme: str, rest: str) -> ObjectUri:
        parts = _BUCKET_AND_KEY.fullmatch(rest)
        if parts is None:
            raise UsageError(
                f"{scheme}://: expected {scheme}://BUCKET/KEY, a bucket's name being letters, digits, '.', '_' and "
                "'-'; no credentials in a URI: leave them to the environment or the machine's role"
            )
        key = (parts[2] or "").rstrip("/")
        if _SECRET.search(key):
            raise UsageError(f"{scheme}://: no signed URL and no credentials; give {scheme}://BUCKET/KEY alone")
        where = cls(scheme, parts[1], key)
        try:
            key.encode()
        except UnicodeEncodeError:
            raise BadKeyError(f"{where.shown}: no key: not UTF-8") from None
        return where

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}" if self.key else f"{self.scheme}://{self.bucket}"

    @property
    def shown(self) -> str:
        """Return the URI as it stands in a one-line message."""
        return one_line(self)

    @property
    def encoded(self) -> str:
        """Return the URI with what is special in the key percent-encoded, as pyarrow, and so pandas, takes it."""
        return quote(str(self), safe="/:=+@")

    @property
    def name(self) -> str:
        """Return the last part of the key; of a bucket, its name."""
        return self.key.rpartition("/")[2] or self.bucket

    @property
    def parent(self) -> ObjectUri:
        """Return the folder it lies in; of a bucket, itself."""
        return ObjectUri(self.scheme, self.bucket, self.key.rpartition("/")[0])

    def join(self, name: str) -> ObjectUri:
        """Return the URI of `name` below this folder."""
        return ObjectUri(self.scheme, self.bucket, f"{self.key}/{name}" if self.key else name)

    def resolve(self, text: str) -> Location:
        """Return where `text` leads; a relative path starts at this folder, and `..` in it goes up."""
        if _SCHEME.match(text) or _SLIP.match(text) or text.startswith("/") or text[:6].lower() == "file:/":
            return locate(text)
        return ObjectUri._parse(self.scheme, f"{self.bucket}/{posixpath.normpath(posixpath.join(self.key, text))}")

    def is_inside(self, folder: Location) -> bool:
        """Return whether this is `folder` or lies below it."""
        return isinstance(folder, ObjectUri) and f"{self}/".startswith(f"{folder}/")

    def absolute(self) -> ObjectUri:
        """Return itself: a URI is absolute."""
        return self

    def check(self) -> None:
        """Raise BadKeyError if obstore cannot address the key."""
        if _CONTROL.search(self.key):
            raise BadKeyError(f"{self.shown}: no key that can be used: it holds a control character")
        if self.key and not {"", ".", ".."}.isdisjoint(self.key.split("/")):
            raise BadKeyError(f"{self.shown}: no key that can be used: a part of it is empty, '.' or '..'")


Location = LocalPath | ObjectUri
"""`str` of one is its one form, `shown` fits a message."""


def locate(text: str) -> Location:
    """Return where a path or URI leads.

    Raises UsageError for what is neither, without repeating it, and BadKeyError for a key that is not UTF-8: no store
    and no row can hold it.
    """
    scheme = _SCHEME.match(text)
    if scheme and (kind := KINDS.get(scheme[1].lower())):
        return ObjectUri._parse(kind.scheme, text[scheme.end() :])
    if text[:6].lower() == "file:/":
        return LocalPath(_path_of_file_uri(text))
    if not scheme and (slip := _SLIP.match(text)):
        # As a path, results would go to a folder of that name here.
        name = slip[1].lower()
        raise UsageError(f"{name}: without //; expected {name}://BUCKET/KEY, or ./{name}: for a name that begins so")
    if scheme:
        # By its scheme alone: what follows may be a password or a signature.
        known = listed("file", *KINDS)
        raise UsageError(f"{scheme[1]}:// is not supported; what is: plain paths, {known} URIs")
    return LocalPath(_without_tilde(Path(_spelt_here(text))))


def as_location(where: str | Location) -> Location:
    """Return a location for one or its text. Raises UsageError as `locate` does."""
    return locate(where) if isinstance(where, str) else where


def absolute(path: Path) -> Path:
    """Return a path from the root, without `.` and `..`; symbolic links stay, but for one that `..` leads out of."""
    if ".." not in path.parts:
        return Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` would follow links
    whole = Path.cwd() / path
    made = Path(whole.anchor)
    for name in whole.parts[1:]:
        # As the system has it: above what a link leads to.
        made = made / name if name != ".." else (real(made) if made.is_symlink() else made).parent
    return made


def real(path: Path) -> Path:
    """Return a path from the root with its links followed, as far as they lead anywhere."""
    try:
        return Path(os.path.realpath(path))  # `resolve` raises where links go in a circle
    except (OSError, ValueError):  # no name that a file can have
        return absolute(path)


def existing(path: Path) -> Path:
    """Return the path as its names are spelt on the disk: accents are one character (NFC) or two (NFD).

    Programs and systems write them either way, and to most file systems they differ. What is there in no spelling
    stays as it is.
    """
    if _is_there(path):
        return path
    names = path.relative_to(path.anchor).parts
    there = Path(path.anchor)
    for number, name in enumerate(names):
        spellings = (name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD")))
        spelt = next((there / one for one in spellings if _is_there(there / one)), None)
        if spelt is None:
            return there.joinpath(*names[number:])
        there = spelt
    return there


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # no name that a file can have
        return False


def respelt(uri: ObjectUri) -> Iterator[ObjectUri]:
    """Yield the URI in the other spellings of its accents, if there are any, as `existing` knows them."""
    for form in ("NFC", "NFD"):
        key = unicodedata.normalize(form, uri.key)
        if key != uri.key:
            yield ObjectUri(uri.scheme, uri.bucket, key)


def local_path(text: str, role: str = "") -> Path:
    """Return the path behind a plain path or a percent-encoded `file://` URI, spelt as on the disk.

    Raises UsageError for others, which names the role, if it is told one.
    """
    called = f"{role}: " if role else ""
    try:
        where = locate(_given(text))
    except UsageError as error:
        raise type(error)(f"{called}{error}") from None
    if isinstance(where, LocalPath):
        return existing(where.path)
    raise UsageError(f"{called}{where.scheme}://: no object store will do here; give a folder or file of this machine")


def normalized(text: str) -> str:
    """Return a URI of an object store in its one form, and a path or `file://` URI as it is.

    Raises UsageError for what is neither, and BadKeyError for a key that nothing in a store can have.
    """
    where = locate(_given(text))
    where.check()
    return str(where) if isinstance(where, ObjectUri) or text.startswith("~") else text


def _given(text: str) -> str:
    """Return a text that names something. Raises UsageError for an empty one, which would be the current folder."""
    if not isinstance(text, str):
        raise UsageError(f"expected a path, got {one_line(reprlib.repr(text))}")
    if not text:
        raise UsageError("expected a path, got an empty text")
    if "\0" in text:
        raise UsageError(f"expected a path, got one with a NUL character in it: {one_line(text)}")
    return text


def _without_tilde(path: Path) -> Path:
    """Return a path with `~` as the home folder: a shell replaces it only where a word begins with it."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path  # no such user: the name of a folder


def _path_of_file_uri(uri: str) -> Path:
    host, slash, rest = uri[7:].partition("/") if uri[5:7] == "//" else ("", "/", uri[6:])
    if host not in ("", "localhost") or not slash:
        raise UsageError("a file:// URI names this machine only: file:///folder/name")
    # surrogateescape: a name that is no UTF-8 is still the name of a file
    return Path("/" + _spelt_here(unquote(rest, errors="surrogateescape")))


def _spelt_here(name: str) -> str:
    """Return a name as Python spells it here: in an ASCII locale without UTF-8 mode, by escapes for its bytes."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        with contextlib.suppress(UnicodeEncodeError):  # a lone surrogate: the name of no file
            return os.fsdecode(name.encode(errors="surrogateescape"))
    return name
