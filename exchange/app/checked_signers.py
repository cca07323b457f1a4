"""Signer processes that are asked for nothing before they showed the key that their wallet was made with.

Rules:
    * The start needs as many of a wallet's signers as its threshold; who is down is looked for again, and the status
      page names it until it is back.
    * A signer that answers with other keys stops the start. One that comes back with other keys is not asked.
    * Whoever failed to answer shows its keys again before the next question: another process may sit there now.

Example:
    verify_signers(lane)                        # at the start
    step = missing_step(lanes)                  # afterwards, again and again
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from custody.keys.material import PublicKey, Release, Signature, Signer, SigningRequest
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvariantBroken, SignerUnavailable, ToolkitError, VerificationFailed
from custody.withdrawals.lanes import AnyLane


class SignerMismatch(VerificationFailed):
    """A signer process holds another key than the wallet was made with."""

    code = "signer_mismatch"


class SignersMissing(SignerUnavailable):
    """Signers did not show their keys: payments go on with the others, as long as these are enough."""

    code = "signers_missing"


class CheckedSigner:
    """One key holder of one wallet; implements `custody.keys.material.Signer`."""

    def __init__(self, name: str, signer: Signer, chain: ChainId, wallet_id: str, key: PublicKey) -> None:
        """Bind it; nothing is asked yet.

        Args:
            name: Of the signer.
            signer: Its process.
            chain, wallet_id: The wallet.
            key: The member key that the wallet was made with.
        """
        self.name = name
        self.chain, self.wallet_id = chain, wallet_id
        self._signer, self._key = signer, key
        self.is_verified = False

    def verify(self) -> None:
        """Compare what the process says it holds with the wallet, unless it did so since it last failed to answer.

        Raises:
            SignerMismatch: It answers with other keys.
            SignerUnavailable: It does not answer.
        """
        if not self.is_verified:
            if self._key not in self.public_keys(self.chain, self.wallet_id):
                text = f"{self.name} does not hold its key of {self.wallet_id}"
                raise SignerMismatch(text, signer=self.name, wallet=self.wallet_id)
            self.is_verified = True

    def public_keys(self, chain: ChainId, wallet_id: str) -> Sequence[PublicKey]:
        """Return the keys it holds for a wallet; no proof is asked first."""
        with self._noticing():
            return self._signer.public_keys(chain, wallet_id)

    def sign(self, request: SigningRequest) -> tuple[Signature, ...]:
        """Sign, as the process does."""
        self._require_verified()
        with self._noticing():
            return self._signer.sign(request)

    def tombstone(self, withdrawal_id: str) -> None:
        """Promise, as the process does; the promise of a process with other keys is worth nothing."""
        self._require_verified()
        with self._noticing():
            self._signer.tombstone(withdrawal_id)

    def releases(self, after: int) -> Sequence[Release]:
        """Return what the process signed; the memory of one with other keys proves nothing."""
        self._require_verified()
        with self._noticing():
            return self._signer.releases(after)

    def _require_verified(self) -> None:
        try:
            self.verify()
        except SignerMismatch as error:
            raise SignerUnavailable(f"signer {error.message}: it is not asked", signer=self.name) from error

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        try:
            yield
        except SignerUnavailable:
            self.is_verified = False
            raise


def verify_signers(lane: AnyLane) -> None:
    """Demand at the start that a quorum of a lane's signers shows the keys of the wallet, and nobody shows others.

    Raises:
        SignerMismatch: A signer answers with another key.
        SignersMissing: So few answer that nothing can be signed.
    """
    silent: list[SignerUnavailable] = []
    for signer in _checked(lane):
        try:
            signer.verify()
        except SignerUnavailable as error:
            silent.append(error)
    if len(lane.members) - len(silent) < lane.threshold:
        told = "; ".join(error.message for error in silent)
        raise SignersMissing(f"{lane.wallet_id} needs {lane.threshold} of {len(lane.members)} signers: {told}")


def missing_step(lanes: Iterable[AnyLane]) -> Callable[[], None]:
    """Make the step that looks for signers which did not show their keys yet, or stopped answering."""
    signers = [signer for lane in lanes for signer in _checked(lane)]

    def step() -> None:
        missing: dict[str, str] = {}
        for signer in signers:
            if signer.name in missing:
                continue  # one answer a step is enough to know that a process is down
            try:
                signer.verify()
            except InvariantBroken:
                raise
            except ToolkitError as error:  # whatever one answers, the others are looked for too
                missing[signer.name] = error.message
        if missing:
            raise SignersMissing("; ".join(missing[name] for name in sorted(missing)), signers=", ".join(missing))

    return step


def _checked(lane: AnyLane) -> Iterator[CheckedSigner]:
    return (each.signer for each in lane.members if isinstance(each.signer, CheckedSigner))
