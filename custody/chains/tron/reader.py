"""The reader of a Tron wallet: balances, what is spendable, deposits, finality.

Rules:
    * What payments in flight take is left out of the balances until the payment is in a block.
    * New transactions refer to a solidified block: a reorganisation cannot make them invalid.
    * With further nodes, all of them must prove an attempt dead before it counts as dead.

Example:
    reader = TronReader(wallet, TronNode(http, LOCAL))
    state = reader.spendable(reserved=frozenset())
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set

from custody.chains.port import SeenDeposit, SignedTx
from custody.chains.tron.deposits import Watched, scan_block
from custody.chains.tron.finality import Proof, Side, attempt_finality
from custody.chains.tron.node import TronNode
from custody.chains.tron.plan import Moment, ReservedSpend, TronState
from custody.chains.tron.wallet import TronWallet
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef, Finality
from custody.primitives.errors import UnknownAsset, VerificationFailed
from custody.primitives.ids import TxId


class FeeAboveSigned(VerificationFailed):
    """A node says that a transaction cost more than its bytes allow: it lies, or prices rose above the pinned ones."""

    code = "tron_fee_above_signed"


class TronReader:
    """All that must ask a node, for one account."""

    def __init__(self, wallet: TronWallet, node: TronNode, witnesses: Sequence[TronNode] = ()) -> None:
        """Bind the reader.

        Args:
            wallet: Whose account.
            node: Whom to ask.
            witnesses: Further, independent nodes; asked only before an attempt counts as dead.
        """
        self.wallet = wallet
        self.node = node
        self.chain = wallet.params.chain
        self._nodes = (node, *witnesses)

    def tip(self) -> BlockRef:
        """The newest block."""
        return self.node.head().ref

    def block_at(self, height: int) -> BlockRef:
        """The block of the main chain at this height."""
        return self.node.block(height).ref

    def balance(self, address: Address, asset: Asset, at: BlockRef | None = None) -> Amount:
        """Balance of an address at the tip; TRX also as of a block, from a node that keeps balance history.

        Raises:
            UnknownAsset: A token's balance as of a block: the network tells it for the tip only.
        """
        if at is None:
            return Amount(self.node.balance(address.text, asset), asset)
        if asset.contract is not None:
            raise UnknownAsset(f"{self.chain.id}: no node tells the past balance of {asset.symbol}", asset=asset.symbol)
        return Amount(self.node.balance_at(address.text, at), asset)

    def spendable(self, reserved: Set[str]) -> TronState:
        """Balances less what is in flight, and where on the chain a new payment would be anchored."""
        # Asked first: a payment that lands meanwhile is then counted twice, never nowhere.
        taken = Counter[str]()
        spends = [spend for name in reserved if (spend := ReservedSpend.parse(name))]
        landed = {txid: self.node.info(txid, solid=False) is not None for txid in {spend.txid for spend in spends}}
        for spend in spends:
            if not landed[spend.txid]:
                taken[spend.asset_key] += spend.units
        account = self.wallet.address.text
        held = {asset.key: self.node.balance(account, asset) for asset in self.wallet.assets}
        return TronState(moment_of(self.node), {key: max(0, units - taken[key]) for key, units in held.items()})

    def deposits(self, watched: Set[str], block: BlockRef) -> Sequence[SeenDeposit]:
        """All payments in this block to the watched addresses (base58check)."""
        station = self.wallet.station_address
        return scan_block(self.node, Watched(watched, self.wallet.tokens, station), block)

    def finality(self, txid: TxId, conflict_key: str) -> Finality:
        """What the chain says of an attempt; see `finality.attempt_finality`."""
        return attempt_finality(self._nodes, Proof(self.wallet.address.text), txid, conflict_key)

    def move_finality(self, txid: TxId, conflict_key: str) -> Finality:
        """The same of a sweep, whose tokens must have come in, or of a top-up."""
        return attempt_finality(self._nodes, Proof(self.wallet.address.text, Side.RECEIVES), txid, conflict_key)

    def fee_paid(self, tx: SignedTx) -> Amount:
        """What the chain took for a solidified transaction of ours, in sun; one node says it, its bytes bound it.

        Raises:
            FeeAboveSigned: More than was signed for; nothing is booked.
            NodeUnavailable: The node does not show its result now.
        """
        sun = self.node.fee_paid(tx.txid)
        if sun > tx.fee_max.units:
            raise FeeAboveSigned(
                f"{self.chain.id}: the node says {tx.txid} took {sun} sun, signed for at most {tx.fee_max.units}",
                txid=tx.txid,
                said=sun,
                signed=tx.fee_max.units,
            )
        return Amount(sun, self.wallet.params.native)


def moment_of(node: TronNode) -> Moment:
    """Where a transaction built now is anchored."""
    solid, head = node.solid_head(), node.head()
    block_id = bytes.fromhex(solid.ref.hash)
    return Moment(block_id[6:8], block_id[8:16], max(head.time_ms, solid.time_ms))
