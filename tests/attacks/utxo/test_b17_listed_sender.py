# B17 on a real node: what a listed place pays is set aside, its coin is never spent; and an old list credits nobody.
from datetime import UTC, datetime

import pytest
from simulators.bitcoin import LiveWallet, bitcoin_node, destination, make_intent  # noqa: F401
from simulators.blocks import MemoryLedger

from custody.chains.utxo.address import address_of_script
from custody.chains.utxo.params import BITCOIN, BITCOIN_REGTEST
from custody.compliance.dated_list import DatedList
from custody.compliance.list_folder import MAX_AGE_DAYS, ListFolder
from custody.compliance.ofac import addresses_in
from custody.primitives.asset import AssetBook
from custody.primitives.clock import FixedClock
from custody.primitives.errors import InsufficientFunds
from custody.store.database import open_database
from custody.store.deposits import SqlDepositStore
from custody.wallets.deposit_rules import DepositRules
from custody.wallets.scanner import DepositScanner
from exchange.app.screened_coins import ScreenedReader

pytestmark = pytest.mark.node
NOW_S, DAY_S = 1_795_176_000, 86_400
LISTED_UNITS, HONEST_UNITS = 30_000_000, 20_000_000
FINAL = BITCOIN_REGTEST.chain.final_depth


class Room:
    # The hot wallet's deposits: real node, store, scanner, screening and reader; the ledger is a simulator.
    def __init__(self, node, folder):
        self.hot, self.clock, self.ledger = LiveWallet.open(node, "hot"), FixedClock(NOW_S), MemoryLedger()
        self.lists = ListFolder(folder / "sanctions", self.clock, has_real_money=True)
        self.store = SqlDepositStore(open_database("sqlite://"), AssetBook([BITCOIN_REGTEST.asset]))
        self.alice, self.bob = (self.hot.wallet.address(0, index) for index in (1, 2))
        self.store.add_address(self.alice, "alice", 1)
        self.store.add_address(self.bob, "bob", 2)
        self.source = self.hot.reader
        self.reader = ScreenedReader(self.hot.reader, self.store, own_places=1)
        self.rules = DepositRules({"BTC": 10_000}, self.lists, born_height=self.source.tip().height)

    def import_list(self, place):
        # As published: the main network's spelling of the script, in the remarks.
        script = place.script_pubkey(0, 0)
        text = f"DOE, J.; Digital Currency\nAddress - XBT {address_of_script(script, BITCOIN).text}; [TEST]."
        day = datetime.fromtimestamp(self.clock.at_s, UTC).date()
        self.lists.save(DatedList("ofac-sdn", day, addresses_in(text)))

    def scan(self, blocks=FINAL):
        self.hot.bitcoin.mine(blocks)
        for _ in range(2):
            DepositScanner(self.source, self.store, self.ledger, self.rules).step(self.clock.at_s)

    def deposit(self, txid):
        (found,) = (
            each
            for vout in range(3)
            if (each := self.store.get(f"{BITCOIN_REGTEST.chain.id}/{txid}/{vout}")) is not None
        )
        return found

    def plan(self, units):
        to = destination(self.hot.bitcoin)
        return self.hot.codec.plan([make_intent(to, units)], self.reader.spendable(frozenset()), ())


@pytest.fixture
def room(bitcoin_node, tmp_path):  # noqa: F811
    return Room(bitcoin_node, tmp_path)


@pytest.fixture
def listed(bitcoin_node):  # noqa: F811
    made = LiveWallet.open(bitcoin_node, "listed")
    made.fund(LISTED_UNITS + 100_000)
    return made


def pay(wallet, to, units):
    plan = wallet.plan(make_intent(to, units))
    return wallet.broadcaster.broadcast(wallet.codec.assemble(plan, wallet.sign(plan, 0, 1)))


def test_b17_what_a_listed_place_pays_is_set_aside_and_its_coin_is_never_spent(room, listed, bitcoin_node):  # noqa: F811
    room.import_list(listed.wallet)
    bad = pay(listed, room.alice, LISTED_UNITS)
    good = bitcoin_node.fund(room.bob.text, HONEST_UNITS)
    room.scan()

    aside = room.deposit(bad)
    assert (aside.state.value, aside.senders) == ("quarantined", (listed.wallet.address(0, 0).text,))
    assert "is listed (sanctions/ofac-sdn/2026-11-20)" in aside.reason
    assert room.deposit(good).state.value == "final"
    assert (room.ledger.balance["alice"], room.ledger.balance["bob"]) == (0, HONEST_UNITS)

    assert {coin.txid for coin in room.hot.reader.spendable(frozenset()).coins} == {bad, good}
    with pytest.raises(InsufficientFunds):
        room.plan(HONEST_UNITS + 1)
    plan = room.plan(HONEST_UNITS - 1_000_000)
    assert [coin.txid for coin in plan.inputs] == [good]
    room.hot.broadcaster.broadcast(room.hot.codec.assemble(plan, room.hot.sign(plan, 0, 2)))
    bitcoin_node.mine(FINAL)
    assert bitcoin_node.node.unspent_flags([(bad, aside.index)], with_pool=True) == [True]
    assert bad not in {coin.txid for coin in room.reader.spendable(frozenset()).coins}


def test_b17_an_old_list_credits_nobody_until_a_new_one_is_imported(room, listed, bitcoin_node):  # noqa: F811
    room.import_list(listed.wallet)
    room.clock.at_s += (MAX_AGE_DAYS + 1) * DAY_S
    txid = bitcoin_node.fund(room.bob.text, HONEST_UNITS)
    room.scan()
    waiting = room.deposit(txid)
    assert (waiting.state.value, "waits for the screening" in waiting.reason) == ("seen", True)
    assert (room.ledger.balance["bob"], room.reader.spendable(frozenset()).coins) == (0, ())
    room.import_list(listed.wallet)
    room.scan(blocks=1)
    assert (room.deposit(txid).state.value, room.ledger.balance["bob"]) == ("final", HONEST_UNITS)
    assert [coin.txid for coin in room.reader.spendable(frozenset()).coins] == [txid]
