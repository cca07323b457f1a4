"""Hot SOL on a group's native address: two of three signer processes pay, across a kill of the service."""

import json
import signal
from pathlib import Path

import pytest
from simulators.installation import LiveInstallation, as_json

from custody.keys import ed25519, frost_dkg
from custody.keys.material import Curve, PublicKey
from exchange.app.frost_ceremony import TRANSCRIPT_FORMAT
from exchange.app.wallets import FROST, frost_wallet, is_frost
from exchange.cli.loop.money import CHAIN_OF

pytestmark = [pytest.mark.node, pytest.mark.slow]

CRASHING = str(Path(__file__).with_name("crashing.py"))
FUNDS = {("cleo", "SOL"): "10", ("house", "SOL"): "1"}


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frost") / "home"
    folder.parent.chmod(0o700)
    with LiveInstallation(folder) as installation:
        installation.provision({CHAIN_OF["SOL"]}, FROST)
        installation.fund(FUNDS)
        yield installation


def test_the_ceremony_left_a_transcript_that_anybody_can_check(live):
    (spec,) = [spec for spec in live.ceremony.wallets if spec.chain == CHAIN_OF["SOL"] and is_frost(spec)]
    wallet = frost_wallet(spec)
    written = json.loads(live.home.transcript(spec.id).read_text())
    key = PublicKey(Curve.ED25519, bytes.fromhex(written["group"]))
    assert (written["wallet"], key, written["threshold"]) == ("hot-sol", wallet.group, 2)
    text = f"{TRANSCRIPT_FORMAT} {spec.id} {written['group']}".encode()
    ed25519.verify(key, text, bytes.fromhex(written["test_signature"]))
    said = {
        number: frost_dkg.Publication(tuple(map(bytes.fromhex, each["commitments"])), bytes.fromhex(each["proof"]))
        for number, each in enumerate(written["publications"], start=1)
    }
    frost_dkg.verify_publications(frost_dkg.Committee(2, 3), said)
    assert [member["key"] for member in written["members"]] == [member.key for member in spec.members]


def test_a_group_pays_once_across_a_kill_between_signing_and_sending(live):
    payment = live.request("cleo", "SOL", "3")
    order = {"moment": "before_broadcast", "chain": CHAIN_OF["SOL"], "withdrawal": payment.id}
    order |= {"approvals": live.approvals(payment.id), "home": str(live.home.folder)}
    with live.service_stopped():
        ended = live.run_program(CRASHING, stdin=as_json(order))
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        assert live.payments_to(payment) == 0
    live.wait_state(payment.id, "settled")
    assert live.payments_to(payment) == 1
    assert live.received(payment) == payment.units
    live.require_books_balance()


def test_two_pay_while_the_third_is_down_also_after_a_restart_with_shares_from_their_folders(live):
    live.stop_signer("signer-b")
    live.start_signer("signer-b")
    live.stop_signer("signer-a")
    payment = live.pay("cleo", "SOL", "2.5")
    live.wait_state(payment.id, "settled")
    assert live.payments_to(payment) == 1
    assert live.received(payment) == payment.units
    live.require_books_balance()
