"""A Safe multisig wallet: its owners, and its address before it exists.

Rules:
    * 2 <= threshold < n: one key never spends, one lost key never locks.
    * No owner twice; sender, gas station, owners and deposit accounts are different keys.
    * Owners are ordered by address, so that the same set always gives the same Safe.

Example:
    wallet = SafeWallet("hot", ETHEREUM_LOCAL, owners, threshold=2, salt_nonce=0, sender=key, tokens=(), deposits=None)
    wallet.safe          # known before deployment
    wallet.registration()  # what every signer of the wallet stores
"""

from __future__ import annotations

from dataclasses import dataclass, field

from custody.chains.evm.abi import setup_call, word
from custody.chains.evm.address import address_bytes, address_of, checksum
from custody.chains.evm.deposit import DepositBranch
from custody.chains.evm.keccak import keccak256
from custody.chains.evm.params import EvmParams
from custody.keys.material import PublicKey
from custody.primitives.address import Address
from custody.primitives.asset import Asset
from custody.primitives.encoding import Json
from custody.primitives.errors import InvalidInput, UnknownAsset

MAX_OWNERS = 16
"""More signatures than this would cost more gas than a payment."""


@dataclass(frozen=True, slots=True)
class Owner:
    """One of the n keys.

    Attributes:
        path: Derivation path in its holder's seed, e.g. "m/44h/60h/0h/0/0".
        key: Compressed secp256k1 key.
    """

    path: str
    key: PublicKey

    @property
    def address(self) -> str:
        """The owner as the Safe knows it, EIP-55."""
        return address_of(self.key)


@dataclass(frozen=True, slots=True)
class SafeWallet:
    """A wallet on one network.

    Attributes:
        id: Our name of it, e.g. "hot".
        params: The network.
        owners: At least three distinct keys.
        threshold: Signatures needed; above one, below the number of owners.
        salt_nonce: Distinguishes several Safes of the same owners.
        sender: Key of the account that pays gas; not an owner.
        tokens: Allow-list of ERC-20 assets, contract in EIP-55 form.
        deposits: Accounts that are swept into this Safe; None where there are none.
        station: Key of the account that gives deposit accounts the gas for their sweeps; None where only the
            native coin is swept.
        safe: Address of the Safe, EIP-55; computed.
    """

    id: str
    params: EvmParams
    owners: tuple[Owner, ...]
    threshold: int
    salt_nonce: int
    sender: PublicKey
    tokens: tuple[Asset, ...] = ()
    deposits: DepositBranch | None = None
    station: PublicKey | None = None
    safe: str = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.owners)
        if not 1 < self.threshold < count <= MAX_OWNERS:
            raise InvalidInput(
                f"wallet {self.id}: {self.threshold} of {count} owners; needs 1 < threshold < owners <= {MAX_OWNERS}"
            )
        addresses = {owner.address for owner in self.owners}
        if len(addresses) != count:
            raise InvalidInput(f"wallet {self.id}: one owner key appears twice")
        for name, key in (("sender that pays gas", self.sender), ("gas station", self.station)):
            if key is not None and address_of(key) in addresses:
                raise InvalidInput(f"wallet {self.id}: the {name} must not be an owner")
            if self.deposits is not None and self.deposits.public_key(0) == key:
                raise InvalidInput(f"wallet {self.id}: the {name} must not be a deposit account")
        if self.station == self.sender:
            raise InvalidInput(f"wallet {self.id}: the gas station must not be the sender of withdrawals")
        for token in self.tokens:
            if token.chain != self.params.chain.id or not _is_canonical(token.contract):
                raise InvalidInput(
                    f"wallet {self.id}: token {token.symbol} is not a contract of {self.params.chain.id}"
                )
        if len({token.contract for token in self.tokens}) != len(self.tokens):
            raise InvalidInput(f"wallet {self.id}: one token contract appears twice")
        object.__setattr__(self, "safe", self._create2_address())

    @property
    def address(self) -> Address:
        """Where the Safe is, or will be."""
        return Address(self.params.chain.id, self.safe)

    @property
    def sender_address(self) -> str:
        """Account that pays gas, EIP-55."""
        return address_of(self.sender)

    @property
    def station_address(self) -> str | None:
        """Gas station, EIP-55; None where there is none."""
        return None if self.station is None else address_of(self.station)

    def sorted_owners(self) -> tuple[str, ...]:
        """Owner addresses in ascending order of their number."""
        return tuple(sorted((owner.address for owner in self.owners), key=lambda text: int(text, 16)))

    def initializer(self) -> bytes:
        """Set-up call that the factory makes on the new proxy."""
        return setup_call(self.sorted_owners(), self.threshold, self.params.release.fallback_handler)

    def asset_of(self, contract: str | None) -> Asset:
        """The native coin for None, else the listed token at this contract.

        Raises:
            UnknownAsset: The contract is not on the allow-list.
        """
        if contract is None:
            return self.params.native
        for token in self.tokens:
            if token.contract == contract:
                return token
        raise UnknownAsset(f"wallet {self.id}: no listed token at {contract}", contract=contract)

    def registration(self) -> dict[str, Json]:
        """What each signer stores in its own folder, and decodes by."""
        registered: dict[str, Json] = {
            "id": self.id,
            "family": "evm",
            "chain": self.params.chain.id,
            "network": self.params.chain.network,
            "chain_id": self.params.chain_id,
            "native": self.params.native.symbol,
            "safe": self.safe,
            "owners": list(self.sorted_owners()),
            "threshold": self.threshold,
            "version": self.params.release.version,
            "multisend": self.params.release.multisend,
            "tokens": [
                {"symbol": token.symbol, "decimals": token.decimals, "contract": token.contract}
                for token in self.tokens
            ],
            "sender": self.sender_address,
        }
        if self.deposits is not None:
            branch = self.deposits
            registered["sweep_from"] = {"path": branch.path, "xpub": branch.xpub, "window": branch.window}
        if self.station is not None:
            registered["gas_station"] = self.station_address
        return registered

    def _create2_address(self) -> str:
        # The factory mixes the set-up call into the salt: other owners, another address.
        salt = keccak256(keccak256(self.initializer()) + word(self.salt_nonce))
        release = self.params.release
        preimage = b"\xff" + address_bytes(release.proxy_factory) + salt + bytes.fromhex(release.proxy_init_hash)
        return checksum(keccak256(preimage)[12:])


def _is_canonical(contract: str | None) -> bool:
    return contract is not None and len(contract) == 42 and checksum(bytes.fromhex(contract[2:])) == contract
