"""The two rounds of a FROST signature inside one signer: commit, then share, and never twice from one nonce.

Rules:
    * Secret nonces live in this process only. A restart forgets them, so a memory restored from a backup, a
      second process or a copied folder can never use one again; the coordinator simply asks round one anew.
    * A nonce is bound in round one to message and participants, and dropped before its share is computed.
    * What was released is in the memory: the same question gets the stored share; the memory also keeps every
      used commitment for ever and freezes the signer should one ever serve another message or list.
    * Every method is called inside the memory's transaction, which lets one thread in at a time.

Example:
    with memory.transaction():
        value = rounds.commit("hot-sol", path, step)     # 64 bytes, out to the coordinator
    made = rounds.share("hot-sol", path, step)           # inside memory.release
"""

from __future__ import annotations

import os
from collections.abc import Callable

from custody.keys import frost
from custody.primitives.errors import Refused
from custody.signers.keyring import Keyring
from custody.signers.port import ThresholdRound

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

    def commit(self, wallet_id: str, path: str, step: ThresholdRound) -> bytes:
        """Answer round one: the open commitment of this session, or a fresh one."""
        key = (wallet_id, step.session)
        nonces = self._open.get(key)
        if nonces is None:
            drawn = self._draw(frost.RANDOM_BYTES), self._draw(frost.RANDOM_BYTES)
            nonces = self._keyring.draw_nonces(path, drawn)
            while len(self._open) >= MAX_OPEN_SESSIONS:
                del self._open[next(iter(self._open))]
            self._open[key] = nonces
        return nonces.commitment

    def share(self, wallet_id: str, path: str, step: ThresholdRound, package: frost.Package) -> bytes:
        """Answer round two with our share, using the nonce up.

        Raises:
            FrostNonceGone: Our commitment in the list is not the open one of this session.
            InvariantBroken: The share does not verify; nothing is handed out, and the nonce is gone.
        """
        key, listed = (wallet_id, step.session), package.commitment_of(step.identifier)
        nonces = self._open.get(key)
        if nonces is None or nonces.commitment != listed.value:
            raise FrostNonceGone(
                f"wallet {wallet_id}: our commitment in the list was used, or made before a restart", wallet=wallet_id
            )
        del self._open[key]  # first: whatever happens from here on, it signs nothing else
        return self._keyring.sign_share(path, step.identifier, nonces, package)
