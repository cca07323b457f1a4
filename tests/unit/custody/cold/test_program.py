# The program itself, in a process of its own: no socket, no network module, no answer but a typed one.
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from simulators.cold import QUORUM, WORDS, Utxo, Vault
from simulators.signer_kit import rules_json

from custody.cold.files import file_digest, groups
from custody.cold.offline import NETWORK_MODULES, interfaces_up, is_network
from custody.cold.parts import decode_part, decode_result
from custody.cold.wallets_file import ToldWallet, WalletsFile, decode_wallets
from custody.keys.keystore import seal, write_keystore
from custody.keys.private_files import write_new_private
from custody.primitives.errors import InvalidInput
from custody.primitives.secret import Secret
from custody.signers.provision import create_home
from exchange.cli.cold_hands import Keyholder, RoomRefused, Told

ROOT = Path(__file__).resolve().parents[4]
PASSPHRASE = "correct horse battery"
# Runs the program under a hook of the test's own, which writes down whatever the interpreter reports of sockets.
WATCHED = """
import runpy, sys
log = open(sys.argv.pop(1), "w")
def note(event, arguments):
    if event.startswith("socket."):
        log.write(event + chr(10)); log.flush()
sys.addaudithook(note)
try:
    runpy.run_module("custody.cold", run_name="__main__", alter_sys=True)
finally:
    log.write("loaded " + " ".join(sorted(sys.modules)) + chr(10)); log.close()
"""


@pytest.fixture(scope="module")
def vault(tmp_path_factory):
    made = Vault(tmp_path_factory.mktemp("vault"), Utxo, now=int(time.time()))
    write_new_private(made.folder / "passphrase", PASSPHRASE.encode())
    write_keystore(made.homes[0].signer.keystore, seal(WORDS[0], Secret(PASSPHRASE.encode())))
    return made


@pytest.fixture(scope="module")
def request_file(vault):
    path = vault.folder / "request.json"
    path.write_bytes(vault.request().raw)
    return path


@pytest.fixture
def keyholder(vault):
    return Keyholder("cold-1", vault.homes[0].folder, vault.folder / "passphrase")


def run(arguments, stdin="", code=None):
    command = [sys.executable, *(["-m", "custody.cold"] if code is None else ["-c", code]), *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, cwd=ROOT)


def keys(vault):
    return ["--home", vault.homes[0].folder, "--passphrase-file", vault.folder / "passphrase"]


@pytest.mark.parametrize("module", ["socket", "ssl", "http.client", "asyncio", "httpx"])
def test_it_does_not_start_beside_network_code(module, request_file):
    code = f"import sys, {module}\nfrom custody.cold.__main__ import main\nsys.exit(main(sys.argv[1:]))"
    done = run(["verify", request_file], code=code)
    assert done.returncode == 2
    assert "network_loaded" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "reach",
    [
        "import socket",
        "import http.client",
        "import custody.nodes.jsonrpc",
        "import _socket",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "import os; os.execv('/bin/true', ['true'])",
    ],
)
def test_nothing_in_it_reaches_out_afterwards(reach):
    done = run([], code=f"from custody.cold.offline import go_offline\ngo_offline()\n{reach}\nprint('out')")
    assert "network_refused" in done.stderr or "NetworkRefused" in done.stderr
    assert "out" not in done.stdout


def test_no_command_makes_a_socket_or_loads_network_code(vault, request_file, tmp_path):
    part, result, logs = tmp_path / "part.json", tmp_path / "result.json", []
    intent = vault.intent()
    parts = [tmp_path / "0.json", tmp_path / "1.json"]
    for path, number in zip(parts, QUORUM[1:], strict=True):
        path.write_bytes(vault.sign(number, vault.request()).raw)
    keyholder = Keyholder("cold-1", vault.homes[0].folder, vault.folder / "passphrase")
    keyholder.sign(request_file, part, Told(intent.to.text, intent.amount.text()))
    for number, arguments in enumerate(
        (
            ["inspect", request_file, *keys(vault)],
            ["sign", request_file, *keys(vault), "--out", tmp_path / "none.json"],
            ["combine", request_file, part, *parts, *keys(vault), "--out", result],
            ["verify", result],
        )
    ):
        logs.append(tmp_path / f"log-{number}")
        done = run([logs[-1], *arguments], code=WATCHED)
        assert done.returncode == (2 if arguments[0] == "sign" else 0), done.stderr
    for log in logs:
        *events, loaded = log.read_text().splitlines()
        assert events == []
        assert [name for name in loaded.split()[1:] if is_network(name)] == []
    assert decode_result(result.read_bytes()).keyholders == ("cold-1", "cold-3", "cold-5")


def test_no_option_and_no_end_of_input_confirms(vault, request_file, tmp_path):
    target = tmp_path / "part.json"
    base = ["sign", request_file, *keys(vault), "--out", target]
    for more, stdin in (([], ""), (["--json"], ""), (["--json"], "y\ny\n"), (["--yes"], "yes\n"), (["-y"], "y\n")):
        done = run([*base, *more], stdin)
        assert done.returncode == 2
        assert not target.exists()
        assert done.stdout == ""


def test_what_was_told_on_another_way_must_fit(keyholder, vault, request_file, tmp_path):
    intent = vault.intent()
    for told in (
        Told("bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry", intent.amount.text()),
        Told(intent.to.text, "0.00400000"),
    ):
        with pytest.raises(RoomRefused, match="not_confirmed"):
            keyholder.sign(request_file, tmp_path / "part.json", told)


def test_three_commands_end_in_a_file_that_names_the_request(keyholder, vault, request_file, tmp_path):
    intent, request = vault.intent(), vault.request()
    assert groups(request.digest) in keyholder.inspect(request_file)
    screen = keyholder.sign(request_file, tmp_path / "part.json", Told(intent.to.text, intent.amount.text()))
    assert groups(request.digest) in screen
    assert decode_part((tmp_path / "part.json").read_bytes()).request == request.digest


def test_inspect_for_programs(vault, request_file):
    seen = json.loads(run(["inspect", request_file, *keys(vault), "--json"]).stdout)
    assert (seen["payments"][0]["units"], seen["refusal"]) == (str(vault.family.units), None)


def test_the_list_of_network_modules_is_a_list_of_modules():
    assert {"socket", "ssl", "http", "asyncio"} <= NETWORK_MODULES
    assert [is_network(name) for name in ("urllib.parse", "urllib.request", "custody.signers.service")] == [
        False,
        True,
        False,
    ]


def test_interfaces_that_are_up_are_named(tmp_path):
    for name, state in (("lo", "unknown"), ("eth0", "up"), ("wlan0", "down")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "operstate").write_text(state + "\n")
    assert interfaces_up(tmp_path) == ("eth0",)


# The first group is asked, so that a test knows what the other screen shows.
FIRST_GROUP = """
import secrets, sys
secrets.randbelow = lambda below: 0
from custody.cold.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_room_is_told_of_its_wallets_once_after_a_group_of_the_digest_was_typed(vault, request_file, tmp_path):
    room, file, family = tmp_path / "room", tmp_path / "wallets.json", vault.family
    create_home(room, Secret(PASSPHRASE.encode()), rules_json(name="cold-1", **vault.rules), WORDS[0])
    told = WalletsFile((ToldWallet(family.wallet.registration(), {"cold-1": family.path}, vault.places),))
    assert decode_wallets(told.raw) == told
    file.write_bytes(told.raw)
    arguments = ["register", file, "--home", room, "--passphrase-file", vault.folder / "passphrase"]
    group = groups(file_digest(told.raw))[:4]
    for stdin in ("", "y\n", group[::-1] + "0\n"):
        done = run(arguments, stdin, FIRST_GROUP)
        assert (done.returncode, "not_confirmed" in done.stderr) == (2, True)
        assert list((room / "wallets").iterdir()) == []
    done = run(arguments, group + "\n", FIRST_GROUP)
    assert done.returncode == 0, done.stderr
    assert f"may pay warm, warm: {family.to}" in done.stderr
    seen = run(["inspect", request_file, "--home", room, "--passphrase-file", vault.folder / "passphrase"])
    assert "may be signed" in seen.stdout
    again = run(arguments, group + "\n", FIRST_GROUP)
    assert (again.returncode, "was told of its wallets already" in again.stderr) == (2, True)


def test_a_wallet_that_our_key_is_no_member_of_is_not_taken(vault, tmp_path):
    room, file, family = tmp_path / "room", tmp_path / "wallets.json", vault.family
    create_home(room, Secret(PASSPHRASE.encode()), rules_json(name="cold-9", **vault.rules))
    told = WalletsFile((ToldWallet(family.wallet.registration(), {"cold-9": family.path}, vault.places),))
    for raw, why in ((told.raw, "cosigners are ours"), (told.raw.replace(b"cold-9", b"cold-8"), "no key of cold-9")):
        file.write_bytes(raw)
        arguments = ["register", file, "--home", room, "--passphrase-file", vault.folder / "passphrase"]
        done = run(arguments, groups(file_digest(raw))[:4] + "\n", FIRST_GROUP)
        assert (done.returncode, why in done.stderr) == (2, True)
    assert list((room / "wallets").iterdir()) == []
    with pytest.raises(InvalidInput):
        decode_wallets(WalletsFile(told.wallets * 2).raw)
