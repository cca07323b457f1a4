import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulators.blocks import CHAIN, BentChain, MemoryDeposits, MemoryLedger, Payment, rules

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.errors import IllegalMove, NodeUnavailable
from custody.wallets.deposit import DEPOSIT, DepositEvent, DepositState
from custody.wallets.scanner import DepositScanner, ReorgTooDeep

COIN = Asset("COIN", 8, CHAIN.id)
ALICE = Address(CHAIN.id, "alice-address")
FLOORS = {"COIN": 10}
NOW_S = 1_800_000_000


@pytest.fixture
def house():
    chain, store, ledger = BentChain(), MemoryDeposits(), MemoryLedger()
    store.add_address(ALICE, "alice", 0)
    return chain, store, ledger, DepositScanner(chain, store, ledger, rules(FLOORS, tolerated_reorg=3))


def pay(txid="t1", units=100, index=0):
    return Payment(txid, index, ALICE, Amount(units, COIN))


def states(store):
    return {key: d.state.value for key, d in store.rows.items()}


def test_every_move_that_is_not_listed_raises():
    for state in DepositState:
        for event in DepositEvent:
            if not DEPOSIT.allows(state, event):
                with pytest.raises(IllegalMove):
                    DEPOSIT.next(state, event)


def test_zero_confirmations_and_one_too_few_never_credit(house):
    chain, store, ledger, scanner = house
    chain.mine(pay())
    scanner.step(NOW_S)
    assert states(store) == {"sim/t1/0": "seen"}
    assert ledger.balance["alice"] == 0


def test_a_silent_node_loses_nothing(house):
    chain, _store, ledger, scanner = house
    chain.down = True
    with pytest.raises(NodeUnavailable):
        scanner.step(NOW_S)
    chain.down = False
    chain.mine(pay())
    chain.mine(count=1)
    scanner.step(NOW_S)
    assert ledger.balance["alice"] == 100


# B13
def test_dust_is_recorded_but_not_credited(house):
    chain, store, ledger, scanner = house
    chain.mine(pay(units=9))
    chain.mine(count=6)
    scanner.step(NOW_S)
    assert states(store) == {"sim/t1/0": "ignored"}
    assert ledger.balance["alice"] == 0


# B09, B15
def test_two_outputs_are_two_credits_and_rescanning_makes_none(house):
    chain, store, ledger, scanner = house
    chain.mine(pay(index=0), pay(index=1))
    chain.mine(count=5)
    for _ in range(3):
        scanner.step(NOW_S)
    DepositScanner(chain, store, ledger, rules(FLOORS, tolerated_reorg=3)).step(NOW_S)
    assert ledger.balance["alice"] == 200
    assert set(states(store).values()) == {"final"}


# B08
def test_a_payment_that_leaves_before_credit_vanishes(house):
    chain, store, ledger, scanner = house
    chain.mine(pay())
    scanner.step(NOW_S)
    chain.reorg(1)
    chain.mine(count=5)
    scanner.step(NOW_S)
    assert states(store) == {"sim/t1/0": "vanished"}
    assert ledger.balance["alice"] == 0


# B10
def test_b10_reorg_of_a_credited_deposit_is_reversed_and_credited_again_once(house):
    chain, store, ledger, scanner = house
    chain.mine(pay())
    chain.mine()
    scanner.step(NOW_S)
    assert ledger.balance["alice"] == 100
    chain.reorg(2)
    chain.mine(count=3)
    scanner.step(NOW_S)
    assert (states(store), ledger.balance["alice"]) == ({"sim/t1/0": "reversed"}, 0)
    chain.mine(pay())
    chain.mine(count=4)
    scanner.step(NOW_S)
    scanner.step(NOW_S)
    assert (states(store), ledger.balance["alice"]) == ({"sim/t1/0": "final"}, 100)
    assert store.rows["sim/t1/0"].generation == 1


# B10, spent
def test_reversal_of_a_spent_credit_goes_to_suspense_and_is_not_credited_twice(house):
    chain, store, ledger, scanner = house
    chain.mine(pay())
    chain.mine()
    scanner.step(NOW_S)
    ledger.balance["alice"] = 0
    chain.reorg(2)
    chain.mine(count=2)
    scanner.step(NOW_S)
    assert states(store) == {"sim/t1/0": "suspense"}
    chain.mine(pay())
    chain.mine(count=4)
    scanner.step(NOW_S)
    assert (states(store), ledger.balance["alice"]) == ({"sim/t1/0": "final"}, 0)


# B11
def test_a_reorg_below_finality_stops_the_lane(house):
    chain, _store, ledger, scanner = house
    chain.mine(pay())
    chain.mine(count=5)
    scanner.step(NOW_S)
    chain.reorg(6)
    chain.mine(count=8)
    with pytest.raises(ReorgTooDeep, match="6 blocks above height 0 left the chain, 4 count as final"):
        scanner.step(NOW_S)
    assert ledger.balance["alice"] == 100


def test_a_late_scanner_catches_up_in_bounded_steps(house):
    chain, _store, ledger, scanner = house
    chain.mine(pay())
    chain.mine(count=450)
    first = scanner.step(NOW_S)
    assert (first.scanned, first.behind) == (200, 252)
    while scanner.step(NOW_S).behind:
        pass
    assert ledger.balance["alice"] == 100


class Crash(BaseException):
    pass


class CrashingStore(MemoryDeposits):
    def __init__(self, fuse):
        super().__init__()
        self.fuse = fuse

    def _burn(self):
        self.fuse -= 1
        if self.fuse == 0:
            raise Crash

    def save(self, *deposits):
        self._burn()
        super().save(*deposits)
        self._burn()

    def record_block(self, block, deposits):
        self._burn()
        super().record_block(block, deposits)
        self._burn()

    def forget_block(self, block):
        self._burn()
        super().forget_block(block)
        self._burn()


# Whatever is mined, reorganised and killed in between: the balance is what the final chain says.
@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["pay", "mine", "reorg", "step"]), max_size=25), st.integers(1, 12))
def test_any_schedule_ends_with_the_balance_of_the_main_chain(schedule, fuse):
    chain, store, ledger = BentChain(), CrashingStore(fuse), MemoryLedger()
    store.add_address(ALICE, "alice", 0)
    scanner = DepositScanner(chain, store, ledger, rules(FLOORS, tolerated_reorg=3))
    for number, move in enumerate(schedule):
        if move == "pay":
            chain.mine(pay(txid=f"t{number}"))
        elif move == "mine":
            chain.mine()
        elif move == "reorg" and len(chain.blocks) > 2:
            chain.reorg(min(2, len(chain.blocks) - 1))
            chain.mine(count=3)
        else:
            try:
                scanner.step(NOW_S)
            except Crash:
                store.fuse = 0
            except ReorgTooDeep:
                return
    chain.mine(count=5)
    store.fuse = 0
    try:
        scanner.step(NOW_S)
        scanner.step(NOW_S)
    except ReorgTooDeep:
        return
    paid = sum(p.amount.units for b in chain.blocks for p in chain.payments[b.hash])
    assert ledger.balance["alice"] == paid


def test_a_chain_that_stands_still_after_a_whole_step_is_no_news(house):
    chain, _store, _ledger, scanner = house
    assert scanner.sees_news()
    scanner.step(NOW_S)
    assert not scanner.sees_news()
    chain.mine(pay())
    assert scanner.sees_news()
    scanner.step(NOW_S)
    assert not scanner.sees_news()


def test_a_step_that_failed_is_news_until_one_succeeds(house):
    chain, _store, _ledger, scanner = house
    scanner.step(NOW_S)
    chain.down = True
    with pytest.raises(NodeUnavailable):
        scanner.step(NOW_S)
    chain.down = False
    assert scanner.sees_news()
