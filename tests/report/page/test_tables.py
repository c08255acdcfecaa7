from __future__ import annotations

from typing import Any

import pandas as pd

from stylize.report.evidence import votes
from stylize.report.evidence.cells import by_size
from stylize.report.frame import KEY
from stylize.report.page import tables
from stylize.report.page.table import Table, as_parquet
from tests.support.made_rows import of_sweep, rows
from tests.support.votes import vote


def listed(made: list[dict[str, Any]], ballots: pd.DataFrame) -> list[Table]:
    frame = rows(made)
    return [*(one for size in by_size(frame) for one in tables.at_size(size, ballots)), *tables.across(frame, ballots)]


def ballots_of(*sides: float) -> pd.DataFrame:
    told = {"left_home": "/out", "right_home": "/out"}
    made = [vote(n, **told) | {"side_px": px} for px in sides for n in range(9)]
    return pd.DataFrame(made, columns=[*vote(0, **told), "side_px"])


def test_no_two_rows_of_a_table_are_the_same_to_who_reads_all_tables_as_one() -> None:
    settings = [
        (machine, method, px, workers, each)
        for machine in ("One", "Another") for method in ("a", "b") for px in (300, 600) for workers in (1, 2)
        for each in ("", " each")
    ]  # fmt: skip
    made = [
        of_sweep(10 * number + n, method, "fp32", px, workers, each, device_name=machine, content_type=f"kind {n % 2}",
                 content_edge_density=n / 10, **({"status": "oom", "error": "no room"} if n == 6 else {}))
        for number, (machine, method, px, workers, each) in enumerate(settings)
        for n in range(7)
    ]  # fmt: skip
    whole = as_parquet(listed(made, ballots_of(300, 600)))
    assert {"measures", "votes", "by_content_type", "by_edges", "stages", "failures", "workers"} <= set(whole["table"])
    kinds = ["content_type", "edges", "status"]
    assert not whole[["table", *KEY, *kinds]].duplicated().any()
    assert set(whole.loc[whole["table"] == "votes", "resolution_px"]) == {300, 600}


def test_best_is_what_was_compared_with_others_with_the_fewest_workers() -> None:
    made = [
        of_sweep(1000 * workers + 100 * (name == "b") + n, name, "fp32", 300, workers, content_uri=f"/{n}.jpg")
        for name, n in (*(("a", n) for n in range(7)), *(("b", n) for n in range(7)), ("few", 0))
        for workers in (2, 8)
    ]
    unknown = {"stylizer": "0", "variant": None, "workers": None}
    made += [of_sweep(n, "", "fp32", 300, content_uri=f"/{n}.jpg") | unknown for n in range(7)]
    frame = listed(made, ballots_of())[0].frame
    marked = frame[frame["best"].eq(True)]
    assert set(zip(marked["method"], marked["workers"].fillna(0), strict=True)) == {("0", 0), ("a", 2), ("b", 2)}


def test_a_method_that_has_nothing_to_be_compared_with_leaves_no_empty_column() -> None:
    made = [
        of_sweep(10 * m + n, name, "fp32", 300, stylizer=stylizer)
        for m, (name, stylizer) in enumerate((("a", "compact"), ("nothing", "identity"))) for n in range(7)
    ]  # fmt: skip
    assert "best" not in listed(made, ballots_of())[0].header


def test_of_how_many_images_memory_is_stands_beside_it_where_they_are_fewer() -> None:
    def heads(unseen: int) -> tuple[str, ...]:
        made = [of_sweep(n, "a", "fp32", 300, image_host_bytes=0 if n < unseen else 9_000_000) for n in range(9)]
        return listed(made, ballots_of())[0].header

    assert "memory's n" in heads(4)
    assert "memory's n" not in heads(0)
    assert {"memory's n", "one more image"}.isdisjoint(heads(5))


def test_votes_on_photos_of_their_own_size_have_none() -> None:
    made = [of_sweep(n, "a", "fp32", 300) | {"resolution_px": None} for n in range(3)]
    frame = rows([one | {"variant": None} for one in made])
    (size,) = by_size(frame)
    (voted,) = (one for one in tables.at_size(size, ballots_of(-1)) if one.name == "votes")
    assert voted.frame["resolution_px"].isna().all()
    assert not votes.ranked(ballots_of(-1), None).empty


def test_thirds_stand_from_low_to_high() -> None:
    made = [of_sweep(n, "a", "fp32", 300, content_edge_density=n / 10) for n in range(7)]
    (edges,) = (one for one in listed(made, ballots_of()) if one.name == "by_edges")
    assert list(edges.frame["edges"]) == ["low", "middle", "high"]
    assert as_parquet([edges])["edges"].dtype == "str"
