"""The row: each task has one, whatever happened. Names carry units; Arrow field metadata carries unit and meaning."""

from __future__ import annotations

from typing import Any, NamedTuple

import pyarrow as pa

from stylize.errors import UsageError

KEY_BYTES = 16
SCORED = "scored"
"""As `measure_mode`: the picture was made elsewhere."""
STATUSES = ("ok", "corrupt", "unsupported", "oom", "nan", "timeout", "crashed", "failed")


class Column(NamedTuple):
    """A column: its name, Arrow type, unit ("" where it has none) and meaning."""

    name: str
    type: pa.DataType
    unit: str
    meaning: str


_text, _int, _float, _bool = pa.string(), pa.int64(), pa.float64(), pa.bool_()

COLUMNS: tuple[Column, ...] = (
    Column("run_id", _text, "", "the run that made this row"),
    Column("task_id", _text, "", "hash of both inputs' identity, method, settings and weights; resuming uses it"),
    Column("attempt", _int, "", "1 for the first try"),
    Column("variant", _text, "", "a sweep's name for the method with its settings; null outside of sweeps"),
    Column("repeat", _int, "", "number of the sweep's repeat, from 1; null outside of sweeps"),
    Column("content_uri", _text, "", "the photo"),
    Column("style_uri", _text, "", "the artwork; the first of several"),
    Column("style_uris", _text, "", "all artworks as a JSON list, where several are mixed; null elsewhere"),
    Column("style_weights", _text, "", "their weights as a JSON list; null elsewhere"),
    Column("photo", _text, "", "the photo's path below CONTENT, the manifest's folder or a sweep's OUT; no suffix"),
    Column("style", _text, "", "the artwork's path in the same way; of several, joined by +"),
    Column("content_type", _text, "", "kind of photo: the first folder below CONTENT, or the manifest's column"),
    Column("style_type", _text, "", "kind of artwork: the first folder below STYLES, or the manifest's column"),
    Column("content_sha256", _text, "", "SHA-256 of the photo's file"),
    Column("style_sha256", _text, "", "SHA-256 of the artwork's file; of several, joined by commas"),
    Column("source_width_px", _int, "px", "the photo's width, upright"),
    Column("source_height_px", _int, "px", "the photo's height, upright"),
    Column("truncated", _bool, "", "the photo is cut, or a JPEG damaged, within its pixels; null where none were read"),
    Column("opaque", _bool, "", "the photo's transparency is left out, as JPEG has none; null where none looked"),
    Column("stylizer", _text, "", "the method's registered name"),
    Column("backbone", _text, "", "the network that the method's features come from"),
    Column("weights_sha256", _text, "", "SHA-256 of the weights; random if they are untrained, null if there are none"),
    Column("precision", _text, "", "fp32, bf16, fp16 or int8"),
    Column("runtime", _text, "", "what ran the network: torch, onnxruntime or openvino"),
    Column("content_weight", _float, "", "weight of the content in an optimisation's loss; null elsewhere"),
    Column("style_weight", _float, "", "weight of the style in an optimisation's loss; null elsewhere"),
    Column("iterations", _int, "", "steps of an optimisation; null elsewhere"),
    Column("alpha", _float, "", "0 keeps the content, 1 is the full style; null where it has no meaning"),
    Column("seed", _int, "", "random seed given to the method"),
    Column("resolution_px", _int, "px", "long side asked for; null for the photo's own"),
    Column("width_px", _int, "px", "the result's width"),
    Column("height_px", _int, "px", "the result's height"),
    Column("settings_json", _text, "", "every setting that decides the result, as JSON"),
    Column("status", _text, "", "ok, or why there is no image: " + ", ".join(STATUSES[1:])),
    Column("error", _text, "", "what went wrong, in one line; null when ok"),
    Column("output_uri", _text, "", "the result's path or URI; null unless ok, or made elsewhere"),
    Column("output_sha256", _text, "", "SHA-256 of the result's file"),
    Column("started_at", pa.timestamp("us", tz="UTC"), "", "when work on the task began"),
    Column("read_s", _float, "s", "time to read the photo's (and a new artwork's) bytes"),
    Column("decode_s", _float, "s", "time from bytes to pixels at the working size; a new artwork's, too"),
    Column("style_s", _float, "s", "time to encode the artwork; null when the worker still had its code"),
    Column("stylize_s", _float, "s", "time of the stylizer's call, device synchronised, over batch_size"),
    Column("device_wait_s", _float, "s", "time the device had nothing to do before it, over batch_size; null if alone"),
    Column("score_s", _float, "s", "time to compute the quality columns, with a new artwork's features for them"),
    Column("encode_s", _float, "s", "time from pixels to file bytes"),
    Column("write_s", _float, "s", "time to write and rename the file"),
    Column("total_s", _float, "s", "from reading to writing, waits and isolated mode's calls to measure by included"),
    Column("warmup", _bool, "", "true for a worker's first images and what had to compile; summaries leave them out"),
    Column("measure_mode", _text, "", "isolated (nothing else ran), throughput (stages overlap), scored (not made)"),
    Column("batch_size", _int, "", "images that went through the stylizer in this call"),
    Column("strips", _int, "", "parts that the image was restyled in, to save memory; 1 for an image taken whole"),
    Column("passes", _int, "", "ways over the image that strips took, as statistics of it all come first"),
    Column("device_peak_allocated_bytes", _int, "bytes", "accelerator memory in tensors at its highest; null on a CPU"),
    Column("device_peak_reserved_bytes", _int, "bytes", "accelerator memory held by the allocator; null on a CPU"),
    Column("host_peak_rss_bytes", _int, "bytes", "the worker's resident memory at its peak during the method's call"),
    Column("model_host_bytes", _int, "bytes", "resident memory that loading the method took"),
    Column("model_device_bytes", _int, "bytes", "accelerator memory that loading the method took; null on a CPU"),
    Column("image_host_bytes", _int, "bytes", "the host's peak above what the worker held just before: one more image"),
    Column("image_device_bytes", _int, "bytes", "the accelerator's peak above what it held just before; null on a CPU"),
    Column("scorer_host_bytes", _int, "bytes", "resident memory that loading the networks behind the scores took"),
    Column("score_peak_rss_bytes", _int, "bytes", "the worker's resident memory at its peak while scoring, isolated"),
    Column("cpu_wait_s", _float, "s", "time that threads waited for processors that others had, their sum, isolated"),
    Column("clock_mhz", _float, "MHz", "clock of processors or card behind the call, isolated; null if not told"),
    Column("throttled", _bool, "", "heat or a quota slowed processors during the call, isolated; null if not told"),
    Column("stretch", _float, "", "result's width over height, over the photo's, which was stretched to be compared"),
    Column("ssim", _float, "", "result against photo, 1 is identical (Wang et al. 2004)"),
    Column("ssim_uniform", _float, "", "SSIM with a 7x7 uniform window, scikit-image's default; where asked for"),
    Column("content_distance", _float, "", "mean square distance of relu4_1 features from the photo's, 512 px at most"),
    Column("gram_distance", _float, "", "Gram matrices' distance from the artwork's at relu1_1 to relu4_1, 512 px too"),
    Column("moments_distance", _float, "", "feature means' and deviations' distance from the artwork's, same layers"),
    Column("cfsd", _float, "", "content feature structural distance (Chung et al. 2024), 512 px too; where asked for"),
    Column("perceptual_variant", _text, "", "whose features the four above are: network and weights' sha256"),
    Column("lpips", _float, "", "distance from the photo at 512 px at most, 0 is identical (Zhang et al. 2018)"),
    Column("lpips_variant", _text, "", "backbone and program behind lpips"),
    Column("flicker", _float, "levels", "mean change, 0 to 255, where the photo moves by 1 px; where asked for"),
    Column("content_edge_density", _float, "", "share of the photo's pixels on an edge, at a long side of 256 px"),
    Column("content_colourfulness", _float, "", "the photo's colourfulness (Hasler and Suesstrunk 2003): 0 is grey"),
    Column("content_entropy_bits", _float, "bits", "entropy of the photo's brightness levels, 0 to 8"),
    Column("output_edge_density", _float, "", "the same as content_edge_density, of the result"),
    Column("output_colourfulness", _float, "", "the same as content_colourfulness, of the result"),
    Column("output_entropy_bits", _float, "bits", "the same as content_entropy_bits, of the result"),
    Column("content_loss", _float, "", "content loss of an optimisation's result, unweighted; null elsewhere"),
    Column("style_loss", _float, "", "style loss of an optimisation's result, unweighted; null elsewhere"),
    Column("variation_loss", _float, "", "total variation of an optimisation's result, unweighted; null elsewhere"),
    Column("workers", _int, "", "number of workers of the run, where it was given"),
    Column("node", _text, "", "name of the host that did the work"),
    Column("worker_id", _text, "", "the worker that did the work"),
    Column("device", _text, "", "cpu, or cuda:N and the like, counted among the cards that the worker sees"),
    Column("gpu_ids", _text, "", "the node's cards that the worker was given, 0,1 for two; null for none"),
    Column("device_name", _text, "", "the processor's or card's name"),
    Column("threads", _int, "", "CPU threads an operation may use"),
)  # fmt: skip

ADDED = {
    2: ("content_loss", "style_loss", "variation_loss"),
    3: (
        "variant", "repeat", "workers", "model_host_bytes", "model_device_bytes", "image_host_bytes",
        "image_device_bytes", "content_distance", "gram_distance", "moments_distance", "perceptual_variant", "lpips",
        "lpips_variant", "content_edge_density", "content_colourfulness", "content_entropy_bits",
        "output_edge_density", "output_colourfulness", "output_entropy_bits",
    ),
    4: ("gpu_ids",),
    5: ("truncated",),
    6: ("photo", "style"),
    7: ("style_uris", "style_weights"),
    8: ("scorer_host_bytes", "score_peak_rss_bytes", "cpu_wait_s", "clock_mhz", "throttled"),
    9: ("ssim_uniform", "cfsd", "flicker"),
    10: ("device_wait_s",),
    11: ("stretch",),
    12: ("runtime",),
    13: ("strips", "passes"),
    14: ("opaque",),
}  # fmt: skip
"""Schema version -> the columns that came with it. Those of no version are in every file, or it is refused."""
SCHEMA_VERSION = str(max(ADDED))

SCHEMA = pa.schema(
    [pa.field(c.name, c.type, metadata={"unit": c.unit, "meaning": c.meaning}) for c in COLUMNS],
    metadata={"schema_version": SCHEMA_VERSION},
)

Row = dict[str, Any]
"""A row in Python: column name to value; a missing name is null."""


def key_of(task_id: str) -> bytes:
    """Return the first 16 bytes of a task id, which tell tasks apart. Raises ValueError for one that is no hash."""
    return bytes.fromhex(task_id)[:KEY_BYTES]


def to_batch(rows: list[Row]) -> pa.RecordBatch:
    """Return rows as one Arrow batch of SCHEMA. Raises ValueError for a name that is no column."""
    for row in rows:
        unknown = row.keys() - _NAMES
        if unknown:
            raise ValueError(f"no such column: {', '.join(sorted(unknown))}")
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def fitting(values: Row | None, what: str) -> Row:
    """Return values for columns, which `what` gave. Raises UsageError for one that is none or cannot hold its value."""
    if not isinstance(values := values or {}, dict):
        raise UsageError(f"{what} must return columns with their values, and returned {type(values).__name__}")
    for name, value in values.items():
        if name not in _NAMES:
            raise UsageError(f"{what} gives {name!r}, which is no column: docs/rows.md lists them")
        try:
            pa.scalar(value, SCHEMA.field(name).type)
        except (pa.ArrowException, ArithmeticError, TypeError, ValueError):
            kind = SCHEMA.field(name).type
            raise UsageError(f"{what} gives {name} {value!r:.80}, and the column holds {kind} alone") from None
    return values


_NAMES = frozenset(SCHEMA.names)
