# What many payments at once must never do, over random histories. The chain is a simulator: counters and balances.
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulators.anvil import ETH, make_intent, make_wallet

from custody.chains.evm.answers import FeeHistory
from custody.chains.evm.codec import SafeCodec
from custody.chains.evm.nonces import gaps, repairs
from custody.chains.evm.params import BSC_LOCAL, ETHEREUM_LOCAL
from custody.chains.evm.plan import SafeStuck
from custody.chains.evm.reader import MAX_IN_FLIGHT, SafeBusy, SafeReader
from custody.primitives.amount import Amount
from custody.primitives.chain import BlockRef
from custody.primitives.errors import InsufficientFunds

TO = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
GWEI = 10**9
WALLET = make_wallet()
CODEC = SafeCodec(WALLET)
PAID = 10**15


class SimNode:
    """A simulator of a node: two counters and two balances."""

    def __init__(self, params=ETHEREUM_LOCAL):
        self.params = params
        self.executed = self.used = 0
        self.safe_wei, self.sender_wei = 20 * PAID, 10**18

    def tip(self):
        return BlockRef(self.params.chain.id, 1, "0x1", "0x0")

    def view(self, _contract, _call, _at):
        return self.executed.to_bytes(32, "big")

    def sequence(self, _account, _at):
        return self.used

    def balance(self, account, _asset, _at):
        return self.safe_wei if account == WALLET.safe else self.sender_wei

    def fee_history(self, _blocks, _percentile):
        return FeeHistory(GWEI, (GWEI,))

    def gas_price(self):
        return 2 * GWEI


class House:
    """Live payments over the simulated chain."""

    def __init__(self):
        self.node, self.live = SimNode(), {}
        self.reader = SafeReader(WALLET, self.node)
        self.count = 0

    @property
    def reserved(self):
        return frozenset(name for plan in self.live.values() for name in CODEC.reservations(plan))

    def open(self):
        try:
            plan = CODEC.plan([make_intent(TO, Amount(PAID, ETH))], self.reader.spendable(self.reserved))
        except (SafeBusy, SafeStuck, InsufficientFunds):
            return
        assert not self.reserved & frozenset(CODEC.reservations(plan)), "two payments hold one resource"
        self.count += 1
        self.live[self.count] = plan

    def void(self, choice):
        if self.live:
            del self.live[sorted(self.live)[choice % len(self.live)]]

    def mine(self, *, reverts):
        """The payment that carries the next counter value of the sender is mined."""
        for plan in self.live.values():
            if plan.gas.nonce == self.node.used:
                self.node.used += 1
                if not reverts and plan.safe_nonce == self.node.executed:
                    self.node.executed += 1
                    self.node.safe_wei -= PAID
                return

    def settle(self):
        """What is executed is final, and its resources are free."""
        self.live = {name: plan for name, plan in self.live.items() if plan.safe_nonce >= self.node.executed}


STEPS = st.lists(
    st.one_of(
        st.just(("open",)),
        st.tuples(st.just("void"), st.integers(0, 20)),
        st.tuples(st.just("mine"), st.booleans()),
        st.just(("settle",)),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_no_history_gives_one_value_twice_or_promises_more_than_there_is(steps):
    house = House()
    for name, *arguments in steps:
        match name:
            case "open":
                house.open()
            case "void":
                house.void(*arguments)
            case "mine":
                house.mine(reverts=arguments[0])
            case _:
                house.settle()
        waiting = [plan for plan in house.live.values() if plan.safe_nonce >= house.node.executed]
        assert len(waiting) <= MAX_IN_FLIGHT
        assert len({plan.safe_nonce for plan in waiting}) == len(waiting)
        assert sum(item.units for plan in waiting for item in plan.payments) <= house.node.safe_wei
        carried = [plan.gas for plan in house.live.values() if plan.gas.nonce >= house.node.used]
        assert len({gas.nonce for gas in carried}) == len(carried)
        assert sum(gas.fee_max_wei for gas in carried) <= house.node.sender_wei


# E12: whatever was given up, the repairs leave neither counter with a gap.
@settings(max_examples=150, deadline=None)
@given(st.integers(0, 5), st.sets(st.integers(0, 20), max_size=16), st.sets(st.integers(0, 20), max_size=16))
def test_repairs_close_every_gap_and_use_no_value_twice(used, safes, senders):
    safe_gaps, sender_gaps = gaps(used, safes), gaps(used, senders)
    done = repairs(safe_gaps, sender_gaps, max(senders | {used - 1}) + 1)
    carriers = [repair.sender_nonce for repair in done]
    assert len(set(carriers)) == len(carriers)
    assert not set(carriers) & {value for value in senders if value >= used}
    assert gaps(used, safes | {r.safe_nonce for r in done if r.safe_nonce is not None}) == ()
    assert gaps(used, senders | set(carriers)) == ()


def test_a_reverted_execution_shows_in_the_state():
    house = House()
    house.open()
    house.open()
    house.mine(reverts=True)
    state = house.reader.spendable(house.reserved)
    assert state.stuck
    with pytest.raises(SafeStuck, match="Safe nonce 0"):
        CODEC.plan([make_intent(TO, Amount(PAID, ETH))], state)


def test_a_network_without_a_base_fee_has_one_price():
    wallet = make_wallet(BSC_LOCAL)
    state = SafeReader(wallet, SimNode(BSC_LOCAL)).sender(frozenset())
    assert state.tip_wei_per_gas == state.fee_wei_per_gas == 2 * GWEI
    assert (state.nonce, state.used) == (0, 0)
