"""The subset of Solana's JSON-RPC that our adapter uses, answered from the simulated ledger.

Rules:
    * Shapes, error numbers and commitment levels are those of a real node, so that the same adapter
      talks to both. What is not here answers "method not found".
    * `devnet_*` methods exist in this simulator only: mine, reorg, pause.

Example:
    SolanaRpc(ledger, journal).answer({"jsonrpc": "2.0", "id": 1, "method": "getSlot", "params": []})
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from solders.pubkey import Pubkey

from custody.devnet import solana_records as records
from custody.devnet.solana_journal import LedgerJournal
from custody.devnet.solana_ledger import BLOCKHASH_SLOTS, Block, RpcRefusal, VmLedger
from custody.primitives.errors import ToolkitError

VERSION = "VM; RPC and finality: simulator"
MAX_MINED_SLOTS = 100_000
MAX_LISTED = 1_000
_INVALID_PARAMS = -32602
_NOT_FOUND = -32601
_BLOCK_NOT_AVAILABLE = -32004

Json = Any


class SolanaRpc:
    """Answers questions about one ledger."""

    def __init__(self, ledger: VmLedger, journal: LedgerJournal) -> None:
        self._ledger = ledger
        self._journal = journal
        self.paused = False
        self._methods: dict[str, Callable[..., Json]] = {
            "getHealth": lambda: "ok",
            "getVersion": lambda: {"solana-core": VERSION, "feature-set": 0},
            "getGenesisHash": lambda: self._ledger.blocks[0].hash,
            "getSlot": self._slot,
            "getBlockHeight": self._slot,
            "getLatestBlockhash": self._latest_blockhash,
            "getMinimumBalanceForRentExemption": lambda size, *_: ledger.vm.minimum_balance_for_rent_exemption(size),
            "getBalance": self._balance,
            "getAccountInfo": self._account_info,
            "getMultipleAccounts": self._multiple_accounts,
            "getTokenAccountBalance": self._token_balance,
            "getTransaction": self._transaction,
            "getBlock": self._block,
            "getBlocks": self._blocks,
            "getSignatureStatuses": self._statuses,
            "getSignaturesForAddress": self._signatures,
            "sendTransaction": self._send,
            "requestAirdrop": lambda to, lamports, *_: ledger.airdrop(Pubkey.from_string(to), lamports),
            "devnet_mine": self._mine,
            "devnet_reorg": journal.reorg,
            "devnet_pause": self._pause,
        }

    def answer(self, question: Json) -> Json:
        """Answer one question, or a list of them."""
        if isinstance(question, list):
            return [self.answer(one) for one in question]
        if not isinstance(question, dict):
            return _failure(None, -32600, "Invalid request")
        number, method = question.get("id"), self._methods.get(str(question.get("method")))
        if method is None:
            return _failure(number, _NOT_FOUND, "Method not found")
        try:
            return {"jsonrpc": "2.0", "id": number, "result": method(*(question.get("params") or []))}
        except RpcRefusal as refusal:
            return _failure(number, refusal.number, refusal.message, refusal.extra)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, binascii.Error, ToolkitError) as error:
            return _failure(number, _INVALID_PARAMS, f"Invalid params: {error!r}")

    def _slot(self, options: Json = None) -> int:
        return self._ledger.slot(_commitment(options))

    def _at(self, options: Json, value: Json) -> Json:
        return {"context": {"slot": self._slot(options), "apiVersion": VERSION}, "value": value}

    def _latest_blockhash(self, options: Json = None) -> Json:
        slot = min(self._slot(options), self._ledger.slot("confirmed"))
        block = self._ledger.blocks[slot]
        return self._at(options, {"blockhash": block.hash, "lastValidBlockHeight": slot + BLOCKHASH_SLOTS})

    def _account(self, address: str, options: Json) -> Json:
        return records.account_json(self._ledger.account(Pubkey.from_string(address), _commitment(options)))

    def _balance(self, address: str, options: Json = None) -> Json:
        account = self._account(address, options)
        return self._at(options, account["lamports"] if account else 0)

    def _account_info(self, address: str, options: Json = None) -> Json:
        return self._at(options, self._account(address, options))

    def _multiple_accounts(self, addresses: list[str], options: Json = None) -> Json:
        if len(addresses) > 100:
            raise RpcRefusal(_INVALID_PARAMS, "Too many inputs provided; max 100")
        return self._at(options, [self._account(address, options) for address in addresses])

    def _token_balance(self, address: str, options: Json = None) -> Json:
        commitment = _commitment(options)
        account = self._ledger.account(Pubkey.from_string(address), commitment)
        content = bytes(account.data) if account else b""
        if account is None or account.owner not in records.TOKEN_PROGRAMS or len(content) < records.TOKEN_ACCOUNT_BYTES:
            raise RpcRefusal(_INVALID_PARAMS, "Invalid param: could not find account")
        mint = self._ledger.account(Pubkey.from_bytes(content[:32]), commitment)
        decimals = bytes(mint.data)[44] if mint else 0
        return self._at(options, records.token_amount(int.from_bytes(content[64:72], "little"), decimals))

    def _transaction(self, signature: str, options: Json = None) -> Json:
        slot, record = self._ledger.by_signature.get(signature, (None, None))
        if slot is None or record is None or slot > self._slot(options):
            return None
        return {
            "slot": slot,
            "blockTime": self._ledger.block_time(slot),
            "transaction": records.transaction_json(record),
            "meta": record.meta,
            "version": records.version_json(record),
        }

    def _block(self, slot: int, options: Json = None) -> Json:
        if type(slot) is not int or not 0 <= slot <= self._slot(options):
            raise RpcRefusal(_BLOCK_NOT_AVAILABLE, f"Block not available for slot {slot}")
        block = self._ledger.blocks[slot]
        shown: dict[str, Json] = {
            "blockhash": block.hash,
            "previousBlockhash": block.parent or block.hash,
            "parentSlot": max(0, slot - 1),
            "blockHeight": slot,
            "blockTime": self._ledger.block_time(slot),
        }
        details = (options or {}).get("transactionDetails", "full")
        if details == "signatures":
            shown["signatures"] = [record.signature for record in block.records]
        elif details != "none":
            shown["transactions"] = self._block_transactions(block, details)
        return shown

    def _block_transactions(self, block: Block, details: str) -> list[Json]:
        write = records.accounts_json if details == "accounts" else records.transaction_json
        return [
            {"transaction": write(record), "meta": record.meta, "version": records.version_json(record)}
            for record in block.records
        ]

    def _blocks(self, low: int, high: int, options: Json = None) -> list[int]:
        return list(range(low, min(high, self._slot(options)) + 1))

    def _statuses(self, signatures: list[str], options: Json = None) -> Json:
        return self._at(options, [self._status(signature) for signature in signatures])

    def _status(self, signature: str) -> Json:
        slot, record = self._ledger.by_signature.get(signature, (None, None))
        if slot is None or record is None:
            return None
        level = next(c for c in ("finalized", "confirmed", "processed") if slot <= self._ledger.slot(c))
        depth = None if level == "finalized" else self._ledger.slot("confirmed") - slot
        error = record.meta["err"]
        return {"slot": slot, "confirmations": depth, "err": error, "confirmationStatus": level}

    def _signatures(self, address: str, options: Json = None) -> list[Json]:
        asked = options or {}
        limit = min(asked.get("limit", MAX_LISTED), MAX_LISTED)
        known = [
            s
            for s in self._ledger.by_address.get(address, ())
            if self._ledger.by_signature[s][0] <= self._slot(options)
        ]
        known.reverse()
        if "before" in asked:
            known = known[known.index(asked["before"]) + 1 :]
        return [self._history_entry(signature) for signature in known[:limit]]

    def _history_entry(self, signature: str) -> Json:
        slot, record = self._ledger.by_signature[signature]
        return {
            "signature": signature,
            "slot": slot,
            "err": record.meta["err"],
            "memo": None,
            "blockTime": self._ledger.block_time(slot),
            "confirmationStatus": self._status(signature)["confirmationStatus"],
        }

    def _send(self, text: str, options: Json = None) -> str:
        asked = options or {}
        if asked.get("encoding") != "base64":
            raise RpcRefusal(_INVALID_PARAMS, "encoding base64 only")
        raw = base64.b64decode(text, validate=True)
        if len(raw) > 1232:
            raise RpcRefusal(_INVALID_PARAMS, f"base64 encoded too large: {len(raw)} bytes (max: 1232)")
        return self._ledger.send(raw, preflight=not asked.get("skipPreflight", False))

    def _mine(self, slots: int = 1) -> int:
        if not 1 <= slots <= MAX_MINED_SLOTS:
            raise RpcRefusal(_INVALID_PARAMS, f"1 to {MAX_MINED_SLOTS} slots")
        for _ in range(slots):
            self._journal.seal()
        return self._ledger.slot("confirmed")

    def _pause(self, paused: bool) -> bool:  # noqa: FBT001 - a JSON-RPC parameter
        self.paused = paused
        return self.paused


def _commitment(options: Json) -> str:
    chosen = (options or {}).get("commitment", "finalized")
    if chosen not in {"processed", "confirmed", "finalized"}:
        raise RpcRefusal(_INVALID_PARAMS, f"unknown commitment {chosen!r}")
    return str(chosen)


def _failure(number: Json, code: int, message: str, extra: Json = None) -> Json:
    error = {"code": code, "message": message} | ({"data": extra} if extra is not None else {})
    return {"jsonrpc": "2.0", "id": number, "error": error}
