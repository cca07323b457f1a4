"""mext keys: tokens, backups, ceremonies."""

from __future__ import annotations

import typer

from exchange.cli import tokens

app = typer.Typer(
    help="Key material: tokens.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(tokens.app, name="token")
