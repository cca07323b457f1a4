# Attack A05: the database is an hour older than the signers, the ledger and the chain. Nothing is signed again,
# nothing is given back, and what cannot be told apart goes to people with its hold.
import pytest
from simulators.chain import FINAL_DEPTH
from simulators.withdrawal_house import FUNDS, House, house_policy

from custody.withdrawals.boot_gate import UNKNOWN_HERE
from custody.withdrawals.recovering import HOLD_CLOSED
from custody.withdrawals.states import AttemptState, PaymentState, WithdrawalState

UNITS = 1_000
WAIT_S = 600


def snapshot(house):
    return raw(house).serialize()


def restore(house, image):
    raw(house).deserialize(image)
    house.reopen()


def raw(house):
    connection = house.engine.raw_connection()
    try:
        return connection.driver_connection
    finally:
        connection.close()


def signatures(house):
    return [len(signer.log) for signer in house.signers]


def payment_of(house, withdrawal_id):
    return house.store.payment(house.service.get(withdrawal_id).payment_id)


@pytest.fixture
def house():
    return House()


@pytest.mark.parametrize("before", ["asked", "held", "decided"])
def test_what_the_signers_signed_and_the_database_forgot_goes_to_people(house, before):
    image = snapshot(house)
    if before != "asked":
        withdrawal_id = house.ask(UNITS).id
        image = snapshot(house)
    if before == "decided":
        for signer in house.signers:
            signer.down = True
        house.frozen = True
        house.step()  # as far as an open payment that no signer has seen
        image = snapshot(house)
        for signer in house.signers:
            signer.down = False
        house.frozen = False
    withdrawal_id = house.ask(UNITS).id
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.BROADCAST
    made = signatures(house)
    restore(house, image)
    house.settle()
    assert signatures(house) == made, "no further signature"
    assert house.network.paid("sim1dest") == [UNITS]
    end = WithdrawalState.SETTLED if before == "decided" else WithdrawalState.NEEDS_REVIEW
    assert house.state(withdrawal_id) is end  # the payment was in the backup: its signers repeat their answers
    assert house.ledger.total() == 2 * FUNDS
    assert house.ledger.held() == (0 if before == "decided" else UNITS)


def test_nobody_gets_the_money_back_for_what_went_to_people(house):
    withdrawal_id = house.ask(UNITS).id
    image = snapshot(house)
    house.step()
    restore(house, image)
    assert house.service.get(withdrawal_id).reason == UNKNOWN_HERE
    with pytest.raises(Exception, match="no cancel"):
        house.service.cancel(withdrawal_id, house.now_s * 1000)
    house.now_s += 90_000
    house.settle()
    assert house.ledger.held() == UNITS


def test_the_coin_of_a_forgotten_payment_pays_nobody_else(house):
    house.ask(UNITS)
    image = snapshot(house)
    house.step()
    house.network.evict()  # the forgotten bytes are nowhere, but they exist
    restore(house, image)
    other = house.ask(UNITS, to="sim1other", key="key-2").id
    house.settle()
    assert house.state(other) is WithdrawalState.SETTLED
    assert "sim:coin-000" in house.store.reserved(house.codec.chain.id)


def test_a_forgotten_bump_that_won_is_not_taken_for_a_foreign_spend():
    house = House(bump_after_ms=WAIT_S * 1000)
    withdrawal_id = house.ask(UNITS).id
    house.step()
    image = snapshot(house)
    house.now_s += WAIT_S
    house.step()  # the bump is out
    restore(house, image)
    states = [each.state for each in house.store.attempts(payment_of(house, withdrawal_id).id)]
    assert AttemptState.LOST in states
    house.network.mine(FINAL_DEPTH)  # the bump confirms: to the database its key is used by something else
    for _ in range(3):
        house.step()
    assert house.network.paid("sim1dest") == [UNITS]
    assert house.state(withdrawal_id) is WithdrawalState.NEEDS_REVIEW
    assert house.ledger.held() == UNITS


@pytest.mark.parametrize("late_s", [0, 90_000])
def test_a_bump_that_the_backup_knows_unsigned_is_not_taken_for_a_foreign_spend(late_s):
    house = House(bump_after_ms=WAIT_S * 1000)
    withdrawal_id = house.ask(UNITS).id
    house.step()
    for signer in house.signers:
        signer.down = True
    house.now_s += WAIT_S
    house.step()
    image = snapshot(house)  # the bump is planned, and nobody has signed it yet
    for signer in house.signers:
        signer.down = False
    house.step()
    restore(house, image)
    house.network.mine(FINAL_DEPTH)
    house.now_s += late_s
    for _ in range(3):
        house.step()
    assert house.network.paid("sim1dest") == [UNITS]
    assert house.ledger.available["alice"] == FUNDS - UNITS, "paid and given back would be paid twice"
    end = WithdrawalState.NEEDS_REVIEW if late_s else WithdrawalState.SETTLED  # signers repeat what they signed
    assert house.state(withdrawal_id) is end


def test_a_planned_bump_whose_key_somebody_else_used_is_refunded_once_its_bytes_are_known_to_be_dead():
    house = House(bump_after_ms=WAIT_S * 1000)
    withdrawal_id = house.ask(UNITS).id
    house.step()
    for signer in house.signers:
        signer.down = True
    house.now_s += WAIT_S
    house.step()
    house.network.spend_outside("coin-000")
    house.network.mine(FINAL_DEPTH)
    for _ in range(3):
        house.step()
    assert house.ledger.held() == UNITS, "nobody can tell yet"
    for signer in house.signers:
        signer.down = False
    for _ in range(3):
        house.step()
    assert house.state(withdrawal_id) is WithdrawalState.REFUNDED
    assert house.network.paid("sim1dest") == []


def test_a_forgotten_bump_that_lost_lets_the_known_bytes_settle():
    house = House(bump_after_ms=WAIT_S * 1000)
    withdrawal_id = house.ask(UNITS).id
    house.step()
    image, original = snapshot(house), dict(house.network.pool)
    house.now_s += WAIT_S
    house.step()
    restore(house, image)
    house.network.pool = original
    house.settle()
    assert house.state(withdrawal_id) is WithdrawalState.SETTLED
    assert house.ledger.paid_out == UNITS


def test_a_request_that_ended_after_the_backup_is_not_paid(house):
    withdrawal_id = house.ask(60_000).id
    house.step()
    image = snapshot(house)
    house.service.cancel(withdrawal_id, house.now_s * 1000)
    house.step()
    assert house.ledger.available["alice"] == FUNDS
    restore(house, image)
    assert house.service.get(withdrawal_id).reason == HOLD_CLOSED
    house.settle()
    assert house.network.paid("sim1dest") == []
    assert house.ledger.total() == 2 * FUNDS


def test_an_assigned_payment_with_a_closed_hold_is_never_shown_to_a_signer(house):
    house.frozen = True
    withdrawal_id = house.ask(UNITS).id
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.ASSIGNED
    image = snapshot(house)
    house.service.cancel(withdrawal_id, house.now_s * 1000)
    house.frozen = False
    house.step()
    restore(house, image)
    house.settle()
    assert signatures(house) == [0, 0, 0]
    assert payment_of(house, withdrawal_id).state is PaymentState.OPEN


@pytest.mark.parametrize("silent", [2, 3])
def test_the_gate_stays_closed_until_enough_signers_were_heard(house, silent):
    withdrawal_id = house.ask(UNITS).id
    image = snapshot(house)
    house.step()
    for signer in house.signers[:silent]:
        signer.down = True
    restore(house, image)
    assert any(each.record == "boot gate" for each in house.step())
    assert house.state(withdrawal_id) is WithdrawalState.HELD
    house.signers[0].down = False
    if silent == 3:
        assert house.step()
        house.signers[1].down = False
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.NEEDS_REVIEW


def test_one_silent_signer_of_three_keeps_nothing_closed(house):
    house.signers[0].down = True
    house.reopen()
    withdrawal_id = house.ask(UNITS).id
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.BROADCAST


def test_a_signer_that_lost_its_memory_is_named_and_not_counted(house):
    house.ask(UNITS)
    house.step()
    house.reopen()  # the records agree with the signers up to here
    for signer in house.signers[:2]:
        signer.log.clear()
    house.reopen()
    withdrawal_id = house.ask(UNITS, key="key-2").id
    problems = [each.problem for each in house.step() if each.record == "boot gate"]
    assert [each.split()[1] for each in problems] == ["signer-a", "signer-b"]
    assert all("memory was lost" in each for each in problems)
    assert house.state(withdrawal_id) is WithdrawalState.HELD


def test_an_undisturbed_restart_changes_nothing_and_reads_only_what_is_new(house):
    withdrawal_id = house.ask(UNITS).id
    house.step()
    house.reopen()
    assert house.store.watermark("signer-a") == len(house.signers[0].log) == 1
    house.reopen()
    house.settle()
    assert house.state(withdrawal_id) is WithdrawalState.SETTLED


@pytest.mark.parametrize("fixes_signers", [True, False])
@pytest.mark.parametrize("with_sender", [True, False])
def test_a_restart_at_any_step_of_a_payment_doubts_nothing(fixes_signers, with_sender):
    house = House(with_sender=with_sender, fixes_signers=fixes_signers, bump_after_ms=WAIT_S * 1000)
    house.signers[1].down = True
    withdrawal_id = house.ask(UNITS).id
    for _ in range(4):
        house.step()
        house.now_s += WAIT_S
        house.reopen()
    house.settle()
    assert house.state(withdrawal_id) is WithdrawalState.SETTLED


def test_an_open_payment_that_signers_have_seen_is_not_given_up_by_record_alone(house):
    house.frozen = True
    withdrawal_id = house.ask(UNITS).id
    house.step()
    image = snapshot(house)
    house.frozen = False
    house.signers[1].down = house.signers[2].down = True
    house.step()  # one signature exists
    house.signers[1].down = house.signers[2].down = False
    restore(house, image)
    assert payment_of(house, withdrawal_id).state is PaymentState.SIGNING
    house.policy = house_policy(2)  # an OPEN payment would be given up and planned again on another coin
    house.settle()
    assert house.state(withdrawal_id) is WithdrawalState.SETTLED
    assert {each.conflict_key for signer in house.signers for each in signer.log} == {"sim:coin-000"}
