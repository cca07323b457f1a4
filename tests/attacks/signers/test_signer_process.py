# Attacks against real signer processes over their sockets.
import contextlib
import hashlib
import json
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from simulators.signer_kit import approve, intent, request
from simulators.toy_family import CHAIN, pay

from custody.keys import ecdsa
from custody.keys.hd import PrivateNode
from custody.keys.material import Curve, SigningRole
from custody.keys.mnemonic import entropy_of, to_seed
from custody.keys.xkeys import KeyNetwork
from custody.primitives.errors import Conflict, LimitExceeded, QuorumNotReached, Refused, SignerUnavailable
from custody.primitives.secret import Secret
from custody.signers.client import RemoteSigner
from custody.signers.doctor import examine
from custody.signers.frames import MAX_FRAME_BYTES, Deadline, receive_frame
from custody.signers.home import SignerHome
from custody.signers.memory import AlreadySigned, Frozen, Tombstoned
from custody.signers.provision import export_public, reveal_words

FAR = 4_000_000_000  # these processes read the real clock


@pytest.fixture
def fresh():
    counter = iter(range(10**9))

    def make(units=1, to="bob-address"):
        number = f"{time.time_ns()}-{next(counter)}"
        item = intent(number, to, units, expires_at_s=FAR)
        votes = approve(item, at_s=int(time.time()))
        return request(pay((to, units), fee=0, key=f"toy:{number}"), item, approvals=votes)

    return make


def raw_exchange(signer, sent, timeout_s=5):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        connection.connect(str(signer.socket))
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return receive_frame(connection, Deadline(timeout_s))


def framed(body):
    return len(body).to_bytes(4, "big") + body


def test_two_of_three_sign_with_different_keys(trio, fresh):
    asked = fresh()
    signatures = [signer.client.sign(asked)[0] for signer in trio]
    assert len({signature.key for signature in signatures}) == 3
    for signature in signatures:
        assert signature.value[-1] == 1
        assert trio[0].client.sign(asked)[0] in signatures


def test_public_keys_are_the_provisioned_ones(trio):
    for signer in trio:
        paths = {"m/48h/9h/0h/2h": Curve.SECP256K1, "m/44h/501h/0h/0h": Curve.ED25519}
        public = export_public(signer.home, Secret(b"a passphrase that must never show up"), paths, KeyNetwork.TEST)
        assert signer.client.health()["fingerprint"] == public["fingerprint"]
        keys = signer.client.public_keys(CHAIN, "hot")
        assert keys[0].raw.hex() == public["keys"]["m/48h/9h/0h/2h"]["public_key"]
        assert public["keys"]["m/48h/9h/0h/2h"]["xpub"].startswith("tpub")
        assert len(bytes.fromhex(public["keys"]["m/44h/501h/0h/0h"]["public_key"])) == 32
        assert signer.client.public_keys(CHAIN, "unknown") == ()


def test_refusals_come_back_as_their_own_class(trio, fresh):
    client, asked = trio[0].client, fresh()
    with pytest.raises(QuorumNotReached) as caught:
        client.sign(request(asked.payload, *asked.intents, approvals=asked.approvals[:1]))
    assert caught.value.facts["people"] == 1
    with pytest.raises(LimitExceeded):
        client.sign(fresh(units=10**6))
    client.sign(asked)
    with pytest.raises(Conflict):
        client.tombstone(asked.intents[0].withdrawal_id)
    client.tombstone("given-up")
    item = intent("x", withdrawal_id="given-up", expires_at_s=FAR)
    with pytest.raises(Tombstoned):
        client.sign(
            request(pay(("bob-address", 100), key="toy:given-up"), item, approvals=approve(item, at_s=int(time.time())))
        )


# E09
def test_e09_a_dead_and_a_hanging_signer_are_named_and_two_of_three_continue(trio, fresh, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen(1)
        dead = RemoteSigner("dead", tmp_path / "nobody", timeout_s=1)
        hanging = RemoteSigner("hanging", tmp_path / "s", timeout_s=1)
        for broken in (dead, hanging):
            started = time.monotonic()
            with pytest.raises(SignerUnavailable) as caught:
                broken.sign(fresh())
            assert caught.value.facts["signer"] == broken.name
            assert time.monotonic() - started < 3
    asked = fresh()
    assert len([trio[0].client.sign(asked), trio[1].client.sign(asked)]) == 2


# E09
@pytest.mark.parametrize(
    "answer",
    [
        b"", b"\x00", b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", framed(b"{}"), framed(b"[]"), framed(b'{"ok":true}'), framed(b'{"ok":1}'),
        framed(b'{"ok":true,"result":{}}'), framed(b'{"ok":true,"result":{"signatures":[{"index":0}]}}'), framed(b'{"error":{},"ok":false}'),
        framed(b'{"ok":true,"result":{"signatures":[{"index":0,"key":{"curve":"p256","raw":""},"value":""}]}}'), framed(b"x" * 100), framed(b"{}") + b"x",
    ],
)  # fmt: skip
def test_e09_a_lying_signer_is_named(tmp_path, fresh, answer):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(tmp_path / "s"))
    listener.listen(1)

    def lie():
        connection, _ = listener.accept()
        with connection:
            connection.recv(1 << 20)
            connection.sendall(answer)

    thread = threading.Thread(target=lie)
    thread.start()
    with pytest.raises(SignerUnavailable) as caught:
        RemoteSigner("liar", tmp_path / "s", timeout_s=2).sign(fresh())
    thread.join()
    listener.close()
    assert caught.value.facts["signer"] == "liar"


@pytest.mark.parametrize(
    "sent",
    [
        framed(b"not json"), framed(b"[]"), framed(b'{"op": "health"}'), framed(b'{"op":"health","op":"health"}'), framed(b'{"op":1}'), framed(b"{}"),
        framed(b'{"op":"unfreeze"}'), framed(b'{"op":"health","more":1}'), framed(b'{"op":"sign"}'), framed(b'{"op":"sign","request":{}}'),
        framed(b'{"op":"tombstone","withdrawal_id":""}'), b"\x00\x00\x00\x00", (MAX_FRAME_BYTES + 1).to_bytes(4, "big"), b"\xff\xff\xff\xff",
        framed(b"[" * 100_000),
    ],
)  # fmt: skip
def test_malformed_messages_get_an_error_and_hurt_nobody(trio, sent):
    answer = raw_exchange(trio[0], sent)
    assert answer["ok"] is False
    assert answer["error"]["kind"] == "invalid_input"
    assert trio[0].client.health()["frozen"] == ""


def test_clients_that_hang_up_or_drip_do_not_block_others(trio, fresh):
    dripping = []
    for _ in range(4):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(trio[0].socket))
        connection.sendall(b"\x00")
        dripping.append(connection)
    for _ in range(20):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(trio[0].socket))
    started = time.monotonic()
    assert trio[0].client.sign(fresh())
    assert time.monotonic() - started < 3
    for connection in dripping:
        connection.close()


# D02
def test_d02_parallel_requests_meet_the_bucket_exactly(make_signer, fresh):
    signer = make_signer("racer", 9)
    asked = [fresh(units=1_000) for _ in range(16)]

    def attempt(item):
        try:
            return len(signer.client.sign(item))
        except LimitExceeded:
            return 0

    with ThreadPoolExecutor(8) as pool:
        signed = sum(pool.map(attempt, asked))
    # 10,000 in the bucket, one unit a second comes back: a slow machine may not reach an eleventh thousand.
    assert signed == 10


# A01: the same request from several workers at once is one release.
def test_a01_parallel_repeats_are_one_release(trio, fresh):
    asked, before = fresh(), trio[1].client.health()["highest_sequence"]
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(trio[1].client.sign, [asked] * 16))
    assert len(answers) == 1
    assert trio[1].client.health()["highest_sequence"] == before + 1


# A01, rule R8: kill -9 right after the answer; the memory was on disk before it left.
def test_a01_a_killed_signer_remembers_and_repeats(trio, fresh):
    signer, asked = trio[2], fresh()
    first = signer.client.sign(asked)
    assert signer.stop(signal.SIGKILL) == -signal.SIGKILL
    with pytest.raises(SignerUnavailable):
        signer.client.sign(asked)
    signer.start()
    assert signer.client.sign(asked) == first
    other = request(pay(("bob-address", 1), fee=0, key="toy:elsewhere"), *asked.intents, approvals=asked.approvals)
    with pytest.raises(AlreadySigned):
        signer.client.sign(other)


# D15
def test_d15_a_freeze_survives_a_restart_and_ends_only_at_the_signers_own_machine(make_signer, fresh):
    signer = make_signer("frosty", 8)
    signer.client.freeze("drill")
    for _ in range(2):
        with pytest.raises(Frozen, match="drill"):
            signer.client.sign(fresh())
        assert signer.stop() == 0
        signer.start()
    with pytest.raises(Refused):
        signer.client.sign(fresh())
    held = run_to_the_end(signer, "--thaw")
    assert held.returncode == 2
    assert "conflict" in held.stderr
    signer.stop()
    assert run_to_the_end(signer, "--thaw").returncode == 0
    signer.start()
    time.sleep(1.1)  # approvals must be younger than the thaw, by the second
    assert signer.client.sign(fresh())


# F05
def test_f05_the_keeper_can_verify_the_log_against_the_head_kept_elsewhere(make_signer, fresh):
    signer = make_signer("keeper", 5)
    signer.client.sign(fresh())
    head = signer.client.health()["audit"]
    signer.stop()
    run = run_to_the_end(signer, "--verify-log")
    assert (run.returncode, run.stdout) == (0, f"{head['number']} entries, last hash {head['hash']}\n")


def test_the_doctor_asks_a_running_signer_and_knows_another_one(trio):
    one, other = trio[0], trio[1]
    found = {each.name: each for each in examine(SignerHome(one.home), one.socket)}
    assert found["process"].is_well
    assert "running process" in found["memory"].seen
    mistaken = {each.name: each for each in examine(SignerHome(one.home), other.socket)}
    assert "another signer" in mistaken["process"].seen


def test_more_clients_than_workers_all_get_their_answer(trio, fresh):
    asked = [fresh() for _ in range(40)]
    with ThreadPoolExecutor(40) as pool:
        assert len({answer[0].value for answer in pool.map(trio[1].client.sign, asked)}) == 40


def test_a_second_process_on_the_same_home_is_refused(trio):
    second = run_to_the_end(trio[0])
    assert second.returncode == 2
    assert "held by another signer process" in second.stderr


@pytest.fixture(scope="module")
def stopped(make_signer):
    signer = make_signer("stopped", 7)
    signer.stop()
    return signer


def run_to_the_end(signer, *more):
    return subprocess.run(
        signer.command(*more), env=signer.environment(), capture_output=True, text=True, check=False, timeout=30
    )


@pytest.mark.parametrize("passphrase", [b"a passphrase that must never show uq\n", b"\n"])
def test_a_wrong_passphrase_starts_nothing(stopped, tmp_path, passphrase):
    wrong = tmp_path / "wrong"
    wrong.write_bytes(passphrase)
    wrong.chmod(0o600)
    run = run_to_the_end(stopped, "--passphrase-file", str(wrong))
    assert run.returncode == 2
    assert "wrong passphrase" in run.stderr or "passphrase has" in run.stderr
    assert "never show" not in run.stderr


# Rule R8: a signer that lost its memory could sign twice.
def test_a_signer_without_its_memory_starts_nothing(stopped):
    memory = stopped.home / "memory.sqlite"
    memory.rename(stopped.home / "elsewhere")
    run = run_to_the_end(stopped)
    (stopped.home / "elsewhere").rename(memory)
    assert run.returncode == 2
    assert "memory is gone" in run.stderr


def test_a_home_open_to_others_starts_nothing(stopped):
    for path, closed, wide in (
        (stopped.home, 0o700, 0o755),
        (stopped.home / "rules.json", 0o600, 0o644),
        (stopped.home / "keystore.json", 0o600, 0o640),
    ):
        path.chmod(wide)
        run = run_to_the_end(stopped)
        path.chmod(closed)
        assert run.returncode == 2
        assert "open to others" in run.stderr


def test_files_and_socket_are_closed_to_others(trio):
    for path in [*trio[0].home.rglob("*"), trio[0].home, trio[0].socket, trio[0].socket.parent]:
        assert path.lstat().st_mode & 0o077 == 0, path


# F01
def test_f01_logs_errors_and_files_hold_no_secret(trio, fresh):
    signer = trio[0]
    signer.client.sign(fresh())
    for call in (
        lambda: signer.client.sign(fresh(units=10**7)),
        lambda: raw_exchange(signer, framed(b'{"op":"sign","request":{}}')),
    ):
        with contextlib.suppress(LimitExceeded):
            call()
    seed = to_seed(signer.words, Secret(b""))
    secrets = [
        b"a passphrase that must never show up",
        signer.words.reveal(),
        seed.reveal(),
        entropy_of(signer.words).reveal(),
    ]
    node = PrivateNode.from_seed(seed).derive("m/48h/9h/0h/2h")
    secrets += [node.key.reveal(), node.descend((0, 5)).key.reveal()]
    searched = [path for path in [*signer.home.rglob("*"), signer.log] if path.is_file()]
    searched += [f"/proc/{signer.process.pid}/cmdline", f"/proc/{signer.process.pid}/environ"]
    for path in searched:
        content = Path(path).read_bytes()
        for secret in secrets:
            assert secret not in content, path
            assert secret.hex().encode() not in content, path
    assert b"listens on" in signer.log.read_bytes()


# F01
def test_f01_a_signer_dumps_no_core(trio):
    limits = Path(f"/proc/{trio[0].process.pid}/limits").read_text()
    line = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert line.split()[4:6] == ["0", "0"]


def test_the_words_can_be_revealed_for_the_paper_backup(trio):
    assert reveal_words(trio[0].home, Secret(b"a passphrase that must never show up")) == trio[0].words


def test_answers_verify_under_the_stated_key(trio, fresh):
    asked = fresh()
    (signature,) = trio[1].client.sign(asked)
    message = hashlib.sha256(hashlib.sha256(asked.payload).digest() + b"\x00").digest()
    ecdsa.verify_der(signature.key, message, signature.value[:-1])
    (sender,) = trio[1].client.sign(
        request(asked.payload, *asked.intents, approvals=asked.approvals, role=SigningRole.SENDER)
    )
    assert sender.key != signature.key


def test_json_of_the_rule_file_stays_readable_for_people(trio):
    text = (trio[0].home / "rules.json").read_text()
    assert text.count("\n") > 20
    assert json.loads(text)["name"] == "alice"
    assert (trio[0].home / "rules.json").stat().st_mode & 0o777 == 0o600
