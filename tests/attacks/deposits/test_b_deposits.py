# B08-B19 at the scanner: deposits nobody can fake, on a chain that can be bent.
import pytest
from simulators.blocks import CHAIN, Payment
from simulators.deposit_house import ALICE, BOB, COIN, DepositHouse

from custody.primitives.address import Address
from custody.primitives.amount import MAX_UNITS, Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidAmount, InvalidInput, LimitExceeded, NodesDisagree, UnknownAsset
from custody.wallets.agreeing import AgreeingSource, Named
from custody.wallets.cases import CaseAction
from custody.wallets.clean_coins import spendable_keys, sweepable
from custody.wallets.memos import MemoDesk, TagCode
from custody.wallets.scanner import ForeignChain, ReorgTooDeep
from custody.wallets.standing import standing_of

SHARED = Address(CHAIN.id, "shared-address")
LISTED = "listed-sender"


@pytest.fixture
def house():
    return DepositHouse(tolerated_reorg=3)


# B08: what is not in a block is shown nowhere; what leaves its block before the credit vanishes.
def test_b08_an_unconfirmed_replaced_payment_is_never_credited(house):
    house.pay()
    house.step()
    assert (house.state(), house.balance()) == ("seen", 0)
    house.chain.reorg(1)
    house.step(blocks=5)
    assert (house.state(), house.balance()) == ("vanished", 0)


def test_b09_two_outputs_to_one_address_are_two_credits(house):
    house.chain.mine(*(Payment("t1", index, ALICE, Amount(100, COIN)) for index in (0, 1)))
    house.step(blocks=4)
    house.step()
    assert house.balance() == 200
    assert {house.state(index=0), house.state(index=1)} == {"final"}


# B10: spent, then gone: the account is frozen, the hole is in the books as negative suspense, officers close it.
def test_b10_a_spent_credit_that_left_the_chain_freezes_the_account_until_officers_settle_it(house):
    house.pay()
    house.step(blocks=1)
    house.ledger.balance["alice"] = 30
    house.chain.reorg(2)
    house.step(blocks=2)
    assert house.state() == "suspense"
    assert "left the chain after its credit was spent" in standing_of(house.store, "alice", {}, {}).frozen
    house.decide(CaseAction.COLLECT)
    house.step()
    assert house.state() == "suspense"  # still not enough
    house.ledger.balance["alice"] = 130
    house.decide(CaseAction.COLLECT)
    house.step()
    assert (house.state(), house.balance()) == ("reversed", 30)
    assert not standing_of(house.store, "alice", {}, {}).frozen


def test_b10_the_house_may_cover_it_and_gets_the_coins_if_they_come_back(house):
    house.ledger.balance["house"] = 500
    house.pay()
    house.step(blocks=1)
    house.ledger.balance["alice"] = 0
    house.chain.reorg(2)
    house.step(blocks=2)
    house.decide(CaseAction.COVER)
    house.step()
    assert (house.state(), house.balance("house"), house.balance()) == ("reversed", 400, 0)
    house.pay()
    house.step(blocks=1)
    assert (house.state(), house.balance("house"), house.balance()) == ("credited", 500, 0)


def test_b10_a_reversed_credit_that_is_mined_again_is_credited_once(house):
    house.pay()
    house.step(blocks=1)
    house.chain.reorg(2)
    house.step(blocks=2)
    assert (house.state(), house.balance()) == ("reversed", 0)
    house.pay()
    house.step(blocks=4)
    house.step()
    assert (house.state(), house.balance()) == ("final", 100)


# B11: deeper than tolerated: reversed, paused, twice as many confirmations; back only by officers.
def test_b11_a_deep_reorg_pauses_deposits_and_raises_confirmations():
    house = DepositHouse()  # credit depth 2: a reorg of two blocks can undo a credit
    house.pay()
    house.step(blocks=1)
    house.chain.reorg(2)
    house.pay("t2")
    progress = house.step(blocks=6)
    assert "deposits wait for officers, now 4 confirmations" in progress.paused
    assert (house.state(), house.balance()) == ("reversed", 0)
    assert house.state("t2") == "seen"
    assert "officers" in house.deposit("t2").reason
    house.decide(CaseAction.RESUME, "sim")
    house.pay("t3")
    house.step(blocks=2)
    assert (house.state("t2"), house.state("t3")) == ("final", "seen")  # three confirmations are too few now
    house.step(blocks=1)
    assert house.state("t3") == "final"
    house.decide(CaseAction.RESTORE, "sim")
    house.pay("t4")
    house.step(blocks=1)
    assert house.state("t4") == "credited"


def test_b11_a_reorg_of_a_final_block_stops_everything_until_officers_accept_it(house):
    house.pay()
    house.step(blocks=5)
    house.step()
    assert house.state() == "final"
    house.chain.reorg(6)
    house.chain.mine(count=8)
    for _ in range(3):
        with pytest.raises(ReorgTooDeep):
            house.step()
    assert (house.state(), house.balance()) == ("final", 100)
    house.decide(CaseAction.RESUME, "sim")
    house.step()
    assert (house.state(), house.balance()) == ("reversed", 0)


def test_b11_a_node_that_is_behind_takes_nothing_back(house):
    house.pay()
    house.step(blocks=2)
    assert house.balance() == 100
    ahead = list(house.chain.blocks)
    del house.chain.blocks[-2:]  # restarted from an older copy, still catching up
    for _ in range(2):
        assert house.step().changed == ()
    house.chain.blocks = ahead
    house.step(blocks=2)
    assert (house.state(), house.balance()) == ("final", 100)


# B12: one shared address; a memo that is missing, damaged or unknown is never a guess.
def tag(number):
    return f"{number}{(7 * number + 3) % 10}"


def number(memo):
    if not memo.isdecimal() or len(memo) < 2 or tag(int(memo[:-1])) != memo:
        raise InvalidInput("a digit is off")
    return int(memo[:-1])


class Numbers:
    def __init__(self):
        self.customers = []

    def number_of(self, _chain, customer):
        if customer not in self.customers:
            self.customers.append(customer)
        return self.customers.index(customer) + 1

    def customer_at(self, _chain, number):
        return self.customers[number - 1] if 0 < number <= len(self.customers) else None


@pytest.fixture
def shared():
    desk = MemoDesk(SHARED, TagCode(tag, number), Numbers())
    house = DepositHouse(memos=desk, own_places=frozenset({"our-cold-wallet"}))
    desk.watch(house.store)
    house.tags = {who: desk.place_for(who)[1] for who in ("alice", "bob")}
    return house


@pytest.mark.parametrize("memo", ["", "11", "abc", "0", "9999", "010", "\u0661\u0660"])
def test_b12_a_memo_that_is_missing_wrong_or_one_digit_off_goes_to_suspense(shared, memo):
    shared.pay(to=SHARED, memo=memo)
    shared.step(blocks=5)
    assert shared.state() == "unattributed"
    assert "memo" in shared.deposit().reason
    assert dict(shared.ledger.balance) == {}


def test_b12_a_right_memo_is_its_customers(shared):
    shared.pay("t1", to=SHARED, memo=shared.tags["alice"])
    shared.pay("t2", to=SHARED, memo=shared.tags["bob"], units=70)
    shared.step(blocks=5)
    assert (shared.balance(), shared.balance("bob")) == (100, 70)


def test_b12_officers_assign_it_and_a_reorg_does_not_forget_that(shared):
    shared.pay(to=SHARED)
    shared.step()
    shared.decide(CaseAction.ASSIGN, customer="bob")
    shared.chain.reorg(1)
    shared.pay(to=SHARED)
    shared.step(blocks=5)
    shared.step()
    assert (shared.state(), shared.balance("bob"), shared.balance()) == ("final", 100, 0)


def test_b12_a_refund_is_the_houses_until_it_is_paid(shared):
    shared.pay(to=SHARED)
    shared.step(blocks=2)
    shared.decide(CaseAction.REFUND, refund_to="where-it-came-from")
    shared.step(blocks=4)
    assert (shared.state(), shared.balance("house")) == ("final", 100)
    assert shared.deposit().refund_to == "where-it-came-from"


def test_b12_a_move_between_our_own_wallets_is_no_deposit(shared):
    shared.pay(to=SHARED, senders=("our-cold-wallet",))
    shared.pay("t2", to=SHARED, senders=("our-cold-wallet", "stranger"))
    shared.step(blocks=5)
    assert shared.deposit() is None
    assert shared.state("t2") == "unattributed"


# B13: dust is one transaction with its block and no work afterwards.
def test_b13_ten_thousand_dust_deposits_are_recorded_once_and_never_touched_again(house, monkeypatch):
    house.chain.mine(*(Payment(f"d{n}", 0, ALICE, Amount(9, COIN)) for n in range(10_000)))
    house.step(blocks=1)
    asked = []
    monkeypatch.setattr(type(house.store), "save", lambda _store, *deposits: asked.extend(deposits))
    for _ in range(3):
        assert house.step(blocks=1).changed == ()
    assert asked == []
    assert (house.state("d9999"), dict(house.ledger.balance)) == ("ignored", {})
    assert house.screening.asked == []
    assert sweepable(house.store, CHAIN.id) == frozenset()
    assert spendable_keys(house.store, ["sim/d1/0"]) == frozenset()


def test_b14_an_address_of_long_ago_is_still_credited(house):
    newer = Address(CHAIN.id, "alice-newer-address")
    house.store.add_address(newer, "alice", 3)
    assert house.store.address_of(CHAIN.id, "alice") == (newer, 3)
    house.pay(to=ALICE)
    house.step(blocks=1)
    assert house.balance() == 100


def test_b15_a_block_that_is_scanned_twice_is_credited_once(house):
    house.pay()
    house.step(blocks=5)
    for block in list(house.chain.blocks):
        house.store.forget_block(block)
    house.step()
    house.step()
    assert (house.state(), house.balance()) == ("final", 100)


# B16: one of two nodes invents a block, hides a payment, or is of another chain.
@pytest.fixture
def two(house):
    other = DepositHouse().chain
    other.blocks, other.payments = list(house.chain.blocks), dict(house.chain.payments)
    house.source = AgreeingSource([Named("own node", house.chain), Named("rented node", other)])
    return house, other


def both_mine(first, second, *payments, count=1):
    first.mine(*payments, count=count)
    second.blocks, second.payments = list(first.blocks), dict(first.payments)


def test_b16_an_invented_block_is_not_credited_and_both_nodes_are_named(two):
    house, other = two
    other.forks = 9
    other.mine(Payment("t1", 0, ALICE, Amount(10**6, COIN)), count=6)
    house.chain.mine(count=6)
    with pytest.raises(NodesDisagree, match="own node and rented node disagree about block 6"):
        house.step()
    assert (house.deposit(), house.balance()) == (None, 0)


def test_b16_a_payment_that_only_one_node_sees_is_not_credited(two):
    house, other = two
    both_mine(house.chain, other, count=4)
    other.payments[other.blocks[2].hash] = (Payment("t1", 0, ALICE, Amount(10**6, COIN)),)
    with pytest.raises(NodesDisagree, match="deposits in block 2"):
        house.step()
    assert house.balance() == 0
    other.payments[other.blocks[2].hash] = ()
    assert house.step().behind == 0


def test_b16_a_node_that_lags_only_delays(two):
    house, other = two
    both_mine(house.chain, other, Payment("t1", 0, ALICE, Amount(100, COIN)))
    house.chain.mine(count=5)
    assert house.step().scanned == 2
    assert house.balance() == 0
    both_mine(house.chain, other)
    house.step()
    assert house.balance() == 100


# E11, B16: after a restart the node serves another history.
def test_e11_a_node_on_another_fork_at_the_start_is_refused_and_nothing_is_forgotten(house):
    house.pay()
    house.step(blocks=8)
    stranger = DepositHouse().chain
    stranger.forks = 5
    stranger.blocks = []
    stranger.mine(count=20)
    house.source = stranger
    with pytest.raises(ForeignChain):
        house.step()
    assert (house.state(), house.balance()) == ("final", 100)
    house.source = house.chain
    house.step(blocks=1)


# B17: a listed sender.
def test_b17_a_listed_sender_is_credited_to_nobody_and_its_address_is_not_swept(house):
    house.pay("clean", to=BOB)
    house.pay("good")
    house.step(blocks=4)
    house.screening.listed.add(LISTED)
    house.pay(senders=("somebody", LISTED))
    house.step()
    assert sweepable(house.store, CHAIN.id) == {BOB.text}  # not screened yet
    house.step(blocks=4)
    assert (house.state(), house.balance()) == ("quarantined", 100)
    assert LISTED in house.deposit().reason
    assert sweepable(house.store, CHAIN.id) == {BOB.text}
    assert spendable_keys(house.store, ["sim/good/0", "sim/t1/0"]) == {"sim/good/0"}


def test_b17_a_silent_screening_credits_nothing_and_asks_once_a_step(house):
    house.screening.down = True
    for number_ in range(5):
        house.pay(f"t{number_}", senders=("somebody",))
    house.step(blocks=4)
    assert {house.state(f"t{n}") for n in range(5)} == {"seen"}
    assert "waits for the screening" in house.deposit("t3").reason
    assert len(house.screening.asked) == 1
    house.screening.down = False
    house.step()
    assert house.balance() == 500
    assert house.deposit("t3").reason == ""


def test_b17_one_node_cannot_hide_a_sender(two):
    house, other = two
    house.screening.listed.add(LISTED)
    both_mine(house.chain, other, Payment("t1", 0, ALICE, Amount(100, COIN), senders=("somebody",)), count=3)
    other.payments[other.blocks[1].hash] = (Payment("t1", 0, ALICE, Amount(100, COIN), senders=(LISTED,)),)
    house.step()
    assert house.state() == "quarantined"


def test_b17_officers_release_it_after_a_look(house):
    house.screening.listed.add(LISTED)
    house.pay(senders=(LISTED,))
    house.step(blocks=2)
    house.decide(CaseAction.RELEASE, note="another person of that name")
    house.step(blocks=3)
    assert (house.state(), house.balance()) == ("final", 100)


def test_b17_a_sender_that_cannot_be_screened_and_too_many_are_set_aside(house):
    house.pay("odd", senders=("not\x00an address",))
    house.pay("many", senders=tuple(f"s{n}" for n in range(1_001)))
    house.pay("good", senders=("s1",))
    house.step(blocks=4)
    assert [house.state(each) for each in ("odd", "many", "good")] == ["quarantined", "quarantined", "final"]


# B18: the address was handed out on the sibling chain.
def test_b18_a_payment_on_the_wrong_network_is_recorded_and_credited_to_nobody():
    house = DepositHouse(siblings=(ChainId("sibling"),))
    elsewhere = Address(ChainId("sibling"), "carols-address")
    house.store.add_address(elsewhere, "carol", 0)
    house.pay(to=Address(CHAIN.id, "carols-address"))
    house.step(blocks=5)
    assert (house.state(), dict(house.ledger.balance)) == ("unattributed", {})
    assert "handed out on sibling, not on sim" in house.deposit().reason
    house.decide(CaseAction.ASSIGN, customer="carol")
    house.step()
    assert house.balance("carol") == 100  # of the asset of the chain it is on


# B19: where amounts enter.
@pytest.mark.parametrize(
    "text", ["-1", "NaN", "1e18", "Infinity", "0x10", " 1", "1_000", "\u0661", "1" * 79, "1,5", ""]
)
def test_b19_texts_that_are_no_plain_numbers_are_refused(text):
    with pytest.raises(InvalidAmount):
        Amount.parse(text, COIN)


@pytest.mark.parametrize("units", [0, -1])
def test_b19_a_node_that_reports_nothing_or_less_stops_the_lane(house, units):
    house.pay(units=units)
    with pytest.raises(InvalidAmount):
        house.step()
    assert house.deposit() is None


@pytest.mark.parametrize("units", [1.5, "1e18", float("nan"), True, None])
def test_b19_what_is_not_an_int_is_no_amount(units):
    with pytest.raises(InvalidAmount):
        Amount(units, COIN)


def test_b19_an_asset_of_another_chain_or_a_look_alike_is_refused(house):
    house.chain.mine(Payment("t1", 0, ALICE, Amount(1, Asset("COIN", 8, ChainId("other")))))
    with pytest.raises(InvalidInput):
        house.step()
    house.chain.blocks.pop()
    house.chain.mine(Payment("t1", 0, ALICE, Amount(10**6, Asset("COIN", 8, CHAIN.id, "look-alike"))))
    with pytest.raises(UnknownAsset):
        house.step()


def test_b19_seventy_eight_digits_are_exact_and_what_the_books_refuse_is_set_aside(house, monkeypatch):
    honest = house.ledger.credit

    def credit(deposit):
        if deposit.amount.units > 2**62:
            raise LimitExceeded("simulated: more than the books can count")
        honest(deposit)

    monkeypatch.setattr(house.ledger, "credit", credit)
    house.pay("huge", units=MAX_UNITS)
    house.pay("after")
    house.step(blocks=4)
    assert house.deposit("huge").amount.units == MAX_UNITS
    assert (house.state("huge"), house.state("after"), house.balance()) == ("quarantined", "final", 100)
