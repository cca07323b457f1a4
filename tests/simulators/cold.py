"""Cold rooms without processes: five keyholders of a 3-of-5 wallet of each family, and a file for them to sign."""

from dataclasses import replace

from simulators.bitcoin import make_coins
from simulators.signer_kit import NOW, PEOPLE, approve, rules_json
from simulators.solana import House, Key
from simulators.tron import ALICE, rich
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
from custody.chains.utxo.params import BITCOIN_REGTEST, DOGECOIN_REGTEST
from custody.chains.utxo.wallet import KeyOrigin, UtxoWallet
from custody.chains.xrpl.codec import XrplCodec
from custody.chains.xrpl.params import LOCAL as XRPL_LOCAL
from custody.chains.xrpl.wallet import XrplMember, XrplWallet
from custody.cold.home import ColdHome, Place, begin_sequences, write_places
from custody.cold.request import ColdRequest
from custody.cold.room import ColdRoom
from custody.keys import ed25519
from custody.keys.hd import PrivateNode
from custody.keys.material import Curve, SigningRequest, SigningRole
from custody.keys.mnemonic import generate, to_seed
from custody.keys.paths import parse_path
from custody.keys.private_files import make_private_folder, replace_private
from custody.keys.xkeys import KeyNetwork, encode_xpub
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.clock import FixedClock
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferIntent
from custody.primitives.secret import Secret
from custody.signers.keyring import Keyring
from custody.signers.memory import Memory
from custody.signers.provision import _pretty, register_wallet

WORDS = [generate(Secret(bytes([number]) * 32)) for number in range(1, 6)]
SEEDS = [to_seed(words, Secret(b"")) for words in WORDS]
RINGS = [Keyring(seed) for seed in SEEDS]
UTXO_PATH, DOGE_PATH = "m/48h/1h/0h/2h", "m/48h/3h/0h/0h"
EVM_PATH, EVM_SENDER = "m/44h/60h/0h/0/0", "m/44h/60h/9h/0/0"
XRPL_PATH, TRON_PATH = "m/44h/144h/0h/0/0", "m/44h/195h/0h/0/0"
SOL_PATH, SOL_SENDER = "m/44h/501h/0h/0h", "m/44h/501h/9h/0h"
MAKER = "cem"
QUORUM = (0, 2, 4)


def _utxo_wallet(params, path):
    origins = []
    for seed, ring in zip(SEEDS, RINGS, strict=True):
        xpub = encode_xpub(PrivateNode.from_seed(seed).derive(path).public(), KeyNetwork.TEST)
        origins.append(KeyOrigin(bytes.fromhex(ring.fingerprint()), parse_path(path), xpub))
    return UtxoWallet("cold", params, 3, tuple(origins))


class Utxo:
    to, units, native = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", 40_000, BITCOIN_REGTEST.asset
    path, fee_max, memo = UTXO_PATH, 20_000, ""

    def __init__(self):
        self.wallet = _utxo_wallet(BITCOIN_REGTEST, UTXO_PATH)
        self.codec, self.state = UtxoCodec(self.wallet), make_coins(self.wallet, 50_000, 20_000)
        self.chain, self.members = BITCOIN_REGTEST.chain, ()


class Doge(Utxo):
    to, units, native = "mzBc4XEFSdzCDcTxAgf6EZXgsZWpztRhef", 5 * 10**8, DOGECOIN_REGTEST.asset
    path, fee_max = DOGE_PATH, 10**8

    def __init__(self):
        self.wallet = _utxo_wallet(DOGECOIN_REGTEST, DOGE_PATH)
        self.codec = UtxoCodec(self.wallet)
        self.state = make_coins(self.wallet, 4 * 10**8, 9 * 10**8, rate=2_000_000)
        self.chain, self.members = DOGECOIN_REGTEST.chain, ()


class Evm:
    to, units, native = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", 10**15, ETHEREUM_LOCAL.native
    path, fee_max, memo = EVM_PATH, 10**16, ""

    def __init__(self):
        owners = tuple(Owner(EVM_PATH, ring.public_key(EVM_PATH, Curve.SECP256K1)) for ring in RINGS)
        sender = RINGS[0].public_key(EVM_SENDER, Curve.SECP256K1)
        self.wallet = SafeWallet("cold", ETHEREUM_LOCAL, owners, 3, 0, sender)
        self.codec = SafeCodec(self.wallet)
        self.state = SafeState({self.native.key: 10**18}, 4, SenderState(9, 10**18, 10**9, 3 * 10**9))
        self.chain, self.members = ETHEREUM_LOCAL.chain, ()


class Solana:
    to, units, native = Key("bob").text, 10**9, LOCAL.native
    path, fee_max, memo = SOL_PATH, 5_000_000, ""

    def __init__(self):
        members = tuple(SplKey(ring.public_key(SOL_PATH, Curve.ED25519), SOL_PATH) for ring in RINGS)
        payer = SplKey(RINGS[0].public_key(SOL_SENDER, Curve.ED25519), SOL_SENDER)
        self.wallet = SplWallet("cold", LOCAL, members, 3, ServiceKeys(payer, House("x").opener.entry), (), 1)
        self.codec = SplCodec(self.wallet)
        sources = (Source(self.wallet.vault(LOCAL.native), LOCAL.native, 5 * 10**9, stale=False),)
        nonces = tuple(Nonce(account, Key(f"value {account}").text) for account in self.wallet.nonce_accounts)
        self.state = SplState(10**9, nonces, sources)
        self.chain, self.members = LOCAL.chain, [members[number].key for number in QUORUM]


class Tron:
    to, units, native = ALICE, 10**7, TRON_LOCAL.native
    path, fee_max, memo = TRON_PATH, 10**7, ""

    def __init__(self):
        members = tuple(Member(TRON_PATH, ring.public_key(TRON_PATH, Curve.SECP256K1)) for ring in RINGS)
        owners = OwnerQuorum(tuple(ring.public_key(EVM_PATH, Curve.SECP256K1) for ring in RINGS), 3)
        opener = RINGS[0].public_key(EVM_SENDER, Curve.SECP256K1)
        self.wallet = TronWallet("cold", TRON_LOCAL, opener, members, 3, owners)
        self.codec, self.state = TronCodec(self.wallet), rich(self.native)
        self.chain, self.members = TRON_LOCAL.chain, ()


class Xrpl:
    to, units, native = XrplKey("bob").account, 10**6, XRPL_LOCAL.native
    path, fee_max, memo = XRPL_PATH, 1_000, "777"

    def __init__(self):
        members = tuple(XrplMember(ring.public_key(XRPL_PATH, Curve.SECP256K1), XRPL_PATH) for ring in RINGS)
        self.wallet = XrplWallet("cold", XRPL_LOCAL, XrplKey("master").account, members, 3)
        self.codec, self.state = XrplCodec(self.wallet), xrpl_state()
        self.chain, self.members = XRPL_LOCAL.chain, ()


FAMILIES = (Utxo, Doge, Evm, Solana, Tron, Xrpl)


class Vault:
    """A wallet of one family with its cold rooms; `rooms[n]` signs what `sign` types for it."""

    def __init__(self, folder, family, now=NOW, **rules):
        self.family, self.now, self.clock = family(), now, FixedClock(now)
        self.places = {self.family.to: Place("warm", "warm", self.family.memo)}
        self.rules = {
            "fee_caps": {self.family.chain.id: str(self.family.fee_max)},
            "buckets": {self.family.native.key: {"capacity": str(10 * self.family.units), "refill_per_hour": "0"}},
            **rules,
        }
        self.folder = folder
        self.homes = [self._home(number) for number in range(len(SEEDS))]

    def _home(self, number):
        home, seed = ColdHome(self.folder / f"cold-{number + 1}"), SEEDS[number]
        make_private_folder(home.folder)
        make_private_folder(home.folder / "wallets")
        replace_private(home.signer.rules, _pretty(rules_json(name=f"cold-{number + 1}", **self.rules)))
        Memory.create(home.signer.memory).close()
        registration = self.family.wallet.registration()
        register_wallet(home.folder, registration, {"member": self.family.path}, [SigningRole.MEMBER])
        write_places(home, {"cold": self.places})
        begin_sequences(home)
        home.write_seal(seed)
        return home

    def room(self, number):
        home = self.homes[number]
        home.verify_seal(SEEDS[number])
        return ColdRoom(home, home.signer.load_rules(), RINGS[number], Memory(home.signer.memory), self.clock)

    def intent(self, **changes):
        family = self.family
        made = TransferIntent(
            WithdrawalId("refill-1"),
            Address(family.chain.id, family.to),
            Amount(family.units, family.native),
            Amount(family.fee_max, family.native),
            family.memo,
            1,
            "00" * 16,
            self.now + 600,
        )
        return replace(made, **changes)

    def plan(self, intent=None):
        return self.family.codec.plan([intent or self.intent()], self.family.state, self.family.members)

    def request(self, intent=None, *, sequence=1, payload=None, approvals=None, maker=MAKER, **changes):
        intent = intent or self.intent()
        if payload is None:
            payload = self.family.codec.next_need(self.plan(intent), []).payload
        approvals = approve(intent, at_s=self.now) if approvals is None else approvals
        asked = SigningRequest(self.family.chain.id, "cold", SigningRole.MEMBER, payload, (intent,), approvals)
        fields = {"expires_at_s": intent.expires_at_s, "made_by": maker, "made_at_s": self.now, **changes}
        made = ColdRequest(asked, intent.policy_version, sequence, **fields)
        return made.signed(lambda message: ed25519.sign(PEOPLE[maker], message))

    def sign(self, number, request, ask=None):
        return self.room(number).sign(request, ask or answers(request), lambda below: below - 1)

    def parts(self, request, numbers=QUORUM):
        return [self.sign(number, request) for number in numbers]

    def wallet(self):
        return self.room(0).wallet("cold")


def answers(request, to=None, amount=None, memo=None):
    """What an honest person types, or one who was told of another destination, amount or memo."""
    (intent,) = request.request.intents
    to, amount = to or intent.to.text, amount or intent.amount.text()

    def ask(question):
        if "amount" in question:
            return amount + "\n"
        if "memo" in question:
            return (intent.memo if memo is None else memo) + "\n"
        first, last = (int(word) for word in question.split() if word.isdecimal())
        return to[first - 1 : last] + "\n"

    return ask
