"""Lifecycles: the legal moves of a record as one literal table; any other move raises.

Rules:
    * The table is the documentation: (state, event) -> next state, one line a move.
    * A state without outgoing moves is terminal.
    * There is no "force": what the table does not list cannot happen.

Example:
    >>> from enum import StrEnum
    >>> class Door(StrEnum):
    ...     OPEN = "open"
    ...     SHUT = "shut"
    >>> class Push(StrEnum):
    ...     CLOSE = "close"
    >>> door = Lifecycle("door", {(Door.OPEN, Push.CLOSE): Door.SHUT})
    >>> door.next(Door.OPEN, Push.CLOSE)
    <Door.SHUT: 'shut'>
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Generic, TypeVar

from custody.primitives.errors import IllegalMove

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)


class Lifecycle(Generic[State, Event]):
    """A table of legal moves for one kind of record."""

    def __init__(self, record: str, moves: Mapping[tuple[State, Event], State]) -> None:
        """Freeze the table.

        Args:
            record: What the table is about, for messages: "withdrawal".
            moves: (state, event) -> next state.
        """
        self.record = record
        self.moves: Mapping[tuple[State, Event], State] = MappingProxyType(dict(moves))

    def next(self, state: State, event: Event) -> State:
        """Return the state after the event.

        Raises:
            IllegalMove: The table does not list this move.
        """
        try:
            return self.moves[state, event]
        except KeyError:
            raise IllegalMove(
                f"{self.record}: {event.value!r} is not possible in state {state.value!r}",
                record=self.record,
                state=state.value,
                event=event.value,
            ) from None

    def allows(self, state: State, event: Event) -> bool:
        """Tell whether the move is in the table."""
        return (state, event) in self.moves

    def is_terminal(self, state: State) -> bool:
        """Tell whether no move leaves this state."""
        return all(start != state for start, _ in self.moves)
