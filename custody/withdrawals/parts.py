"""What the pipeline works with, gathered in one value by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from custody.compliance.port import Screening
from custody.primitives.errors import InvalidInput
from custody.withdrawals.lanes import Lanes
from custody.withdrawals.ports import Breaker, FactSource, HoldLedger, PolicySource, WithdrawalStore

SIGNING_MARGIN_S = 60
"""An intent that expires sooner is decided again instead of being handed to signers."""


@dataclass(frozen=True, slots=True)
class Batching:
    """How withdrawals share a payment.

    Attributes:
        max_items: Most withdrawals in one payment, at least 1.
        window_ms: How long an approved withdrawal waits for company, in milliseconds.
        max_in_flight: Most live payments of one lane; account pools promise 16 places to one sender.
    """

    max_items: int = 1
    window_ms: int = 0
    max_in_flight: int = 16

    def __post_init__(self) -> None:
        if self.max_items < 1 or self.window_ms < 0 or self.max_in_flight < 1:
            raise InvalidInput("batching: at least one item, one payment in flight, and no negative window")


@dataclass(frozen=True, slots=True)
class PipelineParts:
    """Ports and settings of the pipeline.

    Attributes:
        store, ledger, policies, facts, screening, breaker, lanes: Ports.
        now_ms: Reads a clock, milliseconds since 1970 UTC; used for time stamps and latencies, never to
            decide whether money moves.
        batching: How withdrawals share a payment.
    """

    store: WithdrawalStore
    ledger: HoldLedger
    policies: PolicySource
    facts: FactSource
    screening: Screening
    breaker: Breaker
    lanes: Lanes
    now_ms: Callable[[], int]
    batching: Batching = Batching()
