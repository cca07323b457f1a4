# Attack C19 through the whole withdrawal room: a look-alike waits until an officer compared it in full.
import pytest
from simulators.withdrawal_house import NOW_S, House, approval, roster_of

from custody.primitives.address import Address
from custody.primitives.errors import BadSignature, IllegalMove
from custody.primitives.ids import CustomerId
from custody.withdrawals.address_book import BookEntry
from custody.withdrawals.full_compare import ComparedOtherwise, CompareRefused, compare_digest
from custody.withdrawals.look_alike_desk import LookAlikeDesk
from custody.withdrawals.states import WithdrawalState
from custody.withdrawals.told_facts import stored_facts

TRUSTED = "sim1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
POISONED = "sim1" + "z" * 35 + "f3t4"
ALICE = CustomerId("alice")
PAID = {WithdrawalState.BROADCAST, WithdrawalState.SETTLED}


@pytest.fixture
def house():
    return House(looks_alike=True)


@pytest.fixture
def desk(house):
    return LookAlikeDesk(house.store, house.trusted, house.places, house)


def pay(house, to, key, **asked):
    withdrawal = house.ask(to=to, key=key, **asked)
    house.step()
    return withdrawal


def trusted(house):
    pay(house, TRUSTED, "first")
    house.settle()
    house.now_s += 1


def doubtful(house, key="second"):
    withdrawal = pay(house, POISONED, key)
    assert house.state(withdrawal.id) is WithdrawalState.SCREENING
    return withdrawal


def comparison(withdrawal, officer="ann", typed="", about=None):
    typed = typed or withdrawal.to.text
    what = compare_digest(withdrawal.customer, about or withdrawal.to, typed)
    return withdrawal.id, typed, approval(what, officer)


def test_c19_a_destination_with_the_ends_of_a_paid_one_waits_and_nothing_is_signed(house):
    trusted(house)
    asked = [signer.asked for signer in house.signers]
    withdrawal = pay(house, POISONED, "second")
    progress = house.step()
    assert house.state(withdrawal.id) is WithdrawalState.SCREENING
    assert any("destination_doubtful" in each.problem and TRUSTED in each.problem for each in progress)
    assert [signer.asked for signer in house.signers] == asked
    assert house.ledger.held() == 1_000


def test_c19_the_trusted_place_itself_and_a_distant_one_pass(house):
    trusted(house)
    for to in (TRUSTED, "sim1completelyelsewhere0000000000000000000"):
        assert house.state(pay(house, to, to).id) in PAID


def test_c19_another_customer_is_warned_of_what_the_house_paid(house):
    trusted(house)
    withdrawal = pay(house, POISONED, "k", customer="bobby")
    assert house.state(withdrawal.id) is WithdrawalState.SCREENING


@pytest.mark.parametrize("typed", [POISONED, POISONED[4:-4]], ids=["whole", "middle"])
def test_c19_an_officer_who_typed_it_in_full_lets_it_go_on(house, desk, typed):
    trusted(house)
    withdrawal = doubtful(house)
    ((waiting, destination),) = desk.waiting()
    assert (waiting.id, TRUSTED in destination.resembles) == (withdrawal.id, True)
    assert desk.confirm(*comparison(withdrawal, typed=typed)).compared_by == "ann"
    house.step()
    assert house.state(withdrawal.id) in PAID
    place = stored_facts(house.service.get(withdrawal.id).facts_json).circumstances.destination
    assert (TRUSTED in place.resembles, place.compared_by) == (True, "ann")
    assert desk.waiting() == ()


@pytest.mark.parametrize(
    "typed",
    [
        TRUSTED,
        TRUSTED[4:-4],
        POISONED[:4],
        POISONED[-4:],
        POISONED[:4] + POISONED[-4:],
        POISONED.upper(),
        "yes",
        POISONED + " ",
    ],
    ids=["the trusted one", "its middle", "head", "tail", "both ends", "case", "yes", "blank"],
)
def test_c19_whatever_else_is_typed_lets_nothing_go(house, desk, typed):
    trusted(house)
    withdrawal = doubtful(house)
    with pytest.raises(ComparedOtherwise):
        desk.confirm(*comparison(withdrawal, typed=typed))
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.SCREENING


def test_c19_a_signature_about_another_place_or_by_another_key_does_not_count(house, desk):
    trusted(house)
    withdrawal = doubtful(house)
    with pytest.raises(ComparedOtherwise):
        desk.confirm(*comparison(withdrawal, about=Address(withdrawal.to.chain, TRUSTED)))
    withdrawal_id, typed, vote = comparison(withdrawal)
    with pytest.raises(BadSignature):
        desk.confirm(withdrawal_id, typed, type(vote)(vote.intent_hash, "bob", vote.verdict, vote.at_s, vote.signature))
    with pytest.raises(CompareRefused):
        desk.confirm(*comparison(withdrawal, officer="zoe"))
    assert house.state(withdrawal.id) is WithdrawalState.SCREENING


# A hacked back office writes a comparison into the database.
def test_c19_a_forged_or_outdated_comparison_in_the_store_lets_nothing_go(house, desk):
    trusted(house)
    withdrawal = doubtful(house)
    desk.confirm(*comparison(withdrawal))
    with house.engine.begin() as connection:
        connection.exec_driver_sql("update full_compare set officer = 'bob'")
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.SCREENING
    with house.engine.begin() as connection:
        connection.exec_driver_sql("update full_compare set officer = 'ann'")
    house.people = roster_of("bob", "cid")
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.SCREENING


def test_c19_who_is_in_no_doubt_needs_no_comparison(house, desk):
    trusted(house)
    withdrawal = house.service.get(house.ask(to=TRUSTED, key="again").id)
    with pytest.raises(IllegalMove):
        desk.confirm(*comparison(withdrawal))


def test_c19_a_look_alike_in_the_own_address_book_stays_in_doubt(house):
    house.places.add_entry(BookEntry(ALICE, Address("simchain", TRUSTED), "", "alice", NOW_S - 10**6))
    house.places.add_entry(BookEntry(ALICE, Address("simchain", POISONED), "", "alice", NOW_S - 10**5))
    doubtful(house)
    assert house.state(pay(house, TRUSTED, "first").id) in PAID


def test_c19_who_entered_the_place_cannot_vouch_for_it(house, desk):
    trusted(house)
    house.places.add_entry(BookEntry(ALICE, Address("simchain", POISONED), "", "ann", NOW_S + 1))
    withdrawal = doubtful(house)
    with pytest.raises(CompareRefused):
        desk.confirm(*comparison(withdrawal))
    assert desk.confirm(*comparison(withdrawal, officer="bob")).compared_by == "bob"


# Between decision and signing another withdrawal made the place a look-alike.
def test_c19_a_doubt_that_comes_after_the_approval_stops_the_signature(house):
    withdrawal = pay(house, POISONED, "big", units=50_000)
    assert house.state(withdrawal.id) is WithdrawalState.AWAITING_APPROVAL
    house.approve(withdrawal.id, "ann", "bob")
    house.places.add_entry(BookEntry(ALICE, Address("simchain", TRUSTED), "", "alice", NOW_S - 10**6))
    house.trusted = type(house.trusted)(house.places, house.roster, lambda: house.now_s)
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.SCREENING
    assert [signer.asked for signer in house.signers] == [0, 0, 0]


def test_c19_the_customer_may_give_up_while_it_waits(house):
    trusted(house)
    withdrawal = doubtful(house)
    house.service.cancel(withdrawal.id, house.now_s * 1000)
    house.step()
    assert house.ledger.held() == 0
