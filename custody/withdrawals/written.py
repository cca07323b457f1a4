"""Files that people write, YAML or JSON: read strictly, and every field knows its line.

Rules:
    * A key that stands twice is refused: which of the two counts would depend on their order (attack D12).
    * Whole numbers are plain decimal: 010 and 0x10 mean other numbers than they look like. A number with a point is
      refused by whoever asks for a whole one.
    * No aliases, no tags: what stands in the file is what is meant, and a small file stays small.
    * Fields are taken out one by one; what is left over is a fault.

Example:
    written = read_written(Path("policy.yaml"), InvalidPolicy)
    fields = Fields(written.value, "", InvalidPolicy)
    written.at("rules[0].match")  # "policy.yaml:14: rules[0].match"
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import yaml

from custody.primitives.errors import InvalidInput

MAX_FILE_BYTES = 1 << 20
"""One mebibyte: room for some thousand rules."""
MAX_DEPTH = 12
_PLAIN = re.compile(r"-?(0|[1-9][0-9_]*)", re.ASCII)
_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "bool", "null", "float"))
_DATE = "tag:yaml.org,2002:timestamp"

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Written:
    """What a file says.

    Attributes:
        name: Of the file.
        value: Plain values: mappings, lists, text, whole numbers, dates, true and false.
        lines: Path of a field -> its line, from 1.
    """

    name: str
    value: object
    lines: Mapping[str, int]

    def at(self, path: str) -> str:
        """Name a place for people: file, line of the field or of the nearest one around it, path."""
        return f"{self.name}:{self.line(path)}: {path}" if path else self.name

    def line(self, path: str) -> int:
        """Return the line of a field, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, 1)

    def placed(self, read: Callable[[], T]) -> T:
        """Read with `Fields`; what is wrong with a field is told with its line.

        Raises:
            InvalidInput: As `read` does.
        """
        try:
            return read()
        except InvalidInput as error:
            place = error.facts.get("field")
            if not isinstance(place, str):
                raise
            raise type(error)(f"{self.at(place)}: {error.message.removeprefix(f'{place}: ')}", field=place) from error


def read_written(path: Path, kind: type[InvalidInput]) -> Written:
    """Read a file.

    Raises:
        InvalidInput: As `kind`: not readable, too long, not YAML, or with what the rules above refuse.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise kind(f"{path.name}: {error.strerror or 'cannot be read'}") from error
    return read_text(raw, path.name, kind)


def read_text(raw: bytes, name: str, kind: type[InvalidInput]) -> Written:
    """As `read_written`, of bytes at hand."""
    if len(raw) > MAX_FILE_BYTES:
        raise kind(f"{name}: longer than {MAX_FILE_BYTES} bytes")
    try:
        loader = yaml.SafeLoader(raw)
        try:
            reader = _Reader(loader, name, kind)
            node = loader.get_single_node()
            return Written(name, None if node is None else reader.value(node, "", 0), reader.lines)
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise kind(f"{name}: {' '.join(str(error).split())}") from error


class _Reader:
    """Makes plain values of YAML nodes and notes their lines."""

    def __init__(self, loader: yaml.SafeLoader, name: str, kind: type[InvalidInput]) -> None:
        self._loader, self._name, self._kind = loader, name, kind
        self._seen: set[int] = set()
        self.lines: dict[str, int] = {}

    def value(self, node: yaml.Node, path: str, depth: int) -> object:
        self.lines[path] = node.start_mark.line + 1
        if id(node) in self._seen:
            raise self._wrong(path, "an alias; write it out")
        self._seen.add(id(node))
        if depth > MAX_DEPTH:
            raise self._wrong(path, f"nested deeper than {MAX_DEPTH}")
        if node.tag not in _TAGS and node.tag != _DATE:
            raise self._wrong(path, f"the tag {node.tag} means nothing here")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(node.value)]
        if node.tag.endswith(":int") and _PLAIN.fullmatch(node.value) is None:
            raise self._wrong(path, f"{node.value!r}: write a plain decimal number")
        return self._loader.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, path: str, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, item in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) and key.tag.endswith((":str", ":int")) else None
            if name is None:
                raise self._wrong(path, f"a key on line {key.start_mark.line + 1} is not text")
            inside = f"{path}.{name}" if path else name
            if name in found:
                self.lines[inside] = key.start_mark.line + 1
                raise self._wrong(inside, "stands twice; which one counts must not depend on their order")
            found[name] = self.value(item, inside, depth + 1)
            self.lines[inside] = key.start_mark.line + 1
        return found

    def _wrong(self, path: str, what: str) -> InvalidInput:
        return self._kind(f"{Written(self._name, None, self.lines).at(path)}: {what}")


class Fields:
    """The fields of one mapping, taken out one by one; what is left over is a fault."""

    def __init__(self, source: object, where: str, kind: type[InvalidInput]) -> None:
        self.where, self._kind = where, kind
        if not isinstance(source, Mapping) or not all(isinstance(key, str) for key in source):
            raise self.wrong("", "a mapping with text keys is needed")
        self._left = dict(source)

    def wrong(self, name: str, what: str) -> InvalidInput:
        """Return the error for a field; `field` among its facts is the path."""
        path = ".".join(part for part in (self.where, name) if part)
        return self._kind(f"{path}: {what}" if path else what, field=path)

    def has(self, name: str) -> bool:
        """Tell whether a field is given and not taken yet."""
        return name in self._left

    def left(self) -> tuple[str, ...]:
        """Names of the fields that were not taken yet."""
        return tuple(self._left)

    def optional(self, name: str, default: object) -> object:
        """Any value."""
        return self._left.pop(name, default)

    def text(self, name: str, default: str | None = None) -> str:
        """Text; not empty where there is no default."""
        value = self._left.pop(name, default)
        if not isinstance(value, str) or not (value or default is not None):
            raise self.wrong(name, "must be text")
        return value

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number."""
        value = self._left.pop(name, default)
        if type(value) is not int:  # neither true nor 1.0 is a whole number
            raise self.wrong(name, "must be a whole number")
        return value

    def whole_or_none(self, name: str) -> int | None:
        """A whole number, or None where it is missing."""
        return self.whole(name) if name in self._left else None

    def midnight(self, name: str) -> int:
        """A day, YYYY-MM-DD, as its first second since 1970 UTC."""
        value = self._left.pop(name, None)
        try:
            day = date.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            day = None
        if not isinstance(day, date) or isinstance(day, datetime):
            raise self.wrong(name, "must be a day, YYYY-MM-DD; it begins at midnight UTC")
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())

    def midnight_or_none(self, name: str) -> int | None:
        """A day, or None where it is missing."""
        return self.midnight(name) if name in self._left else None

    def whole_by_name(self, name: str) -> dict[str, int]:
        """A mapping from names to whole numbers."""
        inner = self.fields(name)
        return {key: inner.whole(key) for key in inner.left()}

    def fields(self, name: str, default: object = None) -> Fields:
        """A mapping."""
        return Fields(self._left.pop(name, default), f"{self.where}.{name}" if self.where else name, self._kind)

    def items(self, name: str, default: list[object] | None = None) -> list[object]:
        """A list."""
        value = self._left.pop(name, default)
        if not isinstance(value, list):
            raise self.wrong(name, "must be a list")
        return value

    def each(self, name: str) -> list[Fields]:
        """A list of mappings; none where it is missing."""
        place = f"{self.where}.{name}" if self.where else name
        return [Fields(item, f"{place}[{index}]", self._kind) for index, item in enumerate(self.items(name, []))]

    def names(self, name: str) -> frozenset[str] | None:
        """A list of text, or None where it is missing."""
        if name not in self._left:
            return None
        values = self.items(name)
        if not all(isinstance(value, str) for value in values):
            raise self.wrong(name, "must be a list of text")
        if len(set(map(str, values))) != len(values):
            raise self.wrong(name, "names something twice")
        return frozenset(map(str, values))

    def member(self, name: str, kind: type[E], default: E | None = None) -> E:
        """One word of an enumeration."""
        text = self.text(name, default)
        try:
            return kind(text)
        except ValueError:
            raise self.wrong(name, f"{text!r} is none of {', '.join(kind)}") from None

    def members(self, name: str, kind: type[E]) -> frozenset[E] | None:
        """Words of an enumeration, or None where they are missing."""
        names = self.names(name)
        unknown = sorted((names or set()) - set(kind))
        if unknown:
            raise self.wrong(name, f"{unknown[0]!r} is none of {', '.join(kind)}")
        return None if names is None else frozenset(map(kind, names))

    def require_empty(self) -> None:
        """Refuse what was not asked for."""
        if self._left:
            raise self.wrong(min(self._left), "unknown; a typing error never widens a rule")
