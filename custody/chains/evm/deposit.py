"""Deposit addresses of the EVM family: EIP-55, m/44h/60h/0h/0/i; what arrives is swept into the wallet's Safe.

Example:
    branch = DepositBranch(path="m/44h/60h/0h", xpub="xpub6...", window=10_000)
    branch.address(0)
"""

from __future__ import annotations

from custody.chains.deposit_branch import AccountBranch
from custody.chains.evm.address import address_of


class DepositBranch(AccountBranch):
    """The accounts that customers of an EVM wallet pay into."""

    __slots__ = ()
    address_of = staticmethod(address_of)
