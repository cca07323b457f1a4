"""Signing a ballot with a key of one's own, and checking what came in.

A signature is 65 bytes r, s, v with s in the lower half and v 27 or 28: the one form the contract takes
for keys. Contract wallets sign by ERC-1271, which only the chain can check.

Example:
    signed = sign_ballot(ballot, Account.from_key(...))
    verify_ballot(signed)
"""

from __future__ import annotations

from dataclasses import dataclass

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_keys.exceptions import BadSignature as UnusableSignature
from eth_utils.exceptions import ValidationError

from custody.primitives.errors import BadSignature
from custody.primitives.invariant import invariant
from governance.ballots.typed import Ballot, InvalidBallot, signable

SIGNATURE_BYTES = 65
SECP256K1_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
RECOVERY_OFFSET = 27


@dataclass(frozen=True, slots=True)
class SignedBallot:
    """A ballot and its signature, ready to be handed in by anyone.

    Attributes:
        ballot: The vote.
        signature: By key: 65 bytes r, s, v. By contract wallet: whatever the wallet takes.
    """

    ballot: Ballot
    signature: bytes


def sign_ballot(ballot: Ballot, account: LocalAccount) -> SignedBallot:
    """Sign with the voter's own key.

    Raises:
        InvalidBallot: The key is not the voter's.
    """
    if account.address != ballot.voter:
        raise InvalidBallot(f"the key of {account.address} cannot sign for {ballot.voter}")
    signature = account.sign_message(signable(ballot)).signature
    signed = SignedBallot(ballot, bytes(signature))
    invariant(recover_voter(signed) == ballot.voter, "a fresh signature verifies")
    return signed


def verify_ballot(signed: SignedBallot) -> None:
    """Check a signature made by a key.

    Raises:
        BadSignature: It is not the voter's over this ballot; a contract wallet's never is.
    """
    found = recover_voter(signed)
    if found != signed.ballot.voter:
        raise BadSignature(f"the ballot of {signed.ballot.voter} is signed by {found}", voter=signed.ballot.voter)


def recover_voter(signed: SignedBallot) -> str:
    """Compute whose key signed, EIP-55.

    Raises:
        BadSignature: Not a signature in the one form the contract takes.
    """
    raw = signed.signature
    voter = signed.ballot.voter
    if len(raw) != SIGNATURE_BYTES:
        raise BadSignature(f"a signature has {SIGNATURE_BYTES} bytes, not {len(raw)}", voter=voter)
    s, v = int.from_bytes(raw[32:64]), raw[64] - RECOVERY_OFFSET
    if v not in (0, 1) or s > SECP256K1_HALF_ORDER:
        raise BadSignature("v is 27 or 28 and s lies in the lower half; this one is another form", voter=voter)
    try:
        return str(Account.recover_message(signable(signed.ballot), signature=raw))
    except (UnusableSignature, ValidationError) as error:
        raise BadSignature(f"not a signature: {error}", voter=voter) from error
