# What is asked of the nodes while a payment waits, and what ends the quiet: a block, another block, silence, time.
from dataclasses import replace

import pytest
from simulators.chain import SimReader
from simulators.withdrawal_house import House

from custody.withdrawals.lanes import Lanes
from custody.withdrawals.pipeline import Pipeline
from custody.withdrawals.states import WithdrawalState

LOOK_AGAIN_MS = 5_000
UNITS = 1_000


class Asked(SimReader):
    questions = 0
    forks = 0

    def tip(self):
        block = super().tip()
        return replace(block, hash=f"{block.hash}-{self.forks}")

    def finality(self, txid, conflict_key):
        self.questions += 1
        return super().finality(txid, conflict_key)


@pytest.fixture
def house():
    house = House()
    (lane,) = house.parts.lanes
    house.asked = Asked(house.network)
    lanes = Lanes([replace(lane, reader=house.asked)])
    house.pipeline = Pipeline(replace(house.parts, lanes=lanes, look_again_ms=LOOK_AGAIN_MS))
    house.pipeline.try_open()
    return house


def quiet_payment(house):
    withdrawal_id = house.ask(UNITS).id
    house.step()
    house.step()
    house.asked.questions = 0
    return withdrawal_id


def test_nobody_is_asked_while_no_block_comes(house):
    quiet_payment(house)
    for _ in range(5):
        house.step()
    assert house.asked.questions == 0


def test_a_block_ends_the_quiet_at_the_next_step(house):
    withdrawal_id = quiet_payment(house)
    house.network.mine()
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.MINED


def test_a_block_of_the_same_height_with_another_hash_ends_the_quiet(house):
    quiet_payment(house)
    house.asked.forks += 1
    house.step()
    assert house.asked.questions > 0


def test_a_reorganisation_is_noticed_within_a_second(house):
    withdrawal_id = quiet_payment(house)
    house.network.mine()
    house.step()
    house.network.reorg(1, drop=False)
    house.now_s += 1
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.BROADCAST


def test_a_pool_that_dropped_it_is_noticed_when_the_time_is_over(house):
    quiet_payment(house)
    house.network.evict()
    house.step()
    assert not house.network.pool
    house.now_s += LOOK_AGAIN_MS // 1_000
    house.step()
    house.step()
    assert house.network.pool


def test_a_clock_that_was_set_back_makes_nobody_wait(house):
    quiet_payment(house)
    house.now_s -= 1
    house.step()
    assert house.asked.questions > 0


def test_a_node_that_does_not_answer_ends_the_quiet(house):
    quiet_payment(house)
    house.network.down = True
    assert any("node" in each.problem for each in house.step())


def test_bytes_that_no_node_took_are_sent_again_at_every_step(house):
    house.network.refuse = 3
    house.ask(UNITS)
    for _ in range(3):
        house.step()
    sends = len(house.network.sends)
    house.step()
    assert len(house.network.sends) > sends or house.network.pool


def test_what_a_block_holds_is_looked_at_once_a_second_however_quick_the_blocks_are(house):
    withdrawal_id = quiet_payment(house)
    house.network.mine()
    house.step()
    house.step()
    house.asked.questions = 0
    for _ in range(3):
        house.asked.forks += 1
        house.step()
    assert house.asked.questions == 0
    house.network.reorg(1, drop=False)
    house.now_s += 1
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.BROADCAST
