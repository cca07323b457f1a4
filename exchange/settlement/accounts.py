"""Balances, liabilities and the state hash, read from the engine between two batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from custody.primitives.amount import Amount
from custody.primitives.errors import NotFound
from custody.primitives.ids import CustomerId
from exchange.accounts.directory import HOUSE_PREFIX, AccountDirectory
from exchange.engine.codes import FIRST_CUSTOMER, SystemAccount
from exchange.engine.engine import Engine
from exchange.settlement.scale import ScaleBook

T = TypeVar("T")


class EnginePort(Protocol):
    """The part of the sequencer that reading needs."""

    @property
    def directory(self) -> AccountDirectory: ...  # noqa: D102
    def open_account(self, customer: CustomerId) -> int: ...  # noqa: D102
    def read(self, view: Callable[[Engine], T]) -> T: ...  # noqa: D102
    def state_hash(self) -> bytes: ...  # noqa: D102
    def recovered_hash(self) -> bytes: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class BalanceView:
    """What a customer has of one asset: free, and set aside for orders and withdrawals."""

    available: Amount
    held: Amount


@dataclass(frozen=True, slots=True)
class LedgerView:
    """Where the books stand.

    Attributes:
        seq: Last applied sequence number.
        state_hash: Hash of the whole state, hex.
        recovered_hash: The hash that recovery found at the start of this process, before anything new.
    """

    seq: int
    state_hash: str
    recovered_hash: str


@dataclass(frozen=True, slots=True)
class Liabilities:
    """All that is owed at one moment.

    Attributes:
        seq: Last applied sequence number.
        head: Hash of the journal's chain there, hex.
        rows: (account name, asset number, quanta) of every balance above zero, holds and pending amounts
            included. House accounts are named "house:fees" and so on.
        controls: What clearing mirrors, by asset number: the other side of the books.
    """

    seq: int
    head: str
    rows: tuple[tuple[str, int, int], ...]
    controls: Mapping[int, int]


class AccountDesk:
    """Opens and reads accounts."""

    def __init__(self, port: EnginePort, scales: ScaleBook) -> None:
        self._port = port
        self._scales = scales

    def ledger(self) -> LedgerView:
        """Sequence number and hash of the state."""
        seq, state_hash = self._port.read(lambda engine: (engine.last_seq, engine.state_hash()))
        return LedgerView(seq, state_hash.hex(), self._port.recovered_hash().hex())

    def open(self, customer: CustomerId) -> None:
        """Give a customer an account; the same again changes nothing.

        Raises:
            InvalidCustomer: Not a customer id.
            LimitExceeded: The engine has no account left.
        """
        self._port.open_account(customer)

    def balances(self, customer: CustomerId) -> dict[str, BalanceView]:
        """What a customer has, by symbol; only what is not zero.

        Raises:
            NotFound: The customer has no account.
        """
        account = self._port.directory.find(customer)
        if account is None:
            raise NotFound(f"customer {customer!r} has no account", customer=customer)

        def view(engine: Engine) -> dict[str, BalanceView]:
            rows = {scale: engine.balance(account, scale.number) for scale in self._scales}
            return {
                scale.asset.symbol: BalanceView(scale.amount(row.available), scale.amount(row.held))
                for scale, row in rows.items()
                if row.total
            }

        return self._port.read(view)

    def owed_quanta(self, asset: int) -> int:
        """Liabilities of one asset in quanta: what clearing mirrors."""
        return -self._port.read(lambda engine: engine.balance(SystemAccount.CLEARING, asset).available)

    def liabilities(self, ledger_head: Callable[[], str]) -> Liabilities:
        """All that is owed, at one sequence number, while the engine stands still.

        Args:
            ledger_head: Reads the hash of the journal's chain; called between two groups.
        """

        def view(engine: Engine) -> Liabilities:
            rows = [(account, asset, free + held) for account, asset, free, held in engine.balances()]
            controls = {asset: -quanta for account, asset, quanta in rows if account == SystemAccount.CLEARING}
            named = tuple(self._named(row for row in rows if row[0] != SystemAccount.CLEARING and row[2]))
            return Liabilities(engine.last_seq, ledger_head(), named, controls)

        return self._port.read(view)

    def _named(self, rows: Iterator[tuple[int, int, int]]) -> Iterator[tuple[str, int, int]]:
        for account, asset, quanta in rows:
            if account < FIRST_CUSTOMER:
                yield f"{HOUSE_PREFIX}{SystemAccount(account).name.lower()}", asset, quanta
            else:
                yield self._port.directory.customer_of(account), asset, quanta
