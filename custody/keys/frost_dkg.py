"""A FROST key that nobody ever holds: every participant deals a part of it (Pedersen, with proofs of possession).

    1  each draws a polynomial and publishes commitments to it with a proof that it knows the constant term
    2  each checks all proofs, and sends every other its value there, over a private channel
    3  each checks what it received against the sender's commitments, and adds up

Rules:
    * Without the proofs the last to publish could choose the group's key (rogue key).
    * All must have seen the same publications: compare a digest of them by voice before step 2.
    * One that publishes or sends nonsense is named; the ceremony begins again without it.

Example:
    begun = begin(1, rule, os.urandom)
    shares = begun.shares_for(publications)
    made = finish(begun, publications, {2: share_from_2, 3: share_from_3})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from custody.keys import frost_group as group
from custody.keys.frost_shares import MAX_PARTICIPANTS, commit, evaluate, verify_dealt
from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import InvalidInput, VerificationFailed
from custody.primitives.secret import Secret

PROOF_BYTES = 64
_SCALAR_RANDOM_BYTES = 64


class BadPublication(VerificationFailed):
    """A participant's publication is malformed, or it does not prove that it knows its own part."""

    code = "bad_key_publication"


@dataclass(frozen=True, slots=True)
class Committee:
    """Threshold and number of participants, who are numbered from 1."""

    threshold: int
    participants: int

    def __post_init__(self) -> None:
        if not 1 < self.threshold < self.participants <= MAX_PARTICIPANTS:
            raise InvalidInput(f"{self.threshold} of {self.participants}: want 1 < threshold < n <= {MAX_PARTICIPANTS}")

    @property
    def numbers(self) -> tuple[int, ...]:
        """All participants."""
        return tuple(range(1, self.participants + 1))


@dataclass(frozen=True, slots=True)
class Publication:
    """What a participant tells everybody.

    Attributes:
        commitments: Points of its coefficients.
        proof: R and mu, 64 bytes.
    """

    commitments: tuple[bytes, ...]
    proof: bytes


@dataclass(frozen=True, slots=True)
class Begun:
    """One participant's own secret state.

    Attributes:
        number: Who it is.
        committee: Among how many.
        polynomial: Its secret coefficients.
        publication: For everybody.
    """

    number: int
    committee: Committee
    polynomial: tuple[Secret, ...]
    publication: Publication

    def shares_for(self, publications: Mapping[int, Publication]) -> dict[int, Secret]:
        """Check what everybody published, then return what each other participant gets in private.

        Raises:
            BadPublication: Somebody's is missing, malformed or without proof, or ours was changed.
        """
        if publications.get(self.number) != self.publication:
            raise BadPublication(
                f"what stands there for participant {self.number} is not ours", participant=self.number
            )
        verify_publications(self.committee, publications)
        return {other: evaluate(self.polynomial, other) for other in self.committee.numbers if other != self.number}


@dataclass(frozen=True, slots=True)
class KeyShare:
    """One participant's result: its secret share, and the commitments to the group's polynomial."""

    share: Secret
    commitments: tuple[bytes, ...]

    @property
    def group(self) -> PublicKey:
        """Public key of the group."""
        return PublicKey(Curve.ED25519, self.commitments[0])


def begin(number: int, committee: Committee, draw: Callable[[int], bytes]) -> Begun:
    """Draw a participant's part.

    Args:
        number: Who it is, from 1.
        committee: Threshold and number of participants.
        draw: Gives as many fresh random bytes as asked: the operating system's.

    Raises:
        InvalidInput: The number is not of the committee.
    """
    if number not in committee.numbers:
        raise InvalidInput(f"participant {number} of {committee.participants}")
    drawn = [group.scalar_from(draw(_SCALAR_RANDOM_BYTES)) for _ in range(committee.threshold + 1)]
    polynomial, blind = tuple(Secret(each) for each in drawn[:-1]), drawn[-1]
    commitments, point = commit(polynomial), group.base_times(blind)
    challenge = group.hash_possession(group.scalar(number) + commitments[0] + point)
    answer = group.add(blind, group.multiply(polynomial[0].reveal(), challenge))
    return Begun(number, committee, polynomial, Publication(commitments, point + answer))


def verify_publications(committee: Committee, publications: Mapping[int, Publication]) -> None:
    """Check everybody's commitments and proof of possession.

    Raises:
        BadPublication: The message names who.
    """
    if set(publications) != set(committee.numbers):
        raise BadPublication(f"publications of {sorted(publications)}; want all of {list(committee.numbers)}")
    for number, publication in publications.items():
        try:
            _verify_possession(number, committee.threshold, publication)
        except InvalidInput as error:
            raise BadPublication(f"participant {number}: {error.message}", participant=number) from error


def finish(begun: Begun, publications: Mapping[int, Publication], received: Mapping[int, Secret]) -> KeyShare:
    """Check and add up what the others sent.

    Args:
        begun: Our own part.
        publications: What everybody published, as `shares_for` saw it.
        received: By sender, what each other participant sent us.

    Raises:
        BadPublication: See `verify_publications`.
        BadShare: What somebody sent does not fit its commitments.
        InvalidInput: Something is missing or malformed.
    """
    own = begun.shares_for(publications)
    if set(received) != set(own):
        raise InvalidInput(f"participant {begun.number}: shares from {sorted(received)}, want {sorted(own)}")
    total = evaluate(begun.polynomial, begun.number).reveal()
    for sender, share in received.items():
        verify_dealt(begun.number, share, publications[sender].commitments)
        total = group.add(total, share.reveal())
    columns = zip(*(publications[number].commitments for number in begun.committee.numbers), strict=True)
    made = KeyShare(Secret(total), tuple(group.sum_points(column) for column in columns))
    verify_dealt(begun.number, made.share, made.commitments)
    return made


def _verify_possession(number: int, threshold: int, publication: Publication) -> None:
    if len(publication.commitments) != threshold or len(publication.proof) != PROOF_BYTES:
        raise InvalidInput(f"want {threshold} commitments and a proof of {PROOF_BYTES} bytes")
    for commitment in publication.commitments:
        group.require_point(commitment, "a commitment")
    point, answer = publication.proof[: group.POINT_BYTES], publication.proof[group.POINT_BYTES :]
    group.require_point(point, "the proof's point")
    group.require_scalar(answer, "the proof's answer")
    constant = publication.commitments[0]
    challenge = group.hash_possession(group.scalar(number) + constant + point)
    if group.base_times(answer) != group.sum_points((point, group.times(challenge, constant))):
        raise InvalidInput("the proof of possession does not hold")
