"""How long a run will take, by OUT's last one."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.run.forecast import LastRun, last_run
from jobs.run.stored_rows import StoredRows
from stylize import config as configs
from tests.support import made_rows


def test_few_images_take_no_less_than_one_of_them() -> None:
    last = LastRun(images=50, span_s=4.0, one_s=0.4, workers=2)
    assert last.line(3).startswith("time:   about 400 ms for 3 images, ")
    assert last.line(100).startswith("time:   about 8 s for 100 images, ")


@pytest.mark.parametrize(("method", "in_rows"), [("compact", "compact"), ("tests.support.stylizers:Faulty", "faulty")])
def test_rows_of_a_method_of_ones_own_tell_its_pace_too(method: str, in_rows: str, tmp_path: Path) -> None:
    made = [made_rows.row(n, stylizer=in_rows, measure_mode="throughput", total_s=2.0, worker_id="w") for n in range(3)]
    out = made_rows.written(tmp_path / "out", made)
    job = configs.build({"content": "-", "styles": "-", "out": str(out), "stylizer": method, "resolution_px": 512})
    last = last_run(StoredRows(out), job)
    assert last is not None
    assert (last.images, last.span_s, last.one_s, last.workers) == (3, 4.0, 2.0, 1)
