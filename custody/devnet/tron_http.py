"""The subset of java-tron's HTTP interface that our adapter uses, answered from the simulated ledger.

Rules:
    * Paths and shapes are those of a real node, so that the same adapter talks to both; what is not here
      answers HTTP 404. Nothing found is an empty object, as there.
    * `/devnet/...` exists in this simulator only: money, blocks, reorganisations, and every way in which a
      node can fail its users (silence, lost answers, lies).

Example:
    TronApi(ledger).answer("/wallet/getnowblock", {})
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import base58

from custody.chains.tron.address import node_hex
from custody.devnet.tron_accounts import TOKEN_DECIMALS, Token
from custody.devnet.tron_execution import (
    CONTRACT_NAMES,
    TRANSFER,
    TRANSFER_ASSET,
    TRIGGER,
    Executed,
    NodeRefusal,
    Transaction,
)
from custody.devnet.tron_journal import TronJournal
from custody.devnet.tron_ledger import Block, TronLedger
from custody.primitives.errors import ToolkitError

MAX_MINED_BLOCKS = 100_000
MAX_BLOCKS_PER_CALL = 100
BLOCK_MS = 3_000
"""How far `devnet/mine` moves the time with each block, as on the network."""

Json = Any


class Unanswered(Exception):
    """The node gives no answer to this question."""


class TronApi:
    """Answers questions about one ledger."""

    def __init__(self, ledger: TronLedger, journal: TronJournal) -> None:
        self._ledger = ledger
        self._journal = journal
        self.paused = False
        self.silent = False
        self.answers_to_lose = 0
        self.lies: dict[str, Json] = {}
        self._routes: dict[str, Callable[..., Json]] = {
            "/wallet/getnowblock": lambda **_: block_json(ledger.head),
            "/walletsolidity/getnowblock": lambda **_: block_json(ledger.solid),
            "/wallet/getblockbynum": self._block,
            "/wallet/getblockbylimitnext": self._blocks,
            "/wallet/gettransactioninfobyblocknum": self._infos,
            "/wallet/gettransactioninfobyid": lambda value, **_: self._info(value, ledger.head.height),
            "/walletsolidity/gettransactioninfobyid": lambda value, **_: self._info(value, ledger.solid.height),
            "/wallet/gettransactionbyid": lambda value, **_: self._transaction(value, ledger.head.height),
            "/walletsolidity/gettransactionbyid": lambda value, **_: self._transaction(value, ledger.solid.height),
            "/wallet/gettransactionfrompending": self._pending,
            "/wallet/getaccount": lambda address, **_: account_json(ledger.head, address),
            "/walletsolidity/getaccount": lambda address, **_: account_json(ledger.solid, address),
            "/wallet/getaccountbalance": self._balance_at,
            "/wallet/triggerconstantcontract": self._constant,
            "/wallet/broadcasthex": self._broadcast,
            "/devnet/mine": self._mine,
            "/devnet/fund": self._fund,
            "/devnet/token": self._token,
            "/devnet/mint": self._mint,
            "/devnet/reorg": lambda depth: {"lost": journal.reorg(depth)},
            "/devnet/forget": lambda: {"lost": journal.forget()},
            "/devnet/fault": self._fault,
        }

    def answer(self, path: str, question: dict[str, Json]) -> Json:
        """Answer one question; None for an unknown path.

        Raises:
            Unanswered: The node was told to fail here.
        """
        if self.silent and not path.startswith("/devnet/"):
            raise Unanswered
        if path in self.lies:
            return self.lies[path]
        route = self._routes.get(path)
        if route is None:
            return None
        try:
            answer = route(**question)
        except NodeRefusal as refusal:
            return {"Error": f"class org.tron.core.exception.{refusal.node_code} : {refusal.message}"}
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, ToolkitError) as error:
            return {"Error": f"class java.lang.IllegalArgumentException : {error!r}"}
        if path == "/wallet/broadcasthex" and self.answers_to_lose:
            self.answers_to_lose -= 1
            raise Unanswered
        return answer

    def _block(self, num: int, **_: Json) -> Json:
        return block_json(self._ledger.blocks[num]) if 0 <= num < len(self._ledger.blocks) else {}

    def _blocks(self, startNum: int, endNum: int, **_: Json) -> Json:  # noqa: N803 - names of the interface
        if not 0 < endNum - startNum <= MAX_BLOCKS_PER_CALL:
            return {}
        return {"block": [block_json(block) for block in self._ledger.blocks[startNum:endNum]]}

    def _infos(self, num: int, **_: Json) -> Json:
        if not 0 <= num < len(self._ledger.blocks):
            return []
        block = self._ledger.blocks[num]
        return [info_json(block, executed) for executed in block.executed]

    def _info(self, value: str, top: int) -> Json:
        found = self._ledger.find(value)
        return info_json(*found) if found and found[0].height <= top else {}

    def _transaction(self, value: str, top: int) -> Json:
        found = self._ledger.find(value)
        return transaction_json(found[1]) if found and found[0].height <= top else {}

    def _pending(self, value: str, **_: Json) -> Json:
        held = (each for each in self._ledger.waiting if each.transaction.txid == value)
        return next((transaction_json(each) for each in held), {})

    def _balance_at(self, account_identifier: Json, block_identifier: Json, **_: Json) -> Json:
        block = self._ledger.blocks[block_identifier["number"]]
        if block.id != block_identifier["hash"]:
            raise NodeRefusal("ItemNotFoundException", "number and hash do not match")
        sun = block.world.sun(account_identifier["address"])
        return {"balance": sun, "block_identifier": {"hash": block.id, "number": block.height}}

    def _constant(self, contract_address: str, function_selector: str, parameter: str, **_: Json) -> Json:
        token = self._ledger.head.world.tokens.get(contract_address)
        if token is not None and function_selector == "decimals()":
            return {"result": {"result": True}, "constant_result": [f"{TOKEN_DECIMALS:064x}"]}
        if token is None or function_selector != "balanceOf(address)":
            return {"result": {"code": "CONTRACT_VALIDATE_ERROR", "message": b"No contract".hex()}}
        units = token.balances.get("41" + parameter[24:64], 0)
        return {"result": {"result": True}, "constant_result": [f"{units:064x}"]}

    def _broadcast(self, transaction: str, **_: Json) -> Json:
        raw = bytes.fromhex(transaction)
        try:
            tx = self._journal.submit(raw)
        except NodeRefusal as refusal:
            return {
                "result": False,
                "code": refusal.node_code,
                "message": refusal.message,
                "txid": Transaction.parse(raw).txid,
            }
        return {"result": True, "code": "SUCCESS", "message": "", "txid": tx.txid}

    def _mine(self, blocks: int = 1, milliseconds: int = BLOCK_MS) -> Json:
        if not 1 <= blocks <= MAX_MINED_BLOCKS:
            raise ValueError(f"1 to {MAX_MINED_BLOCKS} blocks")
        for _ in range(blocks):
            self._journal.seal(self._ledger.head.time_ms + milliseconds)
        return {"height": self._ledger.head.height}

    def _fund(self, address: str, sun: int) -> Json:
        return {"txid": self._journal.fund(address, sun)}

    def _token(self, symbol: str, reverts: bool = False) -> Json:  # noqa: FBT001, FBT002 - a field of the question
        number = len(self._ledger.world.tokens)
        contract = "41" + hashlib.sha256(f"token {number} {symbol}".encode()).hexdigest()[:40]
        self._journal.create_token(contract, Token(symbol, {}, reverts))
        return {"contract": base58.b58encode_check(bytes.fromhex(contract)).decode()}

    def _mint(self, contract: str, to: str, units: int) -> Json:
        self._journal.mint(node_hex(contract), node_hex(to), units)
        return {}

    def _fault(self, **wanted: Json) -> Json:
        """Fail from now on: `paused`, `silent`, `answers_to_lose` (of broadcasts), `lies` (answer by path)."""
        for name, value in wanted.items():
            if name not in {"paused", "silent", "answers_to_lose", "lies"}:
                raise ValueError(name)
            setattr(self, name, value)
        return {}


def block_json(block: Block) -> Json:
    """A block as `getblockbynum` shows it."""
    header = {"number": block.height, "timestamp": block.time_ms, "parentHash": block.parent or "00" * 32}
    shown: dict[str, Json] = {"blockID": block.id, "block_header": {"raw_data": header}}
    if block.executed:
        shown["transactions"] = [transaction_json(executed) for executed in block.executed]
    return shown


def transaction_json(executed: Executed) -> Json:
    """A transaction as a block shows it."""
    tx = executed.transaction
    value: dict[str, Json] = {"owner_address": tx.owner}
    if tx.kind == TRANSFER:
        value |= {"to_address": bytes(tx.value[2]).hex(), "amount": tx.value[3]}
    elif tx.kind == TRIGGER:
        value |= {"contract_address": bytes(tx.value[2]).hex(), "data": bytes(tx.value[4]).hex()}
    elif tx.kind == TRANSFER_ASSET:
        to, name = bytes(tx.value[3]).hex(), bytes(tx.value[1]).hex()
        value = {"owner_address": tx.owner, "asset_name": name, "to_address": to, "amount": tx.value[4]}
    name = CONTRACT_NAMES[tx.kind]
    contract: dict[str, Json] = {
        "type": name,
        "parameter": {"value": value, "type_url": f"type.googleapis.com/protocol.{name}"},
    }
    if tx.permission_id:
        contract["Permission_id"] = tx.permission_id
    return {
        "ret": [{"contractRet": executed.verdict}],
        "txID": tx.txid,
        "signature": [signature.hex() for signature in tx.signatures],
        "raw_data": {"contract": [contract], "expiration": tx.expiration_ms},
        "raw_data_hex": tx.raw.hex(),
    }


def info_json(block: Block, executed: Executed) -> Json:
    """What execution left, as `gettransactioninfobyid` shows it."""
    tx = executed.transaction
    shown: dict[str, Json] = {
        "id": tx.txid,
        "fee": executed.fee_sun,
        "blockNumber": block.height,
        "blockTimeStamp": block.time_ms,
        "receipt": {"net_fee": executed.fee_sun},
    }
    if tx.kind == TRIGGER:
        shown |= {"contract_address": bytes(tx.value[2]).hex(), "contractResult": [""]}
        shown["receipt"]["result"] = executed.verdict
    if executed.verdict != "SUCCESS":
        shown |= {"result": "FAILED", "resMessage": executed.verdict.encode().hex()}
    return {**shown, "log": list(executed.logs)} if executed.logs else shown


def account_json(block: Block, address: str) -> Json:
    """An account as `getaccount` shows it; empty if it is not open."""
    account = block.world.accounts.get(address)
    return account.json(address) if account else {}
