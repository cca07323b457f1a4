"""Recursive length prefix: how transactions are serialised. Encoding only; the signer has its own parser.

Example:
    >>> rlp_encode([b"cat", b""]).hex()
    'c58363617480'
"""

from __future__ import annotations

from collections.abc import Sequence

Item = bytes | Sequence["Item"]

_SHORT_BYTES = 0x80  # prefix of a string; up to 55 bytes add their length to it
_SHORT_LIST = 0xC0  # prefix of a list
_LONG = 55  # longer payloads carry the length of their length


def rlp_encode(item: Item) -> bytes:
    """Encode bytes or a nested sequence of bytes.

    Spec: Ethereum yellow paper, appendix B.
    """
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < _SHORT_BYTES:
            return item
        return _prefix(len(item), _SHORT_BYTES) + item
    body = b"".join(rlp_encode(part) for part in item)
    return _prefix(len(body), _SHORT_LIST) + body


def rlp_int(value: int) -> bytes:
    """Big-endian without leading zeros; zero is the empty string."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _prefix(size: int, offset: int) -> bytes:
    if size <= _LONG:
        return bytes([offset + size])
    length = rlp_int(size)
    return bytes([offset + _LONG + len(length)]) + length
