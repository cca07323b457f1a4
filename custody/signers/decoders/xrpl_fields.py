"""The serialised fields of an XRP Ledger transaction, parsed by hand: allow-listed fields, and not a byte more.

Rules:
    * Written from the format's description, sharing no code with the builder.
    * A field that is not in the table is refused, whatever it holds: paths, SendMax, memos, signers.
    * Fields stand in the one canonical order, none twice; amounts are drops of XRP, never an issued currency.

Spec: xrpl.org, "Serialization Format".

Example:
    parse_fields(payload)["Fee"]
"""

from __future__ import annotations

from collections.abc import Mapping

import base58

from custody.primitives.errors import MalformedPayload, Refused

MAX_PAYLOAD_BYTES = 512
"""The longest allowed transaction has 122 bytes."""
MAX_DROPS = 10**17

_UINT16, _UINT32, _AMOUNT, _BLOB, _ACCOUNT = 1, 2, 6, 7, 8
_NAMES: Mapping[tuple[int, int], str] = {
    (_UINT16, 2): "TransactionType",
    (_UINT32, 1): "NetworkID",
    (_UINT32, 2): "Flags",
    (_UINT32, 4): "Sequence",
    (_UINT32, 14): "DestinationTag",
    (_UINT32, 27): "LastLedgerSequence",
    (_UINT32, 40): "TicketCount",
    (_UINT32, 41): "TicketSequence",
    (_AMOUNT, 1): "Amount",
    (_AMOUNT, 8): "Fee",
    (_BLOB, 3): "SigningPubKey",
    (_ACCOUNT, 1): "Account",
    (_ACCOUNT, 3): "Destination",
}
_WIDTHS = {_UINT16: 2, _UINT32: 4, _AMOUNT: 8}
_NOT_XRP, _POSITIVE, _MPT = 1 << 63, 1 << 62, 1 << 61
_ALPHABET = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"


class UnreadField(Refused):
    """The transaction has a field, or a value, that is not on the allow-list."""

    code = "unread_xrpl_field"


class _Cursor:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._raw):
            raise MalformedPayload(f"transaction ends at byte {len(self._raw)}, {end} needed")
        part = self._raw[self._at : end]
        self._at = end
        return part

    def field(self) -> tuple[int, int]:
        """Read a field id: a half byte each for type and number, or a byte where the half byte is 0."""
        first = self.take(1)[0]
        kind, number = first >> 4, first & 0x0F
        if kind == 0:
            kind = self._long()
        if number == 0:
            number = self._long()
        return kind, number

    def _long(self) -> int:
        value = self.take(1)[0]
        if value < 16:
            raise MalformedPayload("a field id is written longer than it has to be")
        return value

    def at_end(self) -> bool:
        return self._at == len(self._raw)


def parse_fields(raw: bytes) -> dict[str, int | bytes]:
    """Parse all fields of an unsigned transaction.

    Args:
        raw: Serialised fields, without prefix, signers and suffix.

    Returns:
        By the ledger's names: whole numbers and drops as int, accounts and blobs as bytes.

    Raises:
        MalformedPayload: Cut short, out of order, a field twice, or too long.
        UnreadField: A field that is not on the allow-list, or an amount that is not XRP.
    """
    if len(raw) > MAX_PAYLOAD_BYTES:
        raise MalformedPayload(f"transaction of {len(raw)} bytes, at most {MAX_PAYLOAD_BYTES}")
    cursor, found, last = _Cursor(raw), dict[str, int | bytes](), (0, 0)
    while not cursor.at_end():
        field = cursor.field()
        if field <= last:
            raise MalformedPayload(f"field {field} stands after {last}, or twice")
        if field not in _NAMES:
            raise UnreadField(f"field {field} is not allowed in a transaction of ours", kind=field[0], number=field[1])
        found[_NAMES[field]] = _value(cursor, field)
        last = field
    return found


def account_text(account: bytes) -> str:
    """Write an account id, 20 bytes, as a classic address."""
    return str(base58.b58encode_check(b"\x00" + account, alphabet=_ALPHABET), "ascii")


def _value(cursor: _Cursor, field: tuple[int, int]) -> int | bytes:
    kind, name = field[0], _NAMES[field]
    if kind in (_BLOB, _ACCOUNT):
        length = cursor.take(1)[0]  # up to 192 the length is one byte; all of ours are 0 or 20
        if length != (0 if kind == _BLOB else 20):
            raise UnreadField(f"{name} of {length} bytes")
        return cursor.take(length)
    number = int.from_bytes(cursor.take(_WIDTHS[kind]), "big")
    if kind != _AMOUNT:
        return number
    drops = number & ~_POSITIVE
    if number & (_NOT_XRP | _MPT) or not number & _POSITIVE or not 0 < drops <= MAX_DROPS:
        raise UnreadField(f"{name} is not a positive amount of XRP")
    return drops
