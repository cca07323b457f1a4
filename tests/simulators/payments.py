"""How often a stranger's place was paid, asked of each local chain itself and never of the service.

Rules:
    * A block that was read once is remembered by its hash; a reorganised one is another block.
    * The pools of Bitcoin, Litecoin and Dogecoin count: a second payment shows before it is mined.

Example:
    ledger = PaymentCounter(chains)
    ledger.payments_to("bitcoin-regtest", "bcrt1q...")
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from custody.chains.registry import chain_row
from custody.chains.tron.address import node_hex
from custody.chains.tron.node import MAX_BLOCKS_PER_CALL, TronNode
from custody.chains.tron.params import LOCAL as TRON_LOCAL
from custody.chains.utxo.address import script_of_address
from custody.chains.utxo.params import DOGECOIN_REGTEST
from custody.chains.xrpl.node import XrplNode
from custody.devnet.network import LocalChains
from custody.primitives.chain import ChainId, Family
from exchange.cli.loop.outside import scan_coins

DOGECOIN = "dogecoin-regtest"


class PaymentCounter:
    """Counts transactions that paid a place."""

    def __init__(self, chains: LocalChains) -> None:
        self._chains = chains
        self._blocks: dict[str, tuple[str, set[tuple[str, str]]]] = {}  # Dogecoin: hash -> parent, (script, txid)
        self._ledgers: dict[int, Counter[str]] = {}  # XRP Ledger: index -> place -> payments
        self._by_family: Mapping[Family, Callable[[str, str], int]] = {
            Family.UTXO: self._core,
            Family.EVM: self._evm,
            Family.SOLANA: self._solana,
            Family.TRON: self._tron,
            Family.XRPL: self._xrpl,
        }

    def payments_to(self, chain: str, place: str) -> int:
        """Transactions that ever paid the place and stand in the chain or, on UTXO chains, in the pool."""
        if chain == DOGECOIN:
            return self._dogecoin(place)
        return self._by_family[chain_row(ChainId(chain)).family](chain, place)

    def _core(self, chain: str, place: str) -> int:
        rpc = self._chains.core(chain).rpc
        pool = (rpc.call("getrawtransaction", txid, 1) for txid in rpc.call("getrawmempool"))
        waiting = {tx["txid"] for tx in pool if any(out["scriptPubKey"].get("address") == place for out in tx["vout"])}
        return len({row["txid"] for row in scan_coins(rpc, place)["unspents"]} | waiting)

    def _dogecoin(self, place: str) -> int:
        rpc, script = self._chains.dogecoin(DOGECOIN).rpc, script_of_address(place, DOGECOIN_REGTEST).hex()

        def paid(txids: Iterable[str]) -> set[tuple[str, str]]:
            shown = ((txid, rpc.call("getrawtransaction", txid, True)) for txid in txids)
            return {(out["scriptPubKey"]["hex"], txid) for txid, tx in shown for out in tx["vout"]}

        found, block_hash = paid(rpc.call("getrawmempool")), str(rpc.call("getbestblockhash"))
        while block_hash:
            if block_hash not in self._blocks:
                block = rpc.call("getblock", block_hash)
                parent = block.get("previousblockhash", "")
                self._blocks[block_hash] = parent, paid(block["tx"][1:])  # the first pays the miner
            block_hash, of_block = self._blocks[block_hash]
            found |= of_block
        return len({txid for out, txid in found if out == script})

    def _evm(self, chain: str, place: str) -> int:
        """Safe pays by a call inside, which no receipt shows: the balance is followed, which only grows out there."""
        rpc = self._chains.evm(chain).rpc

        def held(height: int) -> int:
            return int(rpc.call("eth_getBalance", place, hex(height)), 16)

        def rises(low: tuple[int, int], high: tuple[int, int]) -> int:
            if low[1] == high[1]:
                return 0
            if high[0] - low[0] == 1:
                return 1
            height = (low[0] + high[0]) // 2
            middle = height, held(height)
            return rises(low, middle) + rises(middle, high)

        tip = int(rpc.call("eth_blockNumber"), 16)
        return rises((0, held(0)), (tip, held(tip)))

    def _solana(self, _chain: str, place: str) -> int:
        seen = self._chains.solana.rpc.call("getSignaturesForAddress", place)
        return len([row for row in seen if row["err"] is None])

    def _tron(self, _chain: str, place: str) -> int:
        node, wanted = TronNode(self._chains.tron.http, TRON_LOCAL), node_hex(place)
        tip = node.head().ref.height
        entries = (
            entry
            for first in range(1, tip + 1, MAX_BLOCKS_PER_CALL)
            for block in node.blocks(first, min(tip, first + MAX_BLOCKS_PER_CALL - 1))
            for entry in block.transactions
            if entry["ret"][0]["contractRet"] == "SUCCESS"
        )
        return sum(_tron_payee(entry) == wanted for entry in entries)

    def _xrpl(self, _chain: str, place: str) -> int:
        node = XrplNode(self._chains.xrpl.rpc)
        first, last = node.view().ranges[0]
        for index in range(first, last + 1):
            if index not in self._ledgers:  # a validated ledger never changes
                entries = node.ledger(index, expanded=True)["transactions"]
                done = (each for each in entries if each["metaData"]["TransactionResult"] == "tesSUCCESS")
                self._ledgers[index] = Counter(str(each.get("Destination")) for each in done)
        return sum(self._ledgers[index][place] for index in range(first, last + 1))


def _tron_payee(entry: Mapping[str, Any]) -> str:
    return str(entry["raw_data"]["contract"][0]["parameter"]["value"].get("to_address", ""))
