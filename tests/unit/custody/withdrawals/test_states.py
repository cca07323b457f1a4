# Every pair of state and event: what the table lists leads where the table says, everything else raises.
from itertools import product

import pytest

from custody.primitives.errors import IllegalMove
from custody.withdrawals.states import (
    ATTEMPT,
    ENDED,
    PAYMENT,
    WITHDRAWAL,
    AttemptEvent,
    AttemptState,
    PaymentEvent,
    PaymentState,
    WithdrawalEvent,
    WithdrawalState,
)

TABLES = [
    (WITHDRAWAL, WithdrawalState, WithdrawalEvent),
    (PAYMENT, PaymentState, PaymentEvent),
    (ATTEMPT, AttemptState, AttemptEvent),
]
PAIRS = [(table, state, event) for table, states, events in TABLES for state, event in product(states, events)]
S, E = WithdrawalState, WithdrawalEvent


@pytest.mark.parametrize(("table", "state", "event"), [each for each in PAIRS if each[1:] not in each[0].moves])
def test_refuses_every_move_the_table_does_not_list(table, state, event):
    with pytest.raises(IllegalMove):
        table.next(state, event)


@pytest.mark.parametrize("state", [S.SIGNED, S.BROADCASTING, S.BROADCAST, S.MINED, S.FINAL, S.NEEDS_REVIEW])
@pytest.mark.parametrize("event", [E.CANCEL, E.EXPIRE, E.REJECT])
def test_what_may_be_on_its_way_is_never_cancelled(state, event):
    assert not WITHDRAWAL.allows(state, event)


@pytest.mark.parametrize("state", [S.HELD, S.SCREENING, S.DECIDED, S.APPROVED, S.ASSIGNED, S.SIGNED])
def test_nothing_is_refunded_that_was_never_sent(state):
    assert not WITHDRAWAL.allows(state, E.REFUND)


@pytest.mark.parametrize("state", sorted(ENDED))
def test_an_end_is_an_end(state):
    assert not any(WITHDRAWAL.allows(state, event) for event in E)


def test_the_ends_are_these_five():
    assert {S.SETTLED, S.REJECTED, S.CANCELLED, S.EXPIRED, S.REFUNDED} == ENDED


def test_an_evicted_attempt_is_no_end_and_a_final_payment_is_one():
    assert not ATTEMPT.is_terminal(AttemptState.EVICTED)
    assert PAYMENT.is_terminal(PaymentState.FINAL)
    assert PAYMENT.is_terminal(PaymentState.VOID)


def test_every_state_can_be_reached_from_the_first():
    for table, states, first in ((WITHDRAWAL, S, S.HELD), (PAYMENT, PaymentState, PaymentState.OPEN)):
        reached, before = {first}, set()
        while reached != before:
            before = set(reached)
            reached |= {end for (start, _), end in table.moves.items() if start in before}
        assert reached == set(states)
