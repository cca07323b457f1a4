"""Values that keys and signatures travel as, between builders, signers and combiners.

Rules:
    * No private key appears here; a signer never hands one out.
    * A signing request carries everything a signer needs to decide on its own: the payload it
      decodes itself, the intents that must explain it, and the approvals over those intents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from custody.primitives.approval import Approval
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidInput
from custody.primitives.intent import TransferIntent


class Curve(StrEnum):
    """Signature curves in use."""

    SECP256K1 = "secp256k1"
    ED25519 = "ed25519"


PUBLIC_KEY_BYTES = {Curve.SECP256K1: 33, Curve.ED25519: 32}
"""Compressed point, or Ed25519 key."""


class SigningRole(StrEnum):
    """Whose signature a round needs."""

    MEMBER = "member"  # one of the n keys of the multisig
    SENDER = "sender"  # the key that pays the chain's fee: gas sender, fee payer


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key.

    Attributes:
        curve: Which curve.
        raw: 33 bytes (compressed secp256k1) or 32 bytes (Ed25519).
    """

    curve: Curve
    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != PUBLIC_KEY_BYTES[self.curve]:
            raise InvalidInput(f"{self.curve} public key has {len(self.raw)} bytes")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature by one key.

    Attributes:
        key: The key it verifies under.
        index: Which input it is for (UTXO); 0 on account chains.
        value: Family encoding: DER + sighash byte (UTXO), r || s || v 65 bytes (EVM), 64 bytes (Ed25519);
            of a threshold signature commitment (index 0, 64 bytes) and share (index 1, 32 bytes).
    """

    key: PublicKey
    index: int
    value: bytes


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """What a signer is asked.

    Attributes:
        chain: The network.
        wallet_id: Registered wallet that pays.
        role: Member of the multisig, or sender.
        payload: Unsigned transaction in the family's encoding; the signer decodes it itself.
        intents: What the payload must do, in any order, and nothing else.
        approvals: Verdicts over the hashes of these intents.
    """

    chain: ChainId
    wallet_id: str
    role: SigningRole
    payload: bytes
    intents: tuple[TransferIntent, ...]
    approvals: tuple[Approval, ...]


@dataclass(frozen=True, slots=True)
class SigningNeed:
    """What a transaction needs next before it is complete.

    Attributes:
        role: Who must sign.
        payload: What they sign, in the family's encoding.
        missing: How many further signatures of this role.
        together: Set where several rounds of one visit make one signature: the keys that must all answer this
            payload. Such answers belong to their visit: they are not stored, and the next visit asks again.
    """

    role: SigningRole
    payload: bytes
    missing: int
    together: tuple[PublicKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Release:
    """One answer a signer gave, as it remembers it: what a restored back office is compared with.

    Attributes:
        sequence: Position in the signer's memory, from 1 and without gaps.
        wallet_id, role: Whose signature.
        payload_digest: SHA-256 of the payload, 32 bytes.
        conflict_key: What the payload consumes.
        withdrawal_ids: What it pays; empty for a move within the wallet.
    """

    sequence: int
    wallet_id: str
    role: SigningRole
    payload_digest: bytes
    conflict_key: str
    withdrawal_ids: tuple[str, ...]


MAX_RELEASES = 100
"""Releases in one answer of a signer; asked again for more."""


class Signer(Protocol):
    """A key holder behind a process boundary."""

    name: str

    def public_keys(self, chain: ChainId, wallet_id: str) -> Sequence[PublicKey]:
        """Return the keys this signer holds for a wallet; empty if none.

        Raises:
            SignerUnavailable: The process cannot be reached.
        """
        ...

    def sign(self, request: SigningRequest) -> tuple[Signature, ...]:
        """Sign if, and only if, the signer itself understands and accepts the request.

        Raises:
            Refused: A rule of the signer says no; nothing was signed.
            MalformedPayload: The payload does not decode.
            SignerUnavailable: No answer; whether it signed is unknown, and asking again is safe.
        """
        ...

    def tombstone(self, withdrawal_id: str) -> None:
        """Promise never to sign for this withdrawal again.

        Raises:
            Conflict: A signature for it was already released.
            SignerUnavailable: No answer.
        """
        ...

    def releases(self, after: int) -> Sequence[Release]:
        """Return what it signed after a position in its memory, oldest first, at most `MAX_RELEASES`.

        Raises:
            SignerUnavailable: No answer.
        """
        ...
