"""No network in this process: none was loaded, none can be loaded, and no socket is ever made.

Rules:
    * A process that has loaded a network module before it reaches the cold room is refused; it is not cleaned up.
    * From then on an audit hook refuses sockets, network modules and other programs. It cannot be taken off again.
    * A cable is outside what a program can prove: interfaces that are up are named to the people, not refused.

Example:
    go_offline()
"""

from __future__ import annotations

import sys
from pathlib import Path

from custody.primitives.errors import Refused

NETWORK_MODULES = frozenset(
    {"socket", "_socket", "ssl", "_ssl", "http", "asyncio", "socketserver", "urllib3", "requests", "httpx", "web3"}
    | {"websockets", "aiohttp", "ftplib", "smtplib", "uvicorn", "psycopg", "multiprocessing"}
)
"""By the first part of their names; Python's own `urllib` counts by `urllib.request`, since its parser is harmless."""
_NETWORK_PARTS = frozenset({"urllib.request", "custody.nodes", "custody.chains", "custody.devnet"})
_PROGRAM_EVENTS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"})
_INTERFACES = Path("/sys/class/net")
_LOOPBACK = "lo"


class NetworkLoaded(Refused):
    """This process holds code that could talk to a network."""

    code = "network_loaded"


class NetworkRefused(Refused):
    """Something in the cold room reached for a network or for another program."""

    code = "network_refused"


def go_offline() -> None:
    """Refuse to go on with network code, and refuse it for the rest of this process.

    Raises:
        NetworkLoaded: A network module is loaded already; the message names it.
    """
    loaded = sorted(name for name in sys.modules if is_network(name))
    if loaded:
        raise NetworkLoaded(f"the cold room does not start with {', '.join(loaded[:5])} loaded", module=loaded[0])
    sys.addaudithook(_refuse)


def is_network(module: str) -> bool:
    """Tell whether a module could talk to a network."""
    parts = module.split(".")
    return parts[0] in NETWORK_MODULES or ".".join(parts[:2]) in _NETWORK_PARTS


def interfaces_up(folder: Path = _INTERFACES) -> tuple[str, ...]:
    """Name the network interfaces of this machine that are up, loopback aside; empty where the system tells none."""
    found = []
    for path in sorted(folder.glob("*")):
        state = path / "operstate"
        if path.name != _LOOPBACK and state.is_file() and state.read_text().strip() == "up":
            found.append(path.name)
    return tuple(found)


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith("socket.") or event in _PROGRAM_EVENTS:
        raise NetworkRefused(f"the cold room refuses {event}", event=event)
    if event == "import" and is_network(str(arguments[0])):
        raise NetworkRefused(f"the cold room refuses to load {arguments[0]}", module=str(arguments[0]))
