# A12: a transaction's validity ends while the node lags. Nothing is signed again, and nothing refunded, without the
# finalized transaction that used the attempt's nonce value.
import pytest
from simulators.solana import FINAL, SOL, BentRpc, Key, send

from custody.chains.solana import instructions
from custody.chains.solana.broadcaster import SplBroadcaster
from custody.chains.solana.finality import attempt_finality
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.params import LOCAL
from custody.nodes.jsonrpc import NodeError
from custody.primitives.chain import Finality
from custody.primitives.errors import NodeUnavailable

pytestmark = pytest.mark.node
BOB = Key("bob a12")


def forgetful(live, **answers):
    # A node whose index of transactions by id is behind.
    unknown = {"context": {"slot": 0}, "value": [None]}
    return SolanaNode(BentRpc(live.vm.rpc, getSignatureStatuses=unknown, **answers))


def test_a12_ordinary_blockhash_expires_after_150_slots(live):
    old = live.node.latest_blockhash()
    step = instructions.transfer_lamports(live.opener.text, BOB.text, SOL)
    live.vm.mine(151)
    with pytest.raises(NodeError, match="BlockhashNotFound"):
        send(live.vm, live.opener, [step], blockhash=old)


def test_a12_attempt_on_a_durable_nonce_does_not_expire(live):
    signed = live.complete(live.plan(live.intent(BOB.text, SOL, number=1)))
    live.vm.mine(1_000)
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.UNKNOWN
    before = live.lamports(BOB.text)
    live.broadcaster.broadcast(signed)
    assert live.lamports(BOB.text) == before + SOL
    live.vm.mine(FINAL)


def test_a12_our_own_landed_payment_is_never_called_dead_by_a_forgetful_node(live):
    signed = live.pay(live.intent(BOB.text, SOL, number=2))
    live.vm.mine(FINAL)
    assert attempt_finality(forgetful(live), signed.txid, signed.conflict_key) is Finality.FINAL


def test_a12_node_behind_the_birth_of_the_value_proves_nothing(live):
    state = live.reader.spendable(frozenset())
    plan = live.codec.plan([live.intent(BOB.text, SOL, number=3)], state, live.chosen())
    signed = live.complete(plan)
    rows = live.vm.rpc.call("getMultipleAccounts", [plan.nonce.account], {"commitment": "finalized"})
    live.broadcaster.broadcast(
        live.complete(live.codec.plan([live.intent(BOB.text, SOL, number=4)], state, live.chosen()))
    )
    live.vm.mine(FINAL)
    # It shows the older state of the nonce account, and a history that ends before.
    behind = forgetful(live, getMultipleAccounts=rows)
    assert attempt_finality(behind, signed.txid, signed.conflict_key) is Finality.UNKNOWN
    short = forgetful(live, getSignaturesForAddress=[])
    assert attempt_finality(short, signed.txid, signed.conflict_key) is Finality.UNKNOWN
    lost = forgetful(live, getTransaction=None)
    assert attempt_finality(lost, signed.txid, signed.conflict_key) is Finality.UNKNOWN
    assert attempt_finality(live.node, signed.txid, signed.conflict_key) is Finality.DEAD


# The whole course: sent into the void, time passes, the node lags, another payment takes the nonce value.
def test_a12_nothing_is_signed_again_or_called_dead_before_the_finalized_history_says_so(live):
    intent = live.intent(BOB.text, SOL, number=10)
    state = live.reader.spendable(frozenset())
    plan = live.codec.plan([intent], state, live.chosen())
    signed, reserved = live.complete(plan), frozenset(live.codec.reservations(plan))
    live.vm.mine(1_000)  # no blockhash of its time is known any more
    lagging = forgetful(live)
    for node in (live.node, lagging):
        assert attempt_finality(node, signed.txid, signed.conflict_key) is Finality.UNKNOWN
    later = live.reader.spendable(reserved)
    assert plan.nonce.value not in {nonce.value for nonce in later.nonces}  # what is reserved is not planned on again
    assert live.codec.bump(plan, later, [intent]) is None  # and no other bytes take its place
    rival = live.complete(live.codec.plan([live.intent(BOB.text, 2 * SOL, number=11)], state, live.chosen()))
    live.broadcaster.broadcast(rival)
    live.vm.mine(2)
    assert live.reader.finality(rival.txid, rival.conflict_key) is Finality.MINED
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.UNKNOWN  # it may yet be reorganised
    live.vm.mine(FINAL)
    silent = SolanaNode(BentRpc(live.vm.rpc, getSignaturesForAddress=lambda *_: no_history()))
    with pytest.raises(NodeUnavailable, match="history"):
        attempt_finality(silent, signed.txid, signed.conflict_key)
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.DEAD
    assert live.reader.finality(rival.txid, rival.conflict_key) is Finality.FINAL


def no_history():
    raise NodeUnavailable("the history is not served")


def test_a12_nonce_advanced_by_hand_is_no_proof_of_death(live):
    plan = live.plan(live.intent(BOB.text, SOL, number=5))
    signed = live.complete(plan)
    send(live.vm, live.fee_payer, [instructions.advance_nonce(plan.nonce.account, live.fee_payer.text)])
    live.vm.mine(FINAL)
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.UNKNOWN  # for people to look at


def test_a12_lagging_node_makes_a_broadcast_uncertain_not_refused(live):
    signed = live.complete(live.plan(live.intent(BOB.text, SOL, number=6)))
    stale = {"code": -32002, "message": "Transaction simulation failed: BlockhashNotFound"}

    def lag(*_):
        raise NodeError("lagging", rpc_code=stale["code"], rpc_message=stale["message"])

    with pytest.raises(NodeUnavailable, match="does not know the nonce"):
        SplBroadcaster(SolanaNode(BentRpc(live.vm.rpc, sendTransaction=lag))).broadcast(signed)
    assert live.broadcaster.broadcast(signed) == signed.txid
    live.vm.mine(FINAL)


def test_answer_lost_after_sending_is_settled_by_asking_again(live):
    signed = live.complete(live.plan(live.intent(BOB.text, SOL, number=7)))

    def lose(*params):
        live.vm.rpc.call("sendTransaction", *params)
        raise NodeUnavailable("no answer")

    before = live.lamports(BOB.text)
    with pytest.raises(NodeUnavailable):
        SplBroadcaster(SolanaNode(BentRpc(live.vm.rpc, sendTransaction=lose))).broadcast(signed)
    assert live.broadcaster.broadcast(signed) == signed.txid
    assert live.lamports(BOB.text) == before + SOL
    live.vm.mine(FINAL)


def test_node_that_answers_with_another_id_is_not_believed(live):
    signed = live.complete(live.plan(live.intent(BOB.text, SOL, number=8)))
    liar = SplBroadcaster(SolanaNode(BentRpc(live.vm.rpc, sendTransaction="1" * 88)))
    with pytest.raises(NodeUnavailable, match="answers with id"):
        liar.broadcast(signed)


def test_reorg_puts_a_mined_payment_back_and_the_same_bytes_land_again(live):
    signed = live.complete(live.plan(live.intent(BOB.text, SOL, number=9)))
    before = live.lamports(BOB.text)
    live.broadcaster.broadcast(signed)
    live.vm.mine(2)
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.MINED
    assert signed.txid in live.vm.reorg(2)
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.UNKNOWN
    assert live.lamports(BOB.text) == before
    live.broadcaster.broadcast(signed)
    live.vm.mine(FINAL)
    assert live.reader.finality(signed.txid, signed.conflict_key) is Finality.FINAL
    assert live.lamports(BOB.text) == before + SOL
    assert live.reader.balance(live.wallet.receive_address(LOCAL.native), LOCAL.native).units > 0
