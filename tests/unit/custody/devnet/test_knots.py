from dataclasses import replace

import pytest
from simulators.bitcoin import start_node

from custody.chains.utxo.params import BITCOIN_REGTEST
from custody.devnet.knots import KnotsNode
from custody.devnet.private_apt import PackageUnavailable
from custody.nodes.jsonrpc import JsonRpc, NodeError
from custody.primitives.errors import NodeUnavailable
from custody.primitives.secret import Secret


def test_a_missing_installation_names_the_command(tmp_path):
    with pytest.raises(PackageUnavailable, match=r"custody\.devnet\.knots install"):
        KnotsNode.start(tmp_path / "run", installed_in=tmp_path)


@pytest.mark.node
def test_a_node_continues_its_chain_after_a_restart(tmp_path):
    with start_node(tmp_path) as first:
        height = first.node.height()
        first.mine(3)
    with pytest.raises((NodeUnavailable, RuntimeError)):
        first.node.height()
    with start_node(tmp_path) as second:
        assert second.node.height() == height + 3
        assert second.node.block_hash(0).startswith(BITCOIN_REGTEST.genesis)
        assert second.fund("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", 123_456_789)
        (block,) = second.mine(1)
        values = [out.value_sat for tx in second.node.block(block).txs for out in tx.outputs]
        assert 123_456_789 in values
    assert (tmp_path / "bitcoind.log").stat().st_size > 0


@pytest.mark.node
def test_a_killed_node_starts_again_from_what_it_wrote(tmp_path):
    node = start_node(tmp_path)
    node.process.kill()
    node.rpc.close()
    with start_node(tmp_path) as again:
        assert again.node.height() >= 101


@pytest.mark.node
def test_a_reorganisation_leaves_the_old_blocks_off_the_main_chain(tmp_path):
    with start_node(tmp_path) as node:
        old = node.mine(3)
        new = node.reorganise(2)
        assert node.node.height() == 101 + 3 + 1
        assert [node.node.header(h).confirmations for h in old] == [4, -1, -1]
        assert node.node.header(new[-1]).confirmations == 1


@pytest.mark.node
def test_nobody_gets_in_without_the_cookie(tmp_path):

    with start_node(tmp_path) as node:
        stranger = JsonRpc(replace(node.rpc.endpoint, password=Secret(b"guess")))
        with pytest.raises(NodeUnavailable, match="credentials") as refused:
            stranger.call("getblockcount")
        assert not isinstance(refused.value, NodeError)
