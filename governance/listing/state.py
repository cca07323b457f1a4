"""A listing vote as its events tell it: pure, rebuilt from nothing but the events and a time.

Rules:
    * Events arrive in chain order; applying them again from the start gives the same state.
    * States that come with time are derived from the terms copied into the proposal, half open:
      a window is [start, end). They equal the contract's `stateOf` at every second.
    * What an event does not know (an unknown proposal) is an error, never a guess.
    * An event that the contract could not have emitted in this state is refused: events are missing,
      doubled or forged, and nothing built upon them may open a market.

Example:
    listings = Listings()
    for event in events: listings.apply(event)
    listings.get(1).state(now_s)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from custody.primitives.errors import InvalidInput, NotFound, VerificationFailed

LANES = ("regular", "expedited")
BPS = 10_000
APPROVAL_GRACE_S = 30 * 86_400
"""An approval that was not used ends this long after the deadline it missed; a constant of the contract."""


class EventContradiction(VerificationFailed):
    """An event that the contract cannot have emitted after the events before it."""

    code = "listing_event_contradiction"


class ListingState(StrEnum):
    """Where a proposal stands, as the contract names it."""

    SCREENING = "Screening"
    ACTIVE = "Active"
    OBJECTION = "Objection"
    AWAITING_VETO = "AwaitingVeto"
    DEFEATED = "Defeated"
    APPROVED = "Approved"
    LISTED = "Listed"
    REJECTED = "Rejected"
    SPAM = "Spam"
    VETOED = "Vetoed"
    LAPSED = "Lapsed"


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms copied into the proposal: offsets in seconds from its start, quorum and majority.

    Attributes:
        voting_start_s, voting_end_s, extension_s, veto_end_s, deadline_s: Offsets from the proposal's
            block time; the extension is a length, counted from the end of the voting.
        pass_bps: Share of yes that passes, in basis points.
        strict: True: more than the share; False: at least.
    """

    voting_start_s: int
    voting_end_s: int
    extension_s: int
    veto_end_s: int
    deadline_s: int
    pass_bps: int
    strict: bool


@dataclass(frozen=True, slots=True)
class ListingEvent:
    """One event of ListingVote.

    Attributes:
        name: As in the contract.
        args: Its decoded arguments.
        time_s: Block time, seconds since 1970 UTC.
    """

    name: str
    args: Mapping[str, Any]
    time_s: int


@dataclass(frozen=True, slots=True)
class Listing:
    """One proposal.

    Attributes:
        id: Number in the contract, from 1.
        lane: "regular" or "expedited".
        asset_chain_id, token: The proposed asset, EIP-55.
        code_hash: keccak256 of the token's code that is voted on, 0x text.
        uri: Where the proposal can be read; written by the proposer, never to be trusted.
        proposer: Who proposed it.
        started_at_s: T0.
        terms: Copied terms.
        quorum: Votes needed, base units of MEXT.
        yes, no: Votes cast, base units.
        extended_until_s: End of an objection window; None without one.
        ending: A final state that an event set; None while time decides.
        breached: The market was late.
    """

    id: int
    lane: str
    asset_chain_id: int
    token: str
    code_hash: str
    uri: str
    proposer: str
    started_at_s: int
    terms: Terms
    quorum: int
    yes: int = 0
    no: int = 0
    extended_until_s: int | None = None
    ending: ListingState | None = None
    breached: bool = False

    @property
    def finalizable_at_s(self) -> int:
        """First second at which there is no veto any more and anyone may finalize."""
        return self.started_at_s + self.terms.veto_end_s

    @property
    def deadline_at_s(self) -> int:
        """First second at which an open market is late."""
        return self.started_at_s + self.terms.deadline_s

    def is_passing(self) -> bool:
        """Tell whether quorum and majority hold now; without a single vote they never do."""
        cast = self.yes + self.no
        if cast == 0 or cast < self.quorum:
            return False
        share, needed = self.yes * BPS, self.terms.pass_bps * cast
        return share > needed if self.terms.strict else share >= needed

    def state(self, now_s: int) -> ListingState:
        """The state at a time, in seconds since 1970 UTC."""
        if self.ending is ListingState.APPROVED and now_s >= self.deadline_at_s + APPROVAL_GRACE_S:
            return ListingState.LAPSED
        if self.ending is not None:
            return self.ending
        since, terms = now_s - self.started_at_s, self.terms
        if since < terms.voting_start_s:
            return ListingState.SCREENING
        if since < terms.voting_end_s:
            return ListingState.ACTIVE
        if self.extended_until_s is not None and now_s < self.extended_until_s:
            return ListingState.OBJECTION
        return ListingState.AWAITING_VETO if self.is_passing() else ListingState.DEFEATED


class Listings:
    """All proposals of one contract."""

    def __init__(self, events: Iterable[ListingEvent] = ()) -> None:
        self._by_id: dict[int, Listing] = {}
        for event in events:
            self.apply(event)

    def apply(self, event: ListingEvent) -> None:
        """Apply one event, in chain order; events that say nothing about a proposal's state are passed over.

        Raises:
            NotFound: It is about a proposal that was never made.
            InvalidInput: A proposal is made twice.
            EventContradiction: The contract cannot have emitted it in this state.
        """
        if event.name == "ListingProposed":
            self._propose(event)
        elif event.name in _CHANGES:
            listing = self.get(event.args["id"])
            self._by_id[listing.id] = _CHANGES[event.name](listing, event)

    def get(self, listing_id: int) -> Listing:
        """Return one proposal.

        Raises:
            NotFound: There is none.
        """
        if listing_id not in self._by_id:
            raise NotFound(f"no listing proposal {listing_id}", listing=listing_id)
        return self._by_id[listing_id]

    def all(self) -> tuple[Listing, ...]:
        """All proposals, oldest first."""
        return tuple(self._by_id[number] for number in sorted(self._by_id))

    def _propose(self, event: ListingEvent) -> None:
        args = event.args
        if args["id"] in self._by_id:
            raise InvalidInput(f"listing proposal {args['id']} was made twice", listing=args["id"])
        terms, asset = args["terms"], args["asset"]
        self._by_id[args["id"]] = Listing(
            id=args["id"],
            lane=LANES[args["lane"]],
            asset_chain_id=asset["chainId"],
            token=asset["token"],
            code_hash=asset["codeHash"],
            uri=args["uri"],
            proposer=args["proposer"],
            started_at_s=event.time_s,
            terms=Terms(
                terms["votingStartS"],
                terms["votingEndS"],
                terms["extensionS"],
                terms["vetoEndS"],
                terms["deadlineS"],
                terms["passBps"],
                terms["strictMajority"],
            ),
            quorum=args["quorumVotes"],
        )


# What each event does; the conditions are those of the contract's functions. --------------


def _vote(listing: Listing, event: ListingEvent) -> Listing:
    state, yes, no = listing.state(event.time_s), event.args["yes"], event.args["no"]
    in_time = state is ListingState.ACTIVE or (state is ListingState.OBJECTION and yes == 0)
    _require(in_time, listing, event)
    return replace(listing, yes=listing.yes + yes, no=listing.no + no)


def _extend(listing: Listing, event: ListingEvent) -> Listing:
    until = listing.started_at_s + listing.terms.voting_end_s + listing.terms.extension_s
    is_turn = listing.state(event.time_s) is ListingState.ACTIVE and listing.is_passing()
    _require(is_turn and listing.extended_until_s is None and event.args["until"] == until, listing, event)
    return replace(listing, extended_until_s=until)


def _breach(listing: Listing, event: ListingEvent) -> Listing:
    was_approved = listing.ending in (ListingState.APPROVED, ListingState.LISTED)
    _require(was_approved and not listing.breached and event.time_s >= listing.deadline_at_s, listing, event)
    return replace(listing, breached=True)


def _decline(listing: Listing, event: ListingEvent) -> Listing:
    _require(listing.state(event.time_s) is ListingState.SCREENING, listing, event)
    return replace(listing, ending=_DECLINED[event.name])


def _veto(listing: Listing, event: ListingEvent) -> Listing:
    # A vote that is lost already ends by itself; from the end of the veto period nobody can stop it.
    is_open = listing.ending is None and listing.state(event.time_s) is not ListingState.DEFEATED
    _require(is_open and event.time_s < listing.finalizable_at_s, listing, event)
    return replace(listing, ending=ListingState.VETOED)


def _approve(listing: Listing, event: ListingEvent) -> Listing:
    passed = listing.state(event.time_s) is ListingState.AWAITING_VETO
    _require(passed and event.time_s >= listing.finalizable_at_s, listing, event)
    return replace(listing, ending=ListingState.APPROVED)


def _defeat(listing: Listing, event: ListingEvent) -> Listing:
    failed = listing.ending is None and listing.state(event.time_s) is ListingState.DEFEATED
    counted = (event.args["yes"], event.args["no"]) == (listing.yes, listing.no)
    _require(failed and counted and event.time_s >= listing.finalizable_at_s, listing, event)
    return replace(listing, ending=ListingState.DEFEATED)


def _confirm(listing: Listing, event: ListingEvent) -> Listing:
    _require(listing.state(event.time_s) is ListingState.APPROVED, listing, event)
    return replace(listing, ending=ListingState.LISTED)


def _require(possible: bool, listing: Listing, event: ListingEvent) -> None:  # noqa: FBT001 - reads as a sentence
    if not possible:
        state = listing.state(event.time_s).value
        message = f"listing {listing.id}: {event.name} at {event.time_s} cannot follow in state {state}"
        raise EventContradiction(message, listing=listing.id, event=event.name, state=state)


_DECLINED = {"ListingRejected": ListingState.REJECTED, "ListingMarkedSpam": ListingState.SPAM}
_CHANGES: Mapping[str, Callable[[Listing, ListingEvent], Listing]] = {
    "ListingVoteCast": _vote,
    "ListingExtended": _extend,
    "ListingRejected": _decline,
    "ListingMarkedSpam": _decline,
    "ListingVetoed": _veto,
    "ListingApproved": _approve,
    "ListingDefeated": _defeat,
    "ListingConfirmed": _confirm,
    "SlaBreached": _breach,
}
