from dataclasses import replace

import pytest

from custody.keys import ed25519
from custody.keys.material import Curve, PublicKey
from custody.keys.quorum import (
    MAX_APPROVALS,
    MAX_CLOCK_SKEW_S,
    ApprovalDenied,
    QuorumRule,
    Roster,
    RosterMember,
    verify_quorum,
)
from custody.primitives.approval import Approval, Verdict, approval_message
from custody.primitives.errors import BadSignature, InvalidInput, QuorumNotReached, Refused
from custody.primitives.ids import Digest
from custody.primitives.secret import Secret

HASH = Digest(b"\x11" * 32)
OTHER = Digest(b"\x22" * 32)
NOW = 1_700_000_000
KEYS = {name: Secret(bytes([number]) * 32) for number, name in enumerate(["ann", "bob", "cem", "ann2", "eve"], start=1)}
PEOPLE = {"ann": ("Ann", "Bank"), "bob": ("Bob", "Bank"), "cem": ("Cem", "Trust"), "ann2": ("Ann", "Trust")}
ROSTER = Roster(tuple(RosterMember(who, ed25519.public_key(KEYS[who]), *PEOPLE[who]) for who in PEOPLE))
RULE = QuorumRule(ROSTER, threshold=2, max_age_s=3_600)


def vote(who, verdict=Verdict.APPROVE, at_s=NOW, about=HASH):
    message = approval_message(about, who, verdict, at_s)
    return Approval(about, who, verdict, at_s, ed25519.sign(KEYS[who], message))


def check(*approvals, rule=RULE, initiator="", about=HASH):
    verify_quorum(about, approvals, rule, initiator, NOW)


def test_refuses_an_empty_roster_even_with_approvals():
    with pytest.raises(Refused, match="empty"):
        check(vote("ann"), vote("bob"), rule=replace(RULE, roster=Roster(())))


@pytest.mark.parametrize("threshold", [0, -1, 4])
def test_refuses_a_threshold_that_nobody_or_everybody_meets(threshold):
    with pytest.raises(Refused, match="threshold"):
        check(vote("ann"), vote("bob"), vote("cem"), rule=replace(RULE, threshold=threshold))


@pytest.mark.parametrize(
    "rule", [replace(RULE, min_organisations=0), replace(RULE, min_organisations=3), replace(RULE, max_age_s=0)]
)
def test_refuses_a_rule_that_says_nothing(rule):
    with pytest.raises(Refused):
        check(vote("ann"), vote("bob"), rule=rule)


def test_refuses_more_approvals_than_it_will_look_at():
    with pytest.raises(Refused):
        check(*[vote("ann")] * (MAX_APPROVALS + 1))


def test_no_approvals_are_no_quorum():
    with pytest.raises(QuorumNotReached) as caught:
        check()
    assert caught.value.facts["people"] == 0


def test_the_same_approval_twice_counts_once():
    with pytest.raises(QuorumNotReached):
        check(vote("ann"), vote("ann"), vote("ann", at_s=NOW - 1))


# D03
def test_one_person_with_two_accounts_counts_once():
    with pytest.raises(QuorumNotReached):
        check(vote("ann"), vote("ann2"))


# D03
@pytest.mark.parametrize("initiator", ["ann", "Ann"])
def test_the_initiator_never_counts(initiator):
    with pytest.raises(QuorumNotReached):
        check(vote("ann"), vote("bob"), initiator=initiator)


# D03
def test_the_initiators_second_account_does_not_count_either():
    with pytest.raises(QuorumNotReached):
        check(vote("ann2"), vote("bob"), initiator="Ann")


# D05
def test_an_approver_who_left_the_roster_does_not_count():
    without_bob = Roster(tuple(member for member in ROSTER.members if member.approver != "bob"))
    check(vote("ann"), vote("bob"))
    with pytest.raises(QuorumNotReached):
        check(vote("ann"), vote("bob"), rule=replace(RULE, roster=without_bob))


# C05
def test_approvals_of_another_intent_do_not_count():
    with pytest.raises(QuorumNotReached):
        check(vote("ann"), vote("bob", about=OTHER))


# C05
def test_an_approval_relabelled_for_this_intent_is_a_bad_signature():
    with pytest.raises(BadSignature):
        check(vote("ann"), replace(vote("bob", about=OTHER), intent_hash=HASH))


@pytest.mark.parametrize(
    "change",
    [{"approver": "cem"}, {"at_s": NOW - 1}, {"verdict": Verdict.DENY}, {"signature": bytes(64)}, {"signature": b""}],
)
def test_any_changed_field_of_an_approval_is_a_bad_signature(change):
    with pytest.raises(BadSignature):
        check(vote("ann"), replace(vote("bob"), **change))


def test_a_stranger_does_not_count():
    with pytest.raises(QuorumNotReached):
        check(vote("ann"), vote("eve"))


def test_one_denial_stops_everything():
    with pytest.raises(ApprovalDenied):
        check(vote("ann"), vote("bob"), vote("cem", Verdict.DENY))


def test_a_denial_does_not_expire():
    with pytest.raises(ApprovalDenied):
        check(vote("ann"), vote("bob"), vote("cem", Verdict.DENY, at_s=NOW - 10**6))


def test_a_denial_about_another_intent_stops_nothing():
    check(vote("ann"), vote("bob"), vote("cem", Verdict.DENY, about=OTHER))


@pytest.mark.parametrize(
    ("at_s", "counts"),
    [(NOW - 3_600, True), (NOW - 3_601, False), (NOW + MAX_CLOCK_SKEW_S, True), (NOW + MAX_CLOCK_SKEW_S + 1, False)],
)
def test_age_is_counted_to_the_second(at_s, counts):
    if counts:
        check(vote("ann"), vote("bob", at_s=at_s))
        return
    with pytest.raises(QuorumNotReached):
        check(vote("ann"), vote("bob", at_s=at_s))


def test_two_people_of_one_organisation_are_not_two_organisations():
    rule = replace(RULE, min_organisations=2)
    with pytest.raises(QuorumNotReached):
        check(vote("ann"), vote("bob"), rule=rule)
    check(vote("ann"), vote("cem"), rule=rule)


@pytest.mark.parametrize(
    "members",
    [
        (ROSTER.members[0], replace(ROSTER.members[1], approver="ann")),
        (ROSTER.members[0], replace(ROSTER.members[1], public_key=ROSTER.members[0].public_key)),
    ],
)
def test_a_roster_refuses_doubles(members):
    with pytest.raises(InvalidInput):
        Roster(members)


@pytest.mark.parametrize(
    "change",
    [{"approver": ""}, {"person": ""}, {"organisation": ""}, {"public_key": PublicKey(Curve.SECP256K1, b"\x02" * 33)}],
)
def test_a_roster_member_is_complete(change):
    with pytest.raises(InvalidInput):
        replace(ROSTER.members[0], **change)


def test_enough_distinct_people_pass_in_any_order():
    check(vote("ann"), vote("bob"))
    check(vote("cem"), vote("ann2"), vote("eve"))
