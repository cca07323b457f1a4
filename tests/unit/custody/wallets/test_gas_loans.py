from dataclasses import replace

from custody.wallets.gas_loans import DAY_S, GasLoan, LentGas, fits, lent_gas

NOW_S = 10**9
LOAN = GasLoan("evm:1:0xab:4", "0xAccount", lent=70, cost=100, at_s=NOW_S)


def test_e07_the_budget_counts_everything_of_the_last_24_hours():
    earlier = [replace(LOAN, key=f"k{n}", at_s=NOW_S - n) for n in range(3)]
    assert not fits(earlier, LOAN, 399)
    assert fits(earlier, LOAN, 400)
    assert not fits([], LOAN, 99)


def test_what_is_a_day_old_no_longer_counts():
    assert fits([replace(LOAN, key="old", at_s=NOW_S - DAY_S)], LOAN, 100)
    assert not fits([replace(LOAN, key="old", at_s=NOW_S - DAY_S + 1)], LOAN, 100)


def test_a_second_try_at_the_same_key_counts_once():
    assert fits([replace(LOAN, at_s=NOW_S - 1)], LOAN, 100)


def test_only_what_is_final_was_lent_for_good():
    loans = [LOAN, replace(LOAN, key="open", lent=5), replace(LOAN, key="other", lent=7)]
    assert lent_gas(loans, {LOAN.key, "other", "a sweep"}, {"open"}) == LentGas(77, 5)
    assert lent_gas(loans, set(), set()) == LentGas()
