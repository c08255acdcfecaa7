"""Pictures that were made elsewhere, matched by their names with the photos and artworks that they are of."""

from __future__ import annotations

import itertools
import string
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from stylize import images, naming
from stylize.errors import UsageError, counted, one_line
from stylize.tasks.left_out import LeftOut
from stylize.tasks.task import Input, Pair

FIELDS = ("photo", "style")
AMBIGUOUS, UNMATCHED = "fits several photos or artworks", "fits no photo and artwork"


@dataclass(frozen=True)
class Pattern:
    """How results are called: text around {photo} and {style}, with folders or without; suffixes do not count."""

    text: str
    literals: tuple[str, ...]
    fields: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Pattern:
        """Return the pattern of a text such as {photo}_stylized_{style}. Raises UsageError."""
        stem, dot, suffix = text.rpartition(".")
        bare = stem if dot and f".{suffix.lower()}" in images.SUFFIXES else text
        try:
            parts = list(string.Formatter().parse(bare))
        except ValueError as error:
            raise UsageError(f"{error}; write such as {{photo}}_stylized_{{style}}") from None
        fields = tuple(name for _, name, _, _ in parts if name is not None)
        plain = all(not spec and not change for _, _, spec, change in parts)
        if "photo" not in fields or set(fields) - set(FIELDS) or len(set(fields)) < len(fields) or not plain:
            raise UsageError("give {photo} and {style}, each once, with what stands around them in the results' names")
        literals = [literal for literal, _, _, _ in parts]
        if parts[-1][1] is not None:
            literals.append("")
        if not all(literals[1:-1]):
            raise UsageError("give something between {photo} and {style}: nothing tells where one ends")
        return cls(text, tuple(map(naming.same_file, literals)), fields)

    def readings(self, path: str) -> Iterator[dict[str, str]]:
        """Yield each way to read a result's path without suffix as values of the fields."""
        name = path if any("/" in literal for literal in self.literals) else path.rpartition("/")[2]
        first, last = self.literals[0], self.literals[-1]
        if not name.startswith(first) or not name.endswith(last) or len(name) <= len(first) + len(last):
            return
        inner = name[len(first) : len(name) - len(last)]
        if len(self.fields) == 1:
            yield {self.fields[0]: inner}
            return
        between = self.literals[1]
        at = inner.find(between, 1)
        while 0 < at < len(inner) - len(between):
            yield dict(zip(self.fields, (inner[:at], inner[at + len(between) :]), strict=True))
            at = inner.find(between, at + 1)


class Names:
    """The photos or the artworks by what results may call them: their name, with folders, suffix or neither.

    wanted: URIs of those whose results are wanted, None for all. The others are known by their names all the same: a
    result of theirs is not another one's.
    """

    def __init__(self, inputs: Iterable[Input], root: str | None, wanted: Collection[str] | None = None) -> None:
        self.inputs = list(inputs)
        self.wanted = [index for index, one in enumerate(self.inputs) if wanted is None or one.uri in wanted]
        """Numbers of those whose results are wanted."""
        self._by_last: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        for index, one in enumerate(self.inputs):
            plain = naming.name_below(one.uri, root)
            suffix = one.uri.rpartition("/")[2].rpartition(".")[2]
            # Our own results have other characters replaced.
            for form in {naming.same_file(f) for f in (plain, f"{plain}.{suffix}", naming.mirrored(one.uri, root))}:
                parts = tuple(form.split("/"))
                self._by_last.setdefault(parts[-1], []).append((parts, index))

    @property
    def parts(self) -> set[str]:
        """Return what their names and folders may be called."""
        return {part for listed in self._by_last.values() for parts, _ in listed for part in parts}

    def candidates(self, value: str, folders: set[str]) -> dict[int, int]:
        """Return inputs that a value may mean, by number, each with how many parts of its path agree.

        folders: those that the result lies in, of which any may be the input's own.
        """
        given = value.split("/")
        found: dict[int, int] = {}
        for parts, index in self._by_last.get(given[-1], ()):
            both = zip(parts[::-1], given[::-1], strict=False)
            common = sum(1 for _ in itertools.takewhile(lambda two: two[0] == two[1], both))
            # A folder that both have counts wherever it stands in the result's path.
            found[index] = max(found.get(index, 0), common, 1 + len(set(parts[:-1]) & folders))
        return found


class _Fit(NamedTuple):
    """A result of a pair: how many parts of its path agree with both's, and with the photo's alone; its folders."""

    agreeing: int
    with_photo: int
    result: Input
    folders: frozenset[str]


@dataclass
class Matched:
    """`pairs` have a result each, those of one artwork together. What fits none or several, and what lacks a result."""

    left_out: LeftOut
    pairs: list[Pair] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    missing: int = 0
    first_missing: str = ""

    def notes(self) -> list[str]:
        """Return a line each on results that fit several pairs or none, and on pairs without a result."""
        lines = []
        if self.ambiguous:
            lines.append(
                f"{_told(self.ambiguous, AMBIGUOUS, 'fit several photos or artworks')}: put "
                "results into folders called like those of PHOTOS or ARTWORKS, or list them in a --manifest"
            )
        if self.unmatched:
            lines.append(_told(self.unmatched, UNMATCHED, "fit no photo and artwork"))
        if self.missing:
            has = counted(self.missing, "pair has no result and gets", "pairs have no result and get")
            lines.append(f"{has} no row, the first: {self.first_missing}")
        return lines


def _told(named: list[str], one: str, several: str) -> str:
    first = ", the first" if len(named) > 1 else ""
    return f"{counted(len(named), f'result {one}', f'results {several}')}{first}: {named[0]}"


def matched(
    pattern: Pattern, photos: Names, artworks: Names, results: Iterable[Input], root: str, left_out: LeftOut
) -> Matched:
    """Return which photo and artwork each result is of. root: what results lie below. left_out: what was passed over
    as they were listed, to which those that are of none are added.

    A pattern without {style} is for a single artwork. Raises UsageError for one with several.
    """
    if "style" not in pattern.fields and len(artworks.inputs) != 1:
        raise UsageError(f"the pattern has no {{style}}, and there are several artworks ({len(artworks.inputs)})")
    matches, wanted = Matched(left_out), set(photos.wanted)
    by_pair: dict[tuple[int, int], list[_Fit]] = {}
    for result in results:
        path = naming.same_file(naming.name_below(result.uri, root))
        fitting = _best(pattern, photos, artworks, path)
        best = [pair for pair in fitting if pair[0] in wanted]
        if len(best) == 1:
            by_pair.setdefault(best[0], []).append(_Fit(*fitting[best[0]], result, frozenset(path.split("/")[:-1])))
        elif best:
            both = " and ".join(
                f"{one_line(photos.inputs[p].uri)} x {one_line(artworks.inputs[a].uri)}" for p, a in best[:2]
            )
            matches.left_out.add_file(result.uri, AMBIGUOUS)
            matches.ambiguous.append(f"{one_line(result.uri)} fits {both}")
        elif fitting:
            matches.left_out.add_file(result.uri, "of a photo that is left out")
        else:
            matches.left_out.add_file(result.uri, UNMATCHED)
            matches.unmatched.append(one_line(result.uri))
    chosen = _chosen(by_pair, artworks, matches)
    for (photo, artwork), result in sorted(chosen.items(), key=lambda item: item[0][::-1]):
        matches.pairs.append(Pair(photos.inputs[photo], artworks.inputs[artwork], result=result))
    matches.missing = len(wanted) * len(artworks.inputs) - len(chosen)
    if matches.missing:
        every = itertools.product(photos.wanted, range(len(artworks.inputs)))
        photo, artwork = next(pair for pair in every if pair not in chosen)
        matches.first_missing = f"{one_line(photos.inputs[photo].uri)} x {one_line(artworks.inputs[artwork].uri)}"
    return matches


def _chosen(
    by_pair: dict[tuple[int, int], list[_Fit]], artworks: Names, matches: Matched
) -> dict[tuple[int, int], Input]:
    """Return the one result of each pair; the others are counted as left out, and named where no other is taken.

    Of several it is the first of those that agree in most of their path: the others may be of photos that are gone.
    """
    best = {pair: max(found, key=lambda fit: fit.agreeing) for pair, found in by_pair.items()}
    for pair, found in by_pair.items():
        for fit in found:
            if fit is not best[pair]:
                matches.left_out.add_file(fit.result.uri, "a second result of its photo and artwork")
    strays = _strays(best, artworks)
    for pair in strays:
        matches.left_out.add_file(best[pair].result.uri, UNMATCHED)
        matches.unmatched.append(f"{one_line(best[pair].result.uri)}, whose folder is another than its photo's")
    return {pair: fit.result for pair, fit in best.items() if pair not in strays}


def _strays(best: dict[tuple[int, int], _Fit], artworks: Names) -> set[tuple[int, int]]:
    """Return the pairs whose result is theirs by its name alone and lies in a folder of neither photo nor artwork.

    Where other results lie in their photos' folders, it may be of a photo that is gone. A folder that all results lie
    in says nothing.
    """
    if all(fit.with_photo == 1 for fit in best.values()):
        return set()
    of_none = artworks.parts.union(frozenset.intersection(*(fit.folders for fit in best.values())))
    return {pair for pair, fit in best.items() if fit.with_photo == 1 and fit.folders - of_none}


def _best(pattern: Pattern, photos: Names, artworks: Names, path: str) -> dict[tuple[int, int], tuple[int, int]]:
    """Return the pairs, by number, that a result's path without suffix fits best, each with what a _Fit says of it.

    They are several where it fits them equally well.
    """
    folders = set(path.split("/")[:-1])
    agreeing: dict[tuple[int, int], tuple[int, int]] = {}
    for values in pattern.readings(path):
        styles = artworks.candidates(values["style"], folders) if "style" in values else {0: 0}
        for (photo, one), (style, other) in itertools.product(
            photos.candidates(values["photo"], folders).items(), styles.items()
        ):
            agreeing[photo, style] = max(agreeing.get((photo, style), (0, 0)), (one + other, one))
    most = max((both for both, _ in agreeing.values()), default=0)
    return {pair: agree for pair, agree in sorted(agreeing.items()) if agree[0] == most}
