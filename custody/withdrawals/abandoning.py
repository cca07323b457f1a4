"""Giving a payment up before it is signed.

Rules:
    * OPEN: no signer was ever asked, so the record alone is proof enough.
    * SIGNING: only after every signer vowed never to sign for the withdrawals in question. A signature that
      was released and never arrived here counts as signed.
    * Asking for the vows stops at the first signer that already signed: the payment may still complete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from custody.primitives.errors import Conflict
from custody.primitives.ids import WithdrawalId
from custody.withdrawals.deciding import undecided
from custody.withdrawals.lanes import AnyLane
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.ports import Change
from custody.withdrawals.records import Payment, Withdrawal
from custody.withdrawals.states import PaymentEvent, WithdrawalEvent


def abandon_open(payment: Payment, withdrawals: Sequence[Withdrawal], parts: PipelineParts) -> None:
    """Give up a payment that no signer has seen: stopped requests end, the others are decided again."""
    stopped = {each.id: each.stop for each in withdrawals if each.stop is not None}
    _void(payment, withdrawals, stopped, parts)


def is_abandoned(payment: Payment, lane: AnyLane, parts: PipelineParts, now_s: int) -> bool:
    """Try to give up a payment that signers may have seen.

    Stopped and expired requests end, the others of the batch are decided again.

    Returns:
        False if a signer has already signed: then the payment must go on.

    Raises:
        SignerUnavailable: A signer does not answer; nothing is given up.
    """
    withdrawals = tuple(parts.store.withdrawal(each) for each in payment.withdrawal_ids)
    ending = {
        each.id: each.stop or WithdrawalEvent.EXPIRE
        for each in withdrawals
        if each.stop is not None or now_s >= each.bound_intent().expires_at_s
    }
    try:
        for signer in lane.all_signers():
            for withdrawal_id in ending:
                signer.tombstone(withdrawal_id)
    except Conflict:
        return False
    _void(payment, withdrawals, ending, parts)
    return True


def _void(
    payment: Payment,
    withdrawals: Sequence[Withdrawal],
    ending: Mapping[WithdrawalId, WithdrawalEvent],
    parts: PipelineParts,
) -> None:
    now_ms = parts.now_ms()
    changed = tuple(
        each.move(ending[each.id], now_ms, each.reason or ending[each.id].value)
        if each.id in ending
        else undecided(each, parts)
        for each in withdrawals
    )
    parts.store.commit(
        Change(
            withdrawals=changed,
            payments=(payment.move(PaymentEvent.ABANDON),),
            free=(payment.id,),
            release_usage=tuple(each.id for each in withdrawals if each.id in ending),
        )
    )
