"""Everything that runs for the loop: local chains, signer processes, the service; and the people outside."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from custody.devnet.network import KINDS, LocalChainKind, LocalChains
from custody.devnet.processes import Launch, NodeProcess
from custody.keys.private_files import make_private_folder
from custody.primitives.errors import Refused, Unavailable
from custody.signers.client import RemoteSigner
from exchange.app.ceremony import SENDER, SIGNERS
from exchange.app.home import Home
from exchange.cli.loop.client import Answered, Client

READY_TIMEOUT_S = 300


class HomeInUse(Refused):
    """The folder holds an installation already; the loop starts on an empty one."""

    code = "home_in_use"


class World:
    """Owns every process of the loop and ends what it started."""

    def __init__(self, folder: Path, port: int) -> None:
        """Choose a folder for everything; it must not hold an installation.

        Raises:
            HomeInUse: It does.
        """
        self.home = Home(folder.resolve())
        if self.home.folder.exists() and any(self.home.folder.iterdir()):
            raise HomeInUse(f"{self.home.folder} is not empty; choose another --home, or remove it")
        make_private_folder(self.home.folder)
        self.port = port
        self._stack = ExitStack()
        self._signers: dict[str, NodeProcess] = {}
        self._service: NodeProcess | None = None
        self.chains: LocalChains
        self.client: Client

    def start_chains(self, kinds: Sequence[LocalChainKind] = KINDS) -> None:
        """Start the local chains; some of them suffice if Ethereum, which carries the contracts, is among them."""
        self.chains = self._stack.enter_context(LocalChains.start(self.home.folder / "chains", kinds))

    def begin_signers(self) -> None:
        """Start one process a signer, and do not wait for them: they unseal their keys side by side."""
        (self.home.folder / "run").mkdir(mode=0o700)
        for name in (*SIGNERS, SENDER):
            self._signers[name] = self._stack.enter_context(NodeProcess.begin(self.signer_launch(name)))

    def await_signers(self) -> None:
        """Wait until every signer answers."""
        for name, process in self._signers.items():
            process.await_ready(partial(_answers, RemoteSigner(name, self.home.socket(name))))

    def signer_launch(self, name: str) -> Launch:
        """How a signer process is started."""
        places = ("--home", str(self.home.signer(name)), "--socket", str(self.home.socket(name)))
        passphrase = ("--passphrase-file", str(self.home.passphrase))
        command = (sys.executable, "-m", "custody.signers", *places, *passphrase)
        return Launch(name, command, self.home.folder / "logs", _import_path())

    def start_service(self) -> None:
        """Start the service, or start it again, and wait until it answers."""
        self.client = Client(f"http://127.0.0.1:{self.port}", self.home.token.read_text().strip())
        process = NodeProcess.start(
            self.service_launch(), is_ready=partial(_is_up, self.client), ready_timeout_s=READY_TIMEOUT_S
        )
        self._service = self._stack.enter_context(process)

    def service_launch(self) -> Launch:
        """How the service is started."""
        arguments = ("serve", "--home", str(self.home.folder), "--port", str(self.port))
        command = (sys.executable, "-m", "exchange.cli", *arguments)
        return Launch("service", command, self.home.folder / "logs", _import_path())

    def kill_service(self) -> None:
        """SIGKILL: no chance to finish anything."""
        if self._service is not None:
            self._service.kill()
            self.client.close()

    def service_runs(self) -> bool:
        """Tell whether the service process is alive."""
        return self._service is not None and self._service.is_running()

    def close(self) -> None:
        """Stop everything that was started, last first."""
        self._stack.close()


def _import_path() -> dict[str, str]:
    return {"PYTHONPATH": str(Path(__file__).resolve().parents[3])}


def _answers(signer: RemoteSigner) -> bool:
    try:
        return bool(signer.health())
    except Unavailable:
        return False


def _is_up(client: Client) -> bool:
    try:
        client.get("/status")
    except (Unavailable, Answered):
        return False
    return True
