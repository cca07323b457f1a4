"""The questions we ask a Solana node, and the shapes its answers must have.

Rules:
    * An answer of another shape than asked is no answer: `NodeUnavailable`.
    * Commitment is always named: "confirmed" for what may still change, "finalized" for what may not.

Example:
    node = SolanaNode(JsonRpc(Endpoint("solana", "http://127.0.0.1:8899")))
    node.slot("confirmed")
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from custody.chains.solana.accounts import RawAccount
from custody.nodes.jsonrpc import NodeError
from custody.primitives.errors import NodeUnavailable

Commitment = Literal["processed", "confirmed", "finalized"]

MAX_ACCOUNTS_PER_CALL = 100
"""Limit of getMultipleAccounts."""
MAX_SIGNATURES_PER_CALL = 1_000
"""Limit of getSignaturesForAddress."""

_SLOT_SKIPPED = frozenset({-32007, -32009})


class Caller(Protocol):
    """A JSON-RPC client; `custody.nodes.jsonrpc.JsonRpc` is one."""

    def call(self, method: str, *params: Any) -> Any:  # noqa: ANN401 - whatever JSON the node sends
        """Ask one question."""
        ...


@dataclass(frozen=True, slots=True)
class TxStatus:
    """What a node knows of a transaction.

    Attributes:
        slot: Where it was executed.
        failed: It was executed and moved no value.
        commitment: How sure the node is.
    """

    slot: int
    failed: bool
    commitment: str


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One transaction that touched an account."""

    txid: str
    slot: int
    failed: bool


class SolanaNode:
    """One node behind JSON-RPC. Every method may raise NodeUnavailable."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def slot(self, commitment: Commitment) -> int:
        """Newest slot."""
        return _whole(self._caller.call("getSlot", {"commitment": commitment}), "getSlot")

    def genesis_hash(self) -> str:
        """Hash of the first block: tells networks apart."""
        return str(self._caller.call("getGenesisHash"))

    def latest_blockhash(self) -> str:
        """A blockhash that transactions without durable nonce may cite for about a minute."""
        answer = self._caller.call("getLatestBlockhash", {"commitment": "confirmed"})
        value = _value(answer, "getLatestBlockhash")
        if not isinstance(value, dict) or not isinstance(value.get("blockhash"), str):
            raise NodeUnavailable("getLatestBlockhash: no blockhash")
        return str(value["blockhash"])

    def accounts(self, addresses: Sequence[str], commitment: Commitment) -> list[RawAccount | None]:
        """Accounts in the order asked; None for one that does not exist. Each 100 are one snapshot."""
        found: list[RawAccount | None] = []
        for start in range(0, len(addresses), MAX_ACCOUNTS_PER_CALL):
            part = list(addresses[start : start + MAX_ACCOUNTS_PER_CALL])
            options = {"encoding": "base64", "commitment": commitment}
            rows = _value(self._caller.call("getMultipleAccounts", part, options), "getMultipleAccounts")
            if not isinstance(rows, list) or len(rows) != len(part):
                raise NodeUnavailable(f"getMultipleAccounts: {len(part)} accounts asked, another number answered")
            found += [_account(row) for row in rows]
        return found

    def block(self, slot: int, details: Literal["none", "accounts"]) -> dict[str, Any] | None:
        """A confirmed block; None if its slot was skipped."""
        options = {
            "encoding": "json",
            "transactionDetails": details,
            "rewards": False,
            "commitment": "confirmed",
            "maxSupportedTransactionVersion": 0,
        }
        try:
            answer = self._caller.call("getBlock", slot, options)
        except NodeError as error:
            if error.rpc_code in _SLOT_SKIPPED:
                return None
            raise
        if not isinstance(answer, dict):
            raise NodeUnavailable(f"getBlock {slot}: no block yet", slot=slot)
        return answer

    def last_block_slot(self, low: int, high: int) -> int:
        """Slot of the newest confirmed block in low..high, both inclusive."""
        slots = self._caller.call("getBlocks", low, high, {"commitment": "confirmed"})
        if not isinstance(slots, list) or not slots:
            raise NodeUnavailable(f"no block in slots {low} to {high}")
        return _whole(slots[-1], "getBlocks")

    def status(self, txid: str) -> TxStatus | None:
        """What became of a transaction, searching the whole history; None if unknown."""
        answer = self._caller.call("getSignatureStatuses", [txid], {"searchTransactionHistory": True})
        rows = _value(answer, "getSignatureStatuses")
        if not isinstance(rows, list) or len(rows) != 1:
            raise NodeUnavailable("getSignatureStatuses: not one answer for one question")
        if rows[0] is None:
            return None
        if not isinstance(rows[0], dict) or "err" not in rows[0]:
            raise NodeUnavailable("getSignatureStatuses: a status without outcome")  # absent is not "no error"
        slot = _whole(rows[0].get("slot"), "getSignatureStatuses")
        return TxStatus(slot, rows[0]["err"] is not None, str(rows[0].get("confirmationStatus")))

    def history(self, address: str, before: str | None = None) -> list[HistoryEntry]:
        """Finalized transactions that touched an address, newest first, at most 1,000."""
        options: dict[str, Any] = {"commitment": "finalized", "limit": MAX_SIGNATURES_PER_CALL}
        rows = self._caller.call("getSignaturesForAddress", address, options | ({"before": before} if before else {}))
        if not isinstance(rows, list):
            raise NodeUnavailable("getSignaturesForAddress: no list")
        try:
            return [HistoryEntry(row["signature"], row["slot"], row["err"] is not None) for row in rows]
        except (KeyError, TypeError) as error:
            raise NodeUnavailable(f"getSignaturesForAddress: an entry of unknown shape: {error!r}") from error

    def transaction(self, txid: str) -> dict[str, Any] | None:
        """A finalized transaction with its message in JSON form; None if unknown."""
        options = {"encoding": "json", "commitment": "finalized", "maxSupportedTransactionVersion": 0}
        answer = self._caller.call("getTransaction", txid, options)
        return answer if isinstance(answer, dict) else None

    def send(self, raw: bytes) -> str:
        """Hand a signed transaction over, with the node's own check before it relays."""
        options = {"encoding": "base64", "skipPreflight": False, "preflightCommitment": "confirmed"}
        return str(self._caller.call("sendTransaction", base64.b64encode(raw).decode(), options))


def _value(answer: Any, method: str) -> Any:  # noqa: ANN401
    if not isinstance(answer, dict) or "value" not in answer:
        raise NodeUnavailable(f"{method}: answer without value")
    return answer["value"]


def _whole(answer: object, method: str) -> int:
    if type(answer) is not int:
        raise NodeUnavailable(f"{method}: {answer!r:.80} is not a whole number")
    return answer


def _account(row: Any) -> RawAccount | None:  # noqa: ANN401
    if row is None:
        return None
    try:
        content = base64.b64decode(row["data"][0], validate=True)
        return RawAccount(_whole(row["lamports"], "account"), str(row["owner"]), content, bool(row["executable"]))
    except (KeyError, TypeError, IndexError, binascii.Error) as error:
        raise NodeUnavailable(f"an account of unknown shape: {error!r}") from error
