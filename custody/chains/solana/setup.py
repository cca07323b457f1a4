"""Opening a wallet on chain, and comparing what stands there with the registration.

Rules:
    * Everything is opened at derived addresses, so opening again finds it open and changes nothing.
    * Accounts are allocated, not "created": lamports that somebody sent there first do no harm.
    * An address is handed out only after the finalized account was compared with the registration.

Example:
    opener = Opener(node, wallet, sign)        # sign: message bytes -> 64-byte signature of the opener
    opener.open_wallet()
    opener.open_deposits(range(100))
    verify_wallet(node, wallet)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from custody.chains.solana import derivation, instructions, params
from custody.chains.solana.accounts import (
    Multisig,
    NonceAccount,
    RawAccount,
    parse_mint_decimals,
    parse_multisig,
    parse_nonce_account,
    parse_token_account,
)
from custody.chains.solana.node import Commitment, SolanaNode
from custody.chains.solana.opening import AccountOpener, Opening, nonce_opening
from custody.chains.solana.wallet import SplWallet
from custody.chains.token_listing import verify_decimals
from custody.primitives.asset import Asset
from custody.primitives.errors import VerificationFailed

_TOKEN = params.TOKEN_PROGRAM


class Opener:
    """Opens the accounts of one wallet, paid and signed by its opener key."""

    def __init__(self, node: SolanaNode, wallet: SplWallet, sign: Callable[[bytes], bytes]) -> None:
        self._node = node
        self._wallet = wallet
        self._accounts = AccountOpener(node, wallet.opener, sign)

    def open_wallet(self) -> list[str]:
        """Open multisig, nonces and vaults, as far as they are not open; return the ids of what was sent.

        The opener must hold the rents. Confirmation is not awaited: call `verify_wallet` until it holds.
        """
        wallet, rents = self._wallet, self._wallet.params
        members = [member.text for member in wallet.members]
        multisig = instructions.initialize_multisig(wallet.multisig, members, wallet.threshold)
        seed = derivation.multisig_seed(wallet.id)
        openings = [
            Opening(wallet.multisig, seed, params.MULTISIG_BYTES, _TOKEN, rents.multisig_rent, multisig),
            *(
                nonce_opening(
                    wallet.opener, derivation.nonce_seed(wallet.id, number), wallet.fee_payer, rents.nonce_rent
                )
                for number in range(wallet.nonce_count)
            ),
        ]
        sent = self._accounts.open(openings)
        vaults = [asset for asset in wallet.assets if self._missing(wallet.vault(asset))]
        steps = [
            instructions.create_associated(wallet.opener, wallet.vault(asset), wallet.multisig, wallet.mint(asset))
            for asset in vaults
        ]
        return sent + [self._accounts.send(steps[at : at + 5]) for at in range(0, len(steps), 5)]

    def open_deposits(self, indexes: Iterable[int]) -> list[str]:
        """Open customers' accounts for every asset; return the ids of what was sent."""
        return self._accounts.open([self._deposit(index, asset) for index in indexes for asset in self._wallet.assets])

    def _deposit(self, index: int, asset: Asset) -> Opening:
        mint, address = self._wallet.mint(asset), self._wallet.deposit_address(index, asset).text
        start = instructions.initialize_token_account(address, mint, self._wallet.multisig)
        seed, rent = derivation.deposit_seed(self._wallet.id, mint, index), self._wallet.params.token_account_rent
        return Opening(address, seed, params.TOKEN_ACCOUNT_BYTES, _TOKEN, rent, start)

    def _missing(self, address: str) -> bool:
        return self._node.accounts([address], "confirmed")[0] is None


def verify_node(node: SolanaNode, wallet: SplWallet) -> None:
    """Check that the node is on the wallet's network.

    Raises:
        VerificationFailed: It is on another; the lane must not start.
    """
    expected = wallet.params.genesis_hash
    if expected and node.genesis_hash() != expected:
        raise VerificationFailed(f"{wallet.params.chain.id}: the node's genesis is not {expected}")


def verify_wallet(node: SolanaNode, wallet: SplWallet, view: Commitment = "finalized") -> None:
    """Compare multisig, nonces and vaults with the registration, and the listed tokens with their mints.

    Raises:
        VerificationFailed: One is missing or differs; `TokenDiffers` for a token.
    """
    vaults = [(wallet.vault(asset), asset) for asset in wallet.assets]
    multisig, *others = node.accounts([wallet.multisig, *wallet.nonce_accounts], view)
    if parse_multisig(multisig) != Multisig(wallet.threshold, tuple(member.text for member in wallet.members)):
        raise VerificationFailed(f"wallet {wallet.id}: {wallet.multisig} is not the registered multisig")
    for account, raw in zip(wallet.nonce_accounts, others, strict=True):
        nonce: NonceAccount | None = parse_nonce_account(raw)
        if nonce is None or nonce.authority != wallet.fee_payer:
            raise VerificationFailed(f"wallet {wallet.id}: {account} is not a nonce of the fee payer")
    mints = node.accounts([wallet.mint(token) for token in wallet.tokens], view) if wallet.tokens else ()
    for token, mint in zip(wallet.tokens, mints, strict=True):
        verify_decimals(token, parse_mint_decimals(mint))
    _verify_token_accounts(wallet, vaults, node.accounts([account for account, _ in vaults], view))


def verify_deposits(
    node: SolanaNode, wallet: SplWallet, indexes: Sequence[int], view: Commitment = "finalized"
) -> None:
    """Compare customers' accounts with the registration; hand their addresses out only afterwards.

    Raises:
        VerificationFailed: One is missing, or is not the multisig's own unencumbered account.
    """
    places = [(wallet.deposit_address(index, asset).text, asset) for index in indexes for asset in wallet.assets]
    _verify_token_accounts(wallet, places, node.accounts([account for account, _ in places], view))


def _verify_token_accounts(
    wallet: SplWallet, places: Sequence[tuple[str, Asset]], raws: Sequence[RawAccount | None]
) -> None:
    for (account, asset), raw in zip(places, raws, strict=True):
        token = parse_token_account(raw)
        expected = (wallet.mint(asset), wallet.multisig, False)
        if token is None or (token.mint, token.owner, token.encumbered) != expected:
            raise VerificationFailed(f"wallet {wallet.id}: {account} is not our own account for {asset.symbol}")
