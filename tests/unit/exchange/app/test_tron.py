# The parts of Tron as an installation builds them, on the ledger simulator: set-up, lane, sweeps, reserves.
from dataclasses import replace
from types import SimpleNamespace

import pytest
from simulators.tron import ACCOUNT_PATH, COIN, COLD, DEPOSIT_PATH, MEMBER_PATH, MEMBERS, OPENER, SENDER, TRX

from custody.chains.token_listing import TokenDiffers
from custody.chains.tron.params import LOCAL
from custody.chains.tron.setup import TronAccountChanged
from custody.devnet.tron_simulator import EVIDENCE, TronOptions, TronSimulator
from custody.keys.crosscheck import CrossCheckFailed, crosscheck_tron
from custody.keys.material import SigningRole
from custody.primitives.address import Address
from custody.primitives.asset import Asset
from custody.primitives.chain import Finality
from custody.primitives.errors import InvalidInput, NodeUnavailable
from custody.wallets.sweep import Sweeper, SweepState
from exchange.app.blueprint import ChainSpec, MemberSpec, WalletSpec
from exchange.app.chain_parts import Ingredients, Records
from exchange.app.tron import tron_parts
from exchange.app.tron_groundwork import lay_tron_groundwork
from exchange.app.wallets import tron_wallet

pytestmark = pytest.mark.node

COLD_ACCOUNT_PATH = "m/44h/195h/9h/0/1"
NAMES = ("signer-a", "signer-b", "signer-c")


def members(holders, names):
    return tuple(
        MemberSpec(name, MEMBER_PATH, holder.key().raw.hex()) for name, holder in zip(names, holders, strict=True)
    )


HOT = WalletSpec(
    "hot-trx",
    "hot",
    "tron-local",
    2,
    members(MEMBERS, NAMES),
    {
        "account": OPENER.key(ACCOUNT_PATH).raw.hex(),
        "owners": " ".join(holder.key().raw.hex() for holder in COLD),
        "owner_threshold": "3",
        "deposit_path": DEPOSIT_PATH,
        "deposit_xpub": SENDER.xpub(),
    },
)
COLD_SPEC = WalletSpec(
    "cold-trx",
    "cold",
    "tron-local",
    3,
    members(COLD, [f"cold-{n}" for n in range(5)]),
    {"account": OPENER.key(COLD_ACCOUNT_PATH).raw.hex()},
)
ACCOUNT_KEYS = {"hot-trx": OPENER.node(ACCOUNT_PATH).key, "cold-trx": OPENER.node(COLD_ACCOUNT_PATH).key}


class Sweeps(dict):
    def save_sweep(self, chain, sweep):
        self[sweep.tx.txid] = sweep

    def sweeps(self, chain, states):
        return [sweep for sweep in self.values() if sweep.state in states]


class Loans:
    # Nothing was lent.
    def loans(self, chain):
        return []


RECORDS = Records(None, Sweeps(), Loans(), None)


class Sweeping:
    # The signer of deposit accounts, without its process.
    name = "sender"

    def sign(self, asked):
        decoder = SENDER.decoder(tron_wallet(HOT), DEPOSIT_PATH)
        (item,) = decoder.understand(asked.payload, SigningRole.SENDER).to_sign
        return (SENDER.signature(item.message, item.path),)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    with TronSimulator.start(tmp_path_factory.mktemp("tron"), TronOptions(block_ms=50)) as simulator:
        lay_tron_groundwork(simulator, [HOT, COLD_SPEC], ACCOUNT_KEYS)
        simulator.fault(paused=True)
        yield simulator


def ingredients(simulator, hot=HOT):
    handed_out = SimpleNamespace(next_index=lambda _: 2)
    signers = dict.fromkeys((*NAMES, "sender"))
    spec = ChainSpec("tron-local", EVIDENCE, simulator.url)
    return Ingredients(spec, hot, COLD_SPEC, signers, "sender", handed_out, 0, None, RECORDS, None)


@pytest.fixture
def parts(simulator):
    return tron_parts(ingredients(simulator))


def test_a_wallet_that_differs_from_the_chain_stops_the_start(simulator):
    with pytest.raises(TronAccountChanged, match="owner permission's threshold is 3, not 2"):
        tron_parts(ingredients(simulator, replace(HOT, service={**HOT.service, "owner_threshold": "2"})))
    with pytest.raises(InvalidInput):
        tron_wallet(replace(HOT, threshold=3))


def test_another_address_of_a_key_is_found_by_the_second_library():
    crosscheck_tron(OPENER.key(ACCOUNT_PATH), tron_wallet(HOT).address.text)
    with pytest.raises(CrossCheckFailed):
        crosscheck_tron(OPENER.key(ACCOUNT_PATH), tron_wallet(COLD_SPEC).address.text)


def test_deposits_are_swept_into_the_hot_account_and_the_books_know_the_fee(simulator, parts):
    place = tron_wallet(HOT).deposits.address(1)
    simulator.fund(place, 10 * COIN)
    simulator.mine(1)
    store, before = Sweeps(), parts.lane.reader.balance(parts.hot_address, TRX).units
    sweeper = Sweeper(parts.sweeps, store, Sweeping(), "hot-trx")
    assert parts.sweeps.plan(0) is None
    (opened,) = sweeper.step([0, 1])
    assert sweeper.step([1]) == ()
    with pytest.raises(NodeUnavailable):
        parts.sweeps.fee_paid(opened.tx)
    simulator.mine(5)
    (final,) = sweeper.step([1])
    left = parts.lane.reader.balance(Address(LOCAL.chain.id, place), TRX).units
    assert final.state is SweepState.FINAL
    assert final.fee.units + left == 320_000
    assert parts.lane.reader.balance(parts.hot_address, TRX).units == before + 10 * COIN - 320_000


def test_a_sweep_that_was_never_taken_dies_and_the_next_one_goes(simulator, parts):
    simulator.fund(tron_wallet(HOT).deposits.address(0), 10 * COIN)
    simulator.mine(1)
    store = Sweeps()
    sweeper = Sweeper(parts.sweeps, store, Sweeping(), "hot-trx")
    (opened,) = sweeper.step([0])
    simulator.forget()
    simulator.mine(30)
    assert parts.sweeps.finality(opened.tx.txid, opened.tx.conflict_key) is Finality.DEAD
    died, again = sweeper.step([0])
    assert (died.state, again.state) == (SweepState.DEAD, SweepState.STORED)


def test_reserves_are_balances_of_the_final_block_with_attested_quorums(simulator, parts):
    simulator.mine(4)
    reserves = parts.reserves
    block = reserves.final_block()
    before = reserves.holdings(block)
    simulator.fund(parts.hot_address.text, COIN)
    simulator.mine(1)
    assert reserves.holdings(block) == before
    owned = reserves.owned(block)
    assert [place.address for place in owned] == [holding.address for holding in before]
    assert [place.tier for place in owned] == ["hot", "cold", "deposit", "deposit"]
    assert {holding.asset_id for holding in before} == {"tron:local/slip44:195"}
    hot, cold, *alone = reserves.quorums(block)
    assert (len(hot.keys), hot.threshold, len(cold.keys), cold.threshold) == (3, 2, 5, 3)
    assert [quorum.threshold for quorum in alone] == [1, 1]


def test_hot_counts_deposit_accounts_and_addresses_are_derived_and_checked(simulator, parts):
    hot = parts.lane.reader.balance(parts.hot_address, TRX).units
    accounts = [Address(LOCAL.chain.id, tron_wallet(HOT).deposits.address(index)) for index in (0, 1)]
    assert parts.hot_balance().units == hot + sum(parts.lane.reader.balance(each, TRX).units for each in accounts)
    assert parts.cold_balance() == parts.lane.reader.balance(parts.cold_address, TRX)
    assert parts.evidence == "simulator"


def test_a_token_has_tiers_that_count_deposit_accounts(simulator):
    usdt = Asset("USDT", 6, LOCAL.chain.id, simulator.create_token("USDT"))
    simulator.mine(5)
    hot = replace(HOT, service={**HOT.service, "tokens": f"USDT:6:{usdt.contract}:1000000=4000000"})
    parts = tron_parts(ingredients(simulator, hot))
    (tier,) = parts.tokens
    assert (tier.asset, tier.hot_address, tier.cold_address) == (usdt, parts.hot_address, parts.cold_address)
    for place, units in ((parts.hot_address.text, 1), (tron_wallet(HOT).deposits.address(1), 2)):
        simulator.mint(usdt.contract, place, units)
    simulator.mint(usdt.contract, parts.cold_address.text, 4)
    simulator.mine(1)
    assert (tier.hot().units, tier.cold().units) == (3, 4)
    with pytest.raises(TokenDiffers):
        tron_parts(ingredients(simulator, replace(hot, service={**hot.service, "tokens": f"USDT:18:{usdt.contract}"})))
