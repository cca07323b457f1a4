"""Reading foreign JSON strictly: one canonical text, named types, bounded size, no surprises.

Rules:
    * Bytes must be the canonical form of what they mean: no second spelling, no duplicate key, no blank.
    * Every field is asked for by name and type; an unexpected field is an error, not ignored.
    * Big numbers are decimal strings; floats do not exist.

Example:
    fields = Fields(parse_canonical(raw, MAX_BYTES, "keystore"), "keystore")
    fields.only("format", "salt"); salt = fields.raw("salt")
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from custody.primitives.encoding import canonical_json
from custody.primitives.errors import InvalidInput, MalformedPayload

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_HEX = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII)


def parse_canonical(raw: bytes, max_bytes: int, what: str) -> Mapping[str, object]:
    """Parse an object whose bytes are exactly their own canonical form.

    Args:
        raw: The bytes.
        max_bytes: Longest allowed.
        what: Names the thing in messages.

    Raises:
        MalformedPayload: Too long, not JSON, not an object, or another spelling than the canonical one.
    """
    if len(raw) > max_bytes:
        raise MalformedPayload(f"{what}: {len(raw)} bytes, at most {max_bytes}")
    try:
        value = json.loads(raw)
        canonical = canonical_json(value)
    except (ValueError, RecursionError, InvalidInput):
        # No cause attached: its text would repeat bytes of a file that may hold secrets.
        raise MalformedPayload(f"{what}: not canonical JSON") from None
    if canonical != raw or not isinstance(value, dict):
        raise MalformedPayload(f"{what}: not a JSON object in canonical form")
    return value


def parse_plain(raw: bytes, max_bytes: int, what: str) -> Mapping[str, object]:
    """Parse an object that people edit: any layout, but no duplicate key and no float.

    Raises:
        MalformedPayload: Too long, not JSON, not an object, a key twice, or a value without canonical form.
    """
    if len(raw) > max_bytes:
        raise MalformedPayload(f"{what}: {len(raw)} bytes, at most {max_bytes}")
    try:
        value = json.loads(raw, object_pairs_hook=_no_duplicates)
        canonical_json(value)
    except (ValueError, RecursionError, InvalidInput) as error:
        raise MalformedPayload(f"{what}: {error}") from error
    if not isinstance(value, dict):
        raise MalformedPayload(f"{what}: not a JSON object")
    return value


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


@dataclass(frozen=True, slots=True)
class Fields:
    """Typed access to one JSON object; every getter raises MalformedPayload naming the field."""

    values: Mapping[str, object]
    where: str

    def only(self, *names: str) -> None:
        """Refuse fields besides these; missing ones are refused by their getter."""
        unknown = sorted(set(self.values) - set(names))
        if unknown:
            raise MalformedPayload(f"{self.where}: unexpected field {unknown[0]!r}")

    def text(self, name: str) -> str:
        """A string."""
        value = self.values.get(name)
        if not isinstance(value, str):
            raise self._wrong(name, "text")
        return value

    def integer(self, name: str) -> int:
        """A whole number below 2**53."""
        value = self.values.get(name)
        if type(value) is not int:
            raise self._wrong(name, "a whole number")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self.values.get(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def units(self, name: str) -> int:
        """A whole number >= 0 of any size, written as a decimal string of at most 78 digits."""
        value = self.text(name)
        if not _DECIMAL.fullmatch(value):
            raise self._wrong(name, "a decimal string")
        return int(value)

    def raw(self, name: str) -> bytes:
        """Bytes, written as lower-case hex."""
        value = self.text(name)
        if not _HEX.fullmatch(value):
            raise self._wrong(name, "lower-case hex")
        return bytes.fromhex(value)

    def fields(self, name: str) -> Fields:
        """An object."""
        value = self.values.get(name)
        if not isinstance(value, Mapping):
            raise self._wrong(name, "an object")
        return Fields(value, f"{self.where}.{name}")

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        items = self._items(name)
        if not all(isinstance(item, str) for item in items):
            raise self._wrong(name, "a list of texts")
        return tuple(str(item) for item in items)

    def each(self, name: str, max_items: int) -> tuple[Fields, ...]:
        """A list of at most `max_items` objects."""
        items = self._items(name)
        if len(items) > max_items:
            raise MalformedPayload(f"{self.where}.{name}: {len(items)} items, at most {max_items}")
        objects = tuple(Fields(item, f"{self.where}.{name}[]") for item in items if isinstance(item, Mapping))
        if len(objects) != len(items):
            raise self._wrong(name, "a list of objects")
        return objects

    def _items(self, name: str) -> Sequence[object]:
        value = self.values.get(name)
        if not isinstance(value, list | tuple):
            raise self._wrong(name, "a list")
        return value

    def _wrong(self, name: str, expected: str) -> MalformedPayload:
        return MalformedPayload(f"{self.where}: field {name!r} is missing or not {expected}")
