"""An XRP Ledger wallet: one account whose signer list holds the members, and whose master key is off.

Rules:
    * The members sign; the account's own key made the account and is disabled before the first deposit.
    * All customers share the hot account's address; a tag tells them apart (`custody.wallets.tags`).
    * The registration says everything a signer needs; `setup.verify_wallet` compares it with the ledger.

Example:
    wallet = XrplWallet("hot-xrp", LOCAL, "r...", members, 2)
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.chains.xrpl.address import account_id, account_of, account_text
from custody.chains.xrpl.params import MAX_MEMBERS, MAX_TICKETS, XrplParams
from custody.keys.material import PublicKey
from custody.keys.paths import format_path, parse_path
from custody.primitives.address import Address
from custody.primitives.encoding import Json
from custody.primitives.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class XrplMember:
    """A member key with the path its holder derives it by.

    Attributes:
        key: secp256k1.
        path: In canonical text, for example "m/44h/144h/0h/0/0".
    """

    key: PublicKey
    path: str

    def __post_init__(self) -> None:
        canonical = format_path(parse_path(self.path))
        if self.path != canonical:
            raise InvalidInput(f"path {self.path!r} is written {canonical!r}")
        account_of(self.key)

    @property
    def account(self) -> str:
        """The member as the signer list names it; no such account has to exist."""
        return account_text(account_of(self.key))


@dataclass(frozen=True, slots=True)
class XrplWallet:
    """One registered wallet.

    Attributes:
        id: Unique in the installation.
        params: The network.
        account: Address of the account.
        members: The n keys of the signer list, all different.
        threshold: How many of them must sign; above one, below n.
        is_shared: Customers pay to it, so that a payment without a tag must not arrive; False for cold storage.
        ticket_stock: Tickets to keep: payments that can be in flight at once. Each locks up part of the balance.
    """

    id: str
    params: XrplParams
    account: str
    members: tuple[XrplMember, ...]
    threshold: int
    is_shared: bool = True
    ticket_stock: int = 32

    def __post_init__(self) -> None:
        accounts = [member.account for member in self.members]
        if not 1 < self.threshold < len(accounts) <= MAX_MEMBERS:
            raise InvalidInput(f"wallet {self.id}: {self.threshold} of {len(accounts)}; want 1 < threshold < n <= 32")
        if len(set(accounts)) != len(accounts):
            raise InvalidInput(f"wallet {self.id}: a member stands in it twice")
        account_id(self.account)
        if self.account in accounts:
            raise InvalidInput(f"wallet {self.id}: the account is a member of its own signer list")
        if not 1 <= self.ticket_stock <= MAX_TICKETS:
            raise InvalidInput(f"wallet {self.id}: {self.ticket_stock} tickets, want 1 to {MAX_TICKETS}")

    @property
    def address(self) -> Address:
        """Where everybody pays to, with a tag."""
        return Address(self.params.chain.id, self.account)

    def registration(self) -> dict[str, Json]:
        """What a signer stores of this wallet, in its own folder."""
        return {
            "id": self.id,
            "family": "xrpl",
            "chain": str(self.params.chain.id),
            "network_id": self.params.network_id,
            "account": self.account,
            "threshold": self.threshold,
            "members": [{"key": member.key.raw.hex(), "path": member.path} for member in self.members],
            "ticket_stock": self.ticket_stock,
        }
