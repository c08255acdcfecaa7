"""How errors are told: in one line, whatever they hold."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from stylize.errors import counted, message_of, named_message, of_a_signal


def test_message_is_one_line_and_cut() -> None:
    error = ValueError("first\n  second\tthird " + "x" * 500)
    assert message_of(error).startswith("first second third x")
    assert len(message_of(error)) == 300
    assert message_of(error, 5) == "first"
    assert named_message(error, 17) == "ValueError: first"


def test_an_error_that_cannot_say_anything_is_named() -> None:
    class SilentError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    assert named_message(SilentError()) == "SilentError"
    assert message_of(SilentError()) == "SilentError"


def test_error_that_says_nothing_is_told_by_its_class() -> None:
    assert message_of(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert message_of(OSError(" \n")) == "OSError"


def test_one_is_counted_in_the_singular() -> None:
    assert [counted(n, "task") for n in (0, 1, 2)] == ["0 tasks", "1 task", "2 tasks"]
    assert [counted(n, "pair has", "pairs have") for n in (1, 2)] == ["1 pair has", "2 pairs have"]
    assert counted(0.5, "CPU") == "0.5 CPUs"


def test_signals_raise_in_the_main_thread_alone() -> None:
    assert of_a_signal(KeyboardInterrupt())
    assert not of_a_signal(SystemExit())
    assert not of_a_signal(GeneratorExit())
    assert not of_a_signal(ValueError())
    with ThreadPoolExecutor(1) as pool:
        assert not pool.submit(of_a_signal, KeyboardInterrupt()).result()
