"""A Solana wallet that is one ordinary address: a group of key shares signs for it with FROST (RFC 9591).

Rules:
    * The group's address holds plain SOL, pays the fees and is authority of the wallet's durable nonces.
    * Nobody holds its key; `threshold` of the shares sign together, in two rounds.
    * Deposit accounts are "with seed" addresses of the group's address: it alone can move what lies there.
    * The opener pays for opening accounts, and can spend from none.

Example:
    wallet = FrostWallet("hot-sol", LOCAL, group_key, shares, 2, opener)
    wallet.deposit_address(7)             # where customer 7 sends SOL
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from custody.chains.solana import derivation
from custody.chains.solana.keytext import key_text
from custody.chains.solana.params import SYSTEM_PROGRAM, SolanaParams
from custody.chains.solana.wallet import MAX_NONCE_ACCOUNTS, SplKey
from custody.keys.frost_shares import MAX_PARTICIPANTS, verify_group
from custody.keys.material import PublicKey
from custody.primitives.address import Address
from custody.primitives.encoding import Json
from custody.primitives.errors import InvalidInput, VerificationFailed


@dataclass(frozen=True, slots=True)
class FrostWallet:
    """One registered wallet.

    Attributes:
        id: Unique in the installation; part of every derived address.
        params: The network.
        group: Public key of the group; its base58 is the address.
        members: Verifying shares, in the order of their numbers from 1; a path is a label, no derivation.
        threshold: How many of them sign together; above one, below n.
        opener: Base key of the nonce accounts; pays for openings.
        nonce_count: Durable-nonce accounts, 1 to 64: payments that can be in flight at once.
    """

    id: str
    params: SolanaParams
    group: PublicKey
    members: tuple[SplKey, ...]
    threshold: int
    opener: SplKey
    nonce_count: int = 4

    def __post_init__(self) -> None:
        if not 1 < self.threshold < len(self.members) <= MAX_PARTICIPANTS:
            raise InvalidInput(f"wallet {self.id}: {self.threshold} of {len(self.members)}; want 1 < threshold < n")
        if len({member.text for member in self.members}) != len(self.members):
            raise InvalidInput(f"wallet {self.id}: a share stands in it twice")
        if self.opener.text in {self.address, *(member.text for member in self.members)}:
            raise InvalidInput(f"wallet {self.id}: the opener must be a key of its own")
        if not 1 <= self.nonce_count <= MAX_NONCE_ACCOUNTS:
            raise InvalidInput(f"wallet {self.id}: {self.nonce_count} nonce accounts, want 1 to {MAX_NONCE_ACCOUNTS}")
        verify_group(self.group, self.verifying, self.threshold)

    @property
    def address(self) -> str:
        """Where the wallet's money lies, base58."""
        return key_text(self.group.raw)

    @property
    def verifying(self) -> dict[int, PublicKey]:
        """Verifying shares by participant."""
        return {number: member.key for number, member in enumerate(self.members, start=1)}

    @property
    def nonce_accounts(self) -> tuple[str, ...]:
        """Addresses of the durable-nonce accounts."""
        seeds = (derivation.nonce_seed(self.id, number) for number in range(self.nonce_count))
        return tuple(derivation.with_seed(self.opener.text, seed, SYSTEM_PROGRAM) for seed in seeds)

    @property
    def receive_address(self) -> Address:
        """What a treasury move is addressed to."""
        return Address(self.params.chain.id, self.address)

    def numbers_of(self, members: Sequence[PublicKey]) -> tuple[int, ...]:
        """Numbers of exactly `threshold` members, ascending.

        Raises:
            InvalidInput: Others, or another count.
        """
        numbers = sorted({number for number, key in self.verifying.items() if key in members})
        if not len(numbers) == len(members) == self.threshold:
            raise InvalidInput(f"{self.id}: want exactly {self.threshold} of the wallet's key shares")
        return tuple(numbers)

    def deposit_address(self, index: int) -> Address:
        """Where a customer sends SOL; derived without asking a node.

        Hand it out only after `frost_setup` opened it: what lies below its rent is no deposit.
        """
        return Address(
            self.params.chain.id, derivation.with_seed(self.address, self.deposit_seed(index), SYSTEM_PROGRAM)
        )

    def deposit_seed(self, index: int) -> str:
        """Seed of a deposit account."""
        return derivation.deposit_seed(self.id, SYSTEM_PROGRAM, index)

    def verify_deposit_address(self, index: int, address: Address) -> None:
        """Compare a deposit address with its second, independent derivation.

        Raises:
            VerificationFailed: The two differ.
        """
        expected = derivation.recompute_with_seed(self.address, self.deposit_seed(index), SYSTEM_PROGRAM)
        if address.text != expected:
            raise VerificationFailed(f"{address} is not deposit account {index}, {expected} is", index=index)

    def registration(self) -> dict[str, Json]:
        """What a signer stores of this wallet, in its own folder."""
        native = self.params.native
        return {
            "id": self.id,
            "family": "solana-frost",
            "chain": str(self.params.chain.id),
            "threshold": self.threshold,
            "group": self.address,
            "members": [member.registration() for member in self.members],
            "nonce_accounts": list(self.nonce_accounts),
            "native": {"symbol": native.symbol, "decimals": native.decimals},
            "lamports_per_signature": self.params.lamports_per_signature,
        }
