"""Every EVM row, executed by a real node with the row's chain id: one payment, and what must be refused."""

from dataclasses import replace

import pytest
from simulators.anvil import OWNER_PATH, OWNERS, TestSigner, make_intent, make_wallet, running_house

from custody.chains.evm import params as rows
from custody.chains.evm.fees import fee_level
from custody.chains.evm.node import EvmNode
from custody.chains.evm.params import ETHEREUM_LOCAL, ROWS, FeeModel
from custody.chains.evm.plan import safe_tx_of
from custody.chains.evm.safe_tx import exec_transaction_call
from custody.chains.evm.verify import verify_safe
from custody.keys.ecdsa import sign_recoverable
from custody.nodes.jsonrpc import NodeError
from custody.primitives.amount import Amount
from custody.primitives.chain import Finality
from custody.primitives.errors import WrongNetwork

pytestmark = pytest.mark.node

ALICE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
BOB = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
LOCAL = [row for row in ROWS if row.local and row is not ETHEREUM_LOCAL]
# The public networks' own chain ids, on a node of ours: keys anybody can make, a depth that does not take minutes.
PUBLIC = [
    replace(row, local=True, chain=replace(row.chain, credit_depth=1, final_depth=3)) for row in ROWS if not row.local
]


@pytest.fixture(scope="module", params=[*PUBLIC, *LOCAL], ids=lambda row: row.chain.id)
def house(request, tmp_path_factory):
    with running_house(tmp_path_factory.mktemp("anvil"), request.param) as house:
        yield house


def says(house, plan, signatures):
    call = exec_transaction_call(safe_tx_of(house.wallet, plan), b"".join(signatures))
    fields = {"from": house.wallet.sender_address, "to": house.wallet.safe, "data": "0x" + call.hex()}
    with pytest.raises(NodeError) as raised:
        house.anvil.rpc.call("eth_call", fields, "latest")
    return raised.value.rpc_message


def by(house, plan, *owners):
    """Signatures in ascending order of the owners given."""
    digest = safe_tx_of(house.wallet, plan).hash()
    places = sorted(owners, key=lambda place: int(house.wallet.owners[place].address, 16))
    return [sign_recoverable(OWNERS[place].root.derive(OWNER_PATH).key, digest) for place in places]


@pytest.mark.parametrize("row", LOCAL, ids=lambda row: row.chain.id)
def test_the_row_is_a_copy_of_its_public_row_under_another_id(row):
    public = getattr(rows, row.chain.id.removesuffix("-local").upper())
    assert (row.native.symbol, row.pricing, row.release) == (public.native.symbol, public.pricing, public.release)
    assert not public.local


def test_a_node_of_another_chain_id_is_refused_at_the_start(house):
    for other in ROWS:
        if other.chain_id != house.anvil.node.params.chain_id:
            with pytest.raises(WrongNetwork):
                EvmNode(house.anvil.rpc, other).require_chain()


def test_the_contract_refuses_less_than_a_quorum_and_false_quorums(house):
    plan = house.plan(make_intent(ALICE, Amount(1, house.native)))
    first, second = by(house, plan, 0, 1)
    stranger = sign_recoverable(TestSigner(50).root.derive(OWNER_PATH).key, safe_tx_of(house.wallet, plan).hash())
    assert "GS020" in says(house, plan, [first])
    for false in ([first, first], [second, first], [first, stranger]):
        assert "GS026" in says(house, plan, false)


def test_pays_coins_and_a_token_from_the_multisig_and_refuses_the_replay(house):
    verify_safe(house.anvil.node, house.wallet)
    intents = (
        make_intent(ALICE, Amount(5, house.native)),
        make_intent(BOB, Amount(6, house.token), name="w2"),
    )
    plan = house.plan(*intents)
    signed = house.sign(plan)
    house.broadcaster.broadcast(signed)
    receipt = house.wait(signed.txid)
    assert receipt.succeeded
    assert (house.wei(ALICE), house.tokens(BOB)) == (5, 6)
    house.anvil.mine(house.reader.chain.final_depth)
    assert house.finality(signed) is Finality.FINAL
    assert "GS026" in says(house, plan, by(house, plan, 0, 1))
    assert receipt.fee_wei <= signed.fee_max.units


# B18, C12: the same owners have the same Safe on another chain, and their signature is worth nothing there.
def test_b18_a_signature_for_one_chain_is_worth_nothing_on_another(house):
    elsewhere = make_wallet(ETHEREUM_LOCAL)
    assert elsewhere.safe == house.wallet.safe
    plan = house.plan(make_intent(ALICE, Amount(1, house.native)))
    digest = safe_tx_of(elsewhere, plan).hash()
    assert digest != safe_tx_of(house.wallet, plan).hash()
    places = sorted((0, 1), key=lambda place: int(house.wallet.owners[place].address, 16))
    foreign = [sign_recoverable(OWNERS[place].root.derive(OWNER_PATH).key, digest) for place in places]
    assert "GS026" in says(house, plan, foreign)


def test_offers_one_price_where_there_is_no_base_fee_and_a_tip_where_there_is(house):
    tip, fee = fee_level(house.anvil.node)
    pricing = house.anvil.node.params.pricing
    assert pricing.tip_wei_per_gas <= tip <= fee <= pricing.fee_cap_wei_per_gas
    assert (tip == fee) == (pricing.model is FeeModel.GAS_PRICE)
