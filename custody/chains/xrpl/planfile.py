"""Plans as bytes: canonical JSON, read back strictly.

Rules:
    * Whole numbers that may pass 2**53 are decimal text.
    * What does not read back to a plan of this very wallet is refused, and so is any other spelling of it.
"""

from __future__ import annotations

import json
from typing import Any

from custody.chains.xrpl.params import MAX_DROPS, MAX_TAG, MAX_TICKETS
from custody.chains.xrpl.state import Slot, SlotKind, XrplPayment, XrplPlan
from custody.chains.xrpl.wallet import XrplWallet
from custody.primitives.encoding import Json, canonical_json
from custody.primitives.errors import MalformedPayload, ToolkitError

FORMAT = "mext/xrpl-plan/1"
_MAX_U32 = 2**32 - 1


def encode_plan(plan: XrplPlan) -> bytes:
    """Serialise a plan."""
    paid: Json = None
    if plan.payment is not None:
        paid = [plan.payment.to, str(plan.payment.drops), plan.payment.tag]
    return canonical_json(
        {
            "format": FORMAT,
            "wallet": plan.wallet_id,
            "account": plan.slot.account,
            "slot": [plan.slot.kind.value, plan.slot.number],
            "last_ledger": plan.last_ledger,
            "fee": str(plan.fee_drops),
            "payment": paid,
            "new_tickets": plan.new_tickets,
        }
    )


def decode_plan(wallet: XrplWallet, raw: bytes) -> XrplPlan:
    """Read a plan of this wallet.

    Raises:
        MalformedPayload: Not canonical, incomplete, out of range, or of another wallet.
    """
    try:
        plan = _plan(wallet, json.loads(raw))
        canonical = encode_plan(plan) == raw
    except (ValueError, KeyError, TypeError, RecursionError, ToolkitError) as error:
        raise MalformedPayload(f"not a stored XRP Ledger plan of wallet {wallet.id}: {error}") from error
    if not canonical:
        raise MalformedPayload(f"stored XRP Ledger plan of wallet {wallet.id} is not in canonical form")
    return plan


def _plan(wallet: XrplWallet, stored: Any) -> XrplPlan:  # noqa: ANN401 - decoded JSON, checked field by field
    if (stored["format"], stored["wallet"], stored["account"]) != (FORMAT, wallet.id, wallet.account):
        raise MalformedPayload(f"format {stored['format']!r}, wallet {stored['wallet']!r}")
    kind, number = stored["slot"]
    payment = None
    if stored["payment"] is not None:
        to, drops, tag = stored["payment"]
        payment = XrplPayment(to, _within(int(drops), 1, MAX_DROPS), None if tag is None else _within(tag, 0, MAX_TAG))
    plan = XrplPlan(
        wallet.id,
        Slot(wallet.account, SlotKind(kind), _within(number, 1, _MAX_U32)),
        _within(stored["last_ledger"], 1, _MAX_U32),
        _within(int(stored["fee"]), 1, wallet.params.max_fee_drops),
        payment,
        _within(stored["new_tickets"], 0, MAX_TICKETS),
    )
    if (payment is None) != (plan.new_tickets > 0):
        raise MalformedPayload("a plan pays, or makes tickets, never both and never neither")
    return plan


def _within(number: Any, low: int, high: int) -> int:  # noqa: ANN401
    if type(number) is not int or not low <= number <= high:
        raise MalformedPayload(f"{number!r} is not a whole number from {low} to {high}")
    return number
