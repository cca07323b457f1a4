# One life of a house: events drawn from a seed, and after each of them everything that must hold.
import random
from collections import Counter

from simulators.chain import FINAL_DEPTH
from simulators.crash_and_lie.bent import MOODS, BentHouse
from simulators.crash_and_lie.points import BY_RESTORE, POINTS, Guillotine
from simulators.crash_and_lie.truth import Truth, Violation
from simulators.crashes import CrashForTest
from simulators.withdrawal_house import BIG_UNITS, NOW_S, house_policy

from custody.primitives.errors import InvariantBroken, ToolkitError
from custody.withdrawals.parts import Batching
from custody.withdrawals.states import AttemptState, PaymentState, WithdrawalState

MOST_OPEN = 3
SETTLING_ROUNDS = 40
BUMP_AFTER_S = 600
DAY_S = 86_400
WEIGHTS = {
    "step": 190,
    "mine": 110,
    "ask": 120,
    "approve": 50,
    "kill": 120,
    "reorg": 25,
    "evict": 20,
    "revive": 20,
    "answers": 30,
    "mood": 30,
    "node": 15,
    "signer": 40,
    "wait": 40,
    "clock": 8,
    "cancel": 10,
    "policy": 6,
    "freeze": 8,
    "screening": 8,
    "outside": 3,
    "fail": 5,
    "backup": 16,
    "restore": 8,
}


class Life:
    def __init__(self, seed, number, folder, weights=WEIGHTS):
        self.weights = weights
        self.rng = random.Random(f"crash and lie/{seed}/{number}")
        self.counts = Counter()
        self.guillotine = Guillotine()
        self.house = BentHouse(
            funds=10**8,
            batching=Batching(self.rng.choice([1, 1, 3]), 0),
            with_sender=self.rng.random() < 0.3,
            fixes_signers=self.rng.random() < 0.3,
            bump_after_ms=BUMP_AFTER_S * 1000,
            max_bumps=2,
            folder=folder,
            liar_first=self.rng.random() < 0.5,
        )
        self.house.wrap, self.house.guillotine = self.guillotine.wrap, self.guillotine
        self.truth = Truth(self.house)
        self.latest_s = NOW_S
        self.asked = 0
        self.backup = None
        self._start()

    @property
    def signers(self):
        return [*self.house.signers, *([self.house.sender] if self.house.sender else [])]

    def play(self, step):
        event = self.rng.choices(list(self.weights), list(self.weights.values()))[0]
        self.house.now_s += self.rng.randint(1, 20)
        try:
            getattr(self, f"on_{event}")()
        except InvariantBroken as broken:
            raise Violation(f"{event}: {broken.message}") from broken
        except ToolkitError:
            self.counts["refusals"] += 1
        except CrashForTest:
            self._start()
        self.latest_s = max(self.latest_s, self.house.now_s)
        self.truth.require()

    def finish(self):
        # Everything is well again: whatever is open comes to its end, or to people.
        house = self.house
        self.guillotine.target = None
        house.mood, house.network.down, house.frozen, house.screening_down = "honest", False, False, False
        house.network.lose_answers = house.network.refuse_though_relayed = house.network.refuse = 0
        house.now_s = self.latest_s
        for signer in self.signers:
            signer.down, signer.lies, signer.lose_answers = False, False, 0
        for _ in range(SETTLING_ROUNDS):
            house.step()
            self.on_approve()
            house.network.mine()
            self.truth.require()
            if not self.truth.open_ids():
                break
        house.step()
        self.truth.require()
        self.truth.require_closed_books()
        self._count()

    def on_step(self):
        self.house.step()

    def on_ask(self):
        if len(self.truth.open_ids()) < MOST_OPEN:
            self.asked += 1
            units = self.rng.choice([1_000, 1_000, BIG_UNITS]) + self.asked
            customer = self.rng.choice(["alice", "bobby"])
            self.house.ask(units, to=f"sim1w{self.asked}", key=f"w{self.asked}", customer=customer)

    def on_approve(self):
        for each in self.house.service.list(frozenset({WithdrawalState.AWAITING_APPROVAL})):
            self.house.approve(each.id, "ann", "bob")

    def on_cancel(self):
        ids = self.truth.open_ids()
        if ids:
            self.house.service.cancel(self.rng.choice(ids), self.house.now_s * 1000)

    def on_kill(self):
        if self.guillotine.target is None:
            self.guillotine.target = self.rng.choice([point for point in POINTS if point != BY_RESTORE])

    def on_backup(self):
        self.backup = self.house.database().serialize()

    def on_restore(self):
        if self.backup is not None:
            self.house.database().deserialize(self.backup)
            self.guillotine.kills[BY_RESTORE] += 1
            self._start()

    def on_mine(self):
        self.house.network.mine(self.rng.choice([1, 1, 2]))

    def on_reorg(self):
        network, depth = self.house.network, self.rng.randint(1, FINAL_DEPTH - 1)
        if len(network.blocks) < depth:
            return
        self.counts["reorganisations"] += 1
        network.reorg(depth, drop=self.rng.random() < 0.5)
        if self.rng.random() < 0.5:
            self.on_revive()
        network.mine(depth + 1)  # a branch wins by being longer: what was final stays so

    def on_evict(self):
        self.counts["evictions"] += bool(self.house.network.pool)
        self.house.network.evict()

    def on_revive(self):
        # A third party sends any bytes that were ever on the wire, whatever replaced them.
        old = self.truth.sent()
        if old:
            tx = self.rng.choice(old)
            network = self.house.network
            unspent = network.unspent()
            if all(coin in unspent for coin in tx.inputs):
                self.counts["old bytes sent by others"] += 1
                network.pool = {t: o for t, o in network.pool.items() if set(o.inputs).isdisjoint(tx.inputs)}
                network.pool[tx.txid] = tx

    def on_answers(self):
        self.counts["answers lost or wrong"] += 1
        name = self.rng.choice(["lose_answers", "refuse_though_relayed", "refuse"])
        setattr(self.house.network, name, self.rng.randint(1, 3))

    def on_mood(self):
        self.house.mood = self.rng.choice(MOODS)
        self.counts["node lies or lags"] += self.house.mood != "honest"

    def on_node(self):
        self.house.network.down = not self.house.network.down
        self.counts["node outages"] += self.house.network.down

    def on_signer(self):
        signer = self.rng.choice(self.signers)
        what = self.rng.choice(["down", "lies", "loses", "well", "well"])
        self.counts["signer faults"] += what != "well"
        signer.down, signer.lies = what == "down", what == "lies"
        signer.lose_answers = 2 if what == "loses" else 0

    def on_wait(self):
        self.house.now_s += BUMP_AFTER_S

    def on_clock(self):
        self.counts["clock jumps"] += 1
        self.house.now_s += self.rng.choice([-DAY_S, -3_600, 3_600, DAY_S])

    def on_policy(self):
        self.house.policy = house_policy(self.house.policy.version + 1)

    def on_freeze(self):
        self.house.frozen = not self.house.frozen

    def on_screening(self):
        self.house.screening_down = not self.house.screening_down

    def on_outside(self):
        coins = [coin for tx in self.house.network.pool.values() for coin in tx.inputs]
        if coins:
            self.counts["keys used outside"] += 1
            self.house.network.spend_outside(self.rng.choice(coins))

    def on_fail(self):
        if self.house.network.pool:
            self.counts["executed and failed"] += 1
            self.house.network.failed.add(self.rng.choice(list(self.house.network.pool)))

    def _start(self):
        # A new process over what is on disk. It may be killed while it starts.
        while True:
            try:
                self.house.reopen()
            except CrashForTest:
                continue
            return

    def _count(self):
        store = self.house.store
        for payment in store.payments(frozenset(PaymentState)):
            self.counts["payments"] += 1
            signed = [each for each in store.attempts(payment.id) if each.signed is not None]
            self.counts["bumps"] += max(0, len(signed) - 1)
            self.counts["won by an older attempt"] += any(each.state is AttemptState.MINED for each in signed[:-1])
        for each in self.house.service.list(frozenset(WithdrawalState)):
            self.counts["withdrawals"] += 1
            self.counts[f"ended {each.state.value}"] += 1
        for point, kills in self.guillotine.kills.items():
            self.counts[f"killed at {point:2d}"] += kills
