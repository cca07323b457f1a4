# Attacks A02-A11, A15-A17: whatever the node says or does not say, one payment, and no refund without proof.
from dataclasses import replace

import pytest
from simulators.chain import FINAL_DEPTH, SimTx
from simulators.withdrawal_house import FUNDS, House

from custody.primitives.errors import IdempotencyConflict, StaleState
from custody.withdrawals.parts import Batching
from custody.withdrawals.pipeline import Pipeline
from custody.withdrawals.ports import Change
from custody.withdrawals.records import Attempt
from custody.withdrawals.states import AttemptState, PaymentState, WithdrawalEvent, WithdrawalState

UNITS = 1_000
DAY_S = 86_400


@pytest.fixture
def house():
    return House()


def in_flight(house):
    withdrawal = house.ask(UNITS)
    house.step()
    return withdrawal.id


def payment_of(house, withdrawal_id):
    return house.store.payment(house.service.get(withdrawal_id).payment_id)


def require_paid_once(house, withdrawal_id):
    house.settle()
    assert house.state(withdrawal_id) is WithdrawalState.SETTLED
    assert house.network.paid("sim1dest") == [UNITS]
    assert len(set(house.network.sends)) == 1
    assert house.ledger.total() == 2 * FUNDS
    assert house.ledger.paid_out == UNITS


def test_a02_a_lost_answer_sends_identical_bytes_again(house):
    house.network.lose_answers = 3
    withdrawal_id = in_flight(house)
    assert house.state(withdrawal_id) in (WithdrawalState.BROADCASTING, WithdrawalState.BROADCAST)
    require_paid_once(house, withdrawal_id)


def test_a03_an_error_although_relayed_is_found_by_txid(house):
    house.network.refuse_though_relayed = 1
    withdrawal_id = in_flight(house)
    assert house.state(withdrawal_id) is WithdrawalState.BROADCAST
    require_paid_once(house, withdrawal_id)


def test_a03_a_refusal_is_not_a_death_certificate(house):
    house.network.refuse = 2
    withdrawal_id = in_flight(house)
    assert house.state(withdrawal_id) is WithdrawalState.BROADCASTING
    assert "refused" in payment_of(house, withdrawal_id).note
    require_paid_once(house, withdrawal_id)


def test_a04_of_two_workers_on_one_record_one_wins(house):
    withdrawal = house.ask(UNITS)
    claimed = withdrawal.move(WithdrawalEvent.CLAIM, 1)
    house.store.commit(Change(withdrawals=(claimed,)))
    with pytest.raises(StaleState):
        house.store.commit(Change(withdrawals=(claimed,)))


def test_a04_two_pipelines_take_turns_and_pay_once(house):
    withdrawal = house.ask(UNITS)
    first, second = Pipeline(house.parts), Pipeline(house.parts)
    for _ in range(4):
        first.step(house.now_s)
        second.step(house.now_s)
    require_paid_once(house, withdrawal.id)


def test_a06_same_key_same_body_is_the_same_withdrawal(house):
    assert house.ask(UNITS).id == house.ask(UNITS).id
    assert house.ledger.held() == UNITS


def test_a06_same_key_other_body_is_refused(house):
    house.ask(UNITS)
    with pytest.raises(IdempotencyConflict):
        house.ask(UNITS + 1)
    assert house.ledger.held() == UNITS


def test_a06_a_key_is_still_refused_a_year_later(house):
    withdrawal_id = in_flight(house)
    house.settle()
    house.now_s += 365 * DAY_S
    with pytest.raises(IdempotencyConflict):
        house.ask(UNITS, to="sim1elsewhere")
    assert house.ask(UNITS).id == withdrawal_id
    assert house.ledger.paid_out == UNITS


def test_a07_a_malleated_txid_is_recognised_by_its_coin(house):
    withdrawal_id = in_flight(house)
    (txid,) = house.network.pool
    original = house.network.pool.pop(txid)
    malleated = replace(original, members=("malleated",))
    house.network.pool[malleated.txid] = malleated
    house.network.aliases[malleated.txid] = txid
    house.settle()
    assert house.state(withdrawal_id) is WithdrawalState.SETTLED
    assert house.network.paid("sim1dest") == [UNITS]


def test_a08_an_evicted_payment_is_sent_again_with_the_same_bytes(house):
    withdrawal_id = in_flight(house)
    house.network.evict()
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.BROADCAST
    assert house.ask(UNITS).id == withdrawal_id  # the user asks again with the same key
    assert len(house.network.sends) == 2
    require_paid_once(house, withdrawal_id)


def test_a08_a_second_payment_of_a_live_one_cannot_be_opened(house):
    withdrawal_id = in_flight(house)
    assert payment_of(house, withdrawal_id).state is PaymentState.IN_FLIGHT
    assert house.store.reserved(house.codec.chain.id)
    house.network.evict()
    for _ in range(3):
        house.step()
    assert len(house.store.payments(frozenset(PaymentState))) == 1


def test_a09_a_bump_that_loses_the_race_settles_once(house):
    withdrawal_id = in_flight(house)
    payment = payment_of(house, withdrawal_id)
    (original,) = house.store.attempts(payment.id)
    tx = SimTx.from_bytes(original.plan)
    bump = replace(tx, change=tx.change - 50, fee=tx.fee + 50)
    signed = replace(original.signed, txid=bump.txid, raw=b'{"tx":' + b'"not sent"}')
    bumped = Attempt(payment.id, 2, AttemptState.ACKED, bump.to_bytes(), (), signed, 1)
    house.store.commit(Change(payments=(payment,), attempts=(bumped,)))
    house.network.mine(FINAL_DEPTH)  # the original wins
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.SETTLED
    assert [each.state for each in house.store.attempts(payment.id)] == [AttemptState.MINED, AttemptState.ACKED]
    assert house.ledger.paid_out == UNITS


def test_a10_a_reorganisation_brings_it_back_without_refund(house):
    withdrawal_id = in_flight(house)
    house.network.mine()
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.MINED
    house.network.reorg(1)
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.BROADCAST
    assert house.ledger.held() == UNITS
    require_paid_once(house, withdrawal_id)


def test_a11_a_foreign_spend_refunds_only_when_it_is_final(house):
    withdrawal_id = in_flight(house)
    house.network.spend_outside("coin-000")
    house.network.mine(FINAL_DEPTH - 1)
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.BROADCAST
    assert house.ledger.held() == UNITS
    house.network.mine()
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.REFUNDED
    assert "conflict key used outside" in payment_of(house, withdrawal_id).note
    assert house.ledger.available["alice"] == FUNDS


def test_a11_a_foreign_spend_that_is_reorganised_away_refunds_nothing(house):
    withdrawal_id = in_flight(house)
    house.network.spend_outside("coin-000")
    house.network.mine()
    house.step()
    house.network.reorg(1)
    require_paid_once(house, withdrawal_id)


def test_a15_failed_on_chain_gives_the_money_back_only_when_final(house):
    withdrawal_id = in_flight(house)
    house.network.failed.add(next(iter(house.network.pool)))
    house.network.mine()
    house.step()
    assert house.ledger.held() == UNITS
    house.network.mine(FINAL_DEPTH)
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.REFUNDED
    assert house.ledger.available["alice"] == FUNDS
    assert house.ledger.total() == 2 * FUNDS


def test_a16_one_bad_item_of_a_batch_is_put_out_and_99_are_paid_once():
    house = House(batching=Batching(max_items=100, window_ms=1_000))
    ids = [house.ask(UNITS + i, key=f"key-{i}").id for i in range(99)]
    bad = house.ask(1, key="dust").id
    house.step()
    house.now_s += 2
    house.settle()
    assert house.state(bad) is WithdrawalState.REJECTED
    assert {house.state(each) for each in ids} == {WithdrawalState.SETTLED}
    assert sorted(house.network.paid("sim1dest")) == [UNITS + i for i in range(99)]
    assert len(house.network.mined()) == 1
    assert house.ledger.total() == 2 * FUNDS


@pytest.mark.parametrize("jump_s", [DAY_S, -DAY_S, 400 * DAY_S])
def test_a17_a_clock_that_jumps_refunds_nothing_in_flight(house, jump_s):
    house.network.lose_answers = 100
    withdrawal_id = in_flight(house)
    house.network.evict()
    house.now_s += jump_s
    for _ in range(3):
        house.step()
    assert house.ledger.held() == UNITS
    house.network.lose_answers = 0
    require_paid_once(house, withdrawal_id)


def test_a17_a_jump_while_signers_are_silent_ends_only_with_every_vow(house):
    for signer in house.signers:
        signer.down = True
    withdrawal_id = in_flight(house)
    assert house.state(withdrawal_id) is WithdrawalState.ASSIGNED
    house.now_s += DAY_S
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.ASSIGNED  # nobody vowed: the hold stays
    assert house.ledger.held() == UNITS
    for signer in house.signers:
        signer.down = False
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.EXPIRED
    assert all(withdrawal_id in signer.tombstones for signer in house.signers)
    assert house.ledger.available["alice"] == FUNDS
    assert house.store.reserved(house.codec.chain.id) == frozenset()


def test_a17_a_released_signature_counts_as_signed_and_keeps_the_hold(house):
    house.signers[0].lose_answers = 100
    house.signers[1].down = house.signers[2].down = True
    withdrawal_id = in_flight(house)
    house.now_s += DAY_S
    for signer in house.signers:
        signer.down = False
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.NEEDS_REVIEW
    assert house.ledger.held() == UNITS
    house.settle()
    assert house.network.paid("sim1dest") == []
    assert house.ledger.held() == UNITS


def test_a17_a_half_signed_payment_whose_votes_grew_old_goes_to_people_and_does_not_wait_for_ever():
    house = House(with_sender=True)
    house.sender.down = True
    withdrawal_id = house.ask(60_000).id
    house.step()
    house.approve(withdrawal_id, "ann", "bob")
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.ASSIGNED
    house.now_s += 3 * DAY_S
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.NEEDS_REVIEW
    assert house.ledger.held() == 60_000
