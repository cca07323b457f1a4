"""A Solana wallet: an SPL-token multisig, its durable nonces, its vaults and its deposit accounts.

Rules:
    * Money lies in token accounts whose owner is the multisig; SOL lies there as wrapped SOL.
    * The fee payer holds its own float only, and is no member; the opener may open accounts, never spend.
    * Every address follows from the registration; `setup.verify_wallet` compares it with the chain.

Example:
    wallet = SplWallet("hot", LOCAL, members, 2, Keys(fee_payer, opener), tokens=(usdc,))
    wallet.deposit_address(7)             # where customer 7 sends SOL
    wallet.deposit_address(7, usdc)       # where customer 7 sends USDC
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.chains.solana import derivation
from custody.chains.solana.keytext import key_text
from custody.chains.solana.params import MAX_MULTISIG_MEMBERS, NATIVE_MINT, SYSTEM_PROGRAM, TOKEN_PROGRAM, SolanaParams
from custody.keys.material import Curve, PublicKey
from custody.keys.paths import format_path, parse_path
from custody.primitives.address import Address
from custody.primitives.asset import Asset
from custody.primitives.encoding import Json
from custody.primitives.errors import InvalidInput, UnknownAsset

MAX_NONCE_ACCOUNTS = 64
"""One payment in flight each; 64 at 13 s to finality are five batches a second."""


@dataclass(frozen=True, slots=True)
class SplKey:
    """A public key with the path its holder derives it by.

    Attributes:
        key: Ed25519.
        path: In canonical text, for example "m/44h/501h/0h/0h".
    """

    key: PublicKey
    path: str

    def __post_init__(self) -> None:
        if self.key.curve is not Curve.ED25519:
            raise InvalidInput(f"a Solana wallet takes Ed25519 keys, not {self.key.curve}")
        canonical = format_path(parse_path(self.path))
        if self.path != canonical:
            raise InvalidInput(f"path {self.path!r} is written {canonical!r}")

    @property
    def text(self) -> str:
        """The key as Solana writes it, base58."""
        return key_text(self.key.raw)

    def registration(self) -> Json:
        """JSON form."""
        return {"key": self.text, "path": self.path}


@dataclass(frozen=True, slots=True)
class ServiceKeys:
    """The two single keys beside the members.

    Attributes:
        fee_payer: Pays fees, is authority of the nonces; signs last.
        opener: Base key of all addresses; pays rent when accounts are opened.
    """

    fee_payer: SplKey
    opener: SplKey


@dataclass(frozen=True, slots=True)
class SplWallet:
    """One registered wallet.

    Attributes:
        id: Unique in the installation; part of every derived address.
        params: The network.
        members: The n keys of the multisig, all different.
        threshold: How many of them must sign; above one, below n.
        service: Fee payer and opener, no members.
        tokens: SPL tokens it holds beside SOL: contract = mint.
        nonce_count: Durable-nonce accounts, 1 to 64: payments that can be in flight at once.
    """

    id: str
    params: SolanaParams
    members: tuple[SplKey, ...]
    threshold: int
    service: ServiceKeys
    tokens: tuple[Asset, ...] = ()
    nonce_count: int = 4

    def __post_init__(self) -> None:
        keys = [member.text for member in self.members]
        if not 1 < self.threshold < len(keys) <= MAX_MULTISIG_MEMBERS:
            raise InvalidInput(f"wallet {self.id}: {self.threshold} of {len(keys)}; want 1 < threshold < n <= 11")
        if len(set(keys)) != len(keys):
            raise InvalidInput(f"wallet {self.id}: a member stands in it twice")
        if {self.fee_payer, self.opener} & set(keys):
            raise InvalidInput(f"wallet {self.id}: fee payer and opener must not be members")
        if not 1 <= self.nonce_count <= MAX_NONCE_ACCOUNTS:
            raise InvalidInput(f"wallet {self.id}: {self.nonce_count} nonce accounts, want 1 to {MAX_NONCE_ACCOUNTS}")
        if any(token.chain != self.params.chain.id or token.contract is None for token in self.tokens):
            raise InvalidInput(f"wallet {self.id}: tokens need a mint on {self.params.chain.id}")
        mints = [self.mint(asset) for asset in self.assets]
        if len({derivation.tag(mint) for mint in mints}) != len(mints):
            raise InvalidInput(f"wallet {self.id}: a mint stands in it twice, or two mints share a seed tag")

    @property
    def assets(self) -> tuple[Asset, ...]:
        """SOL first, then the tokens."""
        return (self.params.native, *self.tokens)

    @property
    def fee_payer(self) -> str:
        """Base58 key of the fee payer."""
        return self.service.fee_payer.text

    @property
    def opener(self) -> str:
        """Base58 key of the opener."""
        return self.service.opener.text

    @property
    def multisig(self) -> str:
        """Address of the multisig account: owner of every token account of the wallet."""
        return derivation.with_seed(self.opener, derivation.multisig_seed(self.id), TOKEN_PROGRAM)

    @property
    def nonce_accounts(self) -> tuple[str, ...]:
        """Addresses of the durable-nonce accounts."""
        seeds = (derivation.nonce_seed(self.id, number) for number in range(self.nonce_count))
        return tuple(derivation.with_seed(self.opener, seed, SYSTEM_PROGRAM) for seed in seeds)

    def mint(self, asset: Asset) -> str:
        """Pinned mint of an asset of this wallet.

        Raises:
            UnknownAsset: The wallet does not hold it.
        """
        if asset == self.params.native:
            return NATIVE_MINT
        if asset not in self.tokens or asset.contract is None:
            raise UnknownAsset(f"wallet {self.id} does not hold {asset.key}", asset=asset.symbol)
        return asset.contract

    def vault(self, asset: Asset) -> str:
        """The wallet's own token account for an asset: the multisig's associated token account."""
        return derivation.associated_token_account(self.multisig, self.mint(asset))

    def receive_address(self, asset: Asset) -> Address:
        """Destination that reaches the vault: what a treasury move or a collection is addressed to.

        SOL goes to the vault account itself, since lamports sent to a multisig account are stuck in it.
        A token goes to the multisig, since a payment to an owner reaches its associated token account.
        """
        native = asset == self.params.native
        return Address(self.params.chain.id, self.vault(asset) if native else self.multisig)

    def deposit_address(self, index: int, asset: Asset | None = None) -> Address:
        """Where a customer sends an asset (SOL if none is named); derived without asking a node.

        Hand it out only after `setup.open_deposits` opened and verified the account.
        """
        mint = self.mint(asset or self.params.native)
        seed = derivation.deposit_seed(self.id, mint, index)
        return Address(self.params.chain.id, derivation.with_seed(self.opener, seed, TOKEN_PROGRAM))

    def verify_deposit_address(self, index: int, address: Address, asset: Asset | None = None) -> None:
        """Compare a deposit address with its second, independent derivation.

        Raises:
            VerificationFailed: The two differ.
        """
        seed = derivation.deposit_seed(self.id, self.mint(asset or self.params.native), index)
        derivation.verify_with_seed(address.text, self.opener, seed)

    def registration(self) -> dict[str, Json]:
        """What a signer stores of this wallet, in its own folder."""
        return {
            "id": self.id,
            "family": "solana",
            "chain": str(self.params.chain.id),
            "threshold": self.threshold,
            "members": [member.registration() for member in self.members],
            "fee_payer": self.service.fee_payer.registration(),
            "multisig": self.multisig,
            "nonce_accounts": list(self.nonce_accounts),
            "assets": [_asset_registration(asset) for asset in self.assets],
            "lamports_per_signature": self.params.lamports_per_signature,
            "token_account_rent": self.params.token_account_rent,
        }


def _asset_registration(asset: Asset) -> Json:
    return {"symbol": asset.symbol, "decimals": asset.decimals, "contract": asset.contract}
