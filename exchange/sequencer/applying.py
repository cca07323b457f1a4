"""From a durable frame to a changed state: the same code serves live traffic and replay."""

from __future__ import annotations

import numpy as np

from custody.primitives.invariant import invariant
from exchange.accounts.directory import AccountDirectory
from exchange.engine.records import CMD, TRANSFER, Kind, Records
from exchange.journal.format import Frame, RecordType
from exchange.journal.notes import decode_note
from exchange.sequencer.answers import NO_OUTPUTS
from exchange.sequencer.port import EngineLike, Publication
from exchange.sequencer.touched import MarketAssets, after_commands, after_transfers

_NO_CODES = np.empty(0, np.uint8)
NO_RECORDS = np.empty(0, CMD)
_DTYPES = {RecordType.CMD: CMD, RecordType.TRANSFER: TRANSFER}


def records_of(frame: Frame) -> Records:
    """Return a frame's records in memory of their own: aligned and writable, as the engine wants them."""
    dtype = _DTYPES.get(frame.kind)
    return NO_RECORDS if dtype is None else np.frombuffer(frame.body, dtype).copy()


class Applier:
    """The state that the journal determines: engine, account directory, clock and epoch.

    Attributes:
        last_ts: Latest time stamp seen, in nanoseconds; the next one is not smaller.
        epoch: Number of the last take-over.
        applied_seq: Last sequence number in the state.
    """

    def __init__(self, engine: EngineLike, directory: AccountDirectory) -> None:
        self.engine = engine
        self.directory = directory
        self.last_ts = 0
        self.epoch = 0
        self.applied_seq = 0
        self._assets: MarketAssets = {}

    def apply(self, frame: Frame, records: Records, *, is_heard: bool) -> Publication:
        """Apply one durable frame.

        Args:
            frame: The frame.
            records: Its records, as `records_of` gives them.
            is_heard: Whether anyone wants the changed balances.
        """
        invariant(frame.first_seq == self.applied_seq + 1, "frames are applied in order, each once")
        if frame.kind is RecordType.NOTE:
            publication = self._apply_note(frame)
        else:
            self.last_ts = max(self.last_ts, int(records["ts"].max()))
            apply = self._apply_commands if frame.kind is RecordType.CMD else self._apply_transfers
            publication = apply(records, frame.first_seq, is_heard=is_heard)
        self.applied_seq = publication.last_seq
        return publication

    def _apply_note(self, frame: Frame) -> Publication:
        note = decode_note(frame.body)
        self.directory.apply_note(note)
        return Publication(frame.first_seq, frame.kind, NO_RECORDS, NO_OUTPUTS, _NO_CODES, note)

    def _apply_transfers(self, records: Records, first_seq: int, *, is_heard: bool) -> Publication:
        codes = self.engine.apply_transfers(records, first_seq)
        balances = after_transfers(self.engine, records, codes) if is_heard else ()
        return Publication(first_seq, RecordType.TRANSFER, records, NO_OUTPUTS, codes, balances=balances)

    def _apply_commands(self, records: Records, first_seq: int, *, is_heard: bool) -> Publication:
        takeovers = records["kind"] == Kind.TAKEOVER
        if takeovers.any():
            self.epoch = max(self.epoch, int(records["aux"][takeovers].max()))
        outputs = self.engine.apply_commands(records, first_seq)
        balances = after_commands(self.engine, outputs, self._market_assets(records)) if is_heard else ()
        return Publication(first_seq, RecordType.CMD, records, outputs, _NO_CODES, balances=balances)

    def _market_assets(self, records: Records) -> MarketAssets:
        if not self._assets or (records["kind"] == Kind.SET_MARKET).any():
            self._assets = {spec.market: (spec.base, spec.quote) for spec in self.engine.markets()}
        return self._assets
