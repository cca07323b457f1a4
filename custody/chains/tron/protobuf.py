"""Writing the few protocol-buffer shapes that Tron transactions consist of.

Rules:
    * Fields are written in ascending order; zero and empty fields are left out, as every Tron program does:
      the id of a transaction is the hash of these very bytes.

Example:
    >>> number_field(8, 300).hex()
    '40ac02'

Spec: protocol buffers encoding, proto3.
"""

from __future__ import annotations

from custody.primitives.errors import InvalidInput

_VARINT, _BYTES = 0, 2


def varint(value: int) -> bytes:
    """A whole number from 0 to 2**64 - 1, seven bits a byte, low bits first.

    Raises:
        InvalidInput: Out of range.
    """
    if not 0 <= value < 1 << 64:
        raise InvalidInput(f"{value} does not fit a protocol-buffer number")
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def number_field(number: int, value: int) -> bytes:
    """A number field; nothing at all for zero."""
    return varint(number << 3 | _VARINT) + varint(value) if value else b""


def bytes_field(number: int, value: bytes) -> bytes:
    """A bytes, text or message field; nothing at all where it is empty."""
    return varint(number << 3 | _BYTES) + varint(len(value)) + value if value else b""
