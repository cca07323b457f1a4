import pytest

from custody.primitives.errors import InvalidInput, NotFound
from governance.listing.state import APPROVAL_GRACE_S, EventContradiction, ListingEvent, Listings, ListingState

T0 = 1_800_000_000
HOUR_S = 3_600
QUORUM = 200
TERMS = {
    "votingStartS": 4 * HOUR_S,
    "votingEndS": 34 * HOUR_S,
    "extensionS": 2 * HOUR_S,
    "vetoEndS": 44 * HOUR_S,
    "deadlineS": 48 * HOUR_S,
    "quorumBps": 200,
    "passBps": 5_000,
    "strictMajority": True,
    "deposit": 10**22,
}
VOTING, LATE, POLLS_CLOSED = T0 + 4 * HOUR_S, T0 + 34 * HOUR_S - 1, T0 + 34 * HOUR_S
OBJECTION_END, VETO_END, DEADLINE = T0 + 36 * HOUR_S, T0 + 44 * HOUR_S, T0 + 48 * HOUR_S
LAPSE = DEADLINE + APPROVAL_GRACE_S


def event(name, time_s, **args):
    return ListingEvent(name, {"id": 1, **args}, time_s)


def proposed(quorum=QUORUM, **terms):
    return event(
        "ListingProposed",
        T0,
        lane=0,
        proposer="0xP",
        asset={"chainId": 31337, "token": "0xT", "codeHash": "0x11"},
        terms={**TERMS, **terms},
        quorumVotes=quorum,
        uri="ipfs://a",
    )


def voted(time_s=VOTING, yes=0, no=0):
    return event("ListingVoteCast", time_s, voter="0xV", yes=yes, no=no, reason="")


def extended(time_s=LATE, until=OBJECTION_END):
    return event("ListingExtended", time_s, until=until)


def approved(time_s=VETO_END):
    return event("ListingApproved", time_s, assetId="0x22", lane=0, slaDeadline=DEADLINE)


def defeated(time_s=VETO_END, yes=0, no=0):
    return event("ListingDefeated", time_s, yes=yes, no=no)


def confirmed(time_s=DEADLINE - 1):
    return event("ListingConfirmed", time_s, assetId="0x22", withinSla=True)


def vetoed(time_s):
    return event("ListingVetoed", time_s, reason=1, count=1)


def breached(time_s=DEADLINE):
    return event("SlaBreached", time_s, slaDeadline=DEADLINE)


WON = (proposed(), voted(yes=QUORUM))
APPROVED = (*WON, approved())


@pytest.mark.parametrize("orphan", [voted(), extended(), approved(), defeated(), confirmed(), vetoed(T0), breached()])
def test_refuses_an_event_about_an_unknown_proposal(orphan):
    with pytest.raises(NotFound):
        Listings([orphan])


def test_refuses_a_proposal_made_twice():
    with pytest.raises(InvalidInput):
        Listings([proposed(), proposed()])


IMPOSSIBLE = {
    "a vote in the screening": (proposed(), voted(VOTING - 1, yes=1)),
    "a vote after the polls": (proposed(), voted(POLLS_CLOSED, yes=1)),
    "a yes in the objection period": (*WON, extended(), voted(POLLS_CLOSED, yes=1)),
    "a no after the objection period": (*WON, extended(), voted(OBJECTION_END, no=1)),
    "a vote after a veto": (proposed(), vetoed(T0), voted(yes=1)),
    "an extension without a turn": (proposed(), voted(yes=QUORUM - 1), extended()),
    "an extension to another time": (*WON, extended(until=OBJECTION_END + 1)),
    "a second extension": (*WON, extended(), extended()),
    "an extension after the polls": (*WON, extended(POLLS_CLOSED)),
    "an approval a second early": (*WON, approved(VETO_END - 1)),
    "an approval twice": (*APPROVED, approved()),
    "an approval below the quorum": (proposed(), voted(yes=QUORUM - 1), approved()),
    "an approval of a tie": (proposed(), voted(yes=QUORUM, no=QUORUM), approved()),
    "an approval without votes": (proposed(quorum=0), approved()),
    "an approval after a veto": (*WON, vetoed(VETO_END - 1), approved()),
    "a defeat of a won vote": (*WON, defeated(yes=QUORUM)),
    "a defeat with other tallies": (proposed(), voted(no=5), defeated(no=6)),
    "a defeat a second early": (proposed(), defeated(VETO_END - 1)),
    "a defeat twice": (proposed(), defeated(), defeated()),
    "a veto at the end of its period": (*WON, vetoed(VETO_END)),
    "a veto of a lost vote": (proposed(), vetoed(POLLS_CLOSED)),
    "a veto of an approved one": (*APPROVED, vetoed(VETO_END)),
    "a veto twice": (proposed(), vetoed(T0), vetoed(T0)),
    "a rejection once voting has begun": (proposed(), event("ListingRejected", VOTING, reason="no")),
    "spam once voting has begun": (proposed(), event("ListingMarkedSpam", VOTING, reason="no")),
    "a confirmation without approval": (*WON, confirmed()),
    "a confirmation of a lapsed approval": (*APPROVED, confirmed(LAPSE)),
    "a confirmation twice": (*APPROVED, confirmed(), confirmed()),
    "a breach before the deadline": (*APPROVED, breached(DEADLINE - 1)),
    "a breach without approval": (*WON, breached()),
    "a breach twice": (*APPROVED, breached(), breached()),
}


@pytest.mark.parametrize("events", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_refuses_what_the_contract_cannot_emit(events):
    listings = Listings(events[:-1])
    before = listings.all()
    with pytest.raises(EventContradiction):
        listings.apply(events[-1])
    assert listings.all() == before


def test_windows_are_half_open():
    listing = Listings([*WON, extended()]).get(1)
    expected = {
        T0: ListingState.SCREENING,
        VOTING - 1: ListingState.SCREENING,
        VOTING: ListingState.ACTIVE,
        LATE: ListingState.ACTIVE,
        POLLS_CLOSED: ListingState.OBJECTION,
        OBJECTION_END - 1: ListingState.OBJECTION,
        OBJECTION_END: ListingState.AWAITING_VETO,
        LAPSE: ListingState.AWAITING_VETO,
    }
    assert {time_s: listing.state(time_s) for time_s in expected} == expected


def test_an_approval_lapses_thirty_days_after_the_deadline_it_missed():
    listing = Listings(APPROVED).get(1)
    assert [listing.state(at) for at in (LAPSE - 1, LAPSE)] == [ListingState.APPROVED, ListingState.LAPSED]


def test_a_confirmed_listing_never_lapses():
    assert Listings([*APPROVED, confirmed()]).get(1).state(LAPSE) is ListingState.LISTED


def test_a_late_confirmation_breaches_in_the_same_breath():
    listing = Listings([*APPROVED, confirmed(DEADLINE), breached(DEADLINE)]).get(1)
    assert (listing.state(DEADLINE), listing.breached) == (ListingState.LISTED, True)


def test_objections_can_still_turn_a_late_yes():
    listing = Listings([*WON, extended(), voted(POLLS_CLOSED, no=QUORUM)]).get(1)
    assert listing.state(OBJECTION_END) is ListingState.DEFEATED


@pytest.mark.parametrize(
    ("yes", "no", "strict", "pass_bps", "passes"),
    [
        (0, 0, False, 5_001, False),
        (QUORUM - 1, 0, True, 5_000, False),
        (QUORUM, 0, True, 5_000, True),
        (100, 100, True, 5_000, False),
        (101, 100, True, 5_000, True),
        (6_666, 3_334, False, 6_667, False),
        (6_667, 3_333, False, 6_667, True),
        (6_667, 3_333, True, 6_667, False),
    ],
)
def test_majority_is_exact(yes, no, strict, pass_bps, passes):
    events = [proposed(passBps=pass_bps, strictMajority=strict), voted(yes=yes), voted(no=no)]
    assert Listings(events).get(1).is_passing() is passes


def test_without_votes_nothing_passes_even_without_a_quorum():
    listing = Listings([proposed(quorum=0, strictMajority=False, passBps=6_667)]).get(1)
    assert not listing.is_passing()


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        (event("ListingRejected", VOTING - 1, reason="x"), ListingState.REJECTED),
        (event("ListingMarkedSpam", T0, reason="x"), ListingState.SPAM),
        (vetoed(VOTING), ListingState.VETOED),
        (defeated(), ListingState.DEFEATED),
    ],
)
def test_an_ending_stays(ending, state):
    listing = Listings([proposed(), ending]).get(1)
    assert {listing.state(at) for at in (T0, VETO_END, LAPSE)} == {state}


def test_events_about_roles_lanes_and_deposits_change_nothing():
    others = [
        ListingEvent(name, {"id": 7}, T0) for name in ("Paused", "LaneSet", "DepositReturned", "RoleGranted", "Unheard")
    ]
    assert Listings([*WON, *others]).all() == Listings(WON).all()


def test_the_same_events_give_the_same_listings():
    assert Listings(APPROVED).all() == Listings(APPROVED).all()


def test_a_proposal_carries_what_was_proposed():
    listing = Listings(APPROVED).get(1)
    assert (listing.lane, listing.asset_chain_id, listing.token, listing.code_hash, listing.uri) == (
        "regular",
        31337,
        "0xT",
        "0x11",
        "ipfs://a",
    )
    assert (listing.finalizable_at_s, listing.deadline_at_s, listing.yes) == (VETO_END, DEADLINE, QUORUM)
