import pytest
from simulators.blocks import CHAIN, BentChain

from custody.chains.port import SeenDeposit
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import Chain, ChainId, Family
from custody.primitives.errors import InvalidInput, NodesDisagree, NodeUnavailable, WrongNetwork
from custody.wallets.agreeing import AgreeingSource, Named

COIN = Asset("COIN", 8, CHAIN.id)
ALICE = Address(CHAIN.id, "alice-address")


def copy_of(chain):
    made = BentChain()
    made.blocks, made.payments = list(chain.blocks), dict(chain.payments)
    return made


def seen(chain, units=100, txid="t1", memo="", senders=()):
    return SeenDeposit(txid, 0, ALICE, Amount(units, COIN), chain.tip(), memo, senders)


@pytest.fixture
def three():
    first = BentChain()
    first.mine(count=4)
    nodes = [first, copy_of(first), copy_of(first)]
    return nodes, AgreeingSource([Named(f"node-{n}", each) for n, each in enumerate(nodes)])


def test_refuses_no_node_and_two_of_one_name():
    with pytest.raises(InvalidInput):
        AgreeingSource([])
    with pytest.raises(InvalidInput):
        AgreeingSource([Named("a", BentChain()), Named("a", BentChain())])


def test_refuses_nodes_of_different_chains():
    other = BentChain()
    other.chain = Chain(ChainId("sim"), Family.UTXO, "mainnet", "bip122:sim", 2, 4)
    with pytest.raises(WrongNetwork):
        AgreeingSource([Named("a", BentChain()), Named("b", other)])


def test_one_silent_node_is_silence(three):
    nodes, source = three
    nodes[2].down = True
    with pytest.raises(NodeUnavailable):
        source.tip()


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_a_node_on_another_fork_is_named_at_the_tip_and_at_the_block(three, odd):
    nodes, source = three
    nodes[odd].reorg(1)
    nodes[odd].mine()
    named = f"node-0 and node-{odd or 1} disagree about block 4"
    with pytest.raises(NodesDisagree, match=named):
        source.tip()
    with pytest.raises(NodesDisagree, match=named):
        source.block_at(4)
    assert source.block_at(3).height == 3


def test_a_node_that_answers_another_height_is_not_believed(three, monkeypatch):
    nodes, source = three
    monkeypatch.setattr(nodes[1], "block_at", lambda _height: nodes[1].blocks[0])
    with pytest.raises(NodeUnavailable, match="node-1 answers another height"):
        source.block_at(2)


@pytest.mark.parametrize("change", [{"units": 101}, {"txid": "t2"}, {"memo": "7"}])
def test_a_payment_that_one_node_sees_differently_is_named(three, monkeypatch, change):
    nodes, source = three
    for node in nodes:
        monkeypatch.setattr(node, "deposits", lambda _watched, _block: [seen(nodes[0])])
    block = source.tip()
    assert len(source.deposits(frozenset(), block)) == 1
    monkeypatch.setattr(nodes[1], "deposits", lambda _watched, _block: [seen(nodes[0], **change)])
    with pytest.raises(NodesDisagree, match="deposits in block 4"):
        source.deposits(frozenset(), block)


def test_a_payment_that_is_told_twice_by_one_node_is_a_disagreement(three, monkeypatch):
    nodes, source = three
    for node, times in zip(nodes, (1, 1, 2), strict=True):
        monkeypatch.setattr(node, "deposits", lambda _watched, _block, times=times: [seen(nodes[0])] * times)
    with pytest.raises(NodesDisagree, match="node-2: t1/0"):
        source.deposits(frozenset(), source.tip())


def test_senders_are_those_of_all_nodes_each_once(three, monkeypatch):
    nodes, source = three
    for node, senders in zip(nodes, (("a", "b"), (), ("b", "c")), strict=True):
        answer = [seen(nodes[0], senders=senders)]
        monkeypatch.setattr(node, "deposits", lambda _watched, _block, answer=answer: answer)
    (found,) = source.deposits(frozenset(), source.tip())
    assert found.senders == ("a", "b", "c")


def test_the_slowest_node_sets_the_pace(three):
    nodes, source = three
    nodes[0].mine(count=3)
    assert source.tip() == nodes[1].tip()
    assert source.names == ("node-0", "node-1", "node-2")
