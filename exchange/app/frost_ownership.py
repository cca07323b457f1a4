"""One signature of a FROST group over an ownership text, gathered from its signers in two rounds.

Rules:
    * A signer that refuses, is silent or sends nonsense is passed over; the others begin again with round one.
    * Every share is verified alone, the sum as plain Ed25519, before it is shown to anybody.

Example:
    signed = sign_together(frost_wallet(spec), {1: signer_a, 2: signer_b, 3: signer_c}, request, approvals)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from custody.chains.solana.frost_wallet import FrostWallet
from custody.keys import frost
from custody.keys.material import Signature
from custody.primitives.approval import Approval
from custody.primitives.errors import BadSignature, InvalidInput, QuorumNotReached, ToolkitError
from custody.signers.ownership import OwnershipRequest, OwnershipSignature
from custody.signers.ownership_rounds import COMMITMENT_INDEX, SHARE_INDEX, round_one, round_two


class TextSharer(Protocol):
    """A signer that holds a share; see `custody.signers.client.RemoteSigner`."""

    def share_ownership(self, request: OwnershipRequest, payload: bytes, approvals: Sequence[Approval]) -> Signature:
        """Answer one round."""
        ...


class _PassedOver(Exception):
    """One participant gave no good answer."""

    def __init__(self, number: int, error: ToolkitError) -> None:
        super().__init__(error.message)
        self.number, self.error = number, error


def sign_together(
    wallet: FrostWallet, signers: Mapping[int, TextSharer], request: OwnershipRequest, approvals: Sequence[Approval]
) -> OwnershipSignature:
    """Gather the signature of a quorum.

    Args:
        wallet: Whose group signs.
        signers: By number of the participant, from 1.
        request: The parts of the text.
        approvals: Verdicts over `ownership_digest(request)`.

    Returns:
        The group's key and 64 bytes Ed25519, both in hex.

    Raises:
        QuorumNotReached: Too few signers answered; what they said is in the message.
    """
    asking, said = _Asking(wallet, signers, request, tuple(approvals)), dict[int, str]()
    while len(left := [number for number in sorted(signers) if number not in said]) >= wallet.threshold:
        try:
            signature = asking.gather(tuple(left[: wallet.threshold]))
        except _PassedOver as passed:
            said[passed.number] = passed.error.message
        else:
            return OwnershipSignature(wallet.group.raw.hex(), signature.hex())
    text = f"ownership of {request.address}: {len(left)} of {wallet.threshold} signers; {'; '.join(said.values())}"
    raise QuorumNotReached(text, signed=len(left), threshold=wallet.threshold)


class _Asking:
    """One question to the group's members."""

    def __init__(
        self,
        wallet: FrostWallet,
        signers: Mapping[int, TextSharer],
        request: OwnershipRequest,
        approvals: tuple[Approval, ...],
    ) -> None:
        self._wallet = wallet
        self._signers = signers
        self._request = request
        self._approvals = approvals

    def gather(self, participants: tuple[int, ...]) -> bytes:
        """Both rounds among exactly these; raises for the one that fails."""
        first = round_one(participants)
        commitments = tuple(self._commitment(number, first) for number in participants)
        package = frost.Package(self._wallet.group, self._request.text().encode(), commitments)
        second, verifying = round_two(commitments), self._wallet.verifying
        made = {number: self._share(number, second, package) for number in participants}
        return frost.aggregate(package, made, verifying)

    def _commitment(self, number: int, payload: bytes) -> frost.Commitment:
        value = self._ask(number, payload, COMMITMENT_INDEX)
        try:
            return frost.Commitment(number, value)
        except InvalidInput as error:
            raise _PassedOver(number, error) from error

    def _share(self, number: int, payload: bytes, package: frost.Package) -> bytes:
        made = self._ask(number, payload, SHARE_INDEX)
        try:
            frost.verify_share(package, number, self._wallet.verifying[number], made)
        except BadSignature as error:
            raise _PassedOver(number, error) from error
        return made

    def _ask(self, number: int, payload: bytes, index: int) -> bytes:
        try:
            answer = self._signers[number].share_ownership(self._request, payload, self._approvals)
        except ToolkitError as error:  # whatever it says, honest or not: the others can sign without it
            raise _PassedOver(number, error) from error
        if answer.key != self._wallet.verifying[number] or answer.index != index:
            raise _PassedOver(number, BadSignature(f"participant {number} answered with another key or round"))
        return answer.value
