"""Opening a FROST wallet on chain, and comparing what stands there with the registration.

Rules:
    * The nonces' authority is the group's address; opening them needs no signature of the group.
    * A deposit address is handed out after it holds its rent, so that all that arrives is the customer's.

Example:
    opener = FrostOpener(node, wallet, sign)     # sign: message bytes -> 64-byte signature of the opener
    opener.open_wallet()
    opener.open_deposits(range(100))
    verify_frost_wallet(node, wallet)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from custody.chains.solana import derivation, instructions, params
from custody.chains.solana.accounts import parse_nonce_account
from custody.chains.solana.frost_wallet import FrostWallet
from custody.chains.solana.node import Commitment, SolanaNode
from custody.chains.solana.opening import AccountOpener, nonce_opening
from custody.primitives.errors import VerificationFailed

_TRANSFERS_PER_TRANSACTION = 15
"""Plain transfers of one payer that stay below 1,232 bytes."""


class FrostOpener:
    """Opens the accounts of one wallet, paid and signed by its opener key."""

    def __init__(self, node: SolanaNode, wallet: FrostWallet, sign: Callable[[bytes], bytes]) -> None:
        self._node = node
        self._wallet = wallet
        self._accounts = AccountOpener(node, wallet.opener.text, sign)

    def open_wallet(self) -> list[str]:
        """Open the nonces and give the address its rent, as far as needed; return the ids of what was sent."""
        wallet = self._wallet
        nonces = [
            nonce_opening(
                wallet.opener.text, derivation.nonce_seed(wallet.id, number), wallet.address, wallet.params.nonce_rent
            )
            for number in range(wallet.nonce_count)
        ]
        return self._accounts.open(nonces) + self._give_rent([wallet.address])

    def open_deposits(self, indexes: Iterable[int]) -> list[str]:
        """Give customers' accounts their rent; return the ids of what was sent."""
        return self._give_rent([self._wallet.deposit_address(index).text for index in indexes])

    def _give_rent(self, places: Sequence[str]) -> list[str]:
        found = self._node.accounts(places, "confirmed")
        rent = self._wallet.params.empty_account_rent
        steps = [
            instructions.transfer_lamports(self._wallet.opener.text, place, rent - (raw.lamports if raw else 0))
            for place, raw in zip(places, found, strict=True)
            if raw is None or raw.lamports < rent
        ]
        parts = range(0, len(steps), _TRANSFERS_PER_TRANSACTION)
        return [self._accounts.send(steps[at : at + _TRANSFERS_PER_TRANSACTION]) for at in parts]


def verify_frost_wallet(node: SolanaNode, wallet: FrostWallet, view: Commitment = "finalized") -> None:
    """Compare the nonces with the registration.

    Raises:
        VerificationFailed: The node is on another network, or a nonce is missing or of another authority.
    """
    expected = wallet.params.genesis_hash
    if expected and node.genesis_hash() != expected:
        raise VerificationFailed(f"{wallet.params.chain.id}: the node's genesis is not {expected}")
    for account, raw in zip(wallet.nonce_accounts, node.accounts(wallet.nonce_accounts, view), strict=True):
        nonce = parse_nonce_account(raw)
        if nonce is None or nonce.authority != wallet.address:
            raise VerificationFailed(f"wallet {wallet.id}: {account} is not a nonce of the group's address")


def verify_frost_deposits(
    node: SolanaNode, wallet: FrostWallet, indexes: Sequence[int], view: Commitment = "finalized"
) -> None:
    """Check that deposit accounts hold their rent; hand their addresses out only afterwards.

    Raises:
        VerificationFailed: One does not, or is no plain account.
    """
    places = [wallet.deposit_address(index).text for index in indexes]
    for place, raw in zip(places, node.accounts(places, view), strict=True):
        plain = raw is not None and raw.program == params.SYSTEM_PROGRAM and not raw.content
        if raw is None or not plain or raw.lamports < wallet.params.empty_account_rent:
            raise VerificationFailed(f"wallet {wallet.id}: {place} is not opened")
