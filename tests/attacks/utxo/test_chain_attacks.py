# Attacks on withdrawals and deposits that need a real chain: lost answers, replacements, reorganisations, dust.
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from simulators.bitcoin import LiveWallet, bitcoin_node, destination, make_intent, start_node  # noqa: F401

from custody.chains.utxo.broadcaster import TxRejected, UtxoBroadcaster
from custody.chains.utxo.params import BITCOIN_REGTEST, ScriptType
from custody.chains.utxo.reader import UtxoReader
from custody.nodes.bitcoin import BitcoinNode
from custody.nodes.jsonrpc import Endpoint, JsonRpc
from custody.primitives.chain import Finality
from custody.primitives.errors import InvariantBroken, MalformedPayload, NodeUnavailable
from custody.primitives.ids import TxId

pytestmark = pytest.mark.node


@pytest.fixture
def live(bitcoin_node):  # noqa: F811
    wallet = LiveWallet.open(bitcoin_node, "attack")
    wallet.fund(50_000_000, 30_000_000)
    return wallet


def signed_plan(live, units=60_000_000, **named):
    intents = [make_intent(destination(live.bitcoin), units, **named)]
    plan = live.plan(*intents)
    return plan, live.codec.assemble(plan, live.sign(plan, 0, 1)), intents


class LyingProxy:
    """A simulator in front of a real node: passes every call on and spoils chosen answers."""

    def __init__(self, endpoint, spoil):
        outer = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                auth = (endpoint.user, endpoint.password.reveal())
                real = httpx.post(endpoint.url, content=body, auth=auth, trust_env=False)
                outer.calls.append(body)
                status, answer = spoil(body, real)
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args):
                pass

        self.calls = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.node = BitcoinNode(JsonRpc(Endpoint("proxy", f"http://127.0.0.1:{self.server.server_port}")))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.node.rpc.close()
        self.server.shutdown()
        self.server.server_close()


# A02, A03: answers about sending -----------------------------------------------------------


def test_a02_an_answer_that_is_lost_leads_to_one_payment(live):
    _, tx, _ = signed_plan(live)

    def lose(body, real):
        return (None, b"") if b"sendrawtransaction" in body else (real.status_code, real.content)

    with LyingProxy(live.bitcoin.rpc.endpoint, lose) as proxy, pytest.raises(NodeUnavailable):
        UtxoBroadcaster(live.wallet.params, proxy.node).broadcast(tx)
    assert live.reader.finality(tx.txid, tx.conflict_key) is Finality.PENDING
    assert live.broadcaster.broadcast(tx) == tx.txid
    assert live.bitcoin.rpc.call("getrawmempool").count(tx.txid) == 1


def test_a03_an_error_about_a_transaction_that_was_relayed_is_success(live):
    _, tx, _ = signed_plan(live)

    def deny(body, real):
        if b"sendrawtransaction" not in body:
            return real.status_code, real.content
        number = real.json()["id"]
        return 500, b'{"result":null,"error":{"code":-25,"message":"boom"},"id":%d}' % number

    with LyingProxy(live.bitcoin.rpc.endpoint, deny) as proxy:
        assert UtxoBroadcaster(live.wallet.params, proxy.node).broadcast(tx) == tx.txid


def test_a_full_pool_is_no_refusal_for_good(live):
    _, tx, _ = signed_plan(live)

    def full(body, real):
        if b"testmempoolaccept" not in body:
            return real.status_code, real.content
        text = (
            b'{"result":[{"txid":"%s","allowed":false,"reject-reason":"mempool min fee not met"}],"error":null,"id":%d}'
        )
        return 200, text % (tx.txid.encode(), real.json()["id"])

    with LyingProxy(live.bitcoin.rpc.endpoint, full) as proxy, pytest.raises(NodeUnavailable):
        UtxoBroadcaster(live.wallet.params, proxy.node).broadcast(tx)


def test_bytes_under_a_wrong_txid_are_never_sent(live):
    _, tx, _ = signed_plan(live)
    with pytest.raises(InvariantBroken):
        live.broadcaster.broadcast(replace(tx, txid=TxId("00" * 32)))
    assert live.reader.finality(tx.txid, tx.conflict_key) is Finality.UNKNOWN


def test_a_node_that_lies_about_values_cannot_make_a_plan(live):
    # The value comes from the scan, the proof from the previous transaction: they must agree.
    def enrich(body, real):
        content = real.content
        if b"scantxoutset" in body:
            content = content.replace(b'"amount":0.50000000', b'"amount":9.50000000')
        return real.status_code, content

    with LyingProxy(live.bitcoin.rpc.endpoint, enrich) as proxy:
        coins = UtxoReader.connect(live.wallet, proxy.node).spendable(frozenset())
        assert max(c.value_sat for c in coins.coins) == 950_000_000
        plan = live.codec.plan([make_intent(destination(live.bitcoin), 600_000_000)], coins, ())
        with pytest.raises(MalformedPayload):
            live.codec.encode(plan)


# A07-A10: what becomes of an attempt -------------------------------------------------------


def test_a07_a_foreign_spender_is_not_called_dead_where_txids_are_malleable(bitcoin_node):  # noqa: F811
    live = LiveWallet.open(bitcoin_node, "malleable", params=replace(BITCOIN_REGTEST, script=ScriptType.SH))
    live.fund(50_000_000)
    _, tx, _ = signed_plan(live, 10_000_000)
    live.broadcaster.broadcast(tx)
    bitcoin_node.mine(6)
    # The same payment under the txid we expected, had somebody changed it on the way.
    assert live.reader.finality(TxId("11" * 32), tx.conflict_key) is Finality.UNKNOWN
    assert live.reader.finality(tx.txid, tx.conflict_key) is Finality.FINAL


def test_a08_a_bump_shares_every_input_and_absence_proves_nothing(live):
    plan, tx, intents = signed_plan(live)
    assert live.reader.finality(tx.txid, tx.conflict_key) is Finality.UNKNOWN
    raised = live.codec.replace(plan, 20_000, intents)
    assert live.codec.reservations(raised) == live.codec.reservations(plan)


def test_a09_a_bump_replaces_the_original_and_kills_it_only_at_final_depth(live):
    plan, original, intents = signed_plan(live)
    live.broadcaster.broadcast(original)
    raised = live.codec.replace(plan, 20_000, intents)
    winner = live.codec.assemble(raised, live.sign(raised, 1, 2))
    live.broadcaster.broadcast(winner)
    assert winner.conflict_key == original.conflict_key
    # Evicted from the pool: that is not death.
    assert live.reader.finality(original.txid, original.conflict_key) is Finality.UNKNOWN
    assert live.reader.finality(winner.txid, winner.conflict_key) is Finality.PENDING
    live.bitcoin.mine(live.reader.chain.final_depth - 1)
    assert live.reader.finality(original.txid, original.conflict_key) is Finality.UNKNOWN
    with pytest.raises(TxRejected):
        live.broadcaster.broadcast(original)
    live.bitcoin.mine(1)
    assert live.reader.finality(original.txid, original.conflict_key) is Finality.DEAD
    assert live.reader.finality(winner.txid, winner.conflict_key) is Finality.FINAL


def test_a09_the_original_wins_against_a_late_bump(live):
    plan, original, intents = signed_plan(live)
    live.broadcaster.broadcast(original)
    live.bitcoin.mine(1)
    raised = live.codec.replace(plan, 20_000, intents)
    late = live.codec.assemble(raised, live.sign(raised, 0, 1))
    with pytest.raises(TxRejected):
        live.broadcaster.broadcast(late)
    live.bitcoin.mine(5)
    assert live.reader.finality(original.txid, original.conflict_key) is Finality.FINAL
    assert live.reader.finality(late.txid, late.conflict_key) is Finality.DEAD


def test_a10_a_reorganised_withdrawal_is_sent_again_with_the_same_bytes(tmp_path):
    with start_node(tmp_path) as bitcoin:
        live = LiveWallet.open(bitcoin, "reorg")
        live.fund(50_000_000)
        _, tx, _ = signed_plan(live, 10_000_000)
        live.broadcaster.broadcast(tx)
        bitcoin.mine(2)
        assert live.reader.finality(tx.txid, tx.conflict_key) is Finality.MINED
        bitcoin.reorganise(2)
        assert live.reader.finality(tx.txid, tx.conflict_key) in {Finality.PENDING, Finality.UNKNOWN}
        assert live.broadcaster.broadcast(tx) == tx.txid
        bitcoin.mine(6)
        assert live.reader.finality(tx.txid, tx.conflict_key) is Finality.FINAL


def test_a10_a_withdrawal_whose_coin_was_reorganised_away_is_not_dead(tmp_path):
    with start_node(tmp_path) as bitcoin:
        live = LiveWallet.open(bitcoin, "orphan")
        live.fund(50_000_000)
        _, tx, _ = signed_plan(live, 10_000_000)
        live.broadcaster.broadcast(tx)
        bitcoin.mine(1)
        bitcoin.reorganise(7)  # deeper than the deposit: the coin itself is gone from the chain
        assert live.reader.finality(tx.txid, tx.conflict_key) in {Finality.PENDING, Finality.UNKNOWN}


# B08-B15: deposits -------------------------------------------------------------------------


def deposits_at_tip(live, *addresses):
    return live.reader.deposits(frozenset(a.text for a in addresses), live.reader.tip())


def test_b08_an_unconfirmed_replaceable_deposit_is_neither_seen_nor_spendable(live):
    address = live.wallet.address(0, 9)
    before = live.reader.spendable(frozenset())
    live.bitcoin.fund(address.text, 700_000)
    assert deposits_at_tip(live, address) == ()
    assert live.reader.spendable(frozenset()) == before
    assert live.reader.balance(address, BITCOIN_REGTEST.asset).units == 0


def test_b09_two_outputs_to_one_address_are_two_deposits(live):
    address = live.wallet.address(0, 9)
    payer = LiveWallet.open(live.bitcoin, "payer")
    payer.fund(50_000_000)
    plan = payer.plan(make_intent(address, 700_000), make_intent(address, 700_000, name="w-2"))
    payer.broadcaster.broadcast(payer.codec.assemble(plan, payer.sign(plan, 0, 1)))
    live.bitcoin.mine(1)
    seen = deposits_at_tip(live, address)
    assert [d.amount.units for d in seen] == [700_000, 700_000]
    assert len({(d.txid, d.index) for d in seen}) == 2
    live.bitcoin.mine(5)
    found = [c for c in live.reader.spendable(frozenset()).coins if c.index == 9]
    assert len({(c.txid, c.vout) for c in found}) == 2


def test_b10_a_reorganised_deposit_is_gone_from_the_main_chain(tmp_path):
    with start_node(tmp_path) as bitcoin:
        live = LiveWallet.open(bitcoin, "b10")
        address = live.wallet.address(0, 0)
        bitcoin.fund(address.text, 700_000)
        bitcoin.mine(2)
        old = live.reader.block_at(live.reader.tip().height - 1)
        assert len(live.reader.deposits({address.text}, old)) == 1
        bitcoin.reorganise(2)
        new = live.reader.block_at(old.height)
        assert new.hash != old.hash
        assert new.parent == old.parent
        assert live.reader.deposits({address.text}, new) == ()
        assert live.reader.balance(address, BITCOIN_REGTEST.asset).units == 0
        with pytest.raises(NodeUnavailable):
            live.reader.balance(address, BITCOIN_REGTEST.asset, old)


@pytest.mark.slow
def test_b13_dust_deposits_are_bounded_work(bitcoin_node):  # noqa: F811
    live = LiveWallet.open(bitcoin_node, "dust")
    for batch in range(4):
        values = {live.wallet.address(0, index).text: 600 for index in range(50)}
        bitcoin_node.fund_many(values)
        bitcoin_node.mine(1 if batch < 3 else 6)
    bitcoin_node.fund(live.wallet.address(0, 0).text, 10_000_000)
    bitcoin_node.mine(6)
    plan = live.plan(make_intent(destination(bitcoin_node), 1_000_000))
    assert [coin.value_sat for coin in plan.inputs] == [10_000_000]


def test_b14_every_address_of_the_window_is_found(live):
    last = live.wallet.address(0, live.wallet.window - 1)
    live.bitcoin.fund(last.text, 700_000)
    live.bitcoin.mine(1)
    assert len(deposits_at_tip(live, last)) == 1
    live.bitcoin.mine(5)
    assert live.wallet.window - 1 in {c.index for c in live.reader.spendable(frozenset()).coins}


def test_b15_asking_for_a_block_again_gives_the_same_identities(live):
    address = live.wallet.address(0, 3)
    live.bitcoin.fund(address.text, 700_000)
    live.bitcoin.mine(1)
    assert deposits_at_tip(live, address) == deposits_at_tip(live, address) != ()
