# Attack A01: kill the process before and after every durable write and every external call of a withdrawal's
# life, start again over the same store, and finish. One payment on the chain, the books balanced, one signature set.
import pytest
from simulators.crashes import Crasher, CrashForTest
from simulators.withdrawal_house import FUNDS, House

from custody.withdrawals.states import WithdrawalState

BIG = 60_000


def house_with_crasher(**options):
    crasher = Crasher()
    house = House(**options)
    house.wrap = crasher.wrap
    house.reopen()
    return house, crasher


def live(house, crasher):
    # The whole life as the outside world drives it; every crash is followed by a new process over the same store.
    withdrawal_id = None
    for _ in range(12):
        try:
            if withdrawal_id is None:
                withdrawal_id = house.ask(BIG).id
            house.step()
            if house.state(withdrawal_id) is WithdrawalState.AWAITING_APPROVAL:
                house.approve(withdrawal_id, "ann", "bob")
            house.step()
            house.network.mine()
        except CrashForTest:
            crasher.disarm()
            house.reopen()
            house.service.recover(house.now_s * 1000)
    return withdrawal_id


def calls_of_an_undisturbed_life(**options):
    house, crasher = house_with_crasher(**options)
    live(house, crasher)
    return crasher.names


QUIET = calls_of_an_undisturbed_life()
QUIET_TWO_ROUNDS = calls_of_an_undisturbed_life(with_sender=True)


def require_paid_once(house, withdrawal_id):
    assert house.state(withdrawal_id) is WithdrawalState.SETTLED
    assert house.network.paid("sim1dest") == [BIG]
    assert len(set(house.network.sends)) == 1
    assert house.ledger.total() == 2 * FUNDS
    assert (house.ledger.held(), house.ledger.paid_out) == (0, BIG)
    for signer in house.signers:
        assert len(signer.memory.get(withdrawal_id, {})) <= 1


def test_the_undisturbed_life_passes_every_kind_of_crash_point():
    assert {"store.add", "store.commit", "ledger.hold", "ledger.post", "signer.sign", "broadcaster.broadcast"} <= set(
        QUIET
    )
    assert len(QUIET) >= 14


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(1, len(QUIET) + 1))
def test_one_payment_whatever_call_the_crash_hits(call, after):
    house, crasher = house_with_crasher()
    crasher.arm(call, after=after)
    withdrawal_id = live(house, crasher)
    assert crasher.at is None, "the crash happened"
    require_paid_once(house, withdrawal_id)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(1, len(QUIET_TWO_ROUNDS) + 1))
def test_one_payment_with_a_second_signing_round(call, after):
    house, crasher = house_with_crasher(with_sender=True)
    crasher.arm(call, after=after)
    require_paid_once(house, live(house, crasher))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(1, 30))
def test_a_crash_while_cancelling_gives_the_money_back_once(call, after):
    house, crasher = house_with_crasher()
    withdrawal_id = house.ask(BIG).id
    house.step()
    crasher.arm(call, after=after)
    for _ in range(3):
        try:
            if house.state(withdrawal_id) is WithdrawalState.AWAITING_APPROVAL:
                house.service.cancel(withdrawal_id, house.now_s * 1000)
            house.step()
        except CrashForTest:
            crasher.disarm()
            house.reopen()
    assert house.state(withdrawal_id) is WithdrawalState.CANCELLED
    assert house.ledger.available["alice"] == FUNDS
    assert house.network.sends == []
