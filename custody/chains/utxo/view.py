"""The wallet's unspent outputs at one block, moved forward block by block instead of scanning again.

A scan of a main chain's outputs takes minutes; following takes one block. Both give the same answer.

Rules:
    * A view stands at exactly one block; the next block must name it as its parent.
    * Going back is not possible: after a reorganisation the reader scans again.

Example:
    view = CoinView.from_scan(scan, places)
    view.advance(block)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from custody.chains.utxo.wallet import CHANGE, RECEIVE, UtxoWallet
from custody.nodes.bitcoin_answers import Block, Scan
from custody.primitives.errors import Conflict

Place = tuple[int, int]
"""Branch and index."""


class ViewOutOfStep(Conflict):
    """The block does not follow the one the view stands at."""

    code = "view_out_of_step"


@dataclass(frozen=True, slots=True, order=True)
class OwnCoin:
    """One unspent output of ours: outpoint, value, place in the descriptor, height it was mined at."""

    txid: str
    vout: int
    value_sat: int
    place: Place
    height: int
    coinbase: bool


class CoinView:
    """All unspent outputs of one wallet, as of one block."""

    def __init__(self, height: int, block_hash: str, coins: Mapping[tuple[str, int], OwnCoin]) -> None:
        self.height = height
        self.block_hash = block_hash
        self._coins = dict(coins)

    @classmethod
    def from_scan(cls, scan: Scan, places: Mapping[bytes, Place]) -> CoinView:
        """Start from a scan; a finding whose script is not ours is dropped, whatever the node calls it."""
        coins = (
            OwnCoin(each.txid, each.vout, each.value_sat, places[each.script], each.height, each.coinbase)
            for each in scan.found
            if each.script in places
        )
        return cls(scan.height, scan.block_hash, {(coin.txid, coin.vout): coin for coin in coins})

    @property
    def coins(self) -> tuple[OwnCoin, ...]:
        """All of them, in the order of their outpoints."""
        return tuple(sorted(self._coins.values()))

    def advance(self, block: Block, places: Mapping[bytes, Place]) -> None:
        """Move to the next block.

        Raises:
            ViewOutOfStep: It is not the next one; nothing was changed.
        """
        header = block.header
        if (header.parent, header.height) != (self.block_hash, self.height + 1):
            raise ViewOutOfStep(f"block {header.hash} does not follow {self.block_hash}", height=self.height)
        for tx in block.txs:
            for entry in tx.inputs:
                self._coins.pop((entry.txid, entry.vout), None)
            for vout, output in enumerate(tx.outputs):
                place = places.get(output.script)
                if place is not None:
                    self._coins[tx.txid, vout] = OwnCoin(
                        tx.txid, vout, output.value_sat, place, header.height, tx.coinbase
                    )
        self.height, self.block_hash = header.height, header.hash


def wallet_places(wallet: UtxoWallet) -> dict[bytes, Place]:
    """Every script of the wallet's window, with its place; a few thousand derivations."""
    return {
        wallet.script_pubkey(branch, index): (branch, index)
        for branch in (RECEIVE, CHANGE)
        for index in range(wallet.window)
    }
