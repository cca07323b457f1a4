# Attacks E01-E04, E10 and E13 on treasury and monitor; chain and signers are simulated, the breaker is the real file.
import itertools
from dataclasses import replace

import pytest
from simulators.chain import COIN
from simulators.withdrawal_house import NOW_S, House

from custody.monitor.breaker import FileBreaker
from custody.monitor.reconcile import Margins
from custody.monitor.rules import AssetReading, DayOfHot
from custody.monitor.watch import CONFIRM_MS, OutflowMeter, Watch
from custody.primitives.errors import LimitExceeded
from custody.signers.limiter import take
from custody.signers.rules import Bucket
from custody.wallets.bands import Bands, Cap
from custody.wallets.refills import Refill, RefillLimits, RefillStopped, refill_quorum
from custody.wallets.timelocks import Branch, plan_refresh
from custody.wallets.treasury_moves import EdgeRefused, Purpose, Setting, Stock, TierMove, plan_moves
from custody.withdrawals.errors import WithdrawalsFrozen
from custody.withdrawals.facts import Circumstances, Destination, DestinationKind, Tier
from custody.withdrawals.parts import Batching
from custody.withdrawals.states import WithdrawalState

OWED = 1_000_000
BANDS = Bands(throttle=1_000, low=4_000, target=6_000, high=8_000, warm_low=6_000, warm_target=8_000, is_modelled=True)
QUIET = Margins(0, 0, 0, 0)
ASK_MS, WATCH_MS = 50, 200


def plan(hot, warm=8_000, in_flight=0, **changes):
    given = {"bands": BANDS, "cap": Cap(OWED), "fee": 0, "breach_ppm": 1_000, "min_move": 1, **changes}
    return plan_moves(Stock(hot, warm, OWED, in_flight), Setting(**given), b"")


@pytest.fixture
def breaker(tmp_path):
    return FileBreaker(tmp_path / "breaker.json")


def test_e01_a_drain_at_the_permitted_rate_loses_at_most_the_bucket_and_stops_within_a_second(breaker):
    # The back office is the thief's: it approves everything. Signers keep their bucket, the monitor its window.
    bucket, most, meter, watch = (
        Bucket(capacity=5_000, refill_per_hour=0),
        3_000,
        OutflowMeter(3_600_000),
        Watch(breaker),
    )
    level, lost, breach_ms = None, 0, None
    watch.judge(AssetReading("SIM", QUIET, meter.left(0, 0), most), 0)  # it ran before the thief came
    for at_ms in range(0, 600_000, ASK_MS):
        try:
            breaker.require_closed(COIN, "hot-sim")
            level = take(level, bucket, 100, NOW_S)
        except (WithdrawalsFrozen, LimitExceeded):
            break
        lost += 100
        breach_ms = at_ms if breach_ms is None and lost > most else breach_ms
        if at_ms % WATCH_MS == 0:
            watch.judge(AssetReading("SIM", QUIET, meter.left(lost, at_ms), most), at_ms)
    assert breaker.open_scopes() == {"asset:SIM": f"outflow_too_fast: SIM: {lost} base units left, at most 3000 may"}
    assert at_ms - breach_ms <= 1_000
    assert most < lost <= bucket.capacity
    refill = plan(10, is_stopped="asset:SIM" in breaker.open_scopes())
    assert refill.moves == ()
    assert "the breaker is open" in refill.notes[0]


def test_e01_without_the_monitor_the_bucket_alone_bounds_the_loss():
    level, bucket = None, Bucket(capacity=5_000, refill_per_hour=0)
    for _ in range(50):
        level = take(level, bucket, 100, NOW_S)
    with pytest.raises(LimitExceeded):
        take(level, bucket, 1, NOW_S)


def test_e01_coins_that_leave_without_any_payment_stop_the_asset_within_a_second(breaker):
    watch, times = Watch(breaker), itertools.count(0, WATCH_MS)
    while not breaker.open_scopes():
        at_ms = next(times)
        watch.judge(AssetReading("SIM", Margins(-1, -1, 0, 0), 0, OWED), at_ms)
    assert at_ms <= CONFIRM_MS + WATCH_MS <= 1_000
    with pytest.raises(WithdrawalsFrozen):
        breaker.require_closed(COIN, "hot-sim")


def test_e02_a_hot_wallet_that_leaks_is_refilled_by_ever_more_people_and_then_no_more():
    limits = RefillLimits(most_a_day=10, most_ppm=20_000, base_quorum=2, people=4, per_step=1)
    asked, quorums = [], []
    for hour in range(3):
        quorums.append(refill_quorum(asked, 1_000, OWED, limits, NOW_S + hour * 3_600))
        asked.append(Refill(NOW_S + hour * 3_600, 1_000))
    assert quorums == [2, 3, 4]
    with pytest.raises(RefillStopped, match="needs 5 people, there are 4"):
        refill_quorum(asked, 1_000, OWED, limits, NOW_S + 4 * 3_600)


def test_e02_splitting_a_refill_gains_nothing_because_sums_count():
    limits = RefillLimits(most_a_day=1_000, most_ppm=20_000, base_quorum=1, people=1_000, per_step=1)
    asked = [Refill(NOW_S, 100)] * 200
    with pytest.raises(RefillStopped, match="at most 20000"):
        refill_quorum(asked, 1, OWED, limits, NOW_S)


def test_e02_a_leak_behind_refills_is_seen_by_its_missing_units_and_stops_the_asset(breaker):
    # 5,000 came up from cold, 2,000 were paid; the wallet should have grown by 3,000 and did not.
    honest = DayOfHot(at_start=6_000, now=9_000, came=5_000, left=2_000, open=0)
    watch = Watch(breaker)
    assert watch.judge(AssetReading("SIM", QUIET, 0, OWED, honest), 0) == ()
    watch.judge(AssetReading("SIM", QUIET, 0, OWED, replace(honest, now=6_000)), 1)
    assert breaker.open_scopes() == {
        "asset:SIM": "refill_leaks: SIM: the hot wallet lost 3000 base units in a day that nobody was paid"
    }


@pytest.mark.parametrize(("hot", "warm", "in_flight"), [(20_001, 0, 0), (8_000, 12_001, 0), (6_000, 6_000, 8_001)])
def test_e03_beyond_two_percent_a_sweep_to_cold_is_proposed_whatever_the_fee(hot, warm, in_flight):
    found = plan(hot, warm, in_flight, fee=10**9)
    to_cold = sum(move.units for move in found.moves if move.destination is Tier.COLD)
    assert hot + warm + in_flight > Cap(OWED).hard
    assert hot + warm + in_flight - to_cold <= Cap(OWED).hard
    assert {move.purpose for move in found.moves} == {Purpose.SWEEP}


def test_e03_a_cold_destination_that_is_not_registered_is_refused():
    house = House()
    move = house.move(1_000, to="sim1thief")
    house.step()
    assert house.state(move.id) is WithdrawalState.REJECTED
    house.settle()
    assert house.network.paid("sim1thief") == []


def test_e03_cold_pays_no_customer_and_never_hot_directly():
    with pytest.raises(EdgeRefused):
        TierMove(Purpose.REFILL, Tier.COLD, Tier.HOT, 1, "in a hurry")
    house = House()
    asked = house.ask()
    house.circumstances[asked.id] = Circumstances("alice", 2, Tier.COLD, Destination(DestinationKind.ONE_TIME))
    house.step()
    assert house.state(asked.id) is WithdrawalState.REJECTED


def test_e04_a_fee_fifty_times_as_high_stops_moves_for_comfort_and_not_those_at_the_limits():
    usual, spike = {"fee": 1, "breach_ppm": 10_000}, {"fee": 50, "breach_ppm": 10_000}
    for hot in (3_900, 9_000):
        assert plan(hot, **usual).moves
        assert plan(hot, **spike).moves == ()
        assert "the fee of 50 costs more" in plan(hot, **spike).notes[0]
    assert plan(900, **spike).moves[0].purpose is Purpose.REFILL
    assert plan(20_000, **spike).moves[0].purpose is Purpose.SWEEP


def test_e04_large_withdrawals_wait_small_ones_flow_when_hot_is_nearly_empty():
    assert plan(900, fee=50).throttle_above == 90
    assert plan(1_000, fee=50).throttle_above is None


def test_e04_small_payments_share_one_transaction():
    house = House(batching=Batching(max_items=8))
    for number in range(5):
        house.ask(1_000, to=f"sim1dest{number}", key=f"key-{number}")
    house.settle()
    assert [len(tx.outputs) for tx in house.network.mined()] == [5]


def test_e10_with_every_node_down_requests_are_taken_and_held_none_is_lost_and_all_are_paid_once_later():
    house = House()
    house.network.down = True
    asked = [house.ask(1_000, to=f"sim1dest{n}", key=f"key-{n}") for n in range(10)]
    for _ in range(5):
        house.step()
    assert house.network.paid("sim1dest0") == []
    assert {house.state(each.id) for each in asked} == {WithdrawalState.APPROVED}
    assert len(house.store.withdrawals(frozenset({WithdrawalState.APPROVED}))) == 10
    house.network.down = False
    house.settle()
    assert {house.state(each.id) for each in asked} == {WithdrawalState.SETTLED}
    assert [house.network.paid(f"sim1dest{n}") for n in range(10)] == [[1_000]] * 10


def test_e13_every_cold_coin_near_its_timelock_is_named_sixty_days_ahead_and_until_it_moves():
    day, coin = 144, Branch("a:0", 10**8, made_at=800_000, after_blocks=52_560)
    opens = coin.opens_at
    assert plan_refresh([coin], opens - 61 * day, 600) == ()
    for days in (60, 30, 1, 0):
        assert [(r.branch, r.days_left) for r in plan_refresh([coin], opens - days * day, 600)] == [(coin, days)]
    assert plan_refresh([coin], opens + 1_000, 600)[0].days_left == 0
    moved = Branch("b:0", 10**8, made_at=opens, after_blocks=52_560)
    assert plan_refresh([moved], opens, 600) == ()
