# Bitcoin alone against Bitcoin Knots: both script forms, every kind of address, following and scanning, balances.
# What all networks of the family share stands in test_utxo_family.py.
import threading
from dataclasses import replace

import pytest
from embit.script import Witness
from embit.transaction import Transaction
from simulators.bitcoin import LiveWallet, bitcoin_node, destination, make_intent, start_node  # noqa: F401 - a fixture

from custody.chains.port import SignedTx
from custody.chains.utxo.broadcaster import TxRejected
from custody.chains.utxo.params import BITCOIN, BITCOIN_REGTEST, ScriptType
from custody.chains.utxo.psbt import unsigned_tx
from custody.chains.utxo.reader import UtxoReader
from custody.chains.utxo.signing import signing_digests
from custody.chains.utxo.sizes import vsize
from custody.primitives.chain import BlockRef, Finality
from custody.primitives.errors import AssetMismatch, InsufficientFunds, InvalidInput, NodeUnavailable, WrongNetwork
from custody.primitives.ids import TxId

pytestmark = pytest.mark.node
LEGACY = replace(BITCOIN_REGTEST, script=ScriptType.SH)


@pytest.fixture
def live(bitcoin_node):  # noqa: F811
    wallet = LiveWallet.open(bitcoin_node, "conformance")
    wallet.fund(50_000_000, 30_000_000)
    return wallet


def with_witness(live, plan, stack_of):
    """Signed bytes made by hand, the way no codec of ours would."""
    tx = unsigned_tx(plan)
    for number, coin in enumerate(plan.inputs):
        tx.vin[number].witness = Witness([*stack_of(number), live.wallet.multisig_script(coin.branch, coin.index)])
    return SignedTx(
        TxId(tx.txid().hex()), tx.serialize(), live.codec.reservations(plan)[0], live.codec.summarize(plan).fee
    )


# What one signature must get (texts of the node) -------------------------------------------


def test_node_refuses_one_signature(live):
    plan = live.plan(make_intent(destination(live.bitcoin), 60_000_000))
    signatures = {s.index: s.value for s in live.sign(plan, 0)}
    with pytest.raises(TxRejected, match="Operation not valid with the current stack size"):
        live.broadcaster.broadcast(with_witness(live, plan, lambda n: [b"", signatures[n]]))


def test_node_refuses_the_same_signature_twice(live):
    plan = live.plan(make_intent(destination(live.bitcoin), 60_000_000))
    signatures = {s.index: s.value for s in live.sign(plan, 1)}
    with pytest.raises(TxRejected, match="Signature must be zero for failed CHECK"):
        live.broadcaster.broadcast(with_witness(live, plan, lambda n: [b"", signatures[n], signatures[n]]))


def test_node_refuses_a_stranger(live):
    stranger = LiveWallet.open(live.bitcoin, "stranger")
    plan = live.plan(make_intent(destination(live.bitcoin), 60_000_000))
    digests = signing_digests(live.wallet, plan)
    good = {s.index: s.value for s in live.sign(plan, 0)}
    bad = {s.index: s.value for s in stranger.members[0].sign_plan(live.wallet, plan, digests)}
    with pytest.raises(TxRejected, match="Signature must be zero for failed CHECK"):
        live.broadcaster.broadcast(with_witness(live, plan, lambda n: [b"", good[n], bad[n]]))


def test_node_refuses_a_second_payment_from_spent_coins(live):
    first = live.plan(make_intent(destination(live.bitcoin), 60_000_000))
    live.broadcaster.broadcast(live.codec.assemble(first, live.sign(first, 0, 1)))
    live.bitcoin.mine(1)
    other = replace(first, outputs=tuple(replace(o, value_sat=o.value_sat - 1) for o in first.outputs))
    with pytest.raises(TxRejected, match=r"missing-inputs|missingorspent"):
        live.broadcaster.broadcast(live.codec.assemble(other, live.sign(other, 0, 1)))


# Refusals of the reader ------------------------------------------------------------------


def test_refuses_a_node_of_another_network(live):
    with pytest.raises(WrongNetwork):
        UtxoReader.connect(replace_params(live.wallet), live.bitcoin.node)


def replace_params(wallet):
    # Same keys and scripts, but the row says main net; only the node's first block is looked at here.
    return replace(wallet, params=replace(wallet.params, chain=BITCOIN.chain))


def test_refuses_a_block_above_the_tip_and_an_unknown_block(live):
    with pytest.raises(InvalidInput):
        live.reader.block_at(10**6)
    with pytest.raises(NodeUnavailable):
        live.reader.deposits(frozenset(), BlockRef(live.reader.chain.id, 1, "00" * 32, ""))
    tip = live.reader.tip()
    with pytest.raises(NodeUnavailable):
        live.reader.deposits(frozenset(), replace(tip, height=tip.height - 1))


def test_refuses_another_asset_and_a_block_off_the_chain(live):
    address = live.wallet.address(0, 0)
    with pytest.raises(AssetMismatch):
        live.reader.balance(address, BITCOIN.asset)
    with pytest.raises(NodeUnavailable):
        live.reader.balance(address, BITCOIN_REGTEST.asset, replace(live.reader.tip(), hash="00" * 32))


def test_an_unknown_attempt_is_unknown(live):
    spendable = live.reader.spendable(frozenset()).coins[0]
    key = f"utxo:bitcoin-regtest:{spendable.txid}:{spendable.vout}"
    assert live.reader.finality(TxId("11" * 32), key) is Finality.UNKNOWN
    assert live.reader.finality(TxId("11" * 32), f"utxo:bitcoin-regtest:{'22' * 32}:0") is Finality.UNKNOWN
    with pytest.raises(InvalidInput):
        live.reader.finality(TxId("11" * 32), f"utxo:bitcoin:{'22' * 32}:0")


# What may be spent -----------------------------------------------------------------------


def test_a_foreign_payment_is_spendable_at_final_depth_only(bitcoin_node):  # noqa: F811
    live = LiveWallet.open(bitcoin_node, "ripe")
    bitcoin_node.fund(live.wallet.address(0, 7).text, 1_000_000)
    depths = []
    for _ in range(live.reader.chain.final_depth):
        depths.append(len(live.reader.spendable(frozenset()).coins))
        bitcoin_node.mine(1)
    assert depths == [0] * live.reader.chain.final_depth
    (coin,) = live.reader.spendable(frozenset()).coins
    assert (coin.branch, coin.index, coin.value_sat) == (0, 7, 1_000_000)


def test_mined_coins_are_spendable_after_a_hundred_blocks(bitcoin_node):  # noqa: F811
    live = LiveWallet.open(bitcoin_node, "coinbase")
    bitcoin_node.mine(1, live.wallet.address(0, 0).text)
    block = live.reader.tip()
    assert live.reader.deposits({live.wallet.address(0, 0).text}, block) == ()
    bitcoin_node.mine(99)
    assert live.reader.spendable(frozenset()).coins == ()
    bitcoin_node.mine(1)
    (coin,) = live.reader.spendable(frozenset()).coins
    plan = live.plan(make_intent(destination(bitcoin_node), coin.value_sat // 2))
    assert live.broadcaster.broadcast(live.codec.assemble(plan, live.sign(plan, 0, 2)))


def test_reserved_coins_and_coins_spent_in_the_pool_are_left_out(live):
    plan = live.plan(make_intent(destination(live.bitcoin), 1_000_000))
    reserved = frozenset(live.codec.reservations(plan))
    assert len(live.reader.spendable(reserved).coins) == 1
    live.broadcaster.broadcast(live.codec.assemble(plan, live.sign(plan, 0, 1)))
    assert len(live.reader.spendable(frozenset()).coins) == 1
    with pytest.raises(InsufficientFunds):
        live.codec.plan([make_intent(destination(live.bitcoin), 60_000_000)], live.reader.spendable(frozenset()), ())


def test_own_change_is_spendable_after_one_block_at_the_next_index(live):
    before = live.reader.spendable(frozenset())
    plan = live.codec.plan([make_intent(destination(live.bitcoin), 60_000_000)], before, ())
    live.broadcaster.broadcast(live.codec.assemble(plan, live.sign(plan, 1, 2)))
    live.bitcoin.mine(1)
    after = live.reader.spendable(frozenset())
    assert [(c.branch, c.index) for c in after.coins] == [(1, before.change_index)]
    assert after.change_index == before.change_index + 1


def test_following_the_blocks_gives_what_a_new_scan_gives(tmp_path):
    # The scan is the slow twin of the view; payments, change and a reorganisation in between.
    with start_node(tmp_path) as bitcoin:
        live = LiveWallet.open(bitcoin, "twin")
        follower = UtxoReader(live.wallet, bitcoin.node)
        live.fund(50_000_000, 30_000_000, 20_000_000)
        scans = []
        for step in range(8):
            if step == 5:
                bitcoin.reorganise(3)
            else:
                bitcoin.fund(live.wallet.address(0, 10 + step).text, 100_000 + step)
                plan = live.codec.plan(
                    [make_intent(destination(bitcoin), 3_000_000)], live.reader.spendable(frozenset()), ()
                )
                live.broadcaster.broadcast(live.codec.assemble(plan, live.sign(plan, 0, 1)))
                bitcoin.mine(step + 1)
            fresh, followed = live.reader.spendable(frozenset()), follower.spendable(frozenset())
            assert set(followed.coins) == set(fresh.coins)
            scans.append(len(fresh.coins))
        assert max(scans) > 5


def test_one_reader_serves_several_threads_while_blocks_come(live):
    held, rounds, wrong = live.reader.total(), 12, []

    def ask(question):
        for _ in range(rounds):
            answer = question()
            if answer != expected[question]:
                wrong.append(answer)

    expected = {
        live.reader.total: held,
        lambda: sum(coin.value_sat for coin in live.reader.spendable(frozenset()).coins): held.units,
    }
    threads = [threading.Thread(target=ask, args=(question,)) for question in expected for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(rounds):
        live.bitcoin.mine(1)
    for thread in threads:
        thread.join()
    assert wrong == []


# The whole way ---------------------------------------------------------------------------


@pytest.mark.parametrize(("threshold", "count"), [(2, 3), (3, 5)])
@pytest.mark.parametrize("params", [BITCOIN_REGTEST, LEGACY], ids=["wsh", "sh"])
def test_a_quorum_pays_every_kind_of_address(bitcoin_node, threshold, count, params):  # noqa: F811
    live = LiveWallet.open(bitcoin_node, "pay", threshold, count, params)
    live.fund(40_000_000, 30_000_000)
    places = [destination(bitcoin_node, kind) for kind in ("bech32", "bech32m", "legacy", "p2sh")]
    intents = [make_intent(live.codec.parse_address(to), 15_000_000 + i, name=f"w-{i}") for i, to in enumerate(places)]
    plan = live.plan(*intents)
    assert live.codec.decode(live.codec.encode(plan)) == plan
    assert live.codec.next_need(plan, live.sign(plan, *range(threshold - 1))).missing == 1
    signed = live.codec.assemble(plan, live.sign(plan, *range(count - threshold, count)))

    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.UNKNOWN
    assert live.broadcaster.broadcast(signed) == signed.txid
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.PENDING
    bitcoin_node.mine(1)
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.MINED
    paid_in = live.reader.tip()
    bitcoin_node.mine(live.reader.chain.final_depth - 1)
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.FINAL

    seen = live.reader.deposits(set(places), paid_in)
    assert sorted((d.to.text, d.amount.units) for d in seen) == sorted((i.to.text, i.amount.units) for i in intents)
    assert {d.txid for d in seen} == {signed.txid}
    real = Transaction.parse(signed.raw)
    estimate = vsize(live.wallet, len(plan.inputs), [o.script for o in plan.outputs])
    actual = bitcoin_node.rpc.call("getrawtransaction", signed.txid, True)["vsize"]
    # A scriptSig that shorter signatures bring below 253 bytes saves two bytes of its length as well.
    saved = 2 * sum(
        0 < len(each.script_sig.data) < 0xFD <= len(each.script_sig.data) + 2 * threshold for each in real.vin
    )
    assert actual <= estimate <= actual + saved + 2 * threshold * len(plan.inputs)
    assert sum(o.value for o in real.vout) + plan.fee_sat == 70_000_000


def test_balance_at_the_tip_and_before(live):
    asset, address = BITCOIN_REGTEST.asset, live.wallet.address(0, 1)
    before = live.reader.tip()
    assert live.reader.balance(address, asset).units == 30_000_000
    live.bitcoin.fund(address.text, 5_000_000)
    live.bitcoin.mine(1)
    middle = live.reader.tip()
    plan = live.plan(make_intent(destination(live.bitcoin), 60_000_000))
    live.broadcaster.broadcast(live.codec.assemble(plan, live.sign(plan, 0, 1)))
    live.bitcoin.mine(3)
    assert live.reader.balance(address, asset).units == 5_000_000
    assert live.reader.balance(address, asset, middle).units == 35_000_000
    assert live.reader.balance(address, asset, before).units == 30_000_000
    assert live.reader.balance(address, asset, live.reader.block_at(before.height - 6)).units == 0


def test_a_balance_of_long_ago_is_refused(live):
    live.bitcoin.mine(289)
    with pytest.raises(NodeUnavailable, match="too old"):
        live.reader.balance(live.wallet.address(0, 0), BITCOIN_REGTEST.asset, live.reader.block_at(1))


def test_the_node_derives_the_same_addresses(live):
    for branch in (0, 1):
        theirs = live.bitcoin.rpc.call("deriveaddresses", live.wallet.branch_descriptor(branch), [0, 9])
        assert theirs == [live.wallet.address(branch, index).text for index in range(10)]
    multipath = live.bitcoin.rpc.call("getdescriptorinfo", live.wallet.descriptor)
    assert multipath["checksum"] == live.wallet.descriptor.partition("#")[2]


def test_fee_rate_falls_back_and_stays_within_the_policy(live):
    assert live.reader.fee_sat_per_kvb() == BITCOIN_REGTEST.fees.fallback
