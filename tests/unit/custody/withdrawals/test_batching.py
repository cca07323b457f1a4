# How withdrawals share a payment: per family, never longer than the window, never more than a lane can carry.
from dataclasses import replace

import pytest
from simulators.withdrawal_house import House, house_policy

from custody.primitives.chain import ChainId, Family
from custody.primitives.errors import InvalidInput
from custody.withdrawals.parts import HOUSE_BATCHING, Batching
from custody.withdrawals.pipeline import Pipeline
from custody.withdrawals.states import WithdrawalState

UNITS = 1_000
WINDOW_S = 3


def asked(house, count):
    return [house.ask(UNITS + i, key=f"key-{i}").id for i in range(count)]


def states(house, ids):
    return [house.state(each) for each in ids]


@pytest.mark.parametrize("wrong", [{"max_items": 0}, {"window_ms": -1}, {"max_in_flight": 0}])
def test_refuses_senseless_settings(wrong):
    with pytest.raises(InvalidInput):
        Batching(**wrong)


@pytest.mark.parametrize("family", [Family.SOLANA, Family.TRON, Family.XRPL])
def test_families_whose_message_holds_one_payment_never_batch(family):
    assert HOUSE_BATCHING[family].max_items == 1
    assert HOUSE_BATCHING[family].window_ms == 0


def test_every_family_has_a_setting_and_no_sender_more_than_sixteen_in_flight():
    assert set(HOUSE_BATCHING) == set(Family)
    assert {each.max_in_flight for each in HOUSE_BATCHING.values()} == {16}
    assert (HOUSE_BATCHING[Family.UTXO].window_ms, HOUSE_BATCHING[Family.EVM].window_ms) == (3_000, 250)


def test_a_family_or_chain_without_a_setting_pays_one_by_one():
    house = House()
    parts = replace(house.parts, batching={Family.EVM: Batching(5)})
    assert parts.batching_on(house.codec.chain.id) == Batching()
    assert parts.batching_on(ChainId("nowhere")) == Batching()
    house.pipeline = Pipeline(parts)
    asked(house, 3)
    house.step()
    assert len(house.network.pool) == 3


def test_a_batch_that_is_not_full_waits_for_its_window_and_no_longer():
    house = House(batching=Batching(10, WINDOW_S * 1000))
    ids = asked(house, 3)
    house.step()
    assert states(house, ids) == [WithdrawalState.APPROVED] * 3
    house.now_s += WINDOW_S
    house.step()
    assert states(house, ids) == [WithdrawalState.BROADCAST] * 3
    assert len(house.network.pool) == 1


def test_a_full_batch_does_not_wait():
    house = House(batching=Batching(3, 10**9))
    ids = asked(house, 4)
    house.step()
    assert sorted(states(house, ids)) == [WithdrawalState.APPROVED] + [WithdrawalState.BROADCAST] * 3


def test_a_clock_set_back_by_a_day_makes_nobody_wait_a_day():
    house = House(batching=Batching(10, WINDOW_S * 1000))
    ids = asked(house, 1)
    house.step()
    house.now_s -= 86_400
    house.step()
    assert states(house, ids) == [WithdrawalState.BROADCAST]


def test_no_more_than_the_allowed_number_is_in_flight_and_the_others_follow():
    house = House(batching=Batching(1, 0, max_in_flight=4))
    house.policy = house_policy()
    ids = asked(house, 7)
    house.step()
    assert len(house.network.pool) == 4
    assert states(house, ids).count(WithdrawalState.APPROVED) == 3
    house.settle()
    house.settle()
    assert set(states(house, ids)) == {WithdrawalState.SETTLED}
    assert sorted(house.network.paid("sim1dest")) == [UNITS + i for i in range(7)]
