"""Accounts, permissions and built-in tokens of the Tron ledger simulator, as values.

Rules:
    * A world is never changed in place: every block keeps the one it ended with, so that a reorganisation and
      a balance of the past are a matter of looking at another one.
    * Addresses are 21 bytes in hex, as nodes write them.

Example:
    world = World().with_balance("41...", 10**6)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

OWNER, ACTIVE = 0, 2
USUAL_OPERATIONS = bytes.fromhex("7fff1fc0033e0300") + bytes(24)
"""What a new account's active permission allows: much, but no change of permissions (bit 46)."""

TOKEN_DECIMALS = 6
"""Of every built-in token."""

Json = Any


@dataclass(frozen=True, slots=True)
class Permission:
    """A quorum of one account: weights by address, how much weight is needed, and what it may do."""

    kind: int
    id: int
    name: str
    threshold: int
    keys: tuple[tuple[str, int], ...]
    operations: bytes = b""

    def allows(self, contract_type: int) -> bool:
        """Whether the mask has this contract type; the owner permission may do everything."""
        if self.kind == OWNER:
            return True
        return contract_type < 256 and bool(self.operations[contract_type // 8] >> contract_type % 8 & 1)

    def json(self) -> Json:
        """As `getaccount` shows it."""
        shown: dict[str, Json] = {"type": "Active", "id": self.id} if self.kind == ACTIVE else {}
        shown |= {"permission_name": self.name, "threshold": self.threshold}
        if self.kind == ACTIVE:
            shown["operations"] = self.operations.hex()
        return {**shown, "keys": [{"address": address, "weight": weight} for address, weight in self.keys]}


@dataclass(frozen=True, slots=True)
class Account:
    """An opened account."""

    sun: int
    owner: Permission
    actives: tuple[Permission, ...]

    @classmethod
    def new(cls, address: str) -> Account:
        """As the network opens it: one key, which may do everything."""
        keys = ((address, 1),)
        active = Permission(ACTIVE, 2, "active", 1, keys, USUAL_OPERATIONS)
        return cls(0, Permission(OWNER, 0, "owner", 1, keys), (active,))

    def permission(self, number: int) -> Permission | None:
        """The permission with this id."""
        return next((each for each in (self.owner, *self.actives) if each.id == number), None)

    def json(self, address: str) -> Json:
        """As `getaccount` shows it."""
        shown: dict[str, Json] = {"address": address}
        if self.sun:
            shown["balance"] = self.sun
        return {
            **shown,
            "owner_permission": self.owner.json(),
            "active_permission": [each.json() for each in self.actives],
        }


@dataclass(frozen=True, slots=True)
class Token:
    """A built-in TRC-20 contract.

    Attributes:
        symbol: What it calls itself; look-alikes may call themselves the same.
        balances: Base units by address.
        reverts: True: every transfer reverts.
    """

    symbol: str
    balances: Mapping[str, int] = field(default_factory=dict)
    reverts: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """All accounts and tokens at one moment."""

    accounts: Mapping[str, Account] = field(default_factory=dict)
    tokens: Mapping[str, Token] = field(default_factory=dict)

    def sun(self, address: str) -> int:
        """Balance of an account; 0 where it is not open."""
        account = self.accounts.get(address)
        return account.sun if account else 0

    def with_account(self, address: str, account: Account) -> World:
        """The same world with another account at an address."""
        return replace(self, accounts={**self.accounts, address: account})

    def with_sun(self, address: str, change: int) -> World:
        """The same world with more or less TRX at an address; it is opened if it was not."""
        account = self.accounts.get(address) or Account.new(address)
        return self.with_account(address, replace(account, sun=account.sun + change))

    def with_token(self, contract: str, token: Token) -> World:
        """The same world with another token at a contract."""
        return replace(self, tokens={**self.tokens, contract: token})

    def with_units(self, contract: str, address: str, change: int) -> World:
        """The same world with more or less of a token at an address."""
        token = self.tokens[contract]
        balances = {**token.balances, address: token.balances.get(address, 0) + change}
        return self.with_token(contract, replace(token, balances=balances))
