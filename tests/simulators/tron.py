"""The Tron ledger simulator with a 2-of-3 account, its signers, and the wallet's codec and reader."""

import json
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from custody.chains.tron.address import address_of
from custody.chains.tron.broadcaster import TronBroadcaster
from custody.chains.tron.codec import TronCodec
from custody.chains.tron.deposit import DepositBranch
from custody.chains.tron.node import TronNode
from custody.chains.tron.params import LOCAL
from custody.chains.tron.plan import Moment, TronState
from custody.chains.tron.rawtx import RawPayment, Window, payment_bytes, signed_bytes, txid_of
from custody.chains.tron.reader import TronReader, moment_of
from custody.chains.tron.setup import open_account, verify_wallet
from custody.chains.tron.wallet import Member, OwnerQuorum, TronWallet
from custody.devnet.tron_simulator import TronOptions, TronSimulator
from custody.keys.ecdsa import sign_recoverable
from custody.keys.hd import PrivateNode
from custody.keys.material import Signature
from custody.keys.xkeys import KeyNetwork, encode_xpub
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferIntent
from custody.primitives.secret import Secret
from custody.signers.decoders.tron import TronDecoder

TRX = LOCAL.native
COIN = 10**6
MEMBER_PATH, DEPOSIT_PATH, ACCOUNT_PATH = "m/44h/195h/0h/0/0", "m/44h/195h/0h", "m/44h/195h/9h/0/0"
STATION_PATH = "m/44h/195h/1h/0/0"
SOLID = 3  # blocks on top of a solidified one
USDT = Asset("USDT", 6, LOCAL.chain.id, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")
ALICE, BOB = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8", "TA4Y62o6YC2Zsck9rZVGTvqW1AQ7X9zTnj"
NOW_MS = 1_700_000_000_000
MOMENT = Moment(bytes.fromhex("1234"), bytes.fromhex("0102030405060708"), NOW_MS)
ROOT = Path(__file__).resolve().parents[2]


class Holder:
    """Someone with a seed."""

    def __init__(self, number):
        self.root = PrivateNode.from_seed(Secret(bytes([number]) * 32))

    def node(self, path):
        return self.root.derive(path)

    def key(self, path=MEMBER_PATH):
        return self.node(path).public().public_key()

    def xpub(self, path=DEPOSIT_PATH):
        return encode_xpub(self.node(path).public(), KeyNetwork.MAIN)

    def decoder(self, wallet, *paths):
        return TronDecoder(wallet.registration(), {path: self.key(path) for path in paths or (MEMBER_PATH,)})

    def sign_digest(self, digest, path=MEMBER_PATH):
        return sign_recoverable(self.node(path).key, digest)

    def signature(self, digest, path=MEMBER_PATH):
        return Signature(self.key(path), 0, self.sign_digest(digest, path))

    def sign(self, decoder, need):
        """Sign what the holder's own decoder understood; it judges nothing, so it is no real signer."""
        (item,) = decoder.understand(need.payload, need.role).to_sign
        return self.signature(item.message, item.path)


class AccountSigner:
    """Signs as gas station and deposit accounts, like the sender's signer process."""

    name = "sender"

    def __init__(self, wallet):
        self.decoder = SENDER.decoder(wallet, DEPOSIT_PATH, STATION_PATH)

    def sign(self, request):
        assert not request.intents
        return (SENDER.sign(self.decoder, request),)


MEMBERS, SENDER, STRANGER, OPENER = tuple(Holder(n) for n in (1, 2, 3)), Holder(4), Holder(5), Holder(6)
COLD = tuple(Holder(n) for n in range(11, 16))


def make_wallet(tokens=(USDT,), wallet_id="hot-trx", account_path=ACCOUNT_PATH):
    return TronWallet(
        wallet_id,
        LOCAL,
        OPENER.key(account_path),
        tuple(Member(MEMBER_PATH, member.key()) for member in MEMBERS),
        2,
        OwnerQuorum(tuple(holder.key() for holder in COLD), 3),
        tokens,
        DepositBranch(DEPOSIT_PATH, SENDER.xpub(), 1_000),
        SENDER.key(STATION_PATH),
    )


def make_intent(to=ALICE, units=5 * COIN, asset=TRX, **changes):
    made = TransferIntent(
        WithdrawalId("w1"),
        Address(asset.chain, to),
        Amount(units, asset),
        Amount(200 * COIN, Asset("TRX", 6, asset.chain)),
        "",
        1,
        "00" * 16,
        2_000_000_000,
    )
    return replace(made, **changes)


def rich(*assets, moment=MOMENT):
    return TronState(moment, {asset.key: 10**15 for asset in assets or (TRX, USDT)})


def window(number=0, expiration_ms=NOW_MS + 60_000):
    return Window(MOMENT.ref_block_bytes, MOMENT.ref_block_hash, expiration_ms, NOW_MS + number)


class TronHouse:
    """Everything one test needs of a running ledger."""

    def __init__(self, simulator):
        self.simulator = simulator
        self.node = TronNode(simulator.http, LOCAL)
        self.usdt = Asset("USDT", 6, LOCAL.chain.id, simulator.create_token("USDT"))
        self.wallet = make_wallet((self.usdt,))
        self.codec = TronCodec(self.wallet)
        self.reader = TronReader(self.wallet, self.node)
        self.broadcaster = TronBroadcaster(self.node)
        simulator.fund(self.wallet.address.text, 10_000 * COIN)
        simulator.fund(self.wallet.station_address, 1_000 * COIN)
        simulator.mint(self.usdt.contract, self.wallet.address.text, 1_000 * COIN)
        simulator.mine(1)
        open_account(self.node, self.wallet, lambda digest: OPENER.sign_digest(digest, ACCOUNT_PATH))
        simulator.mine(1 + SOLID)
        verify_wallet(self.node, self.wallet)

    def plan(self, intent=None, reserved=frozenset()):
        return self.codec.plan([intent or make_intent()], self.reader.spendable(reserved))

    def signed(self, plan, members=(0, 1)):
        need = self.codec.next_need(plan, ())
        given = [MEMBERS[n].sign(MEMBERS[n].decoder(self.wallet), need) for n in members]
        return self.codec.assemble(plan, given)

    def pay(self, intent=None):
        signed = self.signed(self.plan(intent))
        self.broadcaster.broadcast(signed)
        return signed

    def finality(self, signed):
        return self.reader.finality(signed.txid, signed.conflict_key)

    def sun(self, address):
        return self.node.balance(address, TRX)


def give_tokens(simulator, contract, to, units):
    """A stranger's real TRC-20 transfer, with its event: what minting leaves out."""
    stranger = address_of(STRANGER.key(ACCOUNT_PATH))
    node = TronNode(simulator.http, LOCAL)
    simulator.fund(stranger, 100 * COIN)
    simulator.mint(contract, stranger, units)
    moment = moment_of(node)
    window = Window(moment.ref_block_bytes, moment.ref_block_hash, moment.head_ms + 60_000, moment.head_ms)
    raw = payment_bytes(RawPayment(stranger, to, units, contract, 0, 50 * COIN, window))
    txid, code, text = node.send(signed_bytes(raw, [STRANGER.sign_digest(bytes.fromhex(txid_of(raw)), ACCOUNT_PATH)]))
    assert code == "SUCCESS", text
    return txid


@contextmanager
def running_house(folder, block_ms=0):
    with TronSimulator.start(folder, TronOptions(block_ms=block_ms)) as simulator:
        yield TronHouse(simulator)


def tronweb(script, **given):
    """Run a few lines of JavaScript against tronweb; `given` is there as `g`, `out` is what comes back."""
    program = (
        "const {TronWeb, utils} = require('tronweb'); const g = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
        "let out; (async () => {" + script + "; process.stdout.write(JSON.stringify(out)); process.exit(0)})();"
    )
    ended = subprocess.run(
        ["node", "-e", program],
        cwd=ROOT,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)
