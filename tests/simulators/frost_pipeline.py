# Three real signer processes with shares of one key, the withdrawal pipeline and the Solana VM; the ledger is simulated.
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from simulators.gates import SEALS, open_gates
from simulators.ledger import SimLedger
from simulators.solana import FINAL, SOL, Key
from simulators.withdrawal_house import OPERATORS, House, approval, roster_of

from custody.chains.solana.broadcaster import SplBroadcaster
from custody.chains.solana.frost_codec import FrostCodec
from custody.chains.solana.frost_reader import FrostReader
from custody.chains.solana.frost_setup import FrostOpener, verify_frost_wallet
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.params import LOCAL
from custody.devnet.processes import Launch, NodeProcess
from custody.keys.private_files import make_private_folder, write_new_private
from custody.primitives.amount import Amount
from custody.primitives.asset import AssetBook
from custody.primitives.chain import Family
from custody.primitives.errors import Unavailable
from custody.primitives.ids import CustomerId, IdempotencyKey
from custody.primitives.secret import Secret
from custody.signers.client import RemoteSigner
from custody.signers.provision import create_home
from custody.store.database import open_database
from custody.store.withdrawals import SqlWithdrawalStore
from custody.withdrawals.facts import Kind, Tier
from custody.withdrawals.lanes import Lane, Lanes, Member
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.pipeline import Pipeline
from custody.withdrawals.request import Bounds, WithdrawalRequest
from custody.withdrawals.rules import Effect, Group, Match, Policy, Rule
from custody.withdrawals.service import ServiceParts, WithdrawalService
from exchange.app.frost_ceremony import FrostPlaces, hold_frost_ceremony
from exchange.app.wallets import frost_wallet

NATIVE = LOCAL.native
SIGNERS = ("signer-a", "signer-b", "signer-c")
PASSPHRASE = Secret(b"correct horse battery staple")
FEE_MAX = 100_000
ROOT = Path(__file__).resolve().parents[2]


def rules(name):
    return {
        "format": "mext/signer-rules/1",
        "name": name,
        "version": 1,
        "frozen": False,
        "roster": [
            {
                "approver": member.approver,
                "public_key": member.public_key.raw.hex(),
                "person": member.person,
                "organisation": member.organisation,
            }
            for member in roster_of(*OPERATORS).members
        ],
        "quorum": {"threshold": 2, "max_age_s": 86_400, "min_organisations": 1},
        "wallet_quorums": {},
        "destinations": {},
        "own_moves": [],
        "fee_caps": {LOCAL.chain.id: str(FEE_MAX)},
        "buckets": {NATIVE.key: {"capacity": str(100 * SOL), "refill_per_hour": "0"}},
    }


@dataclass
class FrostRoom(House):
    # The policy, people, screening and breaker are the House's; chain, signers and wallet are real.
    vm: object = None
    folder: Path = None
    processes: dict = field(default_factory=dict)
    lanes_of: object = staticmethod(lambda member: member)

    def __post_init__(self):
        self.now_s = int(time.time())
        self.policy = Policy(
            1,
            (
                Rule(
                    "all",
                    Effect.PERMIT,
                    Match(kinds=frozenset({Kind.CUSTOMER})),
                    groups=(Group("operators", frozenset(OPERATORS), 2),),
                ),
            ),
            {LOCAL.chain.id: FEE_MAX},
        )
        make_private_folder(self.folder)
        self.folders = {name: self.folder / name for name in SIGNERS}
        for name, folder in self.folders.items():
            create_home(folder, PASSPHRASE, rules(name))
        write_new_private(self.folder / "passphrase", PASSPHRASE.reveal() + b"\n")
        opener = Key(str(self.folder))
        places = FrostPlaces("hot-sol", "hot", LOCAL.chain.id, opener.public, opener.entry.path)
        self.ceremony = hold_frost_ceremony(places, self.folders, PASSPHRASE)
        self.wallet = frost_wallet(self.ceremony.spec)
        self.node = SolanaNode(self.vm.rpc)
        self.vm.fund(opener.text, 10 * SOL)
        self.vm.mine(1)
        FrostOpener(self.node, self.wallet, opener.sign).open_wallet()
        self.vm.fund(self.wallet.address, 20 * SOL)
        self.vm.mine(FINAL)
        verify_frost_wallet(self.node, self.wallet)
        self.ledger = SimLedger({"alice": 100 * SOL})
        self.codec, self.engine = FrostCodec(self.wallet), open_database("sqlite://")
        self.signers = {name: RemoteSigner(name, self.socket(name)) for name in SIGNERS}
        for name in SIGNERS:
            self.start(name)
        self.reopen()

    def socket(self, name):
        return self.folder / "run" / f"{name}.sock"

    def start(self, name):
        arguments = ("-m", "custody.signers", "--home", str(self.folders[name]), "--socket", str(self.socket(name)))
        passphrase = ("--passphrase-file", str(self.folder / "passphrase"))
        launch = Launch(
            name, (sys.executable, *arguments, *passphrase), self.folder / "logs", {"PYTHONPATH": str(ROOT)}
        )
        self.processes[name] = NodeProcess.start(launch, is_ready=lambda: self._answers(name))

    def stop(self, name):
        self.processes.pop(name).stop()

    def close(self):
        for name in tuple(self.processes):
            self.stop(name)

    def _answers(self, name):
        try:
            return bool(self.signers[name].health())
        except Unavailable:
            return False

    def reopen(self, bend=lambda signer: signer):
        assets = AssetBook([NATIVE])
        self.store = SqlWithdrawalStore(self.engine, assets, SEALS)
        keys = {
            member.signer: key.key for member, key in zip(self.ceremony.spec.members, self.wallet.members, strict=True)
        }
        lane = Lane(
            wallet_id=self.wallet.id,
            tier=Tier.HOT,
            native=NATIVE,
            codec=self.codec,
            reader=FrostReader(self.wallet, self.node, funded=tuple),
            broadcasters=(SplBroadcaster(self.node),),
            members=tuple(Member(bend(self.signers[name]), keys[name]) for name in SIGNERS),
            threshold=self.wallet.threshold,
            fixes_signers=True,
        )
        lanes = Lanes([lane])
        bounds = {"SOL": Bounds(Amount(1, NATIVE), Amount(10**15, NATIVE))}
        self.service = WithdrawalService(ServiceParts(self.store, self.ledger, self, assets, lanes, bounds))
        self.parts = PipelineParts(
            self.store,
            self.ledger,
            self,
            self,
            self,
            self,
            lanes,
            lambda: self.now_s * 1000,
            {Family.SOLANA: self.batching},
            gates=open_gates(self)[0],
        )
        self.pipeline = Pipeline(self.parts)
        return self

    def ask(self, units, to, key):
        request = WithdrawalRequest(
            CustomerId("alice"), "SOL", to, Amount(units, NATIVE).text(), "", IdempotencyKey(key)
        )
        made = self.service.request(request, self.now_s * 1000)
        for _ in range(3):
            self.step()
        self.approve(made.id, "ann", "bob")
        return made.id

    def approve(self, withdrawal_id, *names):
        withdrawal = self.service.get(withdrawal_id)
        for name in names:
            vote = approval(withdrawal.intent_hash, name, at_s=self.now_s)
            self.service.approve(withdrawal_id, vote, self.now_s * 1000)

    def settle(self, rounds=8):
        for _ in range(rounds):
            self.step()
            self.vm.mine(12)
        self.step()
