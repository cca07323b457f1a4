# A wallet with its keys on the Solana VM: what an installation has, in one object, for tests.
import base64
import hashlib
import struct
from dataclasses import replace

from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey

from custody.chains.solana import message
from custody.chains.solana.broadcaster import SplBroadcaster
from custody.chains.solana.codec import SplCodec
from custody.chains.solana.keytext import key_text
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.params import LOCAL, MINT_BYTES, TOKEN_PROGRAM
from custody.chains.solana.reader import SplReader
from custody.chains.solana.setup import Opener, verify_deposits, verify_wallet
from custody.chains.solana.wallet import ServiceKeys, SplKey, SplWallet
from custody.keys import ed25519
from custody.keys.material import Signature
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferIntent
from custody.primitives.secret import Secret
from custody.signers.decoders.solana import SolanaDecoder

FINAL = 33  # slots after which what was just sent is finalized
SOL = 10**9


class Key:
    def __init__(self, name, path="m/44h/501h/0h/0h"):
        self.secret = Secret(hashlib.sha256(name.encode()).digest())
        self.public = ed25519.public_key(self.secret)
        self.text = key_text(self.public.raw)
        self.entry = SplKey(self.public, path)

    def sign(self, payload):
        return ed25519.sign(self.secret, payload)

    def signature(self, payload):
        return Signature(self.public, 0, self.sign(payload))


class House:
    def __init__(self, name, tokens=(), nonce_count=2):
        self.members = [Key(f"{name}/member/{i}", f"m/44h/501h/{i}h/0h") for i in range(3)]
        self.fee_payer, self.opener = Key(f"{name}/fee-payer"), Key(f"{name}/opener")
        entries = tuple(member.entry for member in self.members)
        service = ServiceKeys(self.fee_payer.entry, self.opener.entry)
        self.wallet = SplWallet(name, LOCAL, entries, 2, service, tokens, nonce_count)
        self.codec = SplCodec(self.wallet)

    def decoder(self, key):
        return SolanaDecoder(self.wallet.registration(), {key.entry.path: key.public})

    def intent(self, to, units, asset=LOCAL.native, number=1, **changes):
        made = TransferIntent(
            WithdrawalId(f"w{number}"),
            Address(LOCAL.chain.id, to),
            Amount(units, asset),
            Amount(5_000_000, LOCAL.native),
            "",
            1,
            f"{number:032x}",
            2_000_000_000,
        )
        return replace(made, **changes)

    def sign(self, plan, members=(0, 1)):
        payload = message.message_bytes(self.wallet, plan)
        return [*(self.members[i].signature(payload) for i in members), self.fee_payer.signature(payload)]

    def chosen(self, members=(0, 1)):
        return [self.members[i].public for i in members]


class LiveHouse(House):
    def __init__(self, vm, name, tokens=(), nonce_count=2, deposits=2):
        super().__init__(name, tokens, nonce_count)
        self.vm, self.node = vm, SolanaNode(vm.rpc)
        self.reader, self.broadcaster = SplReader(self.wallet, self.node), SplBroadcaster(self.node)
        vm.fund(self.opener.text, 10 * SOL)
        vm.fund(self.fee_payer.text, SOL)
        vm.mine(1)
        opener = Opener(self.node, self.wallet, self.opener.sign)
        opener.open_wallet()
        opener.open_deposits(range(deposits))
        vm.mine(FINAL)
        verify_wallet(self.node, self.wallet)
        verify_deposits(self.node, self.wallet, range(deposits))

    def plan(self, *intents, members=(0, 1), reserved=frozenset()):
        return self.codec.plan(intents, self.reader.spendable(reserved), self.chosen(members))

    def complete(self, plan, members=(0, 1)):
        return self.codec.assemble(plan, self.sign(plan, members))

    def pay(self, *intents):
        signed = self.complete(self.plan(*intents))
        self.broadcaster.broadcast(signed)
        return signed

    def lamports(self, address):
        account = self.node.accounts([address], "processed")[0]
        return account.lamports if account else 0


class BentRpc:
    # A node that lies, lags or forgets: answers of named methods are replaced, all others are real.
    def __init__(self, rpc, **answers):
        self.rpc, self.answers, self.asked = rpc, answers, []

    def call(self, method, *params):
        self.asked.append(method)
        if method in self.answers:
            answer = self.answers[method]
            return answer(*params) if callable(answer) else answer
        return self.rpc.call(method, *params)


class ScriptedRpc:
    # Answers as told: a value, a function of the parameters, or an error to raise.
    def __init__(self, **answers):
        self.answers, self.calls = answers, []

    def call(self, method, *params):
        self.calls.append((method, *params))
        answer = self.answers[method]
        if isinstance(answer, Exception):
            raise answer
        return answer(*params) if callable(answer) else answer


def nonce_row(authority, value):
    raw = struct.pack("<II", 1, 1) + bytes(Pubkey.from_string(authority)) + bytes(Pubkey.from_string(value)) + bytes(8)
    return {"lamports": 1, "owner": "1" * 32, "data": [base64.b64encode(raw).decode(), "base64"], "executable": False}


def send(vm, payer, steps, signers=(), blockhash=None, preflight=True):
    # An ordinary transaction of somebody else.
    node = SolanaNode(vm.rpc)
    recent = Hash.from_string(blockhash or node.latest_blockhash())
    compiled = MessageV0.try_compile(Pubkey.from_string(payer.text), steps, [], recent)
    raw = bytes(to_bytes_versioned(compiled))
    keys = {key.text: key for key in (payer, *signers)}
    order = message.signer_keys(raw)
    signed = message.transaction_bytes(raw, [keys[text].sign(raw) for text in order])
    options = {"encoding": "base64", "skipPreflight": not preflight}
    return vm.rpc.call("sendTransaction", base64.b64encode(signed).decode(), options)


def token_step(content, accounts, program=TOKEN_PROGRAM):
    metas = [
        AccountMeta(Pubkey.from_string(text), is_signer="s" in flags, is_writable="w" in flags)
        for text, flags in accounts
    ]
    return Instruction(Pubkey.from_string(program), bytes(content), metas)


def create_account(payer, account, size, program, lamports):
    content = struct.pack("<IQQ", 0, lamports, size) + bytes(Pubkey.from_string(program))
    return token_step(content, [(payer.text, "sw"), (account.text, "sw")], "1" * 32)


def make_mint(vm, name, symbol="USDC", decimals=6, program=TOKEN_PROGRAM):
    # A token whose mint authority is the returned key.
    authority, mint = Key(f"{name}/authority"), Key(f"{name}/mint")
    vm.fund(authority.text, SOL)
    start = bytes([20, decimals]) + authority.public.raw + bytes([0])
    steps = [
        create_account(authority, mint, MINT_BYTES, program, 1_461_600),
        token_step(start, [(mint.text, "w")], program),
    ]
    vm.mine(1)
    send(vm, authority, steps, [mint])
    vm.mine(1)
    return Asset(symbol, decimals, LOCAL.chain.id, mint.text), authority


def mint_to(vm, asset, authority, account, units):
    step = token_step(
        bytes([7]) + struct.pack("<Q", units), [(asset.contract, "w"), (account, "w"), (authority.text, "s")]
    )
    txid = send(vm, authority, [step])
    vm.mine(1)
    return txid
