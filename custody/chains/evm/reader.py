"""The reader of a Safe wallet: balances, what is spendable, deposits, finality.

Rules:
    * Payments follow each other without waiting: Safe nonces n, n+1, ... in transactions of one sender with
      counter values s, s+1, ..., at most 16, and no two payments hold the same value.
    * What is promised to payments on their way is not spendable twice.
    * Once an execution has reverted, nothing is queued behind it: it would revert too and burn its gas.

Example:
    reader = SafeReader(wallet, EvmNode(rpc, ETHEREUM_LOCAL))
    state = reader.spendable(reserved=frozenset())
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from custody.chains.evm.conflict import account_key, nonce_key, promised, reserved_nonces
from custody.chains.evm.deposits import Watched, scan_block
from custody.chains.evm.executions import safe_nonce
from custody.chains.evm.fees import fee_level
from custody.chains.evm.finality import judge
from custody.chains.evm.node import EvmNode
from custody.chains.evm.plan import SafeState, SenderState
from custody.chains.evm.wallet import SafeWallet
from custody.chains.port import SeenDeposit, WalletBusy
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef, Finality
from custody.primitives.ids import TxId

MAX_IN_FLIGHT = 16
"""Geth guarantees 16 pool slots an account."""


class SafeBusy(WalletBusy):
    """As many payments of this Safe are on their way as a node keeps; the next is planned when one is mined."""

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

        Args:
            reserved: Resources of open payments.

        Raises:
            SafeBusy: 16 payments of the Safe, or transactions of its sender, wait already.
        """
        wallet, node, tip = self.wallet, self.node, self.node.tip()
        chain_id = wallet.params.chain_id
        executed = safe_nonce(node, wallet.safe, tip)
        waiting = reserved_nonces(reserved, nonce_key(chain_id, wallet.safe, 0))
        sender = self.sender(reserved, tip)
        nonce = self._first_free(executed, waiting, "payments of the Safe")
        owed = promised(reserved, chain_id, wallet.safe, executed)
        assets = (wallet.params.native, *wallet.tokens)
        balances = {
            asset.key: max(0, node.balance(wallet.safe, asset, tip) - owed.get(_lower(asset), 0)) for asset in assets
        }
        return SafeState(balances, nonce, sender, executed, self._is_stuck(waiting, reserved, executed, sender.used))

    def sender(self, reserved: Set[str], at: BlockRef | None = None) -> SenderState:
        """What the account that carries executions has to offer; see `payer`."""
        return self.payer(self.wallet.sender_address, reserved, at)

    def payer(self, account: str, reserved: Set[str], at: BlockRef | None = None) -> SenderState:
        """What an account that pays gas has to offer.

        Args:
            account: Sender or gas station, EIP-55.
            reserved: Counter values and promises of its open transactions.
            at: Block to read; the newest if None.

        Raises:
            SafeBusy: 16 of its transactions wait already.
        """
        node, params = self.node, self.wallet.params
        block = at or node.tip()
        used = node.sequence(account, block)
        waiting = reserved_nonces(reserved, account_key(params.chain_id, account, 0))
        nonce = self._first_free(used, waiting, f"transactions of {account}")
        tip_fee, fee = fee_level(node)
        held = node.balance(account, params.native, block)
        owed = promised(reserved, params.chain_id, account, used).get(None, 0)
        return SenderState(nonce, max(0, held - owed), tip_fee, fee, used)

    def _first_free(self, first: int, waiting: Set[int], what: str) -> int:
        nonce = next((n for n in range(first, first + MAX_IN_FLIGHT) if n not in waiting), None)
        if nonce is None:
            raise SafeBusy(f"wallet {self.wallet.id}: {MAX_IN_FLIGHT} {what} wait", nonce=first)
        return nonce

    def _is_stuck(self, waiting: Set[int], reserved: Set[str], executed: int, used: int) -> bool:
        """Every nonce of the Safe that waits needs a counter value of the sender that can still carry it."""
        wallet = self.wallet
        carriers = reserved_nonces(reserved, account_key(wallet.params.chain_id, wallet.sender_address, 0))
        return sum(nonce >= executed for nonce in waiting) > sum(nonce >= used for nonce in carriers)

    def deposits(self, watched: Set[str], block: BlockRef) -> Sequence[SeenDeposit]:
        """All payments in this block to the watched addresses (EIP-55), but for gas of our own station."""
        station = self.wallet.station_address
        ours = frozenset() if station is None else frozenset({station})
        return scan_block(self.node, Watched(watched, self.wallet.tokens, ours), block)

    def finality(self, txid: TxId, conflict_key: str) -> Finality:
        """What the chain says of an attempt; see `finality.judge`."""
        return judge(self.node, txid, conflict_key)


def _lower(asset: Asset) -> str | None:
    return None if asset.contract is None else asset.contract.lower()
