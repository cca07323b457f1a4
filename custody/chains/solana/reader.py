"""What a Solana node knows of one wallet: blocks, balances, what can be spent, deposits, finality.

Rules:
    * What payments in flight will take is left out of what can be spent, until their nonce has moved.
    * Addresses that are not derived from the wallet are never looked at, whatever they hold.

Example:
    reader = SplReader(wallet, SolanaNode(client))
    reader.spendable(frozenset())
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set

from custody.chains.port import SeenDeposit
from custody.chains.solana import blocks
from custody.chains.solana.accounts import RawAccount, TokenAccount, parse_token_account
from custody.chains.solana.deposits import DepositBook, Gain, gains_in_block
from custody.chains.solana.derivation import associated_token_account
from custody.chains.solana.destination import verify_destination
from custody.chains.solana.finality import attempt_finality
from custody.chains.solana.flight import free_nonces, nonce_values, taken_in_flight
from custody.chains.solana.history import balance_at
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.params import SYSTEM_PROGRAM
from custody.chains.solana.state import Source, SplState
from custody.chains.solana.wallet import SplWallet
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef, Finality
from custody.primitives.errors import NodeUnavailable, StaleState
from custody.primitives.ids import TxId

PROBE_BATCH = 50
"""Deposit indexes asked at once when nobody tells which are in use."""
MAX_PROBED_INDEXES = 1_000
"""Where probing stops; a larger wallet collects, or names the indexes that hold money."""


class SplReader:
    """Reader of one wallet; see `custody.chains.port.Reader`."""

    def __init__(self, wallet: SplWallet, node: SolanaNode, funded: Callable[[], Iterable[int]] | None = None) -> None:
        """Bind the reader.

        Args:
            wallet: Whose accounts.
            node: Whom to ask.
            funded: Names the deposit indexes that may hold money; without it, indexes are probed from 0
                until a whole batch is unopened.
        """
        self.wallet = wallet
        self.chain = wallet.params.chain
        self._node = node
        self._funded = funded
        self._book = DepositBook(wallet)

    def tip(self) -> BlockRef:
        """The newest confirmed block."""
        return self.block_at(self._node.slot("confirmed"))

    def block_at(self, height: int) -> BlockRef:
        """The block of a slot, or a stand-in for a skipped one."""
        return blocks.block_at(self._node, self.chain.id, height)

    def balance(self, address: Address, asset: Asset, at: BlockRef | None = None) -> Amount:
        """Confirmed balance: of a token account of ours without its rent, else of the owner's account.

        Args:
            address: A token account of ours, or any owner.
            asset: SOL or a token of the wallet.
            at: As of the end of this slot, from the history of the account.

        Raises:
            UnknownAsset: The wallet does not hold this asset.
            NodeUnavailable: No answer, or the history does not reach back that far.
        """
        mint = self.wallet.mint(asset)
        native = asset == self.wallet.params.native
        raw = self._node.accounts([address.text], "confirmed")[0]
        is_token_account = parse_token_account(raw) is not None
        account = address.text if native or is_token_account else associated_token_account(address.text, mint)
        if account != address.text:
            raw = self._node.accounts([account], "confirmed")[0]
        token = parse_token_account(raw)
        units = token.units if token and token.mint == mint else 0
        if native:
            units = raw.lamports if raw else 0
        if at is not None:
            units = balance_at(self._node, account, None if native else mint, (at.height, units))
        if native and token:
            units = max(0, units - self.wallet.params.token_account_rent)
        return Amount(units, asset)

    def spendable(self, reserved: Set[str]) -> SplState:
        """Free nonces, fee payer, and all accounts of ours with money, less what is in flight."""
        # Nonces first: a payment that lands meanwhile is then counted twice, never nowhere.
        values = nonce_values(self._node, self.wallet.nonce_accounts, self.wallet.fee_payer)
        taken = taken_in_flight(values, reserved)
        fee_payer = self._node.accounts([self.wallet.fee_payer], "confirmed")[0]
        lamports = fee_payer.lamports if fee_payer and fee_payer.program == SYSTEM_PROGRAM else 0
        lamports = max(0, lamports - taken[self.wallet.fee_payer])
        sources = tuple(self._less(source, taken[source.account]) for source in self._sources())
        return SplState(
            lamports, free_nonces(values, reserved), tuple(source for source in sources if source.units > 0)
        )

    def deposits(self, watched: Set[str], block: BlockRef) -> Sequence[SeenDeposit]:
        """Payments in this block to watched addresses of the wallet, in the block's order.

        Raises:
            InvalidAddress: A watched address is not derived from the wallet.
            StaleState: The slot holds another block now.
        """
        answer = self._node.block(block.height, "accounts")
        found = "" if answer is None else str(answer["blockhash"])
        if answer is None or found != block.hash:
            if answer is None and self.block_at(block.height) == block:
                return ()
            raise StaleState(f"{self.chain.id}: slot {block.height} is {found!r} now", slot=block.height)
        try:
            gains = gains_in_block(self.wallet, answer, self._book.watch(frozenset(watched)))
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise NodeUnavailable(f"slot {block.height} of unknown shape: {error!r}") from error
        return [self._seen(gain, block) for gain in gains if gain.attested or self._is_ours_now(gain)]

    def verify_destination(self, to: Address, amount: Amount, memo: str) -> None:
        """Refuse a destination where the money would be stuck; see `destination.verify_destination`."""
        del memo
        verify_destination(self._node, to, amount.asset)

    def finality(self, txid: TxId, conflict_key: str) -> Finality:
        """What the chain says of an attempt now; see `finality.attempt_finality`."""
        return attempt_finality(self._node, txid, conflict_key)

    def _seen(self, gain: Gain, block: BlockRef) -> SeenDeposit:
        to = Address(self.chain.id, gain.watched.credit_to)
        amount = Amount(gain.units, gain.watched.asset)
        return SeenDeposit(TxId(gain.txid), gain.position, to, amount, block, senders=gain.senders)

    def _is_ours_now(self, gain: Gain) -> bool:
        """Check an arrival of plain SOL, whose transaction shows neither owner nor mint.

        An account that is not open yet counts: its address is ours alone to open.
        """
        raw = self._node.accounts([gain.watched.account], "confirmed")[0]
        if raw is None or (raw.program == SYSTEM_PROGRAM and not raw.content):
            return True
        return self._ours(raw, gain.watched.asset) is not None

    def _ours(self, raw: RawAccount | None, asset: Asset) -> TokenAccount | None:
        token = parse_token_account(raw)
        if token is None or token.encumbered:
            return None
        return token if (token.mint, token.owner) == (self.wallet.mint(asset), self.wallet.multisig) else None

    def _sources(self) -> Iterable[Source]:
        places = [(self.wallet.vault(asset), asset) for asset in self.wallet.assets]
        if self._funded is not None:
            places += [self._place(index, asset) for index in self._funded() for asset in self.wallet.assets]
            yield from (source for source, _ in self._look(places) if source)
            return
        yield from (source for source, _ in self._look(places) if source)
        for start in range(0, MAX_PROBED_INDEXES, PROBE_BATCH):
            batch = range(start, start + PROBE_BATCH)
            found = self._look([self._place(index, asset) for index in batch for asset in self.wallet.assets])
            yield from (source for source, _ in found if source)
            if not any(is_open for _, is_open in found):
                return

    def _place(self, index: int, asset: Asset) -> tuple[str, Asset]:
        return self.wallet.deposit_address(index, asset).text, asset

    def _look(self, places: Sequence[tuple[str, Asset]]) -> list[tuple[Source | None, bool]]:
        raws = self._node.accounts([account for account, _ in places], "confirmed")
        return [
            (self._source(account, asset, raw), raw is not None)
            for (account, asset), raw in zip(places, raws, strict=True)
        ]

    def _source(self, account: str, asset: Asset, raw: RawAccount | None) -> Source | None:
        token = self._ours(raw, asset)
        if raw is None or token is None:
            return None
        if asset != self.wallet.params.native:
            return Source(account, asset, token.units, stale=False)
        units = max(0, raw.lamports - self.wallet.params.token_account_rent)
        return Source(account, asset, units, stale=units != token.units)

    @staticmethod
    def _less(source: Source, taken: int) -> Source:
        return Source(source.account, source.asset, max(0, source.units - taken), source.stale)
