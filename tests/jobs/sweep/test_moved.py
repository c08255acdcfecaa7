"""A sweep's OUT that lies elsewhere by now."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from jobs.benchmark import main
from jobs.run.touched import sha256_of
from jobs.sweep import inputs
from jobs.sweep.resolve import resolve
from stylize.tasks import sweep
from tests.support.made_rows import row, written

SWEEP = (
    "title: t\nmethods: [{name: identity}]\nprecisions: [fp32]\nresolutions_px: [64]\nrepeats: 2\nphotos_per_type: 1\n"
    "artworks: 1\ncpus_per_actor: 1\ngpus_per_actor: 0\n"
)


def test_a_moved_out_keeps_the_rows_of_the_projects_own_photos(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.sweep.dry_run.told", lambda rows, wanted: [])  # how long it takes: loads scipy
    file, out = tmp_path / "s.yaml", tmp_path / "out"
    file.write_text(SWEEP)
    resolved = resolve(sweep.read(file, {}), str(out), None)
    for name, write in inputs._WRITE.items():
        write(out / "inputs" / name)
    pairs, _ = inputs.inputs(resolved.plan, inputs._in(lambda name: str(out / name)))
    tasks = [task for block in resolved.blocks for task in resolved.tasks(block, pairs)]
    rows = [
        row(number, task_id=task.task_id, content_uri=task.pair.content.uri, style_uri=task.pair.style.uri,
            variant=task.variant, repeat=task.repeat, status="ok" if number else "oom", warmup=task.warms_up,
            **{f"{side}_sha256": sha256_of(getattr(task.pair, side).uri) for side in ("content", "style")},
            settings_json=json.dumps(resolved.configs[task.variant or ""].result_settings()))
        for number, task in enumerate(tasks)
    ]  # fmt: skip
    written(out, rows)
    moved = out.rename(tmp_path / "elsewhere")
    assert main([str(file), str(moved), "--dry-run", "--retry-failed"]) == 0
    assert capsys.readouterr().out.startswith(f"would measure 1 of {len(tasks)} images")
    # A copy's files have other times, and count as others where their bytes are.
    for path in (moved / "inputs").rglob("*.*"):
        os.utime(path, (0, 0))
    (moved / "inputs/photos/people/astronaut.png").write_bytes(b"another")
    file.write_text(f"{SWEEP}content: {moved / 'inputs/photos'}\n")
    assert main([str(file), str(moved), "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith(f"would measure 2 of {len(tasks)} images")
