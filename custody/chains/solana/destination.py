"""Asking the chain whether a destination can ever move what it is sent.

Every 32 bytes are an address, so people paste token accounts, mints and programs where a wallet is
meant. Called at the request, before anything is reserved; the codec itself stays offline.

Example:
    verify_destination(node, address, usdc)
"""

from __future__ import annotations

from custody.chains.solana import params
from custody.chains.solana.accounts import parse_multisig, parse_nonce_account, parse_token_account
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.places import DeadEnd
from custody.primitives.address import Address
from custody.primitives.asset import Asset


def verify_destination(node: SolanaNode, to: Address, asset: Asset) -> None:
    """Refuse a destination where the asset would be stuck.

    Args:
        node: Whom to ask.
        to: Checked by the codec.
        asset: What would be paid.

    Raises:
        DeadEnd: SOL to anything but a system account or an account for wrapped SOL; a token to anything
            but a system account or a token multisig, as owner of the token account.
        NodeUnavailable: No answer.
    """
    account = node.accounts([to.text], "confirmed")[0]
    if account is None or (account.program == params.SYSTEM_PROGRAM and not account.content):
        return
    token = parse_token_account(account)
    native = asset.contract is None
    if native and token is not None and token.mint == params.NATIVE_MINT:
        return
    if not native and parse_multisig(account) is not None:
        return
    if account.executable:
        kind = "a program"
    elif token is not None:
        kind = f"a token account for {token.mint}"
    elif parse_nonce_account(account) is not None:
        kind = "a nonce account"
    else:
        kind = f"an account of program {account.program}"
    raise DeadEnd(f"{to.text} is {kind}: {asset.symbol} sent there would be stuck", to=to.text)
