"""A listing ballot as EIP-712 typed data: what a wallet shows, and the digest the contract checks.

Rules:
    * The voter stands inside the signed text: a key that owns several wallets signs for one at a time.
    * Chain id and contract stand in the domain: a ballot counts nowhere else.
    * There is no sequence number: one vote per voter and proposal stops replay.

Example:
    ballot = Ballot(BallotBox(31337, listing_vote), voter, 1, Support.FOR)
    wallet_shows = typed_data(ballot)
    ballot_digest(ballot)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from eth_account.messages import SignableMessage, encode_typed_data
from eth_utils.address import is_checksum_address
from eth_utils.crypto import keccak

from custody.primitives.errors import InvalidInput
from custody.primitives.ids import Digest

DOMAIN_NAME = "ListingVote"
DOMAIN_VERSION = "1"
UINT256_LIMIT = 1 << 256
DOMAIN_FIELDS = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
BALLOT_FIELDS = (("voter", "address"), ("id", "uint256"), ("support", "uint8"))


class InvalidBallot(InvalidInput):
    """A ballot that no contract could count."""

    code = "invalid_ballot"


class Support(IntEnum):
    """The two votes there are."""

    AGAINST = 0
    FOR = 1


@dataclass(frozen=True, slots=True)
class BallotBox:
    """Where a ballot counts.

    Attributes:
        chain_id: EIP-155.
        contract: ListingVote, EIP-55.
    """

    chain_id: int
    contract: str

    def __post_init__(self) -> None:
        if not 0 < self.chain_id < UINT256_LIMIT:
            raise InvalidBallot(f"{self.chain_id} is not a chain id")
        _verify_address(self.contract, "contract")


@dataclass(frozen=True, slots=True)
class Ballot:
    """One vote, not yet signed.

    Attributes:
        box: Where it counts.
        voter: Whose weight it carries, EIP-55; a key's own address or a contract wallet.
        listing: Number of the proposal, from 1.
        support: For or against.
    """

    box: BallotBox
    voter: str
    listing: int
    support: Support

    def __post_init__(self) -> None:
        _verify_address(self.voter, "voter")
        if not 0 < self.listing < UINT256_LIMIT:
            raise InvalidBallot(f"{self.listing} is not the number of a proposal", listing=self.listing)
        if self.support not in tuple(Support):
            raise InvalidBallot(f"support is 0 (against) or 1 (for), not {self.support}")


def typed_data(ballot: Ballot) -> dict[str, Any]:
    """The ballot as JSON for `eth_signTypedData_v4`.

    Spec: EIP-712.
    """
    return {
        "types": {
            "EIP712Domain": [{"name": name, "type": kind} for name, kind in DOMAIN_FIELDS],
            "ListingBallot": [{"name": name, "type": kind} for name, kind in BALLOT_FIELDS],
        },
        "primaryType": "ListingBallot",
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": ballot.box.chain_id,
            "verifyingContract": ballot.box.contract,
        },
        "message": {"voter": ballot.voter, "id": ballot.listing, "support": int(ballot.support)},
    }


def signable(ballot: Ballot) -> SignableMessage:
    """The ballot in the form that eth-account signs."""
    return encode_typed_data(full_message=typed_data(ballot))


def ballot_digest(ballot: Ballot) -> Digest:
    """The 32 bytes that are signed; equal to `ballotDigest` of the contract.

    Spec: EIP-712, keccak256(0x19 01 || domain separator || hash of the struct).
    """
    message = signable(ballot)
    return Digest(bytes(keccak(b"\x19" + message.version + message.header + message.body)))


def _verify_address(text: str, role: str) -> None:
    if not is_checksum_address(text):
        raise InvalidBallot(f"{role}: {text!r} is not an EIP-55 address")
    if int(text, 16) == 0:
        raise InvalidBallot(f"{role}: the zero address")
