"""One reader of a wallet's coins for several threads: it follows the chain once, and serves one at a time.

Balances, the monitor and the reserves ask for the same view; a reader each would scan and follow for itself.

Example:
    coins = SharedCoins(UtxoReader(wallet, node))
    coins.total()
"""

from __future__ import annotations

import threading
from collections.abc import Set

from custody.chains.utxo.coins import Coins
from custody.chains.utxo.reader import UtxoReader
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.chain import BlockRef


class SharedCoins:
    """A reader behind a lock."""

    def __init__(self, reader: UtxoReader) -> None:
        self.reader = reader
        self._lock = threading.Lock()

    def total(self) -> Amount:
        """All confirmed coins of the wallet."""
        with self._lock:
            return self.reader.total()

    def small_coins(self, reserved: Set[str]) -> Coins:
        """The smallest coins that are no dust and not in use; see `UtxoReader.small_coins`."""
        with self._lock:
            return self.reader.small_coins(reserved)

    def held_at(self, block: BlockRef) -> dict[Address, Amount]:
        """What each address held as of a block; see `UtxoReader.held_at`."""
        with self._lock:
            return self.reader.held_at(block)
