"""What the memory compares and keeps of a request: the ask before the signature, what was made after it.

Rules:
    * Two asks for the same withdrawals are the same only if every intent hash is the same.
    * Nothing here comes from the request unread: conflict key, charges and fee are the decoder's.

Example:
    Ask("hot", SigningRole.MEMBER, payload_digest, "utxo:...", (("w1", hashed),), {"toy/native": 5}, ("toy/native", 1))
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from custody.keys.material import Signature, SigningRequest, SigningRole
from custody.primitives.encoding import digest
from custody.primitives.errors import Refused
from custody.primitives.ids import Digest
from custody.primitives.intent import intent_hash
from custody.signers.port import Understood

INTENT_SET_TAG = "mext/intent-set/1"


@dataclass(frozen=True, slots=True)
class Ask:
    """What a release is about, reduced to what the memory compares.

    Attributes:
        wallet_id, role: Whose signature.
        payload_digest: SHA-256 of the payload, 32 bytes.
        conflict_key: What the payload consumes.
        intents: (withdrawal id, intent hash), sorted by id; empty for a move within the wallet.
        charges: Base units leaving the wallet, by asset key; without the fee.
        fee: Asset key of the native coin, and base units.
    """

    wallet_id: str
    role: SigningRole
    payload_digest: Digest
    conflict_key: str
    intents: tuple[tuple[str, Digest], ...]
    charges: Mapping[str, int]
    fee: tuple[str, int]

    @property
    def intents_digest(self) -> Digest:
        """One digest for the whole set of intents."""
        return digest(INTENT_SET_TAG, *(part for intent in self.intents for part in intent))


def ask_of(request: SigningRequest, understood: Understood) -> Ask:
    """Reduce a request to what the memory compares.

    Raises:
        InvalidAmount: A payment of a negative amount.
        Refused: A negative fee.
    """
    charges: Counter[str] = Counter()
    for _, amount in understood.summary.to:
        charges[amount.asset.key] += amount.positive().units
    fee = understood.summary.fee
    if fee.units < 0:
        raise Refused("the payload has a negative fee")
    return Ask(
        wallet_id=request.wallet_id,
        role=request.role,
        payload_digest=Digest(hashlib.sha256(request.payload).digest()),
        conflict_key=understood.conflict_key,
        intents=tuple(sorted((str(intent.withdrawal_id), intent_hash(intent)) for intent in request.intents)),
        charges=charges,
        fee=(fee.asset.key, fee.units),
    )


@dataclass(frozen=True, slots=True)
class Made:
    """Signatures just made, with the points that must never serve two messages."""

    signatures: tuple[Signature, ...]
    points: tuple[tuple[bytes, bytes], ...]  # (nonce point, key || message)
