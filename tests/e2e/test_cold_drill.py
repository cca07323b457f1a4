# On local chains: three of five keyholders with rooms and processes of their own pay from cold, by files alone.
import re
import subprocess
import sys
from importlib import resources

import pytest

from custody.cold.files import groups
from custody.cold.parts import decode_result
from custody.cold.request import decode_request_file
from custody.cold.wallets_file import decode_wallets
from custody.primitives.clock import SystemClock
from custody.store.database import open_database
from custody.store.refill_requests import SqlRefillStore, create_refill_table
from custody.wallets.refill_requests import RefillRequest, RefillState
from custody.withdrawals.facts import Tier
from exchange.app.blueprint import save_blueprint
from exchange.app.provision import _blueprint
from exchange.app.wallets import receives_at
from exchange.cli.cold_drill import ONE_A_FAMILY, SIGNING, ColdDrill
from exchange.cli.cold_hands import ROOT, RoomRefused, Told
from exchange.cli.loop.outside import received

pytestmark = [pytest.mark.node, pytest.mark.slow]
UNITS = 70_000_000


@pytest.fixture(scope="module")
def drill(tmp_path_factory):
    with ColdDrill(tmp_path_factory.mktemp("drill") / "home") as running:
        yield running


def mext(drill, *arguments):
    command = [sys.executable, "-m", "exchange.cli", *map(str, arguments), "--home", str(drill.home.folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.parametrize("chain", ONE_A_FAMILY)
def test_what_was_asked_arrives_and_every_screen_shows_the_same_digest(drill, chain):
    outcome = drill.withdraw(chain)
    assert outcome.arrived == outcome.asked
    assert [who for who, _ in outcome.steps] == ["online", *SIGNING, "combine", "online"]
    digests = {re.search(r"request +((?:[0-9a-f]{4} ?){16})", shown)[1].strip() for _, shown in outcome.steps[:-1]}
    assert len(digests) == 1


def test_the_commands_of_the_treasury_bring_what_a_refill_request_asks(drill):
    home, now_s, folder = drill.home, SystemClock().now_s(), drill.home.folder
    save_blueprint(home.blueprint, _blueprint(drill.chains, drill.ceremony, "0x" + "00" * 20))
    home.policy.write_text(resources.files("exchange.app").joinpath("policy.yaml").read_text())
    again = mext(drill, "treasury", "cold-rooms")  # they stand already, and nothing is overwritten
    assert (again.returncode, "exists already" in again.stderr) == (1, True)
    done = mext(drill, "treasury", "cold-wallets", "--out", folder / "wallets.json")
    assert decode_wallets((folder / "wallets.json").read_bytes()).memberships("cold-4"), done.stderr
    database = open_database(home.database("custody"))
    create_refill_table(database)
    way = ("BTC", Tier.COLD, Tier.WARM, UNITS, 2, "below the low level", RefillState.OPEN)
    SqlRefillStore(database).add(RefillRequest("refill-BTC-warm-1", *way, now_s, now_s, 0))
    cold = next(each for each in drill.ceremony.wallets if each.id == "cold-btc")
    drill.chains.node("bitcoin-regtest").fund(receives_at(cold), 2 * UNITS)
    drill.chains.node("bitcoin-regtest").mine(3)
    plan, request, result = (folder / f"{name}.json" for name in ("plan", "request", "result"))
    steps = [
        ("treasury", "cold-plan", "refill-BTC-warm-1", "--out", plan),
        *(
            ("treasury", "cold-approve", plan, "--as", name, "--out", folder / f"{name}.json")
            for name in ("alice", "bob")
        ),
        (
            "treasury",
            "cold-request",
            plan,
            folder / "alice.json",
            folder / "bob.json",
            "--as",
            "carol",
            "--out",
            request,
        ),
    ]
    for step in steps:
        done = mext(drill, *step)
        assert done.returncode == 0, done.stderr
    asked = decode_request_file(request.read_bytes())
    assert groups(asked.digest) in done.stdout
    (intent,) = asked.request.intents
    with pytest.raises(RoomRefused, match="not_confirmed"):
        drill.keyholders["cold-2"].sign(request, folder / "2.json", Told(intent.to.text, "0.07000000"))
    told, parts = Told(intent.to.text, "0.70000000"), []
    for name in ("cold-2", "cold-3", "cold-4"):
        parts.append(folder / f"part-{name}.json")
        drill.keyholders[name].sign(request, parts[-1], told)
    with pytest.raises(RoomRefused, match="quorum_not_reached"):
        drill.keyholders["cold-2"].combine(request, parts[:2], result)
    drill.keyholders["cold-2"].combine(request, parts, result)
    before = received(drill.chains, "bitcoin-regtest", intent.to.text)
    done = mext(drill, "treasury", "cold-submit", plan, request, result)
    assert done.returncode == 0, done.stderr
    assert decode_result(result.read_bytes()).name in done.stdout
    drill.chains.node("bitcoin-regtest").mine(1)
    assert received(drill.chains, "bitcoin-regtest", intent.to.text) - before == UNITS
