"""The state of the engine in its one canonical form: what a snapshot holds and a state hash covers.

Rules:
    * Both engines export exactly these arrays and load them back; so a snapshot of one continues in the other.
    * Rows are sorted and rows that say nothing (zero balances, default rates) are left out: equal states have
      equal bytes, whatever way they came about.
    * Derived things (price levels, bitmaps, links, hash maps) are left out and rebuilt.

Example:
    >>> config = EngineConfig(max_accounts=32, max_assets=4, max_orders=8, max_markets=1)
    >>> state_hash({"counters": np.zeros(2, "<i8")}).hex()[:16]
    '853b8623dd695bd7'
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from custody.primitives.encoding import encode
from custody.primitives.errors import InvalidInput, MalformedPayload
from exchange.engine.codes import FIRST_CUSTOMER, WINDOW_TICKS
from exchange.engine.records import CMD, TRANSFER, Records

StateArrays = dict[str, npt.NDArray[Any]]

MAX_CONFIG_ACCOUNTS = 1 << 24
MAX_CONFIG_ASSETS = 1 << 12
MAX_CONFIG_ORDERS = 1 << 26
MAX_CONFIG_MARKETS = 1 << 10
"""Above these the arrays would not fit the memory of one machine."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Capacities, fixed for the life of a journal: another value can turn a refusal into an acceptance.

    Attributes:
        max_accounts, max_assets: Account and asset numbers run from 0 to these, exclusive.
        max_orders: Orders that may rest at the same time, over all markets.
        max_markets: Market numbers run from 0 to this, exclusive.
    """

    max_accounts: int = 1 << 16
    max_assets: int = 64
    max_orders: int = 1 << 18
    max_markets: int = 16

    def __post_init__(self) -> None:
        _require_between("max_accounts", self.max_accounts, FIRST_CUSTOMER + 1, MAX_CONFIG_ACCOUNTS)
        _require_between("max_assets", self.max_assets, 1, MAX_CONFIG_ASSETS)
        _require_between("max_orders", self.max_orders, 1, MAX_CONFIG_ORDERS)
        _require_between("max_markets", self.max_markets, 1, MAX_CONFIG_MARKETS)


MARKET_ROW = np.dtype(
    [
        ("market", "<u4"),
        ("base", "<u4"),
        ("quote", "<u4"),
        ("open", "u1"),
        ("fee_mode", "u1"),
        ("spare", "<u2"),
        ("multiplier", "<i8"),  # quote quanta per tick and lot
        ("lot", "<i8"),  # base quanta per lot
        ("low", "<i8"),  # lowest tick of the price window
        ("last", "<i8"),  # price of the last fill, 0 before the first
    ],
    align=True,
)

ACCOUNT_ROW = np.dtype(
    [("account", "<u4"), ("owner", "<u4"), ("maker_ppm", "<u4"), ("taker_ppm", "<u4"), ("has_rates", "<u4")],
    align=True,
)

BALANCE_ROW = np.dtype(
    [
        ("account", "<u4"),
        ("asset", "<u4"),
        ("available", "<i8"),
        ("order_hold", "<i8"),  # set aside for open orders
        ("pending_out", "<i8"),  # set aside for pending transfers
    ],
    align=True,
)

ORDER_ROW = np.dtype(
    [
        ("seq", "<i8"),  # public order id, and rank within a price
        ("handle", "<i8"),  # generation << 32 | slot
        ("price", "<i8"),
        ("leaves", "<i8"),  # lots still open
        ("hold", "<i8"),  # quanta still held for it
        ("account", "<u4"),
        ("maker_ppm", "<u4"),
        ("taker_ppm", "<u4"),
        ("market", "<u2"),
        ("side", "u1"),
        ("spare", "u1"),
    ],
    align=True,
)

OUTCOME = np.dtype(
    [
        ("effect", "<i8"),  # quanta moved or set aside
        ("target", "<i8"),  # row of the pending transfer that a POST or VOID ended; else -1
        ("result", "u1"),  # TransferResult of the first try
        ("state", "u1"),  # TransferState
        ("spare", "u1", (6,)),
    ],
    align=True,
)

ROWS: Mapping[str, np.dtype[Any]] = {
    "counters": np.dtype("<i8"),  # last sequence number, nanoseconds of the last TICK
    "markets": MARKET_ROW,  # by market
    "accounts": ACCOUNT_ROW,  # by account; only those that differ from the default
    "balances": BALANCE_ROW,  # by account, asset; only those that are not zero
    "orders": ORDER_ROW,  # by market, side, price, seq
    "free": np.dtype("<u4"),  # stack of free order slots, the next one last
    "generations": np.dtype("<u4"),  # of slots 1, 2 ... as far as ever used
    "transfers": TRANSFER,  # in order of arrival
    "outcomes": OUTCOME,  # of the transfers, row by row
}
"""Names, order and record types of the state arrays."""


def state_hash(arrays: StateArrays) -> bytes:
    """BLAKE2b-256 over names, lengths and bytes of the arrays, in the order of `ROWS`."""
    digest = hashlib.blake2b(digest_size=32)
    for name in ROWS:
        if name in arrays:
            content = np.ascontiguousarray(arrays[name])
            digest.update(encode("mext/engine-state/1", name, len(content)))
            digest.update(content.tobytes())
    return digest.digest()


def require_state(arrays: StateArrays, config: EngineConfig) -> None:
    """Refuse arrays that are not a state of an engine of this size.

    Raises:
        MalformedPayload: An array is missing, of another type, or goes beyond the configured capacity.
    """
    for name, dtype in ROWS.items():
        if name not in arrays or arrays[name].dtype != dtype or arrays[name].ndim != 1:
            raise MalformedPayload(f"state array {name!r} is missing or not of the expected type")
    _require_inside("balances", arrays["balances"], {"account": config.max_accounts, "asset": config.max_assets})
    _require_inside("accounts", arrays["accounts"], {"account": config.max_accounts, "owner": config.max_accounts})
    _require_inside("markets", arrays["markets"], {"market": config.max_markets})
    _require_inside("orders", arrays["orders"], {"account": config.max_accounts, "market": config.max_markets})
    if len(arrays["counters"]) != 2 or len(arrays["transfers"]) != len(arrays["outcomes"]):
        raise MalformedPayload("state arrays do not fit each other")
    if len(arrays["generations"]) > config.max_orders:
        raise MalformedPayload(f"state holds {len(arrays['generations'])} order slots, limit {config.max_orders}")
    _require_slots(arrays)
    _require_prices(arrays)


def _require_slots(arrays: StateArrays) -> None:
    slots = np.concatenate([arrays["orders"]["handle"] & 0xFFFF_FFFF, arrays["free"].astype("<i8")])
    if not np.array_equal(np.sort(slots), np.arange(1, len(arrays["generations"]) + 1)):
        raise MalformedPayload("every order slot is either free or live; the state says otherwise")


def _require_prices(arrays: StateArrays) -> None:
    lows = {int(row["market"]): int(row["low"]) for row in arrays["markets"]}
    for market in np.unique(arrays["orders"]["market"]).tolist():
        prices = arrays["orders"]["price"][arrays["orders"]["market"] == market]
        low = lows.get(market)
        if low is None or prices.min() < low or prices.max() >= low + WINDOW_TICKS:
            raise MalformedPayload(f"an order of market {market} lies outside its price window")


def records_of(batch: npt.NDArray[Any], dtype: np.dtype[Any]) -> Records:
    """Return the batch as an aligned, contiguous, writable array of the record type; copy only if it is not one.

    Raises:
        InvalidInput: The batch is of another type or has more than one dimension.
    """
    if batch.dtype != dtype or batch.ndim != 1:
        raise InvalidInput(
            f"expected one dimension of {dtype.itemsize}-byte records, got {batch.dtype}, {batch.ndim}-D"
        )
    return np.require(batch, requirements=["C", "A", "W"])


def require_commands(batch: npt.NDArray[Any]) -> Records:
    """`records_of` for commands."""
    return records_of(batch, CMD)


def require_transfers(batch: npt.NDArray[Any]) -> Records:
    """`records_of` for transfers."""
    return records_of(batch, TRANSFER)


def _require_between(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidInput(f"{name} must be between {low} and {high}, is {value}")


def _require_inside(name: str, rows: npt.NDArray[Any], limits: Mapping[str, int]) -> None:
    for field, limit in limits.items():
        if len(rows) and int(rows[field].max()) >= limit:
            raise MalformedPayload(f"state array {name!r}: {field} reaches beyond the capacity of {limit}")
