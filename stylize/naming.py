"""Where a result goes below OUT/images: names that mirror both trees, are readable, and safe on every file system."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from stylize.errors import UsageError, harmless, one_line

MAX_STEM_BYTES = 80
MAX_NAME_BYTES = 200
"""Of a folder or file below OUT/images: file systems take 255, and a key and suffixes follow."""
MAX_FOLDERS = 8
"""Of each tree, the innermost: deeper ones are left out of the name, so that no path is too long."""
KEY_DIGITS = 10
_RESERVED = {"con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in "0123456789¹²³")}

LAYOUTS = {"by-style": "{style}/{photo}", "by-photo": "{photo}/{style}", "flat": "{photo_flat}--{style_flat}"}
"""What `--layout` stands for, as templates."""
FIELDS = ("photo", "style", "photo_name", "style_name", "photo_flat", "style_flat", "method", "key")
"""What a template may name: paths below CONTENT and STYLES without suffix, their last parts, the same with the folders
joined by `-`, the method, and the first digits of the task's key."""


def check_template(template: str) -> str:
    """Return the template. Raises UsageError if a field is unknown or it would give all photos one name."""
    known = ", ".join(f"{{{name}}}" for name in FIELDS)
    try:
        fields = [field for _, field, spec, change in string.Formatter().parse(template) if field is not None]
        plain = all(not spec and not change for _, _, spec, change in string.Formatter().parse(template))
    except ValueError as error:
        raise UsageError(f"{error}; known: {known}") from None
    unknown = next((field for field in fields if field not in FIELDS), None)
    if unknown is not None or not plain:
        what = f"unknown {{{unknown}}}" if unknown is not None else "give fields alone, without `:` or `!`"
        raise UsageError(f"{what}; known: {known}")
    if not {"photo", "photo_name", "photo_flat", "key"} & set(fields):
        raise UsageError("every photo would get the same one; add {photo}, {photo_name} or {key}")
    if template.startswith("/") or "\\" in template or any(part in ("", ".", "..") for part in template.split("/")):
        raise UsageError("give a relative path with `/` between folders, without `.`, `..` or empty parts")
    if harmless(template) != template:
        raise UsageError(f"give one line without control characters, not {one_line(template)}")
    return template


def fill(template: str, photo: str, style: str, method: str, task_id: str, keyed: bool) -> str:
    """Return a name without suffix. photo, style: paths as `mirrored` gives them.

    keyed: with the task's key at its end, as another task has the plain name; so has a name that had to be cut. Where
    the template has the key already, there is more of it.
    """
    key = task_id[: KEY_DIGITS * (3 if keyed and "{key}" in template else 1)]
    values = {
        "photo": photo,
        "style": style,
        "photo_name": photo.rpartition("/")[2],
        "style_name": style.rpartition("/")[2],
        "photo_flat": photo.replace("/", "-"),
        "style_flat": style.replace("/", "-"),
        "method": stem(method.replace(":", "-")),
        "key": key,
    }
    *folders, name = template.format_map(values).split("/")
    short = _cut(name, MAX_NAME_BYTES)
    if short != name or (keyed and "{key}" not in template):
        short = f"{short}--{key}"
    return "/".join([*(_cut(folder, MAX_NAME_BYTES) for folder in folders), short])


def keyed_name(content_uri: str, style_uri: str, task_id: str, suffix: str) -> str:
    """Return `<artwork>/<photo>--<key>.<suffix>`, which no other task has, wherever the inputs lie."""
    photo, style = (mirrored(uri, None) for uri in (content_uri, style_uri))
    return f"{fill(LAYOUTS['by-style'], photo, style, '', task_id, keyed=True)}.{suffix}"


def same_file(name: str) -> str:
    """Return a form of a name that is equal for all names that one of today's file systems takes for the same file."""
    return unicodedata.normalize("NFC", name).casefold()


def mirrored(uri: str, root: str | None) -> str:
    """Return the path of an input below `root` without its suffix, each part as `stem` writes it.

    root: a path or URI that `uri` may lie below; elsewhere, or for None, the last part alone.
    """
    *folders, last = _below(uri, root).split("/")
    return "/".join([*(_part(folder) for folder in folders[-MAX_FOLDERS:] if folder), stem(last)])


def mirrored_together(uris: Sequence[str], root: str | None) -> str:
    """Return the path of the first of several inputs as `mirrored` does, with the others' names behind its own."""
    first, *others = (mirrored(uri, root) for uri in uris)
    if not others:
        return first
    folder, slash, name = first.rpartition("/")
    return folder + slash + _part("-".join([name, *(other.rpartition("/")[2] for other in others)]))


def name_below(uri: str, root: str | None) -> str:
    """Return the path of an input below `root` without its suffix, as it is; `root` as in `mirrored`."""
    below = _below(uri, root)
    start = below.rpartition("/")[0]
    last = _without_suffix(below.rpartition("/")[2])
    return f"{start}/{last}" if start else last


def _below(uri: str, root: str | None) -> str:
    inside = _path(uri)
    above = None if root is None else _path(root).rstrip("/") + "/"
    return inside[len(above) :] if above is not None and inside.startswith(above) else inside.rpartition("/")[2]


def below_images(uri: str) -> Iterator[str]:
    """Yield what may be a result's name below its OUT/images, suffix and all: OUT may have been moved since."""
    path = _path(uri)
    start = path.find("/images/")
    while start >= 0:
        yield path[start + len("/images/") :]
        start = path.find("/images/", start + 1)


def stem(uri: str) -> str:
    """Return the last part of a path or URI without its suffix, as letters and digits of any script joined by `-`.

    At most 80 bytes of UTF-8; `image` where nothing is left.
    """
    return _part(_without_suffix(_path(uri).rsplit("/", 1)[-1]))


def _without_suffix(name: str) -> str:
    return name.rsplit(".", 1)[0] if "." in name.strip(".") else name


def _path(uri: str) -> str:
    return unquote(uri[5:].removeprefix("//"), errors="replace") if uri[:5].lower() == "file:" else uri


def _cut(text: str, most_bytes: int) -> str:
    kept = text.encode()[:most_bytes].decode(errors="ignore")
    return text if kept == text else kept.rstrip("-_")


def _part(text: str) -> str:
    text = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    short = _cut(_words(text).strip("-_"), MAX_STEM_BYTES)
    if not short:
        return "image"
    return f"_{short}" if short.lower() in _RESERVED else short


def _words(text: str) -> str:
    kept = ""
    for character in text:
        # Letters, marks, numbers. A mark (many vowels of Hindi or Thai) is part of the letter before it.
        kind = unicodedata.category(character)[0]
        if kind in "LN" or character == "_" or (kind == "M" and kept[-1:] not in ("", "-")):
            kept += character
        elif kept[-1:] != "-":
            kept += "-"
    return kept
