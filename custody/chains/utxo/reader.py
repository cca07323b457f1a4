"""Ask a node about one wallet: what it can spend, what it was paid, what became of an attempt.

Rules:
    * Only confirmed coins are spendable: foreign payments at final depth, own change after one block,
      since a payment whose coin is reorganised away could never be proven dead.
    * A coin that is reserved, immature, or already spent by something in the pool is left out.
    * Coins are what the node says, but never what it could gain by lying: scripts are derived here,
      and values are proven by the previous transaction when the plan is written.
    * The first question scans all unspent outputs; later ones follow the blocks (`following`). A reader
      remembers that between calls: one reader a wallet, shared by everybody who asks about it, in whatever thread.

Example:
    reader = UtxoReader.connect(wallet, BitcoinNode(JsonRpc(endpoint)))
    coins = reader.spendable(reserved=frozenset())
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence, Set

from custody.chains.port import SeenDeposit, SignedTx
from custody.chains.utxo.address import address_of_script, script_of_address
from custody.chains.utxo.coins import Coin, Coins, resource
from custody.chains.utxo.finality import attempt_finality
from custody.chains.utxo.following import CoinFollower
from custody.chains.utxo.psbt import without_witness
from custody.chains.utxo.senders import senders_of
from custody.chains.utxo.view import CoinView, OwnCoin, Place
from custody.chains.utxo.wallet import CHANGE, UtxoWallet
from custody.nodes.bitcoin import BitcoinNode
from custody.nodes.bitcoin_answers import BlockTx, Header
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef, Chain, Finality
from custody.primitives.errors import AssetMismatch, InvalidInput, NodeUnavailable, WrongNetwork
from custody.primitives.ids import TxId

CHANGE_DEPTH = 1
FEE_TARGET_BLOCKS = 3
"""Confirmation within half an hour is what the fee estimate is asked for."""
MAX_COINS = 400
"""Twice the inputs a transaction may have."""


class UtxoReader:
    """`Reader[Coins]` for one wallet."""

    def __init__(self, wallet: UtxoWallet, node: BitcoinNode, *, born_height: int = 0) -> None:
        self.wallet = wallet
        self.node = node
        self.chain: Chain = wallet.params.chain
        self._follower = CoinFollower(wallet, node, born_height)
        self._last_change_index = -1
        self._lock = threading.Lock()  # the view moves with the chain: nobody reads it while another one moves it

    @classmethod
    def connect(cls, wallet: UtxoWallet, node: BitcoinNode, *, born_height: int = 0) -> UtxoReader:
        """Make a reader after checking, by the first block, that the node is on the wallet's network.

        Args:
            wallet: Whose coins.
            node: Needs `txindex=1`.
            born_height: No coin of the wallet is older; spares work where the node cannot scan.

        Raises:
            WrongNetwork: It is on another.
            NodeUnavailable: It does not answer.
        """
        first = node.block_hash(0) or ""
        if first[: len(wallet.params.genesis)] != wallet.params.genesis:
            raise WrongNetwork(
                f"{wallet.params.chain.id}: the node's first block is {first!r}", chain=wallet.params.chain.id
            )
        return cls(wallet, node, born_height=born_height)

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
        """Confirmed balance of an address of the wallet, at the tip or as of a block of the last two days.

        An older balance is the present one with every block since then undone.

        Raises:
            AssetMismatch: Another asset than the chain's coin.
            InvalidInput: The address is not in the wallet's window.
            NodeUnavailable: The block is off the main chain or too old, or blocks moved meanwhile.
        """
        if asset != self.wallet.params.asset:
            raise AssetMismatch(f"{self.chain.id} holds no {asset.key}")
        place = self._follower.places.get(script_of_address(address.text, self.wallet.params))
        if place is None:
            raise InvalidInput(f"{self.wallet.id}: {address} is not of this wallet")
        with self._lock:
            return Amount(self._units_at(at)[place], asset)

    def spendable(self, reserved: Set[str]) -> Coins:
        """What the wallet can spend now: coins of every size, up to `MAX_COINS` of them.

        Args:
            reserved: Outpoints in use, as `UtxoCodec.reservations` names them.
        """
        with self._lock:
            view = self._follower.view()
            offered = view.offer(self.wallet.params.fees.dust_sat, MAX_COINS, self._is_free(view, reserved))
            change_index = self._next_change_index(view)
        return self._coins(offered, change_index)

    def small_coins(self, reserved: Set[str]) -> Coins:
        """The smallest coins that are no dust, for `UtxoCodec.consolidate`.

        Args:
            reserved: Outpoints in use.
        """
        with self._lock:
            view = self._follower.view()
            smallest = view.smallest(self.wallet.params.fees.dust_sat, MAX_COINS, self._is_free(view, reserved))
            change_index = self._next_change_index(view)
        return self._coins(smallest, change_index)

    def total(self) -> Amount:
        """All confirmed coins of the wallet, ripe or not."""
        with self._lock:
            return Amount(self._follower.view().total_sat, self.wallet.params.asset)

    def held_at(self, block: BlockRef) -> dict[Address, Amount]:
        """What each address of the wallet held as of a block of the last two days, by branch and index.

        Coins that moved since are counted where they were; addresses that held nothing are left out.

        Raises:
            NodeUnavailable: The block is off the main chain or too old.
        """
        with self._lock:
            units = self._units_at(block)
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
        customer pays with them. The senders are the places of all coins that were spent.

        Raises:
            NodeUnavailable: The node does not know the block, or it is at another height.
        """
        params = self.wallet.params

        def paid(tx: BlockTx) -> list[tuple[int, Address, int]]:
            if tx.coinbase:
                return []
            places = (
                (vout, address_of_script(each.script, params), each.value_sat) for vout, each in enumerate(tx.outputs)
            )
            return [(vout, to, units) for vout, to, units in places if to and to.text in watched and units]

        found = self.node.block(block.hash, with_spent=True, wanted=lambda tx: bool(paid(tx)))
        if (found.header.hash, found.header.height) != (block.hash, block.height):
            raise NodeUnavailable(f"{self.chain.id}: the node answers another block than {block.hash}")
        return tuple(
            SeenDeposit(TxId(tx.txid), vout, to, Amount(units, params.asset), block, senders=senders_of(tx, params))
            for tx in found.txs
            for vout, to, units in paid(tx)
        )

    def finality(self, txid: TxId, conflict_key: str) -> Finality:
        """What the chain says of an attempt now; see `finality.attempt_finality` for the proof of death."""
        return attempt_finality(self.node, self.wallet.params, txid, conflict_key)

    def finality_of(self, signed: SignedTx) -> Finality:
        """What the chain says of these bytes now, whatever id they were mined under."""
        return attempt_finality(self.node, self.wallet.params, signed.txid, signed.conflict_key, signed.raw)

    def _units_at(self, block: BlockRef | None) -> Counter[Place]:
        """Satoshi at every place of the wallet, now or as of a block; the caller holds the lock."""
        view = self._follower.view()
        units = Counter[Place]()
        for coin in view.coins:
            units[coin.place] += coin.value_sat
        places = self._follower.places
        for newer in self._follower.blocks_since(block, view) if block is not None else ():
            for tx in newer.txs:
                for entry in tx.inputs:
                    if entry.spent is not None and entry.spent.script in places:
                        units[places[entry.spent.script]] += entry.spent.value_sat
                for output in tx.outputs:
                    if output.script in places:
                        units[places[output.script]] -= output.value_sat
        return units

    def _is_free(self, view: CoinView, reserved: Set[str]) -> Callable[[OwnCoin], bool]:
        def is_free(coin: OwnCoin) -> bool:
            depth = view.height - coin.height + 1
            if coin.coinbase:
                ripe = depth > self.wallet.params.maturity
            else:
                ripe = depth >= (CHANGE_DEPTH if coin.place[0] == CHANGE else self.chain.final_depth)
            return ripe and resource(self.chain.id, coin.txid, coin.vout) not in reserved

        return is_free

    def _next_change_index(self, view: CoinView) -> int:
        self._last_change_index = max(self._last_change_index, view.last_change_index)
        return (self._last_change_index + 1) % self.wallet.window

    def _coins(self, offered: Sequence[OwnCoin], change_index: int) -> Coins:
        free = self.node.unspent_flags([(coin.txid, coin.vout) for coin in offered], with_pool=True)
        kept = [coin for coin, is_free in zip(offered, free, strict=True) if is_free]
        return Coins(self._with_proof(kept), self.fee_sat_per_kvb(), change_index)

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
