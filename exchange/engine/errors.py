"""Errors of the engine. Bad commands raise nothing: they are answered by events."""

from __future__ import annotations

from custody.primitives.errors import Conflict


class SequenceTaken(Conflict):
    """The batch begins at or below a sequence number that was applied before."""

    code = "sequence_taken"
