"""mext keys rotation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.serving import DEFAULT_HOME, HomeOption


def rotation(
    revoked: Annotated[list[str], typer.Option(help="Name of a signer, cold key or approver; once for each.")],
    home: HomeOption = DEFAULT_HOME,
    records: Annotated[Path | None, typer.Option(help="Write a dated record of this drill here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Plan what follows when keyholders are revoked. Reads the blueprint only, moves nothing."""
    import json
    from datetime import UTC, datetime

    from custody.keys.private_files import make_private_folder, write_new_private
    from custody.primitives.clock import SystemClock
    from exchange.app.blueprint import load_blueprint
    from exchange.app.home import Home
    from exchange.app.rotation import plan_rotation

    plan = plan_rotation(load_blueprint(Home(home).blueprint), set(revoked))
    told = json.dumps(plan.as_json(), indent=2)
    if records is not None:
        at = datetime.fromtimestamp(SystemClock().now_s(), UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
        make_private_folder(records)
        write_new_private(records / f"rotation-{at}.json", told.encode() + b"\n")
    print(told if as_json else "\n".join(f"{number}. {step}" for number, step in enumerate(plan.steps(), start=1)))
