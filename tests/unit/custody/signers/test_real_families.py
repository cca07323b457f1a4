# Three signers with the real decoders sign what the real codecs plan, and the codecs assemble what they signed.
import contextlib
from dataclasses import replace

import pytest
from simulators.bitcoin import make_coins
from simulators.signer_kit import NOW, Bench, approve, request, rules_json
from simulators.solana import House, Key
from simulators.tron import ALICE, BOB, rich
from simulators.xrpl import Key as XrplKey
from simulators.xrpl import state as xrpl_state

from custody.chains.evm.codec import SafeCodec
from custody.chains.evm.params import ETHEREUM_LOCAL
from custody.chains.evm.plan import SafeState, SenderState
from custody.chains.evm.wallet import Owner, SafeWallet
from custody.chains.solana.codec import SplCodec
from custody.chains.solana.params import LOCAL
from custody.chains.solana.state import Nonce, Source, SplState
from custody.chains.solana.wallet import ServiceKeys, SplKey, SplWallet
from custody.chains.tron.codec import TronCodec
from custody.chains.tron.params import LOCAL as TRON_LOCAL
from custody.chains.tron.wallet import Member, OwnerQuorum, TronWallet
from custody.chains.utxo.codec import UtxoCodec
from custody.chains.utxo.params import BITCOIN_REGTEST
from custody.chains.utxo.wallet import KeyOrigin, UtxoWallet
from custody.chains.xrpl.codec import XrplCodec
from custody.chains.xrpl.params import LOCAL as XRPL_LOCAL
from custody.chains.xrpl.wallet import XrplMember, XrplWallet
from custody.keys.hd import PrivateNode
from custody.keys.material import Curve, SigningRole
from custody.keys.paths import parse_path
from custody.keys.xkeys import KeyNetwork, encode_xpub
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.errors import LimitExceeded, Refused, ToolkitError
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferIntent
from custody.primitives.secret import Secret
from custody.signers.judge import PayloadMismatch
from custody.signers.keyring import Keyring
from custody.signers.memory import AlreadySigned

SEEDS = [Secret(bytes([number]) * 64) for number in (1, 2, 3)]
RINGS = [Keyring(seed) for seed in SEEDS]
UTXO_PATH = "m/48h/1h/0h/2h"
EVM_PATH, EVM_SENDER = "m/44h/60h/0h/0/0", "m/44h/60h/9h/0/0"
XRPL_PATH = "m/44h/144h/0h/0/0"
SOL_PATH, SOL_SENDER = "m/44h/501h/0h/0h", "m/44h/501h/9h/0h"
TRON_PATH = "m/44h/195h/0h/0/0"


def intent_to(chain, native, text, units, fee_max):
    return TransferIntent(
        WithdrawalId("w1"),
        Address(chain.id, text),
        Amount(units, native),
        Amount(fee_max, native),
        "",
        1,
        "00" * 16,
        NOW + 600,
    )


class Utxo:
    to, units, native = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", 40_000, BITCOIN_REGTEST.asset
    paths, fee_max = {"member": UTXO_PATH}, 20_000

    def __init__(self):
        origins = []
        for seed, ring in zip(SEEDS, RINGS, strict=True):
            xpub = encode_xpub(PrivateNode.from_seed(seed).derive(UTXO_PATH).public(), KeyNetwork.TEST)
            origins.append(KeyOrigin(bytes.fromhex(ring.fingerprint()), parse_path(UTXO_PATH), xpub))
        self.wallet = UtxoWallet("hot", BITCOIN_REGTEST, 2, tuple(origins))
        self.codec, self.state = UtxoCodec(self.wallet), make_coins(self.wallet, 50_000, 90_000)
        self.chain, self.members = BITCOIN_REGTEST.chain, ()


class Evm:
    to, units, native = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", 10**15, ETHEREUM_LOCAL.native
    paths, fee_max = {"member": EVM_PATH, "sender": EVM_SENDER}, 10**16

    def __init__(self):
        owners = tuple(Owner(EVM_PATH, ring.public_key(EVM_PATH, Curve.SECP256K1)) for ring in RINGS)
        sender = RINGS[0].public_key(EVM_SENDER, Curve.SECP256K1)
        self.wallet = SafeWallet("hot", ETHEREUM_LOCAL, owners, 2, 0, sender)
        self.codec = SafeCodec(self.wallet)
        self.state = SafeState({self.native.key: 10**18}, 4, SenderState(9, 10**18, 10**9, 3 * 10**9))
        self.chain, self.members = ETHEREUM_LOCAL.chain, ()


class Solana:
    to, units, native = Key("bob").text, 10**9, LOCAL.native
    paths, fee_max = {"member": SOL_PATH, "sender": SOL_SENDER}, 5_000_000

    def __init__(self):
        members = tuple(SplKey(ring.public_key(SOL_PATH, Curve.ED25519), SOL_PATH) for ring in RINGS)
        payer = SplKey(RINGS[0].public_key(SOL_SENDER, Curve.ED25519), SOL_SENDER)
        self.wallet = SplWallet("hot", LOCAL, members, 2, ServiceKeys(payer, House("x").opener.entry), (), 1)
        self.codec = SplCodec(self.wallet)
        sources = (Source(self.wallet.vault(LOCAL.native), LOCAL.native, 5 * 10**9, stale=False),)
        nonces = tuple(Nonce(account, Key(f"value {account}").text) for account in self.wallet.nonce_accounts)
        self.state = SplState(10**9, nonces, sources)
        self.chain, self.members = LOCAL.chain, [member.key for member in members[:2]]


class Xrpl:
    to, units, native = XrplKey("bob").account, 10**6, XRPL_LOCAL.native
    paths, fee_max, memo = {"member": XRPL_PATH}, 1_000, "777"

    def __init__(self):
        members = tuple(XrplMember(ring.public_key(XRPL_PATH, Curve.SECP256K1), XRPL_PATH) for ring in RINGS)
        self.wallet = XrplWallet("hot", XRPL_LOCAL, XrplKey("master").account, members, 2)
        self.codec, self.state = XrplCodec(self.wallet), xrpl_state()
        self.chain, self.members = XRPL_LOCAL.chain, ()


class Tron:
    to, units, native = ALICE, 10**7, TRON_LOCAL.native
    paths, fee_max = {"member": TRON_PATH}, 10**7

    def __init__(self):
        members = tuple(Member(TRON_PATH, ring.public_key(TRON_PATH, Curve.SECP256K1)) for ring in RINGS)
        owners = OwnerQuorum(tuple(ring.public_key(EVM_PATH, Curve.SECP256K1) for ring in RINGS), 2)
        opener = RINGS[0].public_key(EVM_SENDER, Curve.SECP256K1)
        self.wallet = TronWallet("hot", TRON_LOCAL, opener, members, 2, owners)
        self.codec, self.state = TronCodec(self.wallet), rich(self.native)
        self.chain, self.members = TRON_LOCAL.chain, ()


class Room:
    # Three signers of one wallet; the first one also holds the key that pays the chain's fee.
    def __init__(self, folder, family):
        self.family = family()
        native = self.family.native
        rules = rules_json(
            fee_caps={self.family.chain.id: str(self.family.fee_max)},
            buckets={native.key: {"capacity": str(10 * self.family.units), "refill_per_hour": "0"}},
        )
        self.benches = []
        for number, seed in enumerate(SEEDS):
            (folder / str(number)).mkdir()
            paths = self.family.paths if number == 0 else {"member": self.family.paths["member"]}
            roles = sorted({"member" if name == "member" else "sender" for name in paths})
            registration = {**self.family.wallet.registration(), "our_paths": paths, "roles": roles}
            self.benches.append(Bench(folder / str(number), rules, [registration], seed))
        made = intent_to(self.family.chain, native, self.family.to, self.family.units, self.family.fee_max)
        self.intent = replace(made, memo=getattr(self.family, "memo", ""))

    def plan(self, intent=None):
        return self.family.codec.plan([intent or self.intent], self.family.state, self.family.members)

    def ask(self, need, intent=None):
        intent = intent or self.intent
        return request(need.payload, intent, approvals=approve(intent), role=need.role, chain=self.family.chain.id)


@pytest.fixture(params=[Utxo, Evm, Solana, Tron, Xrpl], ids=lambda family: family.__name__)
def room(request, tmp_path):
    return Room(tmp_path, request.param)


def test_a_quorum_of_signers_completes_the_transaction(room):
    plan, signatures, rounds = room.plan(), [], 0
    while (need := room.family.codec.next_need(plan, signatures)) is not None:
        rounds += 1
        assert rounds <= 2
        signing = room.benches[:1] if need.role is SigningRole.SENDER else room.benches[: need.missing]
        for bench in signing:
            made = bench.sign(room.ask(need))
            assert made == bench.sign(room.ask(need))
            signatures += made
    signed = room.family.codec.assemble(plan, signatures)
    assert signed.raw
    assert signed.conflict_key == room.family.codec.reservations(plan)[0]


# C04
def test_c04_a_plan_for_somebody_else_is_refused_by_every_signer(room):
    other = {
        "Utxo": "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry",
        "Evm": "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "Solana": Key("eve").text,
        "Xrpl": XrplKey("eve").account,
        "Tron": BOB,
    }
    thief = replace(room.intent, to=Address(room.family.chain.id, other[type(room.family).__name__]))
    need = room.family.codec.next_need(room.plan(thief), [])
    for bench in room.benches[: need.missing]:
        with pytest.raises(PayloadMismatch):
            bench.sign(room.ask(need))
        assert bench.memory.highest_sequence() == 0


# D09
def test_d09_the_bucket_holds_for_real_payloads(room):
    need = room.family.codec.next_need(room.plan(), [])
    bench = room.benches[0]
    with bench.memory.transaction() as db:
        db.execute(
            "INSERT INTO bucket (asset, parts, at_s) VALUES (?, ?, ?)",
            (room.family.native.key, str((room.family.units - 1) * 3_600), NOW),
        )
    with pytest.raises(Refused, match="bucket"):
        bench.sign(room.ask(need))


def test_every_signer_states_its_own_member_key_first(room):
    for bench, ring in zip(room.benches, RINGS, strict=True):
        keys = bench.call("public_keys", chain=room.family.chain.id, wallet_id="hot").each("keys", 9)
        curve = Curve.ED25519 if isinstance(room.family, Solana) else Curve.SECP256K1
        assert keys[0].raw("raw") == ring.public_key(room.family.paths["member"], curve).raw


# A13: of several attempts for one withdrawal, a signer signs one; that the first has expired is not for it to say.
def test_a13_a_signer_signs_no_second_attempt_and_nothing_that_stays_valid_for_long(tmp_path):
    room = Room(tmp_path, Tron)
    first, bench = room.plan(), room.benches[0]
    for hours, error in ((2, LimitExceeded), (0, None)):
        moment = room.family.state.moment
        room.family.state = rich(room.family.native, moment=replace(moment, head_ms=moment.head_ms + hours * 3_600_000))
        need = room.family.codec.next_need(room.plan(), [])
        with pytest.raises(error) if error else contextlib.nullcontext():
            bench.sign(room.ask(need))
        room.family.state = rich(room.family.native)
    later = replace(first, payment=replace(first.payment, window=replace(first.payment.window, timestamp_ms=1)))
    with pytest.raises(AlreadySigned):
        bench.sign(room.ask(room.family.codec.next_need(later, [])))


# Whatever single byte of the payload is changed, either the signer refuses, or it is a payload that does the same.
@pytest.mark.slow
def test_flipped_payloads_never_get_a_signature_for_another_payment(room):
    need = room.family.codec.next_need(room.plan(), [])
    bench = room.benches[0]
    for place in range(len(need.payload)):
        changed = bytearray(need.payload)
        changed[place] ^= 0x01
        with contextlib.suppress(ToolkitError):
            bench.sign(room.ask(replace(need, payload=bytes(changed))))
    assert bench.memory.frozen() == ""  # a broken invariant would have frozen it


def test_a_memo_nobody_approved_or_that_the_payload_does_not_carry_is_refused(room):
    need = room.family.codec.next_need(room.plan(), [])
    for memo in {"", "778", "hello"} - {room.intent.memo}:
        with pytest.raises(PayloadMismatch):
            room.benches[0].sign(room.ask(need, replace(room.intent, memo=memo)))
