"""Deposit addresses of Tron: base58check, m/44h/195h/0h/0/i; what arrives is swept into the wallet's account.

Example:
    branch = DepositBranch(path="m/44h/195h/0h", xpub="xpub6...", window=10_000)
    branch.address(0)
"""

from __future__ import annotations

from custody.chains.deposit_branch import AccountBranch
from custody.chains.tron.address import address_of


class DepositBranch(AccountBranch):
    """The accounts that customers of a Tron wallet pay into."""

    __slots__ = ()
    address_of = staticmethod(address_of)
