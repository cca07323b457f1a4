from dataclasses import replace

import pytest
from simulators.blocks import Payment, rules
from simulators.deposit_house import ALICE, COIN

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.chain import BlockRef, ChainId
from custody.primitives.errors import InvalidInput, StaleState
from custody.wallets.deposit import NOBODY, Deposit, DepositState
from custody.wallets.sighting import DepositChanged, Owner, WatchList, sight

FIRST = BlockRef(COIN.chain, 5, "h5", "h4")
SECOND = BlockRef(COIN.chain, 5, "other-h5", "h4")
PAYMENT = Payment("t1", 0, ALICE, Amount(100, COIN))
OWNER = Owner("alice")


def known(state, generation=0, **changes):
    made = Deposit("t1", 0, "alice", Amount(100, COIN), FIRST, state, generation, to=ALICE.text)
    return replace(made, **changes)


def seen_again(deposit, payment=PAYMENT, owner=OWNER):
    return sight(payment, owner, SECOND, deposit, floor_units=10)


@pytest.mark.parametrize(
    "state", [state for state in DepositState if state not in (DepositState.VANISHED, DepositState.REVERSED)]
)
@pytest.mark.parametrize(
    "payment",
    [
        replace(PAYMENT, amount=Amount(101, COIN)),
        replace(PAYMENT, memo="7"),
        replace(PAYMENT, to=Address(COIN.chain, "bob-address")),
    ],
)
def test_another_payment_under_a_standing_identity_stops_the_lane(state, payment):
    with pytest.raises((DepositChanged, StaleState)):
        seen_again(known(state), payment)


@pytest.mark.parametrize("state", [DepositState.CREDITING, DepositState.REVERSING])
def test_what_is_being_booked_is_not_seen_anew_before_that(state):
    with pytest.raises(StaleState):
        seen_again(known(state))


def test_an_address_of_another_chain_is_refused():
    with pytest.raises(InvalidInput):
        sight(replace(PAYMENT, to=Address(ChainId("other"), "x")), OWNER, FIRST, None, 10)


# A log index that another payment took after the reorg: nobody inherits the other's deposit or its decisions.
def test_another_payment_under_an_identity_that_was_left_is_its_own_deposit():
    before = known(DepositState.REVERSED, customer="eve", is_released=True, refund_to="eve")
    found = seen_again(before, replace(PAYMENT, amount=Amount(5_000, COIN)))
    assert (found.customer, found.amount.units, found.state) == ("alice", 5_000, DepositState.SEEN)
    assert (found.generation, found.is_released, found.refund_to) == (1, False, "")


@pytest.mark.parametrize(
    ("state", "generation"), [(DepositState.VANISHED, 3), (DepositState.REVERSED, 4), (DepositState.SUSPENSE, 4)]
)
def test_a_number_that_was_booked_under_is_left_behind(state, generation):
    assert seen_again(known(state, 3)).generation == generation


def test_a_credit_that_stands_is_not_made_again():
    assert seen_again(known(DepositState.SUSPENSE)).state is DepositState.CREDITED


@pytest.mark.parametrize("state", [DepositState.SEEN, DepositState.FINAL, DepositState.IGNORED])
def test_the_same_payment_read_twice_is_no_news(state):
    assert seen_again(known(state)) is None


def test_dust_of_nobody_is_dust():
    dust = replace(PAYMENT, amount=Amount(9, COIN))
    assert sight(dust, Owner(NOBODY, "memo is missing"), FIRST, None, 10).state is DepositState.IGNORED
    assert sight(PAYMENT, Owner(NOBODY, "memo is missing"), FIRST, None, 10).state is DepositState.UNATTRIBUTED


def test_an_address_of_our_own_chain_is_its_customers_whatever_it_is_elsewhere():
    watch = WatchList({ALICE.text: "alice"}, {"far": ChainId("sibling")}, rules())
    assert watch.texts == {ALICE.text, "far"}
    assert watch.owner(PAYMENT) == Owner("alice")
    assert watch.owner(replace(PAYMENT, to=Address(COIN.chain, "far"))).customer == NOBODY


def test_a_shared_address_without_a_memo_book_is_nobodys():
    assert WatchList({ALICE.text: NOBODY}, {}, rules()).owner(replace(PAYMENT, memo="7")).customer == NOBODY
