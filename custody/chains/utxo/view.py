"""The wallet's unspent outputs at one block, moved forward block by block instead of scanning again.

A scan of a main chain's outputs takes minutes; following takes one block. Both give the same answer.

Rules:
    * A view stands at exactly one block; the next block must name it as its parent.
    * Going back is not possible: after a reorganisation the reader scans again.
    * Coins stand in the order of their value too, so that a million of them are chosen from in milliseconds.

Example:
    view = CoinView.from_scan(scan, places)
    view.advance(block)
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from custody.chains.utxo.wallet import CHANGE, RECEIVE, UtxoWallet
from custody.nodes.bitcoin_answers import Block, Scan
from custody.primitives.errors import Conflict

Place = tuple[int, int]
"""Branch and index."""

Outpoint = tuple[str, int]
"""Transaction and output number."""


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

    def __init__(self, height: int, block_hash: str, coins: Mapping[Outpoint, OwnCoin]) -> None:
        self.height = height
        self.block_hash = block_hash
        self.total_sat = sum(coin.value_sat for coin in coins.values())
        self.last_change_index = max((c.place[1] for c in coins.values() if c.place[0] == CHANGE), default=-1)
        self._coins = dict(coins)
        self._ranked = sorted((coin.value_sat, *outpoint) for outpoint, coin in self._coins.items())

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

    def offer(self, least_sat: int, most: int, is_usable: Callable[[OwnCoin], bool]) -> list[OwnCoin]:
        """Pick coins of every size for a payment, without looking at all of them.

        The larger half of the offer are the largest coins, which can pay anything that can be paid at all;
        the rest are spread evenly over the smaller ones, so that a small payment breaks no large coin.

        Args:
            least_sat: Smaller coins are left alone.
            most: How many are offered.
            is_usable: Whether a coin may be spent now.
        """
        first = bisect_left(self._ranked, (least_sat, "", -1))
        offered: list[OwnCoin] = []
        rank = len(self._ranked)
        while rank > first and len(offered) < -(-most // 2):
            rank -= 1
            offered += self._usable(rank, is_usable)
        left = most - len(offered)
        if rank - first <= left:
            chosen: Iterable[int] = range(first, rank)
        else:
            chosen = (first + (rank - first) * step // left for step in range(left))
        for each in chosen:
            offered += self._usable(each, is_usable)
        return offered

    def smallest(self, least_sat: int, most: int, is_usable: Callable[[OwnCoin], bool]) -> list[OwnCoin]:
        """Pick the smallest coins that may be spent now and hold at least so much."""
        picked: list[OwnCoin] = []
        rank = bisect_left(self._ranked, (least_sat, "", -1))
        while rank < len(self._ranked) and len(picked) < most:
            picked += self._usable(rank, is_usable)
            rank += 1
        return picked

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
                self._drop((entry.txid, entry.vout))
            for vout, output in enumerate(tx.outputs):
                place = places.get(output.script)
                if place is not None:
                    self._add(OwnCoin(tx.txid, vout, output.value_sat, place, header.height, tx.coinbase))
        self.height, self.block_hash = header.height, header.hash

    def _usable(self, rank: int, is_usable: Callable[[OwnCoin], bool]) -> list[OwnCoin]:
        _, txid, vout = self._ranked[rank]
        coin = self._coins[txid, vout]
        return [coin] if is_usable(coin) else []

    def _add(self, coin: OwnCoin) -> None:
        self._drop((coin.txid, coin.vout))
        self._coins[coin.txid, coin.vout] = coin
        insort(self._ranked, (coin.value_sat, coin.txid, coin.vout))
        self.total_sat += coin.value_sat
        if coin.place[0] == CHANGE:
            self.last_change_index = max(self.last_change_index, coin.place[1])

    def _drop(self, outpoint: Outpoint) -> None:
        coin = self._coins.pop(outpoint, None)
        if coin is not None:
            del self._ranked[bisect_left(self._ranked, (coin.value_sat, *outpoint))]
            self.total_sat -= coin.value_sat


@lru_cache(maxsize=32)
def wallet_places(wallet: UtxoWallet) -> Mapping[bytes, Place]:
    """Every script of the wallet's window, with its place; a few thousand derivations, made once a wallet."""
    return MappingProxyType(
        {
            wallet.script_pubkey(branch, index): (branch, index)
            for branch in (RECEIVE, CHANGE)
            for index in range(wallet.window)
        }
    )
