# The doctor over real homes; the process beside is asked in tests/attacks/signers.
import sqlite3
from pathlib import Path

import pytest
from simulators.signer_kit import WORDS, rules_json
from simulators.toy_family import MEMBER_PATH
from typer.testing import CliRunner

from custody.keys.material import SigningRole
from custody.primitives.secret import Secret
from custody.signers import doctor
from custody.signers.home import SignerHome
from custody.signers.provision import create_home, register_wallet
from exchange.cli.signer import app

PASSPHRASE = Secret(b"correct horse battery staple")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "SWAPS", tmp_path / "swaps")
    folder = tmp_path / "alice"
    create_home(folder, PASSPHRASE, rules_json(), WORDS, unsafe_scrypt_n_for_tests=16)
    registration = {"id": "hot", "family": "toy", "chain": "toy-local"}
    register_wallet(folder, registration, {"member": MEMBER_PATH}, [SigningRole.MEMBER])
    return SignerHome(folder)


def unwell(home, **asked):
    return {each.name: each.seen for each in doctor.examine(home, **asked) if not each.is_well}


def log_entry(home):
    with sqlite3.connect(home.memory) as db:
        db.execute("INSERT INTO audit (number, entry, hash) VALUES (1, x'7b7d', x'00')")


def test_a_signer_that_lacks_nothing_is_well(home):
    assert unwell(home) == {}


@pytest.mark.parametrize(
    ("spoil", "name", "seen"),
    [
        (lambda home: home.folder.chmod(0o755), "folder", "mode 755"),
        (lambda home: home.rules.chmod(0o644), "files", "rules.json"),
        (lambda home: home.keystore.unlink(), "keys", "none"),
        (lambda home: home.token.touch(0o600), "keys", "keystore.json, token.json"),
        (lambda home: home.rules.write_text("{"), "rules", "malformed"),
        (
            lambda home: home.rules.write_text(home.rules.read_text().replace("toy-local", "elsewhere")),
            "wallets",
            "toy",
        ),
        (lambda home: home.wallet("hot").unlink(), "wallets", "none is registered"),
        (lambda home: home.memory.unlink(), "memory", "gone"),
        (log_entry, "memory", "audit"),
    ],
)
def test_what_is_wrong_is_named(home, spoil, name, seen):
    spoil(home)
    assert seen in unwell(home)[name]


def test_a_frozen_signer_is_said_to_be_frozen(home):
    memory = doctor.Memory(home.memory)
    memory.freeze("a drill")
    memory.close()
    assert unwell(home) == {"memory": "frozen: a drill"}


def test_swap_in_use_is_named(home):
    doctor.SWAPS.write_text("Filename Type Size Used Priority\n/swapfile file 1 0 -2\n")
    assert unwell(home) == {"swap": "1 in use"}


def test_a_process_and_a_lease_that_are_not_there_are_named(home):
    assert set(unwell(home, socket=Path("/nowhere.sock"), lease=Path("/nowhere"))) == {"process", "lease"}


def test_the_command_prints_the_cure_and_exits_with_seven(home):
    well = CliRunner().invoke(app, ["doctor", "--home", str(home.folder)])
    assert (well.exit_code, "NO" in well.output) == (0, False)
    home.rules.chmod(0o644)
    found = CliRunner().invoke(app, ["doctor", "--home", str(home.folder)])
    assert found.exit_code == 7
    assert "cure of files: chmod -R go-rwx" in found.output


def test_a_signer_without_its_options_is_a_usage_error():
    assert CliRunner().invoke(app, ["--home", "x"]).exit_code == 2
