"""The command `mext`.

Rules:
    * Everything heavy is imported inside the command that needs it: `mext --help` must stay instant.
    * With `--json` one document goes to stdout and everything else to stderr.
    * Errors are one line with their code on stderr; the exit code follows `exit_codes`.
"""

from __future__ import annotations

import sys

import typer

from custody.primitives.errors import ToolkitError
from exchange.cli import (
    audit,
    breaker,
    chains,
    cold,
    demo,
    devnet,
    key_material,
    keys,
    ledger,
    look_alikes,
    policy,
    por,
    sanctions,
    serving,
    signer,
    treasury,
    withdrawals,
)
from exchange.cli.exit_codes import exit_code

app = typer.Typer(
    name="mext",
    help="Custody and governance toolkit for an exchange.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,  # plain help: importing the pretty printer would double the start
    pretty_exceptions_enable=False,  # a traceback with local variables would print keys
)
app.command("demo")(demo.demo)
app.command("serve")(serving.serve)
app.command("chains")(chains.chains)
app.command("doctor")(serving.doctor)
app.add_typer(devnet.app, name="devnet")
app.add_typer(signer.app, name="signer")
app.add_typer(keys.app, name="wallet")
app.add_typer(key_material.app, name="keys")
app.add_typer(por.app, name="por")
app.add_typer(treasury.app, name="treasury")
app.add_typer(audit.app, name="audit")
app.add_typer(cold.app, name="cold")
app.add_typer(breaker.app, name="breaker")
app.add_typer(sanctions.app, name="sanctions")
app.add_typer(withdrawals.app, name="withdrawals")
app.add_typer(policy.app, name="policy")
app.add_typer(look_alikes.app, name="look-alikes")
app.add_typer(ledger.app, name="journal")


def main() -> None:
    """Run the command line and turn errors into exit codes."""
    try:
        app()
    except ToolkitError as error:
        print(f"mext: {error.message} [{error.code}]", file=sys.stderr)
        if hint := error.hint():
            print(f"      {hint}", file=sys.stderr)
        sys.exit(exit_code(error))
