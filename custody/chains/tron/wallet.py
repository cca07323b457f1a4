"""A Tron wallet: one account whose owner permission lies cold and whose payments need a quorum.

Rules:
    * The owner permission changes permissions and everything else; its keys are cold and it pays nobody.
    * Active permission 2 is the quorum of members. On chain its mask allows TRX payments and contract calls
      only; which contract and which call is for the signers to check, since the mask cannot.
    * The key that the account was opened with is in neither: once the permissions stand, it has no power.

Example:
    wallet = TronWallet("hot-trx", LOCAL, account_key, members, 2, owners=OwnerQuorum(cold_keys, 3))
    wallet.address
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from custody.chains.tron.address import address_of, parse_destination
from custody.chains.tron.deposit import DepositBranch
from custody.chains.tron.params import ACTIVE_PERMISSION_ID, MAX_PERMISSION_KEYS, TronParams
from custody.chains.tron.rawtx import Quorum
from custody.keys.material import PublicKey
from custody.keys.paths import format_path, parse_path
from custody.primitives.address import Address
from custody.primitives.asset import Asset
from custody.primitives.encoding import Json
from custody.primitives.errors import InvalidInput, UnknownAsset


@dataclass(frozen=True, slots=True)
class Member:
    """One of the n keys.

    Attributes:
        path: Derivation path in its holder's seed, e.g. "m/44h/195h/0h/0/0".
        key: Compressed secp256k1 key.
    """

    path: str
    key: PublicKey

    def __post_init__(self) -> None:
        canonical = format_path(parse_path(self.path))
        if self.path != canonical:
            raise InvalidInput(f"path {self.path!r} is written {canonical!r}")

    @property
    def address(self) -> str:
        """The key as a permission lists it."""
        return address_of(self.key)


@dataclass(frozen=True, slots=True)
class OwnerQuorum:
    """The cold keys of the owner permission, and how many of them must sign."""

    keys: tuple[PublicKey, ...]
    threshold: int

    def on_chain(self) -> Quorum:
        """The permission they stand in."""
        return Quorum(self.threshold, tuple(sorted(address_of(key) for key in self.keys)))


@dataclass(frozen=True, slots=True)
class TronWallet:
    """A wallet on one network.

    Attributes:
        id: Our name of it, e.g. "hot-trx".
        params: The network.
        account_key: Key the account was opened with; names its address, signs nothing but the set-up.
        members: Three to five distinct keys.
        threshold: Signatures a payment needs; above one, below the number of members.
        owners: Owner permission.
        tokens: Allow-list of TRC-20 assets; contract in base58check.
        deposits: Accounts that are swept into this one; None where there are none.
        station: Key of the account that lends deposit accounts the TRX for a token's sweep; None where nobody does.
    """

    id: str
    params: TronParams
    account_key: PublicKey
    members: tuple[Member, ...]
    threshold: int
    owners: OwnerQuorum
    tokens: tuple[Asset, ...] = ()
    deposits: DepositBranch | None = None
    station: PublicKey | None = None

    def __post_init__(self) -> None:
        members = [member.address for member in self.members]
        owners = [address_of(key) for key in self.owners.keys]
        _verify_quorum(self.id, "members", members, self.threshold)
        _verify_quorum(self.id, "owners", owners, self.owners.threshold)
        if self.address.text in {*members, *owners}:
            raise InvalidInput(f"wallet {self.id}: the key that opened the account must not stay in a permission")
        for token in self.tokens:
            if token.chain != self.params.chain.id or token.contract is None:
                raise InvalidInput(f"wallet {self.id}: {token.symbol} is not a token of {self.params.chain.id}")
            parse_destination(token.contract)
        if len({token.contract for token in self.tokens}) != len(self.tokens):
            raise InvalidInput(f"wallet {self.id}: one token contract appears twice")
        for name, key in (("account", self.account_key), ("gas station", self.station)):
            if self.deposits is not None and self.deposits.public_key(0) == key:
                raise InvalidInput(f"wallet {self.id}: its {name} must not be a deposit account")
        if self.station_address in {self.address.text, *members, *owners}:
            raise InvalidInput(f"wallet {self.id}: the gas station must be an account with no other use")

    @property
    def address(self) -> Address:
        """The account."""
        return Address(self.params.chain.id, address_of(self.account_key))

    @property
    def station_address(self) -> str | None:
        """Gas station; None where there is none."""
        return None if self.station is None else address_of(self.station)

    @property
    def assets(self) -> tuple[Asset, ...]:
        """TRX first, then the tokens."""
        return (self.params.native, *self.tokens)

    def quorum(self) -> Quorum:
        """The active permission that payments are signed under."""
        return Quorum(self.threshold, tuple(sorted(member.address for member in self.members)))

    def asset_of(self, contract: str | None) -> Asset:
        """TRX for None, else the listed token at this contract.

        Raises:
            UnknownAsset: The contract is not on the allow-list.
        """
        for asset in self.assets:
            if asset.contract == contract:
                return asset
        raise UnknownAsset(f"wallet {self.id}: no listed token at {contract}", contract=contract)

    def registration(self) -> dict[str, Json]:
        """What each signer stores in its own folder, and decodes by."""
        prices = self.params.prices
        registered: dict[str, Json] = {
            "id": self.id,
            "family": "tron",
            "chain": self.params.chain.id,
            "account": self.address.text,
            "permission_id": ACTIVE_PERMISSION_ID,
            "threshold": self.threshold,
            "members": [{"address": member.address, "path": member.path} for member in self.members],
            "tokens": [
                {"symbol": token.symbol, "decimals": token.decimals, "contract": token.contract}
                for token in self.tokens
            ],
            "prices": {
                "per_byte": prices.per_byte,
                "multisign": prices.multisign,
                "activation": prices.activation,
                "fee_limit": prices.fee_limit,
            },
        }
        if self.deposits is not None:
            branch = self.deposits
            registered["sweep_from"] = {"path": branch.path, "xpub": branch.xpub, "window": branch.window}
        if self.station is not None:
            registered["gas_station"] = self.station_address
        return registered


def _verify_quorum(wallet_id: str, part: str, keys: Sequence[str], threshold: int) -> None:
    if not 1 < threshold < len(keys) <= MAX_PERMISSION_KEYS:
        raise InvalidInput(
            f"wallet {wallet_id}: {threshold} of {len(keys)} {part}; needs 1 < threshold < n <= {MAX_PERMISSION_KEYS}"
        )
    if len(set(keys)) != len(keys):
        raise InvalidInput(f"wallet {wallet_id}: one of the {part} stands in it twice")
