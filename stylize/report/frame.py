"""Rows of one or many runs as one table for reports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from stylize.errors import UsageError, counted, one_line
from stylize.report import names, settings
from stylize.report.units import measured
from stylize.results.read import read_rows
from stylize.results.schema import SCHEMA, SCORED

KEY = ["setup", "method", "precision", "resolution_px", "workers", "scaling"]
"""What rows of a report have in common when they are put together."""
MOST_UNSEEN = 0.5
"""Share of the images whose memory was not seen, from which on none is told."""
STAGES = ("read_s", "decode_s", "style_s", "stylize_s", "score_s", "encode_s", "write_s")
ELSEWHERE = "made elsewhere"
"""As a setup: of pictures whose times nobody measured here."""
VARIANT = re.compile(r"^(?P<method>.*) (?P<asked>\w+) (?P<px>\d+) px x(?P<workers>\d+)(?P<weak> each)?$", re.DOTALL)
"""A sweep's name of a variant, as stylize.tasks.sweep makes it."""
# What no report looks at is a third of a long run's memory.
_NOT_READ = {
    "attempt", "photo", "content_sha256", "style_sha256", "output_sha256", "source_width_px",
    "source_height_px", "content_weight", "style_weight", "style_weights", "seed", "batch_size", "truncated", "opaque",
    "runtime", "iterations", "alpha", "passes", "device_peak_allocated_bytes", "output_edge_density",
    "output_colourfulness", "output_entropy_bits", "content_loss", "style_loss", "variation_loss", "node", "gpu_ids",
}  # fmt: skip
_READ = [name for name in SCHEMA.names if name not in _NOT_READ]
_NUMBERS = [name for name in _READ if SCHEMA.field(name).type in (pa.int64(), pa.float64())]
_JUDGES = {
    "perceptual_variant": ["content_distance", "gram_distance", "moments_distance", "cfsd"],
    "lpips_variant": ["lpips"],
}
"""What names the network behind scores, to those scores."""


def load(outs: Sequence[Path], homes: Sequence[str] = (), also: Iterable[str] = ()) -> pd.DataFrame:
    """Return every row of the runs, and what reports derive from them. homes: the OUTs of which `outs` are copies.
    also: columns beside those that reports look at.

    home: the OUT. setup: machine and measure_mode, which are never mixed. method: a sweep's label, or the stylizer,
    told apart by what differs. label: a sweep's alone. clean: counts for times, as it is ok and no warm-up. whole_s: as
    `whole_seconds`. memory_bytes: what one more image took, on the accelerator where there is one, if it was seen.
    whole_bytes: the worker's whole peak without scoring (with it in throughput mode, and with its networks in older
    rows), on the accelerator where there is one; scoring_bytes: what scoring adds, where that is known. content, style:
    names that tell any two apart. other_judge: whether scores are left out, as another network gave them than most.
    Raises UsageError where a folder holds no rows.
    """
    columns = list(dict.fromkeys([*_READ, *also, *(["style_sha256"] if settings.several(*outs) else [])]))
    tables = [read_rows(out, columns) for out in outs]
    counts = [len(table) for table in tables]
    if not any(counts):
        raise UsageError(f"no rows in {', '.join(one_line(out) for out in outs)}")
    rows: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    rows["home"] = np.repeat(list(homes or map(str, outs)), counts)
    return derive(rows)


def derive(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the derived columns of `load`."""
    for name, column in rows[_NUMBERS].items():
        if (known := measured(column)) is not column:
            rows[name] = known
    parts = rows["variant"].astype("string").str.extract(VARIANT)
    rows["method"] = method_names(rows, parts["method"])
    rows["label"] = parts["method"].astype(object).where(parts["method"].notna(), rows["method"])
    rows["asked_precision"] = parts["asked"].astype(object).where(parts["asked"].notna(), rows["precision"])
    rows["scaling"] = ["weak" if isinstance(word, str) and word else "strong" for word in parts["weak"]]
    rows["precision"] = rows["precision"].fillna(rows["asked_precision"])
    # Of what made a picture elsewhere no number format is known; a null would leave it out of groups.
    rows["precision"] = rows["precision"].where(rows["measure_mode"] != SCORED, SCORED)
    rows["megapixels"] = rows["width_px"] * rows["height_px"] / 1e6
    rows["ok"] = rows["status"] == "ok"
    rows["precision"] = rows["precision"].mask(rows["ok"] & rows["precision"].isna(), "?")
    rows["clean"] = rows["ok"] & rows["warmup"].ne(True)
    rows["whole_s"] = whole_seconds(rows)
    rows["model_bytes"] = rows["model_device_bytes"].fillna(rows["model_host_bytes"])
    # A card's own peak holds its scoring's networks, and lacks what CUDA itself takes. While stages overlap, other
    # images are scored at the peak.
    networks = rows["scorer_host_bytes"].where(rows["measure_mode"] == "isolated")
    host = rows["host_peak_rss_bytes"] - networks.fillna(0)
    rows["whole_bytes"] = rows["device_peak_reserved_bytes"].fillna(host)
    scored = rows[["host_peak_rss_bytes", "score_peak_rss_bytes"]].max(axis=1) - host
    rows["scoring_bytes"] = scored.where(networks.notna() & rows["device_peak_reserved_bytes"].isna())
    rows["style_path"] = rows.get("style")
    rows["style"] = settings.style_names(rows)
    # A mix is another style than its first artwork alone.
    rows["style_uri"] = rows["style_uris"].where(rows["style_uris"].notna(), rows["style_uri"])
    rows["content"] = rows["content_uri"].map(names.distinct(rows["content_uri"].dropna().astype(str)))
    rows["setup"] = _setups(rows)
    rows["memory_bytes"] = _seen(rows, rows["image_device_bytes"].fillna(rows["image_host_bytes"]))
    rows["other_judge"] = _by_one_judge(rows)
    return rows


def whole_seconds(rows: pd.DataFrame) -> pd.Series:
    """Return an image's seconds from reading to writing, as it would have taken had nobody measured it.

    In isolated mode `total_s` counts the calls for memory and to warm up; nothing overlaps there, and nothing waits.
    """
    stages = rows[list(STAGES)].astype(float).sum(axis=1, min_count=1)
    return rows["total_s"].where(rows["measure_mode"].ne("isolated") | rows["total_s"].isna(), stages)


def _seen(rows: pd.DataFrame, memory_bytes: pd.Series) -> pd.Series:
    """Return what one more image took, where that was seen.

    Beside other images one may find room in what they gave back, and reads 0. Where half or more did, what the others
    read is as much by chance, and nothing is told of any.
    """
    rose = memory_bytes > 0
    counts = rows["clean"] & memory_bytes.notna()
    share = rose.where(counts).astype(float).groupby([rows[key] for key in KEY], dropna=False).transform("mean")
    return memory_bytes.where(rose & ~(share <= MOST_UNSEEN))


def _by_one_judge(rows: pd.DataFrame) -> pd.Series:
    """Take scores away that another network gave than most rows', as they are in other units; return whose."""
    lost = pd.Series(False, rows.index)
    for judge, scores in _JUDGES.items():
        names = rows[judge].map(_judge, na_action="ignore")
        if names.nunique() < 2:
            continue
        judged = rows[scores].notna().any(axis=1) & names.notna()
        counts = names[judged].value_counts()
        if len(counts) > 1:
            other = judged & (names != min(counts[counts == counts.max()].index))
            rows.loc[other, scores] = np.nan
            lost |= other
    return lost


def _judge(variant: str) -> str:
    """Return what is the same of scores that compare: of LPIPS's variant not the program's version."""
    return variant.partition(" torchmetrics ")[0]


def of_other_networks(rows: pd.DataFrame) -> list[str]:
    """Return a line on the rows whose scores are left out, as another network gave them; none where there are none."""
    lost = int(rows["other_judge"].sum())
    told = "scores by other networks than most, which do not compare and are left out"
    return [f"{counted(lost, 'row has', 'rows have')} {told}"] if lost else []


def _setups(rows: pd.DataFrame) -> pd.Series:
    """Return machine, threads and mode. A row that no worker lived to fill in has its run's only one, if any.

    Pictures made elsewhere, which have no times, go with the only machine that there is, if any.
    """
    elsewhere = rows["measure_mode"] == SCORED
    known = rows["device_name"].notna() & rows["measure_mode"].notna() & ~elsewhere
    told = pd.Series(
        [
            f"{name}, {mode}"
            if (isinstance(device, str) and device != "cpu") or pd.isna(threads)
            else f"{name}, {threads:.0f} thread{'s' * (threads != 1)}, {mode}"
            for name, device, threads, mode in zip(
                rows["device_name"], rows["device"], rows["threads"], rows["measure_mode"], strict=True
            )
        ],
        rows.index,
        dtype=object,
    ).where(known)
    # By variant first, as the number of workers decides how many threads each has.
    for keys in (["home", "variant"], ["home", "workers"], ["home"]):
        if told.notna().all():
            break
        groups = told.groupby([rows[key].astype(object) for key in keys], dropna=False)
        only = groups.transform(lambda values: values.dropna().iloc[0] if values.nunique() == 1 else None)
        told = told.where(told.notna(), only)
    machines = told[~elsewhere].dropna().unique()
    told = told.where(~elsewhere, machines[0] if len(machines) == 1 else ELSEWHERE)
    return told.fillna("unknown")


def method_names(rows: pd.DataFrame, labels: pd.Series) -> pd.Series:
    """Return what each row's method is called: its sweep's label, else stylizer and backbone.

    Each with the settings that differ, a label with those that do within a variant: rows of a sweep that was resumed
    with other weights are never averaged with the older ones. labels: what VARIANT finds, null in rows of no sweep.
    """
    alone = labels.isna()
    names = rows["stylizer"].fillna("?").astype(str)
    names = names.where(rows["backbone"].isna(), names + " " + rows["backbone"].astype(str))
    # Of other sizes there are lines of their own, and growth goes over them.
    told = settings.told_apart(rows[alone], names[alone], but=("resolution_px",))
    swept = rows[~alone]
    # Machines may differ in what is chosen for them, and are kept apart as it is.
    within = swept["variant"].astype(object) + "\n" + swept["device_name"].fillna("").astype(object)
    labelled = settings.told_apart(swept, labels[~alone].astype(object), within=within)
    return labelled.reindex(rows.index).where(~alone, told.reindex(rows.index))
