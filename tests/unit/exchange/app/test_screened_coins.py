from types import SimpleNamespace

from simulators.blocks import CHAIN

from custody.chains.utxo.coins import Coin, Coins
from custody.wallets.deposit import DepositState
from exchange.app.screened_coins import ScreenedReader


class Records:
    def __init__(self, **states):
        self.states = states

    def keys_in(self, keys, states):
        return frozenset(key for key in keys if self.states.get(key.split("/")[1]) in states)


def coin(name, branch=0, index=5):
    return Coin(name, 0, 1_000, branch, index, b"")


def offered(records, *coins):
    asked = []

    def spendable(reserved):
        asked.append(reserved)
        return Coins(coins, 7, 3)

    reader = ScreenedReader(SimpleNamespace(chain=CHAIN, spendable=spendable), records, own_places=1)
    found = reader.spendable({"taken"})
    assert (asked, found.fee_sat_per_kvb, found.change_index) == ([{"taken"}], 7, 3)
    return [each.txid for each in found.coins]


# B17, B13: what lands in the hot wallet itself is kept out of its payments, coin by coin.
def test_coins_of_deposits_that_are_not_credited_are_not_offered():
    stand = {state.value: state for state in DepositState}
    coins = [coin("never-seen"), *(coin(name) for name in stand)]
    assert offered(Records(**stand), *coins) == ["credited", "final"]


def test_change_and_the_houses_own_place_are_no_deposits():
    assert offered(Records(), coin("change", branch=1), coin("own", index=0), coin("customers", index=1)) == [
        "change",
        "own",
    ]
