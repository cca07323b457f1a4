"""Inverse of `primitives.encoding.encode`: a domain tag and length-prefixed fields."""

from __future__ import annotations

from custody.primitives.errors import MalformedPayload

MAX_INT_DIGITS = 78
"""2**256 has 78 decimal digits."""


def decode_fields(tag: str, raw: bytes) -> list[bytes]:
    """Split into fields and check the tag.

    Raises:
        MalformedPayload: Another tag, a length that runs past the end, or bytes left over.
    """
    fields: list[bytes] = []
    at = 0
    while at < len(raw):
        end = at + 4 + int.from_bytes(raw[at : at + 4], "big")
        if at + 4 > len(raw) or end > len(raw):
            raise MalformedPayload(f"field {len(fields)} runs past the end of {len(raw)} bytes")
        fields.append(raw[at + 4 : end])
        at = end
    if not fields or fields[0] != tag.encode():
        raise MalformedPayload(f"not tagged {tag!r}")
    return fields[1:]


def decode_int(field: bytes) -> int:
    """A non-negative number in canonical decimal text.

    Raises:
        MalformedPayload: Anything else, including leading zeros.
    """
    text = field.decode("ascii", errors="replace")
    if not (0 < len(text) <= MAX_INT_DIGITS and text.isdigit() and text.isascii()) or str(int(text)) != text:
        raise MalformedPayload(f"not a decimal number: {text[:80]!r}")
    return int(text)
