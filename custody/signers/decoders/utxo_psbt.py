"""A strict reader of unsigned PSBTs, written from the specification for signers alone.

Rules:
    * Every byte is accounted for: no trailing bytes, no duplicate keys, numbers in their shortest form.
    * Counts are bounded before anything is allocated.
    * Transactions are read in the form without witnesses, so that a txid is the hash of the bytes read.

Spec: BIP-174 (version 0).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from custody.primitives.errors import MalformedPayload

MAGIC = b"psbt\xff"
MAX_PSBT_BYTES = 8 << 20
MAX_INPUTS = 250
MAX_OUTPUTS = 600
MAX_PREVIOUS_ENTRIES = 100_000
"""A block holds fewer inputs or outputs than this."""
MAX_FIELDS = 64
"""Fields of one input: 15 derivations and a handful of others."""

Fields = dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class RawInput:
    """One input: txid in byte order of the wire, 32 bytes."""

    txid: bytes
    vout: int
    script_sig: bytes
    sequence: int


@dataclass(frozen=True, slots=True)
class RawOutput:
    """One output: value in satoshi and its script."""

    value_sat: int
    script: bytes

    def serialize(self) -> bytes:
        """The output as it stands in a transaction."""
        return self.value_sat.to_bytes(8, "little") + compact_size(len(self.script)) + self.script


@dataclass(frozen=True, slots=True)
class RawTx:
    """A transaction without witnesses."""

    version: int
    inputs: tuple[RawInput, ...]
    outputs: tuple[RawOutput, ...]
    locktime: int


@dataclass(frozen=True, slots=True)
class RawPsbt:
    """The three kinds of maps, and the transaction of the first; keys and values as they stand."""

    tx: RawTx
    unsigned: bytes
    others: Fields
    inputs: tuple[Fields, ...]
    outputs: tuple[Fields, ...]


class Cursor:
    """Reads bytes from left to right and never past the end."""

    def __init__(self, raw: bytes, name: str) -> None:
        self._raw = raw
        self._at = 0
        self._name = name

    def take(self, count: int) -> bytes:
        """Read exactly so many bytes."""
        if count > len(self._raw) - self._at:
            raise MalformedPayload(f"{self._name} is cut short at byte {self._at}")
        self._at += count
        return self._raw[self._at - count : self._at]

    def number(self, size: int) -> int:
        """Read a little-endian number of so many bytes."""
        return int.from_bytes(self.take(size), "little")

    def compact(self) -> int:
        """Read a compact size in its shortest form."""
        first = self.number(1)
        if first < 0xFD:
            return first
        size = 1 << (first - 0xFC)  # 2, 4 or 8 bytes
        value = self.number(size)
        if value < (0xFD if size == 2 else 1 << (4 * size)):
            raise MalformedPayload(f"{self._name}: a length is not in its shortest form")
        return value

    def text(self) -> bytes:
        """Read bytes with their length in front."""
        return self.take(self.compact())

    def finish(self) -> None:
        """Refuse bytes that are left over."""
        if self._at != len(self._raw):
            raise MalformedPayload(f"{self._name}: {len(self._raw) - self._at} bytes are left over")


def compact_size(count: int) -> bytes:
    """Write a compact size."""
    if count < 0xFD:
        return bytes([count])
    return b"\xfd" + count.to_bytes(2, "little") if count <= 0xFFFF else b"\xfe" + count.to_bytes(4, "little")


def double_sha256(raw: bytes) -> bytes:
    """SHA-256 twice, 32 bytes."""
    return hashlib.sha256(hashlib.sha256(raw).digest()).digest()


def read_psbt(raw: bytes) -> RawPsbt:
    """Read a PSBT completely.

    Raises:
        MalformedPayload: It is none, or bytes are left over, doubled or too many.
    """
    if len(raw) > MAX_PSBT_BYTES:
        raise MalformedPayload(f"PSBT of {len(raw)} bytes; at most {MAX_PSBT_BYTES} are read")
    cursor = Cursor(raw, "PSBT")
    if cursor.take(len(MAGIC)) != MAGIC:
        raise MalformedPayload("not a PSBT")
    others = _read_fields(cursor)
    unsigned = others.pop(b"\x00", b"")
    tx = read_tx(unsigned, "unsigned transaction", most=max(MAX_INPUTS, MAX_OUTPUTS))
    if not (0 < len(tx.inputs) <= MAX_INPUTS and 0 < len(tx.outputs) <= MAX_OUTPUTS):
        raise MalformedPayload(f"{len(tx.inputs)} inputs and {len(tx.outputs)} outputs are outside the limits")
    inputs = tuple(_read_fields(cursor) for _ in tx.inputs)
    outputs = tuple(_read_fields(cursor) for _ in tx.outputs)
    cursor.finish()
    return RawPsbt(tx, unsigned, others, inputs, outputs)


def read_tx(raw: bytes, name: str, most: int = MAX_PREVIOUS_ENTRIES) -> RawTx:
    """Read a transaction in the form without witnesses.

    Args:
        raw: The whole transaction.
        name: For messages.
        most: Inputs and outputs allowed.

    Raises:
        MalformedPayload: It is none, carries witnesses, or bytes are left over.
    """
    cursor = Cursor(raw, name)
    version = cursor.number(4)
    inputs = tuple(
        RawInput(cursor.take(32), cursor.number(4), cursor.text(), cursor.number(4))
        for _ in range(_bounded(cursor, most, name))
    )
    outputs = tuple(RawOutput(cursor.number(8), cursor.text()) for _ in range(_bounded(cursor, most, name)))
    locktime = cursor.number(4)
    cursor.finish()
    return RawTx(version, inputs, outputs, locktime)


def _bounded(cursor: Cursor, most: int, name: str) -> int:
    count = cursor.compact()
    if not 0 < count <= most:  # zero inputs would be the marker of a transaction with witnesses
        raise MalformedPayload(f"{name}: {count} entries are outside 1..{most}")
    return count


def _read_fields(cursor: Cursor) -> Fields:
    fields: Fields = {}
    while key := cursor.text():
        if key in fields or len(fields) >= MAX_FIELDS:
            raise MalformedPayload(f"PSBT: field {key[:1].hex()} is doubled, or there are too many")
        fields[key] = cursor.text()
    return fields
