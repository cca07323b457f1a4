"""The bytes of Tron transactions: one payment, or one change of permissions, and the signed whole.

Rules:
    * One contract a transaction, as the network demands; the id is SHA-256 of the raw part.
    * The permission id is part of these bytes: the same payment under another permission is another id.

Example:
    raw = payment_bytes(RawPayment(...))
    txid_of(raw)

Spec: java-tron, protocol/src/main/protos/core/Tron.proto, messages Transaction, Permission.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from custody.chains.tron.address import address_bytes, wire_bytes
from custody.chains.tron.params import (
    ACTIVE_PERMISSION_ID,
    ALLOWED_OPERATIONS,
    MAX_INT64,
    PERMISSION_UPDATE_CONTRACT,
    TRANSFER_CONTRACT,
    TRIGGER_SMART_CONTRACT,
)
from custody.chains.tron.protobuf import bytes_field, number_field
from custody.keys.keccak import keccak256
from custody.primitives.errors import InvalidInput

TRC20_TRANSFER = keccak256(b"transfer(address,uint256)")[:4]
SIGNATURE_BYTES = 65
MAX_RESULT_BYTES = 64
"""Counted by the network on top of every transaction, for its result."""
MAX_TOKEN_UNITS = (1 << 256) - 1

_TYPE_URL = "type.googleapis.com/protocol."
_OWNER, _ACTIVE = 0, 2  # Permission.PermissionType
_WORD = 32


@dataclass(frozen=True, slots=True)
class Window:
    """Where on the chain, and until when, a transaction is valid.

    Attributes:
        ref_block_bytes: Bytes 6 and 7 of the reference block's height.
        ref_block_hash: Bytes 8 to 15 of its id.
        expiration_ms: In no block behind one of this time or later; milliseconds since 1970 UTC.
        timestamp_ms: Said by the builder, checked by nobody; tells equal payments apart.
    """

    ref_block_bytes: bytes
    ref_block_hash: bytes
    expiration_ms: int
    timestamp_ms: int

    @property
    def reference(self) -> str:
        """The reference block as a conflict key names it."""
        return (self.ref_block_bytes + self.ref_block_hash).hex()


@dataclass(frozen=True, slots=True)
class RawPayment:
    """One payment out of an account.

    Attributes:
        owner: Account that pays.
        to: Destination.
        units: Sun, or base units of the token.
        contract: Token contract; None for TRX.
        permission_id: 2 for the wallet's quorum, 0 for a single-key account.
        fee_limit_sun: Most that a contract call may burn; 0 for TRX.
        window: When it is valid.
    """

    owner: str
    to: str
    units: int
    contract: str | None
    permission_id: int
    fee_limit_sun: int
    window: Window


@dataclass(frozen=True, slots=True)
class Quorum:
    """A permission: addresses of weight one, and how many of them must sign."""

    threshold: int
    keys: tuple[str, ...]


def payment_bytes(payment: RawPayment) -> bytes:
    """Raw part of a payment.

    Raises:
        InvalidInput: An amount that the network cannot express.
    """
    limit = MAX_INT64 if payment.contract is None else MAX_TOKEN_UNITS
    if not 0 < payment.units <= limit:
        raise InvalidInput(f"a payment of {payment.units} base units cannot be expressed")
    owner = bytes_field(1, wire_bytes(payment.owner))
    if payment.contract is None:
        value = owner + bytes_field(2, wire_bytes(payment.to)) + number_field(3, payment.units)
        contract = _contract(TRANSFER_CONTRACT, "TransferContract", value, payment.permission_id)
    else:
        call = TRC20_TRANSFER + bytes(12) + address_bytes(payment.to) + payment.units.to_bytes(_WORD, "big")
        value = owner + bytes_field(2, wire_bytes(payment.contract)) + bytes_field(4, call)
        contract = _contract(TRIGGER_SMART_CONTRACT, "TriggerSmartContract", value, payment.permission_id)
    return _raw(contract, payment.window, payment.fee_limit_sun)


def permission_update_bytes(account: str, owner: Quorum, active: Quorum, window: Window) -> bytes:
    """Raw part of the change that gives an account an owner quorum and one active quorum for payments.

    It replaces all permissions the account had: what is not named here is gone.
    """
    value = (
        bytes_field(1, wire_bytes(account))
        + bytes_field(2, _permission(_OWNER, "owner", owner))
        + bytes_field(4, _permission(_ACTIVE, "payments", active))
    )
    contract = _contract(PERMISSION_UPDATE_CONTRACT, "AccountPermissionUpdateContract", value, 0)
    return _raw(contract, window, 0)


def operations_mask() -> bytes:
    """32 bytes, bit t for contract type t: TRX payments and contract calls, nothing else."""
    return sum(1 << bit for bit in ALLOWED_OPERATIONS).to_bytes(_WORD, "little")


def txid_of(raw: bytes) -> str:
    """Id of a transaction by its raw part, 64 hex digits."""
    return hashlib.sha256(raw).hexdigest()


def signed_bytes(raw: bytes, signatures: Sequence[bytes]) -> bytes:
    """The whole transaction; one signature of 65 bytes (r, s, v) a key."""
    return bytes_field(1, raw) + b"".join(bytes_field(2, signature) for signature in signatures)


def bandwidth_bytes(raw: bytes, signatures: int) -> int:
    """Bytes that the network counts for a transaction with so many signatures."""
    return len(signed_bytes(raw, [bytes(SIGNATURE_BYTES)] * signatures)) + MAX_RESULT_BYTES


def _raw(contract: bytes, window: Window, fee_limit_sun: int) -> bytes:
    return (
        bytes_field(1, window.ref_block_bytes)
        + bytes_field(4, window.ref_block_hash)
        + number_field(8, window.expiration_ms)
        + bytes_field(11, contract)
        + number_field(14, window.timestamp_ms)
        + number_field(18, fee_limit_sun)
    )


def _contract(kind: int, name: str, value: bytes, permission_id: int) -> bytes:
    parameter = bytes_field(1, (_TYPE_URL + name).encode()) + bytes_field(2, value)
    return number_field(1, kind) + bytes_field(2, parameter) + number_field(5, permission_id)


def _permission(kind: int, name: str, quorum: Quorum) -> bytes:
    keys = b"".join(bytes_field(7, bytes_field(1, wire_bytes(key)) + number_field(2, 1)) for key in quorum.keys)
    permission_id, mask = (ACTIVE_PERMISSION_ID, operations_mask()) if kind == _ACTIVE else (0, b"")
    return (
        number_field(1, kind)
        + number_field(2, permission_id)
        + bytes_field(3, name.encode())
        + number_field(4, quorum.threshold)
        + bytes_field(6, mask)
        + keys
    )
