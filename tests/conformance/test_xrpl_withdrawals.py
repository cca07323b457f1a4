# The real withdrawal pipeline over the XRP Ledger SIMULATOR: whatever a node says first, nobody is paid twice.
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from simulators.gates import SEALS, open_gates
from simulators.ledger import SimLedger
from simulators.withdrawal_house import House as Withdrawals
from simulators.withdrawal_house import house_policy
from simulators.xrpl import XRP, Key, LiveHouse

from custody.chains.xrpl.codec import InvalidTag
from custody.chains.xrpl.destination import DestinationRefuses
from custody.chains.xrpl.params import LOCAL
from custody.devnet.xrpl_simulator import XrplSimulator
from custody.keys.material import Signature
from custody.primitives.amount import Amount
from custody.primitives.asset import AssetBook
from custody.primitives.errors import NodeUnavailable
from custody.primitives.ids import CustomerId, IdempotencyKey
from custody.store.database import open_database
from custody.store.withdrawals import SqlWithdrawalStore
from custody.withdrawals.facts import Tier
from custody.withdrawals.lanes import Lane, Lanes, Member
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.pipeline import Pipeline
from custody.withdrawals.request import Bounds, WithdrawalRequest
from custody.withdrawals.service import ServiceParts, WithdrawalService
from custody.withdrawals.states import WithdrawalState

pytestmark = pytest.mark.node
BOB, FUNDS = Key("bob").account, 1_000 * XRP


class DecodingSigner:
    # Signs what its own decoder reads as exactly the payments asked for, tags included.
    def __init__(self, house, key):
        self.name, self.key, self.decoder = key.account, key, house.decoder(key)

    def public_keys(self, chain, wallet_id):
        return (self.key.public,)

    def sign(self, request):
        read = self.decoder.understand(request.payload, request.role)
        done = list(read.summary.payments())
        assert done == [(each.to, each.amount, each.memo) for each in request.intents]
        return tuple(Signature(self.key.public, 0, self.key.sign(item.message)) for item in read.to_sign)

    def tombstone(self, withdrawal_id):
        pass

    def releases(self, after):
        return ()  # it keeps no memory, so nothing is known to be on its way when a pipeline starts


class XrplWithdrawals(Withdrawals):
    def __init__(self, live):
        self.live, self.ledger = live, SimLedger({"alice": FUNDS})
        super().__init__(policy=replace(house_policy(), fee_caps={LOCAL.chain.id: 1_000}))

    def __post_init__(self):
        self.engine = open_database("sqlite://")
        assets, native = AssetBook([LOCAL.native]), LOCAL.native
        self.store = SqlWithdrawalStore(self.engine, assets, SEALS)
        members = tuple(Member(DecodingSigner(self.live, key), key.public) for key in self.live.members)
        broadcasters = (self.live.broadcaster,)
        reader, codec = self.live.reader, self.live.codec
        lane = Lane(self.live.wallet.id, Tier.HOT, native, codec, reader, broadcasters, members, 2, destinations=reader)
        lanes = Lanes([lane])
        bounds = {"XRP": Bounds(Amount(1, native), Amount(10**12, native))}
        self.service = WithdrawalService(ServiceParts(self.store, self.ledger, self, assets, lanes, bounds))
        clock = lambda: self.now_s * 1000  # noqa: E731
        gates, _ = open_gates(self)
        self.parts = PipelineParts(self.store, self.ledger, self, self, self, self, lanes, clock, gates=gates)
        self.pipeline = Pipeline(self.parts)

    def ask(self, drops=XRP, memo="777", key="key-1", to=BOB):
        text = Amount(drops, LOCAL.native).text()
        asked = WithdrawalRequest(CustomerId("alice"), "XRP", to, text, memo, IdempotencyKey(key))
        return self.service.request(asked, self.now_s * 1000).id

    def run(self, rounds=6):
        for _ in range(rounds):
            self.now_s += 1
            self.step()
            self.live.sim.mine()


@pytest.fixture(scope="module")
def sim():
    with TemporaryDirectory() as folder, XrplSimulator.start(Path(folder), ledger_ms=0) as running:
        running.fund(BOB, 100 * XRP)
        yield running


@pytest.fixture
def live(sim, request):
    return LiveHouse(sim, request.node.name)


@pytest.fixture
def rooms(live):
    return XrplWithdrawals(live)


def test_what_the_ledger_would_not_deliver_is_refused_before_anything_is_held(rooms, live, sim):
    wants_tag, nobody = LiveHouse(sim, "wants a tag").wallet.account, Key("nobody here").account
    with pytest.raises(InvalidTag):
        rooms.ask(memo="007")
    with pytest.raises(DestinationRefuses, match="with a destination tag only"):
        rooms.ask(to=wants_tag, memo="")
    with pytest.raises(DestinationRefuses, match="at least 1000000 drops"):
        rooms.ask(to=nobody, drops=XRP - 1)
    assert rooms.ledger.held() == 0
    assert rooms.state(rooms.ask(to=wants_tag, memo="98")) is WithdrawalState.HELD
    assert rooms.state(rooms.ask(to=nobody, drops=XRP, key="key-2")) is WithdrawalState.HELD


# The ledger changed, or the node was down, between the request and the plan.
def test_what_the_ledger_would_not_deliver_is_asked_again_and_rejected_before_it_is_planned(rooms, live, sim):
    before = live.drops(live.wallet.account)
    late = LiveHouse(sim, "wants a tag later").wallet.account
    node = rooms.parts.lanes.any_on(LOCAL.chain.id).destinations._node
    node_call, down = node.account, NodeUnavailable("down")

    def silent(*_):
        raise down

    node.account = silent
    asked = rooms.ask(to=late, memo="")
    assert rooms.state(asked) is WithdrawalState.HELD
    rooms.run(2)
    assert rooms.state(asked) is WithdrawalState.APPROVED
    node.account = node_call
    rooms.run(2)
    ended = rooms.service.get(asked)
    assert (ended.state, "with a destination tag only" in ended.reason) == (WithdrawalState.REJECTED, True)
    assert live.drops(live.wallet.account) == before
    assert rooms.ledger.available["alice"] == FUNDS


@pytest.mark.parametrize(
    "fault", [{"lies": ["tefPAST_SEQ"]}, {"lies": ["tecPATH_DRY"]}, {"lost_answers": 1}, {"dropped": 1}, {}]
)
def test_withdrawal_is_paid_once_whatever_the_node_says_first(rooms, live, sim, fault):
    before = live.drops(BOB)
    asked = rooms.ask()
    sim.fault(**fault)
    rooms.run(12)
    assert rooms.state(asked) is WithdrawalState.SETTLED
    assert live.drops(BOB) == before + XRP
    assert rooms.ledger.paid_out == XRP


def test_several_withdrawals_are_in_flight_at_once(rooms, live):
    before = live.drops(BOB)
    asked = [rooms.ask(drops=XRP * n, key=f"key-{n}") for n in (1, 2, 3)]
    rooms.run(12)
    assert {rooms.state(each) for each in asked} == {WithdrawalState.SETTLED}
    assert live.drops(BOB) == before + 6 * XRP
    assert live.reader.spendable(frozenset()).held_tickets == 1


def test_withdrawal_that_expired_unseen_is_refunded_once_and_not_paid(rooms, live, sim):
    before, real = live.drops(BOB), live.broadcaster.broadcast
    lane = rooms.parts.lanes.any_on(LOCAL.chain.id)
    lane.broadcasters[0].broadcast = lambda tx: tx.txid  # a node that acknowledges and forgets, every time
    asked = rooms.ask()
    rooms.run(4)
    assert rooms.state(asked) is WithdrawalState.BROADCAST
    sim.mine(LOCAL.life_ledgers)
    lane.broadcasters[0].broadcast = real
    rooms.run(4)
    assert rooms.state(asked) is WithdrawalState.REFUNDED
    assert live.drops(BOB) == before
    assert rooms.ledger.available["alice"] == FUNDS
