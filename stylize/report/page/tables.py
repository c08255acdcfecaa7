"""The tables of a report: what each holds, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from stylize.report import analysis, units
from stylize.report.evidence import votes
from stylize.report.evidence.cells import Size
from stylize.report.evidence.verdicts import LEAST_PAIRS
from stylize.report.frame import STAGES
from stylize.report.page.table import Columns, Table, make

_WHAT: Columns = {
    "setup": ("machine", units.text),
    "method": ("method", units.text),
    "precision": ("precision", units.text),
    "resolution_px": ("long side", units.side),
    "workers": ("workers", units.count),
    "scaling": ("scaling", units.text),
}
_COST: Columns = {
    "n": ("n", units.count),
    "not_ok": ("not ok", units.count),
    "reasons": ("why", units.text),
    "stylize_p50_s": ("stylize p50", units.seconds),
    "stylize_p95_s": ("stylize p95", units.seconds),
    "total_p50_s": ("whole p50", units.seconds),
    "stable": ("times", units.text),
    "whole_bytes": ("the whole worker", units.size),
    "scoring_bytes": ("scoring adds", units.size),
    "memory_n": ("memory's n", units.count),
    "memory_p50_bytes": ("one more image", units.size),
    "memory_p95_bytes": ("its p95", units.size),
    "model_bytes": ("the model", units.size),
}
_QUALITY: Columns = {
    "ssim_mean": ("SSIM", units.score),
    "gram_distance_mean": ("Gram distance", units.digits),
    "content_distance_mean": ("content distance", units.digits),
    "lpips_mean": ("LPIPS", units.score),
    "cfsd_mean": ("CFSD", units.digits),
    "ssim_uniform_mean": ("SSIM, uniform window", units.score),
    "flicker_mean": ("flicker, levels", units.digits),
}


def across(rows: pd.DataFrame, ballots: pd.DataFrame) -> list[Table]:
    """Return the tables over all sizes that rows and votes can fill, in the order a report shows them."""
    listed = [
        _growth(analysis.growth(rows)),
        _precisions(analysis.precisions(rows)),
        _workers(analysis.scaling(rows)),
        *([_agreement(votes.agreeing(ballots, rows))] if len(ballots) else []),
        _failures(analysis.failures(rows)),
    ]
    return [table for table in listed if table.rows]


def at_size(size: Size, ballots: pd.DataFrame) -> list[Table]:
    """Return the tables of one size that its rows and votes can fill."""
    at = f" at {size.side}"
    listed = [
        _measures(size, at),
        *([_votes(size, ballots, at)] if len(ballots) else []),
        _stages(analysis.stages(size.rows), at),
        *_breakdowns(size.rows, at),
    ]
    return [table for table in listed if table.rows]


def _measures(size: Size, at: str) -> Table:
    note = (
        "Times and scores leave warm-up images out; n is how many images count. times: whether they can be relied on."
        " whole p50: from reading to writing, waits included, but none of isolated mode's calls for memory and to "
        "warm up. the whole worker: all that its process held at its highest during the method's call, libraries and "
        "weights included, without scoring where the next column says what it adds; on a card, what the allocator "
        "held. one more image: the peak above what the worker held before. Beside others an image may find room in "
        "what they gave back, so that its own is not seen: memory's n is of how many it was, and there is no figure "
        "where it was not of half or more. the model: what loading it took. In throughput mode an image's neighbours "
        "are in its time and memory, too. best: compared with others, and none is clearly better in time, SSIM or "
        "Gram distance and as good in the rest; of several numbers of workers the fewest are compared."
    )
    columns_of_marks = ["setup", "method", "precision", "best"]
    found = [size.tradeoff(machine)[columns_of_marks] for machine in size.machines]
    marks = pd.concat([pd.DataFrame(columns=columns_of_marks, dtype=object), *found])
    frame = analysis.measures(size.rows).merge(marks, how="left", on=["setup", "method", "precision"])
    fewest = frame["setup"].map({machine.setup: machine.fewest for machine in size.machines})
    frame["best"] = frame["best"].where(frame["workers"].isna() | (frame["workers"] == fewest))
    some_unseen = frame["memory_n"].between(1, frame["n"] - 1).any()
    cost = {key: shape for key, shape in _COST.items() if key != "memory_n" or some_unseen}
    columns: Columns = {"best": ("best", lambda yes: "best" if yes is True else "")}
    return make("measures", f"All measurements{at}", note, frame, _WHAT | columns | cost | _QUALITY)


def _votes(size: Size, ballots: pd.DataFrame, at: str) -> Table:
    note = (
        "preferred: how likely people are to prefer a result of this method to one of another of these "
        "(Bradley-Terry), with its 95 % interval by bootstrap over pairs of photo and artwork; none of fewer than "
        "eight."
    )
    frame = votes.ranked(ballots, size.side_px).assign(resolution_px=size.rows["resolution_px"].iloc[0])
    return make("votes", f"What people prefer{at}", note, frame, _of_people("method", "preferred"))


def _agreement(frame: pd.DataFrame) -> Table:
    note = (
        "agreeing: share of the votes with a preference in which the score prefers the same result; 50 % is chance. "
        "Over all sizes, with its 95 % interval by bootstrap over pairs of photo and artwork; none of fewer than eight."
    )
    counted = frame if frame["votes"].any() else frame[:0]
    return make("agreement", "Which scores agree with people", note, counted, _of_people("score", "agreeing"))


def _of_people(name: str, share: str) -> Columns:
    return {
        name: (name, units.text), "votes": ("votes", units.count), "pictures": ("photos and artworks", units.count),
        share: (share, units.percent), "low": ("from", units.percent), "high": ("to", units.percent),
    }  # fmt: skip


def _precisions(frame: pd.DataFrame) -> Table:
    note = (
        "The same tasks in both; n: photos and artworks. speed: how many times as fast. memory: of one more image, "
        "over fp32's, where both were seen. Both with their 95 % intervals over photos, artworks and repeats; "
        f"none of fewer than {LEAST_PAIRS}. Deltas are means over tasks."
    )
    columns: Columns = {
        "n": ("n", units.count),
        "speed": ("speed", units.times),
        "speed_low": ("from", units.times),
        "speed_high": ("to", units.times),
        "memory": ("memory", units.times),
        "memory_low": ("from", units.times),
        "memory_high": ("to", units.times),
        "ssim_delta": ("SSIM", units.signed),
        "gram_distance_delta": ("Gram distance", units.digits),
        "content_distance_delta": ("content distance", units.digits),
    }
    return make("precision", "Precisions beside fp32", note, frame, _WHAT | columns)


def _workers(frame: pd.DataFrame) -> Table:
    note = (
        "strong: the same images for any number of workers; weak: as many more as there are workers. efficiency: the "
        "rate over that of the fewest workers, each counted. low and high are of repeats."
    )
    columns: Columns = {
        "n": ("n", units.count),
        "repeats": ("repeats", units.count),
        "images_per_s": ("images/s", units.digits),
        "low": ("low", units.digits),
        "high": ("high", units.digits),
        "efficiency": ("efficiency", units.percent),
    }
    return make("workers", "Scaling over workers", note, frame, _WHAT | columns)


def _stages(frame: pd.DataFrame, at: str) -> Table:
    note = "Medians. style is the encoding of a new artwork; a dash where it was kept."
    stages: Columns = {name: (name.removesuffix("_s"), units.seconds) for name in STAGES}
    return make("stages", f"Where the time goes{at}", note, frame, _WHAT | stages | {"n": ("n", units.count)})


def _failures(frame: pd.DataFrame) -> Table:
    note = "A limit is a result: which method stops where, and why."
    columns: Columns = _WHAT | {
        "status": ("status", units.text),
        "n": ("n", units.count),
        "photos": ("photos", units.text),
        "error": ("for instance", units.text),
    }
    return make("failures", "What is not ok", note, frame, columns)


def _breakdowns(rows: pd.DataFrame, at: str) -> Iterator[Table]:
    for column, word in {"content_type": "content type", "style_type": "style type", "style": "artwork"}.items():
        yield _breakdown(rows, column, f"By {word}{at}", word)
    for column, word in analysis.STATISTICS.items():
        title = {"edges": "edge density", "colour": "colourfulness", "entropy": "entropy"}[word]
        split = rows.assign(**{word: analysis.thirds(rows, column)})
        yield _breakdown(split, word, f"By the photo's {title}{at}", f"{title} (third)")


def _breakdown(rows: pd.DataFrame, column: str, title: str, word: str) -> Table:
    columns = _WHAT | {column: (word, units.text)}
    cost = {name: _COST[name] for name in ("n", "not_ok", "reasons", "stylize_p50_s", "stylize_p95_s")}
    frame = analysis.breakdown(rows, column)
    return make(f"by_{column}", title, "", frame, columns | cost | _QUALITY)


def _growth(frame: pd.DataFrame) -> Table:
    columns = {name: _WHAT[name] for name in ("setup", "method", "precision")} | {
        "n": ("n", units.count),
        "sizes": ("sizes", units.count),
        "least_megapixels": ("from MP", units.digits),
        "most_megapixels": ("to MP", units.digits),
    }
    for name, unit in (("time", units.seconds), ("memory", units.size)):
        columns |= {
            f"{name}_exponent": (f"{name} exponent", units.score),
            f"{name}_low": ("low", units.score),
            f"{name}_high": ("high", units.score),
            f"{name}_at_1_mp": (f"{name} at 1 MP", unit),
        }
    note = (
        "Fits of time and memory = a x megapixels ^ exponent, least squares on the logarithms of each size's medians; "
        "low and high are the exponent's 95 % interval (Student's t). 1 is in proportion to pixels. Fewer than three "
        "sizes have no fit. Images that were done in strips are left out."
    )
    return make("growth", "Growth with megapixels", note, frame, columns)
