# A deposit room over a bent chain: real SQL store, real decisions; chain, ledger and screening are simulated.
from simulators.blocks import CHAIN, BentChain, MemoryLedger, Payment, SimScreening, rules
from simulators.withdrawal_house import NOW_S, approval, roster_of

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset, AssetBook
from custody.primitives.ids import CustomerId
from custody.store.database import open_database
from custody.store.deposits import SqlDepositStore
from custody.wallets.cases import CaseDesk, Decision
from custody.wallets.scanner import DepositScanner

COIN = Asset("COIN", 8, CHAIN.id)
ALICE = Address(CHAIN.id, "alice-address")
BOB = Address(CHAIN.id, "bob-address")
HOUSE = CustomerId("house")


class DepositHouse:
    def __init__(self, url="sqlite://", **changes):
        self.chain, self.ledger, self.screening = BentChain(), MemoryLedger(), SimScreening()
        self.source, self.now_s = self.chain, NOW_S
        self.store = SqlDepositStore(open_database(url), AssetBook([COIN]))
        self.store.add_address(ALICE, "alice", 1)
        self.store.add_address(BOB, "bob", 2)
        self.rules = rules({"COIN": 10}, self.screening, **changes)
        self.desk = CaseDesk(self.store, [CHAIN], lambda: roster_of("ann", "bob", "cid"), HOUSE)

    def pay(self, txid="t1", units=100, index=0, to=ALICE, **more):
        self.chain.mine(Payment(txid, index, to, Amount(units, COIN), **more))

    def step(self, blocks=0):
        if blocks:
            self.chain.mine(count=blocks)
        return DepositScanner(self.source, self.store, self.ledger, self.rules).step(self.now_s)

    def deposit(self, txid="t1", index=0):
        return self.store.get(f"{CHAIN.id}/{txid}/{index}")

    def state(self, txid="t1", index=0):
        return self.deposit(txid, index).state.value

    def balance(self, customer="alice"):
        return self.ledger.balance[customer]

    def propose(self, action, subject="sim/t1/0", **more):
        return Decision(action, subject, self.desk.seen(subject), "ann", self.now_s, **more)

    def decide(self, action, subject="sim/t1/0", approvers=("bob", "cid"), **more):
        decision = self.propose(action, subject, **more)
        self.carry_out(decision, approvers)
        return decision

    def carry_out(self, decision, approvers=("bob", "cid")):
        votes = [approval(decision.digest, name, at_s=self.now_s) for name in approvers]
        self.desk.carry_out(decision, votes, self.now_s)
