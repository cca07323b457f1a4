"""What the sequencer needs from a matching engine, and what it tells those who listen.

Any deterministic engine fits: equal records under equal sequence numbers give equal state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from custody.primitives.encoding import Json
from exchange.engine.records import Records
from exchange.engine.views import Balance, MarketSpec, Outputs
from exchange.journal.format import RecordType

Codes = NDArray[np.uint8]


class EngineLike(Protocol):
    """A deterministic engine: no clock, no I/O, every input a record."""

    def apply_commands(self, batch: Records, first_seq: int) -> Outputs:
        """Apply CMD records; never fails, a bad command is answered by an event."""
        ...

    def apply_transfers(self, batch: Records, first_seq: int) -> Codes:
        """Apply TRANSFER records; one result code each."""
        ...

    def balance(self, account: int, asset: int) -> Balance:
        """What an account has of an asset."""
        ...

    def markets(self) -> Sequence[MarketSpec]:
        """The markets that were set up."""
        ...

    def state_arrays(self) -> dict[str, NDArray[Any]]:
        """A copy of everything it knows, as arrays."""
        ...

    def load_state(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Become what `state_arrays` said."""
        ...

    def state_hash(self) -> bytes:
        """32 bytes over the whole state."""
        ...


class BalanceNow(NamedTuple):
    """A balance after a frame, in quanta; `held` is for open orders and pending transfers together."""

    account: int
    asset: int
    available: int
    held: int


@dataclass(frozen=True, slots=True)
class Publication:
    """One journalled, durable and applied frame.

    Attributes:
        first_seq: Sequence number of its first record.
        kind: Record type.
        records: CMD or TRANSFER records; empty for a note.
        outputs: Answers to commands; empty otherwise.
        codes: One TransferResult a transfer; empty otherwise.
        note: Content of a note; None otherwise.
        balances: Every balance the frame may have changed, as it is now; empty while nobody listens.
    """

    first_seq: int
    kind: RecordType
    records: Records
    outputs: Outputs
    codes: Codes
    note: Mapping[str, Json] | None = None
    balances: tuple[BalanceNow, ...] = ()

    @property
    def last_seq(self) -> int:
        """Sequence number of its last record."""
        return self.first_seq + max(1, len(self.records)) - 1


class Listener(Protocol):
    """Someone who follows the journal: the projection, a stream, the settlement."""

    def offset(self) -> int:
        """Last sequence number it has kept for good; recovery replays from there or earlier."""
        ...

    def on_outputs(self, publication: Publication) -> None:
        """Take one frame, in order, after it is durable; called again for the same frame after a crash.

        An error stops the sequencer: whoever may be slow or fail keeps a queue of its own.
        """
        ...
