"""What a line of the log names; that a failed row's error finds its line is in test_faulty_run.py."""

from __future__ import annotations

import logging
import time

import pytest

from jobs.progress import log_format
from stylize.pipeline.log_context import at_task


def test_a_line_between_tasks_names_none(capsys: pytest.CaptureFixture[str]) -> None:
    log_format.configure("worker-7")
    log_format.configure("worker-8")  # again: the name changes, lines do not double
    try:
        logging.getLogger("stylize.x").warning("one")
        with at_task("abc"):
            logging.getLogger("stylize.x").warning("two")
    finally:
        root = logging.getLogger()
        root.handlers = [handler for handler in root.handlers if not isinstance(handler, log_format._Stderr)]
    one, two = capsys.readouterr().err.splitlines()
    assert one.endswith(" worker-8 WARNING stylize.x: one")
    assert two.endswith(" worker-8 WARNING task abc: stylize.x: two")


def test_times_are_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    record = logging.makeLogRecord({"name": "stylize.x", "msg": "one", "created": 3600.0, "msecs": 7.0})
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        line = log_format.Formatter("worker-1").format(record)
    time.tzset()
    assert line.startswith("1970-01-01T01:00:00.007Z ")
