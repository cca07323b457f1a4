"""Typed questions to bitcoind and its relatives (litecoind, dogecoind): answers are checked, not interpreted.

Rules:
    * The node holds no wallet and no key of ours; it needs `txindex=1`.
    * Values arrive as decimal coins and leave as whole satoshi, exactly.
    * A missing thing is `None`; an unexpected shape is `NodeUnavailable`: a node that answers nonsense is absent.
    * The relatives are older: Litecoin Core 0.21 gives no spent outputs with a block, Dogecoin Core 1.14 has
      neither `scantxoutset` nor `testmempoolaccept`. What can be asked in another way is; the rest is said.

Example:
    node = BitcoinNode(JsonRpc(endpoint))
    node.block_hash(node.height())
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from custody.nodes.bitcoin_answers import (
    Block,
    BlockTx,
    Header,
    Scan,
    TxPlace,
    read_block_tx,
    read_header,
    read_unspent,
    satoshi,
    text,
    whole,
)
from custody.nodes.jsonrpc import Call, JsonRpc, NodeError
from custody.primitives.errors import NodeUnavailable

RPC_INVALID_ADDRESS_OR_KEY = -5
"""Also "no such transaction" and "block not found"."""

RPC_INVALID_PARAMETER = -8
"""Also "block height out of range"."""

RPC_METHOD_NOT_FOUND = -32601
RPC_WRONG_TYPES = (-1, -3)
"""An argument of another type than the node knows; old nodes say -1."""

SCAN_BUSY = "already in progress"
SCAN_PATIENCE_S = 60
SCAN_POLL_S = 0.05
"""A scan of a main chain's outputs takes minutes; whoever meets one asks again later."""

OLDEST_IMMATURE_BLOCKS = 240
"""Newly mined coins are mature after this in every network of the family."""


class BitcoinNode:
    """One node of the Bitcoin kind."""

    def __init__(self, rpc: JsonRpc) -> None:
        self.rpc = rpc
        self._pause = threading.Event()
        self._counts_verbosity = True  # until the node says that it knows only "verbose", yes or no

    def height(self) -> int:
        """Return the height of the newest block."""
        with self._shape("getblockcount"):
            return whole(self.rpc.call("getblockcount"))

    def best_hash(self) -> str:
        """Return the hash of the newest block."""
        with self._shape("getbestblockhash"):
            return text(self.rpc.call("getbestblockhash"))

    def block_hash(self, height: int) -> str | None:
        """Return the hash of the main chain's block at this height, None above the tip."""
        try:
            with self._shape("getblockhash"):
                return text(self.rpc.call("getblockhash", height))
        except NodeError as error:
            if error.rpc_code == RPC_INVALID_PARAMETER:
                return None
            raise

    def header(self, block_hash: str) -> Header | None:
        """Return a header by hash, None if the node does not know the block."""
        try:
            with self._shape("getblockheader"):
                return read_header(self.rpc.call("getblockheader", block_hash))
        except NodeError as error:
            if error.rpc_code == RPC_INVALID_ADDRESS_OR_KEY:
                return None
            raise

    def block(
        self, block_hash: str, *, with_spent: bool = False, wanted: Callable[[BlockTx], bool] = lambda _: True
    ) -> Block:
        """Return a block with its transactions.

        Args:
            block_hash: 64 hex characters.
            with_spent: Also give the output that every input spends.
            wanted: Of which transactions; where the node leaves them out, each input costs a question.
        """
        with self._shape("getblock"):
            raw = self._raw_block(block_hash, 3 if with_spent else 2)
            block = Block(read_header(raw), tuple(read_block_tx(tx) for tx in raw["tx"]))
            return self._with_spent(block, wanted) if with_spent else block

    def scan(self, descriptors: Sequence[str], last_index: int) -> Scan | None:
        """Find every confirmed unspent output of some descriptors.

        Args:
            descriptors: Output descriptors with checksum, ranged or not.
            last_index: Ranged ones are derived from 0 up to and including this index.

        Returns:
            The findings, or None where the node has no such question: then only the blocks tell.
        """
        wanted = [{"desc": each, "range": last_index} if "*" in each else each for each in descriptors]
        try:
            with self._shape("scantxoutset"):
                raw = self._start_scan(wanted)
                if raw["success"] is not True:
                    raise NodeUnavailable(f"{self.rpc.endpoint.name}: the scan of unspent outputs was broken off")
                height = whole(raw["height"])
                found = tuple(read_unspent(entry) for entry in self._with_origin(raw["unspents"], height))
                return Scan(height, text(raw["bestblock"]), found)
        except NodeError as error:
            if error.rpc_code == RPC_METHOD_NOT_FOUND:
                return None
            raise

    def _start_scan(self, wanted: list[Any]) -> Any:  # noqa: ANN401 - checked by the caller
        """A node scans for one caller at a time: wait for whoever came first, in this process or another."""
        until = time.monotonic() + SCAN_PATIENCE_S
        while True:
            try:
                return self.rpc.call("scantxoutset", "start", wanted)
            except NodeError as error:
                if SCAN_BUSY not in error.rpc_message:
                    raise
                if time.monotonic() > until:
                    raise NodeUnavailable(f"{self.rpc.endpoint.name}: the node scans for somebody else") from error
            self._pause.wait(SCAN_POLL_S)

    def raw_txs(self, txids: Sequence[str]) -> list[bytes]:
        """Return the bytes of several transactions, in the order asked.

        Raises:
            NodeUnavailable: One is not known to the node.
        """
        with self._shape("getrawtransaction"):
            return [
                bytes.fromhex(text(_demand(answer)))
                for answer in self.rpc.batch([Call("getrawtransaction", (txid,)) for txid in txids])
            ]

    def unspent_flags(self, outpoints: Sequence[tuple[str, int]], *, with_pool: bool) -> list[bool]:
        """Tell of each outpoint whether it is unspent, in the chain alone or in chain and pool together."""
        with self._shape("gettxout"):
            calls = [Call("gettxout", (txid, vout, with_pool)) for txid, vout in outpoints]
            return [_demand(answer) is not None for answer in self.rpc.batch(calls)]

    def place(self, txid: str) -> TxPlace | None:
        """Tell where a transaction is, None if the node knows it neither in a block nor in the pool."""
        try:
            with self._shape("getrawtransaction"):
                raw = self.rpc.call("getrawtransaction", txid, True)  # noqa: FBT003 - the node's own argument
                return TxPlace(text(raw["txid"]), raw.get("blockhash"), whole(raw.get("confirmations", 0)))
        except NodeError as error:
            if error.rpc_code == RPC_INVALID_ADDRESS_OR_KEY:
                return None
            raise

    def fee_sat_per_kvb(self, blocks: int) -> int | None:
        """Return the node's estimate for confirmation within some blocks, None where it has too little history."""
        with self._shape("estimatesmartfee"):
            rate = self.rpc.call("estimatesmartfee", blocks).get("feerate")
            return None if rate is None or rate < 0 else satoshi(rate)  # old nodes say -1 for "unknown"

    def pool_floor_sat_per_kvb(self) -> int:
        """Return the lowest fee rate the pool accepts now."""
        with self._shape("getmempoolinfo"):
            raw = self.rpc.call("getmempoolinfo")
            relayed = raw["minrelaytxfee"] if "minrelaytxfee" in raw else self.rpc.call("getnetworkinfo")["relayfee"]
            return max(satoshi(raw["mempoolminfee"]), satoshi(relayed))

    def test_accept(self, raw: bytes) -> tuple[str, str]:
        """Ask whether the pool would take a transaction.

        Returns:
            Its txid as the node computes it, and the reason of refusal; empty if it would be taken, or if
            the node cannot be asked beforehand: sending will tell.
        """
        try:
            with self._shape("testmempoolaccept"):
                verdict = self.rpc.call("testmempoolaccept", [raw.hex()])[0]
                refused = "" if verdict["allowed"] is True else str(verdict.get("reject-reason") or "no reason given")
                return text(verdict["txid"]), refused
        except NodeError as error:
            if error.rpc_code != RPC_METHOD_NOT_FOUND:
                raise
        with self._shape("decoderawtransaction"):
            return text(self.rpc.call("decoderawtransaction", raw.hex())["txid"]), ""

    def send(self, raw: bytes) -> str:
        """Hand a transaction to the pool and return its txid.

        Raises:
            NodeError: The node states a refusal.
            NodeUnavailable: No answer: it may have been relayed.
        """
        with self._shape("sendrawtransaction"):
            return text(self.rpc.call("sendrawtransaction", raw.hex()))

    def _raw_block(self, block_hash: str, verbosity: int) -> Any:  # noqa: ANN401 - checked by the caller
        raw: Any = None
        if self._counts_verbosity:
            try:
                raw = self.rpc.call("getblock", block_hash, verbosity)
            except NodeError as error:
                if error.rpc_code not in RPC_WRONG_TYPES:
                    raise
                self._counts_verbosity = False
        if raw is None:
            raw = self.rpc.call("getblock", block_hash, True)  # noqa: FBT003 - the node's own argument
        if all(isinstance(tx, str) for tx in raw["tx"]):
            # The first block's coinbase is no transaction to a node, and nobody can spend it.
            txids = raw["tx"] if raw["height"] else []
            raw = {**raw, "tx": self._raw_places(txids)}
        return raw

    def _raw_places(self, txids: Sequence[str]) -> list[Any]:
        calls = [Call("getrawtransaction", (text(txid), True)) for txid in txids]
        return [_demand(answer) for answer in self.rpc.batch(calls)]

    def _with_spent(self, block: Block, wanted: Callable[[BlockTx], bool]) -> Block:
        """Fill in, from the transactions that made them, the spent outputs a node leaves out."""
        lacking = {tx.txid for tx in block.txs if any(entry.spent is None for entry in tx.inputs) and wanted(tx)}
        unknown = {entry.txid for tx in block.txs if tx.txid in lacking for entry in tx.inputs if entry.spent is None}
        made = {tx.txid: tx.outputs for tx in map(read_block_tx, self._raw_places(sorted(unknown)))}
        txs = (
            replace(tx, inputs=tuple(e if e.spent else replace(e, spent=made[e.txid][e.vout]) for e in tx.inputs))
            if tx.txid in lacking
            else tx
            for tx in block.txs
        )
        return replace(block, txs=tuple(txs))

    def _with_origin(self, unspents: Sequence[Any], height: int) -> list[Any]:
        """Say of every young coin whether it was newly mined, where the scan does not."""
        silent = [e for e in unspents if "coinbase" not in e and height - e["height"] <= OLDEST_IMMATURE_BLOCKS]
        calls = [Call("gettxout", (each["txid"], each["vout"], False)) for each in silent]
        for entry, answer in zip(silent, self.rpc.batch(calls), strict=True):
            coin = _demand(answer)
            # A coin that is gone since is as good as one that may not be spent yet.
            entry["coinbase"] = coin["coinbase"] if coin is not None else True
        return list(unspents)

    @contextmanager
    def _shape(self, method: str) -> Iterator[None]:
        try:
            yield
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            name = self.rpc.endpoint.name
            raise NodeUnavailable(f"{name}: {method}: an answer of unknown shape", node=name) from error


def _demand(answer: Any) -> Any:  # noqa: ANN401
    if isinstance(answer, NodeError):
        raise answer
    return answer
