"""Is a listed token what its row says? Asked of its contract, or mint, before a wallet that holds it starts.

The symbol is a name that anybody may use and is not compared; a wrong number of decimals would credit and pay a
thousandfold.
"""

from __future__ import annotations

from custody.primitives.asset import Asset
from custody.primitives.errors import VerificationFailed


class TokenDiffers(VerificationFailed):
    """There is no such token at the listed place, or it counts otherwise."""

    code = "token_differs"


def verify_decimals(token: Asset, shown: int | None) -> None:
    """Compare a listed token with what stands on chain.

    Args:
        token: From the allow-list.
        shown: Decimals that the contract or mint tells; None if no token of the family stands there.

    Raises:
        TokenDiffers: They differ.
    """
    if shown != token.decimals:
        found = "no token" if shown is None else f"{shown} decimals"
        raise TokenDiffers(
            f"{token.chain}: {token.symbol} at {token.contract}: {found}, listed with {token.decimals}",
            asset=token.symbol,
            contract=token.contract,
        )
