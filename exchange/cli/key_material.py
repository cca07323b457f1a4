"""mext keys: ceremonies, backups, tokens, rotation."""

from __future__ import annotations

import typer

from exchange.cli import backups, ceremonies, rotations, tokens

app = typer.Typer(
    help="Key material: ceremonies, backups, tokens, rotation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(ceremonies.app)  # without a name: its commands stand beside ours
app.add_typer(tokens.app, name="token")
app.command("backup")(backups.backup)
app.command("restore")(backups.restore)
app.command("drill")(backups.drill)
app.command("rotation")(rotations.rotation)
