"""Which photo meets which artwork: a lazy stream of pairs, and of the tasks made from them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from stylize.config import JobConfig
from stylize.errors import UsageError, counted, one_line
from stylize.io.location import LocalPath, Location, locate
from stylize.io.out_folder import refuse_results
from stylize.shares import parse_shard
from stylize.tasks import manifest, row_settings
from stylize.tasks.left_out import LeftOut
from stylize.tasks.listing import FileKind, files_in, root_of, some_files_in
from stylize.tasks.manifest import LOOK_AHEAD
from stylize.tasks.selection import Selection
from stylize.tasks.task import MISSING, Input, Pair, Task, digest_of, make_task, number_of, settings_of

Numbers = npt.NDArray[np.uint64]
FAULTS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Survey:
    """What a config's inputs come to, before any of it is read."""

    pairs: int
    left_out: Mapping[str, LeftOut] = field(default_factory=dict)
    """What was passed over, by the folder's role: content, styles or results."""
    notes: tuple[str, ...] = ()
    """What the user may not have meant, a line each."""
    noted: tuple[str, ...] = ()
    """Reasons for leaving files out that notes tell of already."""

    def lines(self) -> list[str]:
        """Return what is to be told: notes, and what was left out of each folder."""
        told = {role: one.without(self.noted) for role, one in self.left_out.items()}
        return [*self.notes, *(f"{role.upper()}: {one}" for role, one in told.items() if one.total)]

    def recorded(self) -> dict[str, list[dict[str, str | int]]]:
        """Return what was left out of each folder, as JSON can hold it."""
        return {role: one.as_records() for role, one in self.left_out.items() if one.total}


def pairs(config: JobConfig, style_kind: FileKind = "images") -> Iterator[Pair]:
    """Return the pairs of the config's shard, lazily, those that share a style together.

    `style_kind` is what serves as a style. Raises UsageError for a missing or empty folder and for one that OUT lies
    in; while the pairs are read, for folders of different sizes under `zip` and a bad manifest.
    """
    if config.manifest is not None:
        rows = manifest.read(config.manifest, config.stylizer, role=config.called("manifest"))
        return grouped_by_style(manifest.with_versions(in_shard(rows, config.shard)))
    content, styles = folders(config, style_kind)
    photos, artworks = partial(files_in, content, "images", selected(config)), partial(files_in, styles, style_kind)
    next(some_files_in(content, "images", selected(config)))
    next(some_files_in(styles, style_kind))
    if config.pairing == "zip":
        return in_shard(_zipped(photos(), artworks()), config.shard)
    if config.pairing == "cycle":
        return grouped_by_style(in_shard(map(Pair, photos(), itertools.cycle(artworks())), config.shard))
    if config.pairing == "random":
        drawn = _drawn(photos(), list(artworks()), config.styles_per_photo, config.seed)
        return grouped_by_style(in_shard(drawn, config.shard))
    return in_shard((Pair(c, s) for s in artworks() for c in photos()), config.shard)


def in_shard(stream: Iterator[Pair], shard: str | None) -> Iterator[Pair]:
    """Return the pairs of shard "K/N", or all of them for None. N shards share out all pairs, each to exactly one.

    By a hash of both URIs: neither other files nor a newer version of its own move a pair to another shard.
    """
    if shard is None:
        return stream
    return (pair for pair in stream if is_in_shard(pair.content.uri, pair.style.uri, shard))


def is_in_shard(content_uri: str, style_uri: str, shard: str | None) -> bool:
    """Return whether the pair of these URIs is of that shard, as all are of None."""
    own, shards = parse_shard(shard or "1/1")
    return number_of(content_uri, style_uri) % shards == own - 1


def survey(config: JobConfig, style_kind: FileKind = "images") -> Survey:
    """Count the pairs and what is left out, in one pass over names (a shard's: over pairs). Raises as `pairs` does."""
    if config.manifest is not None:
        return manifest_survey(config, config.manifest, config.stylizer)
    roots, skipped = folders(config, style_kind), {"content": LeftOut(), "styles": LeftOut()}
    selection = selected(config)
    content = sum(1 for _ in some_files_in(roots[0], "images", selection, skipped["content"]))
    styles = sum(1 for _ in some_files_in(roots[1], style_kind, left_out=skipped["styles"]))
    if config.pairing == "zip" and content != styles:
        lengths = f"{config.called('content')} has {content}, {config.called('styles')} has {styles}"
        raise UsageError(f"{config.called('pairing')} zip needs as many photos as artworks: {lengths}")
    if config.shard is not None:
        number = sum(1 for _ in pairs(config, style_kind))
    else:
        each = {"cross": styles, "random": min(config.styles_per_photo, styles)}
        number = content * each.get(config.pairing, 1)
    notes = (*unfitted(config, roots[0], selection), *_notes(config, *roots, style_kind))
    if config.pairing == "random" and styles < config.styles_per_photo:
        notes += (f"STYLES has {counted(styles, 'artwork')} only: each photo meets them all",)
    return Survey(number, skipped, notes)


def manifest_survey(config: JobConfig, uri: str, stylizer: str | None) -> Survey:
    """Count a manifest's pairs and what is wrong with them. stylizer: as `manifest.read` takes it."""
    seen, role = manifest.Seen(), config.called("manifest")
    number, bad, absent = 0, _Faults(), _Faults()
    for pair in in_shard(manifest.read(uri, stylizer, seen, role), config.shard):
        number += 1
        if problem := pair.problem:
            bad.add(problem.removeprefix(f"{one_line(uri)}: "))
        elif missing := next((one.uri for one in pair.inputs if one.identity == MISSING), None):
            absent.add(one_line(missing))
    manifest.refuse_impossible(uri, config.stylizer, seen, role)
    notes = []
    if names := ", ".join(map(one_line, seen.unused)):
        notes.append(f"manifest: column{'s' * (len(seen.unused) > 1)} not used: {names}")
    vain = {name: why for name in seen.asked if (why := row_settings.idle(config.stylizer, name))}
    notes += [f"manifest: {name} changes nothing: {why}" for name, why in vain.items()]
    if own := ", ".join(name for name in seen.asked if name not in vain):
        notes.append(f"manifest: rows have their own {own}")
    notes += bad.lines("cannot be used (row 1 is below the header)")
    notes += absent.lines("with a file that is not there")
    if any("|" in uri for uri in absent.first):
        notes.append("manifest: several artworks of one row go into the column style_uris")
    return Survey(number, notes=tuple(notes))


@dataclass
class _Faults:
    """How many rows of a manifest have a fault, and the first of these, each once."""

    number: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, fault: str) -> None:
        self.number += 1
        if len(self.first) < FAULTS_SHOWN and fault not in self.first:
            self.first.append(fault)

    def lines(self, what: str) -> list[str]:
        if not self.number:
            return []
        head = f"manifest: {counted(self.number, 'row')} {what}:"
        if len(self.first) == 1:
            return [f"{head} {self.first[0]}"]
        return [f"{head[:-1]}, such as:", *(f"  {fault}" for fault in self.first)]


def _notes(config: JobConfig, content: Location, styles: Location, style_kind: FileKind) -> tuple[str, ...]:
    if style_kind != "images" or content == styles or not styles.is_inside(content):
        return ()
    photos = files_in(content, "images", selected(config))
    if not any(f"{photo.uri}/".startswith(f"{styles}/") for photo in photos):
        return ()
    below = str(styles).removeprefix(str(content)).strip("/")
    return (f"STYLES lies in CONTENT: artworks are restyled as photos too; --exclude '{below}/**' leaves them out",)


def unfitted(config: JobConfig, content: Location, selection: Selection) -> list[str]:
    """Return a line on those globs of an option that fitted no file of CONTENT, once that was listed."""
    single = isinstance(content, LocalPath) and content.path.is_file()
    why = "changes nothing, as {} is a single file" if single else "fits no file of {}"
    told = []
    for name, globs in selection.unfitted.items():
        listed = ", ".join(one_line(glob) for glob in getattr(config, name) if glob in globs)
        if listed:
            told.append(f"{config.called(name)} {listed} {why.format(config.called('content'))}")
    return told


def selected(config: JobConfig) -> Selection:
    """Return which photos are wanted."""
    return Selection(config.include, config.exclude)


def folders(config: JobConfig, style_kind: FileKind = "images") -> tuple[Location, Location]:
    """Return CONTENT and STYLES. Raises UsageError for what is none, and for one that OUT lies in."""
    content, styles = (root_of(getattr(config, name), config.called(name)) for name in ("content", "styles"))
    for root, role in ((content, config.called("content")), (styles, config.called("styles"))):
        refuse_out_inside(root, role, config.out, config.called("out"))
        refuse_results(root, role, of_checkpoints=root is styles and style_kind == "checkpoints")
    return content, styles


def refuse_out_inside(root: Location, role: str, out: str, out_role: str = "OUT") -> None:
    """Raise UsageError where OUT lies in an input folder."""
    if locate(out).is_inside(root):
        raise UsageError(f"{out_role} lies in {role}, so results would be taken for inputs; give one outside of it")


def _zipped(photos: Iterator[Input], artworks: Iterator[Input]) -> Iterator[Pair]:
    for c, s in itertools.zip_longest(photos, artworks):
        if c is None or s is None:
            raise UsageError(f"zip needs as many photos as artworks: there are fewer {'photos' if s else 'artworks'}")
        yield Pair(c, s)


def _drawn(photos: Iterator[Input], artworks: list[Input], number: int, seed: int) -> Iterator[Pair]:
    """Yield each photo with those `number` artworks that rank highest for it, by a hash of both URIs and the seed.

    So a photo's pairs depend on no other photo, and a new artwork takes the place of one at most.
    """
    own = np.array([number_of(artwork.uri) for artwork in artworks], np.uint64)
    for photo in photos:
        ranks = _mixed(own ^ np.uint64(number_of(str(seed), photo.uri)))
        for index in sorted(np.argsort(ranks)[-number:].tolist()):
            yield Pair(photo, artworks[index])


def _mixed(numbers: Numbers) -> Numbers:
    """Return 64-bit numbers of which each bit depends on all bits of those given (Steele et al. 2014, SplitMix64)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def grouped_by_style(stream: Iterator[Pair]) -> Iterator[Pair]:
    """Return the same pairs, reordered in each LOOK_AHEAD of them so that those of one style follow each other.

    Among those, pairs with the same settings of their own do, as they may share a call of the method.
    """
    while chunk := list(itertools.islice(stream, LOOK_AHEAD)):
        by_style: dict[Any, dict[Any, list[Pair]]] = {}
        for pair in chunk:
            alike = by_style.setdefault((pair.style.uri, pair.others, pair.shares), {})
            alike.setdefault(pair.own, []).append(pair)
        for alike in by_style.values():
            yield from itertools.chain.from_iterable(alike.values())


def tasks(
    stream: Iterable[Pair],
    settings: dict[str, Any],
    weights_sha256: str | None,
    suffix: str,
    name: Callable[[Pair, str], str] | None = None,
) -> Iterator[Task]:
    """Return a task for each pair. `settings` and weights are part of its key, `suffix` is its image's format.

    What a pair says of itself counts in place of a run's `settings`. name: as in `make_task`.
    """
    shared = digest_of([settings, weights_sha256])
    for pair in stream:
        own = pair.own or pair.shares
        digest = digest_of([settings_of(settings, pair.own, pair.shares), weights_sha256]) if own else shared
        yield make_task(pair, digest, suffix, name=name)
