# A wallet with its keys on the XRP Ledger simulator: what an installation has, in one object, for tests.
import hashlib
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from simulators.signer_kit import Bench, rules_json

from custody.chains.xrpl import blob
from custody.chains.xrpl.address import account_of, address_of
from custody.chains.xrpl.broadcaster import XrplBroadcaster
from custody.chains.xrpl.codec import XrplCodec
from custody.chains.xrpl.node import XrplNode
from custody.chains.xrpl.params import LOCAL
from custody.chains.xrpl.reader import XrplReader
from custody.chains.xrpl.setup import AccountOpener, verify_node, verify_wallet
from custody.chains.xrpl.state import XrplState
from custody.chains.xrpl.wallet import XrplMember, XrplWallet
from custody.keys import ecdsa
from custody.keys.hd import PrivateNode
from custody.keys.material import Signature
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferIntent
from custody.primitives.secret import Secret
from custody.signers.decoders.xrpl import XrplDecoder

XRP = 10**6
ROOT = Path(__file__).resolve().parents[2]


class Key:
    def __init__(self, name, path="m/44h/144h/0h/0/0"):
        self.seed = Secret(hashlib.sha512(name.encode()).digest())
        self.secret = PrivateNode.from_seed(self.seed).derive(path).key
        self.public = ecdsa.public_key(self.secret)
        self.account = address_of(self.public)
        self.member = XrplMember(self.public, path)

    def sign(self, digest):
        return ecdsa.sign_der(self.secret, digest)

    def signature(self, body):
        return Signature(self.public, 0, self.sign(blob.member_digest(body, account_of(self.public))))


class SeatedSigner:
    # A real signer with its own memory and rules, without a socket.
    def __init__(self, folder, house, key, **rules):
        chain = str(house.wallet.params.chain.id)
        buckets = {f"{chain}/native": {"capacity": str(10**9), "refill_per_hour": "0"}}
        folder.mkdir()
        made = rules_json(fee_caps={chain: "1000"}, buckets=buckets, **rules)
        path = key.member.path
        registration = {**house.wallet.registration(), "our_paths": {"member": path}, "roles": ["member"]}
        self.name, self.key = key.account, key
        self.bench = Bench(folder, made, [registration], key.seed)

    def sign(self, asked):
        return self.bench.sign(asked)


class House:
    def __init__(self, name="house", params=LOCAL, stock=4):
        self.members = [Key(f"{name}/member/{i}") for i in range(3)]
        self.master = Key(f"{name}/master")
        members = tuple(member.member for member in self.members)
        self.wallet = XrplWallet(name, params, self.master.account, members, 2, ticket_stock=stock)
        self.codec = XrplCodec(self.wallet)

    def intent(self, to, drops, memo="", number=1, **changes):
        params = self.wallet.params
        made = TransferIntent(
            WithdrawalId(f"w{number}"),
            Address(params.chain.id, to),
            Amount(drops, params.native),
            Amount(1_000, params.native),
            memo,
            1,
            f"{number:032x}",
            2_000_000_000,
        )
        return replace(made, **changes)

    def decoder(self, key):
        return XrplDecoder(self.wallet.registration(), {key.member.path: key.public})

    def body(self, plan):
        return blob.unsigned_bytes(self.wallet, plan)

    def sign(self, plan, members=(0, 1)):
        return [self.members[i].signature(self.body(plan)) for i in members]

    def complete(self, plan, members=(0, 1)):
        return self.codec.assemble(plan, self.sign(plan, members))

    def forged(self, fields, keys):
        # As an attacker would send it: past our codec's own checks, signers in the order given.
        body = bytes.fromhex(blob.encode(fields))
        return self.encoded(fields, [(key, key.signature(body).value) for key in keys])

    @staticmethod
    def encoded(fields, signed):
        signers = [
            {
                "Signer": {
                    "Account": key.account,
                    "SigningPubKey": key.public.raw.hex().upper(),
                    "TxnSignature": value.hex().upper(),
                }
            }
            for key, value in signed
        ]
        return bytes.fromhex(blob.encode({**fields, "Signers": signers}))


class LiveHouse(House):
    def __init__(self, sim, name, drops=1_000 * XRP, stock=4):
        super().__init__(name, stock=stock)
        self.sim, self.node = sim, XrplNode(sim.rpc)
        self.reader, self.broadcaster = XrplReader(self.wallet, self.node), XrplBroadcaster(self.node)
        sim.fund(self.wallet.account, drops)
        opener = AccountOpener(self.node, self.wallet, self.master.public, self.master.sign)
        while not opener.step():
            sim.mine()
        verify_node(self.node, self.wallet)
        verify_wallet(self.node, self.wallet)

    def plan(self, *intents, reserved=frozenset()):
        return self.codec.plan(intents, self.reader.spendable(reserved), ())

    def fields(self, plan):
        return blob.fields_of(self.wallet, plan)

    def finality(self, signed):
        return self.reader.finality(signed.txid, signed.conflict_key)

    def drops(self, address):
        return self.reader.balance(Address(LOCAL.chain.id, address), LOCAL.native).units

    def expire(self):
        self.sim.mine(LOCAL.life_ledgers + 1)


def state(**changes):
    base = XrplState(
        ledger=1_000,
        spendable_drops=100 * XRP,
        sequence=7,
        tickets=(11, 12),
        held_tickets=2,
        fee_drops=10,
        ticket_reserve_drops=200_000,
    )
    return replace(base, **changes)


def xrpl_js(script, *arguments):
    # Runs a few lines of JavaScript with xrpl.js in scope; `given` holds the arguments, `answer(x)` hands x back.
    node = shutil.which("node")
    if node is None or not (ROOT / "node_modules" / "xrpl").is_dir():
        return None
    program = (
        "const xrpl=require('xrpl');const given=JSON.parse(process.argv[1]);"
        f"const answer=x=>console.log(JSON.stringify(x));{script}"
    )
    ran = subprocess.run(
        [node, "-e", program, json.dumps(arguments)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(ran.stdout)
