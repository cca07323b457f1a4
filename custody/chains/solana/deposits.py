"""Which payments of a block are deposits: post minus pre of our own account, never an instruction's word.

Rules:
    * For wrapped SOL the lamports above the account's rent are the money. SOL that arrives moves them,
      SyncNative does not, a transfer of wrapped SOL moves them once: so each arrival is one credit,
      identified by (transaction, position of the account), and all credits add up to what lies there.
    * For tokens the token balance is the money, if mint, program and owner are the pinned ones.
    * Failed transactions count for nothing.

Example:
    gains = gains_in_block(wallet, block, DepositBook(wallet).watch(addresses))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from custody.chains.solana.params import TOKEN_PROGRAM
from custody.chains.solana.senders import senders_of
from custody.chains.solana.wallet import SplWallet
from custody.primitives.asset import Asset
from custody.primitives.errors import InvalidAddress


@dataclass(frozen=True, slots=True)
class Watched:
    """A token account we wait for payments on.

    Attributes:
        account: Its address.
        asset: What is credited there.
        credit_to: The address that was handed out; for a token account, the customer's SOL address will do.
    """

    account: str
    asset: Asset
    credit_to: str


@dataclass(frozen=True, slots=True)
class Gain:
    """What a watched account gained in one transaction.

    Attributes:
        txid, position: Identity: signature, and place of the account among the transaction's keys.
        watched: The account.
        units: More than zero.
        attested: The transaction itself shows that owner, mint and program are ours; if not, ask the chain.
        senders: Whose money it was, for the screening.
    """

    txid: str
    position: int
    watched: Watched
    units: int
    attested: bool
    senders: tuple[str, ...]


MAX_DEPOSIT_ACCOUNTS = 1_000_000
"""Indexes searched before an address counts as not ours; some 10 s of hashing, once."""

_BATCH = 1_000


class DepositBook:
    """Finds index and asset of our deposit addresses, by deriving them in order until all are known."""

    def __init__(self, wallet: SplWallet) -> None:
        self._wallet = wallet
        self._by_account: dict[str, tuple[int, Asset]] = {}
        self._derived = 0
        self._vaults = {wallet.vault(asset): asset for asset in wallet.assets}
        self._watching: tuple[frozenset[str], dict[str, Watched]] = (frozenset(), {})

    def watch(self, addresses: frozenset[str]) -> dict[str, Watched]:
        """Return every account to watch for these handed-out addresses, by account.

        A watched SOL address stands for its customer: her token accounts are watched with it and
        credited to it, unless they are handed out on their own.

        Raises:
            InvalidAddress: An address is not derived from this wallet.
        """
        if addresses == self._watching[0]:
            return self._watching[1]
        own: dict[str, Watched] = {}
        siblings: dict[str, Watched] = {}
        for address in addresses:
            if address in self._vaults:
                own[address] = Watched(address, self._vaults[address], address)
                continue
            index, asset = self._find(address)
            own[address] = Watched(address, asset, address)
            for token in self._wallet.tokens if asset == self._wallet.params.native else ():
                account = self._wallet.deposit_address(index, token).text
                siblings[account] = Watched(account, token, address)
        self._watching = (addresses, siblings | own)
        return self._watching[1]

    def _find(self, address: str) -> tuple[int, Asset]:
        while address not in self._by_account:
            if self._derived >= MAX_DEPOSIT_ACCOUNTS:
                raise InvalidAddress(f"{address} is no deposit address of wallet {self._wallet.id}", address=address)
            for index in range(self._derived, self._derived + _BATCH):
                for asset in self._wallet.assets:
                    self._by_account[self._wallet.deposit_address(index, asset).text] = (index, asset)
            self._derived += _BATCH
        return self._by_account[address]


def gains_in_block(wallet: SplWallet, block: Mapping[str, Any], watch: Mapping[str, Watched]) -> list[Gain]:
    """List what watched accounts gained in a block, in the block's order.

    Args:
        wallet: Owner of the accounts.
        block: Answer of getBlock with details "accounts".
        watch: Accounts to look at, by address.
    """
    gains: list[Gain] = []
    for entry in block["transactions"]:
        meta, transaction = entry["meta"], entry["transaction"]
        if meta["err"] is not None:
            continue
        for position, key in enumerate(transaction["accountKeys"]):
            watched = watch.get(key["pubkey"])
            gained = _gain(wallet, meta, position, watched) if watched else None
            if watched and gained:
                gains.append(Gain(transaction["signatures"][0], position, watched, *gained, senders_of(entry)))
    return gains


def _gain(wallet: SplWallet, meta: Mapping[str, Any], position: int, watched: Watched) -> tuple[int, bool] | None:
    """Units gained and whether the entry attests ownership; None for no gain, or an account that is not ours."""
    before, after = (_balance_entry(meta[side], position) for side in ("preTokenBalances", "postTokenBalances"))
    if after is not None and not _is_ours(wallet, after, watched.asset):
        return None
    if watched.asset == wallet.params.native:
        rent = wallet.params.token_account_rent
        units = max(0, meta["postBalances"][position] - rent) - max(0, meta["preBalances"][position] - rent)
    elif after is None:
        return None
    else:
        units = _entry_units(after) - (_entry_units(before) if before is not None else 0)
    return (units, after is not None) if units > 0 else None


def _balance_entry(entries: list[Mapping[str, Any]], position: int) -> Mapping[str, Any] | None:
    return next((entry for entry in entries or () if entry["accountIndex"] == position), None)


def _is_ours(wallet: SplWallet, entry: Mapping[str, Any], asset: Asset) -> bool:
    pinned = (wallet.mint(asset), wallet.multisig, TOKEN_PROGRAM)
    return (entry["mint"], entry.get("owner"), entry.get("programId")) == pinned


def _entry_units(entry: Mapping[str, Any]) -> int:
    return int(entry["uiTokenAmount"]["amount"])
