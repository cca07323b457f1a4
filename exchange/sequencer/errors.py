"""Why the sequencer does not take a command."""

from __future__ import annotations

from custody.primitives.errors import Refused, Unavailable


class CommandTooOld(Refused):
    """The command id lies before the session's window: whether it was executed is no longer known here."""

    code = "command_too_old"

    def hint(self) -> str:
        """Say how to go on."""
        return "look the order up by its client id; send new commands with higher ids"


class ReservedCommand(Refused):
    """Commands and notes of this kind are written by the sequencer alone."""

    code = "reserved_command"


class SequencerStopped(Unavailable):
    """An earlier step failed; memory and journal may differ, so nothing more is taken."""

    code = "sequencer_stopped"
    transient = False

    def hint(self) -> str:
        """Say what makes it usable again."""
        return "restart the process: recovery rebuilds the state from the journal"
