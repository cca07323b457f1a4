from exchange.app.local_chains import LOCAL_CHAINS, rows_of
from exchange.app.provision import MARKETS


def test_a_chain_that_is_not_local_has_no_row():
    assert rows_of({"bitcoin", "ethereum"}) == ()


def test_rows_keep_the_order_of_wallets_whatever_order_is_asked():
    assert [row.symbol for row in rows_of(["ethereum-local", "bitcoin-regtest"])] == ["BTC", "ETH"]


def test_all_chains_have_their_rows():
    assert rows_of({row.chain for row in LOCAL_CHAINS}) == LOCAL_CHAINS


def test_every_market_is_between_coins_of_the_installation_or_the_candidate():
    known = {row.symbol for row in LOCAL_CHAINS} | {"DEMO"}
    assert {market.base for market in MARKETS} | {market.quote for market in MARKETS} <= known
