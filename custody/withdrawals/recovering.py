"""At start: requests whose hold the ledger has closed, although our records say that they still wait for payment.

Rules:
    * That happens only where the database was restored from a backup that is older than the ledger. The customer has
      the money back, or it was paid: paying now could be paying twice, so people look (attack A05).
    * What may be signed is not touched here: its bytes are followed, and the end of its hold is repeated.
    * A payment is left to people as a whole; nothing of it is signed.
"""

from __future__ import annotations

from collections.abc import Set

from custody.primitives.ids import WithdrawalId
from custody.withdrawals.ports import Change, WithdrawalStore
from custody.withdrawals.states import WITHDRAWAL, WithdrawalEvent, WithdrawalState

UNSIGNED = frozenset(
    {
        WithdrawalState.HELD,
        WithdrawalState.SCREENING,
        WithdrawalState.DECIDED,
        WithdrawalState.AWAITING_APPROVAL,
        WithdrawalState.APPROVED,
        WithdrawalState.AWAITING_LIQUIDITY,
        WithdrawalState.ASSIGNED,
    }
)
"""States in which nothing complete was signed, as far as the records know."""
HOLD_CLOSED = "the ledger closed its hold before: the database is older than the ledger"


def doubt_without_hold(store: WithdrawalStore, held: Set[WithdrawalId], now_ms: int) -> None:
    """Leave to people what waits for payment without a hold.

    Args:
        store: Where the records live.
        held: Ids of all holds that are neither posted nor voided, complete.
        now_ms: Now, milliseconds since 1970 UTC.
    """
    for lost in sorted(store.holding(UNSIGNED) - held):
        withdrawal = store.withdrawal(lost)
        if withdrawal.state not in UNSIGNED:  # left to people together with another one of its payment
            continue
        together = {withdrawal.id}
        if withdrawal.state is WithdrawalState.ASSIGNED:
            together |= set(store.payment(withdrawal.payment_id).withdrawal_ids)
        current = (store.withdrawal(each) for each in sorted(together))
        store.commit(
            Change(
                withdrawals=tuple(
                    each.move(WithdrawalEvent.DOUBT, now_ms, HOLD_CLOSED)
                    for each in current
                    if WITHDRAWAL.allows(each.state, WithdrawalEvent.DOUBT)
                )
            )
        )
