import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from custody.compliance.list_folder import MAX_AGE_DAYS, StaleList
from custody.compliance.port import ScreeningUnavailable
from custody.primitives.errors import InvalidInput, MalformedPayload, NotFound
from exchange.app.blueprint import Blueprint, ChainSpec, save_blueprint
from exchange.app.home import Home
from exchange.cli.sanctions import app

TODAY = datetime.now(UTC).date()
LOCAL = Blueprint("l", "e", (), "gas", 0, (), (ChainSpec("bitcoin-regtest", "node", "x"),), (), (), ())
LISTING = "DOE, J.; Digital Currency Address - XBT 1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH;\nalt. Digital Currency\nAddress - XMR 88ab; [TEST]."


@pytest.fixture
def home(tmp_path):
    save_blueprint(Home(tmp_path).blueprint, LOCAL)
    return tmp_path


@pytest.fixture
def listing(tmp_path):
    path = tmp_path / "sdnlist.txt"
    path.write_text(LISTING)
    return path


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def taken_over(home, listing, day=TODAY, **more):
    named = [word for name, value in more.items() for word in (f"--{name}", value)]
    return run("import", listing, "--date", day, "--home", home, *named)


def test_nothing_is_imported_without_an_installation(tmp_path, listing):
    assert isinstance(taken_over(tmp_path / "nowhere", listing).exception, NotFound)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [(None, InvalidInput), ("nobody is listed", InvalidInput), ("Digital Currency Address - XBT", MalformedPayload)],
)
def test_a_file_that_lists_nobody_or_cannot_be_read_changes_nothing(home, listing, text, refusal):
    taken_over(home, listing)
    if text is None:
        listing.unlink()
    else:
        listing.write_text(text)
    assert isinstance(taken_over(home, listing).exception, refusal)
    assert "utxo 1" in run("show", "--home", home).output


@pytest.mark.parametrize("days", [-1, 1])
def test_an_older_list_and_one_of_tomorrow_are_refused(home, listing, days):
    taken_over(home, listing)
    assert isinstance(taken_over(home, listing, TODAY + timedelta(days)).exception, StaleList)


def test_an_old_list_is_shown_as_such(home, listing):
    taken_over(home, listing, TODAY - timedelta(MAX_AGE_DAYS + 1), source="house")
    shown = run("show", "--home", home)
    assert (shown.exit_code, "TOO OLD" in shown.output) == (4, True)


def test_real_money_without_a_list_is_said(home):
    save_blueprint(Home(home).blueprint, replace(LOCAL, chains=(ChainSpec("bitcoin", "node", "x"),)))
    assert isinstance(run("show", "--home", home).exception, ScreeningUnavailable)


def test_an_import_counts_what_is_new_and_gone(home, listing):
    assert taken_over(home, listing).output.startswith(f"ofac-sdn/{TODAY}: 2 addresses, 2 new, 0 gone")
    listing.write_text(LISTING.replace("88ab", "88cd"))
    assert "2 addresses, 1 new, 1 gone" in taken_over(home, listing).output
    shown = json.loads(run("show", "--json", "--home", home).output)
    families = {"other": 1, "utxo": 1}
    assert shown == {"ofac-sdn": {"as_of": str(TODAY), "is_current": True, "families": families}}
