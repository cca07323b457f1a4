# An installation's XRP Ledger parts on the simulator: groundwork, lane, balances, reserves, tickets, and what stops it.
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from simulators.xrpl import XRP, Key, SeatedSigner

from custody.chains.registry import chain_row
from custody.devnet.xrpl_simulator import XrplSimulator
from custody.keys.crosscheck import CrossCheckFailed, crosscheck_xrpl
from custody.keys.material import Curve, PublicKey
from custody.primitives.address import Address
from custody.primitives.chain import ChainId, Family
from custody.primitives.errors import InvalidInput, LimitExceeded, VerificationFailed
from custody.primitives.ids import CustomerId
from custody.wallets.tags import tag_of
from exchange.app.blueprint import ChainSpec, MemberSpec, WalletSpec
from exchange.app.chain_parts import Ingredients
from exchange.app.wallets import receives_at, registration_of, xrpl_wallet
from exchange.app.xrpl import xrpl_parts
from exchange.app.xrpl_groundwork import ACCOUNT_FLOAT_DROPS, open_xrpl

pytestmark = pytest.mark.node
CHAIN = "xrpl-local"
HOT_KEYS, COLD_KEYS = ([Key(f"{tier}/{n}") for n in range(count)] for tier, count in (("hot", 3), ("cold", 5)))
MASTERS = {"hot": Key("hot/master"), "cold": Key("cold/master")}


def spec(tier, keys, threshold):
    members = tuple(MemberSpec(f"{tier}-{n}", key.member.path, key.public.raw.hex()) for n, key in enumerate(keys))
    service = {"account": MASTERS[tier].public.raw.hex()}
    return WalletSpec(f"{tier}-xrp", tier, CHAIN, threshold, members, service)


HOT, COLD = spec("hot", HOT_KEYS, 2), spec("cold", COLD_KEYS, 3)


class Books:
    # Our own transactions: none in flight.
    class withdrawals:  # noqa: N801
        reserved = staticmethod(lambda chain: frozenset())

    class sweeps:  # noqa: N801
        sweeps = staticmethod(lambda chain, states: ())


class Store:
    # Deposit addresses in memory.
    def __init__(self):
        self.rows = {}

    def address_of(self, chain, customer):
        return self.rows.get(customer)

    def next_index(self, chain):
        return len(self.rows)

    def add_address(self, address, customer, index):
        self.rows[customer] = (address, index)


@pytest.fixture(scope="module")
def sim():
    with TemporaryDirectory() as folder, XrplSimulator.start(Path(folder), ledger_ms=20) as running:
        open_xrpl(running, [(xrpl_wallet(HOT), MASTERS["hot"].secret), (xrpl_wallet(COLD), MASTERS["cold"].secret)])
        yield running


@pytest.fixture
def given(sim, tmp_path):
    chain = ChainSpec(CHAIN, "simulator", sim.url)
    house = type("Registered", (), {"wallet": xrpl_wallet(HOT)})
    own_moves = {"own_moves": [HOT.id]}
    signers = {f"hot-{n}": SeatedSigner(tmp_path / str(n), house, key, **own_moves) for n, key in enumerate(HOT_KEYS)}
    return Ingredients(chain, HOT, COLD, signers, "", Store(), 0, tmp_path, Books, Store())


def test_account_under_other_members_stops_the_start(given):
    with pytest.raises(VerificationFailed, match="signer list"):
        xrpl_parts(replace(given, hot=replace(HOT, members=(*HOT.members[:2], COLD.members[0]))))
    with pytest.raises(VerificationFailed, match="quorum 3"):
        xrpl_parts(replace(given, cold=replace(COLD, threshold=2)))


def test_master_key_of_another_account_opens_nothing(sim):
    with pytest.raises(InvalidInput, match="master of"):
        open_xrpl(sim, [(xrpl_wallet(HOT), MASTERS["cold"].secret)])


def test_second_library_must_write_the_same_address():
    key = MASTERS["hot"].public
    crosscheck_xrpl(key, MASTERS["hot"].account)
    with pytest.raises(CrossCheckFailed):
        crosscheck_xrpl(key, MASTERS["cold"].account)
    with pytest.raises(InvalidInput):
        crosscheck_xrpl(PublicKey(Curve.ED25519, bytes(32)), MASTERS["hot"].account)


def test_there_is_one_address_and_the_desk_gives_it_once(given):
    desk = xrpl_parts(given).desk
    assert desk.address_for(CustomerId("alice")) == Address(ChainId(CHAIN), receives_at(HOT))
    with pytest.raises(LimitExceeded, match="tags"):
        desk.address_for(CustomerId("bob"))


def test_parts_say_what_stands_on_the_ledger(given, sim):
    parts = xrpl_parts(given)
    assert chain_row(ChainId(CHAIN)).family is Family.XRPL
    assert registration_of(HOT)["account"] == parts.hot_address.text
    sim.fund(parts.hot_address.text, 50 * XRP, tag_of(1))
    hot, cold = parts.hot_balance().units, parts.cold_balance().units
    assert hot == parts.lane.reader.balance(parts.hot_address, parts.native).units  # what is locked up is ours, too
    assert 0 <= ACCOUNT_FLOAT_DROPS - cold <= 100
    assert parts.evidence == "simulator"


def test_reserves_name_accounts_balances_and_signer_lists_of_one_ledger(given):
    reserves = xrpl_parts(given).reserves
    block = reserves.final_block()
    owned, holdings, quorums = reserves.owned(block), reserves.holdings(block), reserves.quorums(block)
    accounts = [receives_at(HOT), receives_at(COLD)]
    assert [place.address for place in owned] == accounts
    assert [quorum.address for quorum in quorums] == accounts
    assert [(quorum.threshold, len(quorum.keys)) for quorum in quorums] == [(2, 3), (3, 5)]
    assert all(quorum.at_height == block.height for quorum in quorums)
    assert all(holding.asset_id == "xrpl:63456/slip44:144" for holding in holdings)
    assert quorums[0].keys == tuple(key.account for key in HOT_KEYS)


def test_upkeep_has_nothing_to_do_while_the_stock_is_full_and_the_watch_is_content(given):
    parts = xrpl_parts(given)
    assert parts.upkeep() is None
    assert parts.watch() is None
