"""What a signer's own decoder returns: the meaning of a payload, and what exactly to sign.

Rules:
    * A decoder is a second implementation; it shares no parsing code with `custody.chains`.
    * It is made from the wallet registration in the signer's own folder, never from the request.
    * An output counts as change only if the decoder re-derived it from the registration; all else
      is a payment that an intent must explain. A shape it does not know raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from custody.keys.frost import Package
from custody.keys.material import SigningRole
from custody.primitives.intent import TransferSummary


@dataclass(frozen=True, slots=True)
class ToSign:
    """One thing to sign with one of our keys.

    Attributes:
        index: Input index (UTXO); 0 elsewhere.
        path: Derivation path of our key, e.g. "m/48h/1h/0h/2h/0/5".
        message: 32-byte digest for secp256k1, the whole message for Ed25519.
    """

    index: int
    path: str
    message: bytes


@dataclass(frozen=True, slots=True)
class ThresholdRound:
    """One of the two rounds of a threshold signature that the payload asks for.

    Attributes:
        session: Digest of message and participants, 32 bytes: what a nonce is drawn for.
        identifier: Our number among the participants.
        package: Group, message and commitments in round two; None in round one.
    """

    session: bytes
    identifier: int
    package: Package | None


@dataclass(frozen=True, slots=True)
class Understood:
    """A decoded payload.

    Attributes:
        summary: Payments with their tags or memos, proven change, fee.
        conflict_key: What the transaction consumes, in the form of the family's codec.
        to_sign: What our key must sign.
        valid_until_s: From when on the chain takes it no more, in seconds since 1970 UTC, where the bytes
            themselves say so as a time; else None.
        threshold: Set where our key is a share of a group's key; then `to_sign` names it once.
    """

    summary: TransferSummary
    conflict_key: str
    to_sign: tuple[ToSign, ...]
    valid_until_s: int | None = None
    threshold: ThresholdRound | None = None


@dataclass(frozen=True, slots=True)
class OwnedPlace:
    """Where an address of the wallet comes from, derived anew from the registration.

    Attributes:
        path: Derivation path of our key there.
        script: Multisig script behind the address; empty where there is none.
        role: The role that our key serves: member of the multisig, or alone over a deposit account.
    """

    path: str
    script: bytes = b""
    role: SigningRole = SigningRole.MEMBER


class Decoder(Protocol):
    """One family's second decoder, bound to one registered wallet and to our key in it."""

    caip2: str
    """The registered network, as ownership texts name it; empty where none is known, which no text can be for."""

    holds_accounts: bool
    """Whether a single key of ours controls accounts beside the multisig: deposit accounts that are swept."""

    def understand(self, payload: bytes, role: SigningRole) -> Understood:
        """Decode a payload completely.

        Raises:
            MalformedPayload: It does not decode, or bytes are left over.
            Refused: It decodes, but to a shape that is not on the allow-list.
        """
        ...

    def owned_place(self, address: str) -> OwnedPlace:
        """Prove that an address is of this wallet, and name our member key there.

        Raises:
            NotOurAddress: It does not follow from the registration.
            Refused: We hold no member key of the wallet.
        """
        ...


@runtime_checkable
class GroupDecoder(Decoder, Protocol):
    """A decoder of a wallet whose member keys are shares of one key, which sign in two rounds."""

    def understand_text(self, payload: bytes, text: bytes) -> ThresholdRound:
        """Read which round of signing an ownership text is asked for.

        Args:
            payload: As `custody.signers.ownership_rounds` writes it.
            text: The whole text, as the signer itself built it.

        Raises:
            MalformedPayload: It does not parse, or bytes are left over.
            Refused: The participants are not a threshold of the wallet's with us among them.
        """
        ...
