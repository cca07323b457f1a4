"""Ask a node about one wallet: what it can spend, what it was paid, what became of an attempt.

Rules:
    * Only confirmed coins are spendable: foreign payments at final depth, own change after one block,
      since a payment whose coin is reorganised away could never be proven dead.
    * A coin that is reserved, immature, or already spent by something in the pool is left out.
    * Coins are what the node says, but never what it could gain by lying: scripts are derived here,
      and values are proven by the previous transaction when the plan is written.
    * The first question scans all unspent outputs; later ones follow the blocks (`view`). A reader
      remembers that between calls: one reader a wallet, one thread a reader.

Example:
    reader = UtxoReader.connect(wallet, BitcoinNode(JsonRpc(endpoint)))
    coins = reader.spendable(reserved=frozenset())
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence, Set

from embit.descriptor.checksum import add_checksum

from custody.chains.port import SeenDeposit
from custody.chains.utxo.address import address_of_script, script_of_address
from custody.chains.utxo.coins import Coin, Coins, resource
from custody.chains.utxo.finality import attempt_finality
from custody.chains.utxo.psbt import without_witness
from custody.chains.utxo.view import CoinView, OwnCoin, wallet_places
from custody.chains.utxo.wallet import CHANGE, RECEIVE, UtxoWallet
from custody.nodes.bitcoin import BitcoinNode
from custody.nodes.bitcoin_answers import Block, BlockTx, Header
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef, Chain, Finality
from custody.primitives.errors import AssetMismatch, InvalidInput, NodeUnavailable, WrongNetwork
from custody.primitives.ids import TxId

COINBASE_MATURITY = 100
CHANGE_DEPTH = 1
FEE_TARGET_BLOCKS = 3
"""Confirmation within half an hour is what the fee estimate is asked for."""
MAX_COINS = 400
"""Twice the inputs a transaction may have; the largest coins are offered."""
MAX_BALANCE_REWIND_BLOCKS = 288
"""Two days: how far back a balance can be told by undoing blocks."""

MAX_FOLLOW_BLOCKS = 288
"""Further behind than two days, one scan is cheaper than the blocks."""


class UtxoReader:
    """`Reader[Coins]` for one wallet."""

    def __init__(self, wallet: UtxoWallet, node: BitcoinNode) -> None:
        self.wallet = wallet
        self.node = node
        self.chain: Chain = wallet.params.chain
        self._places = wallet_places(wallet)
        self._view: CoinView | None = None
        self._last_change_index = -1

    @classmethod
    def connect(cls, wallet: UtxoWallet, node: BitcoinNode) -> UtxoReader:
        """Make a reader after checking that the node is on the wallet's network.

        Raises:
            WrongNetwork: It is on another.
            NodeUnavailable: It does not answer.
        """
        stated = node.network()
        if stated != wallet.params.node_name:
            raise WrongNetwork(
                f"{wallet.params.chain.id}: the node is on network {stated!r}", chain=wallet.params.chain.id
            )
        return cls(wallet, node)

    def tip(self) -> BlockRef:
        """The newest block."""
        return self._ref(self._header(self.node.best_hash()))

    def block_at(self, height: int) -> BlockRef:
        """The block of the main chain at this height.

        Raises:
            InvalidInput: There is none yet.
        """
        block_hash = self.node.block_hash(height)
        if block_hash is None:
            raise InvalidInput(f"{self.chain.id}: no block at height {height} yet", height=height)
        return self._ref(self._header(block_hash))

    def balance(self, address: Address, asset: Asset, at: BlockRef | None = None) -> Amount:
        """Confirmed balance of an address, at the tip or as of a block of the last two days.

        An older balance is the present one with every block since then undone.

        Raises:
            AssetMismatch: Another asset than the chain's coin.
            NodeUnavailable: The block is off the main chain or too old, or blocks moved meanwhile.
        """
        if asset != self.wallet.params.asset:
            raise AssetMismatch(f"{self.chain.id} holds no {asset.key}")
        script = script_of_address(address.text, self.wallet.params)
        scan = self.node.scan([str(add_checksum(f"raw({script.hex()})"))], 0)
        units = sum(found.value_sat for found in scan.found if found.script == script)
        goal = at or BlockRef(self.chain.id, scan.height, scan.block_hash, "")
        for block in self._blocks_since(goal, scan.block_hash, scan.height):
            units += sum(_gone_minus_come(tx, script) for tx in block.txs)
        return Amount(units, asset)

    def spendable(self, reserved: Set[str]) -> Coins:
        """What the wallet can spend now.

        Args:
            reserved: Outpoints in use, as `UtxoCodec.reservations` names them.
        """
        view = self._view_at_tip()
        ripe = [
            coin
            for coin in view.coins
            if self._is_ripe(coin, view.height) and resource(self.chain.id, coin.txid, coin.vout) not in reserved
        ]
        offered = heapq.nlargest(MAX_COINS, ripe, key=lambda coin: (coin.value_sat, coin.txid, coin.vout))
        free = self.node.unspent_flags([(coin.txid, coin.vout) for coin in offered], with_pool=True)
        kept = [coin for coin, is_free in zip(offered, free, strict=True) if is_free]
        used = [coin.place[1] for coin in view.coins if coin.place[0] == CHANGE]
        self._last_change_index = max([self._last_change_index, *used])
        change_index = (self._last_change_index + 1) % self.wallet.window
        return Coins(self._with_proof(kept), self.fee_sat_per_kvb(), change_index)

    def total(self) -> Amount:
        """All confirmed coins of the wallet, ripe or not."""
        return Amount(sum(coin.value_sat for coin in self._view_at_tip().coins), self.wallet.params.asset)

    def held_at(self, block: BlockRef) -> dict[Address, Amount]:
        """What each address of the wallet held as of a block of the last two days, by branch and index.

        Coins that moved since are counted where they were; addresses that held nothing are left out.

        Raises:
            NodeUnavailable: The block is off the main chain or too old.
        """
        view = self._view_at_tip()
        units = Counter[tuple[int, int]]()
        for coin in view.coins:
            units[coin.place] += coin.value_sat
        for newer in self._blocks_since(block, view.block_hash, view.height):
            for tx in newer.txs:
                for place in self._places_in(tx):
                    units[place] += _gone_minus_come(tx, self.wallet.script_pubkey(*place))
        asset = self.wallet.params.asset
        return {self.wallet.address(*place): Amount(units[place], asset) for place in sorted(+units)}

    def fee_sat_per_kvb(self) -> int:
        """The node's estimate within the network's policy; its pool's floor counts, its greed does not."""
        policy = self.wallet.params.fees
        wanted = self.node.fee_sat_per_kvb(FEE_TARGET_BLOCKS) or policy.fallback
        return min(max(wanted, policy.floor, self.node.pool_floor_sat_per_kvb()), policy.cap)

    def deposits(self, watched: Set[str], block: BlockRef) -> Sequence[SeenDeposit]:
        """All payments in this block to the watched addresses.

        Newly mined coins (a coinbase) are left out: they can vanish for a hundred blocks, and no
        customer pays with them.

        Raises:
            NodeUnavailable: The node does not know the block, or it is at another height.
        """
        found = self.node.block(block.hash)
        if (found.header.hash, found.header.height) != (block.hash, block.height):
            raise NodeUnavailable(f"{self.chain.id}: the node answers another block than {block.hash}")
        return tuple(
            SeenDeposit(TxId(tx.txid), vout, to, Amount(output.value_sat, self.wallet.params.asset), block)
            for tx in found.txs
            if not tx.coinbase
            for vout, output in enumerate(tx.outputs)
            if (to := address_of_script(output.script, self.wallet.params)) and to.text in watched and output.value_sat
        )

    def finality(self, txid: TxId, conflict_key: str) -> Finality:
        """What the chain says of an attempt now; see `finality.attempt_finality` for the proof of death."""
        return attempt_finality(self.node, self.wallet.params, txid, conflict_key)

    def _view_at_tip(self) -> CoinView:
        """Follow the chain from where the view stands; scan where there is no way from there."""
        view = self._view
        missing: list[Block] = []
        block_hash = self.node.best_hash()
        while view is not None and block_hash != view.block_hash:
            block = self.node.block(block_hash) if block_hash and len(missing) < MAX_FOLLOW_BLOCKS else None
            if block is None or block.header.height <= view.height:
                view = None  # reorganised, or too far behind
            else:
                missing.append(block)
                block_hash = block.header.parent
        if view is None:
            descriptors = [self.wallet.branch_descriptor(branch) for branch in (RECEIVE, CHANGE)]
            view, missing = CoinView.from_scan(self.node.scan(descriptors, self.wallet.window - 1), self._places), []
        self._view = None  # until every block went in
        for block in reversed(missing):
            view.advance(block, self._places)
        self._view = view
        return view

    def _blocks_since(self, goal: BlockRef, block_hash: str, height: int) -> Iterator[Block]:
        """Blocks above the goal, newest first, with what they spent; the goal must lie below them."""
        if height - goal.height > MAX_BALANCE_REWIND_BLOCKS:
            raise NodeUnavailable(f"{self.chain.id}: block {goal.height} is too old for a balance")
        while height > goal.height:
            block = self.node.block(block_hash, with_spent=True)
            if any(entry.spent is None for tx in block.txs for entry in tx.inputs):
                raise NodeUnavailable("the node leaves out what a transaction spends; getblock needs verbosity 3")
            yield block
            block_hash, height = block.header.parent, height - 1
        if block_hash != goal.hash:
            raise NodeUnavailable(f"{self.chain.id}: block {goal.hash} is not on the main chain", height=goal.height)

    def _places_in(self, tx: BlockTx) -> set[tuple[int, int]]:
        """Our places that a transaction pays or spends from."""
        scripts = [output.script for output in tx.outputs]
        scripts += [entry.spent.script for entry in tx.inputs if entry.spent is not None]
        return {self._places[script] for script in scripts if script in self._places}

    def _is_ripe(self, coin: OwnCoin, height: int) -> bool:
        depth = height - coin.height + 1
        if coin.coinbase:
            return depth > COINBASE_MATURITY
        return depth >= (CHANGE_DEPTH if coin.place[0] == CHANGE else self.chain.final_depth)

    def _with_proof(self, kept: list[OwnCoin]) -> tuple[Coin, ...]:
        txids = sorted({coin.txid for coin in kept})
        proofs = dict(zip(txids, map(without_witness, self.node.raw_txs(txids)), strict=True))
        return tuple(Coin(c.txid, c.vout, c.value_sat, *c.place, proofs[c.txid]) for c in kept)

    def _header(self, block_hash: str) -> Header:
        header = self.node.header(block_hash)
        if header is None or header.hash != block_hash:
            raise NodeUnavailable(f"{self.chain.id}: the node does not know its own block {block_hash}")
        return header

    def _ref(self, header: Header) -> BlockRef:
        return BlockRef(self.chain.id, header.height, header.hash, header.parent)


def _gone_minus_come(tx: BlockTx, script: bytes) -> int:
    """Satoshi that undoing this transaction gives back to the script."""
    gone = sum(entry.spent.value_sat for entry in tx.inputs if entry.spent and entry.spent.script == script)
    return gone - sum(output.value_sat for output in tx.outputs if output.script == script)
