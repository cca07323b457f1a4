"""The reader of a Safe wallet: balances, what is spendable, deposits, finality.

Example:
    reader = SafeReader(wallet, EvmNode(rpc, ETHEREUM_LOCAL))
    state = reader.spendable(reserved=frozenset())
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from custody.chains.evm.conflict import account_key, nonce_key
from custody.chains.evm.deposits import scan_block
from custody.chains.evm.executions import safe_nonce
from custody.chains.evm.finality import judge
from custody.chains.evm.node import EvmNode
from custody.chains.evm.plan import SafePlan, SafeState, SenderState
from custody.chains.evm.wallet import SafeWallet
from custody.chains.port import SeenDeposit
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef, Finality
from custody.primitives.errors import Unavailable
from custody.primitives.ids import TxId

MAX_SENDER_QUEUE = 16
"""Geth guarantees 16 pool slots an account."""

BASE_FEE_HEADROOM = 2
"""The base fee can rise by an eighth a block: twice the present one lasts for six full blocks."""


class SafeBusy(Unavailable):
    """A payment of this Safe is on its way; the next is planned when it is mined."""

    code = "safe_busy"


class SafeReader:
    """All that must ask a node, for one Safe."""

    def __init__(self, wallet: SafeWallet, node: EvmNode) -> None:
        self.wallet = wallet
        self.node = node
        self.chain = wallet.params.chain

    def tip(self) -> BlockRef:
        """The newest block."""
        return self.node.tip()

    def block_at(self, height: int) -> BlockRef:
        """The block of the main chain at this height."""
        return self.node.block_at(height)

    def balance(self, address: Address, asset: Asset, at: BlockRef | None = None) -> Amount:
        """Balance of an address, at the tip or as of a block."""
        return Amount(self.node.balance(address.text, asset, at), asset)

    def spendable(self, reserved: Set[str]) -> SafeState:
        """Everything a plan depends on, read from one block.

        One payment of a Safe is in flight at a time: were one to revert, all behind it would revert
        too and burn their gas, and the balance would be promised twice. Batches make up for it.

        Args:
            reserved: Resources of open payments.

        Raises:
            SafeBusy: The Safe's next nonce is reserved.
        """
        wallet, node, tip = self.wallet, self.node, self.node.tip()
        nonce = safe_nonce(node, wallet.safe, tip)
        if nonce_key(wallet.params.chain_id, wallet.safe, nonce) in reserved:
            raise SafeBusy(f"wallet {wallet.id}: a payment with Safe nonce {nonce} is on its way", nonce=nonce)
        assets = (wallet.params.native, *wallet.tokens)
        balances = {asset.key: node.balance(wallet.safe, asset, tip) for asset in assets}
        return SafeState(balances, nonce, self.sender(reserved, tip))

    def sender(self, reserved: Set[str], at: BlockRef | None = None) -> SenderState:
        """What the account that pays gas has to offer.

        Raises:
            SafeBusy: 16 of its transactions wait already.
        """
        wallet, node = self.wallet, self.node
        block = at or node.tip()
        account, chain_id = wallet.sender_address, wallet.params.chain_id
        first = node.sequence(account, block)
        free = (n for n in range(first, first + MAX_SENDER_QUEUE) if account_key(chain_id, account, n) not in reserved)
        nonce = next(free, None)
        if nonce is None:
            raise SafeBusy(f"wallet {wallet.id}: {MAX_SENDER_QUEUE} transactions of the sender wait", nonce=first)
        tip_fee, fee = fee_level(node)
        return SenderState(nonce, node.balance(account, wallet.params.native, block), tip_fee, fee)

    def failing(self, tx: SafePlan) -> tuple[int, ...]:
        """Positions of the payments that would revert if the Safe made them now, one by one.

        Asked before anyone signs: a payment to a contract that refuses it would hold up the Safe.
        """
        return tuple(
            place
            for place, payment in enumerate(tx.payments)
            if not self.node.would_succeed(self.wallet.safe, payment.call())
        )

    def deposits(self, watched: Set[str], block: BlockRef) -> Sequence[SeenDeposit]:
        """All payments in this block to the watched addresses (EIP-55)."""
        return scan_block(self.node, self.wallet.tokens, watched, block)

    def finality(self, txid: TxId, conflict_key: str) -> Finality:
        """What the chain says of an attempt; see `finality.judge`."""
        return judge(self.node, txid, conflict_key)


def fee_level(node: EvmNode) -> tuple[int, int]:
    """Priority fee and highest fee to offer now, in wei per gas, within the configured cap."""
    cap = node.params.fee_cap_wei_per_gas
    tip = min(max(node.tip_fee(), node.params.tip_wei_per_gas), cap)
    return tip, min(BASE_FEE_HEADROOM * node.base_fee() + tip, cap)
