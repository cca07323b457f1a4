# Every result code of a transfer and its rank, two-phase transfers, linked chains.
import pytest
from simulators.engine_pair import ALICE, BOB, QUOTE, EnginePair

from exchange.engine.codes import AMOUNT_CAP, Side, TransferFlag, TransferResult
from exchange.engine.commands import Transfer, pack_transfers

LINKED, PENDING, POST, VOID = TransferFlag.LINKED, TransferFlag.PENDING, TransferFlag.POST, TransferFlag.VOID
R = TransferResult
FLIGHT = 2


def move(number, amount=10, debit=ALICE, credit=BOB, **more):
    return Transfer(number, debit, credit, more.pop("ledger", QUOTE), amount, **more)


@pytest.fixture
def ledger(bare):
    bare.market()
    bare.transfers(move(1, 1_000, debit=0, credit=ALICE))
    return bare


def state(ledger):
    return [ledger.core.balance(account, QUOTE) for account in (0, FLIGHT, ALICE, BOB)]


# Refusals -------------------------------------------------------------------------------


def broken(field, value):
    record = pack_transfers([move(2)])
    record[field] = value
    return record


SHAPES = {
    "reserved bytes": (broken("reserved", (0, 0, 1, 0, 0)), R.RESERVED_FIELD),
    "an unknown flag": (broken("flags", 16), R.INVALID_FLAGS),
    "pending and post": (broken("flags", 6), R.INVALID_FLAGS),
    "post and void": (broken("flags", 12), R.INVALID_FLAGS),
    "the id zero": (pack_transfers([move(0)]), R.INVALID_ID),
    "the id of all ones": (pack_transfers([move((1 << 128) - 1)]), R.INVALID_ID),
    "a negative account": (broken("debit", -1), R.UNKNOWN_ACCOUNT),
    "an account beyond the capacity": (broken("credit", 64), R.UNKNOWN_ACCOUNT),
    "the highest account": (broken("credit", (1 << 63) - 1), R.UNKNOWN_ACCOUNT),
    "one account twice": (broken("credit", ALICE), R.SAME_ACCOUNT),
    "an asset beyond the capacity": (broken("ledger", 4), R.UNKNOWN_LEDGER),
    "nothing": (broken("amount", 0), R.INVALID_AMOUNT),
    "less than nothing": (broken("amount", -5), R.INVALID_AMOUNT),
    "the lowest int64": (broken("amount", -(1 << 63)), R.INVALID_AMOUNT),
    "more than the cap": (broken("amount", AMOUNT_CAP + 1), R.INVALID_AMOUNT),
    "a pending id in a plain transfer": (broken("pending_hi", 1), R.INVALID_PENDING_ID),
    "a post of nothing named": (broken("flags", 4), R.INVALID_PENDING_ID),
    "a post of itself": (pack_transfers([move(2, flags=POST, pending_id=2)]), R.INVALID_PENDING_ID),
    "a post of a stranger": (pack_transfers([move(2, flags=POST, pending_id=99)]), R.PENDING_NOT_FOUND),
    "a void of a plain transfer": (
        pack_transfers([move(2, 0, debit=0, credit=ALICE, flags=VOID, pending_id=1)]),
        R.NOT_PENDING,
    ),
    "more than there is": (broken("amount", 1_001), R.FUNDS),
    "more than clearing may owe": (pack_transfers([move(2, AMOUNT_CAP, debit=0, credit=ALICE)]), R.OVERFLOW),
}


@pytest.mark.parametrize(("record", "result"), SHAPES.values(), ids=SHAPES.keys())
def test_refuses_and_changes_no_balance(ledger, record, result):
    before = state(ledger)
    assert ledger.transfer_records(record) == [result]
    assert state(ledger) == before


def test_the_lowest_code_wins(ledger):
    # Everything is wrong at once; mended step by step, the next reason shows.
    record = pack_transfers([move(0)])
    fields = {
        "reserved": (1,) * 5,
        "flags": 0xFFFF,
        "debit": 99,
        "credit": 99,
        "ledger": 9,
        "amount": 0,
        "pending_lo": 7,
    }
    for name, value in fields.items():
        record[name] = value
    answers = []

    def attempt(**mended):
        for name, value in mended.items():
            record[name] = value
        answers.extend(ledger.transfer_records(record))

    attempt()
    attempt(flags=0xFFFE)
    attempt(reserved=(0,) * 5)
    attempt(flags=0)
    attempt(id_lo=1)  # the id of the deposit, with another body
    for number, mended in enumerate(
        [{}, {"debit": BOB, "credit": BOB}, {"credit": ALICE}, {"ledger": QUOTE}, {"amount": 5}, {"pending_lo": 0}], 100
    ):
        attempt(id_lo=number, **mended)
    expected = [1, 3, 4, 5, 6, 9, 10, 11, 12, 13, 20]
    assert answers == expected


# Idempotency ------------------------------------------------------------------------------


def test_a_repetition_answers_exists_and_moves_nothing(ledger):
    ledger.transfers(move(2))
    before = state(ledger)
    again = pack_transfers([move(2)])
    again["ts"] = 5  # the sequencer stamps a repetition with its own time
    assert ledger.transfer_records(again) == [R.EXISTS]
    assert state(ledger) == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("debit", BOB), ("credit", 20), ("amount", 11), ("ledger", 0), ("code", 1), ("flags", 2), ("user_a", 1)),
        *(("user_b", 1), ("pending_lo", 1), ("pending_hi", 1)),
    ],
)
def test_a_repetition_with_any_other_field_is_refused(ledger, field, value):
    ledger.transfers(move(2))
    assert ledger.transfer_records(broken(field, value)) == [R.EXISTS_DIFFERENT]


def test_an_id_that_failed_stays_failed(ledger):
    assert ledger.transfers(move(2, 5_000)) == [R.FUNDS]
    ledger.transfers(move(3, 9_000, debit=0, credit=ALICE))
    assert ledger.transfers(move(2, 5_000)) == [R.ALREADY_FAILED]
    assert ledger.transfers(move(2, 4_000)) == [R.EXISTS_DIFFERENT]
    assert ledger.transfers(move(4, 5_000)) == [R.OK]


def test_the_same_id_twice_in_one_batch(ledger):
    assert ledger.transfers(move(2), move(2), move(2, 11)) == [R.OK, R.EXISTS, R.EXISTS_DIFFERENT]


# Two phases -------------------------------------------------------------------------------


def test_a_pending_amount_cannot_be_spent_twice(ledger):
    assert ledger.transfers(move(2, 600, credit=FLIGHT, flags=PENDING)) == [R.OK]
    assert ledger.transfers(move(3, 600, credit=FLIGHT, flags=PENDING)) == [R.FUNDS]
    assert ledger.transfers(move(4, 401)) == [R.FUNDS]
    balance = ledger.core.balance(ALICE, QUOTE)
    assert (balance.available, balance.pending_out, balance.total) == (400, 600, 1_000)
    assert ledger.core.balance(FLIGHT, QUOTE).total == 0  # pending credits do not count


def test_a_pending_amount_cannot_be_traded_and_a_held_one_not_withdrawn(ledger):
    ledger.transfers(move(2, 600, credit=FLIGHT, flags=PENDING))
    assert not ledger.buy(ALICE, 1, 401).events[0]["handle"]
    ledger.buy(ALICE, 1, 400)
    assert ledger.transfers(move(3, 1)) == [R.FUNDS]


def test_post_pays_all_or_part_and_returns_the_rest(ledger):
    ledger.transfers(
        move(2, 600, credit=FLIGHT, flags=PENDING),
        move(3, 300, credit=FLIGHT, flags=PENDING),
        move(4, 0, credit=FLIGHT, flags=POST, pending_id=2),
        move(5, 100, credit=FLIGHT, flags=POST, pending_id=3),
    )
    assert ledger.core.balance(FLIGHT, QUOTE).available == 700
    balance = ledger.core.balance(ALICE, QUOTE)
    assert (balance.available, balance.pending_out) == (300, 0)


def test_void_returns_all(ledger):
    ledger.transfers(move(2, 600, flags=PENDING))
    assert ledger.transfers(move(3, 0, flags=VOID, pending_id=2)) == [R.OK]
    assert ledger.core.balance(ALICE, QUOTE).available == 1_000


@pytest.mark.parametrize(
    ("first", "second", "answer"),
    [
        (POST, POST, R.ALREADY_POSTED),
        (POST, VOID, R.ALREADY_POSTED),
        (VOID, POST, R.ALREADY_VOIDED),
        (VOID, VOID, R.ALREADY_VOIDED),
    ],
)
def test_a_pending_transfer_ends_once(ledger, first, second, answer):
    ledger.transfers(move(2, 600, flags=PENDING), move(3, 0, flags=first, pending_id=2))
    before = state(ledger)
    assert ledger.transfers(move(4, 0, flags=second, pending_id=2)) == [answer]
    assert state(ledger) == before


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"credit": 20}, R.PENDING_DIFFERENT),
        ({"debit": 20}, R.PENDING_DIFFERENT),
        ({"ledger": 0}, R.PENDING_DIFFERENT),
        ({"amount": 601}, R.EXCEEDS_PENDING),
        ({"amount": 599, "flags": VOID}, R.EXCEEDS_PENDING),
    ],
)
def test_an_ending_must_fit_its_pending_transfer(ledger, change, answer):
    ledger.transfers(move(2, 600, flags=PENDING))
    ending = {"amount": 0, "flags": POST, "pending_id": 2} | change
    assert ledger.transfers(move(3, **ending)) == [answer]


def test_a_failed_pending_transfer_cannot_be_posted(ledger):
    ledger.transfers(move(2, 5_000, flags=PENDING))
    assert ledger.transfers(move(3, 0, flags=POST, pending_id=2)) == [R.PENDING_NOT_FOUND]


# Chains ------------------------------------------------------------------------------------


def test_a_chain_is_undone_as_a_whole(ledger):
    ledger.transfers(move(2, 100, flags=PENDING))
    before = state(ledger)
    answers = ledger.transfers(
        move(10, 50, flags=LINKED),
        move(11, 40, flags=LINKED | PENDING),
        move(12, 0, flags=LINKED | POST, pending_id=2),
        move(13, 1, debit=20, flags=LINKED),
        move(14, 1),
        move(15, 1),
    )
    assert answers == [R.CHAIN_FAILED, R.CHAIN_FAILED, R.CHAIN_FAILED, R.FUNDS, R.CHAIN_FAILED, R.OK]
    assert ledger.transfers(move(16, 1, debit=BOB, credit=ALICE)) == [R.OK]  # what 15 moved
    assert state(ledger) == before
    # Undone members left no trace, the one that failed did; the pending transfer is open again.
    assert ledger.transfers(move(10, 50, flags=LINKED), move(14, 1)) == [R.OK, R.OK]
    assert ledger.transfers(move(13, 1, debit=20, flags=LINKED), move(17)) == [R.ALREADY_FAILED, R.CHAIN_FAILED]
    assert ledger.transfers(move(12, 0, flags=POST, pending_id=2)) == [R.OK]


def test_a_void_is_undone_as_well(ledger):
    ledger.transfers(move(2, 100, flags=PENDING))
    before = state(ledger)
    assert ledger.transfers(move(3, 0, flags=LINKED | VOID, pending_id=2), move(4, 5_000)) == [R.CHAIN_FAILED, R.FUNDS]
    assert state(ledger) == before


def test_an_open_chain_at_the_end_of_a_batch_is_refused(ledger):
    before = state(ledger)
    assert ledger.transfers(move(2), move(3, flags=LINKED), move(4, flags=LINKED)) == [
        R.OK,
        R.CHAIN_FAILED,
        R.CHAIN_OPEN,
    ]
    assert ledger.transfers(move(5, flags=LINKED)) == [R.CHAIN_OPEN]
    assert ledger.transfers(move(6, 5_000, flags=LINKED), move(7, flags=LINKED)) == [R.FUNDS, R.CHAIN_OPEN]
    assert ledger.transfers(move(2, debit=BOB, credit=ALICE)) == [R.EXISTS_DIFFERENT]
    assert ledger.transfers(move(8, debit=BOB, credit=ALICE)) == [R.OK]
    assert state(ledger) == before


def test_a_repeated_chain_exists(ledger):
    chain = (move(2, flags=LINKED), move(3))
    assert ledger.transfers(*chain) == [R.OK, R.OK]
    before = state(ledger)
    assert ledger.transfers(*chain) == [R.EXISTS, R.EXISTS]
    assert state(ledger) == before


def test_a_chain_funds_its_later_members_from_its_earlier_ones(ledger):
    assert ledger.transfers(move(2, 30, flags=LINKED), move(3, 30, debit=BOB, credit=20)) == [R.OK, R.OK]


# Growth --------------------------------------------------------------------------------------


def test_the_ledger_grows_beyond_its_first_room():
    engines = EnginePair()
    count = 5_000
    first = [Transfer(n * 0x9E37_79B9_7F4A_7C15_F39C, 0, ALICE, QUOTE, n) for n in range(1, count)]
    assert set(engines.transfers(*first)) == {0}
    assert set(engines.transfers(*first[::7])) == {R.EXISTS}
    assert engines.available(ALICE, QUOTE) == count * (count - 1) // 2
    engines.same_state()


def test_side_is_not_touched_by_money_that_comes_in(ledger):
    ledger.order(ALICE, Side.BUY, 10, 10)
    ledger.transfers(move(2, 7, debit=0, credit=ALICE))
    assert ledger.held(ALICE, QUOTE) == 100
