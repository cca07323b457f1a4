"""Deposit accounts as a signer registers them: whose coins may be swept into the wallet. Derived anew, not believed.

Example:
    branch = read_branch(registration.get("sweep_from"), account_of)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from custody.keys.material import PublicKey
from custody.keys.paths import format_path, parse_path
from custody.keys.xkeys import decode_xpub
from custody.primitives.errors import InvalidInput

Account = TypeVar("Account")


@dataclass(frozen=True, slots=True)
class SweepBranch(Generic[Account]):
    """The accounts that customers pay into.

    Attributes:
        path: Account path, e.g. "m/44h/60h/0h"; addresses are path/0/i.
        xpub: Extended public key at this path.
        window: Indexes run from 0 to window - 1.
        account_of: How the family makes an account of a key.
    """

    path: str
    xpub: str
    window: int
    account_of: Callable[[PublicKey], Account]

    def account(self, index: int) -> Account:
        """Deposit account `index`."""
        _, node = decode_xpub(self.xpub)
        return self.account_of(node.descend((0, index)).public_key())


def read_branch(entry: object, account_of: Callable[[PublicKey], Account]) -> SweepBranch[Account] | None:
    """Check and convert the stored JSON; None where there is none.

    Raises:
        InvalidInput: A field is missing or malformed.
    """
    if entry is None:
        return None
    if not isinstance(entry, Mapping):
        raise InvalidInput("sweep_from is an object of path, xpub and window")
    path, xpub, window = (entry.get(name) for name in ("path", "xpub", "window"))
    if not isinstance(path, str) or not isinstance(xpub, str) or type(window) is not int or window < 0:
        raise InvalidInput("sweep_from: path and xpub are texts, window is a whole number")
    branch = SweepBranch(format_path(parse_path(path)), xpub, window, account_of)
    branch.account(0)  # a key that does not parse stops the signer here, not at the first sweep
    return branch
