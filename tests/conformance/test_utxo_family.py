# Every network of the UTXO family against its local node: Bitcoin Knots and Litecoin Core are real, Dogecoin's is a
# simulator whose scripts are run by libbitcoinkernel. What the codec writes is mined; what it must not write is refused.
from dataclasses import replace

import pytest
from embit.script import Script, Witness
from simulators.bitcoin import KINDS, utxo_node  # noqa: F401 - one is a fixture

from custody.chains.port import SignedTx
from custody.chains.utxo.broadcaster import TxRejected
from custody.chains.utxo.consolidation import MIN_GATHERED, plan_consolidation
from custody.chains.utxo.params import BITCOIN_REGTEST, DOGECOIN_REGTEST, LITECOIN_REGTEST, ROWS
from custody.chains.utxo.psbt import unsigned_tx
from custody.chains.utxo.reader import UtxoReader
from custody.chains.utxo.signing import signing_digests
from custody.nodes.jsonrpc import NodeError
from custody.primitives.chain import Finality
from custody.primitives.errors import InvalidInput, NodeUnavailable, WrongNetwork
from custody.primitives.ids import TxId

pytestmark = pytest.mark.node

ONE_SIGNATURE = {
    "BTC": "Operation not valid with the current stack size",
    "LTC": r"non-mandatory-script-verify-flag \(Operation not valid with the current stack size\)",
    "DOGE": "mandatory-script-verify-flag-failed",
}
WRONG_SIGNATURE = {
    "BTC": "Signature must be zero for failed CHECK",
    "LTC": "Signature must be zero for failed CHECK",
    "DOGE": "mandatory-script-verify-flag-failed",
}


@pytest.fixture
def kind(utxo_node):  # noqa: F811
    return utxo_node[0]


@pytest.fixture
def node(utxo_node):  # noqa: F811
    return utxo_node[1]


@pytest.fixture
def live(kind, node):
    wallet = kind.open(node, "family")
    wallet.fund(50_000_000 * kind.unit, 30_000_000 * kind.unit)
    return wallet


def by_hand(live, plan, stack_of):
    """Bytes put together the way no codec of ours would."""
    tx = unsigned_tx(plan)
    for number, coin in enumerate(plan.inputs):
        items = [*stack_of(number), live.wallet.multisig_script(coin.branch, coin.index)]
        if live.wallet.params.is_malleable:
            tx.vin[number].script_sig = Script(b"".join(pushed(item) for item in items))
        else:
            tx.vin[number].witness = Witness(items)
    return SignedTx(
        TxId(tx.txid().hex()), tx.serialize(), live.codec.reservations(plan)[0], live.codec.summarize(plan).fee
    )


def pushed(item):
    return (bytes([len(item)]) if len(item) < 76 else bytes([0x4C, len(item)])) + item


def send(live, plan, *who):
    signed = live.codec.assemble(plan, live.sign(plan, *(who or (0, 1))))
    live.broadcaster.broadcast(signed)
    return signed


# What one signature must get -----------------------------------------------------------------


def test_one_signature_is_refused(kind, live):
    plan = live.plan(kind.intent(60_000_000))
    good = {s.index: s.value for s in live.sign(plan, 0)}
    with pytest.raises(TxRejected, match=ONE_SIGNATURE[kind.params.asset.symbol]):
        live.broadcaster.broadcast(by_hand(live, plan, lambda n: [b"", good[n]]))


def test_the_same_signature_twice_is_refused(kind, live):
    plan = live.plan(kind.intent(60_000_000))
    good = {s.index: s.value for s in live.sign(plan, 1)}
    with pytest.raises(TxRejected, match=WRONG_SIGNATURE[kind.params.asset.symbol]):
        live.broadcaster.broadcast(by_hand(live, plan, lambda n: [b"", good[n], good[n]]))


def test_a_stranger_is_refused(kind, node, live):
    stranger = kind.open(node, "stranger")
    plan = live.plan(kind.intent(60_000_000))
    good = {s.index: s.value for s in live.sign(plan, 0)}
    digests = signing_digests(live.wallet, plan)
    bad = {s.index: s.value for s in stranger.members[0].sign_plan(live.wallet, plan, digests)}
    with pytest.raises(TxRejected, match=WRONG_SIGNATURE[kind.params.asset.symbol]):
        live.broadcaster.broadcast(by_hand(live, plan, lambda n: [b"", good[n], bad[n]]))


def test_a_second_payment_from_spent_coins_is_refused(kind, node, live):
    first = live.plan(kind.intent(60_000_000))
    send(live, first)
    node.mine(1)
    other = replace(first, outputs=tuple(replace(o, value_sat=o.value_sat - 1) for o in first.outputs))
    with pytest.raises(TxRejected, match=r"missing-inputs|missingorspent|Missing inputs"):
        send(live, other)


# Which node, which coins ---------------------------------------------------------------------


def test_a_node_of_another_network_is_known_by_its_first_block(kind, live):
    # Three networks call themselves "main": their name tells nothing.
    for row in ROWS:
        wallet = replace(live.wallet, params=replace(live.wallet.params, chain=row.chain))
        if row is kind.params:
            assert UtxoReader.connect(wallet, live.bitcoin.node)
        else:
            with pytest.raises(WrongNetwork):
                UtxoReader.connect(wallet, live.bitcoin.node)


def test_a_balance_of_a_foreign_address_is_refused(kind, live):
    foreign = live.codec.parse_address(kind.foreign())
    with pytest.raises(InvalidInput):
        live.reader.balance(foreign, kind.params.asset)


def test_newly_mined_coins_wait_until_they_are_mature(kind, node):
    live = kind.open(node, "coinbase")
    node.mine(1, live.wallet.address(0, 0).text)
    assert live.reader.deposits({live.wallet.address(0, 0).text}, live.reader.tip()) == ()
    node.mine(kind.params.maturity - 1)
    assert live.reader.spendable(frozenset()).coins == ()
    node.mine(1)
    (coin,) = live.reader.spendable(frozenset()).coins
    assert send(live, live.plan(kind.intent(coin.value_sat // 2 // kind.unit)))


def test_unconfirmed_coins_are_never_spendable_and_own_change_is_after_one_block(kind, node, live):
    node.fund(live.wallet.address(0, 9).text, 1_000_000 * kind.unit)
    before = live.reader.spendable(frozenset())
    assert {c.index for c in before.coins} == {0, 1}
    send(live, live.codec.plan([kind.intent(60_000_000)], before, ()))
    assert live.reader.spendable(frozenset()).coins == ()
    node.mine(1)
    assert [(c.branch, c.index) for c in live.reader.spendable(frozenset()).coins] == [(1, before.change_index)]


def test_following_the_blocks_gives_what_starting_again_gives(kind, node):
    live = kind.open(node, "twin")
    follower = UtxoReader(live.wallet, node.node)
    live.fund(50_000_000 * kind.unit, 30_000_000 * kind.unit)
    for step in range(4):
        if step == 2:
            node.reorganise(2)
        node.fund(live.wallet.address(0, 10 + step).text, (100_000 + step) * kind.unit)
        send(live, live.plan(kind.intent(3_000_000)))
        node.mine(step + 1)
        assert follower.spendable(frozenset()) == live.reader.spendable(frozenset())


def test_a_balance_before_is_the_present_one_with_blocks_undone(kind, node, live):
    asset, address = kind.params.asset, live.wallet.address(0, 1)
    before = live.reader.tip()
    node.fund(address.text, 5_000_000 * kind.unit)
    node.mine(1)
    middle = live.reader.tip()
    send(live, live.plan(kind.intent(60_000_000)))
    node.mine(2)
    assert live.reader.balance(address, asset).units == 5_000_000 * kind.unit
    assert live.reader.balance(address, asset, middle).units == 35_000_000 * kind.unit
    assert live.reader.balance(address, asset, before).units == 30_000_000 * kind.unit
    assert live.reader.held_at(before)[address].units == 30_000_000 * kind.unit
    with pytest.raises(NodeUnavailable):
        live.reader.balance(address, asset, replace(before, hash="00" * 32))


# Fees ----------------------------------------------------------------------------------------


def test_a_bump_replaces_what_waits_and_pays_the_same(kind, node, live):
    intents = [kind.intent(60_000_000)]
    plan = live.plan(*intents)
    first = send(live, plan)
    raised = live.codec.bump(plan, live.reader.spendable(frozenset()), intents)
    if not kind.params.fees.replaceable:
        assert raised is None
        return
    assert live.codec.summarize(raised).to == live.codec.summarize(plan).to
    second = send(live, raised, 1, 2)
    assert second.conflict_key == first.conflict_key
    assert node.rpc.call("getrawmempool") == [second.txid]
    node.mine(1)
    assert live.reader.finality(second.txid, second.conflict_key) is Finality.MINED
    node.mine(kind.params.chain.final_depth - 1)
    assert live.reader.finality_of(first) is Finality.DEAD
    assert live.reader.finality(second.txid, second.conflict_key) is Finality.FINAL


@pytest.mark.parametrize("utxo_node", [k for k in KINDS if not k.params.fees.replaceable], indirect=True, ids=str)
def test_nodes_of_a_network_without_replacement_refuse_one(kind, node, live):
    intents = [kind.intent(60_000_000)]
    plan = live.plan(*intents)
    send(live, plan)
    with pytest.raises(TxRejected, match="txn-mempool-conflict"):
        send(live, live.codec.replace(plan, 40_000, intents))
    node.mine(1)


def test_many_small_coins_become_one(kind, node):
    live = kind.open(node, "small")
    values = {live.wallet.address(0, index).text: (200_000 + index) * kind.unit for index in range(50)}
    node.fund_many(values)
    node.fund_many(dict.fromkeys(values, 150_000 * kind.unit))
    node.mine(kind.params.chain.final_depth)
    small = replace(live.reader.small_coins(frozenset()), fee_sat_per_kvb=kind.params.fees.floor)
    plan = plan_consolidation(live.wallet, small)
    assert len(plan.inputs) == 100 > MIN_GATHERED
    send(live, plan)
    node.mine(1)
    (coin,) = live.reader.spendable(frozenset()).coins
    assert coin.value_sat == sum(c.value_sat for c in plan.inputs) - plan.fee_sat


def test_dust_is_left_alone(kind, node, live):
    if kind.params is DOGECOIN_REGTEST:
        dust = kind.params.fees.dust_sat - 1
        node.fund(live.wallet.address(0, 5).text, dust)
        node.mine(kind.params.chain.final_depth)
        assert live.reader.total().units == 80_000_000 * kind.unit + dust
    assert len(live.reader.spendable(frozenset()).coins) == 2
    assert all(c.value_sat >= kind.params.fees.dust_sat for c in live.reader.small_coins(frozenset()).coins)


# Reorganisations -----------------------------------------------------------------------------


def test_a_reorganised_withdrawal_is_sent_again_with_the_same_bytes(kind, node, live):
    signed = send(live, live.plan(kind.intent(10_000_000)))
    node.mine(2)
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.MINED
    node.reorganise(2)
    assert live.reader.finality(signed.txid, signed.conflict_key) in {Finality.PENDING, Finality.UNKNOWN}
    assert live.broadcaster.broadcast(signed) == signed.txid
    node.mine(kind.params.chain.final_depth)
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.FINAL


def test_a_reorganised_deposit_is_gone_from_the_main_chain(kind, node, live):
    address = live.wallet.address(0, 20)
    node.fund(address.text, 700_000 * kind.unit)
    node.mine(2)
    old = live.reader.block_at(live.reader.tip().height - 1)
    (seen,) = live.reader.deposits({address.text}, old)
    assert (seen.to, seen.amount.units) == (address, 700_000 * kind.unit)
    assert all(live.codec.parse_address(sender).text == sender for sender in seen.senders)
    assert seen.senders
    node.reorganise(2)
    new = live.reader.block_at(old.height)
    assert (new.parent, live.reader.deposits({address.text}, new)) == (old.parent, ())


# The whole way -------------------------------------------------------------------------------


@pytest.mark.parametrize(("threshold", "count"), [(2, 3), (3, 5)])
def test_a_quorum_pays_every_kind_of_address(kind, node, threshold, count):
    live = kind.open(node, "pay", threshold, count)
    live.fund(40_000_000 * kind.unit, 30_000_000 * kind.unit)
    forms = ("p2pkh", "p2sh", "p2wpkh", "p2wsh") if kind.params.hrp else ("p2pkh", "p2sh")
    intents = [kind.intent(15_000_000 + i, form, name=f"w-{i}") for i, form in enumerate(forms)]
    plan = live.plan(*intents)
    assert live.codec.decode(live.codec.encode(plan)) == plan
    assert live.codec.next_need(plan, live.sign(plan, *range(threshold - 1))).missing == 1
    signed = live.codec.assemble(plan, live.sign(plan, *range(count - threshold, count)))

    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.UNKNOWN
    assert live.broadcaster.broadcast(signed) == live.broadcaster.broadcast(signed) == signed.txid
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.PENDING
    node.mine(1)
    paid_in = live.reader.tip()
    node.mine(kind.params.chain.final_depth - 1)
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.FINAL
    seen = live.reader.deposits({i.to.text for i in intents}, paid_in)
    assert {d.to: d.amount for d in seen} == {i.to: i.amount for i in intents}
    assert {d.txid for d in seen} == {signed.txid}
    spent = {live.wallet.address(coin.branch, coin.index).text for coin in plan.inputs}
    assert {(frozenset(d.senders), len(d.senders)) for d in seen} == {(frozenset(spent), len(spent))}


# Nodes of Dogecoin's age know no descriptors.
@pytest.mark.parametrize("utxo_node", [k for k in KINDS if not k.params.is_malleable], indirect=True, ids=str)
def test_the_node_derives_the_same_addresses(kind, node, live):
    for branch in (0, 1):
        theirs = node.rpc.call("deriveaddresses", live.wallet.branch_descriptor(branch), [0, 9])
        assert theirs == [live.wallet.address(branch, index).text for index in range(10)]


def test_the_fee_rate_stays_within_the_policy(kind, live):
    fees = kind.params.fees
    assert fees.floor <= live.reader.fee_sat_per_kvb() <= fees.cap


def test_the_simulator_says_that_it_is_one(kind, node):
    if kind.params is DOGECOIN_REGTEST:
        assert "simulator" in node.rpc.call("getnetworkinfo")["subversion"]
        with pytest.raises(NodeError):
            node.rpc.call("scantxoutset", "start", [])
    else:
        assert kind.params in {BITCOIN_REGTEST, LITECOIN_REGTEST}
