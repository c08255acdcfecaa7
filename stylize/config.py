"""The main job's settings: one typed, validated model behind YAML, flags and the record in run.json."""

from __future__ import annotations

import reprlib
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from stylize.errors import UsageError
from stylize.io.location import canonical, check_key, is_object

LEAST_SHARE = 1e-4
"""Of a CPU or GPU; Ray counts in these."""
TORCHVISION = "torchvision"
"""As a `perceptual` setting: torchvision's own weights, from its cache or downloaded."""


class JobConfig(BaseModel):
    """What to restyle, with what, to where. Frozen; an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    content: str | None = Field(None, description="folder of photos; subfolders are content types")
    styles: str | None = Field(None, description="folder of artworks; subfolders are style types")
    out: str = Field(min_length=1, description="folder for images/, rows/, run.json and summary.md")
    manifest: str | None = Field(
        None, description="CSV or Parquet with content_uri, style_uri and optional content_type, style_type"
    )
    pairing: Literal["cross", "zip"] = Field(
        "cross", description="cross: every photo with every artwork; zip: first with first, and so on"
    )
    shard: str | None = Field(
        None, description="K/N: only the K-th of N shares of the pairs, for N jobs that each have an OUT of their own"
    )

    stylizer: str = Field("compact", description="method: a registered name, or package.module:Class")
    weights: str | None = Field(
        None, description="weights file or folder; `random`: untrained ones, for timing; none: the method's own"
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="a setting of the method, as name=value; may be repeated"
    )
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = Field(
        "auto", description="number format of the network; auto: the device's fastest that keeps the fp32 result"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="auto: cuda if an actor is given a GPU, else cpu"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="for methods that draw random numbers")
    resolution_px: int | None = Field(
        None, ge=1, le=32768, description="long side of the result; none: the photo's own"
    )
    style_resolution_px: int | None = Field(
        512, ge=1, le=32768, description="long side at which an artwork is looked at; none: its own"
    )
    max_pixels: int = Field(100_000_000, ge=1, le=178_000_000, description="larger images become `unsupported` rows")

    format: Literal["jpg", "png", "webp"] = Field("jpg", description="of the results")
    quality: int = Field(95, ge=1, le=100, description="of jpg and webp")

    actors: int | Literal["auto"] = Field("auto", description="workers; auto fills the cluster")
    cpus_per_actor: float = Field(1, ge=LEAST_SHARE, description="CPUs a worker takes; also its threads")
    gpus_per_actor: float = Field(0, ge=0, description="GPUs a worker takes; a fraction shares one")
    io_threads: int = Field(2, ge=1, le=64, description="threads a worker reads with, and scores and writes with")
    batch_size: int | Literal["auto"] = Field(
        "auto", description="images of one size and style that go through together; auto: where that is faster"
    )
    timeout_s: float = Field(600, gt=0, description="an image that takes longer becomes a `timeout` row")
    retries: int = Field(1, ge=1, le=10, description="how often a task whose worker died is tried again, alone")
    measure_mode: Literal["throughput", "isolated"] = Field(
        "throughput",
        description="isolated: one worker a device, and nothing else runs in it while an image is measured",
    )
    warmup_images: int = Field(1, ge=0, description="first images of a worker that are marked `warmup`")
    perceptual: str | None = Field(
        None, description="VGG19 weights for the distance columns, or `torchvision` for its own; none: not measured"
    )
    lpips: Literal["none", "alex", "vgg", "squeeze"] = Field(
        "none", description="backbone of the lpips column; needs torchmetrics and torchvision's weights"
    )
    address: str | None = Field(None, description="Ray cluster to use; none: RAY_ADDRESS, else a local one")
    progress: Literal["auto", "bar", "plain", "json", "off"] = Field(
        "auto", description="auto: a bar on a terminal, else lines; json: one JSON object a line, for scripts"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_switches(cls, value: Any) -> Any:
        # YAML's `yes` and `true` would pass for the number 1.
        if isinstance(value, bool):
            raise ValueError("not a yes-or-no setting")
        return value

    @field_validator("content", "styles", "out", "manifest", "weights", "perceptual")
    @classmethod
    def _places(cls, value: str | None, info: ValidationInfo) -> str | None:
        """In their one form. Not a ValueError, whose message would repeat what may hold a password."""
        try:
            if value is not None and is_object(value):
                check_key(value)
            return None if value is None else canonical(value)
        except UsageError as error:
            raise UsageError(f"{info.field_name}: {error}") from None

    @field_validator("gpus_per_actor")
    @classmethod
    def _cards(cls, value: float) -> float:
        if 0 < value < LEAST_SHARE or (value > 1 and value % 1):
            raise ValueError(f"give 0, a fraction of at least {LEAST_SHARE:g} and below 1, or a whole number")
        return value

    @field_validator("shard")
    @classmethod
    def _one_of(cls, value: str | None) -> str | None:
        own, slash, shards = ("1/1" if value is None else value).partition("/")
        numbers = slash and own.isdecimal() and shards.isdecimal() and len(shards) < 10
        if not numbers or not 1 <= int(own) <= int(shards):
            raise ValueError("give K/N with 1 <= K <= N, such as 2/4 for the second of four shares")
        return value

    @model_validator(mode="after")
    def _inputs(self) -> JobConfig:
        if isinstance(self.actors, int) and self.actors < 1:
            raise ValueError("actors: 1 or more, or auto")
        if isinstance(self.batch_size, int) and self.batch_size < 1:
            raise ValueError("batch_size: 1 or more, or auto")
        if self.manifest is None and (self.content is None or self.styles is None):
            raise ValueError("give CONTENT STYLES OUT, or --manifest FILE and OUT")
        if self.manifest is not None and (self.content is not None or self.styles is not None):
            raise ValueError("give CONTENT and STYLES, or --manifest FILE, not both")
        return self

    def result_settings(self) -> dict[str, Any]:
        """What decides the result's pixels and bytes, and so belongs to a task's identity."""
        names = (
            "stylizer", "precision", "seed", "resolution_px", "style_resolution_px", "format", "quality",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names} | {"settings": self.settings}

    def device_name(self) -> str:
        """cpu or cuda."""
        if self.device != "auto":
            return self.device
        return "cuda" if self.gpus_per_actor > 0 else "cpu"


def build(values: dict[str, Any]) -> JobConfig:
    """A validated config. Raises UsageError: one line that names the setting, what is wrong and what is known."""
    try:
        return JobConfig.model_validate(values)
    except ValidationError as error:
        errors = error.errors()
        first = errors[0]
        where = str(first["loc"][0]) if first["loc"] else ""
        # A setting of two kinds (a number or auto) has an error for each.
        same = [one["msg"].removeprefix("Value error, ") for one in errors if one["loc"][:1] == first["loc"][:1]]
        message = "; or: ".join(dict.fromkeys(same))
        if first["type"] in ("extra_forbidden", "invalid_key"):
            raise UsageError(f"unknown setting {where!r}; known: {', '.join(JobConfig.model_fields)}") from None
        # Not what may be a URI: a password may be in it.
        shown = where and first["type"] != "missing" and "://" not in str(first["input"])
        given = f" (got {reprlib.repr(first['input'])})" if shown else ""
        raise UsageError(f"{where}: {message}{given}" if where else message) from None
