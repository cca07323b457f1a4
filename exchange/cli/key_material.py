"""mext keys: tokens, backups, ceremonies."""

from __future__ import annotations

import typer

from exchange.cli import backups, ceremonies, tokens

app = typer.Typer(
    help="Key material: ceremonies, backups in shares, tokens.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(tokens.app, name="token")
app.command("backup")(backups.backup)
app.command("restore")(backups.restore)
app.command("drill")(backups.drill)
app.command("draw")(ceremonies.draw)
app.command("ceremony")(ceremonies.ceremony)
app.command("confirm")(ceremonies.confirm)
app.command("verify")(ceremonies.verify)
