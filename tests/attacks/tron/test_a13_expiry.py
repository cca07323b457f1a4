# A13: the node does not answer, forgets or lies. An attempt is dead only when the solidified chain proves it.
import pytest
from simulators.tron import BOB, COIN, SOLID, make_intent

from custody.chains.tron.broadcaster import TronNodeRefuses
from custody.chains.tron.node import TronNode
from custody.chains.tron.params import LOCAL
from custody.chains.tron.reader import TronReader
from custody.primitives.chain import Finality
from custody.primitives.errors import NodeUnavailable

pytestmark = pytest.mark.node

EXPIRED = 21  # blocks of three seconds after which a minute has passed


class BentHttp:
    # A node that lies or is behind: answers of named paths are changed, all others are real.
    def __init__(self, http, **answers):
        self.http, self.answers = http, answers

    def ask(self, path, **fields):
        real = self.http.ask(path, **fields)
        bent = self.answers.get(path.strip("/").replace("/", "_"))
        return bent(real, fields) if bent else real


def bent(house, **answers):
    return TronNode(BentHttp(house.simulator.http, **answers), LOCAL)


def test_a13_an_unanswered_payment_lives_until_its_expiration_is_solidified(house):
    plan = house.plan()
    signed = house.signed(plan)
    house.simulator.fault(silent=True)
    with pytest.raises(NodeUnavailable):
        house.broadcaster.broadcast(signed)
    with pytest.raises(NodeUnavailable):
        house.finality(signed)
    house.simulator.fault(silent=False)
    house.simulator.mine(EXPIRED)  # the newest block is past the expiration, the solidified one is not
    assert house.node.solid_head().time_ms <= plan.payment.window.expiration_ms < house.node.head().time_ms
    assert house.finality(signed) is Finality.UNKNOWN
    house.simulator.mine(SOLID)
    assert house.finality(signed) is Finality.DEAD
    with pytest.raises(TronNodeRefuses, match="TRANSACTION_EXPIRATION_ERROR"):
        house.broadcaster.broadcast(signed)


def test_a13_a_lost_answer_is_found_and_pays_once(house):
    before, signed = house.sun(BOB), house.signed(house.plan(make_intent(BOB, COIN)))
    house.simulator.fault(answers_to_lose=1)
    with pytest.raises(NodeUnavailable):
        house.broadcaster.broadcast(signed)
    assert house.finality(signed) is Finality.PENDING
    assert house.broadcaster.broadcast(signed) == signed.txid
    house.simulator.mine(EXPIRED + SOLID)
    assert house.finality(signed) is Finality.FINAL
    assert house.sun(BOB) == before + COIN


def test_a13_a_payment_in_the_last_possible_block_is_not_dead(house):
    signed = house.signed(house.plan(make_intent(BOB, COIN)))
    house.simulator.mine(EXPIRED - 2)
    house.broadcaster.broadcast(signed)
    house.simulator.mine(1 + SOLID + EXPIRED)
    assert house.finality(signed) is Finality.FINAL


def test_a13_a_forgotten_payment_is_unknown_and_the_same_bytes_still_pay(house):
    signed = house.pay(make_intent(BOB, COIN))
    assert house.simulator.forget() == [signed.txid]
    assert house.finality(signed) is Finality.UNKNOWN
    house.broadcaster.broadcast(signed)
    house.simulator.mine(1 + SOLID)
    assert house.finality(signed) is Finality.FINAL


# A light node without an index answers "not found" to every id: the blocks themselves are asked.
def test_a13_a_node_without_an_index_kills_no_payment_that_is_in_a_block(house):
    signed = house.pay()
    house.simulator.mine(EXPIRED + 2 * SOLID)
    blind = {
        "wallet_gettransactioninfobyid": lambda *_: {},
        "walletsolidity_gettransactioninfobyid": lambda *_: {},
        "wallet_gettransactionfrompending": lambda *_: {},
    }
    assert TronReader(house.wallet, bent(house, **blind)).finality(signed.txid, signed.conflict_key) is Finality.UNKNOWN


def test_a13_a_gap_in_the_blocks_proves_nothing(house):
    signed = house.signed(house.plan())
    house.simulator.mine(EXPIRED + 2 * SOLID)
    gap = bent(house, wallet_getblockbylimitnext=lambda real, _: {"block": [*real["block"][:3], *real["block"][4:]]})
    with pytest.raises(NodeUnavailable, match="not complete"):
        TronReader(house.wallet, gap).finality(signed.txid, signed.conflict_key)

    def unlinked(real, _):
        real["block"][3]["block_header"]["raw_data"]["parentHash"] = "ab" * 32
        return real

    with pytest.raises(NodeUnavailable, match="does not follow"):
        TronReader(house.wallet, bent(house, wallet_getblockbylimitnext=unlinked)).finality(
            signed.txid, signed.conflict_key
        )


def test_a13_a_node_that_hides_the_payment_is_overruled_by_an_honest_one(house):
    signed = house.pay()
    house.simulator.mine(EXPIRED + 2 * SOLID)

    def hidden(real, _):
        for block in real.get("block", [real]):
            block.pop("transactions", None)
        return real

    lies = {
        "wallet_gettransactioninfobyid": lambda *_: {},
        "walletsolidity_gettransactioninfobyid": lambda *_: {},
        "wallet_gettransactionfrompending": lambda *_: {},
        "wallet_getblockbylimitnext": hidden,
    }
    liar = bent(house, **lies)
    both = TronReader(house.wallet, liar, (house.node,))
    assert both.finality(signed.txid, signed.conflict_key) is Finality.UNKNOWN


def test_a13_a_node_that_is_behind_proves_nothing(house):
    signed = house.signed(house.plan())
    old = house.simulator.http.ask("/walletsolidity/getnowblock")
    house.simulator.mine(EXPIRED + 2 * SOLID)
    behind = bent(house, walletsolidity_getnowblock=lambda *_: old)
    assert TronReader(house.wallet, behind).finality(signed.txid, signed.conflict_key) is Finality.UNKNOWN
    assert house.finality(signed) is Finality.DEAD


def test_a13_a_dead_attempt_can_be_paid_again_and_only_the_second_pays(house):
    before = house.sun(BOB)
    first = house.signed(house.plan(make_intent(BOB, COIN)))
    house.simulator.mine(EXPIRED + 2 * SOLID)
    assert house.finality(first) is Finality.DEAD
    second = house.pay(make_intent(BOB, COIN))
    with pytest.raises(TronNodeRefuses):
        house.broadcaster.broadcast(first)
    house.simulator.mine(1 + SOLID)
    assert (house.finality(first), house.finality(second)) == (Finality.DEAD, Finality.FINAL)
    assert house.sun(BOB) == before + COIN


def test_a13_a_busy_node_is_asked_again_later(house):
    signed = house.signed(house.plan())
    busy = {"result": False, "code": "SERVER_BUSY", "message": "Server busy.", "txid": signed.txid}
    house.simulator.fault(lies={"/wallet/broadcasthex": busy})
    with pytest.raises(NodeUnavailable, match="SERVER_BUSY"):
        house.broadcaster.broadcast(signed)
    house.simulator.fault(lies={"/wallet/broadcasthex": {"result": True, "txid": "00" * 32}})
    with pytest.raises(NodeUnavailable, match="answers with id"):
        house.broadcaster.broadcast(signed)
    house.simulator.fault(lies={})
    assert house.broadcaster.broadcast(signed) == signed.txid
