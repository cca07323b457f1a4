import itertools

import pytest
from simulators.solana import ScriptedRpc

from custody.chains.solana.blocks import block_at
from custody.chains.solana.node import SolanaNode
from custody.nodes.jsonrpc import NodeError
from custody.primitives.chain import ChainId
from custody.primitives.errors import NodeUnavailable

CHAIN = ChainId("solana-local")
REAL = {0: (0, "G", "G"), 1: (0, "A", "G"), 4: (1, "D", "A"), 5: (4, "E", "D")}  # slots 2 and 3 were skipped


def answer(slot, _):
    if slot not in REAL:
        raise NodeError("skipped", rpc_code=-32007, rpc_message="Slot was skipped")
    parent, own, previous = REAL[slot]
    return {"blockhash": own, "previousBlockhash": previous, "parentSlot": parent}


def node(**changes):
    scripted = {"getBlock": answer, "getBlocks": lambda low, high, _: [s for s in REAL if low <= s <= high]} | changes
    return SolanaNode(ScriptedRpc(**scripted))


def test_refuses_contradictory_answers_about_a_slot():
    with pytest.raises(NodeUnavailable, match="contradictory"):
        block_at(node(getBlocks=lambda *_: [3]), CHAIN, 3)
    with pytest.raises(NodeUnavailable, match="contradictory"):
        block_at(node(getBlocks=lambda *_: [2]), CHAIN, 3)


def test_refuses_a_network_that_stands_still():
    with pytest.raises(NodeUnavailable):
        block_at(node(getBlocks=[]), CHAIN, 3)


def test_every_slot_has_a_block_whose_parent_is_the_one_before():
    chain = [block_at(node(), CHAIN, slot) for slot in range(6)]
    assert [block.height for block in chain] == list(range(6))
    assert chain[0].parent == ""
    assert all(later.parent == earlier.hash for earlier, later in itertools.pairwise(chain))
    assert len({block.hash for block in chain}) == 6
    assert [chain[4].hash, chain[5].parent] == ["D", "D"]
