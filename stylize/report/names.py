"""What photos, artworks and runs are called in reports: no longer than it takes to tell each from all others."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath


def distinct(uris: Iterable[str]) -> dict[str, str]:
    """Return a name for each path or URI: the file's without suffix, where another has the same one as much more of
    the path as tells them apart.

    `day/IMG_0001` and `night/IMG_0001`, `IMG_0001.jpg` and `IMG_0001.png`.
    """
    groups = defaultdict(list)
    for uri in dict.fromkeys(uris):
        groups[_path(uri).stem].append(uri)
    named = {uri: name for group in groups.values() for uri, name in zip(group, _apart(group), strict=True)}
    taken = defaultdict(list)
    for uri, name in named.items():
        taken[name].append(uri)
    return {uri: name if len(taken[name]) == 1 else uri for uri, name in named.items()}


def run_names(outs: Sequence[Path]) -> list[str]:
    """Return the names of runs' folders, with their parents' where two are called the same."""
    names = [out.name for out in outs]
    if len(set(names)) == len(names):
        return names
    names = [f"{out.parent.name}/{out.name}" for out in outs]
    return names if len(set(names)) == len(names) else [f"{name} ({n})" for n, name in enumerate(names, 1)]


def _path(uri: str) -> PurePosixPath:
    """Return the path in a URI of files, or what stands behind `://` in another."""
    scheme, colon, rest = uri.partition("://")
    return PurePosixPath(rest if colon else scheme)


def _apart(uris: list[str]) -> list[str]:
    paths = [_path(uri) for uri in uris]
    if len(paths) == 1:
        return [paths[0].stem]
    depths = range(1, max(len(path.parts) for path in paths) + 1)
    ends = [path.stem for path in paths], [path.name for path in paths]
    # A folder tells more than the case of a suffix, by which cameras and programs differ.
    for any_case, depth, end in itertools.product((True, False), depths, ends):
        names = [
            str(PurePosixPath(*path.parts[:-1][max(0, len(path.parts) - depth) :], name))
            for path, name in zip(paths, end, strict=True)
        ]
        if len({name.casefold() if any_case else name for name in names}) == len(names):
            return names
    return uris
