import pytest
from simulators.bitcoin import start_litecoin

from custody.chains.utxo.address import address_of_script
from custody.chains.utxo.params import LITECOIN_REGTEST
from custody.devnet.litecoin import LITECOIN, LitecoinNode
from custody.devnet.private_apt import PackageUnavailable


def test_a_missing_installation_names_the_command(tmp_path):
    with pytest.raises(PackageUnavailable, match=r"custody\.devnet\.litecoin install"):
        LitecoinNode.start(tmp_path / "run", installed_in=tmp_path)


def test_the_environment_may_name_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MEXT_LITECOIN", str(tmp_path))
    assert LITECOIN.find() is None
    (tmp_path / "litecoind").write_text("")
    assert LITECOIN.find() == tmp_path / "litecoind"


@pytest.mark.node
def test_a_node_lives_past_the_height_of_mweb_and_continues_after_a_restart(tmp_path):
    with start_litecoin(tmp_path) as first:
        first.mine(340)
        assert first.node.block_hash(0).startswith(LITECOIN_REGTEST.genesis)
    with start_litecoin(tmp_path) as second:
        assert second.node.height() == 441
        assert second.fund(address_of_script(b"\x00\x14" + bytes(20), LITECOIN_REGTEST).text, 123_456_789)
        (block,) = second.mine(1)
        values = [out.value_sat for tx in second.node.block(block).txs for out in tx.outputs]
        assert 123_456_789 in values


@pytest.mark.node
def test_a_reorganisation_leaves_the_old_blocks_off_the_main_chain(tmp_path):
    with start_litecoin(tmp_path) as node:
        old = node.mine(3)
        new = node.reorganise(2)
        assert [node.node.header(h).confirmations for h in old] == [4, -1, -1]
        assert node.node.header(new[-1]).confirmations == 1
