"""mext devnet: local chains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Local chains on this machine.", no_args_is_help=True, pretty_exceptions_enable=False)

DEFAULT_FOLDER = Path(".devnet/run")
FolderOption = Annotated[Path, typer.Option("--folder", help="Data and logs of the run.")]


@app.command()
def up(folder: FolderOption = DEFAULT_FOLDER) -> None:
    """Start Bitcoin, Ethereum and Solana, show where they answer, and keep them until Ctrl-C."""
    import signal
    import threading

    from custody.devnet.network import LocalChains

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with LocalChains.start(folder) as chains:
        chains.run_clock()
        for endpoint in chains.endpoints():
            print(f"{endpoint.chain:<16} {endpoint.evidence:<34} {endpoint.url}", flush=True)
        stopping.wait()


@app.command()
def status(
    folder: FolderOption = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Say for each chain what answers: a node, a virtual machine or a simulator, and whether it runs."""
    from dataclasses import asdict

    from custody.devnet.network import load_endpoints

    endpoints = load_endpoints(folder)
    if as_json:
        print(json.dumps([asdict(endpoint) | {"running": endpoint.is_running()} for endpoint in endpoints], indent=2))
        return
    for endpoint in endpoints:
        running = "running" if endpoint.is_running() else "stopped"
        print(f"{endpoint.chain:<16} {endpoint.evidence:<34} {running:<8} {endpoint.url}  log {endpoint.log}")


@app.command()
def install(folder: Annotated[Path, typer.Option(help="Private folder.")] = Path(".devnet/knots")) -> None:
    """Fetch Bitcoin Knots from Debian into a private folder, without root."""
    from custody.devnet.knots import install_knots

    install_knots(folder, say=lambda line: print(line, flush=True))
