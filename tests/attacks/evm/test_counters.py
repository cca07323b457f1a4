"""A11, E05, E12: counters that were used by others, or that nobody uses while payments wait behind them."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from simulators.anvil import (
    ETH,
    SENDER,
    SENDER_PATH,
    STATION_PATH,
    AccountSigner,
    make_intent,
    mined_by_hand,
    running_house,
)

from custody.chains.evm.address import address_of
from custody.chains.evm.nonces import KeyUsedOutside
from custody.chains.evm.outer_tx import Gas, OuterTx
from custody.keys.ecdsa import sign_recoverable
from custody.primitives.amount import Amount
from custody.primitives.asset import AssetBook
from custody.primitives.chain import Finality
from custody.store.database import open_database
from custody.store.gas_loans import SqlGasLoanStore
from custody.store.sweeps import SqlSweepStore
from exchange.app.evm_moves import DAILY_GAS_WEI, SafeMoves
from exchange.app.evm_upkeep import PATIENCE_STEPS, SafeNonceGap, SenderUpkeep
from exchange.app.gas_station import Station

pytestmark = pytest.mark.node

ALICE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
BOB = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running_house(tmp_path_factory.mktemp("anvil")) as house:
        yield house


@pytest.fixture
def house(shared):
    with shared.undone():
        yield shared


class Payments:
    """A simulator of the withdrawal store: reservations of live payments, and the plans of all."""

    def __init__(self, house):
        self.house, self.live, self.plans, self.signed = house, {}, {}, {}

    def reserved(self, _chain):
        return frozenset(name for names in self.live.values() for name in names)

    def payments(self, _states):
        chain, wallet = self.house.reader.chain.id, self.house.wallet.id
        return [SimpleNamespace(id=name, chain=chain, wallet_id=wallet) for name in self.plans]

    def attempts(self, name):
        plan = self.house.codec.encode(self.plans[name])
        return [SimpleNamespace(plan=plan, signed=self.signed.get(name))]

    def open(self, name, to=ALICE):
        intent = make_intent(to, Amount(5, ETH), name=name)
        self.plans[name] = self.house.plan(intent, reserved=self.reserved(None))
        self.live[name] = self.house.codec.reservations(self.plans[name])
        return self.plans[name]

    def send(self, name):
        signed = self.signed[name] = self.house.sign(self.plans[name])
        self.house.broadcaster.broadcast(signed)
        return signed


@pytest.fixture
def payments(house):
    return Payments(house)


@pytest.fixture
def upkeep(house, payments, tmp_path):
    database = open_database(f"sqlite:///{tmp_path}/custody.db")
    sweeps = SqlSweepStore(database, AssetBook([ETH]))
    moves = SafeMoves(house.reader, Station({}, SqlGasLoanStore(database), sweeps, lambda: 0, DAILY_GAS_WEI))
    return SenderUpkeep(house.reader, house.codec, moves, (payments, sweeps), AccountSigner(house.wallet))


def by_thief(house, path=SENDER_PATH):
    """Somebody else who has the key at this path sends something."""
    account = address_of(SENDER.key(path))
    tx = OuterTx(31337, Gas(house.anvil.node.sequence(account), 10**9, 10**11, 21_000), BOB, 1, b"")
    raw = tx.signed(sign_recoverable(SENDER.root.derive(path).key, tx.signing_hash()))
    return house.anvil.node.send_raw(raw)


# A11, E05: the key was used by somebody else.
def test_e05_a_transaction_of_the_sender_that_is_not_ours_is_an_alarm_once_final(house, payments, upkeep):
    payments.open("w1")
    house.wait(payments.send("w1").txid)
    del payments.live["w1"]
    house.wait(by_thief(house))
    upkeep.step()  # not final yet: it may still be reorganised away
    house.anvil.mine(3)
    for _ in range(2):
        with pytest.raises(KeyUsedOutside, match="first counter values 1"):
            upkeep.step()


def test_e05_foreign_use_of_the_gas_station_is_an_alarm_too(house, upkeep):
    house.wait(by_thief(house, STATION_PATH))
    house.anvil.mine(3)
    with pytest.raises(KeyUsedOutside, match=house.wallet.station_address):
        upkeep.step()


# A11: after a reorganisation a foreign transaction holds the counter value that our payment was to use.
def test_a11_a_foreign_transaction_at_our_counter_value_is_an_alarm_and_costs_no_payment(house, payments, upkeep):
    intent = make_intent(ALICE, Amount(5, ETH), name="w1")
    plan = payments.open("w1")
    signed = payments.send("w1")
    house.wait(signed.txid)
    house.anvil.reorg(1)
    house.anvil.rpc.call("anvil_dropAllTransactions")
    house.wait(by_thief(house))
    upkeep.step()
    house.anvil.mine(3)
    assert house.finality(signed) is Finality.UNKNOWN
    with pytest.raises(KeyUsedOutside, match="first counter values 0"):
        upkeep.step()
    # The next try goes out under another value, for the same nonce of the Safe: one payment.
    again = house.codec.bump(plan, house.reader.spendable(frozenset()), [intent])
    assert (again.safe_nonce, again.gas.nonce) == (plan.safe_nonce, plan.gas.nonce + 1)
    payments.plans["w1 again"] = again
    second = payments.send("w1 again")
    house.wait(second.txid)
    house.anvil.mine(3)
    assert {house.finality(signed), house.finality(second)} == {Finality.FINAL}
    assert house.wei(ALICE) == 5


def test_own_transactions_are_no_alarm_also_after_a_restart(house, payments, upkeep):
    for name in ("w1", "w2"):
        payments.open(name)
        house.wait(payments.send(name).txid)
    payments.live.clear()
    house.anvil.mine(3)
    for _ in range(PATIENCE_STEPS + 1):
        upkeep.step()


# E05: a payment was carried by a stranger, so its own transaction never came; the ones behind it wait.
def test_e05_a_gap_of_the_sender_alone_is_filled_by_itself(house, payments, upkeep):
    with mined_by_hand(house.anvil):
        for name, to in (("w1", ALICE), ("w2", BOB)):
            payments.open(name, to)
        call = house.codec._outer(
            payments.plans["w1"],
            *_signed_by_members(house, payments.plans["w1"]),
        ).call
        funder = house.anvil.rpc.call("eth_accounts")[0]
        fields = {"from": funder, "to": house.wallet.safe, "data": "0x" + call.hex(), "gas": "0x100000"}
        house.anvil.rpc.call("eth_sendTransaction", fields)
        house.anvil.mine()
        del payments.live["w1"]
        second = payments.send("w2")
        house.anvil.mine(2)
        assert house.anvil.node.receipt(second.txid) is None
        for _ in range(PATIENCE_STEPS):
            assert house.anvil.node.receipt(second.txid) is None
            upkeep.step()
        house.anvil.mine()
        assert house.wait(second.txid).succeeded
        house.anvil.mine(3)
        for _ in range(PATIENCE_STEPS + 1):
            upkeep.step()  # the filler is in the records: no alarm, and no second one
    assert (house.wei(ALICE), house.wei(BOB)) == (5, 5)
    assert house.anvil.node.sequence(house.wallet.sender_address) == 2


# E12: a queued payment was deleted; the ones behind it can never be executed.
def test_e12_a_deleted_safe_nonce_is_named_with_the_rejection_that_closes_it(house, payments, upkeep):
    with mined_by_hand(house.anvil):
        deleted = payments.open("w1")
        payments.open("w2", BOB)
        del payments.live["w1"]
        second = payments.send("w2")
        for _ in range(PATIENCE_STEPS - 1):
            upkeep.step()
        with pytest.raises(SafeNonceGap) as raised:
            upkeep.step()
        proposed = raised.value.facts
        assert (proposed["safe_nonce"], proposed["sender_nonce"]) == (deleted.safe_nonce, deleted.gas.nonce)
        sender = replace(house.reader.sender(frozenset()), nonce=int(proposed["sender_nonce"]))
        rejection = house.sign(house.codec.reject(int(proposed["safe_nonce"]), sender))
        house.broadcaster.broadcast(rejection)
        house.anvil.mine()
    for signed in (rejection, second):
        assert house.wait(signed.txid).succeeded
    assert (house.wei(ALICE), house.wei(BOB)) == (0, 5)


def test_a_gap_that_the_next_payment_takes_is_left_alone(house, payments, upkeep):
    with mined_by_hand(house.anvil):
        payments.open("w1")
        payments.open("w2", BOB)
        del payments.live["w1"]
        for _ in range(PATIENCE_STEPS - 1):
            upkeep.step()
        payments.open("w3")
        for _ in range(PATIENCE_STEPS):
            upkeep.step()


def _signed_by_members(house, plan):
    from simulators.anvil import sign_all  # noqa: PLC0415

    from custody.chains.evm.plan import safe_tx_of  # noqa: PLC0415

    safe_tx = safe_tx_of(house.wallet, plan)
    return safe_tx, house.codec._valid_members(safe_tx, sign_all(house.codec, plan))
