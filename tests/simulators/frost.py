# A FROST wallet with its three signers: real decoders, rules and memories, without sockets; and the same on the VM.
import hashlib
from dataclasses import dataclass

from simulators.signer_kit import NOW, Bench, approve, request, rules_json
from simulators.solana import FINAL, SOL, Key

from custody.chains.solana.broadcaster import SplBroadcaster
from custody.chains.solana.frost_codec import FrostCodec
from custody.chains.solana.frost_plan import DepositMoney, FrostState
from custody.chains.solana.frost_reader import FrostReader
from custody.chains.solana.frost_setup import FrostOpener, verify_frost_deposits, verify_frost_wallet
from custody.chains.solana.frost_wallet import FrostWallet
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.params import LOCAL
from custody.chains.solana.state import Nonce
from custody.chains.solana.wallet import SplKey
from custody.keys import frost, frost_shares
from custody.keys import frost_group as group
from custody.keys.material import Curve, PublicKey
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferIntent
from custody.primitives.secret import Secret

NATIVE = LOCAL.native
FEE_MAX = 50_000


def path_of(number):
    return f"m/9591h/501h/{number}h"


def scalar_of(name):
    return Secret(group.scalar(int.from_bytes(hashlib.sha512(name.encode()).digest(), "little")))


@dataclass(frozen=True)
class Dealt:
    # A key from one hand, as the official vectors have it: for tests only, since the dealer knows the key.
    shares: dict[int, Secret]
    commitments: tuple[bytes, ...]

    @property
    def group(self):
        return PublicKey(Curve.ED25519, self.commitments[0])


def deal(secret, coefficients, participants):
    polynomial = (secret, *coefficients)
    shares = {number: frost_shares.evaluate(polynomial, number) for number in range(1, participants + 1)}
    return Dealt(shares, frost_shares.commit(polynomial))


class FrostHouse:
    def __init__(self, name, folder, nonce_count=2, threshold=2, participants=3):
        coefficients = [scalar_of(f"{name}/{place}") for place in range(1, threshold)]
        self.dealt = deal(scalar_of(f"{name}/secret"), coefficients, participants)
        self.shares = self.dealt.shares
        members = tuple(SplKey(frost.verifying_share(s), path_of(n)) for n, s in self.shares.items())
        self.opener = Key(f"{name}/opener")
        self.wallet = FrostWallet(
            name, LOCAL, self.dealt.group, members, threshold, self.opener.entry, nonce_count=nonce_count
        )
        self.codec, self.folder = FrostCodec(self.wallet), folder
        self.benches = {number: self.start(number) for number in self.shares}

    def start(self, number):
        # A signer process: what it holds in memory begins empty, its folder stays.
        folder = self.folder / f"signer-{number}"
        folder.mkdir(exist_ok=True)
        rules = rules_json(
            fee_caps={LOCAL.chain.id: str(FEE_MAX)},
            buckets={NATIVE.key: {"capacity": str(100 * SOL), "refill_per_hour": "0"}},
        )
        registration = {
            **self.wallet.registration(),
            "our_paths": {"member": path_of(number)},
            "roles": ["member"],
        }
        return Bench(
            folder, rules, [registration], Secret(bytes([number]) * 64), {path_of(number): self.shares[number]}
        )

    def restart(self, number):
        self.benches[number].memory.close()
        self.benches[number] = self.start(number)

    def forget(self):
        # Signers whose memory is gone: what an attacker would need, and no signer starts like that by itself.
        for number, bench in self.benches.items():
            bench.memory.close()
            for path in (self.folder / f"signer-{number}").iterdir():
                path.unlink()
            self.benches[number] = self.start(number)

    def intent(self, to, units, number=1, asset=NATIVE):
        return TransferIntent(
            WithdrawalId(f"w{number}"),
            Address(LOCAL.chain.id, to),
            Amount(units, asset),
            Amount(FEE_MAX, NATIVE),
            "",
            1,
            f"{number:032x}",
            NOW + 600,
        )

    def chosen(self, *numbers):
        return [self.wallet.verifying[number] for number in numbers or (1, 2)]

    def state(self, lamports=50 * SOL, deposits=()):
        nonces = tuple(Nonce(account, Key(f"value {account}").text) for account in self.wallet.nonce_accounts)
        return FrostState(lamports, nonces, tuple(DepositMoney(*each) for each in deposits))

    def ask(self, need, *intents):
        approvals = tuple(each for intent in intents for each in approve(intent))
        return request(
            need.payload,
            *intents,
            approvals=approvals,
            role=need.role,
            chain=LOCAL.chain.id,
            wallet_id=self.wallet.id,
        )

    def answer(self, number, need, *intents):
        (signature,) = self.benches[number].sign(self.ask(need, *intents))
        return signature

    def round(self, plan, given, *intents):
        # Asks everybody who is missing, once.
        need = self.codec.next_need(plan, given)
        return [self.answer(n, need, *intents) for n, key in self.wallet.verifying.items() if key in need.together]

    def sign(self, plan, *intents):
        committed = self.round(plan, [], *intents)
        return committed + self.round(plan, committed, *intents)


class LiveFrost(FrostHouse):
    def __init__(self, vm, name, folder, deposits=2, nonce_count=2):
        super().__init__(name, folder, nonce_count)
        self.vm, self.node = vm, SolanaNode(vm.rpc)
        self.reader = FrostReader(self.wallet, self.node, funded=lambda: range(deposits))
        self.broadcaster = SplBroadcaster(self.node)
        vm.fund(self.opener.text, 10 * SOL)
        vm.mine(1)
        opener = FrostOpener(self.node, self.wallet, self.opener.sign)
        opener.open_wallet()
        opener.open_deposits(range(deposits))
        vm.mine(FINAL)
        verify_frost_wallet(self.node, self.wallet)
        verify_frost_deposits(self.node, self.wallet, range(deposits))

    def plan(self, *intents, members=(1, 2), reserved=frozenset()):
        return self.codec.plan(intents, self.reader.spendable(reserved), self.chosen(*members))

    def pay(self, *intents, members=(1, 2)):
        plan = self.plan(*intents, members=members)
        signed = self.codec.assemble(plan, self.sign(plan, *intents))
        assert self.broadcaster.broadcast(signed) == signed.txid
        return plan, signed

    def lamports(self, address):
        account = self.node.accounts([address], "processed")[0]
        return account.lamports if account else 0
