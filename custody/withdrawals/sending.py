"""From bytes on disk to a final transaction, or to the proof that there will be none.

Rules:
    * What is sent is what was stored; a retry sends identical bytes, nothing is ever rebuilt here.
    * A timeout, an error, an eviction prove nothing: the transaction is looked up by its id and conflict key.
    * A payment dies only if every attempt is dead or failed on a final view (rule R5 b, c, d), and none is known
      without its bytes. Time never kills one (attack A17).
    * Whichever attempt is in a block carries the mark MINED, and no other: its fee is the one that is booked. Where
      all of them carry one act, the newest is marked.
    * A reorganisation brings MINED back to BROADCAST; nothing is refunded.
    * Contradictory evidence moves nothing: the withdrawals wait for people until the nodes agree.
    * Bytes that every node refuses, and that no higher fee can follow any more, are left to people with the nodes'
      words: a refusal is no proof of death, so the hold stays and the bytes are followed on (attack A03).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from custody.primitives.chain import Finality
from custody.primitives.errors import NodesDisagree, Refused, Unavailable, VerificationFailed
from custody.withdrawals.errors import ContradictoryEvidence
from custody.withdrawals.looking import look
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.ports import Change
from custody.withdrawals.records import Attempt, Payment, Withdrawal
from custody.withdrawals.states import (
    WITHDRAWAL,
    AttemptEvent,
    AttemptState,
    PaymentEvent,
    PaymentState,
    WithdrawalEvent,
)

KEY_LOST = "conflict key used outside our records, or expired: no attempt can confirm any more"
FAILED_ON_CHAIN = "executed on chain and failed; no value moved"
REFUSED_FOR_GOOD = "no node takes the bytes, and no node knows them"
REFUSED_AFTER_MS = 600_000
"""How long nodes may refuse before people look: a pool empties, a node catches up, within ten minutes."""
_IN_BLOCK = frozenset({Finality.MINED, Finality.FINAL})
_GONE = frozenset({Finality.DEAD, Finality.FAILED})


def follow(payment: Payment, parts: PipelineParts, sent: set[str]) -> None:
    """Move a payment in flight by one step: send, or look where it is.

    Args:
        payment: IN_FLIGHT or MINED.
        parts: Ports.
        sent: Payments already sent at this step; sending again and again proves nothing more.

    Raises:
        Unavailable: No node answers; nothing changed.
    """
    everything = parts.store.attempts(payment.id)
    attempts = [each for each in everything if each.signed is not None]
    newest = attempts[-1]
    note, is_refused = payment.note, False
    to_send = payment.state is PaymentState.IN_FLIGHT and newest.state is AttemptState.MAYBE_SENT
    if to_send and payment.id not in sent:
        sent.add(payment.id)
        note, is_refused = _send(newest, payment, parts)
        if not note:
            _acknowledge(payment, newest, parts, "")
            return
        # A node that does not take the higher fee may have lost the older bytes: they are as good as ever.
        for older in attempts[:-1]:
            _send(older, payment, parts)
    try:
        seen = look(parts.lanes.get(payment.chain, payment.wallet_id), attempts)
        if len(attempts) < len(everything) and all(status is Finality.DEAD for status in seen.values()):
            _require_all_bytes(payment, everything, parts)
            return
    except ContradictoryEvidence as evidence:
        _doubt(payment, parts, evidence.message)
        return
    if is_refused and set(seen.values()) == {Finality.UNKNOWN} and _is_hopeless(payment, newest, parts):
        _doubt(payment, parts, f"{REFUSED_FOR_GOOD}: {note}")
        return
    _act(replace(payment, note=note), attempts, seen, parts, was_sent=payment.id in sent)
    if note != payment.note:
        current = parts.store.payment(payment.id)
        if current.version == payment.version:
            parts.store.commit(Change(payments=(replace(current, note=note),)))


def _require_all_bytes(payment: Payment, everything: Sequence[Attempt], parts: PipelineParts) -> None:
    """Refuse the conclusion that nothing was paid while there are attempts whose bytes are not here (attack A05).

    Signers may have completed them before the database was restored: a lost one, but also a higher fee, or the
    same payment for other signers, that the backup knows as planned only. A higher fee in time is still signed by
    `speed_up`, where signers repeat their answers: with its bytes here, the chain can tell.

    Raises:
        ContradictoryEvidence: The key was consumed by something else than the bytes we know.
    """
    intents = (parts.store.withdrawal(each).bound_intent() for each in payment.withdrawal_ids)
    in_time = payment.state is PaymentState.IN_FLIGHT and parts.now_ms() < 1000 * min(i.expires_at_s for i in intents)
    if not (in_time and {each.state for each in everything if each.signed is None} == {AttemptState.BUILT}):
        raise ContradictoryEvidence("the conflict key is consumed, maybe by bytes that were lost with a database")


def _is_hopeless(payment: Payment, newest: Attempt, parts: PipelineParts) -> bool:
    """Tell whether refused bytes have waited long enough, and cannot be followed by a higher fee any more."""
    lane, now_ms = parts.lanes.get(payment.chain, payment.wallet_id), parts.now_ms()
    if newest.sent_at_ms is None or now_ms - newest.sent_at_ms < REFUSED_AFTER_MS:
        return False
    if lane.bump_after_ms is None:
        return True
    intents = [parts.store.withdrawal(each).bound_intent() for each in payment.withdrawal_ids]
    return now_ms >= 1000 * min(each.expires_at_s for each in intents)


def _send(attempt: Attempt, payment: Payment, parts: PipelineParts) -> tuple[str, bool]:
    """Hand the stored bytes to every node.

    Returns:
        "" if one took them, else what they said; and whether every single one refused them.
    """
    lane = parts.lanes.get(payment.chain, payment.wallet_id)
    signed = attempt.bytes_to_send()
    problems: list[str] = []
    taken, refusals = False, 0
    for broadcaster in lane.broadcasters:
        try:
            txid = broadcaster.broadcast(signed)
        except (Unavailable, Refused, VerificationFailed) as error:
            problems.append(f"{error.code}: {error.message}")
            refusals += isinstance(error, Refused)
        else:
            taken = taken or txid == signed.txid
            if txid != signed.txid:
                problems.append(f"a node answered with txid {txid} to {signed.txid}")
    return ("" if taken else "; ".join(problems)), refusals == len(lane.broadcasters)


def _act(
    payment: Payment,
    attempts: list[Attempt],
    seen: Mapping[int, Finality],
    parts: PipelineParts,
    *,
    was_sent: bool,
) -> None:
    newest = attempts[-1]
    in_block = [each for each in attempts if seen[each.number] in _IN_BLOCK]
    if (
        len(in_block) > 1 and not parts.lanes.get(payment.chain, payment.wallet_id).is_one_act
    ):  # a view from before a reorganisation and one from after it
        raise NodesDisagree(f"payment {payment.id}: more than one attempt on its conflict key is said to be in a block")
    if in_block:
        _in_block(payment, attempts, in_block[-1], seen[in_block[-1].number], parts)
    elif all(status in _GONE for status in seen.values()):
        _die(payment, attempts, {number for number, status in seen.items() if status is Finality.FAILED}, parts)
    elif payment.state is PaymentState.MINED:
        _reorganise(payment, attempts, parts)
    elif Finality.PENDING in seen.values():
        taken = newest.state is AttemptState.MAYBE_SENT and seen[newest.number] is Finality.PENDING
        _acknowledge(payment, newest if taken else None, parts, payment.note)
    elif newest.state is AttemptState.ACKED and not was_sent:
        # Evicted: it can still confirm, so the same bytes are sent again and nothing else is done.
        again = newest.move(AttemptEvent.EVICT).move(AttemptEvent.SEND)
        parts.store.commit(Change(payments=(payment,), attempts=(again,)))


def _acknowledge(payment: Payment, attempt: Attempt | None, parts: PipelineParts, note: str) -> None:
    """Note that a node has the payment; `attempt` is the one that was not known to be taken until now."""
    now_ms = parts.now_ms()
    moved = tuple(
        replace(each, broadcast_at_ms=each.broadcast_at_ms or now_ms)
        for each in _moved(payment, WithdrawalEvent.ACKNOWLEDGE, parts)
    )
    if moved or attempt is not None:
        attempts = () if attempt is None else (attempt.move(AttemptEvent.ACKNOWLEDGE),)
        parts.store.commit(Change(withdrawals=moved, payments=(replace(payment, note=note),), attempts=attempts))


def _in_block(
    payment: Payment, attempts: list[Attempt], winner: Attempt, status: Finality, parts: PipelineParts
) -> None:
    """Follow the attempt in a block; it may be another one than before, after a reorganisation (attack A09)."""
    now_ms = parts.now_ms()
    marks = _marks(attempts, {winner.number})
    if payment.state is PaymentState.MINED and status is Finality.FINAL:
        moved = _moved(payment, WithdrawalEvent.FINALISE, parts)
        final = payment.move(PaymentEvent.FINALISE)
        parts.store.commit(Change(withdrawals=moved, payments=(final,), attempts=marks, free=(payment.id,)))
        return
    moved = tuple(
        replace(each, broadcast_at_ms=each.broadcast_at_ms or now_ms)
        for each in _moved(payment, WithdrawalEvent.MINE, parts)
    )
    if payment.state is PaymentState.IN_FLIGHT:
        payment = payment.move(PaymentEvent.MINE)
    elif not moved and not marks:
        return
    parts.store.commit(Change(withdrawals=moved, payments=(payment,), attempts=marks))


def _doubt(payment: Payment, parts: PipelineParts, evidence: str) -> None:
    """Leave it to people; it goes on by itself once the nodes agree again."""
    doubted = _moved(payment, WithdrawalEvent.DOUBT, parts, evidence)
    if doubted or payment.note != evidence:
        parts.store.commit(Change(withdrawals=doubted, payments=(replace(payment, note=evidence),)))


def _reorganise(payment: Payment, attempts: list[Attempt], parts: PipelineParts) -> None:
    parts.store.commit(
        Change(
            withdrawals=_moved(payment, WithdrawalEvent.REORGANISE, parts),
            payments=(payment.move(PaymentEvent.REORGANISE, "left the main chain in a reorganisation"),),
            attempts=tuple(each.move(AttemptEvent.REORGANISE) for each in attempts if each.state is AttemptState.MINED),
        )
    )


def _die(payment: Payment, attempts: list[Attempt], failed: Set[int], parts: PipelineParts) -> None:
    """Give the money back; what failed in a block keeps the mark of it, for the fee that it took."""
    reason = FAILED_ON_CHAIN if failed else KEY_LOST
    refunded = _moved(payment, WithdrawalEvent.REFUND, parts, reason)
    parts.store.commit(
        Change(
            withdrawals=refunded,
            payments=(payment.move(PaymentEvent.DIE, reason),),
            attempts=_marks(attempts, failed),
            free=(payment.id,),
            release_usage=tuple(each.id for each in refunded),
        )
    )


def _marks(attempts: list[Attempt], in_block: Set[int]) -> tuple[Attempt, ...]:
    """Give the attempts of these numbers the mark MINED, and take it from all others."""
    return tuple(
        each.move(AttemptEvent.SEE_IN_BLOCK if each.number in in_block else AttemptEvent.REORGANISE)
        for each in attempts
        if (each.number in in_block) != (each.state is AttemptState.MINED)
    )


def _moved(payment: Payment, event: WithdrawalEvent, parts: PipelineParts, reason: str = "") -> tuple[Withdrawal, ...]:
    """Move the payment's withdrawals that the table allows to move; the others are there already."""
    now_ms = parts.now_ms()
    withdrawals = (parts.store.withdrawal(each) for each in payment.withdrawal_ids)
    return tuple(each.move(event, now_ms, reason) for each in withdrawals if WITHDRAWAL.allows(each.state, event))
