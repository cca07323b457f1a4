"""What an XRP Ledger node knows of one wallet: ledgers, balances, what can be spent, deposits, finality.

Rules:
    * Only validated ledgers are read; what can be spent is read from one and the same of them.
    * The reserve is not spendable: it stays locked as long as the account and its objects exist.
    * What payments in flight will take is left out until their ticket is gone.

Example:
    reader = XrplReader(wallet, XrplNode(client))
    reader.spendable(frozenset())
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from custody.chains.port import SeenDeposit
from custody.chains.xrpl.codec import parse_tag
from custody.chains.xrpl.deposits import deposits_in
from custody.chains.xrpl.destination import verify_destination
from custody.chains.xrpl.finality import attempt_finality, is_missed
from custody.chains.xrpl.node import AccountRoot, XrplNode
from custody.chains.xrpl.state import SlotKind, XrplState, reserved_slots, reserved_spends
from custody.chains.xrpl.wallet import XrplWallet
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef, Finality
from custody.primitives.errors import NodeUnavailable, StaleState, UnknownAsset
from custody.primitives.ids import TxId

_NO_HASH = "0" * 64


class XrplReader:
    """Reader of one wallet; see `custody.chains.port.Reader`."""

    def __init__(self, wallet: XrplWallet, node: XrplNode) -> None:
        self.wallet = wallet
        self.chain = wallet.params.chain
        self._node = node

    def tip(self) -> BlockRef:
        """The newest validated ledger."""
        return self.block_at(self._node.view().index)

    def block_at(self, height: int) -> BlockRef:
        """A validated ledger; height 0, which no ledger has, stands before the first one."""
        if height == 0:
            return BlockRef(self.chain.id, 0, _NO_HASH, "")
        ledger = self._node.ledger(height, expanded=False)
        return BlockRef(self.chain.id, height, _hash(ledger, "ledger_hash"), _hash(ledger, "parent_hash"))

    def balance(self, address: Address, asset: Asset, at: BlockRef | None = None) -> Amount:
        """Balance in a validated ledger, reserve included; 0 where there is no account.

        Raises:
            UnknownAsset: Not XRP.
        """
        if asset != self.wallet.params.native:
            raise UnknownAsset(f"wallet {self.wallet.id} does not hold {asset.key}", asset=asset.symbol)
        account = self._node.account(address.text, at.height if at else self._node.view().index)
        return Amount(account.balance_drops if account else 0, asset)

    def spendable(self, reserved: Set[str]) -> XrplState:
        """Free tickets, and the balance above reserve and payments in flight.

        Raises:
            NodeUnavailable: No answer, or the account does not exist yet.
        """
        view = self._node.view()
        account = self._node.account(self.wallet.account, view.index)
        if account is None:
            raise NodeUnavailable(f"{self.wallet.id}: account {self.wallet.account} is not on the ledger yet")
        names = frozenset(reserved)
        held = self._node.tickets(self.wallet.account, view.index)
        taken = {slot.number for slot in reserved_slots(names) if slot.kind is SlotKind.TICKET}
        locked = view.base_reserve_drops + account.owned * view.object_reserve_drops
        in_flight = self._in_flight(names, held, account)
        return XrplState(
            ledger=view.index,
            spendable_drops=max(0, account.balance_drops - locked - in_flight),
            sequence=account.sequence,
            tickets=tuple(ticket for ticket in held if ticket not in taken),
            held_tickets=len(held),
            fee_drops=self._node.fee_drops(),
            ticket_reserve_drops=view.object_reserve_drops,
        )

    def deposits(self, watched: Set[str], block: BlockRef) -> Sequence[SeenDeposit]:
        """Payments in this ledger to watched addresses, with their tags.

        Raises:
            StaleState: The height holds another ledger now.
        """
        if block.height == 0:
            return ()
        ledger = self._node.ledger(block.height, expanded=True)
        found = _hash(ledger, "ledger_hash")
        if found != block.hash:
            raise StaleState(f"{self.chain.id}: ledger {block.height} is {found} now", height=block.height)
        native = self.wallet.params.native
        return [
            SeenDeposit(
                TxId(each.txid),
                0,
                Address(self.chain.id, each.to),
                Amount(each.drops, native),
                block,
                each.tag,
                (each.sender,),
            )
            for each in deposits_in(ledger, watched)
        ]

    def verify_destination(self, to: Address, amount: Amount, memo: str) -> None:
        """Refuse what the ledger would answer with a claimed fee; see `destination.verify_destination`.

        Raises:
            InvalidTag: The memo is no destination tag.
        """
        verify_destination(self._node, to, amount, parse_tag(memo))

    def finality(self, txid: TxId, conflict_key: str) -> Finality:
        """What the ledger says of an attempt now; see `finality.attempt_finality`."""
        return attempt_finality(self._node, txid, conflict_key)

    def is_missed(self, txid: TxId, conflict_key: str) -> bool:
        """Tell whether these very bytes can never be in a ledger; see `finality.is_missed`."""
        return is_missed(self._node, txid, conflict_key)

    def _in_flight(self, reserved: frozenset[str], held: Sequence[int], account: AccountRoot) -> int:
        """Drops that reserved payments will still take: those whose slot nothing has consumed."""
        tickets = frozenset(held)
        total = 0
        for slot, drops in reserved_spends(reserved):
            waits = slot.number in tickets if slot.kind is SlotKind.TICKET else slot.number >= account.sequence
            if slot.account == self.wallet.account and waits:
                total += drops
        return total


def _hash(ledger: dict[str, object], name: str) -> str:
    found = ledger.get(name)
    if not isinstance(found, str) or len(found) != len(_NO_HASH):
        raise NodeUnavailable(f"a ledger without {name}")
    return found
