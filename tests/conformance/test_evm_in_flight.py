"""Several payments of one Safe on their way at once, against a real node."""

from dataclasses import replace

import pytest
from simulators.anvil import (
    ETH,
    SENDER,
    compiled,
    make_intent,
    make_wallet,
    mined_by_hand,
    running_house,
    sign_all,
)

from custody.chains.evm.codec import SafeCodec
from custody.chains.evm.deploy import deploy_on_devnet
from custody.chains.evm.plan import SafeStuck
from custody.chains.evm.reader import MAX_IN_FLIGHT, SafeBusy, SafeReader
from custody.primitives.amount import Amount
from custody.primitives.chain import Finality
from custody.primitives.errors import InsufficientFunds

pytestmark = pytest.mark.node

ALICE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
BOB = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
SECOND_SENDER = "m/44h/60h/9h/0/2"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running_house(tmp_path_factory.mktemp("anvil")) as house:
        yield house


@pytest.fixture
def house(shared):
    with shared.undone():
        yield shared


class Desk:
    """Reservations of live payments, as the withdrawal store keeps them."""

    def __init__(self, house):
        self.house, self.held = house, {}

    @property
    def reserved(self):
        return frozenset(name for names in self.held.values() for name in names)

    def open(self, name, *intents):
        plan = self.house.plan(*intents, reserved=self.reserved)
        names = self.house.codec.reservations(plan)
        assert not self.reserved & frozenset(names), "two payments hold one resource"
        self.held[name] = names
        return plan

    def others(self, name):
        return frozenset(each for other, names in self.held.items() if other != name for each in names)


def sent(house, plan):
    signed = house.sign(plan)
    house.broadcaster.broadcast(signed)
    return signed


def test_a_seventeenth_payment_waits(house):
    desk = Desk(house)
    plans = [desk.open(str(n), make_intent(ALICE, Amount(1, ETH), name=str(n))) for n in range(MAX_IN_FLIGHT)]
    assert len({plan.safe_nonce for plan in plans}) == len({plan.gas.nonce for plan in plans}) == MAX_IN_FLIGHT
    with pytest.raises(SafeBusy):
        house.reader.spendable(desk.reserved)


def test_what_is_promised_to_a_payment_on_its_way_is_not_spent_twice(house):
    desk = Desk(house)
    held, tokens = house.wei(house.wallet.safe), house.tokens(house.wallet.safe)
    desk.open("1", make_intent(ALICE, Amount(held - 5, ETH)), make_intent(BOB, Amount(tokens, house.token), name="w2"))
    left = house.reader.spendable(desk.reserved).balances
    assert (left[ETH.key], left[house.token.key]) == (5, 0)
    for amount in (Amount(6, ETH), Amount(1, house.token)):
        with pytest.raises(InsufficientFunds):
            desk.open("2", make_intent(ALICE, amount, name="w3"))
    desk.open("2", make_intent(ALICE, Amount(5, ETH), name="w3"))


def test_gas_that_a_waiting_payment_may_burn_is_not_offered_to_the_next(house):
    desk = Desk(house)
    first = desk.open("1", make_intent(ALICE, Amount(1, ETH)))
    house.anvil.rpc.call("anvil_setBalance", house.wallet.sender_address, hex(first.gas.fee_max_wei * 3 // 2))
    with pytest.raises(InsufficientFunds, match="sender"):
        desk.open("2", make_intent(BOB, Amount(1, ETH), name="w2"))


# A16, E12: the first of three reverts; the ones behind it are queued up no further, and none is lost or paid twice.
def test_a_reverted_execution_stops_the_lane_until_its_nonce_is_used(house):
    gate = house.anvil.create(compiled()["Gate"])
    desk = Desk(house)
    intents = [make_intent(to, Amount(5, ETH), name=to) for to in (gate, ALICE, BOB)]
    plans = [desk.open(intent.to.text, intent) for intent in intents]
    payments = [sent(house, plan) for plan in plans]
    assert [house.wait(payment.txid).succeeded for payment in payments] == [False, False, False]
    with pytest.raises(SafeStuck):
        desk.open("4", make_intent(ALICE, Amount(1, ETH), name="w4"))
    assert house.codec.bump(plans[1], house.reader.spendable(desk.others(ALICE)), intents[1:2]) is None
    rejection = house.sign(house.codec.reject(plans[0].safe_nonce, house.reader.sender(desk.reserved)))
    house.broadcaster.broadcast(rejection)
    house.wait(rejection.txid)
    house.anvil.mine(3)
    assert house.finality(payments[0]) is Finality.DEAD
    del desk.held[gate]
    for place, to in ((1, ALICE), (2, BOB)):
        again = house.codec.bump(plans[place], house.reader.spendable(desk.others(to)), (intents[place],))
        desk.held[to] += house.codec.reservations(again)[1:]
        tried = sent(house, again)
        assert house.wait(tried.txid).succeeded
        assert tried.conflict_key == payments[place].conflict_key
    assert (house.wei(gate), house.wei(ALICE), house.wei(BOB)) == (0, 5, 5)
    assert desk.open("4", make_intent(ALICE, Amount(1, ETH), name="w4")).safe_nonce == plans[2].safe_nonce + 1


# A10: payments in a block that disappears count as promised again.
def test_a_reorganisation_brings_the_promise_back(house):
    desk = Desk(house)
    plan = desk.open("1", make_intent(ALICE, Amount(5, ETH)))
    before = house.reader.spendable(desk.reserved)
    house.wait(sent(house, plan).txid)
    assert house.reader.spendable(desk.reserved).balances == before.balances
    house.anvil.reorg(1)
    after = house.reader.spendable(desk.reserved)
    assert (after.balances, after.nonce, after.executed) == (before.balances, before.nonce, before.executed)


# E05, E12: what a given-up payment leaves open is taken first.
def test_the_next_payment_takes_the_pair_that_a_given_up_one_left(house):
    desk = Desk(house)
    first, second, _ = [desk.open(str(n), make_intent(ALICE, Amount(1, ETH), name=str(n))) for n in range(3)]
    del desk.held["1"]
    again = desk.open("4", make_intent(BOB, Amount(1, ETH), name="w4"))
    assert (again.safe_nonce, again.gas.nonce) == (second.safe_nonce, second.gas.nonce)
    assert (again.safe_nonce, again.gas.nonce) == (first.safe_nonce + 1, first.gas.nonce + 1)


def test_sixteen_payments_sent_at_once_are_mined_in_one_block(house):
    desk = Desk(house)
    fresh = ["0x" + f"{0xABCDEF0000 + n:040x}" for n in range(MAX_IN_FLIGHT)]
    with mined_by_hand(house.anvil):
        intents = [make_intent(house.codec.parse_address(to).text, Amount(7, ETH), name=to) for to in fresh]
        payments = [sent(house, desk.open(intent.withdrawal_id, intent)) for intent in intents]
        assert {house.finality(payment) for payment in payments} == {Finality.PENDING}
        house.anvil.mine()
    assert len({house.wait(payment.txid).height for payment in payments}) == 1
    house.anvil.mine(3)
    assert {house.finality(payment) for payment in payments} == {Finality.FINAL}
    assert {house.wei(to) for to in fresh} == {7}


def test_a_bump_replaces_one_of_several_in_place(house):
    desk = Desk(house)
    with mined_by_hand(house.anvil):
        intents = [make_intent(to, Amount(5, ETH), name=to) for to in (ALICE, BOB)]
        plans = [desk.open(intent.to.text, intent) for intent in intents]
        first, _ = [sent(house, plan) for plan in plans]
        dearer = house.codec.bump(plans[0], house.reader.spendable(desk.others(ALICE)), intents[:1])
        assert (dearer.safe_nonce, dearer.gas.nonce) == (plans[0].safe_nonce, plans[0].gas.nonce)
        replacement = sent(house, dearer)
        house.anvil.mine()
    assert house.anvil.node.receipt(first.txid) is None
    assert house.wait(replacement.txid).succeeded
    assert (house.wei(ALICE), house.wei(BOB)) == (5, 5)


# Two hot wallets of one chain: Safe and sender of their own, so that one being stuck is nothing to the other.
def test_a_second_lane_pays_while_the_first_is_stuck(house):
    second = make_wallet(salt_nonce=2)
    second = replace(second, id="hot-eth-2", sender=SENDER.key(SECOND_SENDER))
    deploy_on_devnet(house.anvil.node, second)
    for address in (second.safe, second.sender_address):
        house.anvil.fund(address, 10**18)
    gate = house.anvil.create(compiled()["Gate"])
    desk = Desk(house)
    stuck = desk.open("1", make_intent(gate, Amount(5, ETH)))
    assert not house.wait(sent(house, stuck).txid).succeeded
    with pytest.raises(SafeStuck):
        desk.open("2", make_intent(ALICE, Amount(5, ETH), name="w2"))
    codec, reader = SafeCodec(second), SafeReader(second, house.anvil.node)
    plan = codec.plan([make_intent(ALICE, Amount(5, ETH), name="w2")], reader.spendable(desk.reserved))
    assert not desk.reserved & frozenset(codec.reservations(plan))
    signed = codec.assemble(plan, signed_by_all(codec, plan))
    house.broadcaster.broadcast(signed)
    assert house.wait(signed.txid).succeeded
    assert house.wei(ALICE) == 5


def signed_by_all(codec, plan):
    members = sign_all(codec, plan, sender_path=SECOND_SENDER)
    assert codec.next_need(plan, members) is None
    return members
