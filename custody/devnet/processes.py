"""Start a local node as a child process: own folder, own log, stopped by its id.

Rules:
    * A child lives in its own process group, so that stopping it also stops what it started.
    * It dies with us where the system can promise that (Linux, started from the main thread); `stop` is the rule.
    * Only the process that was started here is ever signalled, never one found by name.

Example:
    process = NodeProcess.start(Launch("anvil", ("anvil", "--port", "8545"), folder), is_ready=answers)
    ...
    process.stop()
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from custody.primitives.errors import NodeUnavailable

CALL_TIMEOUT_S = 300
"""How long whoever drives a local node waits for one answer of it; it only says when to give up."""

READY_TIMEOUT_S = 300
"""The slowest local node answers after a second on an idle machine; a loaded one may need many times that."""

STOP_TIMEOUT_S = 60
"""Time to write its state down after SIGTERM, before SIGKILL."""

START_ATTEMPTS = 3
"""A free port may be taken by somebody else before the child listens on it."""

POLL_INTERVAL_S = 0.02
LOG_TAIL_CHARS = 2_000

_PR_SET_PDEATHSIG = 1  # linux/prctl.h: the signal a child gets when its parent dies


class NodeStartFailed(NodeUnavailable):
    """A local node ended or stayed silent while it was started; its last log lines are in the message."""

    code = "node_start_failed"


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start.

    Attributes:
        name: For messages and the name of the log file.
        argv: Program and arguments; no shell is involved.
        folder: Working folder; made if absent. The log is `folder/<name>.log`, appended.
        environment: Added to our own environment.
    """

    name: str
    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Where standard output and standard error go."""
        return self.folder / f"{self.name}.log"


class Stoppable(Protocol):
    """Something that runs until it is stopped; as a context it is stopped on the way out, whatever happened."""

    def stop(self) -> None:
        """End it. Safe to call again."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Connection(Protocol):
    """What talks to a child, and is closed after use."""

    def close(self) -> None:
        """Close the connections."""
        ...


C = TypeVar("C", bound=Connection)


class NodeProcess(Stoppable):
    """A running child."""

    def __init__(self, launch: Launch, child: subprocess.Popen[bytes]) -> None:
        self.launch = launch
        self._child = child

    @classmethod
    def start(
        cls, launch: Launch, *, is_ready: Callable[[], bool], ready_timeout_s: float = READY_TIMEOUT_S
    ) -> NodeProcess:
        """Start a child and wait until it is ready.

        Args:
            launch: What to start.
            is_ready, ready_timeout_s: As in `await_ready`.

        Raises:
            NodeStartFailed: It cannot be started, ended early, or was not ready in time; it is stopped then.
        """
        process = cls.begin(launch)
        process.await_ready(is_ready, ready_timeout_s)
        return process

    @classmethod
    def begin(cls, launch: Launch) -> NodeProcess:
        """Start a child and do not wait for it: several become ready together. Whoever begins it stops it.

        Raises:
            NodeStartFailed: It cannot be started.
        """
        launch.folder.mkdir(parents=True, exist_ok=True)
        try:
            with launch.log.open("ab") as log:
                child = subprocess.Popen(  # noqa: S603 - the caller's own program, no shell
                    launch.argv,
                    cwd=launch.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **launch.environment},
                    start_new_session=True,
                    preexec_fn=_die_with_parent(),  # noqa: PLW1509 - one system call, no lock is taken
                )
        except OSError as error:
            raise NodeStartFailed(f"{launch.name}: cannot start {launch.argv[0]}: {error}") from error
        return cls(launch, child)

    def await_ready(self, is_ready: Callable[[], bool], timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait until it is ready.

        Args:
            is_ready: Asked again and again; False or `NodeUnavailable` means "not yet".
            timeout_s: Longest wait, in seconds.

        Raises:
            NodeStartFailed: It ended early, or was not ready in time; it is stopped then.
        """
        ready = False
        try:
            self._wait_ready(is_ready, timeout_s)
            ready = True
        finally:  # whatever went wrong, an interrupt included: no child is left behind
            if not ready:
                self.stop()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    def is_running(self) -> bool:
        """Tell whether it has not ended."""
        return self._child.poll() is None

    def wait_end(self, timeout_s: float) -> bool:
        """Wait until it has ended; False if it still runs after this many seconds."""
        try:
            self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it at once, without a chance to clean up: for crash tests."""
        self._signal(signal.SIGKILL)
        self._child.wait()

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End it: ask, wait, then force. Safe to call again."""
        self._signal(signal.SIGTERM)
        if not self.wait_end(timeout_s):
            self.kill()

    def log_tail(self) -> str:
        """Return the end of its log."""
        try:
            return self.launch.log.read_text(errors="replace")[-LOG_TAIL_CHARS:]
        except OSError:
            return ""

    def _signal(self, number: signal.Signals) -> None:
        if self._child.poll() is None:
            # The group has the id of its first process. It may end between the two lines.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, number)

    def _wait_ready(self, is_ready: Callable[[], bool], timeout_s: float) -> None:
        name, until, pause = self.launch.name, time.monotonic() + timeout_s, threading.Event()
        while time.monotonic() < until:
            if not self.is_running():
                status = self._child.returncode
                raise NodeStartFailed(f"{name}: ended with status {status}; log:\n{self.log_tail()}", status=status)
            try:
                if is_ready():
                    return
            except NodeUnavailable:
                pass
            pause.wait(POLL_INTERVAL_S)
        raise NodeStartFailed(f"{name}: not ready after {timeout_s} s; log:\n{self.log_tail()}")


def free_port() -> int:
    """Return a loopback TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_on_port(
    port: int, connect: Callable[[int], C], launch: Callable[[int], Launch], is_ready: Callable[[C], bool]
) -> tuple[NodeProcess, C]:
    """Start a process that listens on a port, and wait until it answers.

    Args:
        port: 0 for any free one.
        connect: Port -> a client for it; it is closed again where the start fails.
        launch: Port -> what to start.
        is_ready: Asked again and again; False or `NodeUnavailable` means "not yet".

    Raises:
        NodeStartFailed: It does not start; the log's end is in the message.
    """
    attempts = 1 if port else START_ATTEMPTS
    for left in reversed(range(attempts)):
        chosen = port or free_port()
        client = connect(chosen)
        try:
            process = NodeProcess.start(launch(chosen), is_ready=lambda client=client: is_ready(client))  # type: ignore[misc]
        except NodeStartFailed:
            client.close()
            if not left:
                raise
        else:
            return process, client
    raise NodeStartFailed("no free port")


def _die_with_parent() -> Callable[[], None] | None:
    # The kernel means the parent *thread*: armed from a worker thread, the child would die with that thread.
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return arm
