# Attack E09, the long form: signers that fail for hours, where the message fixes who signs and where it does not.
import pytest
from simulators.chain import SimReader
from simulators.withdrawal_house import FUNDS, House

from custody.keys.material import SigningRequest
from custody.keys.strict_json import Fields
from custody.keys.token import TokenUnavailable
from custody.primitives.errors import Conflict, IllegalMove, InvariantBroken
from custody.signers.faults import decode_fault, encode_fault
from custody.withdrawals.asking import visit_of
from custody.withdrawals.deciding import votes_for
from custody.withdrawals.gates.evidence import ProofEvidence
from custody.withdrawals.parts import Batching
from custody.withdrawals.pipeline import Pipeline
from custody.withdrawals.rebuilding import MAX_ATTEMPTS
from custody.withdrawals.states import AttemptEvent, AttemptState, PaymentState, WithdrawalState

DAY_S = 86_400


@pytest.fixture
def fixed():
    return House(fixes_signers=True)


def payment_of(house, withdrawal):
    return house.store.payment(house.service.get(withdrawal.id).payment_id)


def attempts_of(house, withdrawal):
    return house.store.attempts(payment_of(house, withdrawal).id)


@pytest.mark.parametrize("fixes_signers", [False, True])
def test_two_signers_that_lie_for_ever_are_named_and_the_expiry_brings_people_in(fixes_signers):
    house = House(fixes_signers=fixes_signers)
    house.signers[0].lies = house.signers[2].lies = True
    withdrawal = house.ask()
    named = set()
    for _ in range(4):
        house.step()
        named |= {part.split(":")[0] for part in payment_of(house, withdrawal).note.split("; ")}
    assert {"signer-a", "signer-c"} <= named
    assert house.state(withdrawal.id) is WithdrawalState.ASSIGNED
    house.now_s += DAY_S
    house.step()
    # The liars' memories say that they signed, so nobody may say that it was not: the hold stays.
    assert house.state(withdrawal.id) is WithdrawalState.NEEDS_REVIEW
    assert house.ledger.total() == 2 * FUNDS
    assert house.network.sends == []


def test_a_signer_that_lied_is_believed_again_as_soon_as_its_signature_is_good(fixed):
    fixed.signers[0].lies = fixed.signers[2].lies = True
    withdrawal = fixed.ask()
    fixed.step()
    fixed.signers[0].lies = False
    for _ in range(3):
        fixed.step()
    assert fixed.state(withdrawal.id) is WithdrawalState.BROADCAST


@pytest.mark.parametrize("returned", [1, 2])
def test_a_long_outage_uses_up_no_plans_and_either_signer_that_returns_completes(fixed, returned):
    fixed.signers[1].down = fixed.signers[2].down = True
    withdrawal = fixed.ask()
    for _ in range(3 * MAX_ATTEMPTS):
        fixed.step()
    assert len(attempts_of(fixed, withdrawal)) == 2  # with the second, with the third: the first is in both
    fixed.signers[returned].down = False
    for _ in range(3):
        fixed.step()
    assert fixed.state(withdrawal.id) is WithdrawalState.BROADCAST
    fixed.settle()
    assert fixed.network.paid("sim1dest") == [1_000]


def test_a_silent_signer_is_asked_at_most_twice_a_step(fixed):
    fixed.signers[1].down = fixed.signers[2].down = True
    fixed.ask()
    for steps in range(1, 6):
        fixed.step()
        assert fixed.signers[1].asked <= 2 * steps  # once more where its fault is news
        assert fixed.signers[2].asked <= 2 * steps


def test_going_back_to_a_plan_keeps_the_signatures_it_has(fixed):
    fixed.signers[1].down = fixed.signers[2].down = True
    withdrawal = fixed.ask()
    for _ in range(4):
        fixed.step()
    assert fixed.signers[0].asked == 2  # once for each plan
    fixed.signers[1].down = False
    for _ in range(2):
        fixed.step()
    assert fixed.signers[0].asked == 2
    assert fixed.state(withdrawal.id) is WithdrawalState.BROADCAST


def test_all_plans_of_a_payment_share_its_conflict_key_and_one_is_open(fixed):
    fixed.signers[1].down = fixed.signers[2].down = True
    withdrawal = fixed.ask()
    for _ in range(5):
        fixed.step()
        attempts = attempts_of(fixed, withdrawal)
        plans = [fixed.codec.decode(each.plan) for each in attempts]
        assert {fixed.codec.reservations(plan)[0] for plan in plans} == {payment_of(fixed, withdrawal).conflict_key}
        assert [each.state for each in attempts].count(AttemptState.BUILT) == 1


def test_another_plan_takes_the_payments_own_coin_though_others_are_free(fixed):
    fixed.frozen = True
    withdrawal = fixed.ask()
    fixed.step()
    assert payment_of(fixed, withdrawal).state is PaymentState.OPEN
    fixed.network.coins["coin-..."] = 1_000_000  # comes before all others: the codec prefers it now
    fixed.signers[1].down, fixed.frozen = True, False
    for _ in range(3):
        fixed.step()
    assert fixed.state(withdrawal.id) is WithdrawalState.BROADCAST
    assert fixed.store.reserved(fixed.codec.chain.id) == {"sim:coin-000"}


def test_what_another_plan_consumes_beyond_the_first_is_reserved_with_it(fixed, monkeypatch):
    fixed.signers[1].down = True
    withdrawal = fixed.ask(150_000)  # takes two coins of 100,000
    fixed.step()
    fixed.approve(withdrawal.id, "ann", "bob")
    plain = SimReader.spendable

    def without_the_second_coin(reader, reserved):
        found = plain(reader, reserved)
        if fixed.service.get(withdrawal.id).payment_id:  # the first plan exists
            del found["coin-001"]
        return found

    monkeypatch.setattr(SimReader, "spendable", without_the_second_coin)
    for _ in range(3):
        fixed.step()
    assert fixed.state(withdrawal.id) is WithdrawalState.BROADCAST
    assert fixed.store.reserved(fixed.codec.chain.id) == {"sim:coin-000", "sim:coin-001", "sim:coin-002"}


def test_a_worker_that_plans_again_never_overwrites_what_a_faster_one_completed(fixed, monkeypatch):
    fixed.signers[1].down = True
    withdrawal = fixed.ask()
    plain, faster = SimReader.spendable, Pipeline(fixed.parts)
    raced = []

    def slow(reader, reserved):
        found = plain(reader, reserved)
        asked_for_a_plan = fixed.signers[1].asked == 1 and not raced
        if asked_for_a_plan:
            raced.append(True)
            fixed.signers[1].down = False
            faster.step(fixed.now_s)
        return found

    monkeypatch.setattr(SimReader, "spendable", slow)
    progress = fixed.step()
    assert raced
    assert any("stale_state" in each.problem for each in progress)
    (attempt,) = attempts_of(fixed, withdrawal)
    assert attempt.signed is not None
    assert payment_of(fixed, withdrawal).state is PaymentState.IN_FLIGHT
    fixed.settle()
    assert fixed.network.paid("sim1dest") == [1_000]


def test_only_a_replaced_plan_is_taken_up_again(fixed):
    withdrawal = fixed.ask()
    fixed.step()
    (attempt,) = attempts_of(fixed, withdrawal)
    with pytest.raises(IllegalMove):
        attempt.move(AttemptEvent.RESUME)


@pytest.mark.parametrize(
    "fault", [TokenUnavailable("the device was removed"), InvariantBroken("its own bug"), Conflict("odd")]
)
def test_e09_whatever_kind_of_error_a_signer_sends_the_next_one_is_asked_and_nothing_stops(fault):
    house = House()
    asked = []

    def sends(request):
        asked.append(request)
        raise decode_fault(Fields(encode_fault(fault), "answer"))

    house.signers[0].sign = sends
    withdrawal = house.ask().id
    house.settle()
    assert house.state(withdrawal) == "settled"
    assert asked


def test_e09_a_signature_released_behind_a_closed_gate_brings_people_in_at_the_expiry():
    house = House()
    withdrawal = house.ask()
    house.evidence.changed["proof"] = ProofEvidence(0, 0)
    house.step()
    payment = payment_of(house, withdrawal)
    assert payment.state is PaymentState.OPEN
    records = (house.store.withdrawal(withdrawal.id),)
    visit = visit_of(payment, records, house.parts)
    need = visit.lane.codec.next_need(visit.tx, [])
    intents = tuple(each.bound_intent() for each in records)
    votes = tuple(vote for each in records for vote in votes_for(each, house.parts))
    wallet = visit.lane.wallet_id
    house.signers[0].sign(SigningRequest(visit.lane.chain, wallet, need.role, need.payload, intents, votes))
    house.reopen()  # as after a restored database: the signer knows more than the records
    house.evidence.changed["proof"] = ProofEvidence(0, 0)
    house.step()
    assert payment_of(house, withdrawal).state is PaymentState.SIGNING
    house.now_s = intents[0].expires_at_s + 10
    house.step()
    assert house.state(withdrawal.id) == "needs_review"


def test_e09_payments_that_wait_for_their_gates_never_keep_each_other_waiting(monkeypatch):
    house = House(batching=Batching(max_items=1, max_in_flight=4))
    house.evidence.changed["proof"] = ProofEvidence(0, 0)
    asked = [house.ask(1_000, key=f"key-{n}", to=f"sim1d{n}").id for n in range(5)]
    house.step()
    genuine = house.store.backlog
    # Another pipeline over the same store read the backlog before this one wrote: a fifth payment is opened.
    monkeypatch.setattr(house.store, "backlog", lambda *some: {k: n - 1 for k, n in genuine(*some).items()})
    house.now_s += 1
    house.step()
    monkeypatch.undo()
    assert sum(genuine().values()) == 5
    house.evidence.changed.clear()
    house.now_s += 1
    house.settle()
    assert {str(house.state(each)) for each in asked} == {"settled"}
