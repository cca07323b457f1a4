"""The Safe family against a real node: real contracts, real refusals."""

import pytest
from simulators.anvil import (
    ETH,
    GENEROUS_FEE_WEI,
    OWNER_PATH,
    OWNERS,
    TestSigner,
    make_intent,
    make_wallet,
    mined_by_hand,
    running_house,
    sign_all,
)

from custody.chains.evm.abi import address_word, word
from custody.chains.evm.broadcaster import BytesRejected
from custody.chains.evm.codec import SafeCodec
from custody.chains.evm.deploy import deploy_on_devnet, install_release
from custody.chains.evm.executions import safe_nonce
from custody.chains.evm.keccak import selector
from custody.chains.evm.node import EvmNode
from custody.chains.evm.params import BSC_LOCAL, ETHEREUM
from custody.chains.evm.plan import MAX_PAYMENTS, gas_limit, safe_tx_of
from custody.chains.evm.reader import SafeReader
from custody.chains.evm.safe_tx import exec_transaction_call
from custody.chains.evm.verify import verify_safe
from custody.chains.port import SignedTx
from custody.keys.ecdsa import sign_recoverable
from custody.keys.material import SigningRole
from custody.nodes.jsonrpc import NodeError
from custody.primitives.amount import Amount
from custody.primitives.chain import Finality
from custody.primitives.errors import MalformedPayload, NodeUnavailable, Refused, WrongNetwork

pytestmark = pytest.mark.node

ALICE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
BOB = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running_house(tmp_path_factory.mktemp("anvil")) as house:
        yield house


@pytest.fixture
def house(shared):
    with shared.undone():
        yield shared


def refusal(house, safe_tx, signatures: bytes) -> str:
    """What the contract says to an execution with these signatures."""
    call = exec_transaction_call(safe_tx, signatures)
    fields = {"from": house.wallet.sender_address, "to": house.wallet.safe, "data": "0x" + call.hex()}
    with pytest.raises(NodeError) as raised:
        house.anvil.rpc.call("eth_call", fields, "latest")
    return raised.value.rpc_message


def owner_signatures(house, plan, places, digest=None):
    """One signature an owner, in the order of the places given."""
    digest = digest or safe_tx_of(house.wallet, plan).hash()
    return [sign_recoverable(OWNERS[place].root.derive(OWNER_PATH).key, digest) for place in places]


def ascending(house, places):
    by_address = {owner.address: place for place, owner in enumerate(house.wallet.owners)}
    return [by_address[text] for text in house.wallet.sorted_owners() if by_address[text] in places]


# Refusals of the contract: the texts of one signature, a double, a wrong order, a stranger, a replay.


def test_the_contract_refuses_one_signature(house):
    plan = house.plan(make_intent(ALICE, Amount(1, ETH)))
    assert "GS020" in refusal(house, safe_tx_of(house.wallet, plan), b"".join(owner_signatures(house, plan, [0])))


@pytest.mark.parametrize("case", ["double", "descending", "stranger", "other digest"])
def test_the_contract_refuses_a_false_quorum(house, case):
    plan = house.plan(make_intent(ALICE, Amount(1, ETH)))
    order = ascending(house, [0, 1])
    good = owner_signatures(house, plan, order)
    stranger = sign_recoverable(TestSigner(50).root.derive(OWNER_PATH).key, safe_tx_of(house.wallet, plan).hash())
    blobs = {
        "double": good[0] * 2,
        "descending": good[1] + good[0],
        "stranger": good[0] + stranger,
        "other digest": b"".join(owner_signatures(house, plan, order, digest=b"\x07" * 32)),
    }
    assert "GS026" in refusal(house, safe_tx_of(house.wallet, plan), blobs[case])


def test_the_contract_refuses_a_replay(house):
    signed_plan = house.plan(make_intent(ALICE, Amount(1, ETH)))
    house.broadcaster.broadcast(house.sign(signed_plan))
    house.anvil.mine()
    blob = b"".join(owner_signatures(house, signed_plan, ascending(house, [0, 1])))
    assert "GS026" in refusal(house, safe_tx_of(house.wallet, signed_plan), blob)


def test_a_failing_payment_reverts_the_whole_execution(house):
    plan = house.plan(make_intent(ALICE, Amount(1, ETH)))
    house.anvil.rpc.call("anvil_setBalance", house.wallet.safe, "0x0")
    blob = b"".join(owner_signatures(house, plan, ascending(house, [0, 1])))
    assert "GS013" in refusal(house, safe_tx_of(house.wallet, plan), blob)
    assert house.trial.refusal(plan)


# E11: a node of another network.
def test_a_node_of_another_chain_is_refused_at_the_start(house):
    with pytest.raises(WrongNetwork):
        EvmNode(house.anvil.rpc, BSC_LOCAL).require_chain()


def test_local_powers_are_refused_on_public_networks(house):
    with pytest.raises((Refused, WrongNetwork)):
        install_release(EvmNode(house.anvil.rpc, ETHEREUM))


# B18, C12: what was signed for another chain id does not run here.
def test_a_transaction_for_another_chain_id_is_rejected(house):
    elsewhere = SafeCodec(make_wallet(BSC_LOCAL))
    state = house.reader.spendable(frozenset())
    native = BSC_LOCAL.native
    state = type(state)({native.key: 10**18}, state.nonce, state.sender)
    intent = make_intent(ALICE, Amount(1, native))
    intent = type(intent)(
        *(intent.withdrawal_id, intent.to, intent.amount, Amount(GENEROUS_FEE_WEI, native), "", 1, "00", 1)
    )
    plan = elsewhere.plan([intent], state)
    signed = elsewhere.assemble(plan, sign_all(elsewhere, plan))
    with pytest.raises((BytesRejected, NodeUnavailable)):
        house.broadcaster.broadcast(signed)
    assert house.wei(ALICE) == 0


def test_bytes_that_are_not_those_of_the_txid_are_not_sent(house):
    signed = house.sign(house.plan(make_intent(ALICE, Amount(1, ETH))))
    with pytest.raises(MalformedPayload):
        house.broadcaster.broadcast(SignedTx(signed.txid, signed.raw[:-1], signed.conflict_key, signed.fee_max))


def test_a_sender_nonce_used_by_something_else_is_rejected_for_good(house):
    plan = house.plan(make_intent(ALICE, Amount(1, ETH)))
    house.anvil.rpc.call("anvil_setNonce", house.wallet.sender_address, hex(plan.gas.nonce + 1))
    with pytest.raises(BytesRejected, match="nonce"):
        house.broadcaster.broadcast(house.sign(plan))


def test_a_lack_of_gas_money_may_pass_and_is_not_final(house):
    signed = house.sign(house.plan(make_intent(ALICE, Amount(1, ETH))))
    house.anvil.rpc.call("anvil_setBalance", house.wallet.sender_address, "0x0")
    with pytest.raises(NodeUnavailable):
        house.broadcaster.broadcast(signed)


def test_a_safe_that_is_not_deployed_has_nothing_to_spend(house):
    with pytest.raises(NodeUnavailable, match="deployed"):
        SafeReader(make_wallet(salt_nonce=404), house.anvil.node).spendable(frozenset())


def test_an_unknown_transaction_proves_nothing(house):
    signed = house.sign(house.plan(make_intent(ALICE, Amount(1, ETH))))
    assert house.finality(signed) is Finality.UNKNOWN


# Success.


def test_our_hash_is_the_contracts_hash(house):
    plan = house.plan(make_intent(ALICE, Amount(1, ETH)), make_intent(BOB, Amount(2, house.token), name="w2"))
    tx = safe_tx_of(house.wallet, plan)
    head = [address_word(tx.to), word(tx.value), word(320), word(tx.operation), bytes(5 * 32), word(tx.nonce)]
    tail = word(len(tx.call)) + tx.call + bytes(-len(tx.call) % 32)
    name = "getTransactionHash(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,uint256)"
    assert house.anvil.node.view(house.wallet.safe, selector(name) + b"".join(head) + tail) == tx.hash()


def test_the_safe_stands_at_the_address_computed_before_and_is_as_registered(house):
    other = make_wallet(salt_nonce=123)
    assert house.anvil.node.code(other.safe) == b""
    deploy_on_devnet(house.anvil.node, other)
    deploy_on_devnet(house.anvil.node, other)
    verify_safe(house.anvil.node, other)


def test_pays_native_coins(house):
    signed = house.pay(make_intent(ALICE, Amount(5, ETH)))
    assert house.wei(ALICE) == 5
    assert house.finality(signed) is Finality.MINED
    house.anvil.mine(house.reader.chain.final_depth - 1)
    assert house.finality(signed) is Finality.FINAL


def test_pays_a_token(house):
    house.pay(make_intent(ALICE, Amount(7, house.token)))
    assert house.tokens(ALICE) == 7


def test_pays_a_batch_of_both_within_the_gas_that_was_reserved(house):
    intents = [make_intent(ALICE, Amount(5, ETH)), make_intent(BOB, Amount(6, house.token), name="w2")]
    signed = house.pay(*intents, make_intent(BOB, Amount(8, ETH), name="w3"))
    assert (house.wei(ALICE), house.tokens(BOB), house.wei(BOB)) == (5, 6, 8)
    assert house.wait(signed.txid).gas_used <= gas_limit(house.plan(*intents).payments, 2)


def test_pays_the_largest_batch_to_fresh_accounts_within_the_gas_that_was_reserved(house):
    fresh = [house.codec.parse_address("0x" + f"{0xABCDEF0000 + i:040x}").text for i in range(MAX_PAYMENTS)]
    amounts = [Amount(1, house.token if i % 2 else ETH) for i in range(MAX_PAYMENTS)]
    intents = [make_intent(to, amount, name=f"w{i}") for i, (to, amount) in enumerate(zip(fresh, amounts, strict=True))]
    signed = house.pay(*intents)
    receipt = house.wait(signed.txid)
    assert receipt.succeeded
    assert receipt.gas_used <= gas_limit(house.plan(*intents).payments, 2)
    assert {house.wei(to) + house.tokens(to) for to in fresh} == {1}


@pytest.mark.parametrize("members", [(0, 1), (0, 2), (1, 2), (2, 1)])
def test_any_two_owners_in_any_order_suffice(house, members):
    signed = house.sign(house.plan(make_intent(ALICE, Amount(1, ETH))), members)
    house.broadcaster.broadcast(signed)
    assert house.wait(signed.txid).succeeded


# A02, A03: an answer was lost, the same bytes go out again.
def test_the_same_bytes_again_are_one_payment(house):
    signed = house.pay(make_intent(ALICE, Amount(5, ETH)))
    assert house.broadcaster.broadcast(signed) == signed.txid
    assert house.wei(ALICE) == 5


def test_a_waiting_transaction_is_pending_and_again_is_accepted(house):
    with mined_by_hand(house.anvil):
        signed = house.sign(house.plan(make_intent(ALICE, Amount(5, ETH))))
        assert house.broadcaster.broadcast(signed) == house.broadcaster.broadcast(signed) == signed.txid
        assert house.finality(signed) is Finality.PENDING


def test_a_bump_replaces_a_waiting_transaction(house):
    with mined_by_hand(house.anvil):
        intent = make_intent(ALICE, Amount(5, ETH))
        plan = house.plan(intent)
        first = house.sign(plan)
        house.broadcaster.broadcast(first)
        bumped = house.sign(house.codec.bump(plan, house.reader.spendable(frozenset()), [intent]))
        house.broadcaster.broadcast(bumped)
        house.anvil.mine()
    assert house.wei(ALICE) == 5
    house.anvil.mine(3)
    # Both attempts are the same payment: whichever is asked, it is final.
    assert {house.finality(first), house.finality(bumped)} == {Finality.FINAL}


# A10: the block disappears, the bytes go out again.
def test_a_reorganisation_takes_a_payment_back_and_the_same_bytes_pay_again(house):
    signed = house.pay(make_intent(ALICE, Amount(5, ETH)))
    house.anvil.reorg(1)
    assert house.wei(ALICE) == 0
    assert house.finality(signed) in (Finality.UNKNOWN, Finality.PENDING)
    house.broadcaster.broadcast(signed)
    house.anvil.mine(3)
    assert (house.wei(ALICE), house.finality(signed)) == (5, Finality.FINAL)


def test_balances_are_read_as_of_a_block(house):
    before = house.reader.tip()
    house.pay(make_intent(ALICE, Amount(5, ETH)), make_intent(ALICE, Amount(6, house.token), name="w2"))
    alice = house.codec.parse_address(ALICE)
    after = house.reader.tip()
    for asset, units in ((ETH, 5), (house.token, 6)):
        assert house.reader.balance(alice, asset, before).units == 0
        assert house.reader.balance(alice, asset, after).units == house.reader.balance(alice, asset).units == units
    assert after.parent == house.reader.block_at(after.height - 1).hash


def test_the_signers_accept_what_the_codec_asks_in_both_rounds(house):
    plan = house.plan(make_intent(ALICE, Amount(5, ETH)))
    assert [house.codec.next_need(plan, sign_all(house.codec, plan)[:count]).role for count in (0, 1, 2)] == [
        SigningRole.MEMBER,
        SigningRole.MEMBER,
        SigningRole.SENDER,
    ]


def test_a_rejection_frees_a_nonce_that_cannot_be_executed(house):
    stuck = house.sign(house.plan(make_intent(ALICE, Amount(5, ETH))))
    rejection = house.sign(
        house.codec.reject(safe_nonce(house.anvil.node, house.wallet.safe), house.reader.sender(frozenset()))
    )
    house.broadcaster.broadcast(rejection)
    house.wait(rejection.txid)
    assert house.finality(stuck) is Finality.UNKNOWN  # mined, but could still be reorganised away
    house.anvil.mine(2)
    assert house.finality(stuck) is Finality.DEAD
    assert house.finality(rejection) is Finality.FINAL
    assert house.wei(ALICE) == 0
