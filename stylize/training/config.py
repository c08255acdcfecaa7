"""What a training run is made of."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from stylize.cli import Groups
from stylize.config import Progress
from stylize.errors import UsageError, harmless, one_line
from stylize.io.location import local_path
from stylize.naming import MAX_NAME_BYTES
from stylize.no_effect import no_effect
from stylize.shares import Metavar
from stylize.validation import Checked, Origins, as_given, validated

GROUPS: Groups = {
    "inputs": ("start_from", "vgg", "crop_px", "style_px"),
    "method": (
        "steps", "batch", "learning_rate", "decay_share", "reuse", "content_weight", "moments_weight", "gram_weight",
        "variation_weight", "range_weight", "identity_weight", "identity_share", "consistency_weight",
        "consistency_ramp", "pooled_share", "photos_per_style", "edges_weight", "precision", "seed",
    ),
    "output": ("name", "checkpoint_every", "sample_every"),
    "workers": ("workers", "device", "cpus_per_worker", "loaders", "address"),
}  # fmt: skip
"""In what order and under which titles the settings stand in the help."""


class TrainConfig(Checked):
    """Settings of a run. Those that shape the weights end up in the weights' metadata and card."""

    method: ClassVar[str]

    photos: Path = Field(description="folder of photos to learn from")
    styles: Path = Field(description="a folder of artworks: any style (compact); one image: that style alone (johnson)")
    out: Path = Field(description="folder for weights, checkpoints, losses and samples; the same command resumes")
    name: str | None = Field(None, description="name of the weights file; none: compact, or the style image's name")
    vgg: Path | None = Field(None, description="VGG19 weights that judge the results; none: torchvision's")
    start_from: Path | None = Field(
        None, description="weights to begin with, such as those of an earlier run; none: random ones"
    )
    steps: int = Field(12_000, ge=1, description="steps in all; johnson: 2000")
    decay_share: float = Field(
        0.4, ge=0, le=1, description="share of the steps, at their end, over which the learning rate falls"
    )
    batch: int = Field(4, ge=1, le=4096, description="photos that each worker takes per step")
    crop_px: int = Field(192, ge=64, multiple_of=4, description="side of the square crops in pixels")
    learning_rate: float = Field(6e-4, gt=0, description="learning rate of AdamW at its highest; johnson: 0.001")
    reuse: int = Field(
        0,
        ge=0,
        description="batches whose VGG features are kept in memory and drawn from; 0: always new ones",
    )
    content_weight: float = Field(1.6, ge=0, description="weight of the content loss; johnson: 1")
    moments_weight: float = Field(5.0, ge=0, description="weight of the style loss in means and deviations")
    gram_weight: float = Field(5.0, ge=0, description="weight of the style loss in Gram matrices; johnson: 8")
    variation_weight: float = Field(2.0, ge=0, description="weight of the result's total variation")
    range_weight: float = Field(20.0, ge=0, description="weight of values outside [0, 1]")
    identity_weight: float = Field(
        50.0, ge=0, description="compact only: weight of the photo's pixels where it is its own style"
    )
    identity_share: float = Field(
        0.1,
        ge=0,
        le=1,
        description="compact only: share of steps whose style is the photo itself, which alpha below 1 goes by",
    )
    consistency_weight: float = Field(
        0.0, ge=0, description="weight of how far a photo's part, painted alone, is from that part of the whole picture"
    )
    consistency_ramp: int = Field(1_000, ge=1, description="steps in which --consistency-weight grows from 0")
    pooled_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the style loss that goes by --photos-per-style photos together, which have one style",
    )
    photos_per_style: int = Field(
        4, ge=1, description="compact only: with --pooled-share, photos that share an artwork; a smaller batch has one"
    )
    edges_weight: float = Field(0.0, ge=0, description="weight of texture and colours where the photo is flat")
    style_px: int = Field(384, ge=64, description="johnson only: long side of the style image in pixels")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="number format of the networks; auto: bf16 where the device has instructions for it"
    )
    seed: int = Field(0, ge=0, description="seed of weights and crops")
    workers: int = Field(1, ge=1, description="processes that train together, each on a batch of its own")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="where the networks run; auto: cuda where there is one"
    )
    cpus_per_worker: int | None = Field(
        None, ge=1, description="CPUs of each worker; none: the most that all find room for"
    )
    loaders: int | None = Field(
        None, ge=1, le=64, description="threads of a worker that read photos, and as many for artworks; none: chosen"
    )
    checkpoint_every: int = Field(100, ge=1, description="steps between checkpoints")
    sample_every: int = Field(500, ge=1, description="steps between sample sheets")
    address: Annotated[str, Metavar("HOST:PORT")] | None = Field(
        None, description="Ray cluster to use; none: the one RAY_ADDRESS names, else a Ray of its own"
    )
    progress: Progress = Field("auto", description="how far it is: a bar or lines; auto: a bar on a terminal")

    @field_validator("photos", "styles", "out", "vgg", "start_from", mode="before")
    @classmethod
    def _as_on_the_disk(cls, value: Any, info: ValidationInfo) -> Any:
        return None if value is None else local_path(str(value), as_given(info.field_name, info.context))

    @field_validator("name")
    @classmethod
    def _one_word(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[\w-][\w.-]*", value):
            raise ValueError("expected letters, digits, '.', '_' and '-', no '.' in front, as it names a file in OUT")
        return value

    @model_validator(mode="after")
    def _whole_groups(self) -> Self:
        if self.batch % self.photos_of_a_style:
            raise ValueError(
                f"batch {self.batch} is no multiple of photos_per_style {self.photos_per_style}; change one of them"
            )
        return self

    @property
    def photos_of_a_style(self) -> int:
        """Return how many photos of a step share an artwork."""
        return min(self.batch, self.photos_per_style) if self.pooled_share else 1

    @property
    def weights_name(self) -> str:
        """Return the name of the weights file, without its suffix."""
        return self.name or (self.styles.stem if self.method == "johnson" else self.method)

    def terms(self) -> dict[str, float]:
        """Return each loss term's weight by its name."""
        return {name.removesuffix("_weight"): value for name, value in self if name.endswith("_weight")}

    def idle(self) -> list[str]:
        """Return a line on each setting that was given and changes nothing here."""
        others: tuple[str, ...] = ("style_px",)
        if self.method == "johnson":
            others = ("identity_weight", "identity_share", "photos_per_style")
        reasons: dict[str, str | None] = dict.fromkeys(others, f"{self.method} does not take it")
        if not self.consistency_weight:
            reasons["consistency_ramp"] = "consistency_weight is 0"
        if not self.pooled_share:
            reasons.setdefault("photos_per_style", "pooled_share is 0")
        return no_effect(self, reasons)

    def shaping(self) -> dict[str, Any]:
        """Return the settings that shape the weights: not where, by whom or how they are reported."""
        elsewhere = {
            "photos", "styles", "out", "name", "vgg", "start_from", "device", "cpus_per_worker", "loaders",
            "checkpoint_every", "sample_every", "address", "progress",
        }  # fmt: skip
        return self.model_dump(exclude=elsewhere)


class CompactConfig(TrainConfig):
    """The bundled arbitrary-style network, from a folder of artworks."""

    method: ClassVar[str] = "compact"


class JohnsonConfig(TrainConfig):
    """One network for one style image (Johnson et al. 2016)."""

    method: ClassVar[str] = "johnson"

    steps: int = Field(2_000, ge=1, description="steps in all")
    learning_rate: float = Field(1e-3, gt=0, description="learning rate of AdamW at its highest")
    content_weight: float = Field(1.0, ge=0, description="weight of the content loss")
    gram_weight: float = Field(8.0, ge=0, description="weight of the style loss in Gram matrices")

    @property
    def photos_of_a_style(self) -> int:
        """Return how many photos of a step share the artwork: all."""
        return self.batch


def configure(given: dict[str, Any], origins: Origins | None = None) -> TrainConfig:
    """Turn settings by name into a run's configuration; what STYLES is decides the method. Raises UsageError.

    origins: how the settings were given, for its line.
    """
    styles = local_path(str(given["styles"]), "STYLES")
    if not styles.exists():
        raise UsageError(f"{one_line(styles)}: no such file or folder; give a folder of artworks, or one image")
    kind = CompactConfig if styles.is_dir() else JohnsonConfig
    config = validated(kind, given, origins=origins)
    if harmless(config.weights_name) != config.weights_name:
        raise UsageError(f"{one_line(styles)}: its name would be the weights'; give them a plain one with --name")
    if len(os.fsencode(config.weights_name)) > MAX_NAME_BYTES:
        raise UsageError(f"the weights' name has over {MAX_NAME_BYTES} bytes; give a shorter --name")
    return config
