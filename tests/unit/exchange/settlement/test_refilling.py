# The desk over the real service, pipeline and policy; chain, signers and the plan's numbers are simulated.
from dataclasses import dataclass, replace

import pytest
from simulators.chain import COIN, SIM
from simulators.withdrawal_house import House, house_policy

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.errors import NodeUnavailable
from custody.primitives.ids import IdempotencyKey
from custody.store.database import open_database
from custody.store.refill_requests import SqlRefillStore, create_refill_table
from custody.wallets.bands import Bands, Cap
from custody.wallets.refill_requests import AGAIN_S, RefillState
from custody.wallets.refills import RefillLimits, RefillStopped
from custody.wallets.treasury_moves import Setting, Stock, plan_moves
from custody.withdrawals.facts import DestinationKind, Kind, Tier
from custody.withdrawals.records import Withdrawal
from custody.withdrawals.rules import Effect, Group, Match, Rule
from custody.withdrawals.states import WithdrawalState
from exchange.app.house_facts import HouseFacts
from exchange.settlement.refilling import PEOPLE_WAIT_S, RefillDesk, RefillParts, RefillPlace
from exchange.settlement.scale import AssetScale, ScaleBook
from exchange.settlement.treasury import Tiers, TreasuryDesk

HOT = Address(SIM, "sim1hot")
OWED = 11_000_000
BANDS = Bands(
    throttle=10_000, low=40_000, target=60_000, high=80_000, warm_low=60_000, warm_target=80_000, is_modelled=True
)
PEOPLE = ("ann", "bob", "cid")
LIMITS = RefillLimits(most_a_day=4, most_ppm=20_000, base_quorum=2, people=3, per_step=2)


class WarmHouse(House):
    """Its one lane pays from warm, and it knows which move a request asks for."""

    refills = None

    def gather(self, ask):
        return HouseFacts({HOT: Tier.HOT}, None, self.refills.of_withdrawal).gather(ask)


@dataclass
class Numbers:
    """What lies where, and what the desk's ports say of it."""

    hot: int = 10_000
    warm: int = 130_000
    cold: int = 10_860_000
    is_stopped: bool = False
    stale: Stock | None = None
    down: bool = False

    def recorded(self, asset, now_s):
        return self.plan(asset, self.stale or Stock(self.hot, self.warm, self.cold), OWED, now_s)

    def plan(self, _asset, stock, owed, _now_s):
        return plan_moves(stock, Setting(BANDS, Cap(owed), 0, 1_000_000, 1, self.is_stopped), b"")

    def held(self, tier):
        if self.down:
            raise NodeUnavailable("simulated: no answer")
        return Amount(getattr(self, tier), COIN)


class Room:
    def __init__(self):
        people = (Group("operators", frozenset(PEOPLE), 2),)
        kinds, hot = frozenset({Kind.TREASURY}), frozenset({DestinationKind.HOT})
        refills = Rule("refills", Effect.PERMIT, Match(kinds=kinds, destinations=hot), groups=people)
        base = house_policy()
        self.house = WarmHouse(tier=Tier.WARM, policy=replace(base, rules=(*base.rules, refills)))
        database = open_database("sqlite://")
        create_refill_table(database)
        self.store = self.house.refills = SqlRefillStore(database)
        self.numbers = Numbers()
        tiers = Tiers(
            Address(SIM, self.house.cold),
            lambda: self.numbers.held("hot"),
            lambda: self.numbers.held("cold"),
            lambda: 0,
            lambda: self.numbers.held("warm"),
            Address(SIM, "sim1warm"),
        )
        scales = ScaleBook([AssetScale(COIN, 3, 0)])
        treasury = TreasuryDesk({"SIM": tiers}, scales, lambda _: OWED, self.house.service, self.numbers)
        places = {"SIM": RefillPlace(COIN, HOT)}
        ports = (self.store, self.house.service, self.numbers, treasury, places)
        self.treasury = treasury
        self.desk = RefillDesk(RefillParts(*ports, lambda: LIMITS, lambda: self.house.now_s * 1_000))

    def step(self):
        self.desk.step("SIM")
        return self.desk.requests("SIM")

    def move(self, number=-1) -> Withdrawal:
        return self.house.service.get(self.desk.requests("SIM")[number].withdrawal_id)

    def refill(self, *approvers):
        # The open refill, asked for, approved and paid; the coins are spent again by whoever leaks.
        request = self.step()[-1]
        self.house.step()
        self.house.approve(request.withdrawal_id, *approvers)
        self.house.settle()
        return request, self.house.service.get(request.withdrawal_id).state


@pytest.fixture
def room():
    return Room()


def test_a_wallet_above_its_low_level_asks_for_nothing(room):
    room.numbers.hot = 40_000
    assert room.step() == ()


def test_one_request_is_raised_and_followed_from_warm_to_hot_until_the_coins_are_there(room):
    (request,) = room.step()
    assert (request.id, request.state, request.quorum) == ("refill-SIM-hot-1", RefillState.OPEN, 2)
    assert 50_000 <= request.units <= 52_500
    room.house.step()
    move = room.move()
    assert (move.state, move.source, move.to, move.amount.units) == (
        WithdrawalState.AWAITING_APPROVAL, Tier.WARM, HOT, request.units,
    )  # fmt: skip
    assert room.step() == (request,)
    room.house.approve(move.id, "ann")
    room.house.step()
    assert room.step()[0].state is RefillState.OPEN
    room.house.approve(move.id, "bob")
    room.house.step()
    assert room.step()[0].state is RefillState.MOVING
    room.house.settle()
    room.numbers.hot += request.units
    assert [each.state for each in room.step()] == [RefillState.DONE]
    assert room.house.network.paid("sim1hot") == [request.units]


def test_a_crash_between_record_and_move_is_repaired_by_the_next_step(room):
    ask, room.desk._ask = room.desk._ask, lambda request: None
    (request,) = room.step()
    room.desk._ask = ask
    room.step()
    assert room.move().amount.units == request.units
    assert len(room.house.service.list(frozenset(WithdrawalState))) == 1


def test_a_stale_record_asks_for_nothing_that_the_chain_does_not_confirm(room):
    room.numbers.stale, room.numbers.hot = Stock(0, 130_000, OWED), 60_000
    assert room.step() == ()


def test_nothing_is_asked_for_while_the_breaker_is_open(room):
    room.numbers.is_stopped = True
    assert room.step() == ()


def test_nothing_is_asked_for_while_a_sweep_is_on_its_way_since_its_coins_count_twice(room):
    room.house.move(key="sweep")
    assert room.step() == ()


def test_e02_a_leak_needs_a_third_person_for_its_third_refill_and_after_the_fourth_there_is_none(room):
    for _ in range(2):
        request, state = room.refill("ann", "bob")
        assert (request.quorum, state) == (2, WithdrawalState.SETTLED)
    third, state = room.refill("ann", "bob")
    assert (third.quorum, state) == (3, WithdrawalState.AWAITING_APPROVAL)
    room.house.approve(third.withdrawal_id, "cid")
    room.house.settle()
    fourth, state = room.refill("ann", "bob", "cid")
    assert (fourth.quorum, state) == (3, WithdrawalState.SETTLED)
    with pytest.raises(RefillStopped, match="4 refills in 24 h"):
        room.step()
    states = [each.state for each in room.desk.requests("SIM")]
    assert states == [RefillState.DONE] * 4 + [RefillState.REFUSED]
    with pytest.raises(RefillStopped):
        room.step()
    assert len(room.desk.requests("SIM")) == 5
    assert len(room.house.service.list(frozenset(WithdrawalState))) == 4


def test_a_denied_request_is_refused_and_not_raised_again_at_once(room):
    room.step()
    room.house.step()
    room.house.service.cancel(room.move().id, room.house.now_s * 1_000)
    assert [(each.state, each.note) for each in room.step()] == [(RefillState.REFUSED, "cancelled")]
    room.step()
    assert len(room.desk.requests("SIM")) == 1
    room.house.now_s += AGAIN_S
    assert [each.state for each in room.step()] == [RefillState.REFUSED, RefillState.OPEN]


def test_a_request_nobody_approves_expires_with_its_intent(room):
    room.step()
    room.house.step()
    room.house.now_s += 7_201
    room.house.step()
    assert [(each.state, each.note) for each in room.step()][:1] == [(RefillState.EXPIRED, "not approved in time")]


def test_warm_pays_nothing_that_no_request_asks_for(room):
    move = room.house.move(to="sim1hot", key="by hand")
    room.house.step()
    found = room.house.service.get(move.id)
    assert (found.state, found.source) == (WithdrawalState.REJECTED, Tier.HOT)
    assert "treasury money does not go from hot to hot" in found.reason


def test_from_cold_nobody_is_asked_to_sign_and_the_coins_in_warm_end_the_request(room):
    room.numbers.hot, room.numbers.warm = 60_000, 30_000
    (request,) = room.step()
    assert (request.source, request.destination, request.withdrawal_id) == (Tier.COLD, Tier.WARM, "")
    assert room.house.service.list(frozenset(WithdrawalState)) == ()
    assert room.step() == (request,)
    room.numbers.warm += request.units - 100  # what the fee of the cold transaction took
    assert [each.state for each in room.step()] == [RefillState.DONE]


def test_what_left_warm_meanwhile_is_not_taken_for_coins_that_did_not_come(room):
    room.numbers.warm = 55_000
    hot, cold = room.step()
    room.house.step()
    room.house.approve(room.move(0).id, "ann", "bob")
    room.house.settle()
    room.numbers.hot, room.numbers.warm = 60_000, 55_000 - hot.units
    assert [each.state for each in room.step()] == [RefillState.DONE, RefillState.OPEN]
    room.numbers.warm += cold.units
    assert [each.state for each in room.step()] == [RefillState.DONE, RefillState.DONE]


def test_cold_that_nobody_brings_expires_and_is_asked_for_again(room):
    room.numbers.hot, room.numbers.warm = 60_000, 30_000
    room.step()
    room.house.now_s += PEOPLE_WAIT_S
    assert room.step()[0].state is RefillState.EXPIRED
    room.house.now_s += AGAIN_S
    assert [each.state for each in room.step()] == [RefillState.EXPIRED, RefillState.OPEN]


def test_a_silent_node_delays_and_records_nothing(room):
    room.numbers.down = True
    with pytest.raises(NodeUnavailable):
        room.step()
    room.numbers.down = False
    assert len(room.step()) == 1


def test_what_lies_too_much_in_hot_fills_warm_first_and_the_rest_goes_to_cold(room):
    room.numbers.hot, room.numbers.warm = 170_000, 50_000
    to_warm = room.treasury.rebalance("ann", "SIM", IdempotencyKey("one"), room.house.now_s * 1_000)
    to_cold = room.treasury.rebalance("ann", "SIM", IdempotencyKey("two"), room.house.now_s * 1_000)
    assert (to_warm.to.text, to_warm.amount.units) == ("sim1warm", 30_000)
    assert (to_cold.to.text, to_cold.amount.units) == ("sim1cold", 80_000)
    again = room.treasury.rebalance("ann", "SIM", IdempotencyKey("one"), room.house.now_s * 1_000)
    assert again.id == to_warm.id
