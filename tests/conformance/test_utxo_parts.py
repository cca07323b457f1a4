# What the installation builds for a chain of the family, on each local node: lane, desk, balances, reserves.
from dataclasses import replace

import pytest
from simulators.bitcoin import make_members, utxo_node  # noqa: F401 - a fixture
from simulators.blocks import MemoryDeposits
from simulators.gates import SEALS

from custody.chains.utxo.params import ROWS
from custody.keys.crosscheck import CrossCheckFailed
from custody.monitor.breaker import FileBreaker
from custody.primitives.asset import AssetBook
from custody.primitives.errors import WrongNetwork
from custody.store.database import open_database
from custody.store.deposits import SqlDepositStore
from custody.store.sweeps import SqlSweepStore
from custody.store.withdrawals import SqlWithdrawalStore
from custody.withdrawals.errors import WithdrawalsFrozen
from exchange.app.blueprint import ChainSpec, MemberSpec, WalletSpec
from exchange.app.chain_parts import Ingredients, Records
from exchange.app.utxo import utxo_parts
from exchange.app.wallets import utxo_wallet

pytestmark = pytest.mark.node
EVIDENCE = "as the specification says"


def spec(tier, params, count, threshold):
    members = make_members(f"parts {tier}", count, params)
    listed = tuple(MemberSpec(f"{tier}-{n}", m.path, m.origin.text()) for n, m in enumerate(members))
    return WalletSpec(f"{tier}-{params.asset.symbol.lower()}", tier, params.chain.id, threshold, listed)


def ingredients(kind, node, folder):
    endpoint = node.rpc.endpoint
    cookie = folder / "cookie"
    if endpoint.user:
        cookie.write_text(f"{endpoint.user}:{endpoint.password.reveal().decode()}")
    hot, cold = spec("hot", kind.params, 3, 2), spec("cold", kind.params, 5, 3)
    return Ingredients(
        chain=ChainSpec(kind.params.chain.id, EVIDENCE, endpoint.url, str(cookie) if endpoint.user else ""),
        hot=hot,
        cold=cold,
        signers={member.signer: object() for member in hot.members},
        sender="",
        deposits=MemoryDeposits(),
        deposit_limit=0,
        folder=folder,
        records=Records(None, None, None, None),
        memos=None,
    )


def test_a_node_of_another_network_stops_the_start(utxo_node, tmp_path):  # noqa: F811
    kind, node = utxo_node
    given = ingredients(kind, node, tmp_path)
    other = next(params for params in ROWS if params.chain.network == "regtest" and params is not kind.params)
    with pytest.raises(WrongNetwork):
        utxo_parts(replace(given, hot=spec("hot", other, 3, 2), cold=spec("cold", other, 5, 3)))


def test_every_address_is_derived_by_a_second_library_too(utxo_node, tmp_path, monkeypatch):  # noqa: F811
    kind, node = utxo_node
    pytest.importorskip("bitcoinlib")
    parts = utxo_parts(ingredients(kind, node, tmp_path))
    given = parts.desk.address_for("ada")
    assert given == utxo_wallet(ingredients(kind, node, tmp_path).hot).address(0, 1)
    monkeypatch.setattr("custody.chains.utxo.wallet.UtxoWallet.address", lambda self, branch, index: given)
    with pytest.raises(CrossCheckFailed):
        parts.desk.address_for("bob")


def test_the_parts_of_a_chain_work_together(utxo_node, tmp_path):  # noqa: F811
    kind, node = utxo_node
    pytest.importorskip("bitcoinlib")
    parts = utxo_parts(ingredients(kind, node, tmp_path))
    assert (parts.chain, parts.native, parts.evidence) == (kind.params.chain, kind.params.asset, EVIDENCE)
    before = parts.hot_balance(), parts.cold_balance()
    deposit = parts.desk.address_for("cem")
    values = {deposit.text: 3, parts.hot_address.text: 5, parts.cold_address.text: 7}
    node.fund_many({address: value * 10_000_000 * kind.unit for address, value in values.items()})
    node.mine(1)
    seen = parts.source.deposits({deposit.text}, parts.source.tip())
    assert [(each.to, each.amount.units) for each in seen] == [(deposit, 30_000_000 * kind.unit)]
    node.mine(kind.params.chain.final_depth)
    now = parts.hot_balance(), parts.cold_balance()
    gained = [(after - earlier).units for after, earlier in zip(now, before, strict=True)]
    assert gained == [80_000_000 * kind.unit, 70_000_000 * kind.unit]
    block = parts.reserves.final_block()
    assert sum(holding.base_units for holding in parts.reserves.holdings(block)) == sum(each.units for each in now)
    assert deposit.text in {place.address for place in parts.reserves.owned(block)}
    assert parts.lane.threshold == 2
    intent = kind.intent(20_000_000)
    assert parts.lane.codec.plan([intent], parts.lane.reader.spendable(frozenset()), ())


def test_while_the_breaker_is_open_no_coins_are_gathered(utxo_node, tmp_path):  # noqa: F811
    kind, node = utxo_node
    pytest.importorskip("bitcoinlib")
    database, assets = open_database(f"sqlite:///{tmp_path}/custody.sqlite"), AssetBook([kind.params.asset])
    stores = (SqlWithdrawalStore(database, assets, SEALS), SqlSweepStore(database, assets), None)
    records = Records(*stores, SqlDepositStore(database, assets))
    parts = utxo_parts(replace(ingredients(kind, node, tmp_path), records=records))
    parts.upkeep()
    stopped = utxo_parts(replace(ingredients(kind, node, tmp_path), records=records))
    FileBreaker(tmp_path / "breaker.json").open(f"chain:{kind.params.chain.id}", "because")
    with pytest.raises(WithdrawalsFrozen):
        stopped.upkeep()
