# Child pays for parent on Bitcoin Knots and Litecoin Core: the payment's own change lifts it, once, and pays nobody.
# Chain, codec, stores and decoders are real; ledger and the signers' memories are simulated.
from dataclasses import replace

import pytest
from simulators.bitcoin import KINDS, utxo_node  # noqa: F401 - one is a fixture
from simulators.utxo_room import UtxoRoom

from custody.chains.utxo.broadcaster import TxRejected
from custody.monitor.breaker import FileBreaker
from custody.primitives.asset import AssetBook
from custody.primitives.chain import Finality
from custody.store.sweeps import SqlSweepStore
from custody.wallets.sweep import SweepState
from custody.withdrawals.bumping import NO_BUMP_LEFT
from custody.withdrawals.errors import WithdrawalsFrozen
from custody.withdrawals.states import PaymentState, WithdrawalState
from exchange.app.chain_parts import Records
from exchange.app.utxo_children import ChildPayer
from exchange.app.utxo_gathering import CoinGatherer

WAIT_S = 1_200
FIXED_IDS = [kind for kind in KINDS if not kind.params.is_malleable]
pytestmark = [
    pytest.mark.node,
    pytest.mark.parametrize("utxo_node", FIXED_IDS, indirect=True, ids=lambda kind: kind.name),
]


class Stuck:
    """A room with a payment in the pool that no replacement can raise any further."""

    def __init__(self, kind, node, folder):
        self.room = UtxoRoom(kind=kind, node=node, bump_after_ms=WAIT_S * 1000, max_bumps=0)
        self.to = kind.foreign()
        self.id = self.room.sent(60_000_000 * kind.unit, self.to)
        self.breaker = FileBreaker(folder / "breaker.json")
        self.moves = SqlSweepStore(self.room.engine, AssetBook([self.room.asset]))
        (self.lane,) = self.room.parts.lanes
        self.payer = ChildPayer(self.lane, self.room.live.reader, (self.room.store, self.moves), self.breaker)

    def gatherer(self):
        """Of the same wallet, over the same records; it finds no small coins."""
        wallet, reader = self.room.live.wallet, self.room.live.reader
        records = Records(self.room.store, self.moves, None, None)
        return CoinGatherer(self.lane, wallet, records, lambda taken: replace(reader.small_coins(taken), coins=()))

    def wait(self):
        self.room.now_s += WAIT_S
        self.room.step()

    def children(self, *states):
        return self.moves.sweeps(self.room.kind.params.chain, states or tuple(SweepState))

    def pool(self):
        return set(self.room.node.rpc.call("getrawmempool"))


@pytest.fixture
def stuck(utxo_node, tmp_path):  # noqa: F811
    kind, node = utxo_node
    return Stuck(kind, node, tmp_path)


def test_makes_no_child_as_long_as_a_replacement_may_help(stuck):
    stuck.payer.step()
    assert stuck.children() == []


def test_signs_nothing_while_the_breaker_is_open(stuck):
    stuck.wait()
    stuck.breaker.open(f"lane:{stuck.lane.wallet_id}", "on purpose")
    asked = [signer.asked for signer in stuck.room.signers]
    with pytest.raises(WithdrawalsFrozen):
        stuck.payer.step()
    assert [signer.asked for signer in stuck.room.signers] == asked


def test_a_child_lifts_its_parent_and_both_are_mined_once(stuck):
    room = stuck.room
    stuck.wait()
    assert room.payment_of(stuck.id).note.startswith(NO_BUMP_LEFT)
    (parent,) = room.attempts_of(stuck.id)
    for _ in range(3):
        stuck.payer.step()
    (child,) = stuck.children(SweepState.STORED)
    assert stuck.pool() == {parent.signed.txid, child.tx.txid}
    entry = room.node.rpc.call("getmempoolentry", child.tx.txid)
    assert (entry["ancestorcount"], entry["depends"]) == (2, [parent.signed.txid])
    assert child.tx.conflict_key.split(":")[2] == parent.signed.txid
    before = parent.signed.fee_max.units / room.node.rpc.call("getmempoolentry", parent.signed.txid)["vsize"]
    paid = parent.signed.fee_max.units + child.tx.fee_max.units
    assert paid / entry["ancestorsize"] > 1.2 * before
    room.mine(room.kind.params.chain.final_depth)
    room.step()
    stuck.payer.step()
    assert room.state(stuck.id) is WithdrawalState.SETTLED
    assert room.got(stuck.to) == [60_000_000 * room.kind.unit]
    (ended,) = stuck.children(SweepState.FINAL)
    assert ended.fee == child.tx.fee_max


def test_a_child_dies_with_its_parent_and_nothing_of_it_is_paid_again(stuck, monkeypatch):
    room = stuck.room
    stuck.wait()
    stuck.payer.step()
    (child,), (parent,) = stuck.children(SweepState.STORED), room.attempts_of(stuck.id)
    plan = room.codec.decode(parent.plan)
    other = room.codec.plan(
        [room.kind.intent(55_000_000)], type(room.live.reader.spendable(frozenset()))(plan.inputs, 300_000, 9), ()
    )
    signed = room.codec.assemble(other, room.live.sign(other, 0, 2))
    room.node.rpc.call("generateblock", room.node.rpc.call("deriveaddresses", _anyones(room))[0], [signed.raw.hex()])
    assert room.live.reader.finality(child.tx.txid, child.tx.conflict_key) is Finality.UNKNOWN
    with pytest.raises(TxRejected, match=r"missing|Missing"):
        stuck.payer.step()  # it is sent again as long as its parent may come back
    stuck.gatherer().step()  # who gathers small coins knows nothing of parents, and sends no child
    room.mine(room.kind.params.chain.final_depth)
    room.step()
    assert (room.state(stuck.id), room.payment_of(stuck.id).state) == (WithdrawalState.REFUNDED, PaymentState.VOID)
    stuck.payer.step()
    assert [each.state for each in stuck.children()] == [SweepState.DEAD]
    assert (room.got(stuck.to), room.ledger.held()) == ([], 0)


def _anyones(room):
    return room.node.rpc.call("getdescriptorinfo", f"addr({room.kind.foreign()})")["descriptor"]
