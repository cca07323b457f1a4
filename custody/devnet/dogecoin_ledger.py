"""A simulator: the blocks, coins and pool of a Dogecoin regression test network, in memory.

Rules:
    * Blocks have real headers and Merkle roots and no proof of work; everything else a node would check in a
      transaction is checked by `dogecoin_rules`.
    * A reorganisation gives the transactions of the lost blocks back to the pool, as a node does.
    * The faucet's coins are anyone's (OP_1): they exist here only.

Example:
    ledger = DogecoinLedger()
    ledger.mine(61, FAUCET_SCRIPT)
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from embit.base import EmbitError
from embit.script import Script
from embit.transaction import Transaction, TransactionInput, TransactionOutput

from custody.devnet import dogecoin_rules as rules
from custody.devnet.dogecoin_rules import SimCoin, TxRefused
from custody.keys.hd import hash160

GENESIS_HASH = "3d2160a3b5dc4a9d62e7e66a295f70313ac808440ef7400d6c0772171ce973a5"
"""Of the real regression test network, so that a client sees which network this plays."""
FAUCET_SCRIPT = b"\xa9\x14" + hash160(b"\x51") + b"\x87"
FAUCET_UNLOCK = b"\x01\x51"
"""Anybody may spend the faucet's coins; its script has an address, so that a payer can be screened."""
SUBSIDY_KOINU = 500_000 * 100_000_000
FAUCET_FEE_KOINU = 10_000_000
LAST_REPLACEABLE_SEQUENCE = 0xFFFF_FFFD
_START_S, _SPACING_S = 1_700_000_000, 60

Outpoint = tuple[str, int]


@dataclass(frozen=True, slots=True)
class SimTx:
    """A transaction with its bytes and its fee in koinu."""

    txid: str
    raw: bytes
    tx: Transaction
    fee: int

    @property
    def spends(self) -> tuple[Outpoint, ...]:
        """The outpoints of its inputs; none for a coinbase."""
        return tuple((e.txid.hex(), e.vout) for e in self.tx.vin if e.txid != bytes(32))


@dataclass(slots=True)
class SimBlock:
    """A block, and the coins it spent, for the way back."""

    hash: str
    parent: str
    height: int
    time_s: int
    txs: tuple[SimTx, ...]
    spent: dict[Outpoint, SimCoin] = field(default_factory=dict)


class DogecoinLedger:
    """One network with one node."""

    def __init__(self) -> None:
        self.chain = [SimBlock(GENESIS_HASH, "", 0, _START_S, ())]
        self.blocks = {GENESIS_HASH: self.chain[0]}
        self.unspent: dict[Outpoint, SimCoin] = {}
        self.pool: dict[str, SimTx] = {}
        self.where: dict[str, SimBlock] = {}
        self._mined = 0

    @property
    def tip(self) -> SimBlock:
        """The newest block."""
        return self.chain[-1]

    def accept(self, raw: bytes) -> str:
        """Take a transaction into the pool.

        Raises:
            TxRefused: With the number and text of the real node.
        """
        tx = read_tx(raw)
        txid = str(tx.txid().hex())
        if txid in self.pool:
            return txid
        if any((txid, vout) in self.unspent for vout in range(len(tx.vout))):
            raise TxRefused(-27, "transaction already in block chain")
        rules.verify_shape(tx, len(raw))
        coins = [self._spendable(entry.txid.hex(), entry.vout) for entry in tx.vin]
        fee = sum(coin.value for coin in coins) - sum(output.value for output in tx.vout)
        rules.verify_fee(tx, len(raw), fee)
        taken = SimTx(txid, raw, tx, fee)
        replaced = self._conflicts(taken)
        rules.verify_scripts(raw, coins)
        for old in replaced:
            del self.pool[old]
        self.pool[txid] = taken
        return txid

    def mine(self, count: int, script: bytes, *, empty: bool = False) -> list[str]:
        """Mine blocks with everything in the pool, or with nothing; hashes of the new blocks."""
        return [self._mine_one(script, () if empty else tuple(self.pool.values())) for _ in range(count)]

    def reorganise(self, depth: int) -> list[str]:
        """Replace the newest blocks by as many and one more empty ones; hashes of the new blocks."""
        lost: list[SimTx] = []
        for _ in range(depth):
            lost = [*self._disconnect().txs[1:], *lost]
        hashes = self.mine(depth + 1, FAUCET_SCRIPT, empty=True)
        waiting = [*lost, *self.pool.values()]
        self.pool = {}
        for each in waiting:
            self._take_back(each.raw)
        return hashes

    def fund(self, values: Mapping[bytes, int]) -> str:
        """Pay from the faucet: koinu by output script; the txid, which waits in the pool."""
        taken = {outpoint for each in self.pool.values() for outpoint in each.spends}
        needed, total, inputs = sum(values.values()) + FAUCET_FEE_KOINU, 0, []
        for outpoint, coin in self.unspent.items():
            if coin.script == FAUCET_SCRIPT and outpoint not in taken and self._is_mature(coin) and total < needed:
                inputs.append(TransactionInput(bytes.fromhex(outpoint[0]), outpoint[1], Script(FAUCET_UNLOCK)))
                total += coin.value
        if total < needed:
            raise TxRefused(-6, "Insufficient funds")
        outputs = [TransactionOutput(value, Script(script)) for script, value in values.items()]
        outputs.append(TransactionOutput(total - needed, Script(FAUCET_SCRIPT)))
        return self.accept(bytes(Transaction(1, inputs, outputs, 0).serialize()))

    def holds(self, script: bytes) -> int:
        """Koinu that lie on a script in blocks, unspent."""
        return sum(coin.value for coin in self.unspent.values() if coin.script == script)

    def evict(self, txid: str) -> None:
        """Forget a waiting transaction, and what builds on it; it can still come back."""
        for each in (txid, *self._descendants(txid)):
            self.pool.pop(each, None)

    def malleate(self, txid: str) -> str:
        """Change the input scripts of a waiting transaction as anybody on the way can: the new txid.

        One push without effect is put in front of each: valid by consensus, and a miner may take it.
        """
        tx = read_tx(self.pool[txid].raw)
        for entry in tx.vin:
            entry.script_sig = Script(b"\x51" + entry.script_sig.data)
        self.evict(txid)
        return self.accept(bytes(tx.serialize()))

    def _mine_one(self, script: bytes, txs: Sequence[SimTx]) -> str:
        self._mined += 1
        height, parent = self.tip.height + 1, self.tip.hash
        value = SUBSIDY_KOINU + sum(each.fee for each in txs)
        mark = Script(b"\x04" + height.to_bytes(4, "little") + b"\x04" + self._mined.to_bytes(4, "little"))
        source = TransactionInput(bytes(32), 0xFFFF_FFFF, mark, 0xFFFF_FFFF)
        coinbase = Transaction(1, [source], [TransactionOutput(value, Script(script))], 0)
        made = (SimTx(coinbase.txid().hex(), bytes(coinbase.serialize()), coinbase, 0), *txs)
        time_s = _START_S + _SPACING_S * height
        header = _header(parent, [each.txid for each in made], time_s, self._mined)
        block = SimBlock(_twice(header)[::-1].hex(), parent, height, time_s, made)
        for each in made:
            for outpoint in each.spends:
                block.spent[outpoint] = self.unspent.pop(outpoint)
            for vout, output in enumerate(each.tx.vout):
                self.unspent[each.txid, vout] = SimCoin(
                    output.value, output.script_pubkey.data, height, each is made[0]
                )
            self.pool.pop(each.txid, None)
            self.where[each.txid] = block
        self.chain.append(block)
        self.blocks[block.hash] = block
        return block.hash

    def _disconnect(self) -> SimBlock:
        block = self.chain.pop()
        self.unspent.update(block.spent)
        for each in block.txs:
            for vout in range(len(each.tx.vout)):
                self.unspent.pop((each.txid, vout), None)
            self.where.pop(each.txid, None)
        return block

    def _take_back(self, raw: bytes) -> None:
        try:
            self.accept(raw)
        except TxRefused:
            return  # what it spent was lost with the blocks

    def _spendable(self, txid: str, vout: int) -> SimCoin:
        coin = self.unspent.get((txid, vout))
        if coin is None and txid in self.pool and vout < len(self.pool[txid].tx.vout):
            output = self.pool[txid].tx.vout[vout]
            return SimCoin(output.value, output.script_pubkey.data, self.tip.height + 1, coinbase=False)
        if coin is None:
            raise TxRefused(-25, "Missing inputs")
        if not self._is_mature(coin):
            raise rules.refused(rules.INVALID, "bad-txns-premature-spend-of-coinbase")
        return coin

    def _is_mature(self, coin: SimCoin) -> bool:
        return not coin.coinbase or self.tip.height + 1 - coin.height >= rules.MATURITY_BLOCKS

    def _conflicts(self, newcomer: SimTx) -> list[str]:
        """What would have to leave the pool for it."""
        wanted = set(newcomer.spends)
        direct = [each for each in self.pool.values() if wanted & set(each.spends)]
        if not direct:
            return []
        gone = {each.txid for each in direct} | {d for each in direct for d in self._descendants(each.txid)}
        fees = [(self.pool[each].fee, len(self.pool[each].raw)) for each in gone]
        signalled = all(any(e.sequence <= LAST_REPLACEABLE_SEQUENCE for e in each.tx.vin) for each in direct)
        rules.verify_replacement(newcomer.fee, len(newcomer.raw), fees, signalled=signalled)
        return sorted(gone)

    def _descendants(self, txid: str) -> list[str]:
        found = [txid]
        for each in self.pool.values():  # parents stand before their children
            if any(spent in found for spent, _ in each.spends):
                found.append(each.txid)
        return found[1:]


def read_tx(raw: bytes) -> Transaction:
    """Read a transaction completely.

    Raises:
        TxRefused: It is none.
    """
    try:
        stream = io.BytesIO(raw)
        tx = Transaction.read_from(stream)
    except (EmbitError, ValueError, IndexError, TypeError, OverflowError, RuntimeError) as error:
        raise TxRefused(-22, "TX decode failed") from error
    if stream.read(1) or tx.is_segwit:
        raise TxRefused(-22, "TX decode failed")
    return tx


def _header(parent: str, txids: Sequence[str], time_s: int, nonce: int) -> bytes:
    layer = [bytes.fromhex(txid)[::-1] for txid in txids]
    while len(layer) > 1:
        layer += layer[-1:] * (len(layer) % 2)
        layer = [_twice(layer[at] + layer[at + 1]) for at in range(0, len(layer), 2)]
    numbers = time_s.to_bytes(4, "little") + bytes.fromhex("ffff7f20") + nonce.to_bytes(4, "little")
    return (4).to_bytes(4, "little") + bytes.fromhex(parent)[::-1] + layer[0] + numbers


def _twice(raw: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(raw).digest()).digest()
