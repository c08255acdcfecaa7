"""How much of the time an accelerator had nothing to do, and what would give it more."""

from __future__ import annotations

import pandas as pd

from stylize.report.units import percent, seconds

LEAST = 0.2
"""A smaller share is not worth a word."""
COLUMNS = (
    "status", "warmup", "device", "measure_mode", "device_wait_s", "style_s", "stylize_s", "read_s", "decode_s",
    "score_s", "encode_s", "write_s",
)  # fmt: skip
"""Of rows, that `told` looks at."""
_BESIDE = {
    "reading and writing": (("read_s", "write_s"), "raise io_threads, or bring the files nearer"),
    "decoding": (("decode_s",), "give workers more CPUs, or smaller files"),
    "scoring": (("score_s",), "give workers more CPUs, or lower scoring"),
    "encoding": (("encode_s",), "give workers more CPUs"),
}
"""What goes on beside the device: its columns, and what to do where it takes most."""


def told(rows: pd.DataFrame) -> str | None:
    """Return a sentence on an accelerator that was idle while stages overlapped; None where it hardly was, or unknown.

    On a CPU the stages share its cores, so that waiting says nothing.
    """
    clean = (rows["status"] == "ok") & rows["warmup"].ne(True)
    used = rows[clean & (rows["measure_mode"] == "throughput")]
    used = used[used["device"].notna() & (used["device"] != "cpu") & used["device_wait_s"].notna()]
    waited = used["device_wait_s"].sum()
    whole = waited + used["stylize_s"].sum() + used["style_s"].sum()
    if not whole or waited / whole < LEAST:
        return None
    # Of untrained weights nothing is scored.
    means = {what: sum(used[name].fillna(0).mean() for name in names) for what, (names, _) in _BESIDE.items()}
    most = max(means, key=lambda what: means[what])
    share = f"{seconds(means[most])} of {seconds(sum(means.values()))} per image beside it"
    return f"Device idle {percent(waited / whole)}: {most} takes {share}; {_BESIDE[most][1]}."
