"""A drawn plot as an SVG text whose ink is the colour of the text around it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

INK = "#010203"
"""Stands for the colour of the text around a plot."""
_THEME = "svg { color: #1b1b1f } @media (prefers-color-scheme: dark) { svg { color: #e8e8ec } }"


def of(figure: Any) -> str:
    """Return a figure of matplotlib's as SVG."""
    import matplotlib as mpl
    from matplotlib.text import Text

    text = io.StringIO()
    # Letters that the plots' own font lacks, such as Chinese, are left to the fonts of whoever looks.
    kind = "path" if _in_own_font(one.get_text() for one in figure.findobj(Text)) else "none"
    with mpl.rc_context({"svg.fonttype": kind}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    drawn = text.getvalue().replace(INK, "currentColor")
    head, style, rest = drawn.partition('<style type="text/css">')
    return f"{head}{style}{_THEME} {rest}"


def _in_own_font(texts: Iterable[str]) -> bool:
    from matplotlib.font_manager import findfont, get_font

    letters = {ord(letter) for text in texts for letter in text if not letter.isspace()}
    font = get_font(findfont("DejaVu Sans"))
    return all(font.get_char_index(letter) for letter in letters)
