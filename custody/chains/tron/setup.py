"""Giving an account its permissions once, and comparing them with the registration on every start.

Rules:
    * A permission update replaces everything the account had; what was left out is gone. So the account is
      read again afterwards, from the solidified view, before anything is paid to it.
    * Compared are keys, weights, thresholds and the operations mask, and that there is nothing beside them.
    * The key that opened the account signs this one transaction and is useless afterwards.

Example:
    open_account(node, wallet, lambda digest: sign_recoverable(account_key, digest))
    verify_wallet(node, wallet)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from custody.chains.token_listing import verify_decimals
from custody.chains.tron.address import node_hex
from custody.chains.tron.node import TronNode, shaped
from custody.chains.tron.params import ACTIVE_PERMISSION_ID
from custody.chains.tron.rawtx import (
    Quorum,
    Window,
    operations_mask,
    permission_update_bytes,
    signed_bytes,
    txid_of,
)
from custody.chains.tron.reader import moment_of
from custody.chains.tron.wallet import TronWallet
from custody.primitives.errors import NodeUnavailable, Refused, VerificationFailed
from custody.primitives.ids import TxId


class TronAccountChanged(VerificationFailed):
    """The account on chain differs from its registration."""

    code = "tron_account_changed"


class SetUpRefused(Refused):
    """The node does not take the permission update; its text is in the message."""

    code = "tron_set_up_refused"


def open_account(node: TronNode, wallet: TronWallet, sign: Callable[[bytes], bytes]) -> TxId:
    """Replace the new account's permissions by the wallet's owner quorum and its active quorum.

    The account must exist and hold the price, 100 TRX and bandwidth. Wait until it is solidified, then
    `verify_wallet`.

    Args:
        node: Whom to ask and to send to.
        wallet: What it shall become.
        sign: The account key's signature over a 32-byte digest: r, s, v of 65 bytes.

    Raises:
        SetUpRefused: The node does not take it.
        NodeUnavailable: No answer.
    """
    moment = moment_of(node)
    expiration_ms = moment.head_ms + wallet.params.expires_after_ms
    window = Window(moment.ref_block_bytes, moment.ref_block_hash, expiration_ms, moment.head_ms)
    raw = permission_update_bytes(wallet.address.text, wallet.owners.on_chain(), wallet.quorum(), window)
    txid = txid_of(raw)
    _, code, text = node.send(signed_bytes(raw, [sign(bytes.fromhex(txid))]))
    if code not in ("SUCCESS", "DUP_TRANSACTION_ERROR"):
        raise SetUpRefused(f"wallet {wallet.id}: {code}: {text[:400]}", wallet=wallet.id, node_code=code)
    return TxId(txid)


def verify_wallet(node: TronNode, wallet: TronWallet) -> None:
    """Compare the account on chain with the registration.

    Raises:
        TronAccountChanged: Something differs; every difference is named in the message.
        NodeUnavailable: No answer.
    """
    differences = _differences(node.account(wallet.address.text, solid=True), wallet)
    if differences:
        raise TronAccountChanged(
            f"wallet {wallet.id}, account {wallet.address}: {'; '.join(differences)}",
            wallet=wallet.id,
            differences=len(differences),
        )


def verify_tokens(node: TronNode, wallet: TronWallet) -> None:
    """Compare the listed tokens with their contracts.

    Raises:
        TokenDiffers: One is no token, or has other decimals.
        NodeUnavailable: No answer.
    """
    for token in wallet.tokens:
        verify_decimals(token, node.decimals(str(token.contract)))


@shaped
def _differences(account: Mapping[str, Any], wallet: TronWallet) -> list[str]:
    if not account:
        return ["it is not open"]
    if account.get("address") != node_hex(wallet.address.text):
        raise NodeUnavailable(f"{wallet.params.chain.id}: asked for {wallet.address}, got {account.get('address')}")
    found: list[str] = []
    if account.get("type", "Normal") != "Normal" or "witness_permission" in account:
        found.append("it is a contract or a block producer")
    found += _quorum_differences("owner permission", account.get("owner_permission", {}), wallet.owners.on_chain())
    actives: Sequence[Mapping[str, Any]] = account.get("active_permission", ())
    if [each.get("id") for each in actives] != [ACTIVE_PERMISSION_ID]:
        return [*found, f"active permissions {[each.get('id') for each in actives]}, want {ACTIVE_PERMISSION_ID} only"]
    found += _quorum_differences("active permission", actives[0], wallet.quorum())
    if actives[0].get("operations") != operations_mask().hex():
        found.append(f"its operations are {actives[0].get('operations')}")
    return found


def _quorum_differences(name: str, shown: Mapping[str, Any], want: Quorum) -> Iterator[str]:
    threshold = shown.get("threshold", 0)
    if threshold != want.threshold:
        yield f"the {name}'s threshold is {threshold}, not {want.threshold}"
    keys = sorted((key["address"], key["weight"]) for key in shown.get("keys", ()))
    if keys != sorted((node_hex(key), 1) for key in want.keys):
        yield f"the {name}'s keys are {keys}"
