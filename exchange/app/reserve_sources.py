"""The asset side of a statement, chain by chain: final blocks, balances there, and who controls what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from custody.chains.evm.node import EvmNode
from custody.chains.evm.reader import SafeReader
from custody.chains.evm.verify import verify_safe
from custody.chains.evm.wallet import SafeWallet
from custody.chains.port import Reader
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.reader import SplReader
from custody.chains.solana.setup import verify_wallet
from custody.chains.solana.wallet import SplWallet
from custody.chains.tron.node import TronNode
from custody.chains.tron.reader import TronReader
from custody.chains.tron.setup import verify_wallet as verify_tron_wallet
from custody.chains.tron.wallet import TronWallet
from custody.chains.utxo.reader import UtxoReader
from custody.chains.xrpl.node import XrplNode
from custody.chains.xrpl.reader import XrplReader
from custody.chains.xrpl.setup import verify_wallet as verify_xrpl_wallet
from custody.chains.xrpl.wallet import XrplWallet
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef
from custody.reserves.balances import Holding
from custody.reserves.ownership import AttestedQuorum
from exchange.settlement.reserves import OwnedPlace

SLIP44 = {
    "BTC": 0,
    "LTC": 2,
    "DOGE": 3,
    "ETH": 60,
    "XRP": 144,
    "TRX": 195,
    "SOL": 501,
    "BNB": 714,
    "POL": 966,
    "AVAX": 9005,
    "ETHARB": 60,
    "ETHBASE": 60,
}
TOKEN_NAMESPACES = {"tron": "trc20", "solana": "token"}
"""CAIP-19 namespaces of tokens, by that of the chain; all others are EVM chains."""


def asset_id(asset: Asset, caip2: str) -> str:
    """CAIP-19 id of an asset."""
    if asset.contract is not None:
        return f"{caip2}/{TOKEN_NAMESPACES.get(caip2.partition(':')[0], 'erc20')}:{asset.contract}"
    return f"{caip2}/slip44:{SLIP44[asset.symbol]}"


@dataclass(frozen=True, slots=True)
class TierReader:
    """A wallet's reader with its id and tier."""

    wallet_id: str
    tier: str


def final_block_of(reader: Reader[object]) -> BlockRef:
    """The newest block at final depth."""
    return reader.block_at(max(0, reader.tip().height - reader.chain.final_depth + 1))


class UtxoReserves:
    """Every address with coins shows its own script."""

    def __init__(self, tiers: Sequence[tuple[TierReader, UtxoReader]]) -> None:
        self._tiers = tiers
        params = tiers[0][1].wallet.params
        self.caip2, self.final_depth = params.chain.caip2, params.chain.final_depth
        self._asset = params.asset

    def final_block(self) -> BlockRef:
        """The newest final block."""
        return final_block_of(self._tiers[0][1])

    def owned(self, block: BlockRef) -> Sequence[OwnedPlace]:
        """Addresses that held coins at the block, also where they were spent since."""
        return [
            OwnedPlace(t.wallet_id, t.tier, place.text) for t, coins in self._tiers for place in coins.held_at(block)
        ]

    def holdings(self, block: BlockRef) -> Sequence[Holding]:
        """Their balances as of the block."""
        at = AtBlock(self._asset, self.caip2, block)
        return [
            at.holding(place.text, held) for _, coins in self._tiers for place, held in coins.held_at(block).items()
        ]

    def quorums(self, block: BlockRef) -> Sequence[AttestedQuorum]:
        """None: a script shows its own quorum."""
        del block
        return ()


class SafeReserves:
    """Two Safes, and the deposit accounts that are swept into the hot one."""

    def __init__(
        self, tiers: Sequence[tuple[TierReader, SafeWallet]], node: EvmNode, accounts: Callable[[], Sequence[Address]]
    ) -> None:
        self._tiers = tiers
        self._node = node
        self._reader = SafeReader(tiers[0][1], node)
        self._accounts = accounts
        hot = tiers[0][1]
        self.caip2, self.final_depth = hot.params.chain.caip2, hot.params.chain.final_depth
        self._assets = (hot.params.native, *hot.tokens)

    def final_block(self) -> BlockRef:
        """The newest final block."""
        return final_block_of(self._reader)

    def owned(self, block: BlockRef) -> Sequence[OwnedPlace]:
        """The Safes, and every deposit account."""
        del block
        hot = self._tiers[0][0]
        safes = [OwnedPlace(t.wallet_id, t.tier, wallet.safe) for t, wallet in self._tiers]
        return safes + [OwnedPlace(hot.wallet_id, "deposit", account.text) for account in self._accounts()]

    def holdings(self, block: BlockRef) -> Sequence[Holding]:
        """Balances as of the block, of the coin and of every listed token."""
        places = [wallet.address for _, wallet in self._tiers] + list(self._accounts())
        return [
            AtBlock(asset, self.caip2, block).holding(place.text, self._reader.balance(place, asset, block))
            for asset in self._assets
            for place in places
        ]

    def quorums(self, block: BlockRef) -> Sequence[AttestedQuorum]:
        """Owners and thresholds, compared with the chain at this block; an account is its own quorum."""
        found = []
        for _, wallet in self._tiers:
            verify_safe(self._node, wallet, block)
            owners = wallet.sorted_owners()
            found.append(AttestedQuorum(self.caip2, wallet.safe, owners, wallet.threshold, block.height))
        alone = (AttestedQuorum(self.caip2, a.text, (a.text,), 1, block.height) for a in self._accounts())
        return [*found, *alone]


class TronReserves:
    """Two accounts with quorums, and the deposit accounts that are swept into the hot one; TRX only."""

    def __init__(
        self, tiers: Sequence[tuple[TierReader, TronWallet]], node: TronNode, accounts: Callable[[], Sequence[Address]]
    ) -> None:
        self._tiers = tiers
        self._node = node
        self._reader = TronReader(tiers[0][1], node)
        self._accounts = accounts
        params = tiers[0][1].params
        self.caip2, self.final_depth, self._asset = params.chain.caip2, params.chain.final_depth, params.native

    def final_block(self) -> BlockRef:
        """The newest final block."""
        return final_block_of(self._reader)

    def owned(self, block: BlockRef) -> Sequence[OwnedPlace]:
        """The two accounts, and every deposit account."""
        del block
        hot = self._tiers[0][0]
        places = [OwnedPlace(t.wallet_id, t.tier, wallet.address.text) for t, wallet in self._tiers]
        return places + [OwnedPlace(hot.wallet_id, "deposit", account.text) for account in self._accounts()]

    def holdings(self, block: BlockRef) -> Sequence[Holding]:
        """Balances as of the block."""
        places = [wallet.address for _, wallet in self._tiers] + list(self._accounts())
        at = AtBlock(self._asset, self.caip2, block)
        return [at.holding(place.text, self._reader.balance(place, self._asset, block)) for place in places]

    def quorums(self, block: BlockRef) -> Sequence[AttestedQuorum]:
        """Members and thresholds, compared with the solidified account; a deposit account is its own quorum."""
        found = []
        for _, wallet in self._tiers:
            verify_tron_wallet(self._node, wallet)
            quorum = wallet.quorum()
            found.append(AttestedQuorum(self.caip2, wallet.address.text, quorum.keys, quorum.threshold, block.height))
        alone = (AttestedQuorum(self.caip2, a.text, (a.text,), 1, block.height) for a in self._accounts())
        return [*found, *alone]


class SplReserves:
    """Vaults and deposit accounts of every asset, all owned by the multisig."""

    def __init__(
        self, tiers: Sequence[tuple[TierReader, SplWallet]], node: SolanaNode, count: Callable[[], int]
    ) -> None:
        self._tiers = tiers
        self._node = node
        self._count = count
        self._readers = [SplReader(wallet, node, funded=tuple) for _, wallet in tiers]
        params = tiers[0][1].params
        self.caip2, self.final_depth = params.chain.caip2, params.chain.final_depth

    def final_block(self) -> BlockRef:
        """The newest final block."""
        return final_block_of(self._readers[0])

    def owned(self, block: BlockRef) -> Sequence[OwnedPlace]:
        """The two multisig accounts."""
        del block
        return [OwnedPlace(t.wallet_id, t.tier, wallet.multisig) for t, wallet in self._tiers]

    def holdings(self, block: BlockRef) -> Sequence[Holding]:
        """Balances of every token account as of the block."""
        found = []
        for (tier, wallet), reader in zip(self._tiers, self._readers, strict=True):
            for asset in wallet.assets:
                at, accounts = AtBlock(asset, self.caip2, block), [Address(block.chain, wallet.vault(asset))]
                if tier.tier == "hot":
                    accounts += [wallet.deposit_address(index, asset) for index in range(self._count())]
                for account in accounts:
                    held = reader.balance(account, asset, block)
                    found.append(at.holding(account.text, held, wallet.multisig))
        return found

    def quorums(self, block: BlockRef) -> Sequence[AttestedQuorum]:
        """Members and thresholds, compared with the chain; they cannot change once the account is made."""
        for _, wallet in self._tiers:
            verify_wallet(self._node, wallet)
        return [
            AttestedQuorum(
                self.caip2, wallet.multisig, tuple(m.text for m in wallet.members), wallet.threshold, block.height
            )
            for _, wallet in self._tiers
        ]


class XrplReserves:
    """Two accounts, each under its signer list; customers' tags are no places of their own."""

    def __init__(self, tiers: Sequence[tuple[TierReader, XrplWallet]], node: XrplNode) -> None:
        self._tiers = tiers
        self._node = node
        self._reader = XrplReader(tiers[0][1], node)
        params = tiers[0][1].params
        self.caip2, self.final_depth, self._asset = params.chain.caip2, params.chain.final_depth, params.native

    def final_block(self) -> BlockRef:
        """The newest validated ledger."""
        return final_block_of(self._reader)

    def owned(self, block: BlockRef) -> Sequence[OwnedPlace]:
        """The two accounts."""
        del block
        return [OwnedPlace(t.wallet_id, t.tier, wallet.account) for t, wallet in self._tiers]

    def holdings(self, block: BlockRef) -> Sequence[Holding]:
        """Their balances in this ledger, the locked reserve included."""
        at = AtBlock(self._asset, self.caip2, block)
        places = [wallet.address for _, wallet in self._tiers]
        return [at.holding(place.text, self._reader.balance(place, self._asset, block)) for place in places]

    def quorums(self, block: BlockRef) -> Sequence[AttestedQuorum]:
        """Signer lists and quorums, compared with the ledger at this very height."""
        for _, wallet in self._tiers:
            verify_xrpl_wallet(self._node, wallet, block.height)
        return [
            AttestedQuorum(
                self.caip2, wallet.account, tuple(m.account for m in wallet.members), wallet.threshold, block.height
            )
            for _, wallet in self._tiers
        ]


@dataclass(frozen=True, slots=True)
class AtBlock:
    """Makes holdings of one asset at one block."""

    asset: Asset
    caip2: str
    block: BlockRef

    def holding(self, place: str, held: Amount, controller: str = "") -> Holding:
        """One place; a controller is who signs for it, where that is another address."""
        return Holding(
            asset_id(self.asset, self.caip2),
            self.caip2,
            place,
            held.units,
            self.asset.decimals,
            self.block.height,
            controller=controller,
        )
