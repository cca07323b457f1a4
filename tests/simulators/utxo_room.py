# The withdrawal room over one UTXO wallet on its local node. Chain, codec, store and decoders are real; the ledger and
# the signers' memories are simulated.
import time
from dataclasses import dataclass

from simulators.bitcoin import Kind, LiveWallet, LocalNode
from simulators.gates import SEALS, open_gates
from simulators.ledger import SimLedger
from simulators.withdrawal_house import House, house_policy

from custody.primitives.amount import Amount
from custody.primitives.asset import AssetBook
from custody.primitives.chain import Family
from custody.primitives.errors import Conflict, SignerUnavailable
from custody.primitives.ids import CustomerId, IdempotencyKey
from custody.store.database import open_database
from custody.store.withdrawals import SqlWithdrawalStore
from custody.withdrawals.facts import Tier
from custody.withdrawals.lanes import Lane, Lanes, Member
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.pipeline import Pipeline
from custody.withdrawals.request import Bounds, WithdrawalRequest
from custody.withdrawals.service import ServiceParts, WithdrawalService

COIN = 10**8


class UtxoSigner:
    # A cosigner with the real decoder; of its memory, only that a withdrawal has one conflict key.
    def __init__(self, name, member, wallet):
        self.name, self.member, self.wallet = name, member, wallet
        self.keys, self.down, self.asked = {}, False, 0

    def sign(self, asked):
        if self.down:
            raise SignerUnavailable(f"{self.name} is down")
        self.asked += 1
        understood = self.member.decoder(self.wallet).understand(asked.payload, asked.role)
        for intent in asked.intents:
            if self.keys.setdefault(intent.withdrawal_id, understood.conflict_key) != understood.conflict_key:
                raise Conflict(f"{intent.withdrawal_id} was signed on another conflict key")
        return self.member.sign(self.wallet, asked.payload)

    def tombstone(self, withdrawal_id):
        if withdrawal_id in self.keys:
            raise Conflict(f"{withdrawal_id} was signed")

    def releases(self, after):
        return ()  # no database is restored here


@dataclass
class UtxoRoom(House):
    kind: Kind | None = None
    node: LocalNode | None = None
    live: LiveWallet | None = None

    def __post_init__(self):
        self.now_s = int(time.time())
        self.asset = self.kind.params.asset
        self.live = self.kind.open(self.node, "room")
        self.live.fund(50_000_000 * self.kind.unit, 30_000_000 * self.kind.unit)
        self.policy = house_policy(fee_caps={self.asset.chain: 1_000_000 * self.kind.unit})
        self.ledger = SimLedger({"alice": 1_000 * COIN})
        self.engine, self.codec = open_database("sqlite://"), self.live.codec
        self.signers = [
            UtxoSigner(f"signer-{n}", member, self.live.wallet) for n, member in enumerate(self.live.members)
        ]
        self.reopen()

    def reopen(self):
        assets = AssetBook([self.asset])
        self.store = SqlWithdrawalStore(self.engine, assets, SEALS)
        lane = Lane(
            wallet_id=self.live.wallet.id,
            tier=Tier.HOT,
            native=self.asset,
            codec=self.codec,
            reader=self.live.reader,
            broadcasters=(self.live.broadcaster,),
            members=tuple(Member(each, each.member.account_key) for each in self.signers),
            threshold=self.live.wallet.threshold,
            bump_after_ms=self.bump_after_ms,
            max_bumps=self.max_bumps,
        )
        lanes = Lanes([lane])
        bounds = {self.asset.symbol: Bounds(Amount(1, self.asset), Amount(1_000 * COIN, self.asset))}
        self.service = WithdrawalService(ServiceParts(self.store, self.ledger, self, assets, lanes, bounds))
        self.parts = PipelineParts(
            self.store, self.ledger, self, self, self, self, lanes, lambda: self.now_s * 1000,
            {Family.UTXO: self.batching}, gates=open_gates(self)[0],
        )  # fmt: skip
        self.pipeline = Pipeline(self.parts)
        self.pipeline.try_open()
        return self

    def ask(self, units, to, key="key-1"):
        text = Amount(units, self.asset).text()
        wanted = WithdrawalRequest(CustomerId("alice"), self.asset.symbol, to, text, "", IdempotencyKey(key))
        return self.service.request(wanted, self.now_s * 1000).id

    def sent(self, units, to):
        withdrawal_id = self.ask(units, to)
        for _ in range(3):
            self.step()
        return withdrawal_id

    def payment_of(self, withdrawal_id):
        return self.store.payment(self.service.get(withdrawal_id).payment_id)

    def attempts_of(self, withdrawal_id):
        return self.store.attempts(self.payment_of(withdrawal_id).id)

    def mine(self, blocks):
        self.node.mine(blocks)
        self.step()
        self.step()

    def got(self, address):
        # Transactions of the last blocks that paid a place: what a double payment would show in.
        reader, found = self.live.reader, []
        tip = reader.tip()
        for height in range(max(1, tip.height - 30), tip.height + 1):
            found += [each.amount.units for each in reader.deposits({address}, reader.block_at(height))]
        return found
