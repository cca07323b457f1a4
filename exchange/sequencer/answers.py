"""The same command twice: the same answer, and no second effect.

A command is named by (session, cmd_id). The window keeps the latest commands with their answers. What
fell out of it leaves one number a session, its highest id, and ids up to that are refused: the window
bounds memory, never safety.

Rules:
    * The same name with another content is a conflict; the time stamp is not content.
    * Session 0 is the house's own (ticks, fees, markets) and is not de-duplicated.
    * A call is admitted whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from custody.primitives.errors import IdempotencyConflict
from custody.primitives.invariant import invariant
from exchange.engine.records import EVENT, FILL, Records
from exchange.engine.views import Outputs
from exchange.sequencer.errors import CommandTooOld

DEFAULT_WINDOW = 65_536
"""Commands remembered with their answers, at least; at most twice as many: about 40 MB."""

_NAME_OFFSET, _NAME_BYTES = 12, 12  # session u32 and cmd_id u64 stand side by side
_CONTENT_BYTES = 56  # all before the time stamp
_NAMED = np.dtype({"names": ["name"], "formats": [f"V{_NAME_BYTES}"], "offsets": [_NAME_OFFSET], "itemsize": 64})
_CONTENT = np.dtype({"names": ["content"], "formats": [f"V{_CONTENT_BYTES}"], "offsets": [0], "itemsize": 64})
NO_OUTPUTS = Outputs(np.empty(0, EVENT), np.empty(0, FILL))


@dataclass(slots=True)
class Batch:
    """The new commands of one call, and their answers as soon as they were applied."""

    commands: Records
    first_seq: int = 0
    outputs: Outputs | None = None

    def answer(self, index: int) -> Outputs:
        """Return the answer to one command of the batch."""
        outputs = self.outputs
        invariant(outputs is not None, "an answer is asked for after its batch was applied")
        seq = self.first_seq + index
        return outputs_between(outputs or NO_OUTPUTS, seq, seq + 1)

    def index_of(self, session: int, cmd_id: int) -> int:
        """Find a command that is known to be in the batch."""
        matches = (self.commands["session"] == session) & (self.commands["cmd_id"] == np.uint64(cmd_id))
        return int(np.flatnonzero(matches)[0])


Slot = tuple[Batch, int]


@dataclass(frozen=True, slots=True)
class Admission:
    """What to execute of a call, and where its answers will be.

    Attributes:
        batch: The new commands.
        slots: For calls with repetitions: where each answer stands, in order. Empty: all are new.
    """

    batch: Batch
    slots: Sequence[Slot] = field(default_factory=tuple)

    def answer(self) -> Outputs:
        """Put the answers together once everything before and in the batch was applied."""
        if not self.slots:
            return self.batch.outputs or NO_OUTPUTS
        parts = [batch.answer(index) for batch, index in self.slots]
        return Outputs(np.concatenate([p.events for p in parts]), np.concatenate([p.fills for p in parts]))


class AnswerWindow:
    """The latest commands and their answers, in two generations: the old one is forgotten as a whole."""

    def __init__(self, limit: int = DEFAULT_WINDOW) -> None:
        """Start empty.

        Args:
            limit: Commands of one generation; at least a few times the largest group.
        """
        self._limit = limit
        self._young: dict[bytes, Batch] = {}
        self._old: dict[bytes, Batch] = {}
        self._young_batches: list[Batch] = []
        self._old_batches: list[Batch] = []
        self._floors: dict[int, int] = {}

    def admit(self, commands: Records) -> Admission:
        """Sort a call into new commands and repetitions.

        Args:
            commands: CMD records of one caller; the admission keeps a reference.

        Raises:
            IdempotencyConflict: A name was used before with another content.
            CommandTooOld: A name lies before the window.
        """
        names = names_of(commands)
        if commands["session"].all() and self._are_all_new(commands, names):
            admission = Admission(Batch(commands))
        else:
            admission = self._sort_out(commands, names)
        self.remember(admission.batch)
        return admission

    def remember(self, batch: Batch) -> None:
        """Enter a batch of commands that are new; forget the old generation when the young one is full."""
        if not batch.commands["session"].any():
            return
        self._young.update(dict.fromkeys(names_of(batch.commands), batch))
        self._young_batches.append(batch)
        is_full = len(self._young) >= self._limit
        if is_full and all(each.outputs is not None for each in self._old_batches[-1:]):
            self._raise_floors(self._old_batches)
            self._old, self._old_batches = self._young, self._young_batches
            self._young, self._young_batches = {}, []

    def batches(self) -> Iterable[Batch]:
        """Return the remembered batches, oldest first."""
        return chain(self._old_batches, self._young_batches)

    def floors(self) -> dict[int, int]:
        """Return, by session, the highest id that fell out of the window."""
        return self._floors

    def load(self, batches: Iterable[Batch], floors: dict[int, int]) -> None:
        """Become a saved window."""
        self._young, self._old, self._young_batches, self._old_batches = {}, {}, [], []
        self._floors = floors
        for batch in batches:
            self.remember(batch)

    def _are_all_new(self, commands: Records, names: list[bytes]) -> bool:
        are_distinct = len(set(names)) == len(names)
        are_unknown = self._young.keys().isdisjoint(names) and self._old.keys().isdisjoint(names)
        return are_distinct and are_unknown and self._are_in_window(commands)

    def _are_in_window(self, commands: Records) -> bool:
        sessions, ids, floors = commands["session"], commands["cmd_id"], self._floors
        if not floors:
            return True
        if (sessions == sessions[0]).all():
            return int(ids.min()) > floors.get(int(sessions[0]), -1)
        pairs = zip(sessions.tolist(), ids.tolist(), strict=True)
        return all(cmd_id > floors.get(session, -1) for session, cmd_id in pairs)

    def _sort_out(self, commands: Records, names: list[bytes]) -> Admission:
        contents = commands.view(_CONTENT)["content"].tolist()
        sessions, ids = commands["session"].tolist(), commands["cmd_id"].tolist()
        fresh: list[int] = []
        here: dict[bytes, int] = {}
        found: list[Slot | int] = []
        for index, name in enumerate(names):
            known = self._find(name, sessions[index], ids[index])
            earlier = here.get(name)
            if known is not None:
                _require_same(contents[index], _content_of(known), commands[index])
                found.append(known)
            elif earlier is not None:
                _require_same(contents[index], contents[fresh[earlier]], commands[index])
                found.append(earlier)
            else:
                _require_in_window(sessions[index], ids[index], self._floors)
                if sessions[index]:
                    here[name] = len(fresh)
                found.append(len(fresh))
                fresh.append(index)
        batch = Batch(commands[fresh])
        return Admission(batch, [(batch, place) if isinstance(place, int) else place for place in found])

    def _find(self, name: bytes, session: int, cmd_id: int) -> Slot | None:
        batch = self._young.get(name) or self._old.get(name)
        return None if batch is None or not session else (batch, batch.index_of(session, cmd_id))

    def _raise_floors(self, batches: Sequence[Batch]) -> None:
        if not batches:
            return
        sessions = np.concatenate([batch.commands["session"] for batch in batches])
        ids = np.concatenate([batch.commands["cmd_id"] for batch in batches])
        order = np.lexsort((ids, sessions))  # by session, then by id: the last of each session is its highest
        is_last = np.append(np.diff(sessions[order]) != 0, True)
        highest = order[is_last]
        for session, cmd_id in zip(sessions[highest].tolist(), ids[highest].tolist(), strict=True):
            if session and cmd_id > self._floors.get(session, -1):
                self._floors[session] = cmd_id


def names_of(commands: Records) -> list[bytes]:
    """Return (session, cmd_id) of each command as 12 bytes."""
    named: list[bytes] = commands.view(_NAMED)["name"].tolist()
    return named


def outputs_between(outputs: Outputs, first_seq: int, end_seq: int) -> Outputs:
    """Return the part of the outputs with first_seq <= seq < end_seq."""
    bounds = (first_seq, end_seq)
    events = slice(*np.searchsorted(outputs.events["seq"], bounds).tolist())
    fills = slice(*np.searchsorted(outputs.fills["seq"], bounds).tolist())
    return Outputs(outputs.events[events], outputs.fills[fills])


def _content_of(slot: Slot) -> bytes:
    batch, index = slot
    content: bytes = batch.commands[index : index + 1].view(_CONTENT)["content"].tolist()[0]
    return content


def _require_same(content: bytes, before: bytes, command: np.void) -> None:
    if content != before:
        session, cmd_id = int(command["session"]), int(command["cmd_id"])
        raise IdempotencyConflict(
            f"command {cmd_id} of session {session} was sent before with another content",
            session=session,
            cmd_id=cmd_id,
        )


def _require_in_window(session: int, cmd_id: int, floors: dict[int, int]) -> None:
    if session and cmd_id <= floors.get(session, -1):
        raise CommandTooOld(
            f"command {cmd_id} of session {session} lies before the window, which starts above {floors[session]}",
            session=session,
            cmd_id=cmd_id,
        )
