from dataclasses import replace

import pytest
from simulators.bitcoin import make_coins, make_wallet

from custody.chains.utxo.codec import UtxoCodec
from custody.chains.utxo.coins import Coins
from custody.chains.utxo.consolidation import MAX_COST_SHARE, MIN_GATHERED, plan_consolidation
from custody.chains.utxo.selection import MAX_INPUTS
from custody.keys.material import SigningRole

WALLET, MEMBERS = make_wallet("small", 2, 3, window=300)
FEES = WALLET.params.fees


def gathered(*values, rate=FEES.floor):
    return plan_consolidation(WALLET, make_coins(WALLET, *values, rate=rate))


@pytest.mark.parametrize("rate", [FEES.floor - 1, FEES.calm + 1, FEES.cap])
def test_nothing_while_fees_are_not_calm(rate):
    assert gathered(*[50_000] * 60, rate=rate) is None


def test_nothing_where_there_are_few_coins():
    assert gathered(*[50_000] * (MIN_GATHERED - 1)) is None


def test_nothing_where_it_costs_more_than_a_tenth():
    assert gathered(*[1_000] * 60) is None


def test_dust_and_coins_that_cost_more_than_they_hold_stay():
    assert gathered(*[545] * 100) is None
    plan = gathered(*[545] * 10, *[50_000] * 60)
    assert min(coin.value_sat for coin in plan.inputs) == 50_000


def test_the_smallest_come_first_and_no_more_than_a_transaction_may_have():
    plan = gathered(*range(20_000, 20_000 + MAX_INPUTS + 30))
    assert sorted(coin.value_sat for coin in plan.inputs) == list(range(20_000, 20_000 + MAX_INPUTS))
    assert plan.fee_sat * MAX_COST_SHARE <= sum(coin.value_sat for coin in plan.inputs)


def test_all_goes_to_change_of_our_own_and_signers_see_that():
    coins = make_coins(WALLET, *[50_000] * 60, rate=FEES.calm)
    plan, codec = plan_consolidation(WALLET, coins), UtxoCodec(WALLET)
    assert plan_consolidation(WALLET, Coins(tuple(reversed(coins.coins)), FEES.calm, coins.change_index)) == plan
    seen = MEMBERS[0].decoder(WALLET).understand(codec.encode(plan), SigningRole.MEMBER)
    assert seen.summary == codec.summarize(plan)
    assert seen.summary.to == ()
    assert [to.text for to, _ in seen.summary.change] == [WALLET.address(1, coins.change_index).text]
    assert plan_consolidation(WALLET, replace(coins, coins=())) is None
