"""Tables as Markdown, with nothing in their cells taken for markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from stylize.errors import harmless

_MARKUP = "\\|`*_[]~#$!"
_LINK = re.compile(r"\b(https?|ftp|www)([:.])", re.IGNORECASE)
"""What many renderers take for a link as it stands."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table's lines; names from files cannot break it."""
    return [_line(map(escaped, header)), _line(["---"] * len(header)), *(_line(map(escaped, row)) for row in rows)]


def escaped(text: str) -> str:
    """Return a text for Markdown: on one line, nothing in it is markup, a link or for a terminal to obey."""
    for sign in _MARKUP:
        text = text.replace(sign, f"\\{sign}")
    text = _LINK.sub(r"\1\\\2", text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    return harmless(" ".join(text.split()))


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
