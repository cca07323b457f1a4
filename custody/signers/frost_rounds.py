"""The two rounds of a FROST signature inside one signer: commit, then share, and never twice from one nonce.

Rules:
    * Secret nonces live in this process only. A restart forgets them, so a memory restored from a backup, a
      second process or a copied folder can never use one again; the coordinator simply asks round one anew.
    * A nonce is bound in round one to message and participants, and dropped before its share is computed.
    * What was released for a payment is in the memory: the same question gets the stored share; the memory also
      keeps every used commitment for ever and freezes the signer should one ever serve another message or list.
    * Every method is called inside the memory's transaction, which lets one thread in at a time.

Example:
    with memory.transaction():
        committed = rounds.commit("hot-sol", to_sign, step)     # out to the coordinator
    made = rounds.share("hot-sol", to_sign, step, payload)      # inside memory.release
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

from custody.keys import frost
from custody.keys.material import Curve, Signature
from custody.primitives.errors import InvariantBroken, Refused
from custody.signers.ask import Made
from custody.signers.keyring import Keyring
from custody.signers.port import ThresholdRound, ToSign

MAX_OPEN_SESSIONS = 1_024
"""Signatures begun and not finished; the oldest is forgotten first, and only costs another round one."""


class FrostNonceGone(Refused):
    """The commitment in the list is not one we can still sign with: begin again with round one."""

    code = "frost_nonce_gone"


class FrostRounds:
    """Open nonces of one signer process; prints as nothing."""

    def __init__(self, keyring: Keyring, draw: Callable[[int], bytes] = os.urandom) -> None:
        """Begin with no open nonces.

        Args:
            keyring: Holds the key shares.
            draw: Source of fresh random bytes; another one than the system's is for tests.
        """
        self._keyring = keyring
        self._draw = draw
        self._open: dict[tuple[str, bytes], frost.Nonces] = {}

    def __repr__(self) -> str:
        return "FrostRounds(***)"

    def commit(self, wallet_id: str, item: ToSign, step: ThresholdRound) -> Signature:
        """Answer round one: the open commitment of this session, or a fresh one."""
        key = (wallet_id, step.session)
        nonces = self._open.get(key)
        if nonces is None:
            drawn = self._draw(frost.RANDOM_BYTES), self._draw(frost.RANDOM_BYTES)
            nonces = self._keyring.draw_nonces(item.path, drawn)
            while len(self._open) >= MAX_OPEN_SESSIONS:
                del self._open[next(iter(self._open))]
            self._open[key] = nonces
        return Signature(self._keyring.public_key(item.path, Curve.ED25519), item.index, nonces.commitment)

    def share(self, wallet_id: str, item: ToSign, step: ThresholdRound, payload: bytes) -> Made:
        """Answer round two with our share, using the nonce up; its commitment is the point that serves once.

        Args:
            wallet_id, item, step: As in `commit`; the step holds a package now.
            payload: Whatever names list and message without doubt: what the point is remembered with.

        Raises:
            FrostNonceGone: Our commitment in the list is not the open one of this session.
            InvariantBroken: The share does not verify; nothing is handed out, and the nonce is gone.
        """
        if step.package is None:
            raise InvariantBroken("broken rule: a share is made in round two", wallet=wallet_id)
        key, listed = (wallet_id, step.session), step.package.commitment_of(step.identifier)
        nonces = self._open.get(key)
        if nonces is None or nonces.commitment != listed.value:
            raise FrostNonceGone(
                f"wallet {wallet_id}: our commitment in the list was used, or made before a restart", wallet=wallet_id
            )
        del self._open[key]  # first: whatever happens from here on, it signs nothing else
        value = self._keyring.sign_share(item.path, step.identifier, nonces, step.package)
        made = Signature(self._keyring.public_key(item.path, Curve.ED25519), item.index, value)
        return Made((made,), ((listed.value, hashlib.sha256(payload).digest()),))
