import pytest

from custody.chains.evm.conflict import account_key, nonce_key, owed_key, promised, reserved_nonces
from custody.chains.evm.nonces import KeyUsedOutside, Repair, gaps, repairs, used_outside, verify_own_use

ACCOUNT = "0xAb" + "00" * 19
TOKEN = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


# A11, E05: the chain is ahead of everything we gave out.
def test_names_values_that_were_used_outside():
    assert used_outside(4, {0, 1, 2, 3}, 0) == ()
    assert used_outside(5, {0, 1, 2, 3}, 0) == (4,)
    assert used_outside(4, {0, 1, 3, 7}, 0) == (2,)
    assert used_outside(9, {7, 8}, 7) == ()
    with pytest.raises(KeyUsedOutside, match="2 transactions are not ours, first counter values 2, 4"):
        verify_own_use(ACCOUNT, 5, {0, 1, 3})


def test_own_use_is_no_alarm():
    verify_own_use(ACCOUNT, 0, frozenset())
    verify_own_use(ACCOUNT, 3, {0, 1, 2, 3, 4})
    verify_own_use(ACCOUNT, 8, {7}, first=7)


# E05, E12: a value that holds others back.
@pytest.mark.parametrize(
    ("used", "reserved", "found"),
    [(0, set(), ()), (3, {3, 4}, ()), (3, {4}, (3,)), (5, {6, 8}, (5, 7)), (9, {6, 8}, ()), (7, {2, 9}, (7, 8))],
)
def test_finds_the_gaps_below_what_waits(used, reserved, found):
    assert gaps(used, reserved) == found


def test_reads_counter_values_of_one_account_out_of_all_reservations():
    names = {account_key(1, ACCOUNT, 4), account_key(1, ACCOUNT, 12), account_key(10, ACCOUNT, 5)}
    names |= {nonce_key(1, ACCOUNT, 6), nonce_key(1, ACCOUNT, 7) + ":" + "ab" * 32, "utxo:1:0"}
    assert reserved_nonces(names, account_key(1, ACCOUNT, 0)) == {4, 12}
    assert reserved_nonces(names, nonce_key(1, ACCOUNT, 0)) == {6}
    assert reserved_nonces(names, account_key(1, TOKEN, 0)) == frozenset()


def test_promises_end_where_the_counter_value_is_used():
    names = {owed_key(1, ACCOUNT, 4, None, 10), owed_key(1, ACCOUNT, 5, None, 7), owed_key(1, ACCOUNT, 5, TOKEN, 3)}
    names |= {owed_key(2, ACCOUNT, 5, None, 99), owed_key(1, TOKEN, 5, None, 99)}
    assert promised(names, 1, ACCOUNT, 4) == {None: 17, TOKEN.lower(): 3}
    assert promised(names, 1, ACCOUNT, 5) == {None: 7, TOKEN.lower(): 3}
    assert promised(names, 1, ACCOUNT, 6) == {}


def test_of_several_attempts_of_one_payment_the_dearest_is_promised():
    names = {owed_key(1, ACCOUNT, 4, None, 10), owed_key(1, ACCOUNT, 4, None, 12)}
    assert promised(names, 1, ACCOUNT, 0) == {None: 12}


# E12: a filler in front of a missing Safe nonce would let the execution behind it run too early.
@pytest.mark.parametrize(
    ("safe_gaps", "sender_gaps", "expected"),
    [
        ((), (), ()),
        ((), (5, 6), (Repair(5, None), Repair(6, None))),
        ((3,), (5,), (Repair(5, 3),)),
        ((3, 4), (5,), (Repair(5, 3), Repair(20, 4))),
        ((3,), (5, 7), (Repair(5, 3), Repair(7, None))),
        ((3,), (), (Repair(20, 3),)),
    ],
)
def test_gaps_of_the_safe_are_rejected_by_the_lowest_gaps_of_the_sender(safe_gaps, sender_gaps, expected):
    assert repairs(safe_gaps, sender_gaps, 20) == expected
