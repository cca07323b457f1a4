"""What a Solana node knows of a FROST wallet: balances, what can be spent, deposits, finality.

Rules:
    * Money of a deposit account is what lies above its rent, which the opener paid; so an arrival is credited
      once, as post minus pre, and drawing the account down to its rent takes exactly what was credited.
    * What the group's own transactions bring to its address is no deposit.
    * An account that is no plain one of the system program holds nothing for us.

Example:
    reader = FrostReader(wallet, SolanaNode(client), funded=lambda: range(5))
    reader.spendable(frozenset())
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any

from custody.chains.port import SeenDeposit
from custody.chains.solana import blocks
from custody.chains.solana.accounts import RawAccount
from custody.chains.solana.deposits import MAX_DEPOSIT_ACCOUNTS
from custody.chains.solana.destination import verify_destination
from custody.chains.solana.finality import attempt_finality
from custody.chains.solana.flight import free_nonces, nonce_values, taken_in_flight
from custody.chains.solana.frost_plan import DepositMoney, FrostState
from custody.chains.solana.frost_wallet import FrostWallet
from custody.chains.solana.history import balance_at
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.params import SYSTEM_PROGRAM
from custody.chains.solana.senders import senders_of
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef, Finality
from custody.primitives.errors import InvalidAddress, NodeUnavailable, StaleState, UnknownAsset
from custody.primitives.ids import TxId

_BATCH = 1_000


class FrostReader:
    """Reader of one wallet; see `custody.chains.port.Reader`."""

    def __init__(self, wallet: FrostWallet, node: SolanaNode, funded: Callable[[], Iterable[int]]) -> None:
        """Bind the reader.

        Args:
            wallet: Whose accounts.
            node: Whom to ask.
            funded: Names the deposit indexes that may hold money.
        """
        self.wallet = wallet
        self.chain = wallet.params.chain
        self._node = node
        self._funded = funded
        self._derived: set[str] = set()
        self._next_index = 0

    def tip(self) -> BlockRef:
        """The newest confirmed block."""
        return self.block_at(self._node.slot("confirmed"))

    def block_at(self, height: int) -> BlockRef:
        """The block of a slot, or a stand-in for a skipped one."""
        return blocks.block_at(self._node, self.chain.id, height)

    def balance(self, address: Address, asset: Asset, at: BlockRef | None = None) -> Amount:
        """Confirmed lamports of an address, its rent included; with `at`, as of the end of that slot.

        Raises:
            UnknownAsset: Not SOL.
            NodeUnavailable: No answer, or the history does not reach back that far.
        """
        if asset != self.wallet.params.native:
            raise UnknownAsset(f"wallet {self.wallet.id} does not hold {asset.key}", asset=asset.symbol)
        raw = self._node.accounts([address.text], "confirmed")[0]
        lamports = raw.lamports if raw else 0
        if at is not None:
            lamports = balance_at(self._node, address.text, None, (at.height, lamports))
        return Amount(lamports, asset)

    def spendable(self, reserved: Set[str]) -> FrostState:
        """Free nonces, the group's address, and deposit accounts with money, less what is in flight."""
        wallet = self.wallet
        # Nonces first: a payment that lands meanwhile is then counted twice, never nowhere.
        values = nonce_values(self._node, wallet.nonce_accounts, wallet.address)
        taken = taken_in_flight(values, reserved)
        indexes = list(self._funded())
        places = [wallet.address, *(wallet.deposit_address(index).text for index in indexes)]
        own, *others = (self._plain(raw) for raw in self._node.accounts(places, "confirmed"))
        rent = wallet.params.empty_account_rent
        deposits = tuple(
            DepositMoney(index, lamports - rent)
            for index, place, lamports in zip(indexes, places[1:], others, strict=True)
            if lamports > rent and not taken[place]
        )
        return FrostState(max(0, own - taken[wallet.address]), free_nonces(values, reserved), deposits)

    def deposits(self, watched: Set[str], block: BlockRef) -> Sequence[SeenDeposit]:
        """Payments in this block to watched addresses of the wallet, in the block's order.

        Raises:
            InvalidAddress: A watched address is not derived from the wallet.
            StaleState: The slot holds another block now.
        """
        for address in watched:
            self._require_derived(address)
        answer = self._node.block(block.height, "accounts")
        found = "" if answer is None else str(answer["blockhash"])
        if answer is None or found != block.hash:
            if answer is None and self.block_at(block.height) == block:
                return ()
            raise StaleState(f"{self.chain.id}: slot {block.height} is {found!r} now", slot=block.height)
        try:
            return [seen for entry in answer["transactions"] for seen in self._gains(entry, watched, block)]
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise NodeUnavailable(f"slot {block.height} of unknown shape: {error!r}") from error

    def verify_destination(self, to: Address, amount: Amount, memo: str) -> None:
        """Refuse a destination where the money would be stuck; see `destination.verify_destination`."""
        del memo
        verify_destination(self._node, to, amount.asset)

    def finality(self, txid: TxId, conflict_key: str) -> Finality:
        """What the chain says of an attempt now; see `finality.attempt_finality`."""
        return attempt_finality(self._node, txid, conflict_key)

    def _gains(self, entry: Mapping[str, Any], watched: Set[str], block: BlockRef) -> Iterable[SeenDeposit]:
        meta, transaction = entry["meta"], entry["transaction"]
        keys = [key["pubkey"] for key in transaction["accountKeys"]]
        if meta["err"] is not None:
            return
        ours, rent, txid = self.wallet.address, self.wallet.params.empty_account_rent, transaction["signatures"][0]
        for position, key in enumerate(keys):
            if key not in watched or (key == ours and position == 0):
                continue
            before, after = int(meta["preBalances"][position]), int(meta["postBalances"][position])
            units = after - before if key == ours else max(0, after - rent) - max(0, before - rent)
            if units > 0:
                to, amount = Address(self.chain.id, key), Amount(units, self.wallet.params.native)
                yield SeenDeposit(TxId(txid), position, to, amount, block, senders=senders_of(entry))

    def _require_derived(self, address: str) -> None:
        while address not in self._derived and address != self.wallet.address:
            if self._next_index >= MAX_DEPOSIT_ACCOUNTS:
                raise InvalidAddress(f"{address} is no deposit address of wallet {self.wallet.id}", address=address)
            batch = range(self._next_index, self._next_index + _BATCH)
            self._derived.update(self.wallet.deposit_address(index).text for index in batch)
            self._next_index += _BATCH

    @staticmethod
    def _plain(raw: RawAccount | None) -> int:
        return raw.lamports if raw and raw.program == SYSTEM_PROGRAM and not raw.content else 0
