"""YAML that nobody vouches for: read in bounded time and memory, or refused in one line."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.errors import UsageError, message_of
from stylize.packed import packed

if TYPE_CHECKING:
    from yaml.nodes import Node

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_DIGITS = 100
MAX_NODES = 10_000
"""With each alias counted as all that it stands for: ten lines of aliases of aliases are a thousand million nodes."""
_READ_OTHERWISE = re.compile(r"(?i)yes|no|on|off|.*:.*|[-+]?0[\d_]+")
"""What YAML 1.1 reads as other than it looks, and YAML 1.2 does not: 10:24 in base 60, 0512 in base 8, off as false."""
_COMMENT = re.compile(r"(^|\s)#")
_EXPONENT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+\Z")
"""A number that YAML 1.1 takes for a text where its point or the exponent's sign is left out, and YAML 1.2 does not."""


def read_mapping(path: Path) -> dict[str, Any]:
    """Return a YAML file's mapping; an empty file gives an empty one.

    Raises UsageError for a missing file, bad YAML, tags, anything but a mapping, and more than MAX_BYTES, MAX_DEPTH,
    MAX_NODES or MAX_DIGITS.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise UsageError(f"{path}: over {MAX_BYTES} bytes, which no settings need")
        if against := packed(data):
            raise UsageError(f"{path}: {against}")
        loaded = parse(data.decode("utf-8-sig"), str(path))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not YAML: the text is not UTF-8") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        got = "a list" if isinstance(loaded, list) else "a text" if isinstance(loaded, str) else "a number or the like"
        raise UsageError(f"{path}: expected `name: value` lines, got {got}")
    return loaded


def parse(text: str, where: str) -> Any:
    """Return what a text says in YAML. Raises UsageError, which begins with `where`, as `read_mapping` does."""
    import yaml

    try:
        _check(text, where)
        return yaml.load(text, Loader=_loader())
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"{where}: not YAML: {message_of(error)}") from None


def parse_word(text: str) -> Any:
    """Return what a value on a command line says in YAML; a text that only looks like YAML stays one.

    Nobody comments on a value there: #ff0000 would be none, and nothing but null and ~ is.
    """
    try:
        value = parse(text, "")
    except UsageError:
        return text
    is_text = value is None and text.strip().casefold() not in ("null", "~")
    return text if is_text or (_COMMENT.search(text) and text.lstrip()[0] not in "'\"[{") else value


def dump(values: dict[str, Any]) -> str:
    """Return a mapping in YAML that `read_mapping` reads as it is."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    _know_exponents(Dumper)
    return str(yaml.dump(values, Dumper=Dumper, sort_keys=False, allow_unicode=True))


def _know_exponents(resolver: Any) -> None:
    resolver.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, [*"-+.0123456789"])


@functools.cache
def _loader() -> Any:
    """Return YAML's safe loader, but one that leaves texts what they are: a setting's own type says what they mean."""
    import yaml

    class Loader(yaml.SafeLoader):
        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            tag = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
            if kind is not yaml.ScalarNode or not implicit[0]:
                return tag
            read = str(tag).rpartition(":")[2]
            other = read in ("bool", "int", "float") and _READ_OTHERWISE.fullmatch(value)
            return self.DEFAULT_SCALAR_TAG if other or read in ("timestamp", "value") else tag

    _know_exponents(Loader)
    return Loader


def _check(text: str, where: str) -> None:
    """Raise UsageError for more depth or nodes than allowed, before anything is built of them."""
    import yaml

    depth, nodes = 0, 0.0
    # The parser keeps its own stack; what builds nodes calls itself, so depth is looked at first.
    for event in yaml.parse(text, Loader=_loader()):
        nodes += isinstance(event, yaml.NodeEvent)
        if tag := getattr(event, "tag", None):  # what makes values of known tags crashes on what they do not fit
            raise ValueError(f"tags such as {tag} are not read")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            break
    else:
        root = yaml.compose(text, Loader=_loader())
        nodes = 0.0 if root is None else _size(root, {})
    if depth > MAX_DEPTH:
        raise UsageError(f"{where}: nested more than {MAX_DEPTH} deep, which no settings need")
    if nodes > MAX_NODES:
        raise UsageError(f"{where}: more than {MAX_NODES} values with its aliases written out, which no settings need")


def _size(node: Node, known: dict[int, float]) -> float:
    """Return how many nodes this is with its aliases written out; infinite where one holds itself."""
    import yaml

    if id(node) not in known:
        known[id(node)] = float("inf")
        inside: list[Node] = []
        if isinstance(node, yaml.MappingNode):
            inside = [one for pair in node.value for one in pair]
            _refuse_twice([name for name, _ in node.value if isinstance(name, yaml.ScalarNode)])
        elif isinstance(node, yaml.SequenceNode):
            inside = node.value
        elif node.tag.endswith(":int") and len(node.value) > MAX_DIGITS:
            raise ValueError(f"a number of {len(node.value)} digits")
        known[id(node)] = 1 + sum(_size(one, known) for one in inside)
    return known[id(node)]


def _refuse_twice(names: list[Any]) -> None:
    """Raise ValueError for a name that a mapping has twice, of which YAML would take the last."""
    known: dict[tuple[str, str], Any] = {}
    for name in names:
        if (first := known.setdefault((name.tag, name.value), name)) is not name:
            where = [one.start_mark.line + 1 for one in (first, name)]
            raise ValueError(f"{name.value!r} stands twice, in lines {where[0]} and {where[1]}")
