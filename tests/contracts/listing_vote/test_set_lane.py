import ape
import pytest

HOUR, MINUTE = 3600, 60
ETHER = 10**18
FIELDS = (
    "votingStartS", "votingEndS", "extensionS", "vetoEndS", "deadlineS",
    "quorumBps", "passBps", "strictMajority", "deposit",
)  # fmt: skip
START = {
    0: (4 * HOUR, 34 * HOUR, 2 * HOUR, 44 * HOUR, 48 * HOUR, 200, 5_000, True, 50_000 * ETHER),
    1: (15 * MINUTE, 8 * HOUR + 15 * MINUTE, 45 * MINUTE, 11 * HOUR, 12 * HOUR, 400, 6_667, False, 200_000 * ETHER),
}


def changed(lane, **changes):
    return tuple(changes.get(name, value) for name, value in zip(FIELDS, START[lane], strict=True))


@pytest.mark.parametrize("who", ["mallory", "guardian", "operator", "deployer"])
def test_refuses_anyone_but_the_admin(listing, people, who):
    with ape.reverts(listing.AccessControlUnauthorizedAccount):
        listing.setLane(0, START[0], sender=getattr(people, who))


@pytest.mark.parametrize(
    ("lane", "field", "changes"),
    [
        (0, "votingStartS", {"votingStartS": 15 * MINUTE - 1}),
        (0, "votingEndS", {"votingEndS": 8 * HOUR - 1}),
        (0, "votingEndS", {"votingEndS": 3 * HOUR}),
        (0, "vetoEndS", {"vetoEndS": 37 * HOUR - 1}),
        (0, "vetoEndS", {"extensionS": 9 * HOUR + 1}),
        (0, "deadlineS", {"deadlineS": 45 * HOUR - 1}),
        (0, "deadlineS", {"deadlineS": 48 * HOUR + 1}),
        (1, "deadlineS", {"deadlineS": 12 * HOUR + 1}),
        (0, "quorumBps", {"quorumBps": 99}),
        (0, "quorumBps", {"quorumBps": 2_001}),
        (0, "passBps", {"passBps": 4_999}),
        (0, "passBps", {"passBps": 9_001}),
        (0, "strictMajority", {"strictMajority": False}),
        (0, "deposit", {"deposit": 1_000 * ETHER - 1}),
        (0, "deposit", {"deposit": 1_000_000 * ETHER + 1}),
    ],
)
def test_refuses_terms_outside_the_constant_bounds(listing, people, lane, field, changes):
    with ape.reverts(listing.TermsOutOfBounds, field=field):
        listing.setLane(lane, changed(lane, **changes), sender=people.admin)


def test_sets_the_terms_of_proposals_to_come(listing, people, propose):
    terms = changed(0, votingStartS=15 * MINUTE, votingEndS=5 * HOUR, quorumBps=2_000, deposit=1_000 * ETHER)
    receipt = listing.setLane(0, terms, sender=people.admin)
    assert receipt.events.filter(listing.LaneSet)[0].lane == 0
    assert tuple(listing.proposalOf(propose().id).terms) == terms
    assert tuple(listing.termsOf(1)) == START[1]
