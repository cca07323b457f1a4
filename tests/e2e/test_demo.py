"""The main job as one command: a document for machines on stdout, everything else on stderr, no secret in any log."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from custody.devnet.network import KINDS
from custody.keys import slip10
from custody.keys.hd import PrivateNode
from custody.keys.keystore import read_keystore, unseal
from custody.keys.material import Curve
from custody.keys.mnemonic import to_seed
from custody.keys.passphrase import read_passphrase
from custody.primitives.secret import Secret
from exchange.app.home import Home
from exchange.app.keyholders import OPENER_PATH, OPERATOR_PATH, STAFF_PATH
from exchange.app.local_chains import LOCAL_CHAINS
from exchange.app.reserving import LOG_PATH, MASTER_PATH, STATEMENT_PATH
from exchange.app.wallet_kits import KITS

pytestmark = [pytest.mark.node, pytest.mark.slow]

TIMEOUT_S = 1_200
ROOT = Path(__file__).resolve().parents[2]
STEP_KEYS = {"name", "ok", "seconds", "evidence"}
CHAIN_KEYS = {"chain", "evidence", "deposit_txid", "withdrawal_txid", "request_to_broadcast_s", "confirmed"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """One run: its home, and the finished process."""
    folder = tmp_path_factory.mktemp("demo") / "home"
    folder.parent.chmod(0o700)
    command = [sys.executable, "-m", "exchange.cli", "demo", "--json", "--home", str(folder)]
    return Home(folder), subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False, cwd=ROOT)


def test_the_loop_holds_and_stdout_is_one_document_with_what_was_promised(demo):
    _, run = demo
    document = json.loads(run.stdout)
    assert document["ok"] is True, run.stderr.decode()
    assert run.returncode == 0
    assert set(document) == {"ok", "steps", "chains", "trades", "listing", "reserves", "restart"}
    assert all(set(step) == STEP_KEYS and step["ok"] and step["evidence"] for step in document["steps"])
    assert [chain["chain"] for chain in document["chains"]] == [kind.chain for kind in KINDS]
    assert all(set(chain) >= CHAIN_KEYS for chain in document["chains"])
    assert all(
        chain["confirmed"] and chain["deposit_txid"] and chain["withdrawal_txid"] for chain in document["chains"]
    )
    assert all(0 < chain["request_to_broadcast_s"] < 60 for chain in document["chains"])
    assert document["trades"] > 0
    assert document["listing"]["state"] == "Listed"
    assert len(bytes.fromhex(document["reserves"]["root"])) == 32
    assert document["reserves"]["proof_ok"] is True
    assert document["reserves"]["forged_refused"] is True
    assert document["restart"]["hash_before"] == document["restart"]["hash_after"]
    assert len(bytes.fromhex(document["restart"]["hash_after"])) == 32


def test_progress_goes_to_stderr(demo):
    _, run = demo
    assert b"Start local chains" in run.stderr
    assert run.stdout.startswith(b"{")
    assert run.stdout.endswith(b"}\n")


def test_no_log_and_no_output_holds_a_key_a_mnemonic_or_a_passphrase(demo):
    """Attack F01."""
    home, run = demo
    logs = [path for path in home.folder.rglob("*.log") if path.is_file()]
    assert len(logs) >= 8, "the chains, four signers and the service write logs"
    ours = [path for path in home.folder.rglob("*") if path.is_file() and home.folder / "chains" not in path.parents]
    written = {str(path): path.read_bytes() for path in {*logs, *ours} - {home.passphrase, home.token}}
    written |= {"stdout": run.stdout, "stderr": run.stderr}
    for name, secret in secrets_of(home):
        assert len(secret) >= 16
        for form in {secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret)}:
            for where, content in written.items():
                assert form not in content, f"{name} stands in {where}"


def secrets_of(home):
    """Everything secret below a home."""
    passphrase = read_passphrase(home.passphrase)
    yield "passphrase", passphrase.reveal()
    yield "token", home.token.read_bytes().strip()
    keystores = [*sorted((home.folder / "keys").glob("*.json")), *sorted(home.folder.glob("signers/*/keystore.json"))]
    assert len(keystores) >= 12, "staff, cold keys, officers and signers have one each"
    for keystore in keystores:
        mnemonic = unseal(read_keystore(keystore), passphrase)
        seed = to_seed(mnemonic, Secret(b""))
        yield f"mnemonic of {keystore}", mnemonic.reveal()
        yield f"seed of {keystore}", seed.reveal()
        root = PrivateNode.from_seed(seed)
        for path, curve in curves().items():
            key = root.derive(path).key if curve is Curve.SECP256K1 else slip10.derive(seed, path, curve)
            yield f"{path} of {keystore}", key.reveal()


def curves():
    """Every path that a key is derived at, by anybody."""
    named = dict.fromkeys((STAFF_PATH, OPENER_PATH, MASTER_PATH, STATEMENT_PATH, LOG_PATH), Curve.ED25519)
    members = {row.member_path: KITS[row.family].curve for row in LOCAL_CHAINS}
    senders = {path: curve for kit in KITS.values() for path, curve in kit.sender_curves.items()}
    return {OPERATOR_PATH: Curve.SECP256K1, **named, **members, **senders}
