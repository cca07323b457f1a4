"""A regtest node of the Bitcoin kind as a child process: started, funded, mined, reorganised.

Rules:
    * Loopback only, own data folder, password by cookie file, no peers, no discovery.
    * Its wallet is a faucet for local coins; it never holds a key of a wallet under test.
    * What differs between Bitcoin Knots and Litecoin Core is a row, `CoreKind`.

Example:
    with KnotsNode.start(Path(".devnet/run")) as bitcoin, LitecoinNode.start(Path(".devnet/ltc")) as litecoin:
        litecoin.mine(6)
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from custody.devnet.private_apt import PackageUnavailable, Say
from custody.devnet.processes import CALL_TIMEOUT_S, Launch, NodeProcess, NodeStartFailed, Stoppable, free_port
from custody.nodes.bitcoin import BitcoinNode
from custody.nodes.jsonrpc import Endpoint, JsonRpc
from custody.primitives.errors import ToolkitError
from custody.primitives.ids import TxId
from custody.primitives.secret import Secret

COINBASE_MATURITY = 100
FAUCET = "faucet"
BLOCKS_A_CALL = 50
"""A busy machine mines these well within the time of one answer."""
START_ATTEMPTS = 3
"""Another process may take the free port between the choice and the start."""

_LIBRARY_FOLDERS = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu"}
_LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}


@dataclass(frozen=True, slots=True)
class CoreKind:
    """One program of the kind.

    Attributes:
        program: Name of the start script and of the log.
        module: Whose `install` command fetches it.
        folder: Where it is installed if nothing else is said.
        variable: Environment variable that names another such folder.
        options: Command-line options of this program alone.
    """

    program: str
    module: str
    folder: Path
    variable: str
    options: tuple[str, ...] = ()

    def find(self, folder: Path | None = None) -> Path | None:
        """Return the start script of an installed node: the given folder, else the variable's, else the usual one."""
        where = folder or Path(os.environ.get(self.variable) or self.folder)
        script = where.resolve() / self.program
        return script if script.exists() else None


@dataclass(frozen=True, slots=True)
class Unpacked:
    """Where unpacked packages hold a program: the program, its loader and its libraries, below one root."""

    program: Path
    loaders: Path
    libraries: tuple[Path, ...]


def write_start_script(kind: CoreKind, folder: Path, unpacked: Unpacked, *, say: Say) -> Path:
    """Write the script that runs an unpacked program with the loader and libraries that came with it.

    Raises:
        PackageUnavailable: Not possible on this machine.
    """
    machine = platform.machine()
    if machine not in _LOADERS:
        raise PackageUnavailable(f"no loader known for a {machine} machine")
    triple = _LIBRARY_FOLDERS[machine]
    loader = unpacked.loaders / triple / _LOADERS[machine]
    if not (unpacked.program.exists() and loader.exists()):
        raise PackageUnavailable(f"the package holds no {unpacked.program.name} or no loader for {machine}")
    path = ":".join(str(libraries / triple) for libraries in unpacked.libraries)
    script = folder / kind.program
    script.write_text(f'#!/bin/sh\nexec "{loader}" --library-path "{path}" "{unpacked.program}" "$@"\n')
    script.chmod(0o755)
    say(f"ready: {script}")
    return script


class CoreNode(Stoppable):
    """A running regtest node with 101 blocks and a funded faucet."""

    kind: CoreKind

    def __init__(self, process: NodeProcess, rpc: JsonRpc) -> None:
        self.process = process
        self.rpc = rpc
        self.node = BitcoinNode(rpc)
        self._faucet = JsonRpc(_at_wallet(rpc.endpoint, FAUCET))

    @classmethod
    def start(cls, folder: Path, *, installed_in: Path | None = None) -> Self:
        """Start a node; on a folder that was used before it continues its chain.

        Args:
            folder: Data folder of this run; the log is `folder/<program>.log`.
            installed_in: Where `install` put the node; see `CoreKind.find`.

        Raises:
            PackageUnavailable: No node is installed.
            NodeStartFailed: It does not start; the log's end is in the message.
        """
        script = cls.kind.find(installed_in)
        if script is None:
            raise PackageUnavailable(f"no {cls.kind.program} here; run: python -m {cls.kind.module} install")
        folder = folder.resolve()
        node = cls._launch(script, folder, attempts=START_ATTEMPTS)
        node._open_faucet()  # noqa: SLF001 - its own, just made
        return node

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.rpc.endpoint.url

    def mine(self, blocks: int, to: str | None = None) -> list[str]:
        """Mine blocks and return their hashes; the reward goes to the faucet or to an address."""
        target = to or str(self._faucet.call("getnewaddress"))
        hashes: list[str] = []
        while len(hashes) < blocks:
            hashes += self.rpc.call("generatetoaddress", min(blocks - len(hashes), BLOCKS_A_CALL), target)
        return hashes

    def fund(self, address: str, value_sat: int) -> TxId:
        """Pay local coins from the faucet; unconfirmed until `mine`."""
        return self.fund_many({address: value_sat})

    def fund_many(self, values_sat: dict[str, int]) -> TxId:
        """Pay local coins to several addresses in one transaction."""
        coins = {address: f"{value // 10**8}.{value % 10**8:08d}" for address, value in values_sat.items()}
        return TxId(str(self._faucet.call("sendmany", "", coins)))

    def reorganise(self, depth: int) -> list[str]:
        """Throw away the newest blocks and mine as many and one more empty ones in their place.

        Returns:
            Hashes of the new blocks. What the old ones held is not in them, nor mined again by this call.
        """
        height = self.node.height()
        fork = self.node.block_hash(height - depth + 1)
        self.rpc.call("invalidateblock", fork)
        target = str(self._faucet.call("getnewaddress"))
        return [str(self.rpc.call("generateblock", target, [])["hash"]) for _ in range(depth + 1)]

    def stop(self) -> None:
        """Stop the node; its data folder stays."""
        self._faucet.close()
        self.rpc.close()
        self.process.stop()

    @classmethod
    def _launch(cls, script: Path, folder: Path, attempts: int) -> Self:
        port = free_port()
        cookie = folder / "regtest" / ".cookie"
        cookie.unlink(missing_ok=True)  # of an earlier run: the new one must be read
        name = cls.kind.program
        argv = (
            str(script), "-regtest", f"-datadir={folder}", "-conf=/dev/null", "-server=1", "-txindex=1",
            "-listen=0", "-dnsseed=0", "-discover=0", "-listenonion=0",
            "-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1", f"-rpcport={port}",
            "-fallbackfee=0.0001", "-printtoconsole=1", "-nodebuglogfile", *cls.kind.options,
        )  # fmt: skip
        opened: list[JsonRpc] = []

        def answers() -> bool:
            if not cookie.exists():
                return False
            if not opened:
                user, _, password = cookie.read_text().partition(":")
                secret = Secret(password.encode())
                url = f"http://127.0.0.1:{port}"
                opened.append(JsonRpc(Endpoint(name, url, user=user, password=secret, timeout_s=CALL_TIMEOUT_S)))
            opened[0].call("getblockcount")
            return True

        try:
            process = NodeProcess.start(Launch(name, argv, folder), is_ready=answers)
        except NodeStartFailed:
            if attempts <= 1:
                raise
            return cls._launch(script, folder, attempts - 1)
        return cls(process, opened[0])

    def _open_faucet(self) -> None:
        known = {entry["name"] for entry in self.rpc.call("listwalletdir")["wallets"]}
        if FAUCET not in self.rpc.call("listwallets"):
            self.rpc.call("loadwallet" if FAUCET in known else "createwallet", FAUCET)
        missing = COINBASE_MATURITY + 1 - self.node.height()
        if missing > 0:
            self.mine(missing)


def _at_wallet(endpoint: Endpoint, wallet: str) -> Endpoint:
    return replace(endpoint, url=f"{endpoint.url}/wallet/{wallet}")


def install_command(
    kind: CoreKind, install: Callable[[Path, Say], Path], arguments: Sequence[str] | None = None
) -> int:
    """Install a node from the command line; exit status 1 where that is not possible."""
    parser = argparse.ArgumentParser(prog=f"python -m {kind.module}", description=f"A local {kind.program}.")
    command = parser.add_subparsers(required=True).add_parser("install", help="fetch and unpack, without root")
    command.add_argument("--folder", type=Path, default=kind.folder)
    folder: Path = parser.parse_args(arguments).folder
    try:
        install(folder, lambda line: _write(sys.stdout, line))
    except ToolkitError as error:
        _write(sys.stderr, error.message)
        return 1
    return 0


def _write(stream: object, line: str) -> None:
    stream.write(f"{line}\n")  # type: ignore[attr-defined]
