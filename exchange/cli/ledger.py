"""mext journal: look at the truth."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The journal: who is owed what.", no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="Folder of the journal.")] = Path(".mext/journal"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Check every frame of a journal: lengths, checksums, hash chain. Changes nothing."""
    from exchange.journal.verify import verify_journal

    report = verify_journal(folder)
    shown = {name: value.hex() if isinstance(value, bytes) else value for name, value in asdict(report).items()}
    if as_json:
        print(json.dumps(shown, indent=2, default=str))
    else:
        for name, value in shown.items():
            print(f"{name:<16} {value}")
