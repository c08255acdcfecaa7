"""The settings of scoring pictures that were made elsewhere: the main job's, as far as they mean something here."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import Field, ValidationInfo, field_validator, model_validator

from stylize.cli import Groups
from stylize.config import JobConfig, Score
from stylize.errors import UsageError
from stylize.io.location import normalized
from stylize.shares import Metavar, PathText
from stylize.tasks.matching import Pattern
from stylize.validation import as_given

OF_PICTURES = tuple(score for score in get_args(Score) if score != "flicker")
"""Scores of a picture that is there already; flicker takes the method itself, and stays null here."""
GROUPS: Groups = {
    "inputs": ("pattern", "manifest", "include", "exclude", "shard", "max_pixels", "truncated"),
    "measuring": ("style_resolution_px", "scores", "perceptual", "lpips"),
    "workers": (
        "device",
        "actors",
        "cpus_per_actor",
        "gpus_per_actor",
        "io_threads",
        "timeout_s",
        "retries",
        "address",
    ),
}
PATHS = ("content", "styles", "results", "out")
CALLED = {"content": "PHOTOS", "styles": "ARTWORKS", "results": "RESULTS", "out": "OUT", "stylizer": "--method"}
"""What the command line calls settings that it has under another name."""


class ScoreConfig(JobConfig):
    """What to score, against what, to where. Frozen; an unknown name is an error."""

    results: PathText | None = Field(None, description="folder of the pictures to score")
    pattern: Annotated[str, Metavar("TEXT")] | None = Field(
        None,
        description="how the results are called, such as {photo}_stylized_{style} or {style}/{photo}; suffixes do not "
        "count, and folders may tell photos of one name apart",
    )
    manifest: PathText | None = Field(
        None, description="CSV or Parquet file of content_uri, style_uri and result_uri, in place of folders"
    )

    scores: Annotated[tuple[Score, ...], Metavar("NAME")] = Field(
        (),
        description="columns that are measured only where asked for, as each takes time: "
        f"{', '.join(OF_PICTURES)}; may be repeated",
    )

    @field_validator("results")
    @classmethod
    def _place(cls, value: str | None, info: ValidationInfo) -> str | None:
        try:
            return None if value is None else normalized(value)
        except UsageError as error:
            raise UsageError(f"{as_given('results', info.context)}: {error}") from None

    @field_validator("stylizer")
    @classmethod
    def _named(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("expected a name")
        return value

    @field_validator("pattern")
    @classmethod
    def _readable(cls, value: str | None, info: ValidationInfo) -> str | None:
        try:
            return None if value is None else Pattern.of(value).text
        except UsageError as error:
            raise UsageError(f"{as_given('pattern', info.context)}: {error}") from None

    @model_validator(mode="after")
    def _inputs(self) -> ScoreConfig:
        folders = (self.content, self.styles, self.results)
        if self.manifest is None and None in folders:
            raise ValueError("give PHOTOS ARTWORKS RESULTS OUT, or --manifest PATH and OUT")
        if self.manifest is not None and any(folders):
            raise ValueError("give PHOTOS, ARTWORKS and RESULTS, or --manifest PATH, not both")
        if self.manifest is not None and self.pattern is not None:
            raise ValueError("--pattern goes with folders: a --manifest lists the results itself")
        if self.manifest is None and self.pattern is None:
            raise ValueError("give --pattern, how the results are called: {photo}_stylized_{style}, say")
        return self

    def result_settings(self) -> dict[str, Any]:
        """Return what belongs to a task's identity beside its files."""
        return {"stylizer": self.stylizer, "style_resolution_px": self.style_resolution_px, "settings": {}}
