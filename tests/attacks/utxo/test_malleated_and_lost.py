# A03, A07, A08 on Dogecoin, whose txids anybody can change on the way. The node is a simulator; its scripts are run by
# libbitcoinkernel. Faults are ordered by its own methods.
import pytest
from embit.script import Script
from simulators.bitcoin import KINDS

from custody.chains.utxo.malleability import is_same_payment
from custody.chains.utxo.psbt import parse_tx
from custody.devnet.dogecoin_node import DogecoinSimulator
from custody.keys.ecdsa import encode_der, parse_der
from custody.keys.hd import CURVE_ORDER
from custody.primitives.chain import Finality
from custody.primitives.errors import NodeUnavailable, Refused

pytestmark = pytest.mark.node
REDEEM_BYTES = 3 + 3 * 34  # 2-of-3
DOGE = next(kind for kind in KINDS if kind.params.is_malleable)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with DogecoinSimulator.start(tmp_path_factory.mktemp("doge")) as simulator:
        yield simulator


@pytest.fixture
def live(node):
    wallet = DOGE.open(node, "attack")
    wallet.fund(50_000_000 * DOGE.unit, 30_000_000 * DOGE.unit)
    return wallet


def signed_plan(live, *who):
    plan = live.plan(DOGE.intent(60_000_000))
    return plan, live.codec.assemble(plan, live.sign(plan, *(who or (0, 1))))


def malleated(raw, change):
    tx = parse_tx(raw)
    for entry in tx.vin:
        entry.script_sig = Script(change(entry.script_sig.data))
    return tx.serialize()


def high_s(script_sig):
    length = script_sig[1]
    r, s = parse_der(script_sig[2 : 1 + length])
    der = encode_der(r, CURVE_ORDER - s) + b"\x01"
    return script_sig[:1] + bytes([len(der)]) + der + script_sig[2 + length :]


def longer_push(script_sig):
    at = len(script_sig) - 2 - REDEEM_BYTES  # OP_PUSHDATA1 in front of the redeem script
    return script_sig[:at] + b"\x4d" + script_sig[at + 1 : at + 2] + b"\x00" + script_sig[at + 2 :]


CHANGES = {
    "another item in front": lambda script: b"\x51" + script,
    "many items in front": lambda script: b"\x4f\x03abc\x60" + script,
    "s in the upper half": high_s,
    "a longer push": longer_push,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a07_a_changed_payment_is_valid_and_still_ours(node, live, change):
    _, signed = signed_plan(live)
    raw = malleated(signed.raw, change)
    txid = node.node.send(raw)
    assert txid != signed.txid
    assert is_same_payment(signed.raw, raw, txid)
    node.mine(1)
    assert live.reader.finality_of(signed) is Finality.MINED
    node.mine(live.reader.chain.final_depth - 1)
    assert live.reader.finality_of(signed) is Finality.FINAL


def test_a07_a_payment_changed_on_the_way_is_seen_and_our_own_bytes_are_refused(node, live):
    _, signed = signed_plan(live)
    live.broadcaster.broadcast(signed)
    other = node.rpc.call("sim_malleate", signed.txid)
    assert node.rpc.call("getrawmempool") == [other]
    assert live.reader.finality_of(signed) is Finality.UNKNOWN
    with pytest.raises(Refused, match=r"txn-mempool-conflict|insufficient fee"):
        live.broadcaster.broadcast(signed)
    node.mine(6)
    assert live.reader.finality_of(signed) is Finality.FINAL


def test_a07_another_quorum_over_the_same_payment_is_the_same_payment(node, live):
    plan, signed = signed_plan(live, 0, 1)
    again = live.codec.assemble(plan, live.sign(plan, 1, 2))
    live.broadcaster.broadcast(again)
    node.mine(6)
    assert live.reader.finality_of(signed) is Finality.FINAL
    assert live.reader.finality_of(again) is Finality.FINAL


def test_a07_another_payment_from_the_same_coin_is_not_taken_for_ours(node, live):
    plan, signed = signed_plan(live)
    other = live.codec.replace(plan, 4 * DOGE.params.fees.floor, [DOGE.intent(60_000_000)])
    live.broadcaster.broadcast(live.codec.assemble(other, live.sign(other, 0, 1)))
    node.mine(5)
    assert live.reader.finality_of(signed) is Finality.UNKNOWN
    node.mine(1)
    assert live.reader.finality_of(signed) is Finality.DEAD


def test_a08_an_evicted_payment_is_not_dead_and_is_sent_again(node, live):
    _, signed = signed_plan(live)
    live.broadcaster.broadcast(signed)
    node.rpc.call("sim_evict", signed.txid)
    assert live.reader.finality_of(signed) is Finality.UNKNOWN
    assert live.broadcaster.broadcast(signed) == signed.txid
    assert live.reader.finality_of(signed) is Finality.PENDING
    node.mine(1)


def test_a02_a_lost_answer_leads_to_one_payment(node, live):
    _, signed = signed_plan(live)
    node.rpc.call("sim_lose", "sendrawtransaction", 1)
    with pytest.raises(NodeUnavailable):
        live.broadcaster.broadcast(signed)
    assert live.reader.finality_of(signed) is Finality.PENDING
    assert live.broadcaster.broadcast(signed) == signed.txid
    assert node.rpc.call("getrawmempool") == [signed.txid]
    node.mine(1)


@pytest.mark.parametrize(("method", "lie"), [("getbestblockhash", 7), ("getblock", {}), ("gettxout", "no")])
def test_a_node_that_lies_offers_no_coin_or_none_that_can_be_spent(node, live, method, lie):
    plan, signed = signed_plan(live)
    live.broadcaster.broadcast(signed)
    node.rpc.call("sim_lie", method, lie)
    try:
        offered = live.reader.spendable(frozenset()).coins
    except NodeUnavailable:
        offered = ()
    finally:
        node.rpc.call("sim_be_honest")
    if offered:  # the lie was that spent coins are free: the network refuses what is built on it
        assert set(plan.inputs) <= set(offered)
        again = live.codec.replace(plan, 2 * DOGE.params.fees.floor, [DOGE.intent(60_000_000)])
        assert live.codec.reservations(again)[0] == signed.conflict_key
    node.mine(1)
    assert live.reader.finality_of(signed) is Finality.MINED
