"""What the pipeline works with, gathered in one value by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from custody.compliance.port import Screening
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId, Family
from custody.primitives.errors import InvalidInput
from custody.withdrawals.gates.house import HouseGates
from custody.withdrawals.lanes import Lanes
from custody.withdrawals.ports import Breaker, FactSource, HoldLedger, PolicySource, WithdrawalStore

SIGNING_MARGIN_S = 60
"""An intent that expires sooner is decided again instead of being handed to signers."""


@dataclass(frozen=True, slots=True)
class Batching:
    """How withdrawals share a payment.

    Attributes:
        max_items: Most withdrawals in one payment, at least 1.
        window_ms: How long an approved withdrawal waits for company, in milliseconds; after as long without
            a batch the first one goes at once.
        max_in_flight: Most payments of one lane that no block holds; account pools promise 16 places to one sender.
    """

    max_items: int = 1
    window_ms: int = 0
    max_in_flight: int = 16

    def __post_init__(self) -> None:
        if self.max_items < 1 or self.window_ms < 0 or self.max_in_flight < 1:
            raise InvalidInput("batching: at least one item, one payment in flight, and no negative window")


HOUSE_BATCHING: Mapping[Family, Batching] = {
    # A block comes every minutes: three seconds of company cost nobody anything, and a batch shares one fee.
    Family.UTXO: Batching(max_items=100, window_ms=3_000),
    Family.EVM: Batching(max_items=100, window_ms=250),
    # One message holds one payment: size, expiry and conflict key are per payment there. Nonces and tickets set the
    # bound on Solana and the XRP Ledger; nothing orders the payments of a Tron account.
    Family.SOLANA: Batching(max_in_flight=64),
    Family.TRON: Batching(max_in_flight=64),
    Family.XRPL: Batching(max_in_flight=64),
}
"""The windows of the time budget from request to broadcast, by chain family."""


@dataclass(frozen=True, slots=True)
class PipelineParts:
    """Ports and settings of the pipeline.

    Attributes:
        store, ledger, policies, facts, screening, breaker, lanes: Ports.
        now_ms: Reads a clock, milliseconds since 1970 UTC; used for time stamps, latencies and the age of the gates'
            evidence, never to decide that money moves.
        gates: What the nine gates ask of the house, and under which limits.
        batching: How withdrawals share a payment, by chain family; a family that is not named has one
            withdrawal in each payment.
        large_from: Asset -> above how many base units a customer's withdrawal waits now, since the hot wallet is nearly
            empty; None while all flow.
        look_again_ms: How long a payment that a node holds is left alone while no block comes, in milliseconds;
            0 looks it up at every step. A pool that dropped it is noticed this late.
    """

    store: WithdrawalStore
    ledger: HoldLedger
    policies: PolicySource
    facts: FactSource
    screening: Screening
    breaker: Breaker
    lanes: Lanes
    now_ms: Callable[[], int]
    batching: Mapping[Family, Batching] = field(default_factory=lambda: HOUSE_BATCHING)
    look_again_ms: int = 0
    large_from: Callable[[Asset], int | None] = field(default=lambda _asset: None)
    gates: HouseGates = field(kw_only=True)

    def batching_on(self, chain: ChainId) -> Batching:
        """Return how withdrawals share a payment on a chain."""
        family = self.lanes.family(chain)
        return Batching() if family is None else self.batching.get(family, Batching())
