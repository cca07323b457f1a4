r"""Ownership: the text that the keys of an address sign for one statement, and what a signature must match.

Rules:
    * Eight lines joined by "\n", no newline at the end: tag, exchange, seq, ctx, chain, address, nonce, expires.
    * The text names one exchange, one statement and one address: no other exchange can show the same coins with it,
      and a text of another statement never counts.
    * The auditor chooses the nonce: a signature collected in advance is worthless.
    * The verifier builds the text himself from the header and his nonce; he never takes it from the evidence.

Proven: a quorum of the keys of this address was at hand after the nonce was known. Not proven: that the coins are not
borrowed, pledged, or somebody else's whose keys were lent.

Example:
    claim = claim_for(header, "eip155:1", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", nonce)
    claim.text().encode()  # what the owners sign
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from custody.primitives.encoding import Json
from custody.primitives.errors import InvalidInput, VerificationFailed
from custody.reserves.statement import Header

TEXT_TAG = "PORv1-ownership"
NONCE_BYTES = 32
VALID_FOR = timedelta(days=14)
"""After the cut-off; long enough for a signing round of cold keys, short enough not to be hoarded."""
_UTC_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class OwnershipNotShown(VerificationFailed):
    """The evidence does not show control of the address for this statement."""

    code = "ownership_not_shown"


@dataclass(frozen=True, slots=True)
class OwnershipClaim:
    """What is signed.

    Attributes:
        exchange: Domain name, as in the header.
        seq: Number of the statement.
        ctx: Context of the statement, 64 hex digits.
        chain: CAIP-2.
        address: In the chain's canonical text form.
        nonce: The auditor's, 64 hex digits.
        expires: UTC, "2026-02-14T00:00:00Z".
    """

    exchange: str
    seq: int
    ctx: str
    chain: str
    address: str
    nonce: str
    expires: str

    def __post_init__(self) -> None:
        parts = (self.exchange, self.ctx, self.chain, self.address, self.nonce, self.expires)
        if not all(part.isascii() and part.isprintable() and part and " " not in part for part in parts):
            raise InvalidInput(f"ownership of {self.address[:60]!r}: a part is empty or not plain text")

    def text(self) -> str:
        """The eight lines."""
        return "\n".join(
            (TEXT_TAG, self.exchange, str(self.seq), self.ctx, self.chain, self.address, self.nonce, self.expires)
        )

    def is_expired(self, now_s: int) -> bool:
        """Whether the text is too old to count, at a time in seconds since 1970 UTC."""
        return now_s > _parse_utc(self.expires).timestamp()


@dataclass(frozen=True, slots=True)
class AttestedQuorum:
    """Who controls a contract or multisig account, as read from the chain; a value, so checking stays offline.

    Attributes:
        chain: CAIP-2.
        address: The account.
        keys: Owners (EIP-55 addresses) or members (base58 keys; Tron addresses; addresses of a signer list).
        threshold: How many of them must sign.
        at_height: Block it was read at.
    """

    chain: str
    address: str
    keys: tuple[str, ...]
    threshold: int
    at_height: int


@dataclass(frozen=True, slots=True)
class OwnershipEvidence:
    """Signatures over one ownership text.

    Attributes:
        chain, address: Whose.
        method: "cosigner-ecdsa", "eip191-owners", "tip191-members", "ed25519-members" or "ecdsa-members".
        signatures: (key, signature) in hex; the key is "" where it is recovered from the signature.
        script: Multisig script in hex for "cosigner-ecdsa", else "".
    """

    chain: str
    address: str
    method: str
    signatures: tuple[tuple[str, str], ...]
    script: str = ""

    def json(self) -> dict[str, Json]:
        """One line of reserves/evidence/<chain>.jsonl."""
        signatures: list[Json] = [{"key": key, "signature": value} for key, value in self.signatures]
        line: dict[str, Json] = {
            "chain": self.chain,
            "address": self.address,
            "method": self.method,
            "signatures": signatures,
        }
        return {**line, "script": self.script} if self.script else line


def claim_for(header: Header, chain: str, address: str, nonce: bytes) -> OwnershipClaim:
    """Build the claim of one address; it expires 14 days after the cut-off.

    Raises:
        InvalidInput: The chain is not in the header, or the nonce is not 32 bytes.
    """
    if chain not in {point.id for point in header.chains}:
        raise InvalidInput(f"chain {chain!r} is not in the header of statement {header.seq}")
    if len(nonce) != NONCE_BYTES:
        raise InvalidInput(f"auditor nonce of {len(nonce)} bytes, not {NONCE_BYTES}")
    expires = (_parse_utc(header.cutoff) + VALID_FOR).strftime(_UTC_FORMAT)
    return OwnershipClaim(header.exchange, header.seq, header.ctx().hex(), chain, address, nonce.hex(), expires)


def require_quorum(signed: Sequence[str], allowed: Sequence[str], threshold: int, where: str) -> None:
    """Check that enough different keys signed and that all of them belong.

    Raises:
        OwnershipNotShown: A key twice, a foreign key, too few keys, or a threshold that cannot be met.
    """
    if not 1 <= threshold <= len(allowed) or len(set(allowed)) != len(allowed):
        raise OwnershipNotShown(f"{where}: {threshold} of {len(allowed)} is no quorum")
    foreign = sorted(set(signed) - set(allowed))
    if foreign:
        raise OwnershipNotShown(f"{where}: {foreign[0]} is not one of its keys")
    if len(set(signed)) != len(signed):
        raise OwnershipNotShown(f"{where}: one key signed twice")
    if len(signed) < threshold:
        raise OwnershipNotShown(f"{where}: {len(signed)} signatures, {threshold} needed", signed=len(signed))


def _parse_utc(text: str) -> datetime:
    try:
        return datetime.strptime(text, _UTC_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise InvalidInput(f"{text[:40]!r} is not a UTC time") from error
