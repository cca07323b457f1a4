# Several nodes: what frees money needs all of them, what does not needs one, and contradictions go to people.
from dataclasses import replace

import pytest
from simulators.chain import FINAL_DEPTH, SIM, chain
from simulators.withdrawal_house import FUNDS, House

from custody.primitives.chain import Finality
from custody.primitives.errors import InvalidInput, NodeUnavailable
from custody.withdrawals.lanes import Lanes
from custody.withdrawals.pipeline import Pipeline
from custody.withdrawals.states import PaymentState, WithdrawalState

F = Finality
UNITS = 1_000


class Witness:
    # A second node that says what it is told to, or what the first would say.
    def __init__(self, chain_id=SIM):
        self.chain, self.says, self.truth = chain(chain_id), None, None

    def finality(self, txid, conflict_key):
        if self.says is NodeUnavailable:
            raise NodeUnavailable("the second node is down")
        return self.says or self.truth.finality(txid, conflict_key)


@pytest.fixture
def witness():
    return Witness()


@pytest.fixture
def house(witness):
    house = House(witnesses=(witness,))
    witness.truth = house.parts.lanes.any_on(SIM).reader
    return house


def in_flight(house):
    withdrawal_id = house.ask(UNITS).id
    house.step()
    return withdrawal_id


def payment_of(house, withdrawal_id):
    return house.store.payment(house.service.get(withdrawal_id).payment_id)


def require_settled(house, withdrawal_id):
    house.settle()
    assert house.state(withdrawal_id) is WithdrawalState.SETTLED
    assert house.network.paid("sim1dest") == [UNITS]
    assert (house.ledger.total(), house.ledger.paid_out) == (2 * FUNDS, UNITS)


def test_refuses_a_witness_of_another_chain():
    with pytest.raises(InvalidInput):
        House(witnesses=(Witness("otherchain"),))


@pytest.mark.parametrize("lie", [F.DEAD, F.FAILED])
def test_a03_one_node_that_says_dead_where_the_other_says_final_goes_to_people(house, witness, lie):
    withdrawal_id = in_flight(house)
    house.network.mine(FINAL_DEPTH)
    witness.says = lie
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.NEEDS_REVIEW
    assert "contradict" in payment_of(house, withdrawal_id).note
    assert house.ledger.held() == UNITS
    for _ in range(3):
        house.step()
    assert house.ledger.held() == UNITS
    witness.says = None  # they agree again: on to what the chain supports
    require_settled(house, withdrawal_id)


def test_a_doubt_after_it_was_mined_ends_where_the_nodes_agree(house, witness):
    withdrawal_id = in_flight(house)
    house.network.mine()
    house.step()
    house.network.mine(FINAL_DEPTH)
    witness.says = F.DEAD
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.NEEDS_REVIEW
    witness.says = None
    require_settled(house, withdrawal_id)


@pytest.mark.parametrize("silent", [F.DEAD, F.FAILED])
def test_a_node_that_says_dead_alone_refunds_nothing(house, witness, silent):
    withdrawal_id = in_flight(house)
    witness.says = silent
    for _ in range(3):
        house.step()
    assert house.ledger.held() == UNITS
    assert payment_of(house, withdrawal_id).state is PaymentState.IN_FLIGHT
    witness.says = None
    require_settled(house, withdrawal_id)


def test_nothing_is_final_while_a_node_is_behind(house, witness):
    withdrawal_id = in_flight(house)
    house.network.mine(FINAL_DEPTH)
    witness.says = F.UNKNOWN
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.MINED
    witness.says = F.MINED
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.MINED
    require_after(house, witness, withdrawal_id)


def require_after(house, witness, withdrawal_id):
    witness.says = None
    require_settled(house, withdrawal_id)


def test_nothing_is_final_while_a_node_is_silent(house, witness):
    withdrawal_id = in_flight(house)
    house.network.mine(FINAL_DEPTH)
    witness.says = NodeUnavailable
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.MINED
    assert house.ledger.held() == UNITS
    require_after(house, witness, withdrawal_id)


def test_nothing_is_refunded_while_a_node_is_silent(house, witness):
    withdrawal_id = in_flight(house)
    house.network.spend_outside("coin-000")
    house.network.mine(FINAL_DEPTH)
    witness.says = NodeUnavailable
    house.step()
    assert house.ledger.held() == UNITS
    witness.says = None
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.REFUNDED


def test_a02_a_payment_only_the_second_node_has_is_found_there(house, witness):
    house.network.refuse = 1
    witness.says = F.PENDING
    withdrawal_id = in_flight(house)
    assert house.state(withdrawal_id) is WithdrawalState.BROADCAST
    assert house.network.sends == []
    require_after(house, witness, withdrawal_id)


def test_with_every_node_silent_nothing_moves(house, witness):
    withdrawal_id = in_flight(house)
    house.network.down, witness.says = True, NodeUnavailable
    assert any("unavailable" in each.problem for each in house.step())
    assert house.state(withdrawal_id) is WithdrawalState.BROADCAST
    house.network.down = False
    require_after(house, witness, withdrawal_id)


class Recorder:
    def __init__(self, answer):
        self.answer, self.got = answer, []

    def broadcast(self, signed):
        self.got.append(signed.raw)
        if self.answer is NodeUnavailable:
            raise NodeUnavailable("down")
        return self.answer or signed.txid


@pytest.mark.parametrize("first", [None, NodeUnavailable, "another txid"])
def test_bytes_go_to_every_node_given_whatever_the_first_says(house, first):
    nodes = (Recorder(first), Recorder(None))
    lane = replace(house.parts.lanes.any_on(SIM), broadcasters=nodes)
    house.pipeline = Pipeline(replace(house.parts, lanes=Lanes([lane])))
    withdrawal_id = in_flight(house)
    assert house.state(withdrawal_id) is WithdrawalState.BROADCAST
    assert len(nodes[0].got) == 1
    assert nodes[0].got == nodes[1].got
