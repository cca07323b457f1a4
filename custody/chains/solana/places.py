"""Destinations: what is an address, and where money must never be sent.

Rules:
    * Every 32 bytes are an address on Solana, so a dead end is refused by name, not by form.
    * The codec refuses what it can know offline; `verify_destination` in `destination.py` asks the chain.
"""

from __future__ import annotations

from collections.abc import Set

import base58

from custody.chains.solana import params
from custody.chains.solana.keytext import key_text
from custody.chains.solana.wallet import SplWallet
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidAddress, Refused

_KEY_BYTES = 32

NOT_PLACES = frozenset(
    {
        params.SYSTEM_PROGRAM,
        params.TOKEN_PROGRAM,
        params.ASSOCIATED_TOKEN_PROGRAM,
        params.NATIVE_MINT,
        params.RECENT_BLOCKHASHES_SYSVAR,
        params.RENT_SYSVAR,
        "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb",
        "ComputeBudget111111111111111111111111111111",
        "Stake11111111111111111111111111111111111111",
        "Vote111111111111111111111111111111111111111",
        "1nc1nerator11111111111111111111111111111111",
    }
)
"""Programs, system variables and the incinerator: well-formed, and money is lost there."""


class DeadEnd(Refused):
    """Money sent there could never be moved again, or not by whom it is meant for."""

    code = "dead_end"


def parse_place(wallet: SplWallet, text: str) -> Address:
    """Check the form of a destination, which is no mint of the wallet either.

    Raises:
        InvalidAddress: Not 32 bytes in canonical base58, or no place for money.
    """
    return parse_account(wallet.params.chain.id, text, {wallet.mint(asset) for asset in wallet.assets})


def parse_account(chain: ChainId, text: str, mints: Set[str] = frozenset()) -> Address:
    """Check the form of a destination on a network.

    Raises:
        InvalidAddress: Not 32 bytes in canonical base58, or no place for money.
    """
    try:
        raw = base58.b58decode(text) if len(text) <= 44 else b""
    except ValueError as error:
        raise InvalidAddress(f"{chain}: {text[:60]!r} is not base58", chain=chain) from error
    if len(raw) != _KEY_BYTES or key_text(raw) != text:
        raise InvalidAddress(f"{chain}: {text[:60]!r} is not 32 bytes in base58", chain=chain)
    if text in NOT_PLACES or text in mints:
        raise InvalidAddress(f"{chain}: {text} is a program, a system variable or a mint", chain=chain)
    return Address(chain, text)


def refuse_dead_end(wallet: SplWallet, to: Address, amount: Amount) -> None:
    """Refuse destinations of our own where the asset would be stuck, and amounts no account can open with.

    Raises:
        InvalidAddress: Of another chain, or malformed.
        DeadEnd: SOL to a multisig or nonce account, or a token to a token account as if it were a person.
        Refused: Fewer lamports than an account must hold to exist.
    """
    if to.chain != wallet.params.chain.id:
        raise InvalidAddress(f"{to.text} is of {to.chain}, not of {wallet.params.chain.id}", chain=to.chain)
    parse_place(wallet, to.text)
    native = amount.asset == wallet.params.native
    stuck = {wallet.multisig, *wallet.nonce_accounts} if native else {wallet.vault(asset) for asset in wallet.assets}
    if to.text in stuck:
        raise DeadEnd(f"{amount.asset.symbol} sent to {to.text} of our own wallet would be stuck", to=to.text)
    least = wallet.params.empty_account_rent
    if native and to != wallet.receive_address(amount.asset) and amount.units < least:
        text = f"{amount.units} lamports: an account that does not exist yet needs {least}"
        raise Refused(text, asked=amount.units, limit=least)
