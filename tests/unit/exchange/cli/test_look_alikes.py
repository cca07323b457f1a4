import json

import pytest
from typer.testing import CliRunner

from custody.keys import ed25519
from custody.keys.passphrase import read_passphrase
from custody.primitives.address import Address
from custody.primitives.approval import Verdict, approval_message
from custody.primitives.chain import ChainId
from custody.primitives.errors import NotFound
from custody.primitives.ids import CustomerId
from custody.withdrawals.full_compare import compare_digest
from exchange.app.home import Home
from exchange.app.keyholders import STAFF_PATH, create_holder, open_ed25519
from exchange.cli import look_alikes
from exchange.cli.look_alikes import app

TO = "sim1" + "z" * 35 + "f3t4"
CASE = {
    "id": "wd-1", "customer": "alice", "amount": {"units": "5", "asset": "SIM"}, "chain": "simchain",
    "to_ends": "sim1...f3t4", "resembles": "the destination has the same first and last 4 characters as sim1trusted",
}  # fmt: skip


@pytest.fixture
def service(monkeypatch):
    # A simulated service: what it was told, and one case.
    told = []

    def call(home, place, body=None):
        if body is None:
            return [CASE]
        told.append((place, body))
        return {"compared_by": body["approval"]["approver"]}

    monkeypatch.setattr(look_alikes, "_call", call)
    return told


@pytest.fixture
def home(tmp_path):
    place = Home(tmp_path)
    place.passphrase.write_text("a passphrase for a test\n")
    place.passphrase.chmod(0o600)
    place.keystore("ann").parent.mkdir(mode=0o700)
    create_holder(place.keystore("ann"), read_passphrase(place.passphrase))
    return place


def run(*arguments, **more):
    return CliRunner().invoke(app, [str(each) for each in arguments], **more)


@pytest.mark.usefixtures("service")
def test_list_tells_what_waits_with_status_4(tmp_path):
    found = run("list", "--home", tmp_path)
    assert found.exit_code == 4
    assert "wd-1  5 SIM of alice to sim1...f3t4: the destination has the same" in found.output
    assert json.loads(run("list", "--home", tmp_path, "--json").output) == [CASE]


@pytest.mark.parametrize("typed", [TO, TO[4:-4]], ids=["whole", "middle"])
def test_c19_what_the_officer_typed_is_signed_and_sent(service, home, typed):
    found = run("compare", "wd-1", "--as", "ann", "--home", home.folder, input=f"{typed}\n")
    assert "compared by ann" in found.output
    ((place, body),) = service
    assert (place, body["typed"]) == ("/withdrawals/wd-1/full-compare", typed)
    what = compare_digest(CustomerId("alice"), Address(ChainId("simchain"), TO), typed)
    assert body["approval"]["intent_hash"] == what.hex()
    key = ed25519.public_key(open_ed25519(home.keystore("ann"), read_passphrase(home.passphrase), STAFF_PATH))
    message = approval_message(what, "ann", Verdict.APPROVE, body["approval"]["at_s"])
    ed25519.verify(key, message, bytes.fromhex(body["approval"]["signature"]))


def test_what_does_not_wait_is_not_compared(service, tmp_path):
    assert isinstance(run("compare", "wd-2", "--as", "ann", "--home", tmp_path).exception, NotFound)
    assert service == []
