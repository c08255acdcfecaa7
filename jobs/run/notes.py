"""What is told of settings before a run begins: those that change nothing, and images that another runtime will do."""

from __future__ import annotations

from typing import Any

from jobs.scheduler.ray_runtime import joins_cluster
from stylize import no_effect
from stylize.config import JobConfig


def notes_on(job: JobConfig, settings: Any) -> list[str]:
    """Return a line on each. settings: those of the method, checked."""
    from stylize.stylizers import find

    method = find(job.stylizer)
    seed = None if job.pairing == "random" else no_effect.of_seed(method, settings)
    reasons: no_effect.Reasons = {
        **no_effect.of_method(method),
        **no_effect.of_format(job.format),
        "seed": seed,
        "layout": f"{job.called('name')} names the results" if job.name is not None else None,
    }
    return [*no_effect.no_effect(job, reasons), *_strips_of_torch(job, settings)]


def _strips_of_torch(job: JobConfig, settings: Any) -> list[str]:
    """Return a line on images that do not fit `max_memory` in another runtime than torch, which then does them."""
    from stylize.images import PICTURE_BYTES
    from stylize.pipeline.room import ahead_bytes
    from stylize.stylizers import find

    method, runtime = find(job.stylizer), str(job.runtime)
    if job.max_memory == "auto" or job.device_name() != "cpu":
        return []
    if runtime == "auto" and job.precision == "int8":
        runtime = "openvino"
    elif runtime == "auto" and not joins_cluster(job.address):
        runtime = method.choose_runtime("auto", job.precision, "cpu", settings)
    if runtime in ("auto", "torch"):
        return []
    most, ahead = int(job.max_memory), 0 if job.measure_mode == "isolated" else ahead_bytes(job.readers, job.max_memory)
    pixels = min(most / (method.bytes_per_pixel + PICTURE_BYTES), (most - ahead) / method.bytes_per_pixel)
    how = f"{runtime} in int8" if job.precision == "int8" else runtime
    told = f"{method.name} does images of more than {pixels / 1e6:.2g} megapixels with torch in strips, not with {how}"
    if method.styles_are_weights:
        told += ", and where the style is an ONNX file not at all"
    return [f"{job.called('max_memory')}: {told}"]
