"""The signer's own reading of an XRP Ledger transaction of a wallet with a signer list.

Rules:
    * Made from the wallet registration in the signer's folder, sharing no code with the builder.
    * Two shapes are accepted: an exact payment of XRP, and the making of tickets up to the registered stock.
      Everything else is refused by its type, above all what changes who may sign (attack C17).
    * The destination tag is part of the payment: it is shown, and compared with the intent.
    * A transaction always has a last ledger, no signer's key, and no flag but the one for canonical signatures.

Example:
    understood = XrplDecoder(registration, {path: our_key}).understand(payload, SigningRole.MEMBER)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from custody.keys.hd import hash160
from custody.keys.material import Curve, PublicKey, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidInput, Refused
from custody.primitives.intent import TransferSummary
from custody.signers.decoders.xrpl_fields import account_text, parse_fields
from custody.signers.ownership import NotOurAddress
from custody.signers.port import OwnedPlace, ToSign, Understood

PAYMENT, TICKET_CREATE = 0, 10
TYPE_NAMES = {3: "AccountSet", 5: "SetRegularKey", 12: "SignerListSet", 20: "TrustSet", 21: "AccountDelete"}
"""For messages only: every type but the two above is refused."""
CAIP2 = {"xrpl": "xrpl:0", "xrpl-testnet": "xrpl:1", "xrpl-local": "xrpl:63456"}
"""Networks as ownership texts name them; the number is the network's id."""
_FLAGS = 0x80000000
"""Signatures in their one canonical form; every other bit changes what is done."""
_LAST_ID_WITHOUT_FIELD = 1024
_MULTISIGN_PREFIX = b"SMT\x00"
_COMMON = frozenset({"TransactionType", "Flags", "Sequence", "LastLedgerSequence", "Fee", "SigningPubKey", "Account"})
_OPTIONAL = frozenset({"NetworkID"})
_PAYMENT_FIELDS = frozenset({"Amount", "Destination"})
_PAYMENT_OPTIONAL = frozenset({"DestinationTag", "TicketSequence"})

Fields = Mapping[str, Any]


class UnreadTransaction(Refused):
    """The transaction is of no shape this signer signs."""

    code = "unread_xrpl_transaction"


@dataclass(frozen=True, slots=True)
class _Registered:
    id: str
    native: Asset
    network_id: int
    account: str
    ticket_stock: int


class XrplDecoder:
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
            self._wallet, members = _parse_registration(registration)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInput(f"not an XRP Ledger wallet registration: {error!r}") from error
        self.caip2, self.holds_accounts = CAIP2[self._wallet.native.chain], False
        self._ours: dict[str, bytes] = {}
        for path, key in our_keys.items():
            if key.curve is not Curve.SECP256K1 or members.get(key.raw.hex()) != path:
                raise InvalidInput(f"wallet {self._wallet.id}: {key.raw.hex()} at {path} is none of its keys")
            self._ours[path] = hash160(key.raw)

    def understand(self, payload: bytes, role: SigningRole) -> Understood:
        """Decode the serialised fields completely.

        Raises:
            MalformedPayload: They do not parse.
            UnreadField, UnreadTransaction: They hold something that is not on the allow-list.
        """
        if role is not SigningRole.MEMBER:
            raise UnreadTransaction(f"wallet {self._wallet.id}: nobody signs an XRP Ledger payment as {role}")
        fields: Fields = parse_fields(payload)
        kind = fields.get("TransactionType", -1)
        if kind == PAYMENT:
            _require_names(fields, _PAYMENT_FIELDS, _PAYMENT_OPTIONAL)
            to, memos = self._payment(fields)
        elif kind == TICKET_CREATE:
            _require_names(fields, frozenset({"TicketCount"}), frozenset())
            to, memos = self._no_payment(fields)
        else:
            name = TYPE_NAMES.get(kind, f"type {kind!r}")
            raise UnreadTransaction(f"wallet {self._wallet.id}: {name} is never signed", wallet=self._wallet.id)
        self._require_ours(fields)
        digests = ((path, _digest(payload, account)) for path, account in self._ours.items())
        return Understood(
            TransferSummary(to, (), Amount(fields["Fee"], self._wallet.native), memos),
            self._conflict_key(fields),
            tuple(ToSign(0, path, digest) for path, digest in digests),
        )

    def owned_place(self, address: str) -> OwnedPlace:
        """The registered account is the one address that members control.

        Raises:
            NotOurAddress: Another address.
            InvalidInput: We hold no member key, or several.
        """
        wallet = self._wallet
        if address != wallet.account:
            raise NotOurAddress(f"wallet {wallet.id}: {address} is not its account", wallet=wallet.id)
        if len(self._ours) != 1:
            raise InvalidInput(f"wallet {wallet.id}: {len(self._ours)} of its members are ours; one must be")
        return OwnedPlace(next(iter(self._ours)))

    def _payment(self, fields: Fields) -> tuple[tuple[tuple[Address, Amount], ...], tuple[str, ...]]:
        to = account_text(fields["Destination"])
        if to == self._wallet.account:
            raise UnreadTransaction(f"wallet {self._wallet.id} would pay itself")
        tag = str(fields["DestinationTag"]) if "DestinationTag" in fields else ""
        place = Address(self._wallet.native.chain, to)
        return ((place, Amount(fields["Amount"], self._wallet.native)),), (tag,)

    def _no_payment(self, fields: Fields) -> tuple[tuple[tuple[Address, Amount], ...], tuple[str, ...]]:
        count, stock = fields["TicketCount"], self._wallet.ticket_stock
        if not 0 < count <= stock:
            raise UnreadTransaction(f"{count} tickets, the registered stock is {stock}", asked=count, limit=stock)
        return (), ()

    def _require_ours(self, fields: Fields) -> None:
        wallet = self._wallet
        if account_text(fields["Account"]) != wallet.account:
            raise UnreadTransaction(f"wallet {wallet.id}: {account_text(fields['Account'])} is not its account")
        if fields["Flags"] != _FLAGS:
            raise UnreadTransaction(f"flags {fields['Flags']:#010x} are not allowed", flags=fields["Flags"])
        named = wallet.network_id if wallet.network_id > _LAST_ID_WITHOUT_FIELD else None
        if fields.get("NetworkID") != named:
            raise UnreadTransaction(f"network {fields.get('NetworkID')}, want {named}")
        if fields["LastLedgerSequence"] == 0:
            raise UnreadTransaction("a transaction without last ledger lives for ever")

    def _conflict_key(self, fields: Fields) -> str:
        sequence, ticket = fields["Sequence"], fields.get("TicketSequence", 0)
        if (sequence == 0) == (ticket == 0):
            raise UnreadTransaction(f"sequence {sequence} and ticket {ticket}: exactly one orders a transaction")
        slot = f"ticket:{ticket}" if ticket else f"sequence:{sequence}"
        return f"xrpl:{self._wallet.account}:{slot}:{fields['LastLedgerSequence']}"


def _require_names(fields: Fields, wanted: frozenset[str], optional: frozenset[str]) -> None:
    names = frozenset(fields)
    missing, surplus = (_COMMON | wanted) - names, names - _COMMON - wanted - _OPTIONAL - optional
    if missing or surplus:
        lists = [", ".join(sorted(names)) or "none" for names in (missing, surplus)]
        raise UnreadTransaction(f"fields missing: {lists[0]}; not allowed: {lists[1]}")


def _digest(payload: bytes, account: bytes) -> bytes:
    return hashlib.sha512(_MULTISIGN_PREFIX + payload + account).digest()[:32]


def _parse_registration(registration: Mapping[str, object]) -> tuple[_Registered, dict[str, str]]:
    stored: dict[str, Any] = dict(registration)
    if stored["family"] != "xrpl":
        raise InvalidInput(f"a registration of family {stored['family']!r}")
    if CAIP2[stored["chain"]] != f"xrpl:{stored['network_id']}":
        raise InvalidInput(f"{stored['chain']} is not network {stored['network_id']}")
    wallet = _Registered(
        id=str(stored["id"]),
        native=Asset("XRP", 6, ChainId(stored["chain"])),
        network_id=int(stored["network_id"]),
        account=str(stored["account"]),
        ticket_stock=int(stored["ticket_stock"]),
    )
    return wallet, {member["key"]: member["path"] for member in stored["members"]}
