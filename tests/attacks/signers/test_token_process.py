# A signer process whose keys lie in SoftHSM2 pays, by the same judge, memory and limits as any other.
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from simulators.anvil import ETH
from simulators.signer_kit import Bench, approve, request, rules_json
from simulators.softhsm import MODULE, PIN, open_token, softhsm
from simulators.solana import House as SolanaHouse
from simulators.solana import Key as SolanaKey
from simulators.xrpl import Key as XrplKey
from simulators.xrpl import state as xrpl_state

from custody.chains.evm.codec import SafeCodec
from custody.chains.evm.params import ETHEREUM_LOCAL
from custody.chains.evm.plan import SafeState, SenderState
from custody.chains.evm.wallet import Owner, SafeWallet
from custody.chains.solana.codec import SplCodec
from custody.chains.solana.params import LOCAL as SOLANA_LOCAL
from custody.chains.solana.state import Nonce, Source, SplState
from custody.chains.solana.wallet import ServiceKeys, SplKey, SplWallet
from custody.chains.xrpl.codec import XrplCodec
from custody.chains.xrpl.params import LOCAL as XRPL_LOCAL
from custody.chains.xrpl.wallet import XrplMember, XrplWallet
from custody.keys.material import Curve, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.errors import Conflict, LimitExceeded, NotFound, QuorumNotReached, Refused, SignerUnavailable
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferIntent
from custody.primitives.secret import Secret
from custody.signers.client import RemoteSigner
from custody.signers.home import SignerHome
from custody.signers.judge import PayloadMismatch
from custody.signers.keyring import Keyring
from custody.signers.memory import AlreadySigned
from custody.signers.provision import create_token_home, register_wallet
from custody.signers.token_file import TokenEntry, TokenFile

FAR = 4_000_000_000  # the process reads the real clock
START_TIMEOUT_S = 60
OTHERS = [Secret(bytes([number]) * 64) for number in (2, 3)]
RINGS = [Keyring(seed) for seed in OTHERS]
EVM, EVM_SENDER = "m/44h/60h/0h/0/0", "m/44h/60h/9h/0/0"
SOLANA, SOLANA_SENDER = "m/44h/501h/0h/0h", "m/44h/501h/9h/0h"
XRPL = "m/44h/144h/0h/0/0"
CURVES = {
    EVM: Curve.SECP256K1,
    EVM_SENDER: Curve.SECP256K1,
    SOLANA: Curve.ED25519,
    SOLANA_SENDER: Curve.ED25519,
    XRPL: Curve.SECP256K1,
}


def members(ours, path):
    return (ours[path], *(ring.public_key(path, CURVES[path]) for ring in RINGS))


class Evm:
    chain, native, to, units, fee_max = (
        ETHEREUM_LOCAL.chain.id,
        ETH,
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        10**15,
        10**16,
    )
    paths, memo, firsts = {"member": EVM, "sender": EVM_SENDER}, "", ()

    def __init__(self, ours):
        owners = tuple(Owner(EVM, key) for key in members(ours, EVM))
        self.wallet = SafeWallet("hot-eth", ETHEREUM_LOCAL, owners, 2, 0, ours[EVM_SENDER])
        self.codec = SafeCodec(self.wallet)

    def state(self, turn):
        return SafeState({ETH.key: 10**18}, 4 + turn, SenderState(9 + turn, 10**18, 10**9, 3 * 10**9))


class Solana:
    chain, native, to, units, fee_max = (
        SOLANA_LOCAL.chain.id,
        SOLANA_LOCAL.native,
        SolanaKey("bob").text,
        10**9,
        5_000_000,
    )
    paths, memo = {"member": SOLANA, "sender": SOLANA_SENDER}, ""

    def __init__(self, ours):
        keys = members(ours, SOLANA)
        service = ServiceKeys(SplKey(ours[SOLANA_SENDER], SOLANA_SENDER), SolanaHouse("x").opener.entry)
        self.wallet = SplWallet("hot-sol", SOLANA_LOCAL, tuple(SplKey(key, SOLANA) for key in keys), 2, service, (), 1)
        self.codec, self.firsts = SplCodec(self.wallet), keys[:2]

    def state(self, turn):
        nonces = tuple(Nonce(each, SolanaKey(f"value {each} {turn}").text) for each in self.wallet.nonce_accounts)
        sources = (Source(self.wallet.vault(self.native), self.native, 5 * 10**9, stale=False),)
        return SplState(10**9, nonces, sources)


class Xrpl:
    chain, native, to, units, fee_max = XRPL_LOCAL.chain.id, XRPL_LOCAL.native, XrplKey("bob").account, 10**6, 1_000
    paths, memo, firsts = {"member": XRPL}, "777", ()

    def __init__(self, ours):
        made = tuple(XrplMember(key, XRPL) for key in members(ours, XRPL))
        self.wallet = XrplWallet("hot-xrp", XRPL_LOCAL, XrplKey("master").account, made, 2)
        self.codec = XrplCodec(self.wallet)

    def state(self, turn):
        return xrpl_state(tickets=(1_000 + turn,))


FAMILIES = (Evm, Solana, Xrpl)
RULES = rules_json(
    fee_caps={each.chain: str(each.fee_max) for each in FAMILIES},
    buckets={each.native.key: {"capacity": str(4 * each.units), "refill_per_hour": "0"} for each in FAMILIES},
)


class House:
    """The token's keys, the wallets made with them, and the process that holds the token."""

    def __init__(self, folder):
        token = open_token("bert")
        self.keys = {path: token.generate(path, curve) for path, curve in CURVES.items()}
        self.families = {each: each(self.keys) for each in FAMILIES}
        self.home, self.socket, self.log = folder / "alice", folder / "run" / "alice.sock", folder / "log"
        entries = {path: TokenEntry(path, key) for path, key in self.keys.items()}
        self.file = TokenFile(token.place, entries)
        create_token_home(self.home, self.file, RULES)
        for each in self.families.values():
            register_wallet(self.home, each.wallet.registration(), each.paths, [SigningRole.MEMBER, *_sender(each)])
        self.client = RemoteSigner("alice", self.socket, timeout_s=10)
        self.process = None

    def command(self, pin_file):
        options = ["--home", str(self.home), "--socket", str(self.socket), "--passphrase-file", str(pin_file)]
        return [sys.executable, "-m", "custody.signers", *options]

    def start(self):
        with self.log.open("ab") as log:
            command = self.command(softhsm() / "pin")
            self.process = subprocess.Popen(command, env=environment(), stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                return self.client.health()
            except SignerUnavailable:
                time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=START_TIMEOUT_S) == 0


def environment():
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}


def _sender(family):
    return [SigningRole.SENDER] if "sender" in family.paths else []


@pytest.fixture(scope="module")
def house():
    softhsm()
    with tempfile.TemporaryDirectory(prefix="token-") as folder:
        made = House(Path(folder))
        made.start()
        yield made
        made.stop()


class Payment:
    """One withdrawal of one family, and a second member from a keystore."""

    turns = count()  # each has a conflict key of its own

    def __init__(self, house, family, folder, units=None):
        self.house, self.family = house, house.families[family]
        self.intent = TransferIntent(
            WithdrawalId(f"{self.family.chain}-{time.time_ns()}"),
            Address(self.family.chain, self.family.to),
            Amount(units or self.family.units, self.family.native),
            Amount(self.family.fee_max, self.family.native),
            self.family.memo,
            1,
            "00" * 16,
            FAR,
        )
        self.plan = self.plan_anew()
        folder.mkdir()
        registration = {**self.family.wallet.registration(), "our_paths": {"member": self.family.paths["member"]}}
        self.other = Bench(folder, RULES, [{**registration, "roles": ["member"]}], OTHERS[0])
        self.other.clock.at_s = self.at_s = int(time.time())

    def plan_anew(self):
        return self.family.codec.plan([self.intent], self.family.state(next(self.turns)), self.family.firsts)

    def ask(self, need, *people):
        approvals = approve(self.intent, *people, at_s=self.at_s)
        wallet, role = self.family.wallet.id, need.role
        return request(
            need.payload, self.intent, approvals=approvals, wallet_id=wallet, role=role, chain=self.family.chain
        )

    def need(self, signatures=()):
        return self.family.codec.next_need(self.plan, signatures)


@pytest.fixture(params=FAMILIES, ids=lambda each: each.__name__)
def payment(house, request, tmp_path):
    return Payment(house, request.param, tmp_path / "other")


def test_a_withdrawal_is_signed_by_a_key_in_a_token_and_one_in_a_keystore(payment):
    signatures, rounds, members_signed = [], 0, []
    while (need := payment.need(signatures)) is not None:
        rounds += 1
        assert rounds <= 2
        asked = payment.ask(need)
        made = payment.house.client.sign(asked)
        assert made == payment.house.client.sign(asked)  # remembered: a token's signature is new each time
        signatures += made
        if need.role is SigningRole.MEMBER:
            signatures += payment.other.sign(asked)
            members_signed += [each.key for each in signatures]
    assert payment.house.keys[payment.family.paths["member"]] in members_signed
    assert payment.family.codec.assemble(payment.plan, signatures).raw


@pytest.mark.parametrize("family", FAMILIES, ids=lambda each: each.__name__)
def test_the_judge_and_the_limits_are_those_of_every_signer(house, tmp_path, family):
    payment = Payment(house, family, tmp_path / "other", family.units - 1)  # a payload of its own
    client, need = house.client, payment.need()
    before = client.health()["highest_sequence"]
    with pytest.raises(QuorumNotReached):
        client.sign(payment.ask(need, "ann"))
    thief = replace(payment.ask(need), intents=(replace(payment.intent, amount=Amount(1, payment.family.native)),))
    with pytest.raises(PayloadMismatch):
        client.sign(thief)
    greedy = Payment(house, family, tmp_path / "greedy", family.units * 9 // 2)
    with pytest.raises(LimitExceeded, match="bucket"):
        client.sign(greedy.ask(greedy.need()))
    assert client.health()["highest_sequence"] == before


def test_the_memory_outlives_the_process_and_refuses_a_second_attempt(house, tmp_path):
    payment = Payment(house, Evm, tmp_path / "other")
    asked = payment.ask(payment.need())
    signed = house.client.sign(asked)
    house.stop()
    house.start()
    assert house.client.sign(asked) == signed
    second = payment.family.codec.next_need(payment.plan_anew(), ())
    with pytest.raises(AlreadySigned):
        house.client.sign(payment.ask(second))


def test_the_signer_shows_the_keys_of_the_token_and_a_name_for_them(house):
    health = house.client.health()
    assert health["fingerprint"] == health["fingerprint"].lower()
    assert len(bytes.fromhex(health["fingerprint"])) == 4
    for each in house.families.values():
        shown = house.client.public_keys(each.chain, each.wallet.id)
        assert shown[0] == house.keys[each.paths["member"]]


def test_no_secret_stands_in_the_home_the_log_or_the_command_line(house):
    process = Path(f"/proc/{house.process.pid}/cmdline").read_bytes()
    written = b"".join(path.read_bytes() for path in house.home.rglob("*") if path.is_file()) + house.log.read_bytes()
    assert PIN.reveal() not in process + written
    assert not (house.home / "keystore.json").exists()


def test_a_utxo_wallet_and_a_key_share_are_refused_where_the_keys_lie_in_a_token(house):
    registration = {"id": "hot-btc", "family": "utxo", "chain": "bitcoin-regtest", "network": "local"}
    with pytest.raises(Refused, match="child key"):
        register_wallet(house.home, registration, {"member": EVM}, [SigningRole.MEMBER])
    with pytest.raises(Refused, match="share"):
        register_wallet(house.home, registration | {"family": "solana-frost"}, {"member": EVM}, [SigningRole.MEMBER])
    assert not (house.home / "wallets" / "hot-btc.json").exists()


def test_a_path_without_a_key_in_the_token_is_refused(house):
    registration = house.families[Evm].wallet.registration() | {"id": "other"}
    with pytest.raises(Refused, match="no key for m/44h/60h/5h"):
        register_wallet(house.home, registration, {"member": EVM, "x": "m/44h/60h/5h"}, [SigningRole.MEMBER])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"serial": "0000000000000000"}, "not_found"),
        ({"token": "nobody"}, "not_found"),
        ({"module": "/nowhere.so"}, "token_unavailable"),
    ],
)
def test_a_signer_whose_token_is_not_there_does_not_start(house, tmp_path, change, code):
    create_token_home(tmp_path / "home", house.file, RULES)
    described = (tmp_path / "home" / "token.json").read_text()
    old = {"serial": house.file.place.serial, "token": "bert", "module": str(MODULE)}
    for name, value in change.items():
        described = described.replace(f'"{name}": "{old[name]}"', f'"{name}": "{value}"')
    (tmp_path / "home" / "token.json").write_text(described)
    assert code in refused_start(house, tmp_path)


def test_another_key_under_a_known_label_stops_the_start(house, tmp_path):
    swapped = {**house.file.keys, EVM: TokenEntry(EVM, house.keys[XRPL]), XRPL: TokenEntry(XRPL, house.keys[EVM])}
    create_token_home(tmp_path / "home", replace(house.file, keys=swapped), RULES)
    assert "not the registered one" in refused_start(house, tmp_path)


def test_a_utxo_registration_that_came_in_by_hand_stops_the_start(house, tmp_path):
    create_token_home(tmp_path / "home", house.file, RULES)
    by_hand = tmp_path / "home" / "wallets" / "hot-btc.json"
    by_hand.write_text(
        '{"id":"hot-btc","family":"utxo","chain":"bitcoin-regtest","our_paths":{"member":"m/0h"},"roles":["member"]}'
    )
    by_hand.chmod(0o600)
    assert "child key" in refused_start(house, tmp_path)


def refused_start(house, folder):
    command = [sys.executable, "-m", "custody.signers", "--home", str(folder / "home"), "--socket", str(folder / "s")]
    command += ["--passphrase-file", str(softhsm() / "pin")]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, check=False, timeout=START_TIMEOUT_S
    )
    assert done.returncode == 2
    return done.stderr


def test_a_home_has_a_keystore_or_a_token_and_never_both(house, tmp_path):
    with pytest.raises(NotFound):
        SignerHome(tmp_path).load_keys(tmp_path / "pin")
    create_token_home(tmp_path / "home", house.file, RULES)
    (tmp_path / "home" / "keystore.json").write_text("{}")
    with pytest.raises(Conflict, match="keystore and a token"):
        SignerHome(tmp_path / "home").load_keys(softhsm() / "pin")
    (tmp_path / "home" / "token.json").unlink()
    with pytest.raises(Conflict, match="holds a keystore"):
        create_token_home(tmp_path / "home", house.file, RULES)
