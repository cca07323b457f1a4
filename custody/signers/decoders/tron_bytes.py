"""Reading protocol-buffer bytes strictly: every message has one encoding, and nothing is left over.

Rules:
    * Fields ascend, stand once, and are neither zero nor empty; numbers are in their shortest form. What two
      readers could understand differently is not signed.
    * Whoever reads a message names its fields; a field that was not named is refused.
    * Nothing here is shared with the code that builds transactions.

Example:
    Message.read(raw, "raw_data", numbers={8, 14, 18}, blobs={1, 4, 11}).number(8)

Spec: protocol buffers encoding, proto3.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise

import base58

from custody.primitives.errors import MalformedPayload, Refused

VARINT, BYTES = 0, 2
MAX_FIELDS = 64
"""The widest message in use, a permission with five keys, has ten."""

_MAX_VARINT_BYTES = 10
_ADDRESS_PREFIX = b"\x41"


class UnknownField(Refused):
    """A message has a field that nobody named: it may mean anything."""

    code = "unknown_protobuf_field"


def read_fields(raw: bytes, where: str) -> list[tuple[int, int | bytes]]:
    """Split a message into (field number, number or bytes), in the order written.

    Raises:
        MalformedPayload: Cut off, of another wire type, numbers not in shortest form, or too many fields.
    """
    found: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(raw):
        key, at = _varint(raw, at, where)
        number, wire = key >> 3, key & 7
        if wire not in (VARINT, BYTES) or number == 0 or len(found) == MAX_FIELDS:
            raise MalformedPayload(f"{where}: field {number} has wire type {wire}, or there are too many")
        value, at = _varint(raw, at, where)
        if wire == VARINT:
            found.append((number, value))
            continue
        if at + value > len(raw):
            raise MalformedPayload(f"{where}: field {number} is cut off")
        found.append((number, raw[at : at + value]))
        at += value
    return found


@dataclass(frozen=True, slots=True)
class Message:
    """A message whose fields are all known.

    Attributes:
        where: For messages to people.
        fields: Value by field number.
    """

    where: str
    fields: Mapping[int, int | bytes]

    @classmethod
    def read(cls, raw: bytes, where: str, *, numbers: Collection[int] = (), blobs: Collection[int] = ()) -> Message:
        """Read a message that may have these fields and no others.

        Raises:
            MalformedPayload: Not in its one encoding.
            UnknownField: A field that is not named.
        """
        found = read_fields(raw, where)
        for number, value in found:
            known = numbers if isinstance(value, int) else blobs
            if number not in known:
                raise UnknownField(f"{where}: unknown field {number}", field=number)
            if not value:
                raise MalformedPayload(f"{where}: field {number} is written though it is empty")
        if any(before >= number for (before, _), (number, _) in pairwise(found)):
            raise MalformedPayload(f"{where}: fields out of order, or one stands twice")
        return cls(where, dict(found))

    def number(self, field: int) -> int:
        """A number; 0 where it is left out."""
        value = self.fields.get(field, 0)
        return value if isinstance(value, int) else 0

    def blob(self, field: int, size: int | None = None) -> bytes:
        """A bytes field.

        Raises:
            MalformedPayload: It is missing, or not of this size.
        """
        value = self.fields.get(field)
        if not isinstance(value, bytes) or (size is not None and len(value) != size):
            raise MalformedPayload(f"{self.where}: field {field} is missing or not of {size} bytes")
        return value


def address(raw: bytes) -> str:
    """21 bytes as base58check text.

    Raises:
        MalformedPayload: Another length or another prefix.
    """
    if len(raw) != 21 or raw[:1] != _ADDRESS_PREFIX:
        raise MalformedPayload(f"not a Tron address: {raw[:32].hex()}")
    return str(base58.b58encode_check(raw), "ascii")


def _varint(raw: bytes, at: int, where: str) -> tuple[int, int]:
    value = 0
    for place in range(_MAX_VARINT_BYTES):
        if at + place >= len(raw):
            raise MalformedPayload(f"{where}: a number is cut off")
        byte = raw[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            if (byte == 0 and place > 0) or value >> 64:
                raise MalformedPayload(f"{where}: a number not in shortest form")
            return value, at + place + 1
    raise MalformedPayload(f"{where}: a number of more than {_MAX_VARINT_BYTES} bytes")
