"""What a plan is made from, the plan, its names in reservations, and its form for storage.

Rules:
    * Tron has no counter and no outpoint: nothing on chain stops a second transaction. So the key of an
      attempt is its own id, with where and until when the id is valid; while it may live, nothing else is
      signed for the same withdrawal.
    * What is in flight is reserved by amount, until the transaction is in a block.

Example:
    conflict_key(raw, window)  # "tron:<reference block>:<expiration>:<txid>"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from custody.chains.tron.rawtx import RawPayment, Window, payment_bytes, txid_of
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.encoding import encode
from custody.primitives.errors import InvalidInput, MalformedPayload

PLAN_TAG = "mext/tron-plan/1"

_PLAN_FIELDS = 9
_REFERENCE_HEX = 20
_MAX_DIGITS = 78


@dataclass(frozen=True, slots=True)
class Moment:
    """What a builder needs of the chain: a reference that cannot be reorganised away, and the time.

    Attributes:
        ref_block_bytes, ref_block_hash: Of the newest solidified block; see `rawtx.Window`.
        head_ms: Time of the newest block, milliseconds since 1970 UTC.
    """

    ref_block_bytes: bytes
    ref_block_hash: bytes
    head_ms: int


@dataclass(frozen=True, slots=True)
class TronState:
    """What an account can spend at one moment.

    Attributes:
        moment: The chain now.
        balances: Base units by asset key, less what is in flight.
    """

    moment: Moment
    balances: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TronPlan:
    """An unsigned payment.

    Attributes:
        payment: All that its bytes say.
        asset: What it moves.
        index: Deposit account that pays; None for the wallet's own.
    """

    payment: RawPayment
    asset: Asset
    index: int | None = None

    @property
    def raw(self) -> bytes:
        """The raw part that is signed."""
        return payment_bytes(self.payment)

    @property
    def txid(self) -> str:
        """Known before anybody signs."""
        return txid_of(self.raw)

    @property
    def conflict_key(self) -> str:
        """Id of the attempt, and until when it can live."""
        return conflict_key(self.txid, self.payment.window)


@dataclass(frozen=True, slots=True)
class ConflictKey:
    """A parsed conflict key.

    Attributes:
        reference: Reference block: 2 bytes of its height and 8 of its id, hex.
        expiration_ms: See `rawtx.Window`.
        txid: 64 hex digits.
    """

    reference: str
    expiration_ms: int
    txid: str


def conflict_key(txid: str, window: Window) -> str:
    """Name an attempt."""
    return f"tron:{window.reference}:{window.expiration_ms}:{txid}"


def parse_conflict_key(text: str) -> ConflictKey:
    """Read a conflict key.

    Raises:
        InvalidInput: Not one of this family.
    """
    kind, *parts = text.split(":")
    if kind != "tron" or len(parts) != 3 or not parts[1].isdigit():
        raise InvalidInput(f"not a conflict key of Tron: {text[:200]!r}")
    reference, expiration, txid = parts
    try:
        sizes = len(bytes.fromhex(reference)) * 2, len(bytes.fromhex(txid)) * 2
    except ValueError as error:
        raise InvalidInput(f"not a conflict key of Tron: {text[:200]!r}") from error
    if sizes != (_REFERENCE_HEX, 64):
        raise InvalidInput(f"not a conflict key of Tron: {text[:200]!r}")
    return ConflictKey(reference, int(expiration), txid)


@dataclass(frozen=True, slots=True)
class ReservedSpend:
    """What one payment in flight takes of one asset.

    Attributes:
        txid: The payment.
        asset_key: What it takes.
        units: How much, the fee included where it is TRX.
    """

    txid: str
    asset_key: str
    units: int

    @property
    def name(self) -> str:
        """Text form among the reservations."""
        return f"tronspend:{self.txid}:{self.units}:{self.asset_key}"

    @classmethod
    def parse(cls, name: str) -> ReservedSpend | None:
        """Inverse of `name`; None for a reservation of another kind."""
        kind, *parts = name.split(":", 3)
        if kind != "tronspend" or len(parts) != 3 or not parts[1].isdigit():
            return None
        return cls(parts[0], parts[2], int(parts[1]))


def reservations(plan: TronPlan, fee: Amount) -> tuple[str, ...]:
    """Name what a plan consumes; the first is its conflict key."""
    units, native = plan.payment.units, fee.asset.key
    spends = {plan.asset.key: units, native: fee.units}
    if plan.asset.key == native:
        spends[native] = units + fee.units
    return (plan.conflict_key, *(ReservedSpend(plan.txid, key, spent).name for key, spent in spends.items()))


def encode_plan(wallet_id: str, plan: TronPlan) -> bytes:
    """Serialise a plan."""
    payment, window = plan.payment, plan.payment.window
    texts = (wallet_id, payment.owner, payment.to, payment.contract or "")
    numbers = (payment.units, payment.fee_limit_sun)
    return encode(PLAN_TAG, *texts, *numbers, window.reference, window.expiration_ms, window.timestamp_ms)


def decode_fields(raw: bytes) -> tuple[str, ...]:
    """Split a serialised plan into its nine texts.

    Raises:
        MalformedPayload: Not such bytes.
    """
    parts: list[str] = []
    rest = raw
    while rest:
        size = int.from_bytes(rest[:4], "big")
        part = rest[4 : 4 + size]
        if len(rest) < 4 + size or not part.isascii():
            raise MalformedPayload(f"a Tron plan: field {len(parts)} is cut off or no text")
        parts.append(part.decode("ascii"))
        rest = rest[4 + size :]
    if len(parts) != 1 + _PLAN_FIELDS or parts[0] != PLAN_TAG:
        raise MalformedPayload(f"not a Tron plan: {len(parts)} fields")
    return tuple(parts[1:])


def decode_number(text: str) -> int:
    """A whole number in decimal digits.

    Raises:
        MalformedPayload: Anything else.
    """
    if not (text.isdigit() and len(text) <= _MAX_DIGITS):
        raise MalformedPayload(f"a Tron plan: not a number: {text[:80]!r}")
    return int(text)


def decode_reference(text: str) -> tuple[bytes, bytes]:
    """The reference block's two parts.

    Raises:
        MalformedPayload: Not 10 bytes of hex.
    """
    try:
        raw = bytes.fromhex(text)
    except ValueError as error:
        raise MalformedPayload(f"a Tron plan: not hex: {text[:80]!r}") from error
    if len(raw) * 2 != _REFERENCE_HEX:
        raise MalformedPayload(f"a Tron plan: a reference of {len(raw)} bytes")
    return raw[:2], raw[2:]
