"""mext chains: what the house can pay on, how, and what shows it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

_WHOLE = ("Chain", "Evidence")
"""Columns of single words: broken in two they could not be searched for."""


def chains(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """List the eight chains and how each pays. Multisig, conflict key, depths, tokens, what the tests run against."""
    from custody.chains.mechanisms import MECHANISMS
    from custody.chains.registry import CHAINS, chain_row

    same_family = [row for row in CHAINS.values() if row.id not in MECHANISMS and row.network.isdigit()]
    rows = [
        {
            "chain": name,
            "family": chain_row(name).family.value,
            "caip2": chain_row(name).caip2,
            "mechanism": how.multisig,
            "conflict_key": how.conflict_key,
            "dies_by": how.dies_by,
            "tokens": how.tokens,
            "credit_depth": chain_row(name).credit_depth,
            "final_depth": chain_row(name).final_depth,
            "local": how.local,
            "evidence": how.evidence.value,
        }
        for name, how in MECHANISMS.items()
    ]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(expand=True)
    for heading in ("Chain", "Multisig", "At most one payment per", "Credited / final at", "Tokens", "Evidence"):
        table.add_column(heading, overflow="fold", no_wrap=heading in _WHOLE)
    for name, how in MECHANISMS.items():
        depths = f"{chain_row(name).credit_depth} / {chain_row(name).final_depth}"
        table.add_row(name, how.multisig, how.conflict_key, depths, how.tokens or "-", how.evidence.value)
    console = Console()
    console.print(table)
    more = ", ".join(row.id for row in same_family if not row.id.endswith("-local"))
    if more:
        console.print(f"By a row of parameters, run on a local node with their chain ids: {more}")
