"""The signer process: one Unix socket, one request and one answer a connection.

Rules:
    * Socket 0600 in a folder 0700; the home is locked against a second process.
    * Every connection has one deadline; at most eight are served at once, the rest wait in the backlog.
    * No core dumps; a malformed frame gets an error and a closed connection, never a traceback to the peer.

Example:
    serve(lambda: SignerService.open(SignerHome(home), seed, SystemClock()), socket_path).run()
"""

from __future__ import annotations

import logging
import os
import resource
import socket
import stat
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from custody.keys.private_files import make_private_folder
from custody.primitives.encoding import Json
from custody.primitives.errors import Conflict, InvalidInput, MalformedPayload
from custody.signers.faults import encode_fault
from custody.signers.frames import Deadline, receive_frame, send_frame
from custody.signers.service import SignerService

CONNECTION_TIMEOUT_S = 20
"""From accept to the last byte of the answer; a 250-input transaction needs under one second."""
MAX_WORKERS = 8
MAX_SOCKET_PATH_BYTES = 107
"""Linux keeps 108 bytes for the path, one of them a zero."""
_BACKLOG = 64
_STOP_POLL_S = 0.5

_log = logging.getLogger(__name__)


class SignerDaemon:
    """Accepts connections until stopped."""

    def __init__(self, service: SignerService, socket_path: Path) -> None:
        self._service = service
        self._path = socket_path
        self._stop = threading.Event()
        self._wake, self._woken = socket.socketpair()
        self._slots = threading.BoundedSemaphore(MAX_WORKERS)
        self._listener = _listen(socket_path)

    def stop(self) -> None:
        """Ask `run` to return; safe from a signal handler."""
        self._stop.set()
        self._wake.send(b"x")

    def run(self) -> None:
        """Serve until `stop`; connections under way are finished.

        Raises:
            OSError: The listener broke; a signer that cannot listen must not look alive.
        """
        _log.info("signer %s listens on %s", self._service.rules.name, self._path)
        with ThreadPoolExecutor(MAX_WORKERS, thread_name_prefix="signer") as workers, self._listener:
            threading.Thread(target=self._wait_for_stop, daemon=True).start()
            while not self._stop.is_set():
                # A slot first, then accept: what we cannot serve yet waits in the kernel, not in our memory.
                if self._slots.acquire(timeout=_STOP_POLL_S):
                    connection = self._accept()
                    if connection is None:
                        self._slots.release()
                    else:
                        workers.submit(self._serve, connection).add_done_callback(self._finish)
        self._path.unlink(missing_ok=True)

    def _accept(self) -> socket.socket | None:
        try:
            return self._listener.accept()[0]
        except TimeoutError:
            return None
        except OSError:
            if self._stop.is_set():  # the listener was shut down on purpose
                return None
            raise

    def _finish(self, work: Future[None]) -> None:
        """Free the slot, and log how a connection ended: the kind of error only, its text could repeat the payload."""
        self._slots.release()
        error = work.exception()
        if isinstance(error, OSError):
            _log.info("connection lost: %s", type(error).__name__)
        elif error is not None:
            _log.error("connection dropped after an unexpected %s", type(error).__name__)

    def _wait_for_stop(self) -> None:
        self._woken.recv(1)
        self._listener.shutdown(socket.SHUT_RDWR)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            deadline = Deadline(CONNECTION_TIMEOUT_S)
            try:
                message = receive_frame(connection, deadline)
            except MalformedPayload as error:
                send_frame(connection, {"ok": False, "error": encode_fault(error)}, deadline)
                return
            answer: Mapping[str, Json] = self._service.answer(message)
            send_frame(connection, answer, deadline)


def serve(service: Callable[[], SignerService], socket_path: Path) -> SignerDaemon:
    """Open a signer and bind its socket; the caller holds the home's lock and calls `run`.

    Args:
        service: Opens it, once core dumps are off and new files are private.
        socket_path: Where it listens.

    Raises:
        Refused, InvalidInput: The home or the socket's folder is not as it must be.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    return SignerDaemon(service(), socket_path)


def _listen(path: Path) -> socket.socket:
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
        raise InvalidInput(f"socket path longer than {MAX_SOCKET_PATH_BYTES} bytes: {path}", path=str(path))
    make_private_folder(path.parent)
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # A signal that comes right before `accept` begins to wait is handled only when it returns: it returns now and then.
    listener.settimeout(_STOP_POLL_S)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(_BACKLOG)
    return listener


def _remove_stale(path: Path) -> None:
    """Remove a socket nobody listens on; another signer's live socket stays."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise Conflict(f"{path} exists and is not a socket", path=str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise Conflict(f"another process listens on {path}", path=str(path))
