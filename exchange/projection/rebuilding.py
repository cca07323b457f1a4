"""Making the view again from the journal alone; also how it is checked.

Example:
    rebuild(folder, Engine(config), open_database("sqlite:///fresh.db"))
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from exchange.accounts.directory import AccountDirectory
from exchange.journal.reader import JournalReader
from exchange.projection.projection import Projection
from exchange.sequencer.applying import Applier, records_of
from exchange.sequencer.port import EngineLike, Publication
from exchange.sequencer.sequencer import SequencerSettings

FRAMES_PER_COMMIT = 256


def rebuild(folder: Path, engine: EngineLike, database: Engine, settings: SequencerSettings | None = None) -> int:
    """Empty the tables and fill them from the first frame on; the journal is only read.

    Args:
        folder: The journal folder; a running sequencer does not mind.
        engine: Fresh, configured as the one that wrote the journal.
        database: As `open_database` gives it.
        settings: As the sequencer's.

    Returns:
        The last sequence number projected.

    Raises:
        JournalDamaged: A frame does not verify; the tables hold what came before.
    """
    settings = settings or SequencerSettings()
    projection = Projection(database)
    projection.create_tables()
    projection.clear()
    applier = Applier(engine, AccountDirectory(capacity=settings.accounts))
    waiting: list[Publication] = []
    for frame in JournalReader(folder, group=settings.journal.group):
        waiting.append(applier.apply(frame, records_of(frame), is_heard=True))
        if len(waiting) >= FRAMES_PER_COMMIT:
            projection.apply(waiting)
            waiting.clear()
    projection.apply(waiting)
    return applier.applied_seq
