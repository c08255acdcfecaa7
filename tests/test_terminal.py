"""What is printed and logged is on one line, and no terminal obeys it."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from stylize import terminal
from stylize.errors import harmless, message_of, named_message, one_line
from stylize.report.page.markdown import escaped

EVIL = "a\x1b[31mb\nc\rd\x07e\x9bf\u202eg\u2066h\u2028i\udcffj"
SHOWN = r"a\x1b[31mb\nc\rd\x07e\x9bf\u202eg\u2066h\u2028i\udcffj"


def obeyed(text: str) -> list[str]:
    """What of a text a terminal would obey, line ends aside."""
    return [one for one in text if not one.isprintable() and one != "\n"]


def test_control_characters_are_shown_as_escapes() -> None:
    assert harmless(EVIL) == SHOWN
    assert harmless(SHOWN) == SHOWN


@pytest.mark.parametrize(
    "name",
    ["plain.jpg", "cafe\u0301.jpg", "\u5199\u771f\u3000\u4e00.png", "a\u00a0b", "\U0001f469\u200d\U0001f3a8.jpg"],
)
def test_names_in_any_script_stay(name: str) -> None:
    assert harmless(name) == one_line(name) == name


def test_messages_are_harmless() -> None:
    error = ValueError(EVIL)
    assert obeyed(message_of(error)) == obeyed(named_message(error)) == obeyed(one_line(EVIL)) == []


def test_a_printed_text_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say(EVIL, "next")
    terminal.say(EVIL, file=sys.stderr)
    out, err = capsys.readouterr()
    assert out == f"{SHOWN}\nnext\n"
    assert err == f"{SHOWN}\n"


def test_a_printed_text_is_not_endless(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say("x" * 10**6)
    assert capsys.readouterr().out == "x" * terminal.MAX_CHARS + "... (1000000 characters)\n"


def test_json_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say_json({"error": EVIL + "x" * 10**5})
    assert obeyed(out := capsys.readouterr().out) == []
    assert len(out.splitlines()) == 1
    assert out.endswith('x"}\n')


def test_what_a_stream_cannot_say_is_escaped() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    terminal.say("caf\u00e9", file=stream)
    assert stream.buffer.getvalue() == b"caf\\xe9\n"


def test_tables_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    grid = terminal.table("name", EVIL, title=EVIL)
    terminal.add_row(grid, EVIL, "two\nlines [bold]")
    terminal.show(grid)
    assert obeyed(out := capsys.readouterr().out) == []
    assert SHOWN in out
    assert "lines [bold]" in out


def test_a_log_line_is_one_line_and_its_traceback_harmless() -> None:
    try:
        raise ValueError(EVIL)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "f.py", 1, "failed: %s", (EVIL,), sys.exc_info())
    first, *traceback = terminal.LogFormatter().format(record).splitlines()
    assert first == f"failed: {SHOWN}"
    assert traceback[0].startswith("Traceback")
    assert obeyed("".join(traceback)) == []


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("a | b", r"a \| b"),
        ("`code`", r"\`code\`"),
        ("<img src=x> &amp;", "&lt;img src=x&gt; &amp;amp;"),
        ("![x](http://e/x.png)", r"\!\[x\](http\://e/x.png)"),
        ("[x](https://e)", r"\[x\](https\://e)"),
        ("see www.evil.com", r"see www\.evil.com"),
        ("# heading\n> quote", r"\# heading &gt; quote"),
        ("~~no~~ $x$ __y__", r"\~\~no\~\~ \$x\$ \_\_y\_\_"),
        ("esc\x1b[31m", r"esc\x1b\[31m"),
        ("s3://bucket/a.jpg", "s3://bucket/a.jpg"),
    ],
)
def test_nothing_is_markup_in_markdown(text: str, markdown: str) -> None:
    assert escaped(text) == markdown


def test_a_table_too_wide_for_a_terminal_has_a_line_for_each_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = terminal.table("a long heading", *(f"column{n}" for n in range(5)), title="Title")
    terminal.add_row(grid, "[b]one", "1.5 ms", "2", "", "4", "5")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for columns in (40, 90):
        monkeypatch.setenv("COLUMNS", str(columns))
        terminal.show(grid)
    first, _, last = capsys.readouterr().out.partition("Title\n")[2].partition("Title")
    assert " ".join(first.split()) == "[b]one: column0: 1.5 ms; column1: 2; column3: 4; column4: 5"
    assert "│ [b]one         │ 1.5 ms  │" in last
