"""Shares of a FROST key: points on a secret polynomial, checked against public commitments (RFC 9591, appendix C).

Rules:
    * A share is the polynomial's value at the participant's number; the group's key is its value at zero.
    * Commitments to the coefficients let every holder check the own share (Feldman), and everybody compute
      the verifying share of anybody.

Example:
    verify_dealt(1, share, commitments)
    verifying_share_at(2, commitments)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from custody.keys import frost_group as group
from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import VerificationFailed
from custody.primitives.secret import Secret

MAX_PARTICIPANTS = 16
"""Far above any committee that signs by hand; numbers stay one byte in our payloads."""


class BadShare(VerificationFailed):
    """A key share does not lie on the committed polynomial."""

    code = "bad_key_share"


def evaluate(polynomial: Sequence[Secret], number: int) -> Secret:
    """Value of the polynomial at a participant's number: its share."""
    value = group.scalar(0)
    for coefficient in reversed(polynomial):
        value = group.add(group.multiply(value, group.scalar(number)), coefficient.reveal())
    return Secret(value)


def commit(polynomial: Sequence[Secret]) -> tuple[bytes, ...]:
    """Points of the coefficients."""
    return tuple(group.base_times(coefficient.reveal()) for coefficient in polynomial)


def verifying_share_at(number: int, commitments: Sequence[bytes]) -> PublicKey:
    """Public key of a participant's share, from the commitments alone.

    Raises:
        MalformedPayload: A commitment is no point, or the sum is the neutral element.
    """
    terms, power = [], 1
    for commitment in commitments:
        group.require_point(commitment, "a commitment of the polynomial")
        terms.append(group.times(group.scalar(power), commitment))
        power = power * number % group.ORDER
    total = group.sum_points(terms)
    group.require_point(total, f"verifying share of {number}")
    return PublicKey(Curve.ED25519, total)


def verify_dealt(number: int, share: Secret, commitments: Sequence[bytes]) -> None:
    """Check a share against the commitments.

    Raises:
        BadShare: It does not fit.
        MalformedPayload: A value is malformed.
    """
    group.require_scalar(share.reveal(), f"share of {number}")
    if group.base_times(share.reveal()) != verifying_share_at(number, commitments).raw:
        raise BadShare(f"the share of participant {number} is not on the committed polynomial", participant=number)


def group_key_from(verifying: dict[int, PublicKey]) -> PublicKey:
    """Interpolate the group's key from as many verifying shares as the threshold.

    Raises:
        MalformedPayload: A verifying share is no point.
    """
    numbers = sorted(verifying)
    for number in numbers:
        group.require_point(verifying[number].raw, f"verifying share of {number}")
    terms = [group.times(group.lagrange(number, numbers), verifying[number].raw) for number in numbers]
    total = group.sum_points(terms)
    group.require_point(total, "the interpolated key")
    return PublicKey(Curve.ED25519, total)


def verify_group(key: PublicKey, verifying: Mapping[int, PublicKey], threshold: int) -> None:
    """Check that verifying shares make the group's key, every run of as many as the threshold.

    Raises:
        BadShare: They make another key, or are fewer than the threshold.
        MalformedPayload: One is no point.
    """
    numbers = sorted(verifying)
    runs = [numbers[at : at + threshold] for at in range(len(numbers) - threshold + 1)] if threshold > 1 else []
    if not runs or any(group_key_from({n: verifying[n] for n in run}) != key for run in runs):
        raise BadShare(f"the verifying shares do not make the group's key {key.raw.hex()}", key=key.raw.hex())
