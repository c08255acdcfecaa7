"""A sweep: methods, settings, precisions, resolutions, numbers of workers and images, and in what order they run."""

from __future__ import annotations

import contextlib
import itertools
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator

from stylize import config as configs
from stylize.cli import flag
from stylize.config import MOST_WORKERS, Device, JobConfig, Lpips, Score
from stylize.errors import UsageError, one_line
from stylize.restyling import Precision, Runtime
from stylize.safe_yaml import read_mapping
from stylize.shares import LEAST_SHARE, MOST_SHARE, MaxMemory
from stylize.tasks.task import Pair, Task, digest_of, make_task
from stylize.validation import Checked, Origin, Origins, validated

MOST_REPEATS = 10_000
"""More is a slip of the hand, and would take minutes to plan."""


def _each_once(values: list[Any] | None) -> list[Any] | None:
    if twice := next((value for number, value in enumerate(values or []) if value in (values or [])[:number]), None):
        raise ValueError(f"{twice} stands there twice; once is enough, as repeats says how often it is measured")
    return values


class Method(Checked):
    """One method of a sweep; lists of its own win over the sweep's."""

    name: str = Field(description="the method: a registered name, or package.module:Class")
    label: str | None = Field(None, description="what reports call the method; none: its name and settings")
    weights: str | None = Field(
        None, min_length=1, description="weights file or folder; `random`: untrained ones, for timing"
    )
    settings: dict[str, Any] = Field(default_factory=dict, description="settings of the method, by name")
    runtime: Runtime = Field("auto", description="what runs the network; in the method's name where it is given")
    precisions: list[Precision] | None = Field(None, min_length=1, description="none: the sweep's")
    resolutions_px: list[Annotated[int, Field(ge=1)]] | None = Field(
        None, min_length=1, description="none: the sweep's"
    )
    repeats: int | None = Field(None, ge=1, le=MOST_REPEATS, description="none: the sweep's")
    photos: int | None = Field(
        None, ge=1, description="use at most so many photos, one of each content type first; none: all of the sweep's"
    )
    warmup: bool = Field(True, description="whether each block begins with an image that does not count")

    _no_two_alike = field_validator("precisions", "resolutions_px")(_each_once)

    def title(self) -> str:
        """Return the label, or name and settings."""
        settings = self.settings if self.runtime == "auto" else {"runtime": self.runtime} | self.settings
        told = ", ".join(f"{key}={value}" for key, value in sorted(settings.items()))
        return self.label or (f"{self.name} ({told})" if told else self.name)

    def makes_as(self, other: Method) -> bool:
        """Return whether both are one method, which reports may hold together over sizes and precisions."""
        return all(getattr(self, name) == getattr(other, name) for name in ("name", "weights", "settings", "runtime"))


class Sweep(Checked):
    """What a sweep file says. Every combination of its lists is measured, `repeats` times."""

    _origins: Origins = PrivateAttr(default_factory=dict)

    title: str = Field(description="heading of the reports")
    methods: list[Method] = Field(min_length=1, description="the methods to measure; their keys are below")
    precisions: list[Precision] = Field(["auto"], min_length=1, description="number formats of the networks")
    resolutions_px: list[Annotated[int, Field(ge=1)]] = Field(
        [512], min_length=1, description="long sides of the results"
    )
    workers: list[Annotated[int, Field(ge=1, le=MOST_WORKERS)]] = Field(
        [1], min_length=1, description="numbers of workers"
    )
    scaling: list[Literal["strong", "weak"]] = Field(
        ["strong"],
        min_length=1,
        description="strong: the same images for any number of workers; weak: as many for each",
    )
    cpus_per_actor: float | None = Field(
        None,
        ge=LEAST_SHARE,
        le=MOST_SHARE,
        description="CPUs a worker takes, and its threads; none: an even share of the smallest machine's",
    )
    gpus_per_actor: Annotated[float, Field(ge=0, le=MOST_SHARE)] | Literal["auto"] = Field(
        "auto", description="GPUs a worker takes; 0: none; auto: 1 where machines have them, less where there are fewer"
    )
    content: str | None = Field(None, min_length=1, description="folder of photos; none: scikit-image's own")
    styles: str | None = Field(None, min_length=1, description="folder of artworks; none: the project's own")
    photos_per_type: int | None = Field(
        None, ge=1, description="use at most so many photos of each content type; none: all"
    )
    artworks: int | None = Field(
        None, ge=1, description="use at most so many artworks, spread over the folder; none: all"
    )
    repeats: int = Field(3, ge=1, le=MOST_REPEATS, description="how often each combination is measured")
    mode: Literal["isolated", "throughput"] = Field(
        "isolated", description="isolated: nothing else runs in a worker while an image is measured"
    )
    device: Device = Field("auto", description="auto: the GPU that a worker is given, of any kind, else the CPU")
    seed: int = Field(0, ge=0, description="decides the order of the blocks")
    max_memory: MaxMemory = Field("auto", description="memory that an image may take in a worker; auto: its share")
    timeout_s: float = Field(600, gt=0, description="an image that takes longer is a `timeout` row")
    scores: list[Score] = Field([], description="columns that are measured only where asked for, as in the main job")
    perceptual: str | None = Field(
        None, min_length=1, description="VGG19 weights for the scores distances and cfsd, as there"
    )
    lpips: Lpips = Field("none", description="network of the score lpips, as there")
    claims: bool = Field(
        False, description="whether reports hold common claims about style transfer against these rows"
    )

    _no_two_alike = field_validator("precisions", "resolutions_px", "workers", "scaling", "scores")(_each_once)

    @model_validator(mode="after")
    def _alone_when_isolated(self) -> Sweep:
        if self.mode == "isolated" and max(self.workers) > 1:
            raise ValueError("several workers disturb each other, which isolated mode rules out; set mode: throughput")
        return self

    def called(self, name: str) -> str:
        """Return what a message is to call a setting: as it was given."""
        return str(self._origins.get(name, name))

    @contextlib.contextmanager
    def named(self, variant: str | None = None) -> Iterator[None]:
        """Put the sweep's file, and one of its variants, before what is wrong with them."""
        try:
            yield
        except UsageError as error:
            file = self._origins["title"].file if self._origins else None
            places = [one_line(one) for one in (file, variant) if one]
            raise type(error)(": ".join([*places, str(error)])) from None

    def kinds(self, workers: int) -> list[str]:
        """Return the kinds of scaling to measure so many workers for: with one worker both are the same work."""
        return ["strong"] if workers == 1 and "strong" in self.scaling else list(self.scaling)


@dataclass(frozen=True)
class Variant:
    """One method with everything that is set, for one number of workers."""

    method: Method
    precision: str
    resolution_px: int
    workers: int
    scaling: str = "strong"

    def config(self, sweep: Sweep, out: str, takes: dict[str, Any]) -> JobConfig:
        """Return the main job's settings for it. takes: of them those of what a worker takes. Raises UsageError."""
        return configs.build(
            {
                "content": sweep.content or out, "styles": sweep.styles or out, "out": out,
                "stylizer": self.method.name,
                "weights": self.method.weights, "settings": self.method.settings, "precision": self.precision,
                "runtime": self.method.runtime,
                "resolution_px": self.resolution_px, "seed": 0, "device": sweep.device,
                "actors": self.workers, "max_memory": sweep.max_memory,
                "measure_mode": sweep.mode, "timeout_s": sweep.timeout_s, "warmup_images": int(self.method.warmup),
                "perceptual": sweep.perceptual, **takes, "scores": tuple(sweep.scores),
                **sweep.model_dump(include={"lpips"}, exclude_unset=True),
            }
        )  # fmt: skip

    @property
    def name(self) -> str:
        """Return what tells it from the sweep's others, in rows and messages."""
        each = " each" if self.scaling == "weak" else ""
        return f"{self.method.title()} {self.precision} {self.resolution_px} px x{self.workers}{each}"


@dataclass(frozen=True)
class Block:
    """One repeat of one variant: what runs without another variant in between."""

    variant: Variant
    repeat: int


def variants(sweep: Sweep) -> list[Variant]:
    """Return every combination. Raises UsageError where two would have one name, or two methods one title."""
    combined = []
    titled: dict[str, Method] = {}
    for method in sweep.methods:
        if not method.makes_as(titled.setdefault(method.title(), method)):
            raise UsageError(f"the sweep calls two methods {method.title()!r}; give one of them another label")
        precisions = method.precisions or sweep.precisions
        sides = method.resolutions_px or sweep.resolutions_px
        combined += [
            Variant(method, precision, side, workers, kind)
            for precision, side, workers in itertools.product(precisions, sides, sweep.workers)
            for kind in sweep.kinds(workers)
        ]
    names = Counter(variant.name for variant in combined)
    if twice := next((name for name, number in names.items() if number > 1), None):
        raise UsageError(f"the sweep has {twice!r} twice; give one of the methods another label")
    return combined


def plan(sweep: Sweep) -> list[Block]:
    """Return all blocks in the order they run: repeat after repeat, in each all variants shuffled.

    So a machine that slows down as it gets warm slows all variants alike. Those of one number of workers stay together,
    as every change of it starts workers anew.
    """
    rng, every = random.Random(sweep.seed), variants(sweep)
    ordered = []
    most = max(method.repeats or sweep.repeats for method in sweep.methods)
    for repeat in range(1, most + 1):
        blocks = [Block(v, repeat) for v in every if repeat <= (v.method.repeats or sweep.repeats)]
        rng.shuffle(blocks)
        counts = list(dict.fromkeys(block.variant.workers for block in blocks))
        ordered += sorted(blocks, key=lambda block: counts.index(block.variant.workers))
    return ordered


def tasks(block: Block, pairs: Iterable[Pair], config: JobConfig, weights_sha256: str | None) -> Iterator[Task]:
    """Yield a block's tasks, pairs in the repeat's own order; first one more for each worker, to warm it up."""
    once = _first_of_each_type(list(pairs), block.variant.method.photos)
    random.Random(f"{block.repeat}").shuffle(once)
    variant = block.variant
    ordered = once * (variant.workers if variant.scaling == "weak" else 1)
    warm = list(itertools.islice(itertools.cycle(once), variant.workers if variant.method.warmup else 0))
    for number, pair in enumerate([*warm, *ordered]):
        # Told apart among tasks of one pair: which warm-up, or which time it comes.
        turn = number - len(warm) if number < len(warm) else (number - len(warm)) // len(once)
        what = [config.result_settings(), weights_sha256, variant.name, block.repeat, turn]
        task = make_task(pair, digest_of(what), config.format, variant=variant.name, repeat=block.repeat)
        yield replace(task, warms_up=number < len(warm))


def worth_doing(left: Iterable[Task], again: bool) -> list[Task]:
    """Return what is left of a block; nothing where it would warm up for no image, as of a sweep of fewer photos.

    again: whether tasks with rows are among them, which are done again for their own sake.
    """
    tasks = list(left)
    return tasks if again or not all(task.warms_up for task in tasks) else []


def _first_of_each_type(pairs: list[Pair], photos: int | None) -> list[Pair]:
    """Return pairs of at most so many photos: one of each type before a second of any."""
    if photos is None:
        return pairs
    seen: dict[str | None, list[str]] = {}
    for pair in pairs:
        same = seen.setdefault(pair.content.type, [])
        if pair.content.uri not in same:
            same.append(pair.content.uri)
    ranked = sorted((rank, number, uri) for number, same in enumerate(seen.values()) for rank, uri in enumerate(same))
    kept = {uri for _, _, uri in ranked[:photos]}
    return [pair for pair in pairs if pair.content.uri in kept]


def read(path: Path, changes: dict[str, Any]) -> Sweep:
    """Return a sweep file's sweep with some values changed. Raises UsageError: one line that names what is wrong."""
    if empty := next((name for name, value in changes.items() if not value), None):
        raise UsageError(f"{flag(empty)}: expected a text that is not empty")
    sweep = validated(Sweep, read_mapping(path) | changes, str(path))
    sweep._origins = {name: Origin(name, str(path)) for name in Sweep.model_fields}
    sweep._origins |= {name: Origin(flag(name)) for name in changes}
    return sweep
