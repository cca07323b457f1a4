"""Threshold signatures that look like plain Ed25519: FROST(Ed25519, SHA-512), RFC 9591, sections 4 and 5.

Rules:
    * A nonce serves one message and one commitment list, ever; two shares of one nonce give the key share away.
      This module only computes: whoever calls it keeps that promise.
    * Every share is verified under its owner's verifying share before shares are added, so a bad one has a name;
      the sum is verified once more as plain Ed25519.
    * The number of participants is not judged here: a caller demands exactly the threshold.

Example:
    nonces = draw_nonces(share, os.urandom(32), os.urandom(32))              # round one
    package = Package(group, message, (Commitment(1, nonces.commitment), ...))
    made = sign_share(package, 1, share, nonces)                             # round two
    signature = aggregate(package, {1: made, ...}, {1: verifying_share, ...})
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from custody.keys import ed25519
from custody.keys import frost_group as group
from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import BadSignature, InvalidInput, QuorumNotReached
from custody.primitives.invariant import invariant
from custody.primitives.secret import Secret

COMMITMENT_BYTES = 64
SHARE_BYTES = 32
RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class Nonces:
    """The two secret nonces of one signer for one signature, and their public commitment.

    Attributes:
        hiding, binding: Scalars.
        commitment: The two points, 64 bytes.
    """

    hiding: Secret
    binding: Secret
    commitment: bytes


@dataclass(frozen=True, slots=True)
class Commitment:
    """What one signer answered in round one.

    Attributes:
        identifier: Number of the participant, from 1.
        value: Hiding and binding commitment, 64 bytes.
    """

    identifier: int
    value: bytes

    def __post_init__(self) -> None:
        if self.identifier < 1 or len(self.value) != COMMITMENT_BYTES:
            raise InvalidInput(f"commitment of {self.identifier}: want {COMMITMENT_BYTES} bytes, numbers from 1")
        group.require_point(self.hiding, f"hiding commitment of {self.identifier}")
        group.require_point(self.binding, f"binding commitment of {self.identifier}")

    @property
    def hiding(self) -> bytes:
        """First point."""
        return self.value[: group.POINT_BYTES]

    @property
    def binding(self) -> bytes:
        """Second point."""
        return self.value[group.POINT_BYTES :]


@dataclass(frozen=True)
class Package:
    """What round two is about.

    Attributes:
        group: Public key of the group.
        message: What is signed, whole.
        commitments: Of all participants, in ascending order.
    """

    group: PublicKey
    message: bytes
    commitments: tuple[Commitment, ...]

    def __post_init__(self) -> None:
        if self.group.curve is not Curve.ED25519:
            raise InvalidInput(f"a FROST group on {self.group.curve}")
        group.require_point(self.group.raw, "the group's key")
        numbers = self.identifiers
        if not numbers or list(numbers) != sorted(set(numbers)):
            raise InvalidInput(f"commitments of {list(numbers)}: want different participants in ascending order")

    @property
    def identifiers(self) -> tuple[int, ...]:
        """Who takes part."""
        return tuple(each.identifier for each in self.commitments)

    @cached_property
    def binding_factors(self) -> Mapping[int, bytes]:
        """Section 4.4: one scalar a participant; another message or list gives others."""
        encoded = b"".join(group.scalar(each.identifier) + each.value for each in self.commitments)
        prefix = self.group.raw + group.hash_message(self.message) + group.hash_commitments(encoded)
        return {number: group.hash_binding(prefix + group.scalar(number)) for number in self.identifiers}

    @cached_property
    def point(self) -> bytes:
        """Section 4.5: the group commitment, R of the signature.

        Raises:
            MalformedPayload: The commitments cancel out.
        """
        total = group.sum_points(self.bound(each) for each in self.commitments)
        group.require_point(total, "the sum of the commitments")
        return total

    @cached_property
    def challenge(self) -> bytes:
        """Section 4.6: c, as plain Ed25519 computes it."""
        return group.hash_challenge(self.point + self.group.raw + self.message)

    def bound(self, commitment: Commitment) -> bytes:
        """One participant's part of the group commitment."""
        factor = self.binding_factors[commitment.identifier]
        return group.sum_points((commitment.hiding, group.times(factor, commitment.binding)))

    def weight(self, identifier: int) -> bytes:
        """Lagrange coefficient times challenge."""
        return group.multiply(group.lagrange(identifier, self.identifiers), self.challenge)

    def commitment_of(self, identifier: int) -> Commitment:
        """The commitment of one participant.

        Raises:
            InvalidInput: It takes no part.
        """
        for each in self.commitments:
            if each.identifier == identifier:
                return each
        raise InvalidInput(f"participant {identifier} takes no part: {list(self.identifiers)} do")


def verifying_share(share: Secret) -> PublicKey:
    """Public key of a share.

    Raises:
        MalformedPayload: The share is not a scalar.
    """
    group.require_scalar(share.reveal(), "the key share")
    return PublicKey(Curve.ED25519, group.base_times(share.reveal()))


def draw_nonces(share: Secret, hiding_randomness: bytes, binding_randomness: bytes) -> Nonces:
    """Round one (section 4.1): nonces from fresh randomness and the share, so that a weak source alone is no leak.

    Args:
        share: Our key share.
        hiding_randomness, binding_randomness: 32 bytes each from the operating system, never used before.

    Raises:
        InvalidInput: Not 32 bytes, or the same ones twice.
    """
    drawn = (hiding_randomness, binding_randomness)
    if any(len(each) != RANDOM_BYTES for each in drawn) or drawn[0] == drawn[1]:
        raise InvalidInput(f"nonces want two different draws of {RANDOM_BYTES} bytes")
    hiding, binding = (group.hash_nonce(each + share.reveal()) for each in drawn)
    return Nonces(Secret(hiding), Secret(binding), group.base_times(hiding) + group.base_times(binding))


def sign_share(package: Package, identifier: int, share: Secret, nonces: Nonces) -> bytes:
    """Round two (section 5.2): our share of the signature, verified before it is handed out.

    Args:
        package: Group, message and commitments.
        identifier: Our number.
        share: Our key share.
        nonces: What our commitment in the package was made of; never to be used again.

    Returns:
        32 bytes.

    Raises:
        InvalidInput: We take no part, or our commitment in the package is not of these nonces.
    """
    if package.commitment_of(identifier).value != nonces.commitment:
        raise InvalidInput(f"participant {identifier}: the package holds another commitment than ours")
    bound = group.multiply(nonces.binding.reveal(), package.binding_factors[identifier])
    keyed = group.multiply(package.weight(identifier), share.reveal())
    made = group.add(group.add(nonces.hiding.reveal(), bound), keyed)
    try:
        verify_share(package, identifier, verifying_share(share), made)
        verified = True
    except BadSignature:
        verified = False
    invariant(verified, "our own share verifies before it is released", participant=identifier)
    return made


def verify_share(package: Package, identifier: int, verifying: PublicKey, made: bytes) -> None:
    """Check one share (section 5.4): z B = D + rho E + lambda c Y.

    Raises:
        BadSignature: It does not hold; the message names the key.
        InvalidInput: The participant takes no part, or its verifying share is no point.
    """
    group.require_point(verifying.raw, f"verifying share of {identifier}")
    expected = group.sum_points(
        (package.bound(package.commitment_of(identifier)), group.times(package.weight(identifier), verifying.raw))
    )
    canonical = len(made) == SHARE_BYTES and 0 < int.from_bytes(made, "little") < group.ORDER
    if not canonical or group.base_times(made) != expected:
        raise BadSignature(
            f"share of participant {identifier} ({verifying.raw.hex()}) does not verify", key=verifying.raw.hex()
        )


def aggregate(package: Package, made: Mapping[int, bytes], verifying: Mapping[int, PublicKey]) -> bytes:
    """Add the shares of all participants to one Ed25519 signature (section 5.3).

    Args:
        package: Group, message and commitments.
        made: Share by participant.
        verifying: Verifying share by participant.

    Returns:
        64 bytes R || z, which any Ed25519 verifier accepts under the group's key.

    Raises:
        QuorumNotReached: The share of a participant is missing.
        BadSignature: A share does not verify, or the verifying shares are not of this group.
    """
    missing = [number for number in package.identifiers if number not in made]
    if missing:
        raise QuorumNotReached(f"no share of participants {missing}", missing=len(missing))
    total = group.scalar(0)
    for number in package.identifiers:
        verify_share(package, number, verifying[number], made[number])
        total = group.add(total, made[number])
    signature = package.point + total
    ed25519.verify(package.group, package.message, signature)
    return signature
