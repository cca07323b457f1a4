"""The whole state as named arrays, and back: what a snapshot holds.

Engine arrays keep their names behind "engine/"; the account directory is its JSON text as bytes; the
answer window is its batches end to end, with their sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exchange.engine.views import Outputs
from exchange.journal.snapshot import StateArrays
from exchange.sequencer.answers import NO_OUTPUTS, AnswerWindow, Batch, outputs_between
from exchange.sequencer.applying import NO_RECORDS, Applier

_ENGINE = "engine/"


def capture(applier: Applier, window: AnswerWindow) -> dict[str, NDArray[Any]]:
    """Copy the state; nothing in the result changes afterwards."""
    arrays = {f"{_ENGINE}{name}": array for name, array in applier.engine.state_arrays().items()}
    arrays["directory"] = np.frombuffer(applier.directory.state(), np.uint8).copy()
    arrays["sequencer"] = np.array([applier.applied_seq, applier.last_ts, applier.epoch], np.int64)
    return arrays | _capture_window(window)


def restore(arrays: StateArrays, applier: Applier, window: AnswerWindow) -> None:
    """Become a captured state."""
    engine = {name.removeprefix(_ENGINE): array for name, array in arrays.items() if name.startswith(_ENGINE)}
    applier.engine.load_state(engine)
    applier.directory.load_state(arrays["directory"].tobytes())
    applier.applied_seq, applier.last_ts, applier.epoch = arrays["sequencer"].tolist()
    floors = dict(zip(arrays["window/sessions"].tolist(), arrays["window/floors"].tolist(), strict=True))
    window.load(_batches(arrays), floors)


def _capture_window(window: AnswerWindow) -> dict[str, NDArray[Any]]:
    batches = list(window.batches())
    outputs = [batch.outputs or NO_OUTPUTS for batch in batches]
    floors = window.floors()
    return {
        "window/commands": np.concatenate([NO_RECORDS, *(batch.commands for batch in batches)]),
        "window/events": np.concatenate([NO_OUTPUTS.events, *(found.events for found in outputs)]),
        "window/fills": np.concatenate([NO_OUTPUTS.fills, *(found.fills for found in outputs)]),
        "window/first_seqs": np.array([batch.first_seq for batch in batches], np.int64),
        "window/sizes": np.array([len(batch.commands) for batch in batches], np.int64),
        "window/sessions": np.array(list(floors), np.uint32),
        "window/floors": np.array(list(floors.values()), np.uint64),
    }


def _batches(arrays: StateArrays) -> Iterator[Batch]:
    everything = Outputs(arrays["window/events"], arrays["window/fills"])
    start = 0
    for first_seq, size in zip(arrays["window/first_seqs"].tolist(), arrays["window/sizes"].tolist(), strict=True):
        commands = arrays["window/commands"][start : start + size]
        start += size
        yield Batch(commands, first_seq, outputs_between(everything, first_seq, first_seq + size))
