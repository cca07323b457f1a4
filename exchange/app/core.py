"""The exchange core of one market group: engine, sequencer, projection, opened together and closed together.

Example:
    with Core.open(home, now_ns) as core:
        core.sequencer.submit_commands(commands)
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Engine as Database

from custody.primitives.ids import CustomerId
from custody.store.database import open_database
from exchange.accounts.directory import AccountDirectory
from exchange.app.home import Home
from exchange.engine.engine import Engine
from exchange.engine.records import Records
from exchange.engine.state import EngineConfig
from exchange.engine.views import Outputs
from exchange.projection.projection import Projection
from exchange.projection.worker import ProjectionWorker
from exchange.sequencer.port import Codes
from exchange.sequencer.sequencer import Sequencer, SequencerSettings

ENGINE_VERSION = "1"
"""Raised whenever the engine's state or answers change: older snapshots are then passed over."""

T = TypeVar("T")


class Core:
    """Implements what settlement asks for: accounts, commands, transfers, and reading the engine."""

    def __init__(self, engine: Engine, sequencer: Sequencer, worker: ProjectionWorker, database: Database) -> None:
        self.engine = engine
        self.sequencer = sequencer
        self.worker = worker
        self.database = database

    @classmethod
    def open(cls, home: Home, now_ns: Callable[[], int], config: EngineConfig | None = None) -> Core:
        """Recover the state from the journal and take over.

        Raises:
            JournalLocked: Another process writes to it.
            JournalDamaged: Nothing on disk was changed; restore before starting.
        """
        config = config or EngineConfig()
        database = open_database(home.database("projection"))
        projection = Projection(database)
        projection.create_tables()
        worker = ProjectionWorker(projection)
        engine = Engine(config)
        settings = SequencerSettings(accounts=config.max_accounts, engine_version=ENGINE_VERSION)
        try:
            sequencer = Sequencer.open(home.journal, engine, now_ns=now_ns, listeners=[worker], settings=settings)
        except BaseException:
            worker.close()
            raise
        return cls(engine, sequencer, worker, database)

    @property
    def directory(self) -> AccountDirectory:
        """Who has which account number."""
        return self.sequencer.directory

    def open_account(self, customer: CustomerId) -> int:
        """The customer's account number, given at the first call."""
        return self.sequencer.open_account(customer)

    def submit_commands(self, commands: Records) -> Outputs:
        """Journal and apply commands."""
        return self.sequencer.submit_commands(commands)

    def submit_transfers(self, transfers: Records, note: bytes | None = None) -> Codes:
        """Journal and apply transfers."""
        return self.sequencer.submit_transfers(transfers, note)

    def read(self, view: Callable[[Engine], T]) -> T:
        """Look at the engine while it stands still."""
        with self.sequencer.quiet():
            return view(self.engine)

    def state_hash(self) -> bytes:
        """32 bytes over the whole state."""
        return self.sequencer.state_hash()

    def recovered_hash(self) -> bytes:
        """32 bytes over the state that recovery found, before this process journalled anything."""
        return self.sequencer.recovery.state_hash

    def ledger_head(self) -> str:
        """Hash of the journal's chain behind the last durable record, hex."""
        return self.sequencer.head.chain.hex()

    def close(self) -> None:
        """Finish what is at work, then give the journal free."""
        self.sequencer.close()
        self.worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
