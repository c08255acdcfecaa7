"""The main job's settings: one typed, validated model behind YAML, flags and the record in run.json."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from stylize.cli import Groups
from stylize.errors import UsageError
from stylize.images import MAX_PIXELS
from stylize.io.location import locate, normalized
from stylize.naming import check_template
from stylize.restyling import Restyling
from stylize.shares import LEAST_SHARE, MOST_SHARE, MaxMemory, Metavar, PathText, checked_gpus, checked_shard
from stylize.validation import Origins, as_given, validated

Device = Literal["auto", "cpu", "cuda", "mps", "xpu"]
"""Kinds of devices as torch calls them; AMD's cards are `cuda`, too."""
Score = Literal["distances", "cfsd", "lpips", "ssim_uniform", "flicker"]
Lpips = Literal["none", "alex", "vgg", "squeeze"]
MOST_WORKERS = 10_000
"""Each is asked of the cluster at once, room or not, so that it may grow; one driver feeds some hundreds."""
Progress = Literal["auto", "bar", "plain", "off"]
"""Ways to show how far a command is."""
TORCHVISION = "torchvision"
"""As a `perceptual` setting: torchvision's own weights, from its cache or downloaded."""
OF_RESULT = ("stylizer", "precision", "seed", "resolution_px", "style_resolution_px", "format", "quality", "settings")
"""What decides the result's pixels and bytes, and so belongs to a task's identity."""
OF_RESULT_TOO = ("strip", "runtime")
"""What does so since later: recorded where it is not the default alone, so that older tasks keep their keys."""
GROUPS: Groups = {
    "inputs": ("manifest", "pairing", "styles_per_photo", "include", "exclude", "shard", "max_pixels", "truncated"),
    "method": (
        "stylizer", "weights", "settings", "precision", "runtime", "device", "seed", "resolution_px",
        "style_resolution_px",
    ),
    "output": ("format", "quality", "strip", "layout", "name"),
    "workers": ("actors", "cpus_per_actor", "gpus_per_actor", "max_memory", "io_threads", "batch_size", "timeout_s",
                "retries", "address"),
    "measuring": ("measure_mode", "warmup_images", "scores", "perceptual", "lpips"),
}  # fmt: skip
"""In what order and under which titles the settings stand in the help."""


class JobConfig(Restyling):
    """What to restyle, with what, to where. Frozen; an unknown name is an error."""

    folders: ClassVar[tuple[str, ...]] = ("content", "styles", "results")

    _origins: Origins = PrivateAttr(default_factory=dict)

    content: str | None = Field(None, description="folder of photos; subfolders are content types")
    styles: str | None = Field(None, description="folder of artworks; subfolders are style types")
    out: str = Field(min_length=1, description="folder for images/, rows/, run.json and summary.md")
    manifest: PathText | None = Field(
        None,
        description="CSV or Parquet file of the pairs: content_uri, style_uri, and settings of their own (inputs.md)",
    )
    pairing: Literal["cross", "zip", "cycle", "random"] = Field(
        "cross",
        description="cross: every photo with every artwork; zip: the first with the first, and so on, of as many "
        "photos as artworks; cycle: the same of any number, from the first artwork again after the last; random: "
        "every photo with some, drawn by the seed",
    )
    styles_per_photo: int = Field(1, ge=1, description="artworks that pairing random draws for each photo")
    include: Annotated[tuple[str, ...], Metavar("GLOB")] = Field(
        (), description="photos to take, by name (*.jpg) or path in their folder (2024/**); may be repeated; none: all"
    )
    exclude: Annotated[tuple[str, ...], Metavar("GLOB")] = Field(
        (), description="photos to leave out, named in the same way; may be repeated"
    )
    shard: Annotated[str, Metavar("K/N")] | None = Field(
        None, description="do the K-th of N shares of the pairs, for N jobs that each have an OUT of their own"
    )

    device: Device = Field(
        "auto", description="where the network runs; auto: the GPU that a worker is given, of any kind, else the CPU"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="seed of methods that draw random numbers")
    max_pixels: int = Field(
        MAX_PIXELS,
        ge=1,
        le=2_000_000_000,
        description="images of more pixels, a JPEG's counted as they are read for the result, are `unsupported`",
    )
    truncated: Literal["refuse", "accept"] = Field(
        "refuse",
        description="photos cut, or JPEG damaged, within their pixels: `corrupt` rows, or restyled as they are and "
        "marked `truncated`",
    )

    format: Literal["jpg", "png", "webp"] = Field("jpg", description="image format of the results")
    layout: Literal["by-style", "by-photo", "flat"] = Field(
        "by-style",
        description="by-style: images/<artwork's path>/<photo's path>; by-photo: the other way round; flat: no folders",
    )
    name: Annotated[str, Metavar("TEMPLATE")] | None = Field(
        None, description="names of the results instead of a layout, such as {photo}/{style_name}-{method}"
    )

    actors: Annotated[int, Field(ge=1, le=MOST_WORKERS)] | Literal["auto"] = Field(
        "auto", description="number of workers; auto: as many as the cluster has room for"
    )
    cpus_per_actor: Annotated[float, Field(ge=LEAST_SHARE, le=MOST_SHARE)] | Literal["auto"] = Field(
        "auto",
        description="CPUs that each worker takes, and threads it computes with; auto: 1, more where memory is short, "
        "or a card's share of them",
    )
    gpus_per_actor: Annotated[float, Field(ge=0, le=MOST_SHARE)] | Literal["auto"] = Field(
        "auto",
        description="GPUs that each worker takes; a fraction shares one; 0: none; auto: 1 where machines have them",
    )
    max_memory: MaxMemory = Field("auto", description="memory an image may take, such as 2GiB; more is done in strips")
    io_threads: Annotated[int, Field(ge=1, le=64)] | Literal["auto"] = Field(
        "auto",
        description="threads of a worker that read images; as many score and write, four more beside a card; "
        "auto: 2, beside a card up to 16",
    )
    batch_size: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto",
        description="images of one size and style that go through the network together; auto: where that is faster, "
        "beside a card up to 8 that have been read",
    )
    timeout_s: float = Field(600, gt=0, description="seconds after which an image becomes a row of status `timeout`")
    retries: int = Field(
        1,
        ge=0,
        le=10,
        description="how often an image whose worker died is tried again, alone; 0: only to find out which it was",
    )
    measure_mode: Literal["throughput", "isolated"] = Field(
        "throughput",
        description="isolated: one worker per device, and nothing else runs while an image is measured",
    )
    warmup_images: int = Field(
        1, ge=0, description="first images of each worker that are marked `warmup`, to be left out of averages"
    )
    scores: Annotated[tuple[Score, ...], Metavar("NAME")] = Field(
        (),
        description="columns that are measured only where asked for, as each takes time: "
        f"{', '.join(get_args(Score))}; flicker restyles once more; may be repeated",
    )
    perceptual: PathText | None = Field(
        None,
        description="VGG19 weights for the score distances, which this asks for, and cfsd; none: torchvision's",
    )
    lpips: Lpips = Field(
        "none",
        description="network of the score lpips, which this asks for; needs torchmetrics and torchvision's weights",
    )
    address: Annotated[str, Metavar("HOST:PORT")] | None = Field(
        None, description="Ray cluster to use; none: the one RAY_ADDRESS names, else a Ray of its own"
    )
    progress: Literal[Progress, "json"] = Field(
        "auto", description="how far it is: a bar or lines; auto: a bar on a terminal; json: one JSON object per line"
    )

    _gpus = field_validator("gpus_per_actor")(checked_gpus)
    _shard = field_validator("shard")(checked_shard)

    @field_validator("content", "styles", "out", "manifest", "weights", "perceptual", "name")
    @classmethod
    def _locations(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Write locations in their one form. No ValueError is raised: its message might repeat a password."""
        checked = check_template if info.field_name == "name" else normalized
        try:
            return None if value is None else checked(value)
        except UsageError as error:
            raise UsageError(f"{as_given(info.field_name, info.context)}: {error}") from None

    @field_validator("stylizer")
    @classmethod
    def _importable(cls, value: str) -> str:
        if value.startswith("__main__:"):
            raise ValueError(
                "workers are other processes, without what a script or notebook defines: put the class in a module"
            )
        return value

    @field_validator("include", "exclude", "scores", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("styles_per_photo")
    @classmethod
    def _drawn(cls, value: int, info: ValidationInfo) -> int:
        if value != 1 and info.data.get("pairing", "random") != "random":
            raise ValueError("this is for pairing random alone")
        return value

    @model_validator(mode="after")
    def _inputs(self, info: ValidationInfo) -> JobConfig:
        content, styles, out, manifest = (
            as_given(name, info.context) for name in ("content", "styles", "out", "manifest")
        )
        if self.manifest is None and (self.content is None or self.styles is None):
            raise ValueError(f"give {content}, {styles} and {out}, or {manifest} and {out}")
        if self.manifest is not None and (self.content is not None or self.styles is not None):
            raise ValueError(f"give {content} and {styles}, or {manifest}, not both")
        return self

    @model_validator(mode="after")
    def _listed(self, info: ValidationInfo) -> Self:
        chosen = {"include": self.include, "exclude": self.exclude, "pairing": self.pairing != "cross"}
        if self.manifest is not None and (given := next((name for name, value in chosen.items() if value), None)):
            raise ValueError(f"{as_given(given, info.context)} is for folders: a manifest lists the pairs itself")
        return self

    @model_validator(mode="before")
    @classmethod
    def _networks(cls, values: Any, info: ValidationInfo) -> Any:
        """Name the networks that scores take where none is given. Raises ValueError for LPIPS with none."""
        asked = values.get("scores") if isinstance(values, dict) else None
        names = [asked] if isinstance(asked, str) else asked if isinstance(asked, list | tuple) else []
        unset = str(values.get("perceptual")).casefold() == "none" if isinstance(values, dict) else False
        if ("distances" in names or "cfsd" in names) and unset:
            values = values | {"perceptual": TORCHVISION}
        if "lpips" not in names or values.get("lpips", "none") != "none":
            return values
        if "lpips" in values:
            scores, lpips = (as_given(name, info.context) for name in ("scores", "lpips"))
            raise ValueError(f"{scores} lpips needs a network, and {lpips} is none: leave one of them out")
        return values | {"lpips": "alex"}

    @classmethod
    def build(cls, values: dict[str, Any], origins: Origins | None = None) -> Self:
        """Return a validated config. Raises UsageError: one line that names the setting, what is wrong, what is known.

        origins: how the settings were given, for that line and for what the config is asked to call them later.
        """
        config = validated(cls, values, origins=origins)
        config._origins = origins or {}
        return config

    def called(self, name: str) -> str:
        """Return what a message is to call a setting: as it was given, such as --quality."""
        default = name.upper() if name in ("content", "styles", "out") else name
        return str(self._origins.get(name, default))

    def called_resources(self) -> tuple[str, ...]:
        """Return what a message is to call a worker and the settings of what it takes."""
        return "a worker", self.called("cpus_per_actor"), self.called("gpus_per_actor")

    def input_roots(self) -> tuple[str | None, str | None]:
        """Return what photos and what artworks lie below: CONTENT and STYLES, or the manifest's folder for both."""
        if self.manifest is None:
            return self.content, self.styles
        above = str(locate(self.manifest).parent)
        return above, above

    def result_settings(self) -> dict[str, Any]:
        """Return what decides the result's pixels and bytes, and so belongs to a task's identity."""
        given = {name: getattr(self, name) for name in OF_RESULT_TOO}
        changed = {name: value for name, value in given.items() if value != type(self).model_fields[name].default}
        return {name: getattr(self, name) for name in OF_RESULT} | changed

    def device_name(self) -> str:
        """Return cpu, a kind of accelerator, or `accelerator` for any kind."""
        if self.device != "auto":
            return self.device
        return "accelerator" if self.gpus > 0 else "cpu"

    @property
    def workers(self) -> int | None:
        """Return the number of workers; None for as many as there is room for."""
        return None if self.actors == "auto" else self.actors

    @property
    def cpus(self) -> float:
        """Return the CPUs of a worker; 1 before it is decided."""
        return 1.0 if self.cpus_per_actor == "auto" else self.cpus_per_actor

    @property
    def gpus(self) -> float:
        """Return the GPUs of a worker; 0 before it is decided."""
        return 0.0 if self.gpus_per_actor == "auto" else self.gpus_per_actor

    @property
    def readers(self) -> int:
        """Return how many threads of a worker read, and as many score and write; 2 before it is decided."""
        return 2 if self.io_threads == "auto" else self.io_threads


build = JobConfig.build
