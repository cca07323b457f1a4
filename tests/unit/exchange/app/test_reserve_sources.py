# What a statement says of a UTXO wallet is what its final block says, whatever moved since.
from dataclasses import replace

import pytest
from simulators.bitcoin import LiveWallet, bitcoin_node, destination, make_intent  # noqa: F401 - a fixture

from custody.chains.utxo.wallet import RECEIVE
from custody.primitives.errors import NodeUnavailable
from exchange.app.reserve_sources import TierReader, UtxoReserves

pytestmark = pytest.mark.node


@pytest.fixture
def live(bitcoin_node):  # noqa: F811
    wallet = LiveWallet.open(bitcoin_node, "reserves")
    wallet.fund(50_000_000, 30_000_000)
    return wallet


@pytest.fixture
def reserves(live):
    return UtxoReserves([(TierReader(live.wallet.id, "hot"), live.reader)])


def pay(live, units, blocks):
    plan = live.plan(make_intent(destination(live.bitcoin), units))
    live.broadcaster.broadcast(live.codec.assemble(plan, live.sign(plan, 0, 1)))
    live.bitcoin.mine(blocks)
    return live.codec.summarize(plan).fee.units


def held(reserves, block):
    return {holding.address: holding.base_units for holding in reserves.holdings(block)}


def test_coins_that_moved_after_the_final_block_are_counted_where_they_were(live, reserves):
    places = [live.wallet.address(RECEIVE, index).text for index in (0, 1)]
    expected = dict(zip(places, (50_000_000, 30_000_000), strict=True))
    assert held(reserves, reserves.final_block()) == expected
    fee = pay(live, 60_000_000, blocks=1)
    block = reserves.final_block()
    assert held(reserves, block) == expected  # the payment is not final yet
    assert [place.address for place in reserves.owned(block)] == sorted(expected, key=places.index)
    live.bitcoin.mine(live.wallet.params.chain.final_depth)
    after = held(reserves, reserves.final_block())
    assert sum(after.values()) == 20_000_000 - fee
    assert not after.keys() & expected.keys()


def test_what_was_asked_for_and_what_is_owned_are_the_same_places_in_the_same_order(live, reserves):
    pay(live, 10_000_000, blocks=2)
    block = reserves.final_block()
    assert [p.address for p in reserves.owned(block)] == [h.address for h in reserves.holdings(block)]


def test_a_block_that_is_not_on_the_main_chain_gives_no_balances(live, reserves):
    with pytest.raises(NodeUnavailable):
        reserves.holdings(replace(reserves.final_block(), hash="00" * 32))
