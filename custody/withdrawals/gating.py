"""The nine gates of one payment: gathers the evidence, and drafts the receipts, or says which gate is closed and why.

Rules:
    * Asked when a payment is about to be shown to its first signer; the receipts are part of the step that allows it.
    * Asked again at each visit to the signers, for what may change meanwhile: keys, contracts, monitoring, proof and
      books. What was decided stays decided once a signer may have signed.
    * A closed gate holds the whole payment with a note; nothing else of it changes, and it goes on once the gate opens.

Example:
    drafts = pass_gates(payment, withdrawals, parts)
    parts.store.commit(Change(payments=(...), receipts=drafts))
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.approval import Verdict
from custody.primitives.encoding import digest
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferIntent
from custody.withdrawals.deciding import decision_of, votes_for
from custody.withdrawals.errors import GateClosed, WithdrawalsFrozen
from custody.withdrawals.facts import Kind
from custody.withdrawals.gates.evidence import (
    IntentEvidence,
    IsolationEvidence,
    Layer,
    LedgerEvidence,
    MonitorEvidence,
    PolicyEvidence,
    QuorumEvidence,
)
from custody.withdrawals.gates.house import judged
from custody.withdrawals.gates.judging import GateResult
from custody.withdrawals.gates.receipts import ReceiptDraft
from custody.withdrawals.lanes import AnyLane
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.policy import FACTS_TAG
from custody.withdrawals.ports import Change
from custody.withdrawals.rebuilding import open_attempt
from custody.withdrawals.records import Payment, Withdrawal
from custody.withdrawals.request import CheckedRequest
from custody.withdrawals.states import PaymentState

_SHOWN = frozenset({PaymentState.SIGNING, PaymentState.IN_FLIGHT})
"""Payments that signers or nodes may know of. Those that wait for their gates must not keep each other waiting."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What the stored plan does, decoded now, beside what its intents ask for."""

    pays: Counter[tuple[Address, Amount, str]]
    asked: Counter[tuple[Address, Amount, str]]
    fee: str
    fee_max: str


@dataclass(frozen=True, slots=True)
class _Case:
    """One payment before its gates: what is read once for all its withdrawals."""

    payment: Payment
    withdrawals: tuple[Withdrawal, ...]
    lane: AnyLane
    parts: PipelineParts
    now_ms: int
    plan: bytes
    read: Callable[[], _Read]
    waiting: int
    reserved: frozenset[WithdrawalId]


def pass_gates(payment: Payment, withdrawals: Sequence[Withdrawal], parts: PipelineParts) -> tuple[ReceiptDraft, ...]:
    """Ask all nine gates about every withdrawal of a payment.

    Returns:
        One draft a withdrawal, in plan order.

    Raises:
        GateClosed: The first gate that is closed, and why; the payment carries it as its note.
        StaleState: Another worker was faster.
    """
    lane, now_ms = parts.lanes.get(payment.chain, payment.wallet_id), parts.now_ms()
    attempt = open_attempt(payment, parts.store.attempts(payment.id), parts.store)
    case = _Case(
        payment,
        tuple(withdrawals),
        lane,
        parts,
        now_ms,
        attempt.plan,
        cache(partial(_read, attempt.plan, tuple(each.bound_intent() for each in withdrawals), lane)),
        parts.gates.once("backlog", now_ms, partial(parts.store.backlog, _SHOWN)).get((lane.chain, lane.wallet_id), 0),
        parts.store.with_limits([each.id for each in withdrawals]),
    )
    drafts = []
    for each in withdrawals:
        gates = _nine(each, case)
        _require_open(gates, payment, parts)
        drafts.append(ReceiptDraft(each.id, each.intent_hash, decision_of(each).policy_version, gates))
    return tuple(drafts)


def require_house(payment: Payment, withdrawals: Sequence[Withdrawal], parts: PipelineParts) -> None:
    """Ask again what may have changed since the receipt: keys, books, contracts, monitoring, proof.

    Raises:
        GateClosed: As `pass_gates`.
    """
    lane, now_ms = parts.lanes.get(payment.chain, payment.wallet_id), parts.now_ms()
    gates, moment = parts.gates, parts.gates.moment(now_ms)
    _require_open([gates.keys(lane, now_ms), gates.contracts(lane, now_ms)], payment, parts)
    for each in withdrawals:
        monitor = judged(Layer.MONITORING, partial(_monitor, each, lane, parts, now_ms), moment)
        ledger = judged(Layer.LEDGER, partial(_ledger, each, parts, now_ms), moment)
        _require_open([ledger, monitor, gates.proof(each.amount.asset, now_ms)], payment, parts)


def _nine(withdrawal: Withdrawal, case: _Case) -> tuple[GateResult, ...]:
    gates, now_ms, lane = case.parts.gates, case.now_ms, case.lane
    moment = gates.moment(now_ms)
    return (
        gates.keys(lane, now_ms),
        judged(Layer.QUORUM, partial(_quorum, withdrawal, case), moment),
        judged(Layer.ISOLATION, partial(_isolation, withdrawal, case), moment),
        judged(Layer.POLICY, partial(_policy, withdrawal, case), moment),
        judged(Layer.INTENT, partial(_intent, withdrawal, case), moment),
        judged(Layer.LEDGER, partial(_ledger, withdrawal, case.parts, now_ms), moment),
        gates.contracts(lane, now_ms),
        judged(Layer.MONITORING, partial(_monitor, withdrawal, lane, case.parts, now_ms), moment),
        gates.proof(withdrawal.amount.asset, now_ms),
    )


def _require_open(gates: Iterable[GateResult], payment: Payment, parts: PipelineParts) -> None:
    for gate in gates:
        if gate.ok:
            continue
        note = f"gate {gate.layer.value} is closed: {gate.reason}"
        if payment.note != note:
            parts.store.commit(Change(payments=(replace(payment, note=note),)))
        raise GateClosed(note, gate=gate.layer.value, payment=payment.id)


def _quorum(withdrawal: Withdrawal, case: _Case) -> QuorumEvidence:
    parts, decision = case.parts, decision_of(withdrawal)
    roster = parts.policies.roster()
    voices, denied = [], []
    for vote in votes_for(withdrawal, parts) if decision.groups else ():
        member = roster.member(vote.approver)
        if member is not None and vote.verdict is Verdict.APPROVE:
            voices.append((member.approver, member.person, member.organisation, vote.at_s))
        else:
            denied.append(vote.approver)
    return QuorumEvidence(
        initiator=withdrawal.initiator,
        groups=tuple((each.name, tuple(sorted(each.approvers)), each.threshold) for each in decision.groups),
        voices=tuple(voices),
        denied=tuple(denied),
        max_age_s=parts.policies.active(case.now_ms // 1_000).approval_max_age_s,
        signers=tuple(member.signer.name for member in case.lane.members),
        threshold=case.lane.threshold,
    )


def _isolation(withdrawal: Withdrawal, case: _Case) -> IsolationEvidence:
    facts, lane = json.loads(withdrawal.facts_json or "{}"), case.lane
    most = case.parts.large_from(withdrawal.amount.asset)
    return IsolationEvidence(
        kind=withdrawal.kind.value,
        source="" if withdrawal.source is None else withdrawal.source.value,
        destination=str(facts.get("destination", "")),
        wallet=lane.wallet_id,
        tier=lane.tier.value,
        chain=lane.chain,
        to_chain=withdrawal.to.chain,
        units=str(withdrawal.amount.units),
        large_from="" if most is None else str(most),
        waiting=case.waiting,
        most_waiting=case.parts.batching_on(lane.chain).max_in_flight,
    )


def _policy(withdrawal: Withdrawal, case: _Case) -> PolicyEvidence:
    decision = decision_of(withdrawal)
    facts = withdrawal.facts_json.encode()
    return PolicyEvidence(
        outcome=decision.outcome.value,
        version=decision.policy_version,
        active=case.parts.policies.active(case.now_ms // 1_000).version,
        facts=digest(FACTS_TAG, facts).hex(),
        decided_on=decision.facts_hash.hex(),
        screening=str(json.loads(facts or b"{}").get("screening", "")),
        has_reserved=withdrawal.id in case.reserved,
        has_begun=case.payment.state is not PaymentState.OPEN,
    )


def _intent(withdrawal: Withdrawal, case: _Case) -> IntentEvidence:
    read, intent = case.read(), withdrawal.bound_intent()
    mine = (withdrawal.to, withdrawal.amount, withdrawal.memo)
    return IntentEvidence(
        intent=withdrawal.intent_hash.hex(),
        version=intent.policy_version,
        decided_version=decision_of(withdrawal).policy_version,
        request=request_of(withdrawal).content_hash.hex(),
        asked=withdrawal.request_hash.hex(),
        plan=hashlib.sha256(case.plan).hexdigest(),
        pays=read.pays[mine],
        wanted=read.asked[mine],
        payments=read.pays.total(),
        intents=read.asked.total(),
        fee=read.fee,
        fee_max=read.fee_max,
    )


def _read(plan: bytes, intents: Sequence[TransferIntent], lane: AnyLane) -> _Read:
    summary = lane.codec.summarize(lane.codec.decode(plan))
    return _Read(
        Counter(summary.payments()),
        Counter((each.to, each.amount, each.memo) for each in intents),
        str(summary.fee.units),
        str(sum(each.fee_max.units for each in intents)),
    )


def _ledger(withdrawal: Withdrawal, parts: PipelineParts, now_ms: int) -> LedgerEvidence:
    books = parts.gates.books(withdrawal.amount.asset, now_ms)
    note = parts.gates.hold_note(withdrawal.id)
    return LedgerEvidence(
        charges=withdrawal.kind is Kind.CUSTOMER,
        record=withdrawal.hold.value,
        hold="" if note is None else hashlib.sha256(note).hexdigest(),
        request=hashlib.sha256(request_of(withdrawal).note()).hexdigest(),
        books=(books.asset, books.reconciled_at_s, books.missing),
    )


def _monitor(withdrawal: Withdrawal, lane: AnyLane, parts: PipelineParts, now_ms: int) -> MonitorEvidence:
    found = parts.gates.monitor(lane, now_ms)
    try:
        parts.breaker.require_closed(withdrawal.amount.asset, lane.wallet_id)
    except WithdrawalsFrozen as stop:
        return replace(found, stop=stop.message)
    return found


def request_of(withdrawal: Withdrawal) -> CheckedRequest:
    """Return the request that a record says it was made from."""
    return CheckedRequest(
        kind=withdrawal.kind,
        customer=withdrawal.customer,
        initiator=withdrawal.initiator,
        to=withdrawal.to,
        amount=withdrawal.amount,
        memo=withdrawal.memo,
        idempotency_key=withdrawal.idempotency_key,
        requested_at_ms=withdrawal.requested_at_ms,
    )
