"""The chain of the Tron ledger simulator: blocks, what waits for one, expiry, duplicates, reorganisations.

Rules:
    * A transaction is executed when it is taken and stands in the next block that is sealed.
    * Blocks are solidified at a fixed depth, and a solidified block is never dropped.
    * The ledger has no clock: whoever seals a block says its time.

Example:
    ledger = TronLedger(now_ms=1_700_000_000_000, solid_depth=19)
    ledger.submit(signed)
    ledger.seal(1_700_000_003_000)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from custody.chains.tron.address import address_of, node_hex
from custody.chains.tron.rawtx import RawPayment, Window, payment_bytes, signed_bytes
from custody.devnet.tron_accounts import Account, Token, World
from custody.devnet.tron_execution import Executed, NodeRefusal, Transaction, execute
from custody.keys import ecdsa
from custody.primitives.secret import Secret

MAX_EXPIRATION_AHEAD_MS = 86_400_000
REFERENCE_BLOCKS = 65_536
FAUCET_KEY = hashlib.sha256(b"mext tron simulator faucet").digest()
FAUCET_SUN = 10**17
FAUCET_WINDOW_MS = 60_000


@dataclass(frozen=True, slots=True)
class Block:
    """A sealed block, with the world it ended with."""

    height: int
    id: str
    parent: str
    time_ms: int
    executed: tuple[Executed, ...]
    world: World


@dataclass(slots=True)
class TronLedger:
    """One chain.

    Attributes:
        now_ms: Time of block 0.
        solid_depth: Blocks on top that make a block final.
    """

    now_ms: int
    solid_depth: int = 19
    blocks: list[Block] = field(init=False)
    waiting: list[Executed] = field(init=False, default_factory=list)
    places: dict[str, tuple[int, int]] = field(init=False, default_factory=dict)
    world: World = field(init=False)
    turns: int = field(init=False, default=0)
    paid: int = field(init=False, default=0)
    faucet: Secret = field(init=False)
    faucet_text: str = field(init=False)

    def __post_init__(self) -> None:
        self.faucet = Secret(FAUCET_KEY)
        self.faucet_text = address_of(ecdsa.public_key(self.faucet))
        hex_form = node_hex(self.faucet_text)
        self.world = World().with_account(hex_form, Account.new(hex_form)).with_sun(hex_form, FAUCET_SUN)
        self.blocks = [Block(0, self._id(0, "", self.now_ms), "", self.now_ms, (), self.world)]

    @property
    def head(self) -> Block:
        """The newest block."""
        return self.blocks[-1]

    @property
    def solid(self) -> Block:
        """The newest block that is never dropped."""
        return self.blocks[max(0, len(self.blocks) - 1 - self.solid_depth)]

    def submit(self, whole: bytes) -> Transaction:
        """Take a signed transaction, or refuse it as java-tron words it.

        Raises:
            NodeRefusal: It is not taken.
            MalformedPayload, KeyError: Not a transaction.
        """
        tx = Transaction.parse(whole)
        if tx.txid in self.places or any(each.transaction.txid == tx.txid for each in self.waiting):
            raise NodeRefusal("DUP_TRANSACTION_ERROR", "Transaction already exists.")
        self._verify_reference(tx)
        if not self.head.time_ms < tx.expiration_ms <= self.head.time_ms + MAX_EXPIRATION_AHEAD_MS:
            raise NodeRefusal("TRANSACTION_EXPIRATION_ERROR", "Transaction expired")
        executed = execute(self.world, tx)
        self.waiting.append(executed)
        self.world = executed.world
        return tx

    def seal(self, time_ms: int) -> Block:
        """Make a block of what waits; its time is at least a millisecond after the last one's."""
        time_ms = max(time_ms, self.head.time_ms + 1)
        height, parent = len(self.blocks), self.head.id
        block = Block(height, self._id(height, parent, time_ms), parent, time_ms, tuple(self.waiting), self.world)
        for place, executed in enumerate(block.executed):
            self.places[executed.transaction.txid] = (height, place)
        self.blocks.append(block)
        self.waiting = []
        return block

    def reorg(self, depth: int) -> list[str]:
        """Drop the newest blocks and what waits; ids of the transactions that are in no block any more.

        Raises:
            NodeRefusal: It would drop a solidified block.
        """
        if not 0 < depth <= self.head.height - self.solid.height:
            raise NodeRefusal("OTHER_ERROR", f"{depth} blocks: a solidified block is never dropped")
        dropped = self.blocks[-depth:]
        lost = [each.transaction.txid for block in dropped for each in block.executed]
        lost += [each.transaction.txid for each in self.waiting]
        del self.blocks[-depth:]
        self.waiting, self.world, self.turns = [], self.head.world, self.turns + 1
        self.places = {txid: place for txid, place in self.places.items() if place[0] < len(self.blocks)}
        return lost

    def forget_waiting(self) -> list[str]:
        """Drop what waits for a block, as a node does that restarts; the ids."""
        lost = [each.transaction.txid for each in self.waiting]
        self.waiting, self.world = [], self.head.world
        return lost

    def find(self, txid: str) -> tuple[Block, Executed] | None:
        """A transaction in a block."""
        place = self.places.get(txid)
        return (self.blocks[place[0]], self.blocks[place[0]].executed[place[1]]) if place else None

    def fund(self, to: str, sun: int) -> Transaction:
        """Pay from the faucet, as an ordinary transaction."""
        head = bytes.fromhex(self.head.id)
        self.paid += 1
        window = Window(head[6:8], head[8:16], self.head.time_ms + FAUCET_WINDOW_MS, self.paid)
        raw = payment_bytes(RawPayment(self.faucet_text, to, sun, None, 0, 0, window))
        return self.submit(signed_bytes(raw, [ecdsa.sign_recoverable(self.faucet, hashlib.sha256(raw).digest())]))

    def create_token(self, contract: str, token: Token) -> None:
        """Put a built-in contract at an address, in hex."""
        self.world = self.world.with_token(contract, token)

    def mint(self, contract: str, to: str, units: int) -> None:
        """Give somebody tokens, without an event."""
        self.world = self.world.with_units(contract, to, units)

    def _verify_reference(self, tx: Transaction) -> None:
        low, fingerprint = bytes(tx.fields.get(1, b"")), bytes(tx.fields.get(4, b""))
        height = self.head.height - (self.head.height - int.from_bytes(low, "big")) % REFERENCE_BLOCKS
        if height < 0 or len(low) != 2 or bytes.fromhex(self.blocks[height].id)[8:16] != fingerprint:
            raise NodeRefusal("TAPOS_ERROR", "Tapos check error.")

    def _id(self, height: int, parent: str, time_ms: int) -> str:
        txids = ",".join(each.transaction.txid for each in self.waiting)
        told = f"{height}|{parent}|{time_ms}|{self.turns}|{txids}".encode()
        return height.to_bytes(8, "big").hex() + hashlib.sha256(told).hexdigest()[16:]
