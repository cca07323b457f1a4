"""Three signers of one real wallet in each family, a statement's header, and people who approve ownership texts."""

from dataclasses import dataclass, replace

from simulators.signer_kit import NOW, PEOPLE, Bench, rules_json
from simulators.solana import House
from simulators.xrpl import Key as XrplKey

from custody.chains.evm.params import ETHEREUM_LOCAL
from custody.chains.evm.wallet import Owner, SafeWallet
from custody.chains.solana.params import LOCAL
from custody.chains.solana.wallet import ServiceKeys, SplKey, SplWallet
from custody.chains.tron.params import LOCAL as TRON_LOCAL
from custody.chains.tron.wallet import Member, OwnerQuorum, TronWallet
from custody.chains.utxo.params import BITCOIN_REGTEST
from custody.chains.utxo.wallet import KeyOrigin, UtxoWallet
from custody.chains.xrpl.params import LOCAL as XRPL_LOCAL
from custody.chains.xrpl.wallet import XrplMember, XrplWallet
from custody.keys import ed25519
from custody.keys.hd import PrivateNode
from custody.keys.material import Curve
from custody.keys.paths import parse_path
from custody.keys.xkeys import KeyNetwork, encode_xpub
from custody.primitives.approval import Approval, Verdict, approval_message
from custody.primitives.secret import Secret
from custody.reserves.ownership import AttestedQuorum, OwnershipEvidence, claim_for
from custody.reserves.statement import ChainPoint, Header, HeaderAsset, LedgerPoint
from custody.signers.keyring import Keyring
from custody.signers.ownership import OwnershipRequest, OwnershipSignature, ownership_digest
from custody.signers.wire import decode_owned, encode_ownership

SEEDS = tuple(Secret(bytes([number]) * 64) for number in (1, 2, 3))
RINGS = tuple(Keyring(seed) for seed in SEEDS)
UTXO_PATH, EVM_PATH, SOL_PATH = "m/48h/1h/0h/2h", "m/44h/60h/0h/0/0", "m/44h/501h/0h/0h"
XRPL_PATH = "m/44h/144h/0h/0/0"
EVM_SENDER, SOL_SENDER = "m/44h/60h/9h/0/0", "m/44h/501h/9h/0h"
TRON_PATH, TRON_SENDER = "m/44h/195h/0h/0/0", "m/44h/195h/9h/0/0"
NONCE = bytes(range(32))
HEIGHT = 77
CHAINS = tuple(params.chain for params in (BITCOIN_REGTEST, ETHEREUM_LOCAL, LOCAL, TRON_LOCAL, XRPL_LOCAL))
HEADER = Header(
    exchange="example.com",
    seq=12,
    cutoff="2023-11-14T22:00:00Z",  # a quarter of an hour before NOW
    ledger=LedgerPoint(5, "aa" * 32),
    assets=(HeaderAsset("BTC", 8),),
    chains=tuple(ChainPoint(chain.caip2, HEIGHT, "bb" * 32) for chain in CHAINS),
)


@dataclass(frozen=True)
class Held:
    """One wallet, and what its evidence looks like."""

    wallet: object
    caip2: str
    address: str
    member_path: str
    sender_path: str
    method: str
    quorum: AttestedQuorum | None

    @property
    def registration(self):
        return self.wallet.registration()


def utxo(script_of=BITCOIN_REGTEST):
    origins = []
    for seed, ring in zip(SEEDS, RINGS, strict=True):
        xpub = encode_xpub(PrivateNode.from_seed(seed).derive(UTXO_PATH).public(), KeyNetwork.TEST)
        origins.append(KeyOrigin(bytes.fromhex(ring.fingerprint()), parse_path(UTXO_PATH), xpub))
    wallet = UtxoWallet("hot", script_of, 2, tuple(origins), 40)
    return Held(wallet, script_of.chain.caip2, wallet.address(0, 7).text, UTXO_PATH, "", "cosigner-ecdsa", None)


def evm():
    owners = tuple(Owner(EVM_PATH, ring.public_key(EVM_PATH, Curve.SECP256K1)) for ring in RINGS)
    wallet = SafeWallet("hot", ETHEREUM_LOCAL, owners, 2, 0, RINGS[0].public_key(EVM_SENDER, Curve.SECP256K1))
    caip2 = ETHEREUM_LOCAL.chain.caip2
    quorum = AttestedQuorum(caip2, wallet.safe, wallet.sorted_owners(), 2, HEIGHT)
    return Held(wallet, caip2, wallet.safe, EVM_PATH, EVM_SENDER, "eip191-owners", quorum)


def solana():
    members = tuple(SplKey(ring.public_key(SOL_PATH, Curve.ED25519), SOL_PATH) for ring in RINGS)
    payer = SplKey(RINGS[0].public_key(SOL_SENDER, Curve.ED25519), SOL_SENDER)
    wallet = SplWallet("hot", LOCAL, members, 2, ServiceKeys(payer, House("x").opener.entry), (), 1)
    quorum = AttestedQuorum(LOCAL.chain.caip2, wallet.multisig, tuple(m.text for m in members), 2, HEIGHT)
    return Held(wallet, LOCAL.chain.caip2, wallet.multisig, SOL_PATH, SOL_SENDER, "ed25519-members", quorum)


def xrpl():
    members = tuple(XrplMember(ring.public_key(XRPL_PATH, Curve.SECP256K1), XRPL_PATH) for ring in RINGS)
    wallet = XrplWallet("hot", XRPL_LOCAL, XrplKey("master").account, members, 2)
    caip2 = XRPL_LOCAL.chain.caip2
    quorum = AttestedQuorum(caip2, wallet.account, tuple(m.account for m in members), 2, HEIGHT)
    return Held(wallet, caip2, wallet.account, XRPL_PATH, "", "ecdsa-members", quorum)


def tron():
    members = tuple(Member(TRON_PATH, ring.public_key(TRON_PATH, Curve.SECP256K1)) for ring in RINGS)
    owners = OwnerQuorum(tuple(ring.public_key(EVM_PATH, Curve.SECP256K1) for ring in RINGS), 2)
    opener = RINGS[0].public_key(TRON_SENDER, Curve.SECP256K1)
    wallet = TronWallet("hot", TRON_LOCAL, opener, members, 2, owners)
    caip2, account = TRON_LOCAL.chain.caip2, wallet.address.text
    quorum = AttestedQuorum(caip2, account, wallet.quorum().keys, 2, HEIGHT)
    return Held(wallet, caip2, account, TRON_PATH, TRON_SENDER, "tip191-members", quorum)


HELD = {"utxo": utxo, "evm": evm, "solana": solana, "tron": tron, "xrpl": xrpl}


def ownership_request(held, **changes):
    # The parts as the verifier himself makes them.
    claim = claim_for(HEADER, held.caip2, held.address, NONCE)
    made = OwnershipRequest(
        "hot", claim.exchange, claim.seq, claim.ctx, claim.chain, claim.address, claim.nonce, claim.expires
    )
    return replace(made, **changes)


def approve_ownership(request, *names, verdict=Verdict.APPROVE, at_s=NOW):
    hashed = ownership_digest(request)
    return tuple(
        Approval(hashed, name, verdict, at_s, ed25519.sign(PEOPLE[name], approval_message(hashed, name, verdict, at_s)))
        for name in names or ("ann", "bob")
    )


def evidence_of(held, owned):
    signatures = tuple((each.key, each.signature) for each in owned)
    return OwnershipEvidence(held.caip2, held.address, held.method, signatures, owned[0].script)


def own_rules(**changes):
    return rules_json(fee_caps={chain.id: "1000000000000000000" for chain in CHAINS}, **changes)


class OwnershipBench(Bench):
    """One signer without a socket that serves real families."""

    def __init__(self, folder, held, seed=SEEDS[0], rules=None, roles=("member",)):
        paths = {"member": held.member_path, "sender": held.sender_path}
        registration = {**held.registration, "our_paths": {role: paths[role] for role in roles}, "roles": list(roles)}
        folder.mkdir(exist_ok=True)
        super().__init__(folder, rules or own_rules(), [registration], seed)

    def own(self, request, approvals=None) -> OwnershipSignature:
        approvals = approve_ownership(request) if approvals is None else approvals
        return decode_owned(self.call("own", request=encode_ownership(request, approvals)))

    def log(self):
        with self.memory.transaction() as db:
            return [bytes(row[0]) for row in db.execute("SELECT entry FROM audit ORDER BY number")]
