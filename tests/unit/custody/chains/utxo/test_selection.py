import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulators.bitcoin import make_wallet

from custody.chains.utxo import selection
from custody.chains.utxo.coins import Coin, Coins
from custody.chains.utxo.selection import BUMP_BUDGET, MAX_INPUTS, MAX_OUTPUTS, Demand, select
from custody.chains.utxo.sizes import MAX_WEIGHT, fee_sat, input_weight, vsize, weight
from custody.primitives.errors import InsufficientFunds, LimitExceeded

WALLET, _ = make_wallet("selection", 2, 3)
WIDE, _ = make_wallet("wide", 8, 15)
SCRIPTS = (bytes(22), bytes(34))
RATE = 5_000


def coins(*values, rate=RATE):
    listed = tuple(Coin(f"{i:064x}", 0, value, 0, 0, b"") for i, value in enumerate(values))
    return Coins(listed, rate, 0)


def choose(values, pay, rate=RATE, scripts=SCRIPTS, wallet=WALLET):
    return select(wallet, coins(*values, rate=rate), Demand(pay, scripts))


# Refusals --------------------------------------------------------------------------------


def test_refuses_when_nothing_is_there():
    with pytest.raises(InsufficientFunds):
        choose([], 1_000)


def test_refuses_when_the_fee_and_bump_budget_do_not_fit():
    exact = 50_000 + (1 + BUMP_BUDGET) * fee_sat(vsize(WALLET, 1, SCRIPTS), RATE)
    with pytest.raises(InsufficientFunds) as refused:
        choose([exact - 1], 50_000)
    assert refused.value.facts == {"available_sat": exact - 1, "needed_sat": exact}
    assert choose([exact], 50_000).change_sat == exact - 50_000 - choose([exact], 50_000).fee_sat


def test_dust_and_coins_that_cost_more_than_they_hold_are_not_counted():
    # B13: ten thousand dust coins bring nothing into a transaction.
    with pytest.raises(InsufficientFunds) as refused:
        choose([545] * 10_000, 1_000)
    assert refused.value.facts["available_sat"] == 0
    with pytest.raises(InsufficientFunds):
        choose([2_000] * 1_000, 10_000, rate=100_000)


def test_refuses_more_inputs_than_the_limit():
    with pytest.raises(LimitExceeded, match="consolidate"):
        choose([10_000] * (MAX_INPUTS + 50), 1_900_000)


def test_refuses_more_outputs_than_the_limit():
    with pytest.raises(LimitExceeded):
        choose([10**9], 1_000, scripts=(bytes(22),) * (MAX_OUTPUTS + 1))


def test_refuses_what_is_too_heavy_to_relay(monkeypatch):
    monkeypatch.setattr(selection, "MAX_WEIGHT", weight(WALLET, 1, SCRIPTS) - 1)
    with pytest.raises(LimitExceeded, match="heavier"):
        choose([10**8], 1_000)


# Choice ----------------------------------------------------------------------------------


def test_the_smallest_coin_that_suffices_alone_is_taken():
    assert [c.value_sat for c in choose([10**8, 10**6, 10**7], 500_000).coins] == [10**6]


def test_otherwise_the_largest_come_first():
    assert [c.value_sat for c in choose([40_000, 70_000, 60_000, 1_000], 110_000).coins] == [70_000, 60_000]


def test_two_hundred_thousand_coins_are_no_problem():
    # E08. The reader offers 400; the choice must survive far more.
    assert len(choose(range(1_000, 201_000), 10**7).coins) <= MAX_INPUTS


def test_the_widest_wallet_with_most_inputs_is_still_relayed():
    assert weight(WIDE, MAX_INPUTS, (bytes(34),) * 100) <= MAX_WEIGHT
    assert input_weight(WIDE) > input_weight(WALLET)


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=40), st.integers(546, 10**9), st.integers(1_000, 200_000))
def test_every_choice_balances_and_keeps_the_bump_budget(values, pay, rate):
    try:
        chosen = choose(values, pay, rate)
    except InsufficientFunds:
        # Even all worthy coins together would not do.
        one, two = (fee_sat(vsize(WALLET, count, SCRIPTS), rate) for count in (1, 2))
        cost = (1 + BUMP_BUDGET) * (two - one)
        worthy = [v for v in values if v >= 546 and v > cost]
        fee = fee_sat(vsize(WALLET, max(1, len(worthy)), SCRIPTS), rate)
        assert sum(worthy) < pay + fee + max(546, BUMP_BUDGET * fee)
        return
    assert sum(c.value_sat for c in chosen.coins) == pay + chosen.fee_sat + chosen.change_sat
    assert chosen.fee_sat == fee_sat(vsize(WALLET, len(chosen.coins), SCRIPTS), rate)
    assert chosen.change_sat >= max(546, BUMP_BUDGET * chosen.fee_sat)
    assert len(set(chosen.coins)) == len(chosen.coins)
