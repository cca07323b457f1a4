# A14: a provisional result, a lagging node or a gap in its history never decides; only validated ledgers do. SIMULATOR.
import pytest
from simulators.xrpl import XRP, Key

from custody.chains.xrpl.params import LOCAL, MAX_LIFE_LEDGERS
from custody.nodes.jsonrpc import NodeError
from custody.primitives.chain import Finality
from custody.primitives.errors import NodeUnavailable

pytestmark = pytest.mark.node
BOB = Key("bob").account


def signed_payment(live, number=1):
    return live.complete(live.plan(live.intent(BOB, XRP, number=number)))


@pytest.mark.parametrize("lie", ["tefPAST_SEQ", "tefNO_TICKET", "terPRE_TICKET", "tefMAX_LEDGER"])
def test_a14_provisional_refusal_that_is_validated_later_is_a_payment(live, sim, lie):
    signed, before = signed_payment(live), live.drops(BOB)
    sim.fault(lies=[lie])
    assert live.broadcaster.broadcast(signed) == signed.txid  # the node has it, whatever it said first
    assert live.finality(signed) is Finality.PENDING
    sim.mine()
    assert live.finality(signed) is Finality.FINAL
    assert live.drops(BOB) == before + XRP


@pytest.mark.parametrize("lie", ["tecPATH_DRY", "tecUNFUNDED_PAYMENT"])
def test_a14_provisional_claimed_fee_is_no_failure(live, sim, lie):
    signed = signed_payment(live)
    sim.fault(lies=[lie])
    live.broadcaster.broadcast(signed)
    assert live.finality(signed) is Finality.PENDING
    sim.mine()
    assert live.finality(signed) is Finality.FINAL


@pytest.mark.parametrize("lie", ["tefPAST_SEQ", "tefFAILURE", "terRETRY", "telCAN_NOT_QUEUE", "somethingNew"])
def test_a14_refusal_of_what_the_node_forgot_leaves_the_outcome_open(live, sim, lie):
    signed = signed_payment(live)
    sim.fault(dropped=1, lies=[lie])
    with pytest.raises(NodeUnavailable):
        live.broadcaster.broadcast(signed)
    assert live.finality(signed) is Finality.UNKNOWN
    sim.mine()
    assert live.broadcaster.broadcast(signed) == signed.txid  # the same bytes again
    sim.mine()
    assert live.finality(signed) is Finality.FINAL


def test_a14_gap_in_the_history_hides_a_payment_and_nothing_is_dead(live, sim):
    signed = signed_payment(live)
    live.broadcaster.broadcast(signed)
    sim.mine()
    paid_in = live.reader.tip().height
    live.expire()
    sim.fault(gap=[paid_in, paid_in])
    try:
        assert live.finality(signed) is Finality.UNKNOWN
    finally:
        sim.fault(gap=None)
    assert live.finality(signed) is Finality.FINAL


def test_a14_gap_anywhere_in_the_searched_ledgers_is_no_proof_of_absence(live, sim):
    sim.mine(MAX_LIFE_LEDGERS)
    signed = signed_payment(live)
    live.expire()
    last = int(signed.conflict_key.rpartition(":")[2])
    for missing in (last, last - LOCAL.life_ledgers, last - MAX_LIFE_LEDGERS):
        sim.fault(gap=[missing, missing])
        assert live.finality(signed) is Finality.UNKNOWN
    sim.fault(gap=None)
    assert live.finality(signed) is Finality.DEAD


def test_a14_node_that_claims_to_have_searched_all_is_not_believed_over_its_own_ranges(live, sim):
    signed = signed_payment(live)
    live.expire()
    real = live.node._caller

    class Boasting:
        # Says "searched all", though its ranges have a hole.
        def call(self, method, **fields):
            answer = real.call(method, **fields)
            if method == "server_state":
                newest = answer["state"]["validated_ledger"]["seq"]
                answer["state"]["complete_ledgers"] = f"{newest - 1}-{newest}"
            return answer

    live.node._caller = Boasting()
    try:
        assert live.finality(signed) is Finality.UNKNOWN
    finally:
        live.node._caller = real
    assert live.finality(signed) is Finality.DEAD


def test_a14_lagging_validation_keeps_an_expired_payment_open(live, sim):
    signed = signed_payment(live)
    sim.mine(LOCAL.life_ledgers - 1)
    live.broadcaster.broadcast(signed)  # in time for its last ledger
    sim.fault(lag=5)
    try:
        sim.mine(3)
        assert live.finality(signed) is not Finality.DEAD
    finally:
        sim.fault(lag=0)
    assert live.finality(signed) is Finality.FINAL


def test_a14_same_payment_under_other_members_signatures_is_never_dead(live, sim):
    # Three members signed, which happens when one answers late. Whoever holds the third signature can send the same
    # payment under another hash: ours is then nowhere to be found, and it was paid all the same.
    plan = live.plan(live.intent(BOB, XRP))
    ours, theirs = live.complete(plan, (0, 1)), live.complete(plan, (0, 2))
    assert ours.txid != theirs.txid
    before = live.drops(BOB)
    live.broadcaster.broadcast(theirs)
    live.expire()
    assert live.drops(BOB) == before + XRP
    assert live.finality(ours) is Finality.UNKNOWN
    assert live.finality(theirs) is Finality.FINAL


def test_a14_result_that_no_validated_transaction_has_is_no_answer(live, sim):
    signed = signed_payment(live)
    live.broadcaster.broadcast(signed)
    sim.mine()
    real = live.node._caller

    class Lying:
        def call(self, method, **fields):
            answer = real.call(method, **fields)
            if method == "tx":
                answer["meta"]["TransactionResult"] = "tefPAST_SEQ"
            return answer

    live.node._caller = Lying()
    try:
        with pytest.raises(NodeUnavailable, match="no result"):
            live.finality(signed)
    finally:
        live.node._caller = real


def test_a14_search_that_was_not_complete_is_not_believed_though_the_node_names_every_ledger(live, sim):
    signed = signed_payment(live)
    live.expire()
    real = live.node._caller

    class Partial:
        # Its ranges are whole, its index of transactions is not.
        def call(self, method, **fields):
            try:
                return real.call(method, **fields)
            except NodeError as error:
                raise NodeError(
                    error.message,
                    rpc_code=error.rpc_code,
                    rpc_message=error.rpc_message,
                    data=error.data.replace("true", "false"),
                ) from error

    live.node._caller = Partial()
    try:
        assert live.finality(signed) is Finality.UNKNOWN
    finally:
        live.node._caller = real
    assert live.finality(signed) is Finality.DEAD
