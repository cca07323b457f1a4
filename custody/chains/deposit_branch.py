"""Deposit addresses of families with accounts: ordinary accounts derived from one extended public key.

Rules:
    * Address i is path/0/i; only public derivation happens here, so that making an address needs no secret.
      What arrives is swept into the wallet, nowhere else.
    * The window bounds how far a signer follows: beyond it nothing is watched and nothing is signed.
    * How a key is written as address is the family's; it pins that in a class of its own.

Example:
    class DepositBranch(AccountBranch):
        address_of = staticmethod(address_of)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache

from custody.keys.hd import PublicNode
from custody.keys.material import PublicKey
from custody.keys.xkeys import decode_xpub
from custody.primitives.errors import InvalidInput, LimitExceeded

MAX_WINDOW = 1 << 31
"""Unhardened child numbers end here."""
EXTERNAL_BRANCH = 0


@dataclass(frozen=True, slots=True)
class AccountBranch(ABC):
    """The accounts that customers pay into.

    Attributes:
        path: Derivation path of the account key, e.g. "m/44h/60h/0h".
        xpub: Extended public key at this path, base58check.
        window: Number of addresses that may exist; indexes run from 0 to window - 1.
    """

    path: str
    xpub: str
    window: int

    def __post_init__(self) -> None:
        """Check window and key.

        Raises:
            InvalidInput: The window is out of range, or the key does not parse (`InvalidKey`).
        """
        if not 0 < self.window <= MAX_WINDOW:
            raise InvalidInput(f"deposit window {self.window} outside 1..{MAX_WINDOW}")
        decode_xpub(self.xpub)

    @staticmethod
    @abstractmethod
    def address_of(key: PublicKey) -> str:
        """The account of a key, as the family writes it."""

    def public_key(self, index: int) -> PublicKey:
        """Public key of address `index`.

        Raises:
            LimitExceeded: The index is outside the window.
        """
        if not 0 <= index < self.window:
            raise LimitExceeded(f"deposit index {index} outside the window of {self.window}", limit=self.window)
        return _external(self.xpub).child(index).public_key()

    def address(self, index: int) -> str:
        """Deposit address `index`, in the family's canonical text."""
        return self.address_of(self.public_key(index))

    def key_path(self, index: int) -> str:
        """Full derivation path of address `index`, for the signer."""
        return f"{self.path}/{EXTERNAL_BRANCH}/{index}"


@lru_cache(maxsize=64)  # one a wallet: every address begins with the same decoding and the same step
def _external(xpub: str) -> PublicNode:
    _, account = decode_xpub(xpub)
    return account.child(EXTERNAL_BRANCH)
