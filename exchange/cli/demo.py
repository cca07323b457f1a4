"""mext demo: the main job."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from custody.primitives.errors import ToolkitError

FAILED = 1
PLAIN_WIDTH = 120
"""Columns when the output goes to a file or a pipe, where no terminal tells its width."""


class SolMechanism(StrEnum):
    """The two ways to hold SOL."""

    WRAPPED = "wrapped"
    FROST = "frost"


def demo(
    home: Annotated[
        Path | None, typer.Option(help="Empty folder for the run; by default a fresh one below .mext/runs.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port of API and pages; 8000, or a free one with --once.")] = None,
    once: Annotated[bool, typer.Option("--once", help="End after the loop instead of serving the pages.")] = False,
    sol: Annotated[
        SolMechanism,
        typer.Option(help="How the hot wallet holds SOL: in an SPL multisig, or on a FROST group's address."),
    ] = SolMechanism.WRAPPED,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on stdout, everything else on stderr; implies --once.")
    ] = False,
) -> None:
    """Run the whole loop on local chains. Deposit, trade, withdraw, vote, prove, restart; then serve the pages."""
    from rich.console import Console
    from rich.markup import escape

    from exchange.cli.loop.report import Report
    from exchange.cli.loop.run import run_loop
    from exchange.cli.loop.world import World

    console = Console(stderr=as_json)
    if not console.is_terminal:
        console = Console(stderr=as_json, width=PLAIN_WIDTH)
    report = Report()
    world = World(home or fresh_folder(), port or _port(once=once or as_json))
    try:
        run_loop(world, report, console, sol.value)
    except ToolkitError as error:
        console.print(f"[red]stopped:[/] {escape(f'{error.message} [{error.code}]')}", markup=True)
        console.print(f"logs: {world.home.folder / 'logs'}")
    except BaseException:
        world.close()
        raise
    if as_json:
        json.dump(report.document(), sys.stdout, indent=2)
        print()
    else:
        report.show(console)
    try:
        if report.ok and not (once or as_json):
            _keep_serving(console, world.client.url.replace("127.0.0.1", "localhost"))
    finally:
        world.close()
    if not report.ok:
        raise typer.Exit(FAILED)


def _keep_serving(console: object, url: str) -> None:
    import signal
    import threading

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    console.print(f"\nThe pages are on [bold]{url}[/] until Ctrl-C.")  # type: ignore[attr-defined]
    stopping.wait()


def fresh_folder() -> Path:
    """Make a folder of its own for a run on local chains, below .mext/runs."""
    import tempfile

    runs = Path(".mext/runs").resolve()
    runs.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=runs))
    folder.chmod(0o700)
    return folder


def _port(*, once: bool) -> int:
    from custody.devnet.processes import free_port

    return free_port() if once else 8000
