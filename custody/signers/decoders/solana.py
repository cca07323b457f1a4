"""The signer's own reading of a Solana transaction of an SPL-multisig wallet.

Rules:
    * Made from the wallet registration in the signer's folder, sharing no code with the builder.
    * The fee payer is the only key that can be debited: it pays fees and rent, and passes on exactly
      what it received. Everybody else signs read-only.
    * `solana_shapes` lists the accepted transactions; anything else is refused.

Example:
    understood = SolanaDecoder(registration, {path: our_key}).understand(payload, SigningRole.MEMBER)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import base58

from custody.keys.material import Curve, PublicKey, SigningRole
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidInput
from custody.primitives.intent import TransferSummary
from custody.signers.decoders.solana_message import WireMessage, parse_message
from custody.signers.decoders.solana_shapes import WRAPPED_SOL, RegisteredSplWallet, ShapeReader, UnknownShape
from custody.signers.ownership import NotOurAddress
from custody.signers.port import OwnedPlace, ToSign, Understood

CAIP2 = {
    "solana": "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp",
    "solana-devnet": "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1",
    "solana-local": "solana:local",
}
"""Networks as ownership texts name them: the start of the genesis hash."""


class SolanaDecoder:
    """Second decoder for one registered wallet and our keys in it; see `custody.signers.port.Decoder`."""

    def __init__(self, registration: Mapping[str, object], our_keys: Mapping[str, PublicKey]) -> None:
        """Bind the decoder.

        Args:
            registration: As the wallet writes it, from the signer's own folder.
            our_keys: Path -> public key of the keys this signer holds for the wallet.

        Raises:
            InvalidInput: The registration is incomplete, or one of our keys is not in it under its path.
        """
        try:
            self._wallet = _parse_registration(registration)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInput(f"not a Solana wallet registration: {error!r}") from error
        self.caip2, self.holds_accounts = CAIP2.get(self._wallet.chain, ""), False
        known = {**self._wallet.members, self._wallet.fee_payer: self._wallet.fee_payer_path}
        self._ours: dict[str, str] = {}
        for path, key in our_keys.items():
            text = str(base58.b58encode(key.raw), "ascii")
            if key.curve is not Curve.ED25519 or known.get(text) != path:
                raise InvalidInput(f"wallet {self._wallet.id}: {text} at {path} is none of its keys")
            self._ours[text] = path

    def understand(self, payload: bytes, role: SigningRole) -> Understood:
        """Decode a message completely.

        Raises:
            MalformedPayload: It does not parse as a v0 message without lookup tables.
            UnknownShape: A signer, an instruction, an account or a sum is not as it must be.
        """
        message = parse_message(payload)
        signing = self._verify_signers(message, role)
        meaning = ShapeReader(self._wallet, message).read()
        fee = self._wallet.signature_fee * len(message.signers) + meaning.rent
        return Understood(
            summary=TransferSummary(meaning.paid, (), Amount(fee, self._wallet.native)),
            conflict_key=f"solnonce:{meaning.nonce}:{message.blockhash}",
            to_sign=tuple(ToSign(0, self._ours[key], payload) for key in signing),
        )

    def owned_place(self, address: str) -> OwnedPlace:
        """The registered multisig account, owner of all token accounts, is the one address that members control.

        Raises:
            NotOurAddress: Another address.
            InvalidInput: We hold no member key.
        """
        wallet = self._wallet
        if address != wallet.multisig:
            raise NotOurAddress(f"wallet {wallet.id}: {address} is not its multisig account", wallet=wallet.id)
        paths = [path for key, path in self._ours.items() if key in wallet.members]
        if len(paths) != 1:
            raise InvalidInput(f"wallet {wallet.id}: {len(paths)} of its members are ours; one must be")
        return OwnedPlace(paths[0])

    def _verify_signers(self, message: WireMessage, role: SigningRole) -> list[str]:
        """Return which of our keys sign in this role; at least one."""
        wallet = self._wallet
        payer, *members = message.signers
        if payer != wallet.fee_payer or message.writable_signers != 1:
            raise UnknownShape(f"{payer} pays, the wallet's fee payer is {wallet.fee_payer}")
        if len(members) != wallet.threshold or not set(members) <= set(wallet.members):
            raise UnknownShape(f"{len(members)} further signers; want {wallet.threshold} members of the wallet")
        ours = [key for key in (members if role is SigningRole.MEMBER else [payer]) if key in self._ours]
        if not ours:
            raise UnknownShape(f"none of our keys signs this message as {role}")
        return ours


def _parse_registration(registration: Mapping[str, object]) -> RegisteredSplWallet:
    stored: dict[str, Any] = dict(registration)
    if stored["family"] != "solana":
        raise InvalidInput(f"a registration of family {stored['family']!r}")
    chain = ChainId(stored["chain"])
    assets = [Asset(a["symbol"], a["decimals"], chain, a["contract"]) for a in stored["assets"]]
    by_mint = {asset.contract or WRAPPED_SOL: asset for asset in assets}
    return RegisteredSplWallet(
        id=str(stored["id"]),
        chain=chain,
        threshold=int(stored["threshold"]),
        members={member["key"]: member["path"] for member in stored["members"]},
        fee_payer=str(stored["fee_payer"]["key"]),
        fee_payer_path=str(stored["fee_payer"]["path"]),
        multisig=str(stored["multisig"]),
        nonces=frozenset(stored["nonce_accounts"]),
        by_mint=by_mint,
        native=by_mint[WRAPPED_SOL],
        signature_fee=int(stored["lamports_per_signature"]),
        account_rent=int(stored["token_account_rent"]),
    )
