"""mext wallet."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from exchange.cli.columns import aligned
from exchange.cli.serving import DEFAULT_HOME, HomeOption

app = typer.Typer(help="Wallets of an installation.", no_args_is_help=True, pretty_exceptions_enable=False)


@app.command("list")
def list_wallets(
    home: HomeOption = DEFAULT_HOME,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """List the wallets. Id, tier, quorum, chain, and the address where each receives."""
    from exchange.app.blueprint import load_blueprint
    from exchange.app.home import Home
    from exchange.app.wallets import receives_at

    rows = [
        {
            "id": spec.id,
            "tier": spec.tier,
            "chain": spec.chain,
            "quorum": f"{spec.threshold} of {len(spec.members)}",
            "address": receives_at(spec),
        }
        for spec in load_blueprint(Home(home).blueprint).wallets
    ]
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        names = ("id", "tier", "quorum", "chain", "address")
        print("\n".join(aligned([[row[name] for name in names] for row in rows])))
