"""mext sanctions: the lists that deposits and withdrawals are compared with."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.serving import DEFAULT_HOME, HomeOption

if TYPE_CHECKING:
    from custody.compliance.list_folder import ListFolder

app = typer.Typer(
    help="Sanctions lists: show and import.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command("import")
def import_list(
    file: Annotated[Path, typer.Argument(help="OFAC's list in text form (sdnlist.txt, sdn.csv), as published.")],
    day: Annotated[str, typer.Option("--date", help="Day on which it was fetched, YYYY-MM-DD.")],
    source: Annotated[str, typer.Option(help="Name of the list; replaces an older one of this name.")] = "ofac-sdn",
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Take over a list; a running server uses it from its next question on."""
    from custody.compliance.dated_list import DatedList, read_day
    from custody.compliance.ofac import addresses_in
    from custody.primitives.errors import InvalidInput

    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InvalidInput(f"{file}: {error.strerror}") from error
    new = DatedList(source, read_day(day), addresses_in(text))
    old = _folder(home).save(new)
    before = old.keys if old else frozenset()
    print(f"{new.version}: {len(new.entries)} addresses, {len(new.keys - before)} new, {len(before - new.keys)} gone")
    for family, count in sorted(_by_family(new.keys).items()):
        print(f"  {family:<8} {count}")


@app.command()
def show(
    home: HomeOption = DEFAULT_HOME,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Name the lists with their day and size; exit status 4 if one is too old or cannot be used."""
    from custody.compliance.list_folder import MAX_AGE_DAYS, is_current
    from custody.primitives.clock import SystemClock

    found = _folder(home).lists()
    usable = {each.source: is_current(each, SystemClock()) for each in found}
    rows = {
        each.source: {
            "as_of": each.as_of.isoformat(),
            "is_current": usable[each.source],
            "families": dict(sorted(_by_family(each.keys).items())),
        }
        for each in found
    }
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        for each in found:
            told = ", ".join(f"{name} {count}" for name, count in sorted(_by_family(each.keys).items()))
            late = "" if usable[each.source] else f"  TOO OLD: more than {MAX_AGE_DAYS} days"
            print(f"{each.source:<20} {each.as_of}  {told}{late}")
        print(f"{len(found)} lists")
    raise typer.Exit(0 if all(usable.values()) else 4)


def _by_family(keys: frozenset[str]) -> Counter[str]:
    return Counter(key.partition(":")[0] for key in keys)


def _folder(home: Path) -> ListFolder:
    from exchange.app.blueprint import load_blueprint
    from exchange.app.home import Home
    from exchange.app.screening import screening_of

    place = Home(home)
    return screening_of(place, load_blueprint(place.blueprint))
