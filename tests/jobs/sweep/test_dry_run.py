"""What a sweep's dry run counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from jobs.benchmark import main
from jobs.sweep import inputs
from jobs.sweep.resolve import resolve
from stylize.tasks import sweep
from tests.support.made_rows import row, written
from tests.support.samples import picture

SWEEP = (
    "title: t\nmethods: [{name: identity}]\nprecisions: [fp32]\nresolutions_px: [64]\nrepeats: 2\n"
    "cpus_per_actor: 1\ngpus_per_actor: 0\n"
)


def test_a_warm_up_that_nothing_comes_after_is_not_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.sweep.dry_run.told", lambda rows, wanted: [])  # how long it takes: loads scipy
    for name in ("content/a.png", "content/b.png", "styles/s.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(picture(len(name))).save(tmp_path / name)
    file, out = tmp_path / "s.yaml", tmp_path / "out"
    file.write_text(f"{SWEEP}content: {tmp_path / 'content'}\nstyles: {tmp_path / 'styles'}\n")
    resolved = resolve(sweep.read(file, {}), str(out), None)
    with inputs.own_for_now(resolved.plan, str(out)) as own:
        pairs, _ = inputs.inputs(resolved.plan, own)
    first, second = ([*resolved.tasks(block, pairs)] for block in resolved.blocks)
    settings = json.dumps(resolved.configs[first[0].variant or ""].result_settings())
    done = [
        row(number, task_id=task.task_id, content_uri=task.pair.content.uri, style_uri=task.pair.style.uri,
            variant=task.variant, repeat=task.repeat, settings_json=settings)
        for number, task in enumerate([*(task for task in first if not task.warms_up), second[-1]])
    ]  # fmt: skip
    written(out, done)
    assert main([str(file), str(out), "--dry-run"]) == 0
    # Each repeat has a warm-up and two images: the first repeat's is not made again for nothing.
    assert capsys.readouterr().out.startswith("would measure 2 of 5 images")
