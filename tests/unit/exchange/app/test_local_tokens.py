# Tokens of a local installation: one row makes wallets, signers, policy and books agree.
from dataclasses import replace

import pytest

from custody.chains.token_worth import TokenWorth
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidInput
from custody.primitives.secret import Secret
from custody.withdrawals.policy_file import load_policy
from exchange.app.blueprint import AssetSpec, WalletSpec
from exchange.app.ceremony import Choices, hold_ceremony
from exchange.app.home import Home
from exchange.app.local_chains import rows_of
from exchange.app.local_tokens import LocalToken, listing
from exchange.app.wallets import token_worths

USDT = LocalToken(
    Asset("USDT", 6, ChainId("tron-local"), "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
    9,
    0,
    daily=5,
    hourly=7,
    worth=TokenWorth(10**6, 4 * 10**6),
)
USDC = LocalToken(Asset("USDC", 6, ChainId("solana-local"), "9" * 43), 10, 0, daily=5, hourly=7)
PLAIN = WalletSpec("hot-trx", "hot", "tron-local", 2, (), {"account": "00"})


def test_only_the_tokens_of_its_chain_are_written_into_a_wallet():
    assert listing(PLAIN, [USDC]) == PLAIN
    both = listing(PLAIN, [USDC, USDT, replace(USDT, asset=replace(USDT.asset, symbol="USDD"), worth=None)])
    place = USDT.asset.contract
    assert both.service == {"account": "00", "tokens": f"USDT:6:{place}:1000000=4000000,USDD:6:{place}"}
    assert token_worths(both) == {USDT.asset.key: USDT.worth}


def test_the_row_in_the_blueprint_is_the_asset():
    assert USDT.row() == AssetSpec("USDT", 6, "tron-local", USDT.asset.contract, 9, 0)


def test_the_rule_is_one_that_the_policy_reads(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\nfee_caps: { tron-local: 5 }\nrules:\n" + USDT.rule())
    policy = load_policy(path)
    (rule,) = policy.rules
    assert (rule.name, rule.match.assets) == ("customers-usdt", frozenset({"USDT"}))
    assert [limit.max_units for limit in rule.limits] == [5]


def test_a_groups_native_address_takes_no_tokens_and_draws_nothing(tmp_path):
    with pytest.raises(InvalidInput, match="no tokens"):
        hold_ceremony(Home(tmp_path), Secret(b"passphrase"), rows_of(["solana-local"]), Choices("frost", [USDC]))
    assert list(tmp_path.iterdir()) == []
