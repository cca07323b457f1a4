# The books as custody sees them, over a real engine and a real journal: refusals first.
from dataclasses import replace

import pytest
from simulators.settlement_world import ETH, GWEI_10, NOTE, btc, deposit_of, eth

from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import (
    IdempotencyConflict,
    InsufficientFunds,
    InvalidAmount,
    InvalidInput,
    LimitExceeded,
    UnknownAsset,
)
from exchange.accounts.directory import InvalidCustomer
from exchange.engine.codes import FIRST_CUSTOMER, SystemAccount
from exchange.settlement.ledger import HOUSE, HoldEnded
from exchange.settlement.scale import AMOUNT_CAP_QUANTA

DOGE = Asset("DOGE", 8, ChainId("dogecoin"))
FOREIGN_ETH = Asset("ETH", 18, ChainId("ethereum"))


# Deposits ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "refusal"),
    [
        (Amount(1, DOGE), UnknownAsset),
        (Amount(10**18, FOREIGN_ETH), InvalidInput),
        (btc(-1), InvalidAmount),
        (eth(-(10**18)), InvalidAmount),
        (btc(AMOUNT_CAP_QUANTA + 1), LimitExceeded),
    ],
)
def test_a_credit_of_no_proper_amount_is_refused_and_leaves_no_trace(world, amount, refusal):
    before = world.seq
    with pytest.raises(refusal):
        world.ledger.credit(deposit_of("alice", amount))
    assert world.seq == before


def test_a_credit_beyond_what_the_books_can_count_is_a_limit_not_a_bug(world):
    world.fund("alice", btc(AMOUNT_CAP_QUANTA))
    for _ in range(2):
        with pytest.raises(LimitExceeded) if _ == 0 else pytest.raises(InsufficientFunds):
            world.ledger.credit(deposit_of("bob", btc(1), "one-too-many"))
    assert world.units("bob") == (0, 0)
    assert world.units("alice") == (AMOUNT_CAP_QUANTA, 0)


def test_a_credit_to_no_customer_id_is_refused(world):
    with pytest.raises(InvalidCustomer):
        world.ledger.credit(deposit_of("not an id", btc(5)))


@pytest.mark.parametrize("other", [deposit_of("alice", btc(501)), deposit_of("bob", btc(500))])
def test_the_same_deposit_with_another_content_is_a_conflict(world, other):
    world.ledger.credit(deposit_of("alice", btc(500)))
    with pytest.raises(IdempotencyConflict):
        world.ledger.credit(other)
    assert (world.units("alice"), world.units("bob")) == ((500, 0), (0, 0))


def test_a_deposit_below_one_quantum_credits_nothing_and_opens_nothing(world):
    before = world.seq
    world.ledger.credit(deposit_of("alice", eth(GWEI_10 - 1)))
    world.ledger.reverse(deposit_of("alice", eth(GWEI_10 - 1)))
    assert world.seq == before
    assert len(world.core.directory) == 0


def test_a_credit_leaves_its_dust_out(world):
    world.ledger.credit(deposit_of("alice", eth(3 * GWEI_10 + 9_999)))
    assert world.units("alice", ETH) == (3 * GWEI_10, 0)
    assert world.accounts.owed_quanta(1) == 3


def test_a_credit_made_twice_is_booked_once_also_after_a_restart(world):
    deposit = deposit_of("alice", btc(500))
    world.ledger.credit(deposit)
    world.ledger.credit(deposit)
    world.reopen()
    world.ledger.credit(deposit)
    assert world.units("alice") == (500, 0)


def test_a_new_generation_of_a_deposit_is_a_credit_of_its_own(world):
    first = deposit_of("alice", btc(500))
    again = replace(first, generation=1)
    for step in (world.ledger.credit, world.ledger.reverse):
        step(first)
    world.ledger.credit(again)
    world.ledger.credit(again)
    assert world.units("alice") == (500, 0)


def test_a_reversal_of_spent_funds_is_refused_and_stays_refused(world):
    deposit = world.fund("alice", btc(500))
    world.hold("wd-1", "alice", btc(1))
    with pytest.raises(InsufficientFunds, match="DEPOSIT_REVERSAL"):
        world.ledger.reverse(deposit)
    world.ledger.void("wd-1")
    world.fund("alice", btc(10_000))
    # A person decides about it now: money that came later is not taken by a retry.
    with pytest.raises(InsufficientFunds, match="a refusal is final"):
        world.ledger.reverse(deposit)
    assert world.units("alice") == (10_500, 0)


def test_a_reversal_made_twice_takes_back_once_also_after_a_restart(world):
    deposit = world.fund("alice", eth(5 * GWEI_10 + 3))
    world.fund("alice", eth(2 * GWEI_10))
    world.ledger.reverse(deposit)
    world.ledger.reverse(deposit)
    world.reopen()
    world.ledger.reverse(deposit)
    assert world.units("alice", ETH) == (2 * GWEI_10, 0)


# Holds ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "refusal"),
    [
        (Amount(1, DOGE), UnknownAsset),
        (Amount(10**18, FOREIGN_ETH), InvalidInput),
        (eth(1), InvalidAmount),
        (eth(GWEI_10 - 1), InvalidAmount),
        (eth(GWEI_10 + 1), InvalidAmount),
        (eth(0), InvalidAmount),
        (btc(-1), InvalidAmount),
        (btc(AMOUNT_CAP_QUANTA + 1), LimitExceeded),
    ],
)
def test_a_hold_of_no_whole_number_of_quanta_is_refused_before_the_journal(world, amount, refusal):
    world.fund("alice", eth(10**18))
    world.fund("alice", btc(10**8))
    before = world.core.state_hash()
    with pytest.raises(refusal):
        world.hold("wd-1", "alice", amount)
    assert world.core.state_hash() == before


def test_a_hold_beyond_the_funds_is_refused_and_the_same_request_stays_refused(world):
    world.fund("alice", btc(100))
    with pytest.raises(InsufficientFunds, match="hold of withdrawal wd-1: the account holds less"):
        world.hold("wd-1", "alice", btc(101))
    world.fund("alice", btc(100))
    with pytest.raises(InsufficientFunds, match="a refusal is final"):
        world.hold("wd-1", "alice", btc(101))
    world.hold("wd-2", "alice", btc(101))
    assert world.units("alice") == (99, 101)
    assert list(world.ledger.open_notes()) == [NOTE]


def test_a_hold_in_a_name_that_was_never_credited_leaves_no_account_behind(world):
    before = world.seq, len(world.core.directory)
    with pytest.raises(InsufficientFunds, match="'mallory' was never credited"):
        world.hold("wd-1", "mallory", btc(1))
    assert (world.seq, len(world.core.directory)) == before


def test_held_money_cannot_be_held_again(world):
    world.fund("alice", btc(100))
    world.hold("wd-1", "alice", btc(60))
    with pytest.raises(InsufficientFunds):
        world.hold("wd-2", "alice", btc(41))
    world.hold("wd-3", "alice", btc(40))
    assert world.units("alice") == (0, 100)


def test_one_customer_cannot_hold_what_another_has(world):
    world.fund("alice", btc(100))
    with pytest.raises(InsufficientFunds):
        world.hold("wd-1", "bob", btc(1))
    assert world.units("alice") == (100, 0)


@pytest.mark.parametrize(
    "other",
    [("alice", btc(61), NOTE), ("bob", btc(60), NOTE), ("alice", btc(60), b'{"kind":"withdrawal","to":"mallory"}')],
    ids=["amount", "customer", "note"],
)
def test_a_second_hold_with_another_content_is_a_conflict(world, other):
    world.fund("alice", btc(100))
    world.fund("bob", btc(100))
    world.hold("wd-1", "alice", btc(60))
    with pytest.raises(IdempotencyConflict):
        world.hold("wd-1", *other)
    assert (world.units("alice"), world.units("bob")) == ((40, 60), (100, 0))


def test_a_hold_made_twice_holds_once_also_after_a_restart(world):
    world.fund("alice", btc(100))
    for step in (lambda: None, lambda: None, world.reopen):
        step()
        world.hold("wd-1", "alice", btc(60))
    assert world.units("alice") == (40, 60)
    assert list(world.ledger.open_notes()) == [NOTE]


# The two ends of a hold ----------------------------------------------------------------


@pytest.mark.parametrize(("first", "second"), [("post", "void"), ("void", "post")])
def test_a_hold_ends_one_way_only(world, first, second):
    world.fund("alice", btc(100))
    world.hold("wd-1", "alice", btc(60))
    getattr(world.ledger, first)("wd-1")
    world.reopen()
    after = world.units("alice")
    with pytest.raises(HoldEnded, match=f"already {first}ed"):
        getattr(world.ledger, second)("wd-1")
    assert world.units("alice") == after == ((40, 0) if first == "post" else (100, 0))


@pytest.mark.parametrize(("end", "left"), [("post", 40), ("void", 100)])
def test_an_end_made_twice_counts_once_also_after_a_restart(world, end, left):
    world.fund("alice", btc(100))
    world.hold("wd-1", "alice", btc(60))
    for step in (lambda: None, lambda: None, world.reopen):
        step()
        getattr(world.ledger, end)("wd-1")
    assert world.units("alice") == (left, 0)
    assert world.accounts.owed_quanta(0) == left
    assert list(world.ledger.open_notes()) == []


def test_the_other_end_of_one_hold_touches_no_other(world):
    world.fund("alice", btc(100))
    for number in range(3):
        world.hold(f"wd-{number}", "alice", btc(10 + number), b'{"kind":"withdrawal","n":%d}' % number)
    world.ledger.post("wd-0")
    world.ledger.void("wd-2")
    assert world.units("alice") == (79, 11)
    assert list(world.ledger.open_notes()) == [b'{"kind":"withdrawal","n":1}']


def test_money_on_its_way_out_is_still_owed_until_it_is_paid(world):
    world.fund("alice", btc(100))
    world.hold("wd-1", "alice", btc(60))
    assert world.accounts.owed_quanta(0) == 100
    world.ledger.post("wd-1")
    assert world.accounts.owed_quanta(0) == 40


# Fees ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fee", "refusal"),
    [(Amount(1, DOGE), UnknownAsset), (btc(-1), InvalidAmount), (btc(AMOUNT_CAP_QUANTA + 1), LimitExceeded)],
)
def test_a_fee_of_no_proper_amount_is_refused(world, fee, refusal):
    world.fund(HOUSE, btc(100))
    with pytest.raises(refusal):
        world.ledger.book_fee("bitcoin/tx", fee)
    assert world.units(HOUSE) == (100, 0)


def test_one_subject_cannot_cost_two_different_fees(world):
    world.fund(HOUSE, btc(100))
    world.ledger.book_fee("bitcoin/tx", btc(7))
    with pytest.raises(IdempotencyConflict):
        world.ledger.book_fee("bitcoin/tx", btc(8))


def test_a_fee_the_house_cannot_pay_is_booked_once_after_the_house_was_funded(world):
    world.fund(HOUSE, btc(3))
    for _ in range(3):
        with pytest.raises(InsufficientFunds):
            world.ledger.book_fee("bitcoin/tx", btc(7))
    world.reopen()
    with pytest.raises(InsufficientFunds):
        world.ledger.book_fee("bitcoin/tx", btc(7))
    world.fund(HOUSE, btc(10))
    assert world.ledger.book_fee("bitcoin/tx", btc(7)) == btc(0)
    world.ledger.book_fee("bitcoin/tx", btc(7))
    world.reopen()
    world.ledger.book_fee("bitcoin/tx", btc(7))
    assert world.units(HOUSE) == (6, 0)


def test_a_poor_house_does_not_fill_the_journal(world):
    world.fund(HOUSE, btc(3))
    with pytest.raises(InsufficientFunds):
        world.ledger.book_fee("bitcoin/tx", btc(7))
    before = world.seq
    for _ in range(5):
        with pytest.raises(InsufficientFunds):
            world.ledger.book_fee("bitcoin/tx", btc(7))
    assert world.seq == before


@pytest.mark.parametrize(
    ("fee", "booked", "dust"), [(1, 1, GWEI_10 - 1), (GWEI_10, 1, 0), (GWEI_10 + 1, 2, GWEI_10 - 1), (0, 0, 0)]
)
def test_a_fee_is_booked_rounded_up_and_its_dust_told(world, fee, booked, dust):
    world.fund(HOUSE, eth(5 * GWEI_10))
    assert world.ledger.book_fee("ethereum/tx", eth(fee)) == eth(dust)
    assert world.ledger.book_fee("ethereum/tx", eth(fee)) == eth(dust)
    assert world.units(HOUSE, ETH) == ((5 - booked) * GWEI_10, 0)
    assert world.accounts.owed_quanta(1) == 5 - booked


# Everything together -------------------------------------------------------------------


def test_a_restart_changes_no_balance_and_no_open_hold(world):
    spent = world.fund("alice", btc(100))
    world.fund("alice", eth(7 * GWEI_10 + 1))
    world.fund("bob", btc(50))
    world.fund(HOUSE, btc(10))
    world.hold("wd-1", "alice", btc(60))
    world.hold("wd-2", "bob", btc(50))
    world.ledger.post("wd-2")
    world.ledger.book_fee("bitcoin/tx", btc(4))
    with pytest.raises(InsufficientFunds):
        world.ledger.reverse(spent)
    before, liabilities = world.core.state_hash(), world.owed()
    world.core.sequencer.snapshot()
    world.reopen()
    # The epoch's own command moves the sequence number, and with it the hash; the recovered state is the old one.
    assert world.core.sequencer.recovery.state_hash == before
    assert world.owed() == liabilities
    assert list(world.ledger.open_notes()) == [NOTE]
    assert {name for name, _, _ in liabilities} == {"alice", "house"}


def test_the_house_is_a_customer_and_not_a_system_account(world):
    world.fund(HOUSE, btc(1))
    assert world.core.directory.number_of(HOUSE) >= FIRST_CUSTOMER > max(SystemAccount)
    assert world.owed() == [("house", 0, 1)]
