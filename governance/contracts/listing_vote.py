"""ListingVote and the deposit it takes, typed: nobody else touches the raw contract.

Rules:
    * Every write names its sender and waits until it is mined; a refusal carries the contract's own error.
    * A proposal's number is read from its own receipt, never guessed from a counter that others move too.

Example:
    vote = ListingVote(web3, deployment)
    vote.approve_deposit(proposer, Lane.REGULAR)
    listing = vote.propose(proposer, Candidate(Lane.REGULAR, 31337, token, code_hash, "ipfs://..."))
    vote.cast_vote(voter, listing, Support.FOR)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from web3 import Web3

from custody.primitives.errors import InvalidInput, LimitExceeded, NotFound
from custody.primitives.ids import Digest
from custody.primitives.invariant import invariant
from governance.ballots.signing import SignedBallot
from governance.ballots.typed import BallotBox, Support
from governance.contracts.deployment import Deployment
from governance.contracts.refusals import node_answers
from governance.contracts.sending import Sender, contract_at
from governance.listing.state import ListingState

BATCH_LIMIT = 200
"""Ballots of one transaction, as in the contract."""
STATES = (
    None,
    ListingState.SCREENING,
    ListingState.ACTIVE,
    ListingState.OBJECTION,
    ListingState.DEFEATED,
    ListingState.AWAITING_VETO,
    ListingState.APPROVED,
    ListingState.LISTED,
    ListingState.REJECTED,
    ListingState.SPAM,
    ListingState.VETOED,
    ListingState.LAPSED,
)
"""By the contract's number; 0 is an unknown proposal."""


class Lane(IntEnum):
    """Speed of a proposal: 48 hours or 12."""

    REGULAR = 0
    EXPEDITED = 1


class VetoReason(IntEnum):
    """Why the Council stops a proposal; each is counted in public."""

    SECURITY = 1
    LEGAL = 2
    SANCTIONS = 3
    MANIPULATION = 4


class Skip(IntEnum):
    """Why one ballot of a batch was passed over."""

    BAD_SUPPORT = 0
    ALREADY_VOTED = 1
    NO_WEIGHT = 2
    BAD_SIGNATURE = 3


@dataclass(frozen=True, slots=True)
class Attestation:
    """A screener's signed due diligence on one proposal.

    Attributes:
        screener: EIP-55.
        deadline_s: First second at which it is void.
        signature: EIP-712 `DueDiligence`, by key or ERC-1271.
    """

    screener: str
    deadline_s: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Candidate:
    """A token that somebody proposes.

    Attributes:
        lane: Regular or expedited.
        chain_id, token: The token, EIP-55.
        code_hash: keccak256 of its code, 32 bytes; see `ListingVote.code_hash`.
        uri: Where the proposal can be read, 1 to 256 bytes.
        attestations: Two for the expedited lane, in any order; none for the regular one.
    """

    lane: Lane
    chain_id: int
    token: str
    code_hash: Digest
    uri: str
    attestations: tuple[Attestation, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal as the contract stores it.

    Attributes:
        id: Its number.
        proposer, token: EIP-55.
        started_at_s: T0, seconds since 1970 UTC.
        chain_id: Chain of the token.
        yes, no, quorum: Base units of MEXT.
        is_extended: A late turn opened the objection window.
        is_breached: The missed deadline was recorded.
        deposit: Base units of MEXT.
    """

    id: int
    proposer: str
    token: str
    started_at_s: int
    chain_id: int
    yes: int
    no: int
    quorum: int
    is_extended: bool
    is_breached: bool
    deposit: int


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What became of a batch: voters that counted, and those passed over with the reason."""

    counted: tuple[str, ...]
    skipped: tuple[tuple[str, Skip], ...]


class ListingVote:
    """The contract of one deployment.

    Reads raise NodeUnavailable, writes what `Sender.send` raises; both CallReverted with the contract's error.
    """

    def __init__(self, web3: Web3, deployment: Deployment) -> None:
        self._web3 = web3
        self._contract = contract_at(web3, "ListingVote", deployment.address("ListingVote"))
        self._mext = contract_at(web3, "MEXT", deployment.address("MEXT"))
        self.box = BallotBox(deployment.chain_id, self._contract.address)

    def code_hash(self, token: str) -> Digest:
        """keccak256 of the code of a token on this chain.

        Raises:
            NotFound: No contract stands there.
        """
        with node_answers(f"code of {token}"):
            code = bytes(self._web3.eth.get_code(Web3.to_checksum_address(token)))
        if not code:
            raise NotFound(f"no contract at {token}", token=token)
        return Digest(bytes(Web3.keccak(code)))

    def delegate(self, holder: Sender, to: str) -> None:
        """Let an address vote with a holder's MEXT; it counts for proposals made a day and a second later."""
        holder.send(self._mext.functions.delegate(Web3.to_checksum_address(to)))

    def approve_deposit(self, proposer: Sender, lane: Lane) -> int:
        """Allow the contract to take one deposit of a lane; returns it in base units of MEXT."""
        deposit = int(self._read("termsOf", int(lane))[8])
        proposer.send(self._mext.functions.approve(self._contract.address, deposit))
        return deposit

    def propose(self, proposer: Sender, candidate: Candidate) -> int:
        """Propose a token; takes the deposit. Returns the proposal's number."""
        asset = (candidate.chain_id, Web3.to_checksum_address(candidate.token), candidate.code_hash)
        ascending = sorted(candidate.attestations, key=lambda given: int(given.screener, 16))
        attestations = [(given.screener, given.deadline_s, given.signature) for given in ascending]
        call = self._contract.functions.propose(int(candidate.lane), asset, candidate.uri, attestations)
        (event,) = self._events("ListingProposed", proposer.send(call))
        return int(event["id"])

    def diligence_digest(self, candidate: Candidate, proposer: str, deadline_s: int) -> Digest:
        """The 32 bytes a screener signs for an expedited proposal of this proposer."""
        asset = (candidate.chain_id, Web3.to_checksum_address(candidate.token), candidate.code_hash)
        asset_id = self._read("assetIdOf", asset)
        attempt = self._read("proposalsFor", candidate.chain_id, asset[1])[1]
        return Digest(bytes(self._read("diligenceDigest", asset_id, proposer, candidate.uri, attempt, deadline_s)))

    def cast_vote(self, voter: Sender, listing: int, support: Support) -> None:
        """Vote with the sender's whole weight."""
        voter.send(self._contract.functions.castVote(listing, int(support)))

    def cast_ballots(self, relayer: Sender, listing: int, ballots: Sequence[SignedBallot]) -> BatchOutcome:
        """Hand in signed ballots of others; one that cannot count stops no other.

        Raises:
            InvalidInput: One is for another proposal, chain or contract; nothing was sent.
            LimitExceeded: None, or more than 200.
        """
        if not 0 < len(ballots) <= BATCH_LIMIT:
            raise LimitExceeded(f"a batch has 1 to {BATCH_LIMIT} ballots, not {len(ballots)}", limit=BATCH_LIMIT)
        for signed in ballots:
            if signed.ballot.box != self.box or signed.ballot.listing != listing:
                raise InvalidInput(f"the ballot of {signed.ballot.voter} belongs elsewhere", voter=signed.ballot.voter)
        rows = [(signed.ballot.voter, int(signed.ballot.support), signed.signature) for signed in ballots]
        receipt = relayer.send(self._contract.functions.castVotesBySig(listing, rows))
        counted = tuple(str(event["voter"]) for event in self._events("ListingVoteCast", receipt))
        skipped = tuple((str(event["voter"]), Skip(event["why"])) for event in self._events("BallotSkipped", receipt))
        invariant(len(counted) + len(skipped) == len(ballots), "every ballot counts or is passed over")
        return BatchOutcome(counted, skipped)

    def finalize(self, sender: Sender, listing: int) -> None:
        """End a vote whose veto period is over; anyone may."""
        sender.send(self._contract.functions.finalize(listing))

    def veto(self, guardian: Sender, listing: int, reason: VetoReason) -> None:
        """Stop a proposal; the Council only."""
        guardian.send(self._contract.functions.veto(listing, int(reason)))

    def confirm_listed(self, operator: Sender, listing: int) -> None:
        """Confirm that the market is open; the exchange only."""
        operator.send(self._contract.functions.confirmListed(listing))

    def state_of(self, listing: int) -> ListingState:
        """Where a proposal stands now.

        Raises:
            NotFound: There is no such proposal.
        """
        state = STATES[self._read("stateOf", listing)]
        if state is None:
            raise NotFound(f"no listing proposal {listing}", listing=listing)
        return state

    def weight_of(self, listing: int, voter: str) -> int:
        """Weight of a voter on a proposal, base units of MEXT."""
        return int(self._read("weightOf", listing, Web3.to_checksum_address(voter)))

    def has_voted(self, listing: int, voter: str) -> bool:
        """Tell whether a voter has voted on a proposal."""
        return bool(self._read("hasVoted", listing, Web3.to_checksum_address(voter)))

    def ballot_digest(self, listing: int, voter: str, support: Support) -> Digest:
        """The contract's own digest of a ballot, to compare a wallet's text with."""
        return Digest(bytes(self._read("ballotDigest", Web3.to_checksum_address(voter), listing, int(support))))

    def proposal(self, listing: int) -> Proposal:
        """A stored proposal.

        Raises:
            NotFound: There is no such proposal.
        """
        row = self._read("proposalOf", listing)
        proposer, started_at_s, _lane, _ending, extended, breached, _asset, token, quorum, chain_id, yes, no, terms = (
            row
        )
        if started_at_s == 0:
            raise NotFound(f"no listing proposal {listing}", listing=listing)
        return Proposal(listing, proposer, token, started_at_s, chain_id, yes, no, quorum, extended, breached, terms[8])

    def _read(self, name: str, *arguments: object) -> Any:  # noqa: ANN401 - what the function returns
        with node_answers(name):
            return self._contract.functions[name](*arguments).call()

    def _events(self, name: str, receipt: dict[str, Any]) -> list[Any]:
        logs = [log for log in receipt["logs"] if log["address"] == self._contract.address]
        kind = self._contract.events[name]()
        return [kind.process_log(log)["args"] for log in logs if log["topics"][0].to_0x_hex() == kind.topic]
