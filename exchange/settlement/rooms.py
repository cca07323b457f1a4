"""All desks together: what the HTTP interface and the pages work with, gathered by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from custody.primitives.address import Address
from custody.primitives.chain import ChainId
from custody.primitives.ids import CustomerId
from custody.store.deposits import SqlDepositStore
from custody.store.places import SqlPlaceStore
from custody.wallets.addresses import AddressDesk
from custody.wallets.cases import CaseDesk
from custody.wallets.memos import MemoDesk
from custody.withdrawals.look_alike_desk import LookAlikeDesk
from custody.withdrawals.ports import WithdrawalStore
from custody.withdrawals.reviewing import ReviewDesk
from custody.withdrawals.service import WithdrawalService
from exchange.settlement.accounts import AccountDesk
from exchange.settlement.listings import ListingDesk
from exchange.settlement.refilling import RefillDesk
from exchange.settlement.reserves import ReservesDesk
from exchange.settlement.trading import TradingDesk
from exchange.settlement.treasury import TreasuryDesk


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """How one chain's lane is doing.

    Attributes:
        chain, evidence: What it is: "node", "VM", "simulator".
        height: Newest scanned block; -1 before the first.
        behind: Blocks still to scan.
        state: "ok" or "down".
        error: Why it is down; empty otherwise.
        notice: How many nodes must agree, why deposits are paused, and what waits for officers.
    """

    chain: str
    evidence: str
    height: int
    behind: int
    state: str
    error: str
    notice: str = ""


@dataclass(frozen=True, slots=True)
class WalletRow:
    """One wallet for people: asset, "hot", "warm" or "cold", "2 of 3", and where it receives."""

    asset: str
    tier: str
    quorum: str
    address: str


class StatusBoard(Protocol):
    """What the background work reports."""

    def chains(self) -> Sequence[ChainStatus]:
        """One row a chain."""
        ...

    def problems(self) -> Mapping[str, str]:
        """Worker name -> last problem; empty while all is well."""
        ...


@dataclass(frozen=True, slots=True)
class Rooms:
    """Everything the routes use.

    Attributes:
        label: Kind of network, shown on every page.
        token: Bearer token for everything that changes something.
        now_ms: Milliseconds since 1970 UTC.
        token_places: Customer -> where they pay each token, by symbol; for chains with tokens.
        memo_desks: Chains whose customers share one address; they have an address desk all the same.
        wallets: Rows for the overview.
        trades: Counts trades by market number.
    """

    label: str
    token: str
    now_ms: Callable[[], int]
    address_desks: Mapping[ChainId, AddressDesk]
    token_places: Mapping[ChainId, Callable[[CustomerId], Mapping[str, Address]]]
    memo_desks: Mapping[ChainId, MemoDesk]
    deposits: SqlDepositStore
    cases: CaseDesk
    reviews: ReviewDesk
    look_alikes: LookAlikeDesk
    places: SqlPlaceStore
    withdrawals: WithdrawalService
    withdrawal_store: WithdrawalStore
    trading: TradingDesk
    accounts: AccountDesk
    treasury: TreasuryDesk
    refills: RefillDesk
    listings: ListingDesk
    reserves: ReservesDesk
    status: StatusBoard
    wallets: Sequence[WalletRow]
    trades: Callable[[], Mapping[int, int]]
