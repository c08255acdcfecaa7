"""Readable names for results that collide never and are safe on every file system."""

from __future__ import annotations

import unicodedata
from urllib.parse import unquote

MAX_STEM_BYTES = 80
_RESERVED = {"con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in "0123456789¹²³")}


def output_name(content_uri: str, style_uri: str, task_id: str, suffix: str) -> str:
    """`<style stem>/<content stem>--<16 hex digits>.<suffix>`: readable by its stems, unique by the task's key."""
    return f"{stem(style_uri)}/{stem(content_uri)}--{task_id[:16]}.{suffix}"


def stem(uri: str) -> str:
    """The last part of a path or URI without its suffix, as letters and digits of any script joined by `-`.

    At most 80 bytes of UTF-8; `image` where nothing is left.
    """
    last = uri.rsplit("/", 1)[-1]
    if uri[:5].lower() == "file:":
        last = unquote(last, errors="replace")
    if "." in last.strip("."):
        last = last.rsplit(".", 1)[0]
    last = unicodedata.normalize("NFC", last.encode("utf-8", "replace").decode())
    plain = _words(last).strip("-_")
    short = plain.encode()[:MAX_STEM_BYTES].decode(errors="ignore").strip("-_")
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
