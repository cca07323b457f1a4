from dataclasses import replace

import pytest
from simulators.chain import COIN, SIM
from simulators.withdrawal_house import BIG_UNITS, FUNDS, NOW_S, House, approval, roster_of

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.errors import (
    IdempotencyConflict,
    IllegalMove,
    InsufficientFunds,
    InvalidAddress,
    InvalidAmount,
    InvalidInput,
    MalformedPayload,
    NodeUnavailable,
    NotFound,
    Refused,
    UnknownAsset,
)
from custody.primitives.ids import CustomerId, IdempotencyKey, WithdrawalId
from custody.withdrawals.errors import ApprovalRefused, InvalidMemo, NotOnRoster
from custody.withdrawals.records import HoldState
from custody.withdrawals.request import TREASURY, WithdrawalRequest, from_note
from custody.withdrawals.states import WithdrawalEvent, WithdrawalState

NOW_MS = NOW_S * 1000
GOOD = WithdrawalRequest(CustomerId("alice"), "SIM", "sim1dest", "0.001", "", IdempotencyKey("key-1"))


@pytest.fixture
def house():
    return House()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"asset": "NOPE"}, UnknownAsset),
        ({"to": "bc1qforeign"}, InvalidAddress),
        ({"to": ""}, InvalidAddress),
        ({"memo": "x" * 257}, InvalidMemo),
        ({"memo": "line\nbreak"}, InvalidMemo),
        ({"amount": "0"}, InvalidAmount),
        ({"amount": "-1"}, InvalidAmount),
        ({"amount": "1e3"}, InvalidAmount),
        ({"amount": "NaN"}, InvalidAmount),
        ({"amount": "0.000000001"}, InvalidAmount),
        ({"amount": "10.00000001"}, InvalidAmount),
        ({"idempotency_key": ""}, InvalidInput),
        ({"idempotency_key": "k" * 129}, InvalidInput),
        ({"customer": ""}, InvalidInput),
        ({"customer": TREASURY}, Refused),
        ({"amount": "9"}, InsufficientFunds),
    ],
)
def test_refuses_and_holds_nothing(house, change, error):
    with pytest.raises(error):
        house.service.request(replace(GOOD, **change), NOW_MS)
    assert house.ledger.held() == 0
    assert house.service.list(frozenset(WithdrawalState)) == ()


# Each request has every fault from its position on: the first in the order is the one that is reported.
ALL_FAULTS = {"asset": "NOPE", "to": "?", "memo": "\n", "amount": "x"}
ORDER = [("asset", UnknownAsset), ("to", InvalidAddress), ("memo", InvalidMemo), ("amount", InvalidAmount)]


@pytest.mark.parametrize("position", range(len(ORDER)))
def test_faults_are_reported_in_their_order(house, position):
    faults = {name: ALL_FAULTS[name] for name, _ in ORDER[position:]}
    with pytest.raises(ORDER[position][1]):
        house.service.request(replace(GOOD, **faults), NOW_MS)


def test_a_used_key_is_reported_before_missing_funds(house):
    house.service.request(GOOD, NOW_MS)
    with pytest.raises(IdempotencyConflict):
        house.service.request(replace(GOOD, amount="9"), NOW_MS)


class Chain:
    def __init__(self, *errors):
        self.errors, self.asked = list(errors), []

    def verify_destination(self, to, amount, memo):
        self.asked.append((to.text, amount.units, memo))
        if self.errors and (error := self.errors.pop(0)):
            raise error


def test_a_destination_that_the_chain_refuses_is_told_before_funds_and_holds_nothing():
    chain = Chain(*[Refused("a dead end")] * 2)
    house = House(destinations=chain)
    with pytest.raises(Refused, match="a dead end"):
        house.service.request(replace(GOOD, amount="9", memo="m"), NOW_MS)
    with pytest.raises(Refused, match="a dead end"):
        house.move()
    assert (house.ledger.held(), house.service.list(frozenset(WithdrawalState))) == (0, ())
    assert chain.asked == [("sim1dest", 9 * 10**8, "m"), ("sim1cold", 1_000, "")]


def test_a_used_key_is_answered_without_asking_the_chain():
    chain = Chain(None, Refused("a dead end by now"))
    house = House(destinations=chain)
    first = house.service.request(GOOD, NOW_MS)
    assert house.service.request(GOOD, NOW_MS).id == first.id
    with pytest.raises(IdempotencyConflict):
        house.service.request(replace(GOOD, to="sim1other"), NOW_MS)
    assert len(chain.asked) == 1


def test_a_silent_node_refuses_nobody_and_is_asked_again_before_the_plan():
    chain = Chain(NodeUnavailable("down"), NodeUnavailable("down"), Refused("a dead end"))
    house = House(destinations=chain)
    asked = house.ask().id
    house.step()
    assert house.state(asked) is WithdrawalState.APPROVED
    house.step()
    assert (house.state(asked), house.service.get(asked).reason) == (WithdrawalState.REJECTED, "a dead end")
    house.step()
    assert (house.ledger.held(), len(chain.asked)) == (0, 3)


def test_one_dead_end_does_not_hold_its_batch_up():
    house = House(destinations=Chain(NodeUnavailable("down"), None, Refused("a dead end")))
    bad, good = house.ask().id, house.ask(key="key-2").id
    house.settle()
    assert (house.state(bad), house.state(good)) == (WithdrawalState.REJECTED, WithdrawalState.SETTLED)


@pytest.mark.parametrize("change", [{"to": "sim1other"}, {"amount": "0.002"}, {"memo": "m"}])
def test_any_other_content_under_a_used_key_conflicts(house, change):
    house.service.request(GOOD, NOW_MS)
    with pytest.raises(IdempotencyConflict):
        house.service.request(replace(GOOD, **change), NOW_MS)


def test_another_spelling_of_the_same_amount_is_the_same_request(house):
    first = house.service.request(GOOD, NOW_MS)
    assert house.service.request(replace(GOOD, amount="0.00100"), NOW_MS + 5) == first


def test_a_hold_without_its_row_is_materialised_once(house):
    # Crash point 1: the ledger has the hold and the note, the process died before the row.
    checked = house.service.prepare(GOOD, NOW_MS)
    house.ledger.hold(checked.id, checked.customer, checked.amount, checked.note())
    with pytest.raises(NotFound):
        house.service.get(checked.id)
    house.service.recover(NOW_MS)
    house.service.recover(NOW_MS + 9)
    withdrawal = house.service.get(checked.id)
    assert (withdrawal.state, withdrawal.hold) == (WithdrawalState.HELD, HoldState.HELD)
    assert withdrawal.request_hash == checked.content_hash


def test_a_note_comes_back_as_it_went(house):
    checked = house.service.prepare(replace(GOOD, memo="tag 7"), NOW_MS)
    lanes, assets = house.parts.lanes, house.service._parts.assets
    assert from_note(checked.note(), assets, lanes, NOW_MS) == checked


@pytest.mark.parametrize(
    "note", [b"", b"[]", b"{}", b"\xff", b"x" * 5_000, b'{"format":"mext/withdrawal-note/1"}', b'{ "a": 1 }']
)
def test_refuses_a_note_that_is_none(house, note):
    with pytest.raises(MalformedPayload):
        from_note(note, house.service._parts.assets, house.parts.lanes, NOW_MS)


def test_refuses_an_approval_while_none_is_asked(house):
    withdrawal = house.ask()
    with pytest.raises(IllegalMove):
        house.service.approve(withdrawal.id, approval(b"\x00" * 32, "ann"), NOW_MS)


def test_refuses_an_approval_of_somebody_who_is_not_asked(house):
    house.people = roster_of("ann", "bob", "cid", "eve")
    withdrawal = house.ask(BIG_UNITS)
    house.step()
    vote = approval(house.service.get(withdrawal.id).intent_hash, "eve")
    with pytest.raises(ApprovalRefused):
        house.service.approve(withdrawal.id, vote, NOW_MS)


def test_refuses_to_cancel_what_is_on_its_way(house):
    withdrawal = house.ask()
    house.step()
    with pytest.raises(IllegalMove):
        house.service.cancel(withdrawal.id, NOW_MS)
    assert house.ledger.held() == 1_000


def test_refuses_to_stop_by_another_event(house):
    withdrawal = house.ask()
    with pytest.raises(IllegalMove):
        house.service.stop(withdrawal.id, WithdrawalEvent.EXPIRE, NOW_MS, "")


def test_refuses_an_unknown_withdrawal(house):
    with pytest.raises(NotFound):
        house.service.get(WithdrawalId("wd-none"))


def test_refuses_a_treasury_move_in_a_customers_name(house):
    with pytest.raises(Refused):
        house.service.request_move("ann", GOOD, NOW_MS)


@pytest.mark.parametrize("officer", ["", "nobody", "ANN"])
def test_refuses_a_treasury_move_of_somebody_who_is_not_on_the_roster(house, officer):
    with pytest.raises(NotOnRoster):
        house.move(officer=officer)
    assert house.service.list(frozenset(WithdrawalState), TREASURY) == ()


def test_cancelling_while_signers_are_silent_waits_for_their_vows(house):
    for signer in house.signers:
        signer.down = True
    withdrawal = house.ask()
    house.step()
    house.service.cancel(withdrawal.id, NOW_MS)
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.ASSIGNED
    assert house.ledger.held() == 1_000
    for signer in house.signers:
        signer.down = False
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.CANCELLED
    assert house.ledger.available["alice"] == FUNDS


def test_cancelling_too_late_lets_the_payment_complete(house):
    house.signers[0].lose_answers = 1
    house.signers[1].down = house.signers[2].down = True
    withdrawal = house.ask()
    house.step()
    house.service.cancel(withdrawal.id, NOW_MS)
    house.signers[1].down = False
    house.step()
    house.settle()
    assert house.network.paid("sim1dest") == [1_000]
    assert house.state(withdrawal.id) is WithdrawalState.SETTLED


def test_cancelling_before_a_payment_gives_the_money_back_at_the_next_step(house):
    withdrawal = house.ask()
    assert house.service.cancel(withdrawal.id, NOW_MS).state is WithdrawalState.CANCELLED
    house.step()
    assert house.ledger.available["alice"] == FUNDS
    assert house.service.get(withdrawal.id).is_over


def test_a_treasury_move_charges_nobody(house):
    move = house.move(5_000)
    assert move.hold is HoldState.NONE
    house.step()
    house.approve(move.id, "bob", "cid")
    house.settle()
    assert house.network.paid("sim1cold") == [5_000]
    assert (house.ledger.total(), house.ledger.holds) == (2 * FUNDS, {})


def test_a_request_is_held_and_its_latency_is_measured(house):
    withdrawal = house.service.request(GOOD, NOW_MS - 250)
    assert withdrawal.to == Address(SIM, "sim1dest")
    assert withdrawal.amount == Amount(100_000, COIN)
    assert house.ledger.held() == 100_000
    assert withdrawal.request_to_broadcast_ms is None
    house.step()
    house.approve(withdrawal.id, "ann", "bob")
    house.step()
    assert house.service.get(withdrawal.id).request_to_broadcast_ms == 250
