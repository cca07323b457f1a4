"""How a withdrawal ends without payment, and how its hold is closed.

Rules:
    * The state is written first and the hold is given back after it: in the other order, a lost race could
      pay a customer who already has the money back.
    * A payment is booked first and the state written after it: SETTLED means the books agree.
    * Both calls of the ledger are idempotent, so a crash between the two repeats the second.
"""

from __future__ import annotations

from dataclasses import replace

from custody.primitives.invariant import invariant
from custody.withdrawals.ports import Change, HoldLedger, WithdrawalStore
from custody.withdrawals.records import HoldState, Withdrawal
from custody.withdrawals.states import UNPAID_ENDS, WithdrawalEvent, WithdrawalState


def ended(withdrawal: Withdrawal) -> Change:
    """Return the change that writes an end without payment and frees its share of the limits."""
    invariant(withdrawal.state in UNPAID_ENDS, "only an end without payment frees the limits")
    return Change(withdrawals=(withdrawal,), release_usage=(withdrawal.id,))


def release_hold(withdrawal: Withdrawal, store: WithdrawalStore, ledger: HoldLedger) -> None:
    """Give the money of an ended request back, and note that it is done."""
    invariant(withdrawal.state in UNPAID_ENDS, "only an end without payment gives the hold back", id=withdrawal.id)
    ledger.void(withdrawal.id)
    store.commit(Change(withdrawals=(replace(withdrawal, hold=HoldState.VOIDED),)))


def settle(withdrawal: Withdrawal, store: WithdrawalStore, ledger: HoldLedger, now_ms: int) -> None:
    """Book a final payment, and note that it is done."""
    invariant(withdrawal.state is WithdrawalState.FINAL, "only a final payment is booked", id=withdrawal.id)
    hold = withdrawal.hold
    if hold is HoldState.HELD:
        ledger.post(withdrawal.id)
        hold = HoldState.POSTED
    moved = withdrawal.move(WithdrawalEvent.SETTLE, now_ms)
    store.commit(Change(withdrawals=(replace(moved, hold=hold),)))
