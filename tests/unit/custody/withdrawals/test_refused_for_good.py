# What codec, plan or nodes refuse for good ends with evidence, or waits for people with a note that says why.
import pytest
from simulators.chain import FINAL_DEPTH, SimCodec, SimNetwork
from simulators.withdrawal_house import FUNDS, House

from custody.primitives.errors import LimitExceeded, MalformedPayload, Refused
from custody.withdrawals.errors import PlanMismatch
from custody.withdrawals.sending import REFUSED_AFTER_MS, REFUSED_FOR_GOOD
from custody.withdrawals.states import AttemptState, PaymentState, WithdrawalState

UNITS = 1_000
BAD_UNITS = 666
W = WithdrawalState


class TooSmall(Refused):
    code = "too_small"


@pytest.fixture
def house():
    return House()


def spoil_plans(monkeypatch, error):
    plan = SimCodec.plan

    def spoilt(codec, intents, spendable, members):
        if any(intent.amount.units == BAD_UNITS for intent in intents):
            raise error
        return plan(codec, intents, spendable, members)

    monkeypatch.setattr(SimCodec, "plan", spoilt)


def payment_of(house, withdrawal_id):
    return house.store.payment(house.service.get(withdrawal_id).payment_id)


def require_refunded(house, withdrawal_id, state):
    house.step()
    assert house.state(withdrawal_id) is state
    assert (house.ledger.held(), house.ledger.total()) == (0, 2 * FUNDS)


# Before anyone signs ----------------------------------------------------------------------------


def test_what_the_codec_refuses_for_good_is_rejected_and_the_money_is_back(house, monkeypatch):
    spoil_plans(monkeypatch, TooSmall("an amount that no node relays"))
    bad, good = house.ask(BAD_UNITS).id, house.ask(UNITS, key="key-2").id
    house.settle()
    assert house.state(good) is W.SETTLED
    require_refunded(house, bad, W.REJECTED)
    assert house.service.get(bad).reason == "an amount that no node relays"
    assert all(signer.asked == 1 or not signer.asked for signer in house.signers)


def test_e04_a_fee_above_the_caps_waits_with_its_reason_and_is_paid_after_the_storm(house, monkeypatch):
    with monkeypatch.context() as storm:
        spoil_plans(storm, LimitExceeded("fee 900, the intents allow 100"))
        waiting = house.ask(BAD_UNITS).id
        house.step()
        house.step()
        assert (house.state(waiting), house.service.get(waiting).reason) == (
            W.APPROVED,
            "fee 900, the intents allow 100",
        )
    house.settle()
    assert house.state(waiting) is W.SETTLED


def test_a16_a_plan_that_does_something_else_holds_nobody_else_up(house, monkeypatch):
    spoil_plans(monkeypatch, PlanMismatch("pays somebody else"))
    bad, good = house.ask(BAD_UNITS).id, house.ask(UNITS, key="key-2").id
    house.settle()
    assert (house.state(bad), house.state(good)) == (W.APPROVED, W.SETTLED)
    assert house.service.get(bad).reason == "pays somebody else"


# A stored plan that nobody can read any more ------------------------------------------------------


def with_lost_reading(house, monkeypatch):
    def unreadable(codec, raw):
        raise MalformedPayload("written by another version")

    monkeypatch.setattr(SimCodec, "decode", unreadable)


def test_a_plan_that_cannot_be_read_never_reaches_the_signers_and_is_made_anew(house, monkeypatch):
    with monkeypatch.context() as lost:
        with_lost_reading(house, lost)
        withdrawal_id = house.ask(UNITS).id
        assert any("gate intent is closed" in each.problem for each in house.step())
        first = payment_of(house, withdrawal_id)
        assert (first.state, house.signers[0].asked) == (PaymentState.OPEN, 0)
    house.now_s = house.service.get(withdrawal_id).bound_intent().expires_at_s
    house.settle()
    assert house.state(withdrawal_id) is W.SETTLED
    assert payment_of(house, withdrawal_id).id != first.id


def test_a_plan_that_cannot_be_read_is_shown_to_nobody_and_ends_at_its_expiry(house, monkeypatch):
    for signer in house.signers:
        signer.down = True
    withdrawal = house.ask(UNITS)
    house.step()
    for signer in house.signers:
        signer.down, signer.asked = False, 0
    with_lost_reading(house, monkeypatch)
    progress = house.step()
    assert any("written by another version" in each.problem for each in progress)
    assert house.state(withdrawal.id) is W.ASSIGNED
    assert payment_of(house, withdrawal.id).note.endswith("written by another version")
    house.now_s = house.service.get(withdrawal.id).bound_intent().expires_at_s
    require_refunded(house, withdrawal.id, W.EXPIRED)
    assert not any(signer.asked for signer in house.signers)
    assert all(withdrawal.id in signer.tombstones for signer in house.signers)


def test_a_plan_that_cannot_be_read_waits_for_people_where_a_signer_has_signed_it(house, monkeypatch):
    for signer in house.signers[1:]:
        signer.down = True
    withdrawal_id = house.ask(UNITS).id
    house.step()
    with_lost_reading(house, monkeypatch)
    for signer in house.signers:
        signer.down = False
    house.now_s = house.service.get(withdrawal_id).bound_intent().expires_at_s
    house.step()
    assert house.state(withdrawal_id) is W.NEEDS_REVIEW
    assert "a signer has signed for it" in house.service.get(withdrawal_id).reason
    assert house.ledger.held() == UNITS


# Bytes that no node takes ---------------------------------------------------------------------------


def refused(house, monkeypatch):
    def refuse(network, tx):
        raise Refused("bad-txns-inputs-missingorspent")

    monkeypatch.setattr(SimNetwork, "accept", refuse)
    withdrawal_id = house.ask(UNITS).id
    house.step()
    return withdrawal_id


def test_a03_refused_bytes_go_to_people_with_the_nodes_words_and_the_hold_stays(house, monkeypatch):
    withdrawal_id = refused(house, monkeypatch)
    house.now_s += REFUSED_AFTER_MS // 1000 - 1
    house.step()
    assert house.state(withdrawal_id) is W.BROADCASTING
    house.now_s += 1
    house.step()
    assert house.state(withdrawal_id) is W.NEEDS_REVIEW
    reason = house.service.get(withdrawal_id).reason
    assert reason.startswith(REFUSED_FOR_GOOD)
    assert "bad-txns-inputs-missingorspent" in reason
    version = payment_of(house, withdrawal_id).version
    house.step()
    assert payment_of(house, withdrawal_id).version == version  # said once
    assert house.ledger.held() == UNITS


def test_a03_refused_bytes_that_confirm_after_all_are_settled_once(house, monkeypatch):
    with monkeypatch.context() as refusing:
        withdrawal_id = refused(house, refusing)
        house.now_s += REFUSED_AFTER_MS // 1000
        house.step()
        assert house.state(withdrawal_id) is W.NEEDS_REVIEW
    house.settle()
    assert house.state(withdrawal_id) is W.SETTLED
    assert house.network.paid("sim1dest") == [UNITS]


def test_refused_bytes_whose_coin_went_elsewhere_are_refunded_out_of_the_review(house, monkeypatch):
    withdrawal_id = refused(house, monkeypatch)
    house.now_s += REFUSED_AFTER_MS // 1000
    house.step()
    house.network.spend_outside(payment_of(house, withdrawal_id).conflict_key.removeprefix("sim:"))
    house.network.mine(FINAL_DEPTH - 1)
    house.step()
    assert house.state(withdrawal_id) is W.NEEDS_REVIEW
    house.network.mine()
    require_refunded(house, withdrawal_id, W.REFUNDED)
    assert payment_of(house, withdrawal_id).state is PaymentState.VOID


def test_refused_bytes_are_followed_by_a_higher_fee_as_long_as_one_may_be_signed(monkeypatch):
    house = House(bump_after_ms=2 * REFUSED_AFTER_MS)
    withdrawal_id = refused(house, monkeypatch)
    house.now_s += 2 * REFUSED_AFTER_MS // 1000
    house.step()
    assert house.state(withdrawal_id) is W.BROADCASTING
    attempts = house.store.attempts(payment_of(house, withdrawal_id).id)
    assert [each.state for each in attempts] == [AttemptState.REPLACED, AttemptState.MAYBE_SENT]
    house.now_s = house.service.get(withdrawal_id).bound_intent().expires_at_s
    house.step()
    assert house.state(withdrawal_id) is W.NEEDS_REVIEW
