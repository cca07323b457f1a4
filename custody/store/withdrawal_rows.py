"""Between the withdrawal room's records and table rows, both ways and without loss.

Rules:
    * An asset that is no longer configured raises; it is never guessed.
    * The intent is stored in its parts; record and hash come out as they went in.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from custody.chains.port import SignedTx
from custody.keys.material import Curve, PublicKey, Signature, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.approval import Approval, Verdict
from custody.primitives.asset import AssetBook
from custody.primitives.chain import ChainId
from custody.primitives.encoding import canonical_json
from custody.primitives.ids import CustomerId, Digest, IdempotencyKey, TxId, WithdrawalId
from custody.primitives.intent import TransferIntent
from custody.store.withdrawal_tables import (
    AttemptRow,
    PaymentRow,
    SignatureRow,
    WithdrawalRow,
)
from custody.withdrawals.facts import Kind, Tier
from custody.withdrawals.records import Attempt, GivenSignature, HoldState, Payment, Withdrawal
from custody.withdrawals.rules import Decision, Group, Outcome
from custody.withdrawals.states import AttemptState, PaymentState, WithdrawalEvent, WithdrawalState


def withdrawal_row(record: Withdrawal) -> WithdrawalRow:
    """Return the row of a withdrawal, with the version that was read."""
    intent = record.intent
    return WithdrawalRow(
        id=record.id,
        kind=record.kind.value,
        customer=record.customer,
        initiator=record.initiator,
        asset=record.amount.asset.symbol,
        to=record.to.text,
        units=record.amount.units,
        memo=record.memo,
        idempotency_key=record.idempotency_key,
        request_hash=record.request_hash,
        salt=record.salt,
        requested_at_ms=record.requested_at_ms,
        state=record.state.value,
        moved_at_ms=record.moved_at_ms,
        version=record.version,
        hold=record.hold.value,
        fee_max=None if intent is None else intent.fee_max.units,
        fee_asset="" if intent is None else intent.fee_max.asset.symbol,
        policy_version=None if intent is None else intent.policy_version,
        expires_at_s=None if intent is None else intent.expires_at_s,
        decision="" if record.decision is None else _decision_text(record.decision),
        facts=record.facts_json,
        source="" if record.source is None else record.source.value,
        payment_id=record.payment_id,
        stop="" if record.stop is None else record.stop.value,
        reason=record.reason,
        broadcast_at_ms=record.broadcast_at_ms,
    )


def withdrawal(row: Row[Any], assets: AssetBook) -> Withdrawal:
    """Return the record of a row."""
    asset = assets.get(row.asset)
    to = Address(asset.chain, row.to)
    amount = Amount(row.units, asset)
    return Withdrawal(
        id=WithdrawalId(row.id),
        kind=Kind(row.kind),
        customer=CustomerId(row.customer),
        initiator=row.initiator,
        to=to,
        amount=amount,
        memo=row.memo,
        idempotency_key=IdempotencyKey(row.idempotency_key),
        request_hash=Digest(row.request_hash),
        salt=row.salt,
        requested_at_ms=row.requested_at_ms,
        state=WithdrawalState(row.state),
        moved_at_ms=row.moved_at_ms,
        version=row.version,
        hold=HoldState(row.hold),
        intent=_intent(row, to, amount, assets),
        decision=_decision(row.decision) if row.decision else None,
        facts_json=row.facts,
        source=Tier(row.source) if row.source else None,
        payment_id=row.payment_id,
        stop=WithdrawalEvent(row.stop) if row.stop else None,
        reason=row.reason,
        broadcast_at_ms=row.broadcast_at_ms,
    )


def payment_row(record: Payment) -> PaymentRow:
    """Return the row of a payment, without its items."""
    return PaymentRow(
        id=record.id,
        chain=record.chain,
        wallet_id=record.wallet_id,
        conflict_key=record.conflict_key,
        state=record.state.value,
        version=record.version,
        opened_at_ms=record.opened_at_ms,
        note=record.note,
    )


def payment(row: Row[Any], items: Sequence[str]) -> Payment:
    """Return the record of a row and its items in plan order."""
    return Payment(
        id=row.id,
        chain=ChainId(row.chain),
        wallet_id=row.wallet_id,
        conflict_key=row.conflict_key,
        withdrawal_ids=tuple(WithdrawalId(item) for item in items),
        state=PaymentState(row.state),
        version=row.version,
        opened_at_ms=row.opened_at_ms,
        note=row.note,
    )


def attempt_row(record: Attempt) -> AttemptRow:
    """Return the row of an attempt."""
    signed = record.signed
    return AttemptRow(
        payment_id=record.payment_id,
        number=record.number,
        state=record.state.value,
        plan=record.plan,
        members=",".join(f"{key.curve}:{key.raw.hex()}" for key in record.members),
        txid="" if signed is None else signed.txid,
        raw=b"" if signed is None else signed.raw,
        conflict_key="" if signed is None else signed.conflict_key,
        fee_max=None if signed is None else signed.fee_max.units,
        fee_asset="" if signed is None else signed.fee_max.asset.symbol,
        sent_at_ms=record.sent_at_ms,
    )


def attempt(row: Row[Any], assets: AssetBook) -> Attempt:
    """Return the record of a row."""
    signed = None
    if row.fee_max is not None:
        fee_max = Amount(row.fee_max, assets.get(row.fee_asset))
        signed = SignedTx(TxId(row.txid), row.raw, row.conflict_key, fee_max)
    return Attempt(
        payment_id=row.payment_id,
        number=row.number,
        state=AttemptState(row.state),
        plan=row.plan,
        members=tuple(_key(text) for text in row.members.split(",") if text),
        signed=signed,
        sent_at_ms=row.sent_at_ms,
    )


def signature_row(record: GivenSignature) -> SignatureRow:
    """Return the row of a signature."""
    return SignatureRow(
        payment_id=record.payment_id,
        attempt=record.attempt,
        role=record.role.value,
        signer=record.signer,
        curve=record.signature.key.curve.value,
        key=record.signature.key.raw,
        position=record.signature.index,
        value=record.signature.value,
    )


def signature(row: Row[Any]) -> GivenSignature:
    """Return the record of a row."""
    key = PublicKey(Curve(row.curve), row.key)
    role = SigningRole(row.role)
    return GivenSignature(row.payment_id, row.attempt, role, row.signer, Signature(key, row.position, row.value))


def approval(row: Row[Any]) -> Approval:
    """Return the verdict of a row."""
    return Approval(Digest(row.intent_hash), row.approver, Verdict(row.verdict), row.at_s, row.signature)


def _key(text: str) -> PublicKey:
    curve, _, raw = text.partition(":")
    return PublicKey(Curve(curve), bytes.fromhex(raw))


def _intent(row: Row[Any], to: Address, amount: Amount, assets: AssetBook) -> TransferIntent | None:
    if row.fee_max is None or row.policy_version is None or row.expires_at_s is None:
        return None
    return TransferIntent(
        withdrawal_id=WithdrawalId(row.id),
        to=to,
        amount=amount,
        fee_max=Amount(row.fee_max, assets.get(row.fee_asset)),
        memo=row.memo,
        policy_version=row.policy_version,
        salt=row.salt,
        expires_at_s=row.expires_at_s,
    )


def _decision_text(decision: Decision) -> str:
    return canonical_json(
        {
            "outcome": decision.outcome.value,
            "policy_version": decision.policy_version,
            "not_before_s": decision.not_before_s,
            "groups": [
                [group.name, sorted(group.approvers), group.threshold, group.organisations] for group in decision.groups
            ],
            "matched_rules": decision.matched_rules,
            "reasons": decision.reasons,
            "facts_hash": decision.facts_hash.hex(),
        }
    ).decode()


def _decision(text: str) -> Decision:
    fields = json.loads(text)
    return Decision(
        outcome=Outcome(fields["outcome"]),
        policy_version=fields["policy_version"],
        not_before_s=fields["not_before_s"],
        groups=tuple(
            Group(name, frozenset(approvers), threshold, organisations)
            for name, approvers, threshold, organisations in fields["groups"]
        ),
        matched_rules=tuple(fields["matched_rules"]),
        reasons=tuple(fields["reasons"]),
        facts_hash=Digest(bytes.fromhex(fields["facts_hash"])),
    )
