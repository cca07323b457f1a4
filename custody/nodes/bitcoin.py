"""Typed questions to bitcoind and its relatives (litecoind, dogecoind): answers are checked, not interpreted.

Rules:
    * The node holds no wallet and no key of ours; it needs `txindex=1`.
    * Values arrive as decimal coins and leave as whole satoshi, exactly.
    * A missing thing is `None`; an unexpected shape is `NodeUnavailable`: a node that answers nonsense is absent.

Example:
    node = BitcoinNode(JsonRpc(endpoint))
    node.block_hash(node.height())
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from custody.nodes.bitcoin_answers import (
    Block,
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


class BitcoinNode:
    """One node of the Bitcoin kind."""

    def __init__(self, rpc: JsonRpc) -> None:
        self.rpc = rpc

    def network(self) -> str:
        """Return the network's name as the node states it: "main", "test", "regtest"."""
        with self._shape("getblockchaininfo"):
            return str(self.rpc.call("getblockchaininfo")["chain"])

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

    def block(self, block_hash: str, *, with_spent: bool = False) -> Block:
        """Return a block with its transactions.

        Args:
            block_hash: 64 hex characters.
            with_spent: Also give the output that every input spends.
        """
        with self._shape("getblock"):
            raw = self.rpc.call("getblock", block_hash, 3 if with_spent else 2)
            return Block(read_header(raw), tuple(read_block_tx(tx) for tx in raw["tx"]))

    def scan(self, descriptors: Sequence[str], last_index: int) -> Scan:
        """Find every confirmed unspent output of some descriptors.

        Args:
            descriptors: Output descriptors with checksum, ranged or not.
            last_index: Ranged ones are derived from 0 up to and including this index.
        """
        wanted = [{"desc": each, "range": last_index} if "*" in each else each for each in descriptors]
        with self._shape("scantxoutset"):
            raw = self.rpc.call("scantxoutset", "start", wanted)
            if raw["success"] is not True:
                raise NodeUnavailable(f"{self.rpc.endpoint.name}: the scan of unspent outputs was broken off")
            found = tuple(read_unspent(entry) for entry in raw["unspents"])
            return Scan(whole(raw["height"]), text(raw["bestblock"]), found)

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
            return None if rate is None else satoshi(rate)

    def pool_floor_sat_per_kvb(self) -> int:
        """Return the lowest fee rate the pool accepts now."""
        with self._shape("getmempoolinfo"):
            raw = self.rpc.call("getmempoolinfo")
            return max(satoshi(raw["mempoolminfee"]), satoshi(raw["minrelaytxfee"]))

    def test_accept(self, raw: bytes) -> tuple[str, str]:
        """Ask whether the pool would take a transaction.

        Returns:
            Its txid as the node computes it, and the reason of refusal; empty if it would be taken.
        """
        with self._shape("testmempoolaccept"):
            verdict = self.rpc.call("testmempoolaccept", [raw.hex()])[0]
            reason = "" if verdict["allowed"] is True else str(verdict.get("reject-reason") or "refused without reason")
            return text(verdict["txid"]), reason

    def send(self, raw: bytes) -> str:
        """Hand a transaction to the pool and return its txid.

        Raises:
            NodeError: The node states a refusal.
            NodeUnavailable: No answer: it may have been relayed.
        """
        with self._shape("sendrawtransaction"):
            return text(self.rpc.call("sendrawtransaction", raw.hex()))

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
