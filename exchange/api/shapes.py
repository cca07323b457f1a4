"""Answers as JSON: an amount is {"units": "100000000", "asset": "BTC"}, a string since JavaScript stops at 2**53."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from custody.compliance.look_alikes import ENDS
from custody.primitives.amount import Amount
from custody.wallets.deposit import Deposit
from custody.wallets.refill_requests import RefillRequest
from custody.withdrawals.address_book import BookEntry
from custody.withdrawals.facts import Destination
from custody.withdrawals.records import Attempt, Payment, Withdrawal
from custody.withdrawals.told_facts import stored_facts
from exchange.settlement.reserves import Draft
from exchange.settlement.trading import OrderAnswer


def amount_json(amount: Amount) -> dict[str, str]:
    """Whole base units and the asset's symbol."""
    return {"units": str(amount.units), "asset": amount.asset.symbol}


def deposit_json(deposit: Deposit) -> dict[str, Any]:
    """A deposit."""
    return {
        "key": deposit.key,
        "chain": deposit.block.chain,
        "txid": deposit.txid,
        "customer": deposit.customer,
        "amount": amount_json(deposit.amount),
        "state": deposit.state.value,
        "height": deposit.block.height,
        "reason": deposit.reason,
    }


def refill_json(request: RefillRequest) -> dict[str, Any]:
    """A refill request; the move that carries it out is approved like any withdrawal."""
    return {
        "id": request.id,
        "amount": {"units": str(request.units), "asset": request.symbol},
        "from": request.source.value,
        "to": request.destination.value,
        "reason": request.reason,
        "quorum": request.quorum,
        "state": request.state.value,
        "raised_at_s": request.raised_at_s,
        "moved_at_s": request.moved_at_s,
        "withdrawal_id": request.withdrawal_id,
        "note": request.note,
    }


def case_json(deposit: Deposit, seen: str) -> dict[str, Any]:
    """A deposit that waits for officers, with all they look at; `seen` is what a decision about it must name."""
    facts = {"to": deposit.to, "memo": deposit.memo, "senders": list(deposit.senders), "seen": seen}
    return deposit_json(deposit) | facts


def review_json(
    withdrawal: Withdrawal, seen: str, payment: Payment | None, attempts: tuple[Attempt, ...]
) -> dict[str, Any]:
    """A withdrawal under review, with what people need to look for it on the chain."""
    return {
        **withdrawal_json(withdrawal, attempts),
        "seen": seen,
        "payment": None
        if payment is None
        else {
            "id": payment.id,
            "state": payment.state.value,
            "wallet": payment.wallet_id,
            "conflict_key": payment.conflict_key,
            "note": payment.note,
            "withdrawals": list(payment.withdrawal_ids),
        },
        "attempts": [{"number": each.number, "state": each.state.value, "txid": each.txid} for each in attempts],
    }


def withdrawal_json(withdrawal: Withdrawal, attempts: tuple[Attempt, ...]) -> dict[str, Any]:
    """A withdrawal with the intent that approvers sign, field by field, and its newest transaction."""
    intent = withdrawal.intent
    newest = attempts[-1] if attempts else None
    return {
        "id": withdrawal.id,
        "state": withdrawal.state.value,
        "customer": withdrawal.customer,
        "to": withdrawal.to.text,
        "chain": withdrawal.to.chain,
        "amount": amount_json(withdrawal.amount),
        "memo": withdrawal.memo,
        "reason": withdrawal.reason,
        "intent_hash": None if intent is None else withdrawal.intent_hash.hex(),
        "intent": None
        if intent is None
        else {
            "withdrawal_id": intent.withdrawal_id,
            "chain": intent.to.chain,
            "asset": intent.amount.asset.key,
            "to": intent.to.text,
            "memo": intent.memo,
            "units": str(intent.amount.units),
            "fee_max_units": str(intent.fee_max.units),
            "policy_version": intent.policy_version,
            "salt": intent.salt,
            "expires_at_s": intent.expires_at_s,
        },
        "destination": _destination_json(withdrawal),
        "txid": None if newest is None else newest.txid,
        "request_to_broadcast_ms": withdrawal.request_to_broadcast_ms,
    }


def _destination_json(withdrawal: Withdrawal) -> dict[str, str] | None:
    """What was known of the destination at the decision, for those who approve; None before."""
    if not withdrawal.facts_json:
        return None
    place = stored_facts(withdrawal.facts_json).circumstances.destination
    return {"kind": place.kind.value, "resembles": place.resembles, "compared_by": place.compared_by}


def doubt_json(withdrawal: Withdrawal, destination: Destination) -> dict[str, Any]:
    """A withdrawal that waits for a comparison. The middle of its address is not told: it comes from elsewhere."""
    text = withdrawal.to.text
    return {
        "id": withdrawal.id,
        "customer": withdrawal.customer,
        "amount": amount_json(withdrawal.amount),
        "chain": withdrawal.to.chain,
        "to_ends": f"{text[:ENDS]}...{text[-ENDS:]}",
        "resembles": destination.resembles,
    }


def entry_json(entry: BookEntry) -> dict[str, Any]:
    """An address-book entry; a withdrawal cites it as "book:" and its id."""
    return {
        "id": entry.id,
        "customer": entry.customer,
        "chain": entry.to.chain,
        "to": entry.to.text,
        "memo": entry.memo,
        "added_by": entry.added_by,
        "added_at_s": entry.added_at_s,
    }


def order_json(answer: OrderAnswer) -> dict[str, Any]:
    """An order and what it did at once."""
    return {
        "order_id": answer.order_id,
        "status": answer.status,
        "executed": answer.executed,
        "fills": [{"price": fill.price, "quantity": fill.quantity} for fill in answer.fills],
    }


def draft_json(draft: Draft) -> dict[str, Any]:
    """A draft: what every key holder must sign, field by field."""
    return {
        "seq": draft.header.seq,
        "header": draft.header.json(),
        "claims": [
            {
                "wallet_id": place.wallet_id,
                "tier": place.tier,
                **{f.name: getattr(claim, f.name) for f in fields(claim)},
            }
            for place, claim in draft.claims
        ],
    }
