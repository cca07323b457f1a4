# Random schedules of crashes, lost answers, evictions, reorganisations, silent and lying signers, clock jumps and
# cancellations: at most one payment per withdrawal, and the books always balance.
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulators.crashes import Crasher, CrashForTest
from simulators.withdrawal_house import BIG_UNITS, FUNDS, NOW_S, House, house_policy

from custody.primitives.errors import ToolkitError
from custody.withdrawals.parts import Batching
from custody.withdrawals.states import UNPAID_ENDS, WithdrawalState

CUSTOMERS = ("alice", "bobby")
SETTLING_ROUNDS = 10
ROUND_S = 3_600  # ten of them pass every expiry

EVENTS = st.one_of(
    st.tuples(st.just("ask"), st.integers(0, 3)),
    st.tuples(st.just("step"), st.just(0)),
    st.tuples(st.just("crash"), st.integers(1, 40)),
    st.tuples(st.just("crash_after"), st.integers(1, 40)),
    st.tuples(st.just("mine"), st.integers(1, 2)),
    st.tuples(st.just("reorg"), st.integers(1, 2)),
    st.tuples(st.just("reorg_keep"), st.integers(1, 2)),
    st.tuples(st.just("evict"), st.just(0)),
    st.tuples(st.just("lose"), st.integers(1, 3)),
    st.tuples(st.just("refuse"), st.integers(1, 3)),
    st.tuples(st.just("approve"), st.integers(0, 3)),
    st.tuples(st.just("cancel"), st.integers(0, 3)),
    st.tuples(st.just("signer_down"), st.integers(0, 3)),
    st.tuples(st.just("signer_lies"), st.integers(0, 3)),
    st.tuples(st.just("signer_loses"), st.integers(0, 3)),
    st.tuples(st.just("signers_well"), st.just(0)),
    st.tuples(st.just("node_down"), st.booleans()),
    st.tuples(st.just("clock"), st.sampled_from([-86_400, 60, 3_600, 90_000])),
    st.tuples(st.just("policy"), st.just(0)),
)
KINDS = st.fixed_dictionaries(
    {
        "with_sender": st.booleans(),
        "fixes_signers": st.booleans(),
        "batch": st.sampled_from([1, 3]),
        "liars_repent": st.booleans(),
    }
)


class World:
    def __init__(self, *, with_sender, fixes_signers, batch, liars_repent):
        self.crasher = Crasher()
        self.liars_repent = liars_repent
        self.latest_s = NOW_S
        batching = Batching(max_items=batch, window_ms=0)
        self.house = House(
            with_sender=with_sender, fixes_signers=fixes_signers, batching=batching, bump_after_ms=3_600_000
        )
        self.signers = [*self.house.signers, self.house.sender or self.house.signers[0]]
        self.house.wrap = self.crasher.wrap
        self.house.reopen()
        self.ids = {}

    def state_of(self, slot):
        return self.house.state(self.ids[slot])

    def units(self, slot):
        return 1_000 + slot if slot % 2 else BIG_UNITS + slot

    def play(self, event, value):
        try:
            self.act(event, value)
        except ToolkitError:
            pass  # a refusal is an answer
        except CrashForTest:
            self.crasher.disarm()
            self.house.reopen()
            self.house.service.recover(self.house.now_s * 1000)
            self.adopt()
        self.require_safe()

    def adopt(self):
        for withdrawal in self.house.service.list(frozenset(WithdrawalState)):
            slot = int(withdrawal.idempotency_key.removeprefix("slot-"))
            self.ids[slot] = withdrawal.id

    def act(self, event, value):
        house, network = self.house, self.house.network
        match event:
            case "ask":
                wanted = {"to": f"sim1slot{value}", "key": f"slot-{value}", "customer": CUSTOMERS[value % 2]}
                self.ids[value] = house.ask(self.units(value), **wanted).id
            case "step":
                house.step()
            case "crash" | "crash_after":
                self.crasher.arm(value, after=event == "crash_after")
                house.step()
                self.crasher.disarm()
            case "mine":
                network.mine(value)
            case "reorg" | "reorg_keep":
                if network.blocks and not self.any_final(value):
                    network.reorg(value, drop=event == "reorg")
            case "evict":
                network.evict()
            case "lose":
                network.lose_answers = value
            case "refuse":
                network.refuse_though_relayed = value
            case "approve":
                if value in self.ids:
                    house.approve(self.ids[value], "ann", "bob")
            case "cancel":
                if value in self.ids:
                    house.service.cancel(self.ids[value], house.now_s * 1000)
            case "signer_down":
                self.signers[value].down = True
            case "signer_lies":
                self.signers[value].lies = True
            case "signer_loses":
                self.signers[value].lose_answers = 2
            case "signers_well":
                self.heal(liars=True)
            case "node_down":
                network.down = value
            case "clock":
                house.now_s += value
                self.latest_s = max(self.latest_s, house.now_s)
            case "policy":
                house.policy = house_policy(house.policy.version + 1)

    def any_final(self, depth):
        # A reorganisation deeper than the final depth breaks the premise of finality; the simulator keeps to it.
        return len(self.house.network.blocks) < depth or any(
            self.house.state(each) in (WithdrawalState.FINAL, WithdrawalState.SETTLED, WithdrawalState.REFUNDED)
            for each in self.ids.values()
        )

    def heal(self, *, liars):
        for signer in self.signers:
            signer.down, signer.lies, signer.lose_answers = False, signer.lies and not liars, 0

    def require_safe(self):
        house = self.house
        assert house.ledger.total() == 2 * FUNDS
        for slot, withdrawal_id in self.ids.items():
            paid = house.network.paid(f"sim1slot{slot}")
            assert paid in ([], [self.units(slot)])
            withdrawal = house.service.get(withdrawal_id)
            if withdrawal.state in UNPAID_ENDS:
                assert paid == []
            if withdrawal.state is WithdrawalState.SETTLED:
                assert paid == [self.units(slot)]

    def finish(self):
        # Liars that go on for ever may keep a payment from being signed; the end of its intent still ends it.
        self.heal(liars=self.liars_repent)
        house = self.house
        house.now_s = self.latest_s  # a clock that was set back is right again
        house.network.down = False
        house.network.lose_answers = house.network.refuse_though_relayed = 0
        for _ in range(SETTLING_ROUNDS):
            house.step()
            for withdrawal_id in self.ids.values():
                if house.state(withdrawal_id) is WithdrawalState.AWAITING_APPROVAL:
                    house.approve(withdrawal_id, "ann", "bob")
            house.network.mine()
            self.require_safe()
            house.now_s += 0 if self.liars_repent else ROUND_S
        house.step()
        for slot, withdrawal_id in self.ids.items():
            withdrawal = house.service.get(withdrawal_id)
            # Half signed and expired is for people; everything else has come to its end.
            assert withdrawal.is_over or withdrawal.state is WithdrawalState.NEEDS_REVIEW, (slot, withdrawal)
        settled = [slot for slot, each in self.ids.items() if house.state(each) is WithdrawalState.SETTLED]
        assert house.ledger.paid_out == sum(self.units(slot) for slot in settled)


# Two of three signers lie while a payment waits for them. A simulated signer that remembered its lie as what it had
# signed repeated it when it was well again, and the payment waited for ever.
TWO_LIARS = [
    *[("ask", 0)] * 12,
    ("signer_lies", 0),
    *[("ask", 0)] * 2,
    ("ask", 3),
    *[("ask", 0)] * 2,
    ("signer_lies", 2),
    *[("ask", 0)] * 2,
    ("node_down", False),
    *[("ask", 0)] * 2,
    ("step", 0),
]
# Two of three signers are silent over many steps, and only one of them comes back.
LONG_OUTAGE = [
    ("ask", 3),
    ("signer_down", 1),
    ("signer_down", 2),
    *[("step", 0), ("clock", 60)] * 5,
    ("signers_well", 0),
    ("signer_lies", 2),
    ("step", 0),
]


@pytest.mark.parametrize("liars_repent", [True, False])
@pytest.mark.parametrize("fixes_signers", [True, False])
@pytest.mark.parametrize("with_sender", [True, False])
def test_a_payment_that_two_signers_lied_about_comes_to_an_end(with_sender, fixes_signers, liars_repent):
    kind = {"with_sender": with_sender, "fixes_signers": fixes_signers, "liars_repent": liars_repent}
    end = WithdrawalState.SETTLED if liars_repent else WithdrawalState.NEEDS_REVIEW
    assert live(TWO_LIARS, batch=1, **kind).state_of(3) is end


@pytest.mark.parametrize("fixes_signers", [True, False])
@pytest.mark.parametrize("with_sender", [True, False])
def test_after_a_long_outage_two_good_signers_are_enough(with_sender, fixes_signers):
    kind = {"with_sender": with_sender, "fixes_signers": fixes_signers, "liars_repent": False}
    assert live(LONG_OUTAGE, batch=1, **kind).state_of(3) is WithdrawalState.SETTLED


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(schedule=st.lists(EVENTS, min_size=5, max_size=40), kind=KINDS)
def test_a_few_schedules_pay_nobody_twice_and_lose_nothing(schedule, kind):
    live(schedule, **kind)


@pytest.mark.slow
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(schedule=st.lists(EVENTS, min_size=5, max_size=60), kind=KINDS)
def test_whatever_happens_nobody_is_paid_twice_and_nothing_is_lost(schedule, kind):
    live(schedule, **kind)


def live(schedule, **kind):
    world = World(**kind)
    world.play("ask", 0)
    for event, value in schedule:
        world.play(event, value)
    world.finish()
    return world
