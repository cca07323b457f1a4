# A payment that waits too long pays a higher fee on the same conflict key; whichever attempt confirms is settled once.
from dataclasses import replace

import pytest
from simulators.chain import FEE_UNITS, FINAL_DEPTH, SimCodec, SimNetwork, SimTx
from simulators.withdrawal_house import FUNDS, House, roster_of

from custody.primitives.errors import InvalidInput, Refused
from custody.withdrawals.bumping import NO_BUMP_LEFT
from custody.withdrawals.states import AttemptState, PaymentState, WithdrawalState

UNITS = 1_000
WAIT_S = 600
A = AttemptState


@pytest.fixture
def house():
    return House(bump_after_ms=WAIT_S * 1000)


def waiting(house, units=UNITS, **wanted):
    withdrawal_id = house.ask(units, **wanted).id
    house.step()
    return withdrawal_id


def bumped(house):
    withdrawal_id = waiting(house)
    house.now_s += WAIT_S
    house.step()
    return withdrawal_id


def payment_of(house, withdrawal_id):
    return house.store.payment(house.service.get(withdrawal_id).payment_id)


def attempts_of(house, withdrawal_id):
    return house.store.attempts(payment_of(house, withdrawal_id).id)


def states_of(house, withdrawal_id):
    return [each.state for each in attempts_of(house, withdrawal_id)]


def require_settled(house, withdrawal_id):
    house.settle()
    assert house.state(withdrawal_id) is WithdrawalState.SETTLED
    assert house.network.paid("sim1dest") == [UNITS]
    assert (house.ledger.total(), house.ledger.paid_out) == (2 * FUNDS, UNITS)


@pytest.mark.parametrize("change", [{"bump_after_ms": 0}, {"bump_after_ms": -1}, {"max_bumps": -1}])
def test_refuses_a_lane_with_senseless_bumps(change):
    with pytest.raises(InvalidInput):
        House(**change)


def test_pays_no_higher_fee_before_the_time(house):
    withdrawal_id = waiting(house)
    house.now_s += WAIT_S - 1
    house.step()
    assert states_of(house, withdrawal_id) == [A.ACKED]


@pytest.mark.parametrize("jump_s", [-86_400, 86_400])
def test_pays_no_higher_fee_where_the_family_has_none(jump_s):
    house = House()
    withdrawal_id = waiting(house)
    house.now_s += jump_s
    house.step()
    assert states_of(house, withdrawal_id) == [A.ACKED]


def test_pays_no_higher_fee_for_what_is_in_a_block(house):
    withdrawal_id = waiting(house)
    house.network.mine()
    house.now_s += WAIT_S
    house.step()
    assert states_of(house, withdrawal_id) == [A.MINED]


def test_pays_no_higher_fee_while_frozen(house):
    withdrawal_id = waiting(house)
    house.frozen = True
    house.now_s += WAIT_S
    assert any("frozen" in each.problem for each in house.step())
    assert states_of(house, withdrawal_id) == [A.ACKED]
    house.frozen = False
    require_settled(house, withdrawal_id)


def test_asks_no_signer_for_a_higher_fee_once_the_quorum_is_gone(house):
    withdrawal_id = house.ask(60_000).id
    house.step()
    house.approve(withdrawal_id, "ann", "bob")
    house.step()
    asked = [signer.asked for signer in house.signers]
    house.people = roster_of("ann", "cid")
    house.now_s += WAIT_S
    assert any("quorum" in each.problem for each in house.step())
    assert [signer.asked for signer in house.signers] == asked


def test_refuses_a_bump_on_another_conflict_key(house, monkeypatch):
    withdrawal_id = waiting(house)
    fresh = lambda _, tx, *__: replace(tx, inputs=("coin-009",), fee=tx.fee + 20, change=tx.change - 20)  # noqa: E731
    monkeypatch.setattr(SimCodec, "bump", fresh)
    house.now_s += WAIT_S
    assert any("plan_mismatch" in each.problem for each in house.step())
    assert states_of(house, withdrawal_id) == [A.ACKED]


@pytest.mark.parametrize("change", [{"fee": FEE_UNITS}, {"outputs": (("sim1thief", UNITS),), "fee": 30}, {"fee": 101}])
def test_refuses_a_bump_that_pays_otherwise_or_not_more(house, monkeypatch, change):
    withdrawal_id = waiting(house)
    monkeypatch.setattr(SimCodec, "bump", lambda _, tx, *__: replace(tx, **change))
    house.now_s += WAIT_S
    assert any("plan_mismatch" in each.problem for each in house.step())
    assert states_of(house, withdrawal_id) == [A.ACKED]


def test_bumps_are_counted_and_people_are_told_after_the_last():
    house = House(bump_after_ms=WAIT_S * 1000, max_bumps=2)
    withdrawal_id = waiting(house)
    told = []
    for _ in range(5):
        house.now_s += WAIT_S
        told += [each.problem for each in house.step()]
    assert states_of(house, withdrawal_id) == [A.REPLACED, A.REPLACED, A.ACKED]
    assert [each for each in told if each] == [f"{NO_BUMP_LEFT}, after 2 bumps"]
    assert payment_of(house, withdrawal_id).note == f"{NO_BUMP_LEFT}, after 2 bumps"
    require_settled(house, withdrawal_id)


def test_fees_stay_within_the_caps_of_the_intents(house):
    house.policy = replace(house.policy, fee_caps={"simchain": 40})
    withdrawal_id = waiting(house)
    for _ in range(4):
        house.now_s += WAIT_S
        house.step()
    fees = [house.codec.decode(each.plan).fee for each in attempts_of(house, withdrawal_id)]
    assert fees == [10, 30]
    assert NO_BUMP_LEFT in payment_of(house, withdrawal_id).note


def test_signers_that_are_silent_delay_the_bump_and_the_old_bytes_stay_alive(house):
    withdrawal_id = waiting(house)
    for signer in house.signers[1:]:
        signer.down = True
    house.now_s += WAIT_S
    house.step()
    assert states_of(house, withdrawal_id) == [A.ACKED, A.BUILT]
    assert "is down" in payment_of(house, withdrawal_id).note
    house.network.evict()
    house.step()
    assert len(house.network.pool) == 1  # the old bytes again
    house.signers[1].down = False
    house.step()
    assert states_of(house, withdrawal_id) == [A.REPLACED, A.ACKED]
    require_settled(house, withdrawal_id)


def test_nobody_is_asked_for_a_higher_fee_once_the_old_bytes_are_in_a_block(house):
    withdrawal_id = waiting(house)
    for signer in house.signers:
        signer.down = True
    house.now_s += WAIT_S
    house.step()
    house.network.mine()
    asked = [signer.asked for signer in house.signers]
    house.step()
    assert [signer.asked for signer in house.signers] == asked
    require_settled(house, withdrawal_id)
    assert states_of(house, withdrawal_id) == [A.MINED, A.BUILT]
    assert house.store.reserved(house.codec.chain.id) == frozenset()


def test_what_a_bump_consumes_beyond_the_old_bytes_is_reserved(house):
    withdrawal_id = waiting(house, FUNDS // 10 - FEE_UNITS)
    house.approve(withdrawal_id, "ann", "bob")
    house.step()
    house.now_s += WAIT_S
    house.step()
    assert house.store.reserved(house.codec.chain.id) == {"sim:coin-000", "sim:coin-001"}
    assert states_of(house, withdrawal_id) == [A.REPLACED, A.ACKED]


def test_a_node_that_refuses_the_higher_fee_gets_the_old_bytes_again(house, monkeypatch):
    withdrawal_id = waiting(house)
    plain = SimNetwork.accept

    def refuse_bumps(network, tx):
        if tx.fee > FEE_UNITS:
            raise Refused("not this one")
        plain(network, tx)

    monkeypatch.setattr(SimNetwork, "accept", refuse_bumps)
    house.now_s += WAIT_S
    house.step()
    house.network.evict()
    house.step()
    assert states_of(house, withdrawal_id) == [A.REPLACED, A.MAYBE_SENT]
    assert [tx.fee for tx in house.network.pool.values()] == [FEE_UNITS]
    require_settled(house, withdrawal_id)
    assert states_of(house, withdrawal_id) == [A.MINED, A.MAYBE_SENT]


@pytest.mark.parametrize("loses", ["answer", "taken"])
def test_a_lost_answer_to_a_bump_sends_identical_bytes_again(house, loses):
    withdrawal_id = waiting(house)
    house.now_s += WAIT_S
    house.network.lose_answers = 1 if loses == "answer" else 0
    house.network.refuse_though_relayed = 1 if loses == "taken" else 0
    house.step()
    require_settled(house, withdrawal_id)
    assert len(set(house.network.sends)) == 2


def test_the_bump_replaces_the_original_and_is_settled(house):
    withdrawal_id = bumped(house)
    assert house.state(withdrawal_id) is WithdrawalState.BROADCAST
    assert states_of(house, withdrawal_id) == [A.REPLACED, A.ACKED]
    require_settled(house, withdrawal_id)
    assert states_of(house, withdrawal_id) == [A.REPLACED, A.MINED]
    assert [tx.fee for tx in house.network.mined()] == [30]


def test_the_original_can_win_and_only_its_fee_is_booked(house):
    withdrawal_id = bumped(house)
    original = SimTx.from_bytes(attempts_of(house, withdrawal_id)[0].plan)
    house.network.pool = {original.txid: original}
    require_settled(house, withdrawal_id)
    assert states_of(house, withdrawal_id) == [A.MINED, A.ACKED]
    assert [each.signed.fee_max.units for each in attempts_of(house, withdrawal_id) if each.state is A.MINED] == [10]


@pytest.mark.parametrize("depth", [1, FINAL_DEPTH])
def test_a_reorganisation_that_swaps_the_winner_between_two_looks_marks_the_new_one(house, depth):
    withdrawal_id = bumped(house)
    house.network.mine()
    house.step()
    assert states_of(house, withdrawal_id) == [A.REPLACED, A.MINED]
    original = SimTx.from_bytes(attempts_of(house, withdrawal_id)[0].plan)
    house.network.reorg(1)
    house.network.pool = {original.txid: original}
    house.network.mine(depth)
    house.step()
    assert states_of(house, withdrawal_id) == [A.MINED, A.MAYBE_SENT]
    require_settled(house, withdrawal_id)
    assert states_of(house, withdrawal_id) == [A.MINED, A.MAYBE_SENT]


def test_a_reorganisation_after_a_bump_brings_the_payment_back_and_refunds_nothing(house):
    withdrawal_id = bumped(house)
    house.network.mine()
    house.step()
    house.network.reorg(1)
    house.step()
    assert payment_of(house, withdrawal_id).state is PaymentState.IN_FLIGHT
    assert house.ledger.held() == UNITS
    require_settled(house, withdrawal_id)


@pytest.mark.parametrize("kind", [{"with_sender": True}, {"fixes_signers": True}])
def test_other_wallets_are_bumped_alike(kind):
    house = House(bump_after_ms=WAIT_S * 1000, **kind)
    withdrawal_id = bumped(house)
    assert states_of(house, withdrawal_id) == [A.REPLACED, A.ACKED]
    require_settled(house, withdrawal_id)


def test_a_foreign_spend_kills_original_and_bump_only_when_it_is_final(house):
    withdrawal_id = bumped(house)
    house.network.spend_outside("coin-000")
    house.network.mine(FINAL_DEPTH - 1)
    house.step()
    assert house.ledger.held() == UNITS
    house.network.mine()
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.REFUNDED
    assert house.ledger.available["alice"] == FUNDS
