"""The signers of a lane as one: for moves within the wallet, which need a complete set of signatures and no intent.

Example:
    Sweeper(moves, store, LaneSigners(lane), lane.wallet_id)
"""

from __future__ import annotations

from custody.keys.material import Signature, SigningRequest, SigningRole
from custody.primitives.errors import Unavailable
from custody.withdrawals.lanes import AnyLane


class LaneSigners:
    """Asks the signers of a lane as if they were one; silent members are passed over."""

    def __init__(self, lane: AnyLane) -> None:
        self.name = f"signers of {lane.wallet_id}"
        self._lane = lane

    def sign(self, request: SigningRequest) -> tuple[Signature, ...]:
        """Return a complete set of signatures in the request's role, or none at all.

        Raises:
            Refused: A signer's rules say no.
        """
        wanted = 1 if request.role is SigningRole.SENDER else self._lane.threshold
        answers: list[tuple[Signature, ...]] = []  # one a signer: for several coins each gives several signatures
        for signer in self._lane.signers(request.role):
            if len(answers) < wanted:
                try:
                    answers.append(signer.sign(request))
                except Unavailable:
                    continue
        return tuple(each for answer in answers for each in answer) if len(answers) >= wanted else ()
