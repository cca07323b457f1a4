# Attack C20: what counts is the address-book entry, not a text that somebody changed on the way.
from dataclasses import replace

import pytest
from simulators.withdrawal_house import NOW_S, House, house_policy

from custody.primitives.address import Address
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidAddress, InvalidInput, NotFound
from custody.primitives.ids import CustomerId, IdempotencyKey
from custody.withdrawals.address_book import BookEntry, EntryChanged, verify_entry
from custody.withdrawals.facts import DestinationKind
from custody.withdrawals.request import WithdrawalRequest
from custody.withdrawals.rules import Effect, Match, Rule
from custody.withdrawals.states import WithdrawalState

ALICE = CustomerId("alice")
HERE = Address(ChainId("simchain"), "sim1friend")
ENTRY = BookEntry(ALICE, HERE, "", "alice", NOW_S - 3 * 86_400)


@pytest.fixture
def house():
    house = House(looks_alike=True)
    book_only = Rule("book", Effect.PERMIT, Match(destinations=frozenset({DestinationKind.BOOK})))
    house.policy = replace(house_policy(), rules=(book_only,))
    house.places.add_entry(ENTRY)
    return house


def change_text(house, to="sim1thief"):
    with house.engine.begin() as connection:
        connection.exec_driver_sql('update address_book set "to" = ?', (to,))


def test_c20_a_text_that_was_replaced_on_the_way_is_no_book_entry(house):
    withdrawal = house.ask(to="sim1thief")
    house.step()
    assert house.service.get(withdrawal.id).reason == "no rule permits it"


def test_c20_a_request_that_cites_an_entry_is_paid_to_what_was_entered(house):
    withdrawal = house.ask(to=f"book:{ENTRY.id}")
    assert withdrawal.to == HERE
    house.settle()
    assert house.network.paid("sim1friend") == [1_000]


def test_c20_an_entry_changed_after_it_was_entered_is_refused(house):
    change_text(house)
    with pytest.raises(EntryChanged):
        house.ask(to=f"book:{ENTRY.id}")
    assert house.ledger.held() == 0


@pytest.mark.parametrize("to", ["sim1thief", "sim1friend"])
def test_c20_an_entry_changed_between_request_and_decision_is_trusted_for_nobody(house, to):
    cited, typed = house.ask(to=f"book:{ENTRY.id}"), house.ask(to=to, key="typed")
    change_text(house)
    house.step()
    assert {house.state(each.id) for each in (cited, typed)} == {WithdrawalState.REJECTED}
    assert house.network.sends == []


@pytest.mark.parametrize(
    "change",
    [
        {"customer": CustomerId("bobby")},
        {"to": Address(ChainId("simchain"), "sim1thief")},
        {"to": Address(ChainId("otherchain"), "sim1friend")},
        {"memo": "7"},
        {"added_by": "mallory"},
        {"added_at_s": ENTRY.added_at_s - 1},
    ],
    ids="".join,
)
def test_c20_the_id_covers_every_part(change):
    with pytest.raises(EntryChanged):
        verify_entry(replace(ENTRY, **change), ENTRY.id)


def test_c20_an_entry_removed_before_the_decision_is_none(house):
    withdrawal = house.ask(to=f"book:{ENTRY.id}")
    house.places.remove_entry(ALICE, ENTRY.id, NOW_S)
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.REJECTED
    assert house.places.entries(ALICE) == ()


def test_c20_the_memo_is_part_of_the_place(house):
    with pytest.raises(InvalidInput, match="memo"):
        house.service.request(replace(request_of(), memo="7"), NOW_S * 1000)


def request_of():
    return WithdrawalRequest(ALICE, "SIM", f"book:{ENTRY.id}", "0.001", "", IdempotencyKey("k"))


@pytest.mark.parametrize("cited", ["book:", "book:bk-0", f"book:{ENTRY.id} ", "Book:bk-0"])
def test_c20_a_citation_of_nothing_is_refused(house, cited):
    with pytest.raises((NotFound, InvalidAddress)):
        house.ask(to=cited)


def test_c20_nobody_cites_the_book_of_another(house):
    with pytest.raises(NotFound):
        house.ask(to=f"book:{ENTRY.id}", customer="bobby")
    with pytest.raises(NotFound):
        house.places.remove_entry(CustomerId("bobby"), ENTRY.id, NOW_S)


def test_c20_an_entry_on_another_chain_is_not_cited_for_this_one(house):
    elsewhere = house.places.add_entry(replace(ENTRY, to=Address(ChainId("otherchain"), "sim1friend")))
    with pytest.raises(InvalidInput, match="is not on simchain"):
        house.ask(to=f"book:{elsewhere.id}")


def test_the_same_place_again_keeps_its_first_entry(house):
    assert house.places.add_entry(replace(ENTRY, added_at_s=NOW_S)) == ENTRY
