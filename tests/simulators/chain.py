# A simulator of one chain with coins, blocks and a pool, and of a multisig wallet on it. It is not a node:
# signatures are plain hashes. It bends: lost answers, lies, eviction, reorganisations, foreign spends.
import hashlib
import json
from dataclasses import dataclass, field, replace

from custody.chains.port import SignedTx
from custody.keys.material import Curve, PublicKey, Signature, SigningNeed, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef, Chain, ChainId, Family, Finality
from custody.primitives.encoding import canonical_json
from custody.primitives.errors import (
    BadSignature,
    InsufficientFunds,
    InvalidAddress,
    InvalidInput,
    MalformedPayload,
    NodeUnavailable,
    QuorumNotReached,
    Refused,
)
from custody.primitives.ids import TxId
from custody.primitives.intent import TransferSummary

SIM = ChainId("simchain")
COIN = Asset("SIM", 8, SIM)
FEE_UNITS = 10
FEE_STEP = 10  # a replacement pays at least this much more
DUST_UNITS = 5
FINAL_DEPTH = 3


def chain(chain_id=SIM):
    return Chain(chain_id, Family.UTXO, "simulated", f"sim:{chain_id}", 1, FINAL_DEPTH)


@dataclass(frozen=True)
class SimTx:
    inputs: tuple[str, ...]
    outputs: tuple[tuple[str, int], ...]
    change: int
    fee: int
    members: tuple[str, ...] = ()  # hex keys written into the message, for families that do so

    def to_bytes(self):
        return canonical_json(
            {
                "inputs": self.inputs,
                "outputs": [[to, str(units)] for to, units in self.outputs],
                "change": str(self.change),
                "fee": self.fee,
                "members": self.members,
            }
        )

    @classmethod
    def from_bytes(cls, raw):
        try:
            fields = json.loads(raw)
            outputs = tuple((to, int(units)) for to, units in fields["outputs"])
            return cls(tuple(fields["inputs"]), outputs, int(fields["change"]), fields["fee"], tuple(fields["members"]))
        except (KeyError, ValueError, TypeError) as error:
            raise MalformedPayload("not a simulated transaction") from error

    @property
    def txid(self):
        return TxId(hashlib.sha256(self.to_bytes()).hexdigest())


def sim_signature(key, payload):
    return hashlib.sha256(b"simulated signature" + key.raw + payload).digest()


def sim_key(name):
    return PublicKey(Curve.ED25519, hashlib.sha256(name.encode()).digest())


@dataclass
class SimNetwork:
    coins: dict[str, int] = field(default_factory=dict)  # what the wallet owned at the start
    blocks: list[list[SimTx]] = field(default_factory=list)
    pool: dict[str, SimTx] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)  # executed, moved no value
    aliases: dict[str, str] = field(default_factory=dict)  # malleated txid -> original
    down: bool = False
    lose_answers: int = 0
    refuse_though_relayed: int = 0
    refuse: int = 0
    sends: list[bytes] = field(default_factory=list)

    def mined(self):
        return [tx for block in self.blocks for tx in block]

    def spender(self, coin):
        # (transaction in the main chain that spent the coin, its depth)
        for height, block in enumerate(self.blocks):
            for tx in block:
                if coin in tx.inputs:
                    return tx, len(self.blocks) - height
        return None, 0

    def unspent(self):
        spent = {coin for tx in self.mined() for coin in tx.inputs}
        made = {f"{tx.txid}:change": tx.change for tx in self.mined() if tx.change and tx.txid not in self.failed}
        return {coin: units for coin, units in (self.coins | made).items() if coin not in spent}

    def paid(self, to):
        # Every payment to a place in the main chain: what a double payment would show in.
        return [
            units for tx in self.mined() if tx.txid not in self.failed for place, units in tx.outputs if place == to
        ]

    def accept(self, tx):
        if tx.txid in self.pool or any(tx == known for known in self.mined()):
            return
        unspent = self.unspent()
        if any(coin not in unspent for coin in tx.inputs):
            raise Refused("an input is missing or spent")
        rivals = [other for other in self.pool.values() if not set(other.inputs).isdisjoint(tx.inputs)]
        if any(other.fee + FEE_STEP > tx.fee for other in rivals):
            raise Refused("the pool holds a rival that pays as much")
        for other in rivals:
            del self.pool[other.txid]
        self.pool[tx.txid] = tx

    def mine(self, blocks=1):
        for _ in range(blocks):
            self.blocks.append(list(self.pool.values()))
            self.pool.clear()

    def evict(self):
        self.pool.clear()

    def reorg(self, depth, *, drop=True):
        gone = [tx for block in self.blocks[-depth:] for tx in block]
        del self.blocks[-depth:]
        if not drop:
            self.pool.update({tx.txid: tx for tx in gone})

    def spend_outside(self, coin):
        # Somebody else holds the key: a transaction of ours that we never made.
        self.pool = {txid: tx for txid, tx in self.pool.items() if coin not in tx.inputs}
        tx = SimTx((coin,), (("sim1thief", self.unspent()[coin] - 1),), 0, 1)
        self.pool[tx.txid] = tx
        return tx

    def require_up(self):
        if self.down:
            raise NodeUnavailable("the simulated node is down")


class SimReader:
    def __init__(self, network, chain_id=SIM):
        self.network, self.chain = network, chain(chain_id)

    def tip(self):
        return self.block_at(len(self.network.blocks))

    def block_at(self, height):
        self.network.require_up()
        return BlockRef(self.chain.id, height, f"block-{height}", f"block-{height - 1}")

    def balance(self, address, asset, at=None):
        self.network.require_up()
        return Amount(sum(self.network.unspent().values()), asset)

    def spendable(self, reserved):
        self.network.require_up()
        return {coin: units for coin, units in self.network.unspent().items() if f"sim:{coin}" not in reserved}

    def deposits(self, watched, block):
        return ()

    def finality(self, txid, conflict_key):
        self.network.require_up()
        tx, depth = self.network.spender(conflict_key.removeprefix("sim:"))
        if tx is not None:
            ours = txid in (tx.txid, self.network.aliases.get(tx.txid))
            if depth < FINAL_DEPTH:
                return Finality.MINED if ours else Finality.UNKNOWN
            if not ours:
                return Finality.DEAD
            return Finality.FAILED if tx.txid in self.network.failed else Finality.FINAL
        return Finality.PENDING if txid in self.network.pool else Finality.UNKNOWN


class SimBroadcaster:
    def __init__(self, network):
        self.network = network

    def broadcast(self, signed):
        self.network.require_up()
        if self.network.refuse:
            self.network.refuse -= 1
            raise Refused("rejected by policy of the simulated node")
        self.network.sends.append(signed.raw)
        self.network.accept(SimTx.from_bytes(json.loads(signed.raw)["tx"].encode()))
        if self.network.lose_answers:
            self.network.lose_answers -= 1
            raise NodeUnavailable("the answer was lost")
        if self.network.refuse_though_relayed:
            self.network.refuse_though_relayed -= 1
            raise Refused("an error, although the transaction was relayed")
        return signed.txid


class SimCodec:
    """A 2-of-3 (or other) wallet; with a sender key it needs a second round, as smart-contract wallets do."""

    def __init__(self, members, threshold, *, sender=None, fixes_signers=False, chain_id=SIM):
        self.chain, self.native = chain(chain_id), Asset("SIM", 8, chain_id)
        self.members, self.threshold = tuple(members), threshold
        self.sender, self.fixes_signers = sender, fixes_signers

    def parse_address(self, text):
        if not text.startswith("sim1") or not text.islower():
            raise InvalidAddress(f"{text[:20]!r} is not a simulated address")
        return Address(self.chain.id, text)

    def plan(self, intents, spendable, members):
        if any(intent.amount.units < DUST_UNITS for intent in intents):
            raise InvalidInput("an output below the dust limit")
        needed = sum(intent.amount.units for intent in intents) + FEE_UNITS
        chosen, total = [], 0
        for coin, units in sorted(spendable.items()):
            if total >= needed:
                break
            chosen.append(coin)
            total += units
        if total < needed:
            raise InsufficientFunds(f"{total} units for {needed}")
        fixed = tuple(member.raw.hex() for member in members) if self.fixes_signers else ()
        outputs = tuple((intent.to.text, intent.amount.units) for intent in intents)
        return SimTx(tuple(chosen), outputs, total - needed, FEE_UNITS, fixed)

    def summarize(self, tx):
        payments = tuple((Address(self.chain.id, to), Amount(units, self.native)) for to, units in tx.outputs)
        return TransferSummary(payments, (), Amount(tx.fee, self.native))

    def reservations(self, tx):
        return tuple(f"sim:{coin}" for coin in tx.inputs)

    def bump(self, tx, spendable, intents):
        fee, chosen, change = tx.fee + 2 * FEE_STEP, list(tx.inputs), tx.change - 2 * FEE_STEP
        if fee > sum(intent.fee_max.units for intent in intents):
            return None
        for coin, units in sorted(spendable.items()):
            if change < 0 and coin not in chosen:
                chosen.append(coin)
                change += units
        return replace(tx, inputs=tuple(chosen), change=change, fee=fee) if change >= 0 else None

    def next_need(self, tx, signatures):
        valid = self._valid_members(tx, signatures)
        if len(valid) < self.threshold:
            return SigningNeed(SigningRole.MEMBER, tx.to_bytes(), self.threshold - len(valid))
        if self.sender is not None and all(each.key != self.sender for each in signatures):
            return SigningNeed(SigningRole.SENDER, self._outer(tx, valid), 1)
        return None

    def assemble(self, tx, signatures):
        for each in signatures:
            if each.key == self.sender:
                continue
            allowed = {key.raw.hex() for key in self.members} if not tx.members else set(tx.members)
            if each.key.raw.hex() not in allowed or each.value != sim_signature(each.key, tx.to_bytes()):
                raise BadSignature(f"signature of {each.key.raw.hex()[:8]} does not verify")
        valid = self._valid_members(tx, signatures)
        if len(valid) < self.threshold:
            raise QuorumNotReached(f"{len(valid)} of {self.threshold}")
        if self.sender is not None:
            by_sender = [each for each in signatures if each.key == self.sender]
            if not by_sender:
                raise QuorumNotReached("the sender has not signed")
            if by_sender[0].value != sim_signature(self.sender, self._outer(tx, valid)):
                raise BadSignature("the sender's signature does not verify")
        text = canonical_json({"tx": tx.to_bytes().decode(), "by": sorted(each.value.hex() for each in signatures)})
        return SignedTx(tx.txid, text, self.reservations(tx)[0], Amount(tx.fee, self.native))

    def encode(self, tx):
        return tx.to_bytes()

    def decode(self, raw):
        return SimTx.from_bytes(raw)

    def _valid_members(self, tx, signatures):
        return [each for each in signatures if each.value == sim_signature(each.key, tx.to_bytes())]

    def _outer(self, tx, valid):
        return tx.to_bytes() + b"".join(sorted(each.value for each in valid[: self.threshold]))


def signature(key, payload):
    return Signature(key, 0, sim_signature(key, payload))
