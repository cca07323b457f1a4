"""A chain of blocks around the Solana VM: the VM executes for real, the chain is a simulator.

Rules:
    * Transactions run at once in the open slot ("processed"); sealing it makes them "confirmed"; after
      `FINAL_LAG_SLOTS` more slots they are "finalized".
    * Every block keeps the accounts it changed as they were before: any past state up to the last
      finalized slot can be shown, and a reorg puts them back.
    * A failed transaction with a durable nonce moves the nonce on, as the network does; the VM alone would not.
    * Blockhashes are good for 150 slots; "already processed" is remembered as long, then the blockhash or
      the nonce refuses a repeated transaction.

Example:
    ledger = VmLedger(genesis_s=1_700_000_000, slot_ms=25)
    ledger.send(raw, preflight=True)
    ledger.seal()
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from solders.account import Account
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from custody.devnet import solana_records as records
from custody.devnet.solana_records import Record
from custody.primitives.errors import InvalidInput

FINAL_LAG_SLOTS = 31
"""Slots between a confirmed and a finalized block: with the block's own, depth 32."""
BLOCKHASH_SLOTS = 150
"""How long a recent blockhash may be cited."""
FAUCET_LAMPORTS = 500_000_000 * 10**9
_FAUCET_SEED = bytes([0xFA] * 32)


class RpcRefusal(InvalidInput):
    """The simulated node answers with an error; `number` and `extra` are what its RPC sends."""

    code = "solana_rpc_refusal"

    def __init__(self, number: int, text: str, extra: Any = None) -> None:  # noqa: ANN401 - any JSON
        super().__init__(text, number=number)
        self.number = number
        self.extra = extra


@dataclass(slots=True)
class Block:
    """One slot.

    Attributes:
        slot: Its number.
        hash, parent: Base58; empty while the slot is open.
        records: What was executed, in order.
        before: Changed accounts as they were when the slot began; None for one that did not exist.
    """

    slot: int
    parent: str
    hash: str = ""
    records: list[Record] = field(default_factory=list)
    before: dict[Pubkey, Account | None] = field(default_factory=dict)


class VmLedger:
    """Blocks, state and finality around one VM. Not safe to share between threads."""

    def __init__(self, genesis_s: int, slot_ms: int) -> None:
        """Start at slot 1.

        Args:
            genesis_s: Time of block 0, seconds since 1970 UTC.
            slot_ms: Length of a slot, for block times.
        """
        self.genesis_s = genesis_s
        self.slot_ms = slot_ms
        self.forks = 0
        self.turns = 0  # blockhashes the VM went through: never goes back, so no nonce value comes twice
        self.vm = LiteSVM().with_transaction_history(0)
        self.faucet = Keypair.from_seed(_FAUCET_SEED)
        self.vm.set_account(self.faucet.pubkey(), Account(FAUCET_LAMPORTS, b"", records.SYSTEM_PROGRAM))
        self.vm.set_account(records.NATIVE_MINT, records.native_mint_account())
        self.blocks: list[Block] = [Block(0, "", records.block_hash(b"genesis", genesis_s))]
        self.open = Block(1, self.blocks[0].hash)
        self.by_signature: dict[str, tuple[int, Record]] = {}
        self.by_address: dict[str, list[str]] = {}

    def slot(self, commitment: str) -> int:
        """Newest slot of a commitment level."""
        if commitment == "processed":
            return self.open.slot
        confirmed = self.open.slot - 1
        return confirmed if commitment == "confirmed" else max(0, confirmed - FINAL_LAG_SLOTS)

    def block_time(self, slot: int) -> int:
        """Time of a slot, in seconds since 1970 UTC."""
        return self.genesis_s + slot * self.slot_ms // 1000

    def account(self, key: Pubkey, commitment: str) -> Account | None:
        """An account as of the newest slot of a commitment level."""
        for block in (*self.blocks[self.slot(commitment) + 1 :], self.open):
            if block.slot > self.slot(commitment) and key in block.before:
                return block.before[key]
        return self._look(key)

    def send(self, raw: bytes, *, preflight: bool) -> str:
        """Execute a transaction in the open slot.

        Returns:
            Its id. Without preflight also for one that could not be executed and is dropped.

        Raises:
            RpcRefusal: Malformed, or the preflight says it would fail.
        """
        transaction = _decode(raw)
        signature = str(transaction.signatures[0])
        known = self.by_signature.get(signature)
        if known is not None and self.open.slot - known[0] <= BLOCKHASH_SLOTS:
            if preflight:
                raise _preflight_refusal("AlreadyProcessed", [])
            return signature
        self._set_blockhash_check(transaction)
        if preflight:
            outcome = self.vm.simulate_transaction(transaction)
            if hasattr(outcome, "err"):
                raise _preflight_refusal(records.error_json(outcome.err()), list(outcome.meta().logs()))
        self._execute(transaction, raw, signature)
        return signature

    def seal(self) -> Block:
        """Close the open slot and begin the next."""
        block = self.open
        signatures = [record.signature for record in block.records]
        block.hash = records.block_hash(block.parent.encode(), block.slot, self.forks, signatures)
        self.blocks.append(block)
        self.open = Block(block.slot + 1, block.hash)
        self.turn()
        return block

    def turn(self) -> None:
        """Give the VM its next blockhash and the slot's clock."""
        self.vm.expire_blockhash()
        self.turns += 1
        clock = self.vm.get_clock()
        clock.slot, clock.unix_timestamp = self.open.slot, self.block_time(self.open.slot)
        self.vm.set_clock(clock)

    def airdrop(self, to: Pubkey, lamports: int) -> str:
        """Pay from the faucet by an ordinary transaction; its id."""
        step = transfer(TransferParams(from_pubkey=self.faucet.pubkey(), to_pubkey=to, lamports=lamports))
        # A lookalike of an earlier airdrop in the same slot would be the same transaction: cite an older block.
        for block in reversed(self.blocks[-BLOCKHASH_SLOTS:]):
            hash_of = self.vm.latest_blockhash().from_string(block.hash)
            message = MessageV0.try_compile(self.faucet.pubkey(), [step], [], hash_of)
            transaction = VersionedTransaction(message, [self.faucet])
            if str(transaction.signatures[0]) not in self.by_signature:
                return self.send(bytes(transaction), preflight=True)
        raise RpcRefusal(-32603, "the same airdrop too often in one slot")

    def reorg(self, depth: int) -> list[str]:
        """Drop the newest sealed blocks and the open one; return the ids of dropped transactions.

        Raises:
            RpcRefusal: It would drop a finalized block.
        """
        if not 1 <= depth <= self.slot("confirmed") - self.slot("finalized"):
            raise RpcRefusal(-32602, f"a reorg of depth {depth} would drop a finalized block")
        dropped = [*self.blocks[-depth:], self.open]
        del self.blocks[-depth:]
        for block in reversed(dropped):
            for key, account in block.before.items():
                self.vm.set_account(key, account or records.account_from_json(None))
        lost = [record.signature for block in dropped for record in block.records]
        for signature in lost:
            self._forget(signature)
        self.forks += 1
        self.open = Block(dropped[0].slot, dropped[0].parent)
        self.turn()
        return lost

    def remember(self, block: Block, record: Record) -> None:
        """Add an executed transaction to a block and to the indexes."""
        block.records.append(record)
        self.by_signature[record.signature] = (block.slot, record)
        for key in record.transaction.message.account_keys:
            self.by_address.setdefault(str(key), []).append(record.signature)

    def _execute(self, transaction: VersionedTransaction, raw: bytes, signature: str) -> None:
        message = transaction.message
        touched = {key: self._look(key) for key in message.account_keys}
        before = records.balances(message, self._look)
        outcome = self.vm.send_transaction(transaction)
        failed = hasattr(outcome, "err")
        result = outcome.meta() if failed else outcome
        if failed and not result.fee():
            return  # never executed: a real node would have dropped it as well
        nonce = records.durable_nonce_account(message)
        nonce_account = self._look(nonce) if nonce else None
        if failed and nonce and nonce_account:
            self.vm.set_account(nonce, records.nonce_moved_on(nonce_account, bytes(self.vm.latest_blockhash())))
        after = records.balances(message, self._look)
        meta = {
            "err": records.error_json(outcome.err()) if failed else None,
            "fee": result.fee(),
            "preBalances": before.lamports,
            "postBalances": after.lamports,
            "preTokenBalances": before.tokens,
            "postTokenBalances": after.tokens,
            "logMessages": list(result.logs()),
            "computeUnitsConsumed": result.compute_units_consumed(),
            "loadedAddresses": {"writable": [], "readonly": []},
        }
        for key, account in touched.items():
            if account != self._look(key):
                self.open.before.setdefault(key, account)
        self.remember(self.open, Record(signature, raw, meta))

    def _set_blockhash_check(self, transaction: VersionedTransaction) -> None:
        # The VM knows its own latest blockhash only. A blockhash of our last 150 blocks passes without its
        # check; anything else must pass it, which only a durable nonce can.
        cited = str(transaction.message.recent_blockhash)
        recent = {block.hash for block in self.blocks[-BLOCKHASH_SLOTS:]}
        self.vm.with_blockhash_check(cited not in recent)

    def _look(self, key: Pubkey) -> Account | None:
        return self.vm.get_account(key)

    def _forget(self, signature: str) -> None:
        _, record = self.by_signature.pop(signature)
        for key in record.transaction.message.account_keys:
            self.by_address[str(key)].remove(signature)


def _decode(raw: bytes) -> VersionedTransaction:
    try:
        transaction = VersionedTransaction.from_bytes(raw)
        transaction.sanitize()
    except (ValueError, TypeError) as error:
        raise RpcRefusal(-32602, f"failed to deserialize solana_transaction: {error}") from error
    if getattr(transaction.message, "address_table_lookups", None):
        raise RpcRefusal(-32602, "this simulator has no lookup tables")
    return transaction


def _preflight_refusal(error: Any, logs: list[str]) -> RpcRefusal:  # noqa: ANN401 - any JSON
    if error == "SignatureFailure":
        return RpcRefusal(-32003, "Transaction signature verification failure")
    return RpcRefusal(-32002, f"Transaction simulation failed: {error}", {"err": error, "logs": logs})
