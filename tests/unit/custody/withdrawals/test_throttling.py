# While the hot wallet is nearly empty large withdrawals wait and say why; small ones and our own moves flow.
import pytest
from simulators.withdrawal_house import House

from custody.withdrawals.assigning import THROTTLED
from custody.withdrawals.parts import Batching
from custody.withdrawals.records import HoldState
from custody.withdrawals.states import WithdrawalState

LARGE_FROM = 5_000


@pytest.fixture
def house():
    return House(large_from=LARGE_FROM, batching=Batching(max_items=10))


def test_large_ones_wait_for_liquidity_with_the_reason_and_their_hold_and_small_ones_are_paid(house):
    large = house.ask(LARGE_FROM + 1, to="sim1large", key="large")
    small = house.ask(LARGE_FROM, to="sim1small", key="small", customer="bobby")
    house.settle()
    assert house.state(small.id) is WithdrawalState.SETTLED
    waiting = house.service.get(large.id)
    assert (waiting.state, waiting.reason, waiting.hold) == (
        WithdrawalState.AWAITING_LIQUIDITY, THROTTLED, HoldState.HELD,
    )  # fmt: skip
    assert "large amounts wait" in waiting.reason
    assert house.network.paid("sim1large") == []


def test_what_waits_is_not_written_again_while_nothing_changes(house):
    large = house.ask(LARGE_FROM + 1)
    house.settle()
    version = house.service.get(large.id).version
    house.settle()
    assert house.service.get(large.id).version == version


def test_what_waited_is_paid_once_when_the_wallet_is_filled_again(house):
    large = house.ask(LARGE_FROM + 1, to="sim1large")
    house.settle()
    house.large_from = None
    house.settle()
    assert house.state(large.id) is WithdrawalState.SETTLED
    assert house.network.paid("sim1large") == [LARGE_FROM + 1]


def test_what_waited_because_the_wallet_was_short_says_now_that_it_waits_for_its_size():
    house = House(funds=1_000)
    large = house.ask(LARGE_FROM + 1)
    house.settle()
    assert house.service.get(large.id).reason == "waits for liquidity"
    house.large_from = LARGE_FROM
    house.settle()
    assert house.service.get(large.id).reason == THROTTLED


def test_who_waits_may_still_cancel(house):
    large = house.ask(LARGE_FROM + 1)
    house.settle()
    house.service.cancel(large.id, house.now_s * 1_000)
    house.settle()
    assert house.service.get(large.id).hold is HoldState.VOIDED


def test_a_move_between_our_own_wallets_is_never_throttled(house):
    move = house.move(LARGE_FROM * 10)
    house.step()
    house.approve(move.id, "bob", "cid")
    house.settle()
    assert house.state(move.id) is WithdrawalState.SETTLED
