"""mext serve, mext doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HomeOption = Annotated[Path, typer.Option("--home", help="Folder of the installation.")]
DEFAULT_HOME = Path(".mext")


def serve(
    home: HomeOption = DEFAULT_HOME,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65_535)] = 8000,
) -> None:
    """Serve API and pages, do the background work. Runs until it is stopped."""
    import gc
    import logging

    # What is loaded and opened now stays for good: looking for garbage in it takes a fifth of the start.
    gc.disable()

    from exchange.app.compose import Installation
    from exchange.app.home import Home
    from exchange.app.http import serve as serve_http

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log every node call
    with Installation.open(Home(home.resolve())) as installation:
        gc.freeze()
        gc.enable()
        serve_http(installation.rooms, port)


def doctor() -> None:
    """Check what this machine lacks for local chains. One line each, with the cure."""
    from exchange.cli.checks import run_checks

    raise typer.Exit(run_checks())
