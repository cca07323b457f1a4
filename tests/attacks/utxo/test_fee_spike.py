# E04: fees rise fiftyfold, or a node says so. What is paid stays within the network's cap and the intents' own.
import pytest
from simulators.bitcoin import make_coins, make_intent, make_wallet

from custody.chains.utxo.codec import UtxoCodec
from custody.chains.utxo.params import BITCOIN_REGTEST, DOGECOIN_REGTEST, LITECOIN_REGTEST
from custody.chains.utxo.reader import UtxoReader
from custody.primitives.errors import LimitExceeded

ROWS = (BITCOIN_REGTEST, LITECOIN_REGTEST, DOGECOIN_REGTEST)


class Node:
    """A simulator: a node with an opinion about fees."""

    def __init__(self, estimate, floor=0):
        self.estimate, self.floor = estimate, floor

    def fee_sat_per_kvb(self, blocks):
        return self.estimate

    def pool_floor_sat_per_kvb(self):
        return self.floor


@pytest.mark.parametrize("params", ROWS, ids=lambda params: params.chain.id)
def test_e04_no_estimate_moves_the_rate_out_of_the_policy(params):
    wallet, _ = make_wallet("spike", 2, 3, params, window=5)
    fees = params.fees
    said = {None: fees.fallback, 0: fees.fallback, 1: fees.floor, fees.cap * 50: fees.cap, 10**18: fees.cap}
    assert {each: UtxoReader(wallet, Node(each)).fee_sat_per_kvb() for each in said} == said
    assert UtxoReader(wallet, Node(1, floor=fees.floor + 7)).fee_sat_per_kvb() == fees.floor + 7
    assert UtxoReader(wallet, Node(1, floor=10**18)).fee_sat_per_kvb() == fees.cap


@pytest.mark.parametrize("params", ROWS, ids=lambda params: params.chain.id)
def test_e04_at_the_cap_a_small_payment_waits_and_a_batch_shares_the_fee(params):
    wallet, _ = make_wallet("spike", 2, 3, params, window=50)
    codec, fees = UtxoCodec(wallet), params.fees
    coins = make_coins(wallet, 10**12, rate=fees.cap)
    alone = [make_intent(wallet.address(0, 9), 10**9, fee_max=fees.cap // 10, params=params)]
    with pytest.raises(LimitExceeded, match="fee"):
        codec.plan(alone, coins, ())
    batch = [
        make_intent(wallet.address(0, n), 10**9, fee_max=fees.cap // 10, name=f"w-{n}", params=params)
        for n in range(20)
    ]
    plan = codec.plan(batch, coins, ())
    assert plan.fee_sat <= 20 * fees.cap // 10
