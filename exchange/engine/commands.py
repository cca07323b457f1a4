"""Commands and transfers as values, and their packing into records.

Example:
    >>> batch = pack_commands([NewOrder(market=0, account=16, side=Side.BUY, price=100, qty=5), Tick()])
    >>> batch["kind"].tolist(), batch["price"].tolist()
    ([1, 5], [100, 0])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from custody.primitives.errors import InvalidInput
from exchange.engine.codes import Kind, OrderFlag, Side, Stp, Tif, TransferFlag
from exchange.engine.records import CMD, TRANSFER, Records
from exchange.engine.views import MarketSpec

_U64 = (1 << 64) - 1

NO_FLAGS = OrderFlag(0)
PLAIN = TransferFlag(0)

Fields = dict[str, int]


@dataclass(frozen=True, slots=True)
class NewOrder:
    """Place an order; see `records` for the units of price and qty."""

    market: int
    account: int
    side: Side
    price: int
    qty: int
    tif: Tif = Tif.GTC
    stp: Stp = Stp.EXPIRE_TAKER
    flags: OrderFlag = NO_FLAGS
    session: int = 0
    cmd_id: int = 0

    def fields(self) -> Fields:
        """The record's fields that are not zero."""
        return {"kind": Kind.NEW} | {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel one order by its handle."""

    market: int
    account: int
    ref: int
    session: int = 0
    cmd_id: int = 0

    def fields(self) -> Fields:
        """The record's fields that are not zero."""
        return {"kind": Kind.CANCEL} | {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class CancelAll:
    """Cancel all orders of an account, in one market or (None) in all."""

    account: int
    market: int | None = None
    session: int = 0
    cmd_id: int = 0

    def fields(self) -> Fields:
        """The record's fields that are not zero."""
        fields: Fields = {"kind": Kind.CANCEL_ALL, "account": self.account}
        fields |= {"session": self.session, "cmd_id": self.cmd_id}
        if self.market is not None:
            fields |= {"market": self.market, "flags": OrderFlag.ONE_MARKET}
        return fields


@dataclass(frozen=True, slots=True)
class SetFee:
    """Set the rates of an account for its future orders; account 0: of everyone without own ones."""

    account: int
    maker_ppm: int
    taker_ppm: int

    def fields(self) -> Fields:
        """The record's fields that are not zero."""
        return {"kind": Kind.SET_FEE, "account": self.account, "price": self.maker_ppm, "qty": self.taker_ppm}


@dataclass(frozen=True, slots=True)
class SetMarket:
    """Set up a market; or, with the same terms, open or halt it or move its price window."""

    spec: MarketSpec

    def fields(self) -> Fields:
        """The record's fields that are not zero."""
        spec = self.spec
        terms = {"price": spec.multiplier, "qty": spec.lot, "ref": spec.base << 32 | spec.quote, "tif": spec.fee_mode}
        return {"kind": Kind.SET_MARKET, "market": spec.market, "side": int(spec.open), "aux": spec.low} | terms


@dataclass(frozen=True, slots=True)
class SetOwner:
    """Name the beneficial owner of an account: accounts of one owner never trade with each other."""

    account: int
    owner: int

    def fields(self) -> Fields:
        """The record's fields that are not zero."""
        return {"kind": Kind.SET_OWNER, "account": self.account, "ref": self.owner}


@dataclass(frozen=True, slots=True)
class Tick:
    """The clock of the journal: its time is the `ts` the sequencer stamps."""

    def fields(self) -> Fields:
        """The record's fields that are not zero."""
        return {"kind": Kind.TICK}


Command = NewOrder | Cancel | CancelAll | SetFee | SetMarket | SetOwner | Tick


@dataclass(frozen=True, slots=True)
class Transfer:
    """Move money between two accounts, or set it aside, or end what was set aside.

    Attributes:
        id, pending_id: 128-bit ids; `pending_id` names the pending transfer a POST or VOID ends.
        debit, credit: Account numbers; of a POST or VOID those of the pending transfer.
        ledger: Asset number.
        amount: Quanta; 0 in a POST or VOID means all.
        flags, code, user_a, user_b: See `records.TRANSFER`.
    """

    id: int
    debit: int
    credit: int
    ledger: int
    amount: int
    flags: TransferFlag = PLAIN
    pending_id: int = 0
    code: int = 0
    user_a: int = 0
    user_b: int = 0

    def fields(self) -> Fields:
        """The record's fields that are not zero."""
        plain = ("debit", "credit", "ledger", "amount", "flags", "code", "user_a", "user_b")
        ids = {"id_lo": self.id & _U64, "id_hi": self.id >> 64}
        ids |= {"pending_lo": self.pending_id & _U64, "pending_hi": self.pending_id >> 64}
        return ids | {name: getattr(self, name) for name in plain}


def pack_commands(commands: Sequence[Command]) -> Records:
    """Pack commands into CMD records.

    Raises:
        InvalidInput: A field does not fit its place in the record.
    """
    return _pack(np.zeros(len(commands), CMD), [command.fields() for command in commands])


def pack_transfers(transfers: Sequence[Transfer]) -> Records:
    """Pack transfers into TRANSFER records.

    Raises:
        InvalidInput: A field does not fit its place in the record.
    """
    return _pack(np.zeros(len(transfers), TRANSFER), [transfer.fields() for transfer in transfers])


def _pack(records: Records, rows: Sequence[Fields]) -> Records:
    for record, fields in zip(records, rows, strict=True):
        for name, value in fields.items():
            try:
                record[name] = value
            except OverflowError as error:
                raise InvalidInput(f"{name} = {value} does not fit the record", field=name) from error
            if int(record[name]) != value:
                raise InvalidInput(f"{name} = {value} does not fit the record", field=name)
    return records
