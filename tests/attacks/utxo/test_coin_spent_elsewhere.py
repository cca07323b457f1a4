# A11 on every network of the family: the coin of a payment is spent by somebody else who has the keys. The node of
# Dogecoin is a simulator; ledger and signers' memories are simulated everywhere.
import pytest
from simulators.bitcoin import KINDS, utxo_node  # noqa: F401 - one is a fixture
from simulators.utxo_room import UtxoRoom

from custody.chains.utxo.finality import attempt_finality
from custody.primitives.chain import Finality
from custody.primitives.errors import NodeUnavailable
from custody.withdrawals.states import PaymentState, WithdrawalState

pytestmark = pytest.mark.node


@pytest.fixture
def room(utxo_node):  # noqa: F811
    kind, node = utxo_node
    return UtxoRoom(kind=kind, node=node)


def unsent(room, monkeypatch):
    # Signed, stored, and not relayed: the node is silent whenever bytes come.
    to = room.kind.foreign()
    with monkeypatch.context() as silent:
        silent.setattr(type(room.live.broadcaster), "broadcast", _silence)
        withdrawal_id = room.sent(60_000_000 * room.kind.unit, to)
    assert room.state(withdrawal_id) is WithdrawalState.BROADCASTING
    return withdrawal_id, to


def _silence(broadcaster, tx):
    raise NodeUnavailable("no answer")


def spend_elsewhere(room, withdrawal_id):
    # The same coins, to another place: signed with the members' keys, past their memories.
    (attempt,) = room.attempts_of(withdrawal_id)
    plan = room.codec.decode(attempt.plan)
    other = room.codec.plan([room.kind.intent(55_000_000)], _coins_of(room, plan), ())
    assert set(other.inputs) == set(plan.inputs)
    room.live.broadcaster.broadcast(room.codec.assemble(other, room.live.sign(other, 0, 2)))


def _coins_of(room, plan):
    found = room.live.reader.spendable(frozenset())
    return type(found)(plan.inputs, found.fee_sat_per_kvb, found.change_index)


def test_a11_a_coin_spent_elsewhere_ends_in_a_refund_once_that_is_final(room, monkeypatch):
    withdrawal_id, to = unsent(room, monkeypatch)
    held = room.ledger.held()
    spend_elsewhere(room, withdrawal_id)
    room.mine(room.kind.params.chain.final_depth - 1)
    assert room.state(withdrawal_id) is WithdrawalState.BROADCASTING
    assert room.ledger.held() == held > 0
    room.mine(1)
    assert room.state(withdrawal_id) is WithdrawalState.REFUNDED
    assert room.payment_of(withdrawal_id).state is PaymentState.VOID
    room.step()
    assert (room.ledger.held(), room.got(to)) == (0, [])


@pytest.mark.parametrize("utxo_node", [k for k in KINDS if k.params.is_malleable], indirect=True, ids=lambda k: k.name)
def test_a07_the_same_payment_signed_by_another_quorum_settles_and_is_never_refunded(room, monkeypatch):
    withdrawal_id, to = unsent(room, monkeypatch)
    (attempt,) = room.attempts_of(withdrawal_id)
    plan = room.codec.decode(attempt.plan)
    again = room.codec.assemble(plan, room.live.sign(plan, 1, 2))
    assert again.txid != attempt.signed.txid
    room.live.broadcaster.broadcast(again)
    room.mine(room.kind.params.chain.final_depth)
    room.step()
    assert room.state(withdrawal_id) is WithdrawalState.SETTLED
    assert room.got(to) == [60_000_000 * room.kind.unit]


@pytest.mark.parametrize("utxo_node", [k for k in KINDS if k.params.is_malleable], indirect=True, ids=lambda k: k.name)
def test_without_the_bytes_nothing_is_called_dead_where_ids_are_malleable(room, monkeypatch):
    withdrawal_id, _ = unsent(room, monkeypatch)
    (attempt,) = room.attempts_of(withdrawal_id)
    spend_elsewhere(room, withdrawal_id)
    room.node.mine(room.kind.params.chain.final_depth)
    signed, params = attempt.signed, room.kind.params
    assert attempt_finality(room.node.node, params, signed.txid, signed.conflict_key) is Finality.UNKNOWN
    assert attempt_finality(room.node.node, params, signed.txid, signed.conflict_key, signed.raw) is Finality.DEAD
