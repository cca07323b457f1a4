# How withdrawals share a payment: per family, never longer than the window, never more than a lane can carry.
from dataclasses import replace

import pytest
from simulators.chain import SIM
from simulators.withdrawal_house import House, house_policy

from custody.chains.port import TrialUnclear, WalletBusy
from custody.primitives.chain import ChainId, Family
from custody.primitives.errors import InvalidInput, NodeUnavailable
from custody.withdrawals.lanes import Lanes
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


def test_every_family_has_a_setting_and_where_a_pool_counts_no_sender_has_more_than_sixteen_in_flight():
    assert set(HOUSE_BATCHING) == set(Family)
    assert {HOUSE_BATCHING[family].max_in_flight for family in (Family.UTXO, Family.EVM)} == {16}
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


def test_after_a_calm_window_the_first_goes_at_once_and_the_next_wait_for_company():
    house = House(batching=Batching(10, WINDOW_S * 1000))
    first = asked(house, 1)
    house.step()
    assert states(house, first) == [WithdrawalState.BROADCAST]
    later = [house.ask(UNITS + i, key=f"later-{i}").id for i in range(3)]
    house.step()
    assert states(house, later) == [WithdrawalState.APPROVED] * 3
    assert house.pipeline.is_gathering(SIM)
    house.now_s += WINDOW_S
    house.step()
    assert states(house, later) == [WithdrawalState.BROADCAST] * 3
    assert not house.pipeline.is_gathering(SIM)
    assert len(house.network.pool) == 2


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


class Troubled:
    # A reader whose wallet plans nothing; it counts how often it is asked.
    def __init__(self, reader, error):
        self.reader, self.error, self.asked, self.chain = reader, error, 0, reader.chain

    def spendable(self, reserved):
        self.asked += 1
        raise self.error

    def __getattr__(self, name):
        return getattr(self.reader, name)


@pytest.mark.parametrize(("error", "asked_times"), [(WalletBusy("simulated"), 1), (NodeUnavailable("simulated"), 5)])
def test_a_wallet_that_can_take_no_more_is_not_asked_for_each_that_waits(error, asked_times):
    house = House(batching=Batching(1, 0))
    lane = house.parts.lanes.any_on(house.codec.chain.id)
    reader = Troubled(lane.reader, error)
    house.pipeline = Pipeline(replace(house.parts, lanes=Lanes([replace(lane, reader=reader)])))
    ids = asked(house, 5)
    house.step()
    assert reader.asked == asked_times
    assert states(house, ids) == [WithdrawalState.APPROVED] * 5


class Picky:
    # A trial that refuses what is dealt to it, as a chain does whose destinations are contracts.
    def __init__(self, refuses):
        self.refuses, self.asked = refuses, 0

    def refusal(self, tx):
        self.asked += 1
        return self.refuses(sorted(amount.units for _, amount in House().codec.summarize(tx).to))


def tried(house, refuses):
    lane = house.parts.lanes.any_on(house.codec.chain.id)
    trial = Picky(refuses)
    house.pipeline = Pipeline(replace(house.parts, lanes=Lanes([replace(lane, trial=trial)])))
    house.pipeline.try_open()
    return trial


def test_a16_what_a_trial_refuses_is_rejected_before_a_signer_is_asked_and_the_others_are_paid():
    house = House(batching=Batching(10, 0))
    ids = asked(house, 5)
    tried(house, lambda units: "it reverts" if UNITS + 2 in units else "")
    house.step()
    assert [place for place, state in enumerate(states(house, ids)) if state is WithdrawalState.REJECTED] == [2]
    assert house.service.get(ids[2]).reason == "the destination refuses the payment: it reverts"
    assert all(ids[2] not in signer.memory for signer in house.signers)
    house.settle()
    assert sorted(house.network.paid("sim1dest")) == [UNITS + i for i in (0, 1, 3, 4)]


def test_what_a_trial_refuses_only_together_is_paid_apart():
    house = House(batching=Batching(10, 0))
    ids = asked(house, 4)
    tried(house, lambda units: "it reverts" if len(units) > 1 else "")
    house.settle()
    assert set(states(house, ids)) == {WithdrawalState.SETTLED}


def test_what_nobody_can_tell_waits_and_holds_nobody_up():
    def refuses(units):
        if UNITS in units:
            raise TrialUnclear("the node is out of its mind")
        return ""

    house = House(batching=Batching(10, 0))
    ids = asked(house, 3)
    tried(house, refuses)
    house.settle()
    assert states(house, ids) == [WithdrawalState.APPROVED, WithdrawalState.SETTLED, WithdrawalState.SETTLED]
    assert house.service.get(ids[0]).reason == "the node is out of its mind"


def test_a_silent_node_ends_nothing():
    def refuses(units):
        raise NodeUnavailable("no answer")

    house = House(batching=Batching(10, 0))
    ids = asked(house, 3)
    trial = tried(house, refuses)
    house.step()
    assert set(states(house, ids)) == {WithdrawalState.APPROVED}
    assert trial.asked == 1
