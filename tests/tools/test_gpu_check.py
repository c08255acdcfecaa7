"""The checks for a GPU's first half hour run on a CPU, as far as one can try them."""

from __future__ import annotations

import json

import pytest

from tools.bench.gpu_check import SECTIONS, main


def test_sections_print_one_json_line_per_measurement(capsys: pytest.CaptureFixture[str]) -> None:
    sections = {"gatys", "copies", "scores", "memory", "worker", "oom"}
    assert main([*sections, "--device", "cpu", "--small"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["section"] for line in lines} == sections
    assert [line["ok"] for line in lines if "ok" in line] == [6] * 5
    assert {line["precision"] for line in lines if "content_loss" in line} == {"fp32", "bf16"}


def test_a_section_that_fails_is_told_and_the_next_one_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(bench: object) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setitem(SECTIONS, "speed", fails)
    assert main(["speed", "memory", "--device", "cpu", "--small"]) == 1
    out = capsys.readouterr().out
    assert "no such luck" in out
    assert "rss_mib" in out


@pytest.mark.parametrize(("words", "told"), [(["speeed"], "speed"), (["memory", "--device", "gpu"], "cpu, cuda")])
def test_an_unknown_section_or_device_is_a_wrong_call(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(words)
    assert raised.value.code == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
