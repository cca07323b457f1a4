"""A11, E05 at the Safe itself, on anvil: somebody with the owners' keys executes what is no payment of ours."""

from types import SimpleNamespace

import pytest
from simulators.anvil import ETH, make_intent, running_house

from custody.monitor.breaker import FileBreaker
from custody.primitives.amount import Amount
from custody.primitives.errors import NodeUnavailable
from custody.withdrawals.states import LIVE_PAYMENTS, PaymentState
from exchange.app.evm_safe_counter import SafeCounter
from exchange.app.watching import AlarmRaised
from exchange.app.watching_lanes import BlockWatch

pytestmark = pytest.mark.node

ALICE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running_house(tmp_path_factory.mktemp("anvil")) as house:
        yield house


class Room:
    """One Safe, the records of its payments (a simulator of the store), and the monitor over both."""

    def __init__(self, house, folder):
        self.house, self.records = house, {}
        self.breaker = FileBreaker(folder / "breaker.json")
        self.counter = SafeCounter(house.reader, self)
        self.watch = BlockWatch(house.reader.tip, [self.counter.read], self.breaker)

    def payments(self, states, chain):
        return [each for each in self.records.values() if each.state in states]

    def plan(self, name, units=5):
        held = {name for each in self.payments(LIVE_PAYMENTS, None) for name in each.names}
        return self.house.plan(make_intent(ALICE, Amount(units, ETH), name=name), reserved=frozenset(held))

    def open(self, name, state=PaymentState.IN_FLIGHT):
        plan = self.plan(name)
        signed = self.house.sign(plan)
        names = self.house.codec.reservations(plan)
        self.records[name] = SimpleNamespace(
            state=state, conflict_key=signed.conflict_key, wallet_id=self.house.wallet.id, names=names
        )
        return signed

    def send(self, signed):
        self.house.broadcaster.broadcast(signed)
        self.house.wait(signed.txid)

    def bury(self):
        self.house.anvil.mine(self.house.reader.chain.final_depth)


@pytest.fixture
def room(shared, tmp_path):
    with shared.undone():
        yield Room(shared, tmp_path)


def test_e05_an_execution_that_is_no_payment_of_ours_stops_the_lane_once_final_and_stays_found(room):
    room.send(room.open("w-1"))
    room.records["w-1"].state = PaymentState.FINAL
    room.watch.step()
    room.send(room.house.sign(room.plan("foreign", units=7)))
    room.watch.step()  # not final: it may still be reorganised away
    room.bury()
    for _ in range(2):
        with pytest.raises(AlarmRaised, match="counter 1 was used and no payment holds it"):
            room.watch.step()
        room.house.anvil.mine(1)
    scope = f"lane:{room.house.wallet.id}"
    assert room.breaker.open_scopes().keys() == {scope}
    assert max(SafeCounter(room.house.reader, room).read().used) == 0  # after a restart, too


def test_a11_another_execution_at_the_nonce_of_our_payment_is_foreign_use(room):
    room.open("w-1")  # signed, and never mined
    room.watch.step()
    plan = room.house.plan(make_intent(ALICE, Amount(9, ETH), name="foreign"))
    room.send(room.house.sign(plan))
    room.bury()
    with pytest.raises(AlarmRaised, match="counter 0 was used"):
        room.watch.step()


def test_our_payments_and_the_rejection_of_one_are_ours(room):
    room.watch.step()
    room.send(room.open("w-1"))
    room.bury()
    room.watch.step()
    room.records["w-1"].state = PaymentState.FINAL
    room.open("w-2")
    rejection = room.house.codec.reject(1, room.house.reader.sender(frozenset()))
    room.send(room.house.sign(rejection))
    room.bury()
    room.watch.step()
    room.records["w-2"].state = PaymentState.VOID
    room.send(room.open("w-3"))
    room.bury()
    room.watch.step()
    assert room.breaker.open_scopes() == {}
    assert SafeCounter(room.house.reader, room).read().next_on_chain == 3


def test_e05_a_payment_behind_a_nonce_that_nobody_holds_is_an_alarm_and_stops_nothing(room):
    room.open("w-1")
    room.open("w-2")
    del room.records["w-1"]
    with pytest.raises(AlarmRaised, match="counter 0 is free below a waiting payment"):
        room.watch.step()
    assert room.breaker.open_scopes() == {}


def test_an_execution_that_the_node_does_not_show_proves_nothing(room, monkeypatch):
    room.send(room.open("w-1"))
    room.bury()
    monkeypatch.setattr(type(room.house.anvil.node), "logs", lambda *_: ())
    with pytest.raises(NodeUnavailable, match="nonce 0 is not found"):
        room.watch.step()
    monkeypatch.undo()
    room.watch.step()
