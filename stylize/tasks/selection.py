"""Which files of a folder are taken: globs of the user's own, and what systems leave between the photos."""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass, field

from stylize.errors import UsageError, one_line

# What NAS boxes, archives, file systems and desktops make: thumbnails, bins and copies.
_OF_SYSTEMS = frozenset((
    "@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "$recycle.bin", "recycler",
    "system volume information", "__macosx", "lost+found", "thumbs.db", "ehthumbs.db", "desktop.ini",
))  # fmt: skip
TRAINING_STATE = re.compile(r"(^|/)checkpoint_[^/]+/state\.pt$")
"""What a training resumes from, in its OUT: as a style it would be one more beside the trained weights."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Globs over paths below the input folder; a file is taken that one of `include` and none of `exclude` fits.

    A glob without a slash fits a file's or any of its folders' names; one with a slash fits the path, `**` any number
    of folders. One that ends in a slash fits folders alone, with all that is in them. Capitals make no difference, nor
    does how an accent is written. No `include`: every file.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    unfitted: dict[str, set[str]] = field(default_factory=dict, init=False, compare=False)
    """Those globs of `include` and of `exclude` that fitted no path so far."""

    def __post_init__(self) -> None:
        """Raise UsageError for a glob that is none."""
        for glob in (*self.include, *self.exclude):
            _pattern(glob)
        self.unfitted.update(include=set(self.include), exclude=set(self.exclude))

    def reason_against(self, path: str) -> str | None:
        """Return why a file is left out, None where it is taken. path: below the input folder, with slashes."""
        for globs in self.unfitted.values():
            if globs:
                # Of objects, many threads ask at once.
                globs -= {glob for glob in tuple(globs) if _fits(glob, path)}
        if any(_fits(glob, path) for glob in self.exclude):
            return "by --exclude"
        if self.include and not any(_fits(glob, path) for glob in self.include):
            return "not by --include"
        return None


EVERYTHING = Selection()


def reason_against_name(name: str) -> str | None:
    """Return why a file or folder of such a name is never looked at, None where it is."""
    if name.casefold() in _OF_SYSTEMS:
        return "left by a system"
    if name.endswith(".icloud"):  # what macOS leaves in a photo's place, hidden
        return "not downloaded from iCloud"
    return "hidden" if name.startswith(".") else None


def _fits(glob: str, path: str) -> bool:
    path, glob = unicodedata.normalize("NFC", path), glob.removeprefix("./")
    folder, glob = glob.endswith("/"), glob.rstrip("/")
    if "/" not in glob:
        parts = path.split("/")
        return any(_pattern(glob).fullmatch(part) for part in (parts[:-1] if folder else parts))
    return _pattern(glob.lstrip("/") + "/**" * folder).fullmatch(path) is not None


@functools.lru_cache(256)
def _pattern(glob: str) -> re.Pattern[str]:
    if not glob:
        raise UsageError("glob '': fits nothing; give one such as *.jpg")
    text = unicodedata.normalize("NFC", glob)
    written = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|/\*\*$|\*\*|\*|\?|\[!?[^/][^\]/]*\])", text)
    pattern = "".join(
        written.get(part) or (_one_of(part[1:-1]) if len(part) > 2 and part[0] == "[" else re.escape(part))
        for part in parts
    )
    try:
        return re.compile(pattern, re.IGNORECASE | re.DOTALL)
    except re.error:
        raise UsageError(f"glob {one_line(glob)!r}: a range in [ ] goes from the lower to the higher, as a-z") from None


def _one_of(characters: str) -> str:
    """Return the regular expression of a glob's [ ]."""
    negated = characters.startswith("!") and len(characters) > 1
    inside = re.sub(r"[\\\[\]&~|^]|(?<=-)-", r"\\\g<0>", characters[negated:])
    return f"[{'^' * negated}{inside}]"
