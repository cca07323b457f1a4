"""Putting a wallet on the ledger, and comparing what stands there with the registration.

Rules:
    * In this order: signer list, destination tag required (where customers pay to), tickets, and last the master key
      switched off. From then on only the members can sign.
    * Every step is repeated until the validated ledger shows it; the account's sequence keeps it from happening twice.
    * A lane starts only after `verify_wallet`: a regular key or another signer list stops it.

Example:
    opener = AccountOpener(node, wallet, public_key, lambda digest: ecdsa.sign_der(key, digest))
    while not opener.step():
        ...                                      # wait for the next ledger
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xrpl.core.binarycodec import encode

from custody.chains.xrpl.address import address_of
from custody.chains.xrpl.blob import FULLY_CANONICAL, single_digest
from custody.chains.xrpl.destination import REQUIRE_DEST
from custody.chains.xrpl.node import AccountRoot, XrplNode
from custody.chains.xrpl.wallet import XrplWallet
from custody.keys.material import PublicKey
from custody.primitives.errors import InvalidInput, NodeUnavailable, VerificationFailed

DISABLE_MASTER = 0x00100000
_ASF_REQUIRE_DEST, _ASF_DISABLE_MASTER = 1, 4
_MEMBER_WEIGHT = 1


def verify_node(node: XrplNode, wallet: XrplWallet) -> None:
    """Compare the node's network with the wallet's.

    Raises:
        VerificationFailed: Another network.
    """
    found, expected = node.view().network_id, wallet.params.network_id
    if found != expected:
        raise VerificationFailed(f"node is on network {found}, {wallet.params.chain.id} is {expected}", found=found)


def verify_wallet(node: XrplNode, wallet: XrplWallet, index: int | None = None) -> None:
    """Compare the account with the registration.

    Args:
        node: Whom to ask.
        wallet: What should stand there.
        index: Validated ledger to look at; the newest one if none is named.

    Raises:
        VerificationFailed: It does not exist, or its signer list, quorum or flags differ, or it has a regular key.
    """
    account = node.account(wallet.account, node.view().index if index is None else index)
    if account is None:
        raise VerificationFailed(f"wallet {wallet.id}: no account {wallet.account} on the ledger")
    problem = _problem(wallet, account)
    if problem:
        raise VerificationFailed(f"wallet {wallet.id}: {wallet.account} {problem}", wallet=wallet.id)


class AccountOpener:
    """Sets one account up with its master key."""

    def __init__(self, node: XrplNode, wallet: XrplWallet, key: PublicKey, sign: Callable[[bytes], bytes]) -> None:
        """Bind the opener.

        Args:
            node: Whom to ask.
            wallet: What the account becomes.
            key: Master key of the account.
            sign: Signs a digest of 32 bytes with it, strict DER.

        Raises:
            InvalidInput: The key is not this account's.
        """
        if address_of(key) != wallet.account:
            raise InvalidInput(f"wallet {wallet.id}: the key is master of {address_of(key)}, not of {wallet.account}")
        self._node = node
        self._wallet = wallet
        self._key = key
        self._sign = sign

    def step(self) -> bool:
        """Send what is missing next; True once nothing is.

        Raises:
            VerificationFailed: The master key is off, but the account is not what it should be.
            NodeUnavailable: No answer, or the account is not funded yet.
        """
        index, wallet = self._node.view().index, self._wallet
        account = self._node.account(wallet.account, index)
        if account is None:
            raise NodeUnavailable(f"wallet {wallet.id}: {wallet.account} is not on the ledger yet; pay to it first")
        if account.flags & DISABLE_MASTER:
            verify_wallet(self._node, wallet)
            return True
        held = len(self._node.tickets(wallet.account, index))
        # The answer is provisional, whatever it is: the next step sees what came of it.
        self._node.submit(self._signed(self._missing(account, held), account.sequence, index))
        return False

    def _missing(self, account: AccountRoot, tickets: int) -> dict[str, Any]:
        wallet = self._wallet
        if (account.quorum, account.signers) != (wallet.threshold, _weights(wallet)):
            entries = [
                {"SignerEntry": {"Account": name, "SignerWeight": weight}}
                for name, weight in sorted(_weights(wallet).items())
            ]
            return {
                "TransactionType": "SignerListSet",
                "SignerQuorum": wallet.threshold,
                "SignerEntries": entries,
            }
        if wallet.is_shared and not account.flags & REQUIRE_DEST:
            return {"TransactionType": "AccountSet", "SetFlag": _ASF_REQUIRE_DEST}
        if tickets < wallet.ticket_stock:
            return {"TransactionType": "TicketCreate", "TicketCount": wallet.ticket_stock - tickets}
        return {"TransactionType": "AccountSet", "SetFlag": _ASF_DISABLE_MASTER}

    def _signed(self, kind: dict[str, Any], sequence: int, index: int) -> bytes:
        params = self._wallet.params
        fields: dict[str, Any] = {
            **kind,
            "Account": self._wallet.account,
            "Fee": str(self._node.fee_drops()),
            "Flags": FULLY_CANONICAL,
            "LastLedgerSequence": index + params.life_ledgers,
            "Sequence": sequence,
            "SigningPubKey": self._key.raw.hex().upper(),
        }
        if params.names_network:
            fields["NetworkID"] = params.network_id
        signature = self._sign(single_digest(bytes.fromhex(encode(fields))))
        return bytes.fromhex(encode({**fields, "TxnSignature": signature.hex().upper()}))


def _weights(wallet: XrplWallet) -> dict[str, int]:
    return {member.account: _MEMBER_WEIGHT for member in wallet.members}


def _problem(wallet: XrplWallet, account: AccountRoot) -> str:
    if account.has_regular_key:
        return "has a regular key: somebody can sign alone"
    if not account.flags & DISABLE_MASTER:
        return "has its master key on: somebody can sign alone"
    if wallet.is_shared and not account.flags & REQUIRE_DEST:
        return "does not require destination tags"
    if account.signers != _weights(wallet):
        return "has another signer list than registered"
    if account.quorum != wallet.threshold:
        return f"has quorum {account.quorum}, registered is {wallet.threshold}"
    return ""
