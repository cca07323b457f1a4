"""A UTXO wallet whose customers' coins are spent only once their deposit is credited.

The deposits of a UTXO chain land in the hot wallet itself, so what is not screened yet, set aside or dust is kept
out of its payments here, coin by coin. Change and the house's own places are not deposits.

Example:
    lane = replace(lane, reader=ScreenedReader(lane.reader, deposits, own_places=1))
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

from custody.chains.port import Reader, SeenDeposit, SignedTx, finality_of
from custody.chains.utxo.coins import Coin, Coins
from custody.chains.utxo.wallet import RECEIVE
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef, Finality
from custody.primitives.ids import TxId
from custody.wallets.clean_coins import spendable_keys
from custody.wallets.ports import CoinRecords


class ScreenedReader:
    """`Reader[Coins]` over another one, offering fewer coins."""

    def __init__(self, reader: Reader[Coins], records: CoinRecords, own_places: int) -> None:
        """Bind the reader.

        Args:
            reader: Of the wallet.
            records: Deposits.
            own_places: How many of the first receiving places are the house's and no customer's.
        """
        self.chain = reader.chain
        self._reader = reader
        self._records = records
        self._own_places = own_places

    def spendable(self, reserved: Set[str]) -> Coins:
        """What the wallet can spend now, without coins of deposits that are not credited."""
        return self.screened(self._reader.spendable(reserved))

    def screened(self, found: Coins) -> Coins:
        """These coins of the wallet, without those of deposits that are not credited."""
        keys = {self._key(coin) for coin in found.coins if self._is_customers(coin)}
        free = spendable_keys(self._records, keys)
        kept = tuple(coin for coin in found.coins if not self._is_customers(coin) or self._key(coin) in free)
        return replace(found, coins=kept)

    def tip(self) -> BlockRef:
        """The newest block."""
        return self._reader.tip()

    def block_at(self, height: int) -> BlockRef:
        """The block of the main chain at this height."""
        return self._reader.block_at(height)

    def balance(self, address: Address, asset: Asset, at: BlockRef | None = None) -> Amount:
        """Confirmed balance of an address."""
        return self._reader.balance(address, asset, at)

    def deposits(self, watched: Set[str], block: BlockRef) -> Sequence[SeenDeposit]:
        """All payments in this block to the watched addresses."""
        return self._reader.deposits(watched, block)

    def finality(self, txid: TxId, conflict_key: str) -> Finality:
        """What the chain says of an attempt now."""
        return self._reader.finality(txid, conflict_key)

    def finality_of(self, signed: SignedTx) -> Finality:
        """What the chain says of these bytes now, whatever id they were mined under."""
        return finality_of(self._reader, signed)

    def _is_customers(self, coin: Coin) -> bool:
        return coin.branch == RECEIVE and coin.index >= self._own_places

    def _key(self, coin: Coin) -> str:
        return f"{self.chain.id}/{coin.txid}/{coin.vout}"
