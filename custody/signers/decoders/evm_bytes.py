"""Reading EVM bytes strictly: every value has one encoding, and nothing is left over.

Rules:
    * RLP and calldata that are not in their shortest, ordinary form are refused: what two readers
      could understand differently is not signed.
    * Nothing here is shared with the code that builds transactions.

Spec: Ethereum yellow paper, appendix B; Solidity contract ABI.
"""

from __future__ import annotations

from dataclasses import dataclass

from Crypto.Hash import keccak

from custody.primitives.errors import MalformedPayload

WORD = 32
MAX_NESTING = 4
"""A transaction nests lists twice."""
_MAX_INT_DIGITS = 78  # decimal digits of 2**256

Node = bytes | list["Node"]


def keccak256(message: bytes) -> bytes:
    """Keccak-256, 32 bytes."""
    return keccak.new(digest_bits=256, data=message).digest()


def eip55(raw: bytes) -> str:
    """20 bytes as checksummed text.

    Spec: EIP-55.
    """
    if len(raw) != 20:
        raise MalformedPayload(f"an address has 20 bytes, not {len(raw)}")
    digits = raw.hex()
    shadow = keccak256(digits.encode()).hex()
    return "0x" + "".join(d.upper() if s in "89abcdef" else d for d, s in zip(digits, shadow, strict=False))


def split_tagged(payload: bytes) -> tuple[str, list[bytes]]:
    """Split length-prefixed fields into the leading tag and the rest.

    Raises:
        MalformedPayload: A length runs past the end, or there is no ASCII tag.
    """
    parts: list[bytes] = []
    rest = payload
    while rest:
        size = int.from_bytes(rest[:4], "big")
        if len(rest) < 4 + size:
            raise MalformedPayload(f"field {len(parts)} is cut off")
        parts.append(rest[4 : 4 + size])
        rest = rest[4 + size :]
    if not parts or not parts[0].isascii():
        raise MalformedPayload("the payload has no tag")
    return parts[0].decode("ascii"), parts[1:]


def decimal(field: bytes) -> int:
    """A whole number in decimal text without sign or leading zeros."""
    if not (0 < len(field) <= _MAX_INT_DIGITS and field.isdigit()) or (field[:1] == b"0" and field != b"0"):
        raise MalformedPayload(f"not a decimal number: {field[:80]!r}")
    return int(field)


def rlp_list(raw: bytes) -> list[Node]:
    """Decode one RLP list that fills the bytes exactly.

    Raises:
        MalformedPayload: Not a list, not in shortest form, or bytes left over.
    """
    node, rest = _rlp_node(raw, 0)
    if rest or isinstance(node, bytes):
        raise MalformedPayload("not exactly one RLP list")
    return node


def rlp_bytes(node: Node, where: str) -> bytes:
    """A node that must be a string."""
    if not isinstance(node, bytes):
        raise MalformedPayload(f"{where}: a list where bytes belong")
    return node


def rlp_number(node: Node, where: str) -> int:
    """A node that must be a number: at most 32 bytes, no leading zeros."""
    raw = rlp_bytes(node, where)
    if len(raw) > WORD or raw[:1] == b"\x00":
        raise MalformedPayload(f"{where}: not a number in shortest form")
    return int.from_bytes(raw, "big")


def _rlp_node(raw: bytes, depth: int) -> tuple[Node, bytes]:
    if not raw or depth > MAX_NESTING:
        raise MalformedPayload("RLP ends early or nests too deep")
    first = raw[0]
    if first < 0x80:
        return raw[:1], raw[1:]
    is_list = first >= 0xC0
    code = first - (0xC0 if is_list else 0x80)
    if code <= 55:
        size, at = code, 1
    else:
        at = 1 + code - 55
        size = int.from_bytes(raw[1:at], "big")
        if len(raw) < at or raw[1] == 0 or size <= 55:
            raise MalformedPayload("RLP length not in shortest form")
    body, rest = raw[at : at + size], raw[at + size :]
    if len(body) != size:
        raise MalformedPayload("RLP item is cut off")
    if not is_list:
        if size == 1 and body[0] < 0x80:
            raise MalformedPayload("RLP byte not in shortest form")
        return body, rest
    items: list[Node] = []
    while body:
        item, body = _rlp_node(body, depth + 1)
        items.append(item)
    return items, rest


@dataclass(frozen=True, slots=True)
class Arguments:
    """Calldata behind its selector.

    Attributes:
        body: The encoded arguments.
        heads: Number of head words.
    """

    body: bytes
    heads: int

    def number(self, index: int) -> int:
        """Head word as a number."""
        if len(self.body) < self.heads * WORD:
            raise MalformedPayload("calldata shorter than its arguments")
        return int.from_bytes(self.body[index * WORD : (index + 1) * WORD], "big")

    def address(self, index: int) -> bytes:
        """Head word as 20 bytes; the 12 bytes before must be zero."""
        value = self.number(index)
        if value >> 160:
            raise MalformedPayload(f"argument {index} is wider than an address")
        return value.to_bytes(20, "big")

    def tails(self, *indexes: int) -> tuple[bytes, ...]:
        """Contents of the dynamic `bytes` arguments, which must lie behind the heads, in order, without gaps."""
        at = self.heads * WORD
        contents = []
        for index in indexes:
            if self.number(index) != at:
                raise MalformedPayload(f"argument {index} does not lie where it belongs")
            size = int.from_bytes(self.body[at : at + WORD], "big")
            padded = size + -size % WORD
            content = self.body[at + WORD : at + WORD + padded]
            if len(self.body) < at + WORD or len(content) != padded or any(content[size:]):
                raise MalformedPayload(f"argument {index} is cut off or not padded with zeros")
            contents.append(content[:size])
            at += WORD + padded
        if at != len(self.body):
            raise MalformedPayload(f"{len(self.body) - at} bytes left over in calldata")
        return tuple(contents)
