"""From the words of a caller to a checked request, and the note it can be made from again.

Rules:
    * Checked in this order, first problem reported: asset, destination, memo, amount.
    * The id follows from customer and key alone, so a repeated call can only ever mean one withdrawal.
    * The request hash covers the checked content, not its spelling.
    * The note is what a ledger keeps beside the hold; `from_note` reads it strictly.

Example:
    checked = check(request, assets, lanes, bounds)
    checked.note()  # canonical JSON for the journal
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import AssetBook
from custody.primitives.encoding import canonical_json, digest
from custody.primitives.errors import InvalidAmount, InvalidInput, MalformedPayload
from custody.primitives.ids import CustomerId, Digest, IdempotencyKey, WithdrawalId
from custody.primitives.intent import MAX_MEMO_BYTES
from custody.withdrawals.errors import InvalidMemo
from custody.withdrawals.facts import Kind
from custody.withdrawals.lanes import Lanes

ID_TAG = "mext/withdrawal-id/1"
SALT_TAG = "mext/withdrawal-salt/1"
REQUEST_TAG = "mext/withdrawal-request/1"
NOTE_FORMAT = "mext/withdrawal-note/1"
TREASURY = CustomerId("treasury")
"""Owner of moves between our own wallets; no customer may carry this name."""
MAX_KEY_CHARS = 128
MAX_NOTE_BYTES = 4_096
"""A note holds an address, an amount, a memo and two names: far less."""


@dataclass(frozen=True, slots=True)
class WithdrawalRequest:
    """What a caller asks, in the caller's words.

    Attributes:
        customer: Who is charged.
        asset: Symbol.
        to: Destination as text.
        amount: Decimal number of whole coins that the destination receives.
        memo: Memo or destination tag; empty for none.
        idempotency_key: Chosen by the caller, 1 to 128 characters; the same key again is the same request.
    """

    customer: CustomerId
    asset: str
    to: str
    amount: str
    memo: str
    idempotency_key: IdempotencyKey


@dataclass(frozen=True, slots=True)
class Bounds:
    """Smallest and largest single amount of one asset."""

    smallest: Amount
    largest: Amount


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """A request whose every part was checked.

    Attributes:
        kind, customer, initiator, to, amount, memo, idempotency_key: As asked.
        requested_at_ms: When, milliseconds since 1970 UTC; not part of the content.
    """

    kind: Kind
    customer: CustomerId
    initiator: str
    to: Address
    amount: Amount
    memo: str
    idempotency_key: IdempotencyKey
    requested_at_ms: int

    @property
    def id(self) -> WithdrawalId:
        """Follows from customer and key."""
        return _id_of(self.customer, self.idempotency_key)

    @property
    def content_hash(self) -> Digest:
        """Digest of the content, 32 bytes: equal for a repeated call, different for another request."""
        return _content_hash(
            (self.kind.value, self.customer, self.initiator, self.amount.asset.key, self.to.text),
            self.amount.units,
            self.memo,
        )

    @property
    def salt(self) -> str:
        """16 bytes hex, different for every request, equal for a repeated call."""
        return digest(SALT_TAG, self.id, self.content_hash)[:16].hex()

    def note(self) -> bytes:
        """Return the canonical JSON a ledger keeps beside the hold: equal content, equal bytes."""
        return canonical_json(
            {
                "format": NOTE_FORMAT,
                "kind": self.kind.value,
                "customer": self.customer,
                "initiator": self.initiator,
                "asset": self.amount.asset.symbol,
                "to": self.to.text,
                "units": str(self.amount.units),
                "memo": self.memo,
                "idempotency_key": self.idempotency_key,
            }
        )


def check_content(
    request: WithdrawalRequest, assets: AssetBook, lanes: Lanes, bounds: Mapping[str, Bounds]
) -> tuple[Address, Amount]:
    """Check what was asked.

    Args:
        request: The caller's words.
        assets, lanes: What is configured.
        bounds: Smallest and largest amount by asset symbol; a missing asset cannot be withdrawn.

    Raises:
        UnknownAsset, UnknownChain: Not configured.
        InvalidAddress, WrongNetwork: The destination is not a place on the asset's chain.
        InvalidMemo: Too long, or not printable.
        InvalidAmount: Not a plain decimal number above zero within the bounds.
        InvalidInput: The idempotency key or the customer is missing or too long.
    """
    asset = assets.get(request.asset)
    to = check_place(request.asset, request.to, request.memo, (assets, lanes))
    amount = Amount.parse(request.amount, asset).positive()
    limits = bounds.get(asset.symbol)
    if limits is None:
        raise InvalidAmount(f"{asset.symbol}: withdrawals are not configured", asset=asset.symbol)
    if not limits.smallest <= amount <= limits.largest:
        raise InvalidAmount(
            f"{amount} is outside {limits.smallest.text()} to {limits.largest.text()}", asset=asset.symbol
        )
    if not 0 < len(request.idempotency_key) <= MAX_KEY_CHARS or not request.customer:
        raise InvalidInput(f"customer and an idempotency key of 1 to {MAX_KEY_CHARS} characters are required")
    return to, amount


def check_place(symbol: str, to: str, memo: str, configured: tuple[AssetBook, Lanes]) -> Address:
    """Check a destination for an asset.

    Raises:
        UnknownAsset, UnknownChain, InvalidAddress, WrongNetwork, InvalidMemo: As `check_content`.
    """
    assets, lanes = configured
    address = lanes.any_on(assets.get(symbol).chain).codec.parse_address(to)
    if len(memo.encode()) > MAX_MEMO_BYTES or not memo.isprintable():
        raise InvalidMemo(f"memo: at most {MAX_MEMO_BYTES} bytes of printable text")
    return address


def move_id(key: IdempotencyKey) -> WithdrawalId:
    """Name the treasury move that is asked for under this key, before it is asked for."""
    return _id_of(TREASURY, key)


def identify_note(note: bytes, assets: AssetBook) -> tuple[WithdrawalId, Digest]:
    """Say which request a note is of, and the hash of its content, which is not checked.

    Whoever has a row of this id with this hash has this content, and it was checked when the row was made.

    Args:
        note: As `CheckedRequest.note` made it.
        assets: What is configured.

    Raises:
        MalformedPayload: Not such a note.
        UnknownAsset: It names an asset that does not exist.
    """
    try:
        fields = _fields(note)
        asset = assets.get(fields["asset"])
        who = (fields["kind"], fields["customer"], fields["initiator"], asset.key, fields["to"])
        content = _content_hash(who, int(fields["units"]), fields["memo"])
        return _id_of(CustomerId(fields["customer"]), IdempotencyKey(fields["idempotency_key"])), content
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedPayload(f"not a withdrawal note: {error}") from error


def from_note(note: bytes, assets: AssetBook, lanes: Lanes, requested_at_ms: int) -> CheckedRequest:
    """Read a note back; its content is checked again, not believed.

    Args:
        note: As `CheckedRequest.note` made it.
        assets, lanes: What is configured.
        requested_at_ms: When the hold was taken, milliseconds since 1970 UTC.

    Raises:
        MalformedPayload: Not such a note.
        UnknownAsset, UnknownChain, InvalidAddress, InvalidAmount: It names something that does not exist.
    """
    try:
        fields = _fields(note)
        if canonical_json(fields) != note:
            raise MalformedPayload("not a withdrawal note")
        asset = assets.get(fields["asset"])
        return CheckedRequest(
            kind=Kind(fields["kind"]),
            customer=CustomerId(fields["customer"]),
            initiator=fields["initiator"],
            to=lanes.any_on(asset.chain).codec.parse_address(fields["to"]),
            amount=Amount(int(fields["units"]), asset).positive(),
            memo=fields["memo"],
            idempotency_key=IdempotencyKey(fields["idempotency_key"]),
            requested_at_ms=requested_at_ms,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedPayload(f"not a withdrawal note: {error}") from error


def _fields(note: bytes) -> dict[str, Any]:
    fields = json.loads(note) if len(note) <= MAX_NOTE_BYTES else None
    if not isinstance(fields, dict) or fields["format"] != NOTE_FORMAT:
        raise MalformedPayload("not a withdrawal note")
    return fields


def _id_of(customer: CustomerId, key: IdempotencyKey) -> WithdrawalId:
    return WithdrawalId("wd-" + digest(ID_TAG, customer, key)[:16].hex())


def _content_hash(who: tuple[str, str, str, str, str], units: int, memo: str) -> Digest:
    """Hash kind, customer, initiator, asset key and destination, and then how much and with which memo."""
    return digest(REQUEST_TAG, *who, units, memo)
