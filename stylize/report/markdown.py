"""Tables as Markdown, with nothing in their cells taken for markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table's lines; names from files cannot break it."""
    return [_line(map(escaped, header)), _line(["---"] * len(header)), *(_line(map(escaped, row)) for row in rows)]


def escaped(text: str) -> str:
    """Return a text for Markdown: on one line, nothing in it is markup."""
    for sign in ("\\", "|", "`", "*", "_", "[", "]"):
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").split())


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
