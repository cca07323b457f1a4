"""The reader of one deposit account and the asset that is swept from it."""

from __future__ import annotations

from collections.abc import Sequence, Set

from custody.chains.evm.conflict import account_key
from custody.chains.evm.fees import fee_level
from custody.chains.evm.reader import SafeReader
from custody.chains.evm.sweep import SweepState
from custody.chains.port import SeenDeposit
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef, Finality
from custody.primitives.errors import Conflict, InvalidInput
from custody.primitives.ids import TxId


class SweepPending(Conflict):
    """A sweep of this account is on its way already."""

    code = "sweep_pending"


class SweepReader:
    """Asks about one deposit account; everything else is the Safe's own reader."""

    def __init__(self, reader: SafeReader, index: int, asset: Asset) -> None:
        branch = reader.wallet.deposits
        if branch is None:
            raise InvalidInput(f"wallet {reader.wallet.id} has no deposit accounts")
        self.chain = reader.chain
        self.index = index
        self.asset = asset
        self.account = branch.address(index)
        self._reader = reader

    def tip(self) -> BlockRef:
        """The newest block."""
        return self._reader.tip()

    def block_at(self, height: int) -> BlockRef:
        """The block of the main chain at this height."""
        return self._reader.block_at(height)

    def balance(self, address: Address, asset: Asset, at: BlockRef | None = None) -> Amount:
        """Balance of an address, at the tip or as of a block."""
        return self._reader.balance(address, asset, at)

    def spendable(self, reserved: Set[str]) -> SweepState:
        """Balance and counter of the account.

        Raises:
            SweepPending: Its next nonce is reserved: one sweep at a time.
        """
        node, params = self._reader.node, self._reader.wallet.params
        block = node.tip()
        nonce = node.sequence(self.account, block)
        if account_key(params.chain_id, self.account, nonce) in reserved:
            raise SweepPending(f"a sweep of {self.account} with nonce {nonce} is open")
        tip, fee = fee_level(node)
        wei, units = (node.balance(self.account, asset, block) for asset in (params.native, self.asset))
        pricing = params.pricing
        return SweepState(
            *(self.index, self.asset, units, wei, nonce, tip, fee), pricing.extra_gas, pricing.layer_fee_wei
        )

    def deposits(self, watched: Set[str], block: BlockRef) -> Sequence[SeenDeposit]:
        """All payments in this block to the watched addresses."""
        return self._reader.deposits(watched, block)

    def finality(self, txid: TxId, conflict_key: str) -> Finality:
        """What the chain says of a sweep now."""
        return self._reader.finality(txid, conflict_key)
