# A13 seen from the withdrawal room: whatever the node does, the customer is paid once or keeps the money.
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from simulators.gates import SEALS, open_gates
from simulators.ledger import SimLedger
from simulators.tron import ALICE, COIN, MEMBERS, SOLID, TRX
from simulators.withdrawal_house import House, house_policy

from custody.keys.quorum import Roster
from custody.primitives.amount import Amount
from custody.primitives.asset import AssetBook
from custody.primitives.chain import Family
from custody.primitives.errors import Conflict, SignerUnavailable
from custody.primitives.ids import CustomerId, IdempotencyKey
from custody.store.database import open_database
from custody.store.withdrawals import SqlWithdrawalStore
from custody.withdrawals.facts import Tier
from custody.withdrawals.lanes import Lane, Lanes, Member
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.pipeline import Pipeline
from custody.withdrawals.request import Bounds, WithdrawalRequest
from custody.withdrawals.service import ServiceParts, WithdrawalService
from custody.withdrawals.states import PaymentState, WithdrawalState

pytestmark = pytest.mark.node

EXPIRED = 21
FEE_CAP = 5 * COIN


class Signer:
    # A holder with the real decoder and the one rule of memory that matters here.
    def __init__(self, house, holder, name):
        self.name, self._holder, self._house = name, holder, house
        self.signed, self.down = {}, False

    def sign(self, asked):
        if self.down:
            raise SignerUnavailable(self.name)
        made = self._holder.sign(self._holder.decoder(self._house.wallet), asked)
        for intent in asked.intents:
            if self.signed.setdefault(intent.withdrawal_id, made) != made:
                raise Conflict("a second attempt for one withdrawal")
        return (made,)

    def tombstone(self, withdrawal_id):
        if withdrawal_id in self.signed:
            raise Conflict(withdrawal_id)

    def releases(self, after):
        return ()  # no database is restored here


@dataclass
class Room(House):
    tron: object = None

    def __post_init__(self):
        self.policy = house_policy(fee_caps={TRX.chain: FEE_CAP})
        self.people = Roster(self.people.members)
        self.ledger = SimLedger({"alice": 100 * COIN})
        self.signers = [Signer(self.tron, holder, f"signer-{n}") for n, holder in enumerate(MEMBERS)]
        assets = AssetBook([TRX])
        self.store = SqlWithdrawalStore(open_database("sqlite://"), assets, SEALS)
        lane = Lane(
            self.tron.wallet.id,
            Tier.HOT,
            TRX,
            self.tron.codec,
            self.tron.reader,
            (self.tron.broadcaster,),
            tuple(Member(signer, holder.key()) for signer, holder in zip(self.signers, MEMBERS, strict=True)),
            2,
        )
        lanes = Lanes([lane])
        bounds = {"TRX": Bounds(Amount(1, TRX), Amount(10**12, TRX))}
        self.service = WithdrawalService(ServiceParts(self.store, self.ledger, self, assets, lanes, bounds))
        clock = SimpleNamespace(now_ms=lambda: self.now_s * 1000)
        self.parts = PipelineParts(
            self.store, self.ledger, self, self, self, self, lanes, clock.now_ms, {Family.TRON: self.batching},
            gates=open_gates(self)[0],
        )  # fmt: skip
        self.pipeline = Pipeline(self.parts)

    def ask_trx(self, units=10 * COIN, key="key-1"):
        text = Amount(units, TRX).text()
        asked = WithdrawalRequest(CustomerId("alice"), "TRX", ALICE, text, "", IdempotencyKey(key))
        return self.service.request(asked, self.now_s * 1000).id

    def run(self, steps=8):
        for _ in range(steps):
            self.now_s += 1
            self.step()

    def attempts(self, withdrawal_id):
        return self.store.attempts(self.service.get(withdrawal_id).payment_id)

    def payment(self, withdrawal_id):
        return self.store.payment(self.service.get(withdrawal_id).payment_id)


@pytest.fixture
def room(house):
    return Room(tron=house)


def test_a13_no_second_transaction_until_the_expiration_is_solidified_and_then_the_money_comes_back(room, house):
    before = house.sun(house.wallet.address.text)
    withdrawal = room.ask_trx()
    lost = {"result": False, "code": "NO_CONNECTION", "message": "No connection."}
    house.simulator.fault(lies={"/wallet/broadcasthex": lost})
    room.run()
    assert room.state(withdrawal) is WithdrawalState.BROADCASTING
    house.simulator.mine(EXPIRED)  # past the expiration at the head, not yet in the solidified view
    room.run()
    assert room.state(withdrawal) is WithdrawalState.BROADCASTING
    assert room.ledger.held() == 10 * COIN
    house.simulator.mine(SOLID)
    house.simulator.fault(lies={})
    room.run()
    assert room.state(withdrawal) is WithdrawalState.REFUNDED
    assert (room.payment(withdrawal).state, len(room.attempts(withdrawal))) == (PaymentState.VOID, 1)
    assert (room.ledger.available["alice"], room.ledger.held()) == (100 * COIN, 0)
    assert house.sun(house.wallet.address.text) == before


def test_a13_a_lost_answer_pays_once_and_settles(room, house):
    withdrawal = room.ask_trx()
    house.simulator.fault(answers_to_lose=1)
    room.run()
    house.simulator.mine(1 + SOLID)
    room.run()
    assert room.state(withdrawal) is WithdrawalState.SETTLED
    assert (house.sun(ALICE), room.ledger.paid_out) == (10 * COIN, 10 * COIN)


def test_a13_a_silent_node_changes_nothing(room, house):
    withdrawal = room.ask_trx()
    house.simulator.fault(silent=True)
    room.run()
    assert room.state(withdrawal) in {WithdrawalState.APPROVED, WithdrawalState.ASSIGNED}
    assert room.ledger.held() == 10 * COIN
    house.simulator.fault(silent=False)
    room.run()
    house.simulator.mine(1 + SOLID)
    room.run()
    assert room.state(withdrawal) is WithdrawalState.SETTLED


# Signers that answer too late sign bytes that nothing takes any more: one attempt, no payment, the money comes back.
def test_a13_signers_that_were_away_for_longer_than_the_expiration_cost_nothing(room, house):
    withdrawal = room.ask_trx()
    for signer in room.signers:
        signer.down = True
    room.run()
    assert room.state(withdrawal) is WithdrawalState.ASSIGNED
    house.simulator.mine(EXPIRED + SOLID)
    for signer in room.signers:
        signer.down = False
    room.now_s += 60
    room.run(12)
    assert room.state(withdrawal) is WithdrawalState.REFUNDED
    assert (house.sun(ALICE), room.ledger.available["alice"]) == (0, 100 * COIN)


def test_two_equal_withdrawals_at_the_same_head_are_two_payments(room, house):
    first, second = room.ask_trx(), room.ask_trx(key="key-2")
    room.run()
    house.simulator.mine(1 + SOLID)
    room.run()
    assert {room.state(each) for each in (first, second)} == {WithdrawalState.SETTLED}
    assert room.payment(first).conflict_key != room.payment(second).conflict_key
    assert house.sun(ALICE) == 20 * COIN


def test_a_reorganisation_brings_a_payment_back_to_the_pool_and_it_settles_once(room, house):
    withdrawal = room.ask_trx()
    room.run()
    house.simulator.mine(1)
    room.run()
    assert room.state(withdrawal) is WithdrawalState.MINED
    house.simulator.reorg(1)
    room.run()
    assert room.state(withdrawal) is WithdrawalState.BROADCAST
    house.simulator.mine(1 + SOLID)
    room.run()
    assert room.state(withdrawal) is WithdrawalState.SETTLED
    assert house.sun(ALICE) == 10 * COIN
