"""The two authenticators of a withdrawal's row, and the key that signs receipts: what a database alone cannot forge.

The business service vouches for what was asked, the risk service for what was decided of it and where it stands.
Each has a key of its own, and none of them lies in the database: who only writes there cannot make a row that is read.

Rules:
    * Every row is sealed when it is written and checked whenever it is read (attack D14).
    * The second authenticator covers the first one: both are of one row.
    * An older copy of a genuine row is genuine. Against a database that was set back stand the signers' memories.

Example:
    values = sealed(row.model_dump(), seals)
    verify_row(row, seals)
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Row

from custody.primitives.encoding import encode
from custody.primitives.errors import InvalidInput
from custody.primitives.secret import Secret
from custody.withdrawals.errors import RowNotGenuine

BUSINESS_TAG = "mext/withdrawal-business/1"
RISK_TAG = "mext/withdrawal-risk/1"
KEY_BYTES = 32
_ASKED = (
    "id", "kind", "customer", "initiator", "asset", "to", "units", "memo",
    "idempotency_key", "request_hash", "salt", "requested_at_ms",
)  # fmt: skip
_DECIDED = (
    "state", "moved_at_ms", "version", "hold", "fee_max", "fee_asset", "policy_version", "expires_at_s",
    "decision", "facts", "source", "payment_id", "stop", "reason", "broadcast_at_ms",
)  # fmt: skip
_NOTHING = "-"
"""Stands for NULL in the numeric columns: no number is written so."""


@dataclass(frozen=True, slots=True)
class Seals:
    """Keys of 32 bytes each.

    Attributes:
        business: Vouches for what was asked.
        risk: Vouches for decision and state.
        receipts: Ed25519 seed that signs the receipts of the gates.
    """

    business: Secret
    risk: Secret
    receipts: Secret

    def __post_init__(self) -> None:
        keys = [each.reveal() for each in (self.business, self.risk, self.receipts)]
        if any(len(key) != KEY_BYTES for key in keys) or len(set(keys)) != len(keys):
            raise InvalidInput(f"seals: three different keys of {KEY_BYTES} bytes")


def sealed(values: Mapping[str, Any], seals: Seals) -> dict[str, Any]:
    """Return a row's values with both authenticators over them."""
    business, risk = _authenticators(values.__getitem__, seals)
    return {**values, "business_mac": business, "risk_mac": risk}


def verify_row(row: Row[Any], seals: Seals) -> None:
    """Check that both services wrote this row as it stands.

    Raises:
        RowNotGenuine: One of them did not.
    """
    business, risk = _authenticators(partial(getattr, row), seals)
    if not hmac.compare_digest(business, row.business_mac):
        raise RowNotGenuine(f"withdrawal {row.id} was not written by the business service", withdrawal=row.id)
    if not hmac.compare_digest(risk, row.risk_mac):
        raise RowNotGenuine(f"withdrawal {row.id} was changed past the risk service", withdrawal=row.id)


def _authenticators(value_of: Callable[[str], Any], seals: Seals) -> tuple[bytes, bytes]:
    asked = encode(BUSINESS_TAG, *(_field(value_of(name)) for name in _ASKED))
    business = hmac.digest(seals.business.reveal(), asked, "sha256")
    decided = encode(RISK_TAG, business, *(_field(value_of(name)) for name in _DECIDED))
    return business, hmac.digest(seals.risk.reveal(), decided, "sha256")


def _field(value: bytes | str | int | None) -> bytes | str | int:
    return _NOTHING if value is None else value
