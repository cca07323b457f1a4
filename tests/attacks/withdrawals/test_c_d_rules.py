# Attacks C04, C05, D01-D08, D13, D15 and E09 as far as they concern the withdrawal room.
import threading
from dataclasses import replace

import pytest
from simulators.chain import COIN
from simulators.withdrawal_house import (
    BIG_UNITS,
    FUNDS,
    NOW_S,
    OPERATORS,
    House,
    approval,
    house_policy,
    roster_of,
)

from custody.keys.quorum import Roster
from custody.primitives.approval import Verdict
from custody.primitives.errors import BadSignature, UnknownAsset
from custody.primitives.ids import CustomerId, IdempotencyKey, WithdrawalId
from custody.withdrawals.deciding import take_up
from custody.withdrawals.errors import ApprovalRefused
from custody.withdrawals.facts import Circumstances, Destination, DestinationKind, Price, Scope, Tier
from custody.withdrawals.pipeline import Pipeline
from custody.withdrawals.ports import Change
from custody.withdrawals.records import Payment
from custody.withdrawals.request import WithdrawalRequest
from custody.withdrawals.rules import Effect, Limit, Match, Rule
from custody.withdrawals.states import PaymentState, WithdrawalState

HOUR_S = 3_600
PAID_OR_ON_THE_WAY = {WithdrawalState.BROADCAST, WithdrawalState.SETTLED}


@pytest.fixture
def house():
    return House()


def waiting(house, units=BIG_UNITS, **asked):
    withdrawal = house.ask(units, **asked)
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.AWAITING_APPROVAL
    return house.service.get(withdrawal.id)


def limited(units, scope=Scope.CUSTOMER, window_s=HOUR_S):
    rule = Rule(
        "limited",
        Effect.PERMIT,
        Match(assets=frozenset({"SIM"})),
        limits=(Limit(scope, window_s, max_units=units),),
    )
    return replace(house_policy(), rules=(rule,))


def test_c04_a_plan_changed_after_approval_is_never_shown_to_a_signer(house):
    withdrawal = waiting(house)
    house.approve(withdrawal.id, "ann", "bob")
    for signer in house.signers:
        signer.down = True
    house.step()
    payment = house.store.payment(house.service.get(withdrawal.id).payment_id)
    (attempt,) = house.store.attempts(payment.id)
    tampered = replace(attempt, plan=attempt.plan.replace(b"sim1dest", b"sim1evil"))
    house.store.commit(Change(payments=(payment,), attempts=(tampered,)))
    asked = [signer.asked for signer in house.signers]
    for signer in house.signers:
        signer.down = False
    progress = house.step()
    assert any("plan_mismatch" in each.problem for each in progress)
    assert [signer.asked for signer in house.signers] == asked
    assert house.network.sends == []


def test_c04_a_new_policy_version_makes_another_intent_and_voids_votes(house):
    withdrawal = waiting(house)
    house.approve(withdrawal.id, "ann")
    house.policy = house_policy(2)
    house.step()
    again = house.service.get(withdrawal.id)
    assert again.state is WithdrawalState.AWAITING_APPROVAL
    assert again.intent_hash != withdrawal.intent_hash
    house.approve(withdrawal.id, "bob")
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.AWAITING_APPROVAL


def test_c05_refuses_an_approval_for_another_withdrawal(house):
    first, second = waiting(house), waiting(house, key="key-2")
    vote = approval(first.intent_hash, "ann")
    with pytest.raises(ApprovalRefused):
        house.service.approve(second.id, vote, NOW_S * 1000)


def test_c05_a_replayed_vote_in_the_store_does_not_count(house):
    first, second = waiting(house), waiting(house, key="key-2")
    for name in ("ann", "bob"):
        house.store.add_approval(second.id, approval(first.intent_hash, name))
    house.step()
    assert house.state(second.id) is WithdrawalState.AWAITING_APPROVAL


def test_refuses_an_approval_with_a_forged_signature(house):
    withdrawal = waiting(house)
    forged = replace(approval(withdrawal.intent_hash, "ann"), approver="bob")
    with pytest.raises(BadSignature):
        house.service.approve(withdrawal.id, forged, NOW_S * 1000)


def test_without_approvals_nothing_is_signed(house):
    waiting(house)
    house.settle()
    assert [signer.asked for signer in house.signers] == [0, 0, 0]


def test_one_approval_too_few_is_not_enough(house):
    withdrawal = waiting(house)
    house.approve(withdrawal.id, "ann")
    house.settle()
    assert house.state(withdrawal.id) is WithdrawalState.AWAITING_APPROVAL
    assert house.network.sends == []


def test_one_denial_stops_everything(house):
    withdrawal = waiting(house)
    house.approve(withdrawal.id, "ann", "bob")
    house.approve(withdrawal.id, "cid", verdict=Verdict.DENY)
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.REJECTED
    assert house.ledger.available["alice"] == FUNDS


def test_an_approval_that_comes_too_late_finds_it_expired(house):
    withdrawal = waiting(house)
    house.now_s = withdrawal.intent.expires_at_s
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.EXPIRED
    assert house.ledger.available["alice"] == FUNDS


def test_d01_structuring_below_the_single_limit_meets_the_aggregate(house):
    # Two sub-accounts of one owner and two destinations: the owner's sum counts.
    house.policy = limited(10_000, Scope.OWNER)
    ids = []
    for index in range(100):
        customer = ("alice", "bobby")[index % 2]
        withdrawal = house.ask(990, to=f"sim1dest{index % 7}", key=f"key-{index}", customer=customer)
        house.circumstances[withdrawal.id] = Circumstances(
            "one-owner", 2, Tier.HOT, Destination(DestinationKind.ONE_TIME)
        )
        ids.append(withdrawal.id)
    house.step()
    states = [house.state(each) for each in ids]
    assert states.count(WithdrawalState.REJECTED) == 90
    assert house.ledger.held() == 10 * 990


def test_d01_the_window_moves_on(house):
    house.policy = limited(1_000)
    assert house.state(stepped(house, "key-1")) in PAID_OR_ON_THE_WAY
    assert house.state(stepped(house, "key-2")) is WithdrawalState.REJECTED
    house.now_s += HOUR_S
    assert house.state(stepped(house, "key-3")) in PAID_OR_ON_THE_WAY


def stepped(house, key):
    withdrawal = house.ask(1_000, key=key)
    house.step()
    return withdrawal.id


def test_d01_an_unpaid_end_gives_its_share_of_the_limit_back(house):
    house.policy = limited(1_000)
    house.network.down = True
    withdrawal_id = stepped(house, "key-1")
    house.service.cancel(withdrawal_id, NOW_S * 1000)
    house.network.down = False
    assert house.state(stepped(house, "key-2")) in PAID_OR_ON_THE_WAY


def test_d02_parallel_requests_meet_the_limit_exactly(tmp_path):
    house = House(url=f"sqlite:///{tmp_path}/race.db")
    house.policy = limited(5_000)
    ids = [house.ask(1_000, key=f"key-{i}").id for i in range(12)]
    house.network.down = True  # decisions only
    workers = [threading.Thread(target=lambda: Pipeline(house.parts).step(NOW_S)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    house.step()
    states = [house.state(each) for each in ids]
    assert states.count(WithdrawalState.REJECTED) == 7
    assert states.count(WithdrawalState.APPROVED) == 5


def test_d02_a_decision_between_measuring_and_writing_is_noticed(house):
    # Another worker decides the other request exactly after this one read the sums for the first.
    house.policy = limited(1_000)
    ids = [house.ask(1_000, key=f"key-{i}").id for i in range(2)]
    house.network.down = True
    measure, turns = house.store.usage, iter([True])

    def interrupted(keys, without, now_s):
        usage = measure(keys, without, now_s)
        if next(turns, False):
            (other,) = set(ids) - {without}
            take_up(house.service.get(other), house.parts, NOW_S)
        return usage

    house.store.usage = interrupted
    house.step()
    assert [house.state(each) for each in ids].count(WithdrawalState.HELD) == 1
    house.step()
    assert sorted(house.state(each) for each in ids) == [WithdrawalState.APPROVED, WithdrawalState.REJECTED]


def test_d03_the_initiator_of_a_treasury_move_cannot_approve_it(house):
    move = house.move(1_000, officer="ann")
    house.step()
    withdrawal = house.service.get(move.id)
    with pytest.raises(ApprovalRefused):
        house.service.approve(move.id, approval(withdrawal.intent_hash, "ann"), NOW_S * 1000)
    house.store.add_approval(move.id, approval(withdrawal.intent_hash, "ann"))
    house.approve(move.id, "bob")
    house.step()
    assert house.state(move.id) is WithdrawalState.AWAITING_APPROVAL
    house.approve(move.id, "cid")
    house.settle()
    assert house.network.paid("sim1cold") == [1_000]


def test_d03_one_person_with_two_accounts_is_one_voice(house):
    ann, bob, cid = roster_of(*OPERATORS).members
    house.people = Roster((ann, replace(bob, person=ann.person), cid))
    withdrawal = waiting(house)
    house.approve(withdrawal.id, "ann", "bob")
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.AWAITING_APPROVAL


def test_d03_two_people_of_one_organisation_are_not_two_organisations(house):
    ann, bob, cid = roster_of(*OPERATORS).members
    house.people = Roster((ann, bob, replace(cid, organisation="trustee")))
    rules = house_policy().rules
    group = replace(rules[1].groups[0], organisations=2)
    house.policy = replace(house_policy(), rules=(rules[0], replace(rules[1], groups=(group,)), rules[2]))
    withdrawal = waiting(house)
    house.approve(withdrawal.id, "ann", "bob")
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.AWAITING_APPROVAL
    house.approve(withdrawal.id, "cid")
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.BROADCAST


def test_d03_the_author_of_the_book_entry_cannot_approve(house):
    withdrawal = house.ask(BIG_UNITS)
    entry = Destination(DestinationKind.BOOK, added_at_s=1, added_by="bob")
    house.circumstances[withdrawal.id] = Circumstances("alice", 2, Tier.HOT, entry)
    house.step()
    vote = approval(house.service.get(withdrawal.id).intent_hash, "bob")
    with pytest.raises(ApprovalRefused):
        house.service.approve(withdrawal.id, vote, NOW_S * 1000)


def test_d04_a_version_in_force_decides_and_stays_pinned_in_the_intent(house):
    withdrawal = waiting(house)
    assert withdrawal.intent.policy_version == withdrawal.decision.policy_version == 1


def test_d05_an_approver_removed_after_voting_does_not_count(house):
    withdrawal = waiting(house)
    house.approve(withdrawal.id, "ann", "bob")
    house.people = roster_of("ann", "cid")
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.AWAITING_APPROVAL


def test_d05_a_reached_quorum_is_counted_again_before_it_is_paid(house):
    house.network.down = True
    withdrawal = waiting(house)
    house.approve(withdrawal.id, "ann", "bob")
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.APPROVED
    house.people = roster_of("ann", "cid")
    house.network.down = False
    house.settle()
    assert house.state(withdrawal.id) is WithdrawalState.AWAITING_APPROVAL
    assert house.network.sends == []


@pytest.mark.parametrize(("age_s", "permitted"), [(48 * HOUR_S - 1, False), (48 * HOUR_S, True)])
def test_d06_a_new_book_entry_cools_down_first(house, age_s, permitted):
    book_only = Rule("book", Effect.PERMIT, Match(destinations=frozenset({DestinationKind.BOOK})))
    house.policy = replace(house_policy(), rules=(book_only,))
    withdrawal = house.ask()
    entry = Destination(DestinationKind.BOOK, added_at_s=NOW_S - age_s, added_by="alice")
    house.circumstances[withdrawal.id] = Circumstances("alice", 2, Tier.HOT, entry)
    house.step()
    assert (house.state(withdrawal.id) is WithdrawalState.BROADCAST) == permitted


@pytest.mark.parametrize(
    "price",
    [None, Price(0, NOW_S, 100), Price(-1, NOW_S, 100), Price(100, NOW_S - 61, 100), Price(1_000, NOW_S, 100)],
    ids=["none", "zero", "negative", "stale", "tenfold"],
)
def test_d07_an_unusable_price_fails_closed(house, price):
    rule = Rule("valued", Effect.PERMIT, Match(), limits=(Limit(Scope.HOUSE, HOUR_S, max_reference_micros=10**9),))
    house.policy = replace(house_policy(), rules=(rule,))
    withdrawal = house.ask()
    known = Circumstances("alice", 2, Tier.HOT, Destination(DestinationKind.ONE_TIME), price=price)
    house.circumstances[withdrawal.id] = known
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.REJECTED
    assert "price" in house.service.get(withdrawal.id).reason


def test_d08_an_unknown_asset_is_refused_and_a_gap_in_the_rules_is_blocked(house):
    with pytest.raises(UnknownAsset):
        house.service.request(replace(_request(), asset="NOPE"), NOW_S * 1000)
    house.policy = replace(house_policy(), rules=(Rule("other", Effect.PERMIT, Match(assets=frozenset({"BTC"}))),))
    withdrawal = house.ask()
    house.step()
    assert house.service.get(withdrawal.id).reason == "no rule permits it"


def _request():
    return WithdrawalRequest(CustomerId("alice"), COIN.symbol, "sim1dest", "0.001", "", IdempotencyKey("k"))


def test_d10_a_security_hold_delays_the_payment(house):
    withdrawal = house.ask()
    known = Circumstances("alice", 2, Tier.HOT, Destination(DestinationKind.ONE_TIME), NOW_S + 24 * HOUR_S)
    house.circumstances[withdrawal.id] = known
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.DECIDED
    house.now_s += 24 * HOUR_S
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.BROADCAST


def test_d13_a_silent_screening_holds_and_never_passes(house):
    house.screening_down = True
    withdrawal = house.ask()
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.SCREENING
    house.screening_down = False
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.BROADCAST


# Lists change while people approve.
def test_d13_a_destination_that_is_listed_after_the_decision_is_not_signed(house):
    withdrawal = waiting(house)
    house.approve(withdrawal.id, "ann", "bob")
    house.hits.add(withdrawal.to.text)
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.REJECTED
    assert sum(signer.asked for signer in house.signers) == 0
    house.step()
    assert house.ledger.available["alice"] == FUNDS


def test_d13_a_screening_that_falls_silent_after_the_decision_holds(house):
    withdrawal = waiting(house)
    house.approve(withdrawal.id, "ann", "bob")
    house.screening_down = True
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.APPROVED
    assert sum(signer.asked for signer in house.signers) == 0
    house.screening_down = False
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.BROADCAST


def test_a_hit_of_the_screening_gives_the_money_back(house):
    house.hits.add("sim1dest")
    withdrawal = house.ask()
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.REJECTED
    assert house.ledger.available["alice"] == FUNDS


def test_d15_a_freeze_between_approval_and_signing_stops_the_signature(house):
    withdrawal = waiting(house)
    house.approve(withdrawal.id, "ann", "bob")
    house.frozen = True
    house.settle()
    assert house.state(withdrawal.id) is WithdrawalState.ASSIGNED
    assert house.store.payment(house.service.get(withdrawal.id).payment_id).state is PaymentState.OPEN
    assert [signer.asked for signer in house.signers] == [0, 0, 0]
    house.frozen = False
    house.settle()
    assert house.state(withdrawal.id) is WithdrawalState.SETTLED


def test_d15_a_freeze_between_two_signatures_stops_the_second(house):
    first = house.signers[0]
    sign = first.sign

    def freeze_then_sign(request):
        house.frozen = True
        return sign(request)

    first.sign = freeze_then_sign
    withdrawal = house.ask()
    house.step()
    assert [signer.asked for signer in house.signers] == [1, 0, 0]
    house.frozen = False
    first.sign = sign
    house.settle()
    assert house.state(withdrawal.id) is WithdrawalState.SETTLED


def test_a_stored_signature_is_not_asked_for_again_after_a_restart(house):
    house.signers[1].down = house.signers[2].down = True
    withdrawal = house.ask()
    house.step()
    house.reopen()
    house.signers[1].down = False
    house.step()
    assert house.signers[0].asked == 1
    assert house.state(withdrawal.id) is WithdrawalState.BROADCAST


@pytest.mark.parametrize("fault", ["down", "lies"])
@pytest.mark.parametrize("culprit", [0, 1, 2])
def test_e09_one_bad_signer_is_named_and_bypassed(house, culprit, fault):
    setattr(house.signers[culprit], fault, True)
    withdrawal = house.ask()
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.BROADCAST
    was_asked = house.signers[culprit].asked > 0
    assert was_asked == (culprit < 2)
    house.settle()
    assert house.network.paid("sim1dest") == [1_000]


def test_e09_the_culprit_stands_in_the_note(house):
    house.signers[0].lies = True
    house.ask()
    progress = house.step()
    assert any("signer-a: bad_signature" in each.problem for each in progress)


@pytest.mark.parametrize("culprit", [0, 1, 2])
def test_e09_where_the_message_fixes_the_signers_another_plan_is_made(culprit):
    house = House(fixes_signers=True)
    house.signers[culprit].down = True
    withdrawal = house.ask()
    for _ in range(3):
        house.step()
    assert house.state(withdrawal.id) is WithdrawalState.BROADCAST
    house.settle()
    assert house.network.paid("sim1dest") == [1_000]


def test_one_signature_too_few_is_never_sent(house):
    house.signers[1].down = house.signers[2].down = True
    withdrawal = house.ask()
    for _ in range(4):
        house.step()
    assert house.state(withdrawal.id) is WithdrawalState.ASSIGNED
    payment: Payment = house.store.payment(house.service.get(withdrawal.id).payment_id)
    assert payment.state is PaymentState.SIGNING
    assert "signer-b" in payment.note
    assert "signer-c" in payment.note
    assert house.network.sends == []


def test_a_treasury_move_goes_only_to_the_registered_cold_address(house):
    move = house.move(to="sim1elsewhere")
    house.step()
    assert house.state(WithdrawalId(move.id)) is WithdrawalState.REJECTED


def test_no_rule_can_let_cold_pay_a_customer(house):
    withdrawal = house.ask()
    house.circumstances[withdrawal.id] = Circumstances("alice", 2, Tier.COLD, Destination(DestinationKind.ONE_TIME))
    house.step()
    assert "does not go from cold to one_time" in house.service.get(withdrawal.id).reason


def test_an_empty_wallet_makes_a_withdrawal_wait_and_not_fail():
    house = House(funds=1_000)
    withdrawal = house.ask(5_000)
    house.step()
    assert house.state(withdrawal.id) is WithdrawalState.AWAITING_LIQUIDITY
    house.network.coins["refill"] = 10_000
    house.settle()
    assert house.state(withdrawal.id) is WithdrawalState.SETTLED


def test_e10_with_all_nodes_down_requests_are_held_and_none_is_lost(house):
    house.network.down = True
    ids = [house.ask(key=f"key-{i}").id for i in range(5)]
    progress = house.step()
    assert any("node_unavailable" in each.problem for each in progress)
    assert {house.state(each) for each in ids} == {WithdrawalState.APPROVED}
    house.network.down = False
    house.settle()
    assert {house.state(each) for each in ids} == {WithdrawalState.SETTLED}
