"""The projection on a thread of its own: the sequencer hands over and goes on.

Rules:
    * What has piled up is written in one transaction, at most `MAX_FRAMES`.
    * The line is bounded: a projection that cannot keep up slows the sequencer down, it does not eat memory.
    * An error ends the thread; the next frame is refused with it, and the sequencer stops. A restart
      continues from the stored offset.

Example:
    with ProjectionWorker(projection) as worker:
        sequencer = Sequencer.open(folder, engine, now_ns=clock, listeners=[worker])
"""

from __future__ import annotations

import queue
import threading
from types import TracebackType
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from custody.primitives.errors import ToolkitError, Unavailable
from exchange.projection.projection import Projection
from exchange.sequencer.port import Publication

MAX_FRAMES = 256
"""Frames in one transaction."""

MAX_WAITING = 4_096
"""Frames that may wait; with full frames about 1 GB, usually a few MB."""

_STOP_CHECK_S = 0.2


class ProjectionStopped(Unavailable):
    """The database refused a write; the view stands at its last offset."""

    code = "projection_stopped"
    transient = False

    def hint(self) -> str:
        """Say what makes it run again."""
        return "repair the database and restart; the missing frames come from the journal"


class ProjectionWorker:
    """A `Listener` that queues."""

    def __init__(self, projection: Projection) -> None:
        """Start the thread.

        Args:
            projection: Its tables exist; nobody else writes to it.
        """
        self._projection = projection
        self._line: queue.Queue[Publication | None] = queue.Queue(MAX_WAITING)
        self._error: ProjectionStopped | None = None
        self._thread = threading.Thread(target=self._run, name="projection", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def offset(self) -> int:
        """Last sequence number whose rows are committed."""
        return self._projection.offset()

    def on_outputs(self, publication: Publication) -> None:
        """Put one frame in line; waits while the line is full.

        Raises:
            ProjectionStopped: The database refused a write.
        """
        while True:
            self._require_running()
            try:
                self._line.put(publication, timeout=_STOP_CHECK_S)
            except queue.Full:
                continue
            return

    def drain(self) -> None:
        """Wait until everything handed over is committed.

        Raises:
            ProjectionStopped: The database refused a write.
        """
        self._line.join()
        self._require_running()

    def close(self) -> None:
        """Write what is in line and end the thread."""
        if self._thread.is_alive():
            self._line.put(None)
            self._thread.join()

    def _require_running(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        is_open = True
        while is_open:
            taken = self._take()
            frames = [frame for frame in taken if frame is not None]
            is_open = len(frames) == len(taken)
            try:
                if frames and self._error is None:
                    self._projection.apply(frames)
            except (SQLAlchemyError, ToolkitError) as error:
                self._error = ProjectionStopped(f"projection stopped behind seq {frames[0].first_seq - 1}: {error}")
            for _ in taken:
                self._line.task_done()

    def _take(self) -> list[Publication | None]:
        taken = [self._line.get()]
        while taken[-1] is not None and len(taken) < MAX_FRAMES:
            try:
                taken.append(self._line.get_nowait())
            except queue.Empty:
                break
        return taken
