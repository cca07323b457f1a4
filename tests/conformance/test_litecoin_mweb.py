# A payment out of Litecoin's confidential side chain (MWEB) to a wallet of ours, on a real node: credited, and spent.
from dataclasses import replace

import pytest
from simulators.bitcoin import KINDS, start_litecoin

from custody.chains.utxo.psbt import parse_tx
from custody.devnet.litecoin import LITECOIN, LitecoinNode
from custody.nodes.jsonrpc import Endpoint, JsonRpc
from custody.primitives.chain import Finality
from custody.primitives.errors import MalformedPayload

pytestmark = pytest.mark.node
LTC = next(kind for kind in KINDS if kind.name == "litecoind")
BEFORE_MWEB = 431


@pytest.fixture
def node(tmp_path, monkeypatch):
    monkeypatch.setattr(LitecoinNode, "kind", replace(LITECOIN, options=()))  # MWEB starts at block 432
    with start_litecoin(tmp_path) as running:
        yield running


def pay_out_of_mweb(node, address, amount):
    at = node.rpc.endpoint
    faucet = JsonRpc(Endpoint(at.name, f"{at.url}/wallet/faucet", user=at.user, password=at.password))
    node.mine(BEFORE_MWEB - node.node.height())
    held = int(faucet.call("getbalance"))
    faucet.call("sendtoaddress", faucet.call("getnewaddress", "", "mweb"), str(held - 1))
    node.mine(8)
    faucet.call("sendtoaddress", address, amount)  # more than is left outside
    node.mine(1)
    faucet.close()


def test_a_payment_out_of_mweb_is_credited_and_can_be_spent(node):
    live = LTC.open(node, "mweb")
    address = live.wallet.address(0, 3)
    pay_out_of_mweb(node, address.text, "500")
    (seen,) = live.reader.deposits({address.text}, live.reader.tip())
    assert seen.amount.units == 500 * 10**8
    assert [sender[:11] for sender in seen.senders] == ["script:5820"]  # nobody's address: for people to look at
    raw = bytes.fromhex(node.rpc.call("getrawtransaction", seen.txid))
    assert raw[4:6] == b"\x00\x08"
    with pytest.raises(MalformedPayload):  # as the node gives it no library reads it
        parse_tx(raw)
    node.mine(LTC.params.chain.final_depth)
    plan = live.plan(LTC.intent(10_000_000))
    signed = live.codec.assemble(plan, live.sign(plan, 0, 1))
    live.broadcaster.broadcast(signed)
    node.mine(1)
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.MINED
    assert live.reader.held_at(live.reader.block_at(node.node.height() - 1))[address].units == 500 * 10**8
