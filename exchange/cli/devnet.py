"""mext devnet: local chains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.columns import aligned
from exchange.cli.writing import make_folder

app = typer.Typer(help="Local chains on this machine.", no_args_is_help=True, pretty_exceptions_enable=False)

DEFAULT_FOLDER = Path(".devnet/run")
FolderOption = Annotated[Path, typer.Option("--folder", help="Data and logs of the run.")]


@app.command()
def up(folder: FolderOption = DEFAULT_FOLDER) -> None:
    """Start the eight local chains. Shows where each answers and what it is; runs until Ctrl-C."""
    import signal
    import threading

    from custody.devnet.network import LocalChains

    make_folder(folder)
    _require_stopped(folder)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with LocalChains.start(folder) as chains:
        chains.run_clock()
        rows = [(endpoint.chain, endpoint.evidence, endpoint.url) for endpoint in chains.endpoints()]
        print("\n".join(aligned(rows)), flush=True)
        stopping.wait()


def _require_stopped(folder: Path) -> None:
    from contextlib import suppress

    from custody.devnet.network import load_endpoints
    from custody.primitives.errors import Conflict, InvalidInput

    with suppress(InvalidInput):  # nothing ran there, or a crash left half a list: starting anew replaces it
        running = [each.chain for each in load_endpoints(folder) if each.is_running()]
        if running:
            raise Conflict(
                f"{folder}: local chains run from here already: {', '.join(running)}; see: mext devnet status"
            )


@app.command()
def status(
    folder: FolderOption = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Say what answers for each chain. A node, a virtual machine or a simulator; and whether it runs."""
    from dataclasses import asdict

    from custody.devnet.network import load_endpoints

    endpoints = load_endpoints(folder)
    if as_json:
        print(json.dumps([asdict(endpoint) | {"running": endpoint.is_running()} for endpoint in endpoints], indent=2))
        return
    rows = [
        (each.chain, each.evidence, "running" if each.is_running() else "stopped", each.url, f"log {each.log}")
        for each in endpoints
    ]
    print("\n".join(aligned(rows)))


@app.command()
def install(
    folder: Annotated[
        Path, typer.Option(help='Private folder; the nodes go to "knots" and "litecoin" below it.')
    ] = Path(".devnet"),
) -> None:
    """Fetch Bitcoin Knots and Litecoin Core, without root. From Debian, into a private folder."""
    from custody.devnet.knots import install_knots
    from custody.devnet.litecoin import install_litecoin

    for install_node, name in ((install_knots, "knots"), (install_litecoin, "litecoin")):
        install_node(folder / name, say=lambda line: print(line, flush=True))
