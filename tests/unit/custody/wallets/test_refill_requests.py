from dataclasses import replace

import pytest

from custody.primitives.errors import IllegalMove
from custody.wallets.refill_requests import AGAIN_S, NO_QUORUM, UNFINISHED, Need, RefillState, next_request
from custody.wallets.refills import DAY_S, RefillLimits
from custody.wallets.treasury_moves import Purpose, TierMove
from custody.withdrawals.facts import Tier

NOW_S = 1_800_000_000
LIMITS = RefillLimits(most_a_day=4, most_ppm=20_000, base_quorum=2, people=3, per_step=2)
MOVE = TierMove(Purpose.REFILL, Tier.WARM, Tier.HOT, 1_000, "below the low level")
NEED = Need("SIM", MOVE, owed=1_000_000, level=10)
ENDS = (RefillState.DONE, RefillState.REFUSED, RefillState.EXPIRED)


def ask(earlier=(), need=NEED, at_s=NOW_S, limits=LIMITS):
    return next_request(need, earlier, limits, at_s)


def after(states, at_s=NOW_S):
    # One request after another, each ended before the next one is asked for.
    found = []
    for state in states:
        found.append(ask(found, at_s=at_s).moved(state, at_s))
    return found


def test_a_request_names_the_way_the_amount_the_quorum_and_why():
    request = ask()
    assert (request.id, request.symbol, request.source, request.destination) == (
        "refill-SIM-hot-1", "SIM", Tier.WARM, Tier.HOT,
    )  # fmt: skip
    assert (request.units, request.quorum, request.level, request.reason) == (1_000, 2, 10, "below the low level")
    assert (request.state, request.raised_at_s, request.moved_at_s) == (RefillState.OPEN, NOW_S, NOW_S)


@pytest.mark.parametrize("state", sorted(UNFINISHED))
def test_never_two_open_requests_for_one_wallet(state):
    assert ask([replace(ask(), state=state)]) is None


def test_a_request_that_waits_for_people_at_the_cold_keys_does_not_stop_the_other_step():
    cold = ask(need=replace(NEED, move=replace(MOVE, source=Tier.COLD, destination=Tier.WARM)))
    assert cold.id == "refill-SIM-warm-1"
    assert ask([cold]).id == "refill-SIM-hot-1"


def test_e02_the_third_refill_of_a_day_needs_one_more_person_and_after_the_fourth_none_is_made():
    found = after([RefillState.DONE] * 4)
    assert [request.quorum for request in found] == [2, 2, 3, 3]
    stopped = ask(found)
    assert (stopped.state, stopped.quorum) == (RefillState.REFUSED, NO_QUORUM)
    assert "4 refills in 24 h, at most 4" in stopped.note
    assert ask([*found, stopped], at_s=NOW_S + AGAIN_S) is None
    assert ask([*found, stopped], at_s=NOW_S + DAY_S).quorum == 2


def test_e02_the_sum_of_a_day_is_bounded_whatever_the_number():
    large = replace(NEED, move=replace(MOVE, units=20_001))
    assert ask(need=large).state is RefillState.REFUSED


@pytest.mark.parametrize("state", [RefillState.REFUSED, RefillState.EXPIRED])
def test_what_moved_nothing_is_asked_for_again_after_a_while_and_does_not_count(state):
    found = after([state])
    assert ask(found, at_s=NOW_S + AGAIN_S - 1) is None
    for _ in range(3):
        found.append(ask(found, at_s=NOW_S + AGAIN_S).moved(state, NOW_S))
    assert ask(found, at_s=NOW_S + AGAIN_S).quorum == 2


@pytest.mark.parametrize("state", ENDS)
def test_an_ended_request_never_opens_again(state):
    request = ask().moved(state, NOW_S + 5, "why")
    assert (request.moved_at_s, request.note, request.is_open) == (NOW_S + 5, "why", False)
    with pytest.raises(IllegalMove, match=state.value):
        request.moved(RefillState.OPEN, NOW_S + 6)


def test_a_new_note_in_the_same_state_keeps_the_time_of_the_state():
    request = ask().moved(RefillState.APPROVED, NOW_S + 5).moved(RefillState.APPROVED, NOW_S + 9, "waits")
    assert (request.moved_at_s, request.note) == (NOW_S + 5, "waits")
