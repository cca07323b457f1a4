# A chain of blocks that can be bent: mined, reorganised, and read by the deposit scanner.
from collections import defaultdict
from dataclasses import dataclass

from custody.compliance.port import ScreeningAnswer, ScreeningUnavailable, ScreeningVerdict
from custody.primitives.address import Address
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef, Chain, ChainId, Family
from custody.primitives.errors import InsufficientFunds, NodeUnavailable
from custody.wallets.deposit import transfer_id
from custody.wallets.deposit_rules import DepositRules

CHAIN = Chain(ChainId("sim"), Family.UTXO, "regtest", "bip122:sim", credit_depth=2, final_depth=4)
BENT_COIN = Asset("BENT", 8, CHAIN.id)


@dataclass(frozen=True)
class Payment:
    txid: str
    index: int
    to: Address
    amount: object
    memo: str = ""
    senders: tuple[str, ...] = ()


class BentChain:
    chain = CHAIN

    def __init__(self):
        self.blocks = []
        self.payments = {}
        self.forks = 0
        self.down = False
        self.mine()

    def mine(self, *payments, count=1):
        for _ in range(count):
            height = len(self.blocks)
            parent = self.blocks[-1].hash if self.blocks else ""
            block = BlockRef(CHAIN.id, height, f"h{height}-{self.forks}", parent)
            self.blocks.append(block)
            self.payments[block.hash] = payments
            payments = ()

    def reorg(self, depth):
        self.forks += 1
        del self.blocks[-depth:]

    def tip(self):
        if self.down:
            raise NodeUnavailable("simulated: no answer")
        return self.blocks[-1]

    def block_at(self, height):
        if height >= len(self.blocks):
            raise NodeUnavailable("simulated: no such block")
        return self.blocks[height]

    def deposits(self, watched, block):
        return [p for p in self.payments[block.hash] if p.to.text in watched]


class MemoryDeposits:
    def __init__(self):
        self.addresses, self.rows, self.blocks, self.guards = {}, {}, defaultdict(dict), {}

    def watched(self, chain):
        return {text: customer for (c, text), (customer, _) in self.addresses.items() if c == chain}

    def add_address(self, address, customer, index):
        self.addresses[address.chain, address.text] = (customer, index)

    def address_of(self, chain, customer):
        found = [(Address(c, t), i) for (c, t), (who, i) in self.addresses.items() if (c, who) == (chain, customer)]
        return found[-1] if found else None

    def next_index(self, chain):
        return 1 + max((i for (c, _), (_, i) in self.addresses.items() if c == chain), default=-1)

    def scanned_tip(self, chain):
        return max(self.blocks[chain].values(), key=lambda b: b.height, default=None)

    def scanned_block(self, chain, height):
        return self.blocks[chain].get(height)

    def record_block(self, block, deposits):
        self.blocks[block.chain][block.height] = block
        for deposit in deposits:
            self.rows[deposit.key] = deposit

    def forget_block(self, block):
        del self.blocks[block.chain][block.height]

    def get(self, key):
        return self.rows.get(key)

    def known(self, keys):
        return {key: self.rows[key] for key in keys if key in self.rows}

    def save(self, *deposits):
        for deposit in deposits:
            self.rows[deposit.key] = deposit

    def in_states(self, chain, states):
        found = [d for d in self.rows.values() if d.block.chain == chain and d.state in states]
        return sorted(found, key=lambda d: (d.block.height, d.key))

    def of_customer(self, customer, states):
        return [d for d in self.rows.values() if d.customer == customer and d.state in states]

    def depth_guard(self, chain):
        return self.guards.get(chain)

    def save_depth_guard(self, chain, guard):
        self.guards[chain] = guard

    def in_block(self, block):
        return [d for d in self.rows.values() if d.block == block]


class MemoryLedger:
    def __init__(self):
        self.done, self.balance = set(), defaultdict(int)

    def credit(self, deposit):
        self._once(transfer_id(deposit, "credit"), deposit, deposit.amount.units)

    def reverse(self, deposit):
        if self.balance[deposit.customer] < deposit.amount.units and transfer_id(deposit, "reversal") not in self.done:
            raise InsufficientFunds("simulated: already spent")
        self._once(transfer_id(deposit, "reversal"), deposit, -deposit.amount.units)

    def _once(self, key, deposit, units):
        if key not in self.done:
            self.done.add(key)
            self.balance[deposit.customer] += units


class SimScreening:
    """Lists senders; says nothing while it is down."""

    def __init__(self, *listed):
        self.listed, self.down, self.asked = set(listed), False, []

    def screen(self, question):
        self.asked.append(question.to.text)
        if self.down:
            raise ScreeningUnavailable("simulated: no answer in time")
        if question.to.text in self.listed:
            return ScreeningAnswer(ScreeningVerdict.HIT, "simulated list", f"{question.to.text} is listed")
        return ScreeningAnswer(ScreeningVerdict.CLEAR, "simulated list")


def rules(floors=None, screening=None, **changes):
    return DepositRules(floors or {}, screening or SimScreening(), **changes)
