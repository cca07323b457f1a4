"""Attacks on finality: making us believe that a payment which was made, or can still be made, is dead."""

import pytest
from simulators.anvil import ETH, compiled, make_intent, running_house, sign_all

from custody.chains.evm.keccak import selector
from custody.chains.evm.outer_tx import Gas, OuterTx, txid_of
from custody.chains.evm.plan import safe_tx_of
from custody.keys.ecdsa import sign_recoverable
from custody.primitives.amount import Amount
from custody.primitives.chain import Finality
from custody.primitives.errors import InvalidInput
from custody.primitives.secret import Secret

pytestmark = pytest.mark.node

ALICE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
BOB = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
ATTACKER = Secret(b"\x66" * 32)
SET_OPEN = selector("setOpen(bool)")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running_house(tmp_path_factory.mktemp("anvil")) as house:
        yield house


@pytest.fixture
def house(shared):
    with shared.undone():
        yield shared


def execution_call(house, plan, signatures) -> bytes:
    """Calldata of our execution, as anyone reads it in the pool."""
    members = house.codec._valid_members(safe_tx_of(house.wallet, plan), signatures)
    return house.codec._outer(plan, safe_tx_of(house.wallet, plan), members).call


# A11 and 1.4: whoever sees an execution in the pool can send it first. The payment is then made by a
# foreign transaction, ours reverts, and a refund would pay twice.
def test_a11_a_payment_carried_by_a_stranger_is_paid_and_never_dead(house):
    plan = house.plan(make_intent(ALICE, Amount(5, ETH)))
    signatures = sign_all(house.codec, plan)
    ours = house.codec.assemble(plan, signatures)
    house.anvil.send(house.wallet.safe, execution_call(house, plan, signatures))
    assert house.finality(ours) is Finality.MINED
    house.broadcaster.broadcast(ours)
    assert not house.wait(ours.txid).succeeded
    assert house.finality(ours) is Finality.MINED
    house.anvil.mine(3)
    assert house.finality(ours) is Finality.FINAL
    assert house.wei(ALICE) == 5


# The same, with our own transaction never seen again by any node.
def test_a_payment_carried_by_a_stranger_is_found_without_our_transaction(house):
    plan = house.plan(make_intent(ALICE, Amount(5, ETH)))
    signatures = sign_all(house.codec, plan)
    ours = house.codec.assemble(plan, signatures)
    house.anvil.send(house.wallet.safe, execution_call(house, plan, signatures))
    house.anvil.mine(3)
    assert house.anvil.node.receipt(ours.txid) is None
    assert house.finality(ours) is Finality.FINAL


# A15: a recipient that refuses the coins, waits for the refund, then opens and executes our signatures.
def test_a15_a_reverted_execution_is_not_dead_while_its_signatures_still_work(house):
    gate = house.anvil.create(compiled()["Gate"])
    house.anvil.send(gate, SET_OPEN + (1).to_bytes(32, "big"))
    plan = house.plan(make_intent(gate, Amount(5, ETH)))
    assert house.trial.refusal(plan) == ""
    signatures = sign_all(house.codec, plan)
    ours = house.codec.assemble(plan, signatures)
    house.anvil.send(gate, SET_OPEN + bytes(32))
    house.broadcaster.broadcast(ours)
    assert not house.wait(ours.txid).succeeded
    house.anvil.mine(10)
    assert house.finality(ours) is Finality.UNKNOWN
    # The attacker now takes the coins with our own signatures: a refund at this point would have paid twice.
    house.anvil.send(gate, SET_OPEN + (1).to_bytes(32, "big"))
    house.anvil.send(house.wallet.safe, execution_call(house, plan, signatures))
    house.anvil.mine(3)
    assert house.wei(gate) == 5
    assert house.finality(ours) is Finality.FINAL


# The way out of it: a second execution of the same signatures, or a rejection that uses the nonce up.
def test_a_reverted_execution_can_be_carried_again_by_another_transaction(house):
    gate = house.anvil.create(compiled()["Gate"])
    intent = make_intent(gate, Amount(5, ETH))
    plan = house.plan(intent)
    assert house.trial.refusal(plan)
    owners = sign_all(house.codec, plan)[:2]
    first = house.sign(plan)
    house.broadcaster.broadcast(first)
    house.wait(first.txid)
    house.anvil.send(gate, SET_OPEN + (1).to_bytes(32, "big"))
    again = house.codec.bump(plan, house.reader.spendable(frozenset()), [intent])
    assert again.gas.nonce == plan.gas.nonce + 1
    second = house.sign(again)
    assert second.conflict_key == first.conflict_key
    assert house.codec.next_need(again, owners).missing == 1  # only the sender signs again
    house.broadcaster.broadcast(second)
    house.wait(second.txid)
    house.anvil.mine(3)
    assert house.wei(gate) == 5
    assert {house.finality(first), house.finality(second)} == {Finality.FINAL}


# A11: another SafeTx of the owners took the nonce.
def test_a11_a_payment_is_dead_only_when_the_other_execution_is_final(house):
    ours = house.sign(house.plan(make_intent(ALICE, Amount(5, ETH))))
    other = house.sign(house.plan(make_intent(BOB, Amount(6, ETH), name="w2")))
    house.broadcaster.broadcast(other)
    house.wait(other.txid)
    assert house.finality(ours) is Finality.UNKNOWN
    house.anvil.mine(2)
    assert house.finality(ours) is Finality.DEAD
    assert house.wei(ALICE) == 0


# E05: the sender's key was used outside; its nonce moved, the Safe's did not.
def test_e05_a_sender_nonce_used_outside_kills_nothing(house):
    ours = house.sign(house.plan(make_intent(ALICE, Amount(5, ETH))))
    house.anvil.rpc.call("anvil_setNonce", house.wallet.sender_address, "0x50")
    house.anvil.mine(5)
    assert house.finality(ours) is Finality.UNKNOWN


# A nonce that moved without a visible execution (a node that lost its events) is no proof of death.
def test_a_moved_safe_nonce_without_the_execution_in_hand_proves_nothing(house):
    ours = house.sign(house.plan(make_intent(ALICE, Amount(5, ETH))))
    nonce_slot = 5
    assert house.anvil.node.storage(house.wallet.safe, nonce_slot) == 0
    house.anvil.rpc.call("anvil_setStorageAt", house.wallet.safe, hex(nonce_slot), "0x" + (9).to_bytes(32, "big").hex())
    house.anvil.mine(5)
    assert house.finality(ours) is Finality.UNKNOWN


# Two executions inside one foreign transaction are told apart by their hash, not by their order.
def test_a_reorganised_stranger_is_followed_too(house):
    plan = house.plan(make_intent(ALICE, Amount(5, ETH)))
    signatures = sign_all(house.codec, plan)
    ours = house.codec.assemble(plan, signatures)
    house.anvil.send(house.wallet.safe, execution_call(house, plan, signatures))
    house.anvil.reorg(1)
    assert house.finality(ours) in (Finality.UNKNOWN, Finality.PENDING)
    house.broadcaster.broadcast(ours)
    house.anvil.mine(3)
    assert house.wei(ALICE) == 5
    assert house.finality(ours) is Finality.FINAL


def test_a_plain_transaction_of_a_stranger_with_our_txid_shape_changes_nothing(house):
    tx = OuterTx(31337, Gas(0, 0, 10**10, 21_000), ALICE, 0, b"")
    raw = tx.signed(sign_recoverable(ATTACKER, tx.signing_hash()))
    ours = house.sign(house.plan(make_intent(ALICE, Amount(5, ETH))))
    assert house.reader.finality(txid_of(raw), ours.conflict_key) is Finality.UNKNOWN
    with pytest.raises(InvalidInput):
        house.reader.finality(ours.txid, ours.conflict_key.replace("31337", "1"))
