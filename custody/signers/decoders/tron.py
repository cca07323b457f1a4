"""The signer's own reading of Tron transactions: what one payment, or one sweep, really does.

Rules:
    * Accepted: one TransferContract, or one TriggerSmartContract that calls `transfer` on a registered token
      and carries no TRX and no TRC-10. Any other contract type, a change of permissions above all, is refused.
    * A payment is signed under the registered permission only; a sweep under the account's own key.
    * The permission's mask on chain allows any contract call; which contract and which call is checked here.
    * A memo, a script, a second contract, an unknown field of any message: refused.
    * A sweep goes from a registered deposit account to the registered account: TRX, or a listed token.
    * TRX for a sweep goes from the registered gas station to a registered deposit account, whose only way out is a
      sweep. What it brings there counts as fee, since it is meant to be burnt: the signer's own fee cap bounds it.
    * The id is computed here from the bytes that were read; what is shown is what is signed.

Example:
    decoder = TronDecoder(registration, {"m/44h/195h/0h/0/0": key})
    decoder.understand(payload, SigningRole.MEMBER).summary.to
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from custody.keys.material import PublicKey, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.errors import InvalidInput, LimitExceeded, MalformedPayload, Refused
from custody.primitives.intent import TransferSummary
from custody.signers.decoders.evm_bytes import decimal, split_tagged
from custody.signers.decoders.tron_bytes import Message, address
from custody.signers.decoders.tron_registration import account_of, read_registration
from custody.signers.ownership import NotOurAddress
from custody.signers.port import OwnedPlace, ToSign, Understood

PAYMENT_TAG = "mext/tron-payment/1"
SWEEP_TAG = "mext/tron-sweep/1"
TOP_UP_TAG = "mext/tron-top-up/1"
TRANSFER, TRIGGER = 1, 31
CAIP2 = {"tron": "tron:0x2b6653dc", "tron-nile": "tron:0xcd8690dc", "tron-local": "tron:local"}
"""Networks as ownership texts name them: the end of the genesis block's id."""
MAX_OWNED_SEARCH = 10_000
"""Deposit accounts looked through for an ownership text, about a second of derivation."""

_TYPE_URL = b"type.googleapis.com/protocol."
_NAMES = {TRANSFER: _TYPE_URL + b"TransferContract", TRIGGER: _TYPE_URL + b"TriggerSmartContract"}
_TRC20_TRANSFER = bytes.fromhex("a9059cbb")
_CALL_BYTES = 68
_SIGNATURE_BYTES, _RESULT_BYTES = 65, 64
_MAX_EXPIRATION_MS = 1 << 53


@dataclass(frozen=True, slots=True)
class _Payment:
    """What one transaction says."""

    raw: bytes
    owner: str
    to: str
    units: int
    contract: str | None
    permission_id: int
    fee_limit: int
    expiration_ms: int
    reference: bytes

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.raw).digest()


class TronDecoder:
    """Decodes for one registered account and the keys that this signer holds for it."""

    def __init__(self, registration: Mapping[str, object], our_keys: Mapping[str, PublicKey]) -> None:
        """Bind to a wallet.

        Args:
            registration: What the wallet wrote; see `tron_registration`.
            our_keys: Public key at each of our derivation paths.

        Raises:
            InvalidInput: A malformed registration, two member keys in one signer, or a member under another path.
        """
        self.wallet = read_registration(registration)
        self.caip2 = CAIP2.get(self.wallet.chain, "")
        self.holds_accounts = self.wallet.sweep is not None and self.wallet.sweep.path in our_keys
        accounts = {path: account_of(key) for path, key in our_keys.items()}
        self._member_paths = [path for path, account in accounts.items() if account in self.wallet.members]
        self._our_paths = frozenset(accounts)
        self._station_paths = [path for path, account in accounts.items() if account == self.wallet.station]
        if len(self._member_paths) > 1:
            raise InvalidInput(f"wallet {self.wallet.id}: two member keys in one signer")
        if any(self.wallet.members[accounts[path]] != path for path in self._member_paths):
            raise InvalidInput(f"wallet {self.wallet.id}: our member key is registered under another path")

    def understand(self, payload: bytes, role: SigningRole) -> Understood:
        """Decode a payload completely.

        Raises:
            MalformedPayload: It does not decode, or bytes are left over.
            Refused: It decodes to a shape that is not on the allow-list, or we hold no key for it.
        """
        tag, fields = split_tagged(payload)
        if role is SigningRole.MEMBER and tag == PAYMENT_TAG:
            return self._payment(fields)
        if role is SigningRole.SENDER and tag in (SWEEP_TAG, TOP_UP_TAG):
            return self._own_move(fields, is_sweep=tag == SWEEP_TAG)
        raise Refused(f"wallet {self.wallet.id}: a {tag[:40]!r} payload is not for role {role.value}")

    def owned_place(self, address: str) -> OwnedPlace:
        """The registered account, which our member key helps to control; or a deposit account, if its key is ours.

        Raises:
            NotOurAddress: Another address.
            Refused: We hold no such key.
        """
        if address == self.wallet.account:
            return OwnedPlace(self._member_path())
        branch = self.wallet.sweep
        if branch is not None and self.holds_accounts:
            for index in range(min(branch.window, MAX_OWNED_SEARCH)):
                if branch.account(index) == address:
                    return OwnedPlace(f"{branch.path}/0/{index}", role=SigningRole.SENDER)
        raise NotOurAddress(f"wallet {self.wallet.id}: {address} is not its account, nor a deposit account of ours")

    def _payment(self, fields: list[bytes]) -> Understood:
        wallet = self.wallet
        if len(fields) != 1:
            raise MalformedPayload(f"a payment has 1 field, not {len(fields)}")
        payment = self._read(fields[0])
        if payment.owner != wallet.account or payment.permission_id != wallet.permission_id:
            raise Refused(
                f"wallet {wallet.id}: permission {payment.permission_id} of {payment.owner} pays, not "
                f"permission {wallet.permission_id} of {wallet.account}"
            )
        asset = wallet.native if payment.contract is None else wallet.tokens[payment.contract]
        if payment.to == wallet.account or payment.to in wallet.tokens:
            raise Refused(f"wallet {wallet.id}: {payment.to} is the wallet itself or a contract of ours")
        prices = wallet.prices
        fee = self._size(payment.raw, wallet.threshold) * prices.per_byte + prices.multisign
        fee += prices.activation if payment.contract is None else payment.fee_limit
        paid = Address(wallet.chain, payment.to), Amount(payment.units, asset)
        summary = TransferSummary((paid,), (), Amount(fee, wallet.native))
        return self._understood(payment, summary, self._member_path())

    def _own_move(self, fields: list[bytes], *, is_sweep: bool) -> Understood:
        wallet, branch = self.wallet, self.wallet.sweep
        if len(fields) != 2:
            raise MalformedPayload(f"a sweep or a top-up has 2 fields, not {len(fields)}")
        if branch is None:
            raise Refused(f"wallet {wallet.id}: no deposit accounts are registered")
        index, payment = decimal(fields[0]), self._read(fields[1])
        path = f"{branch.path}/0/{index}"
        if index >= branch.window or path in self._our_paths:
            raise Refused(f"wallet {wallet.id}: {path} is not a deposit account")
        if payment.permission_id != 0:
            raise Refused(f"wallet {wallet.id}: {payment.owner} acts by its own key only")
        account = branch.account(index)
        return self._sweep(payment, account, path) if is_sweep else self._top_up(payment, account)

    def _sweep(self, payment: _Payment, account: str, path: str) -> Understood:
        wallet = self.wallet
        if payment.owner != account:
            raise Refused(f"wallet {wallet.id}: {payment.owner} is not the deposit account at {path}")
        if payment.to != wallet.account:
            raise Refused(f"wallet {wallet.id}: a sweep goes to {wallet.account}, nowhere else")
        # The wallet's account is our own registration: what reaches it never left the wallet.
        asset = wallet.native if payment.contract is None else wallet.tokens[payment.contract]
        return self._move(payment, Amount(payment.units, asset), payment.fee_limit, path)

    def _top_up(self, payment: _Payment, account: str) -> Understood:
        wallet = self.wallet
        if wallet.station is None or payment.owner != wallet.station:
            raise Refused(f"wallet {wallet.id}: {payment.owner} is not the gas station")
        if payment.to != account or payment.contract is not None:
            raise Refused(f"wallet {wallet.id}: the gas station lends TRX to deposit accounts, nothing else to anybody")
        lent = Amount(payment.units, wallet.native)
        return self._move(payment, lent, wallet.prices.activation + payment.units, self._station_path())

    def _move(self, payment: _Payment, brought: Amount, more_fee: int, path: str) -> Understood:
        to = Address(self.wallet.chain, payment.to), brought
        sun = self._size(payment.raw, 1) * self.wallet.prices.per_byte + more_fee
        return self._understood(payment, TransferSummary((), (to,), Amount(sun, self.wallet.native)), path)

    def _read(self, raw: bytes) -> _Payment:
        whole = Message.read(raw, "raw_data", numbers={8, 14, 18}, blobs={1, 4, 11})
        contract = Message.read(whole.blob(11), "contract", numbers={1, 5}, blobs={2})
        parameter = Message.read(contract.blob(2), "parameter", blobs={1, 2})
        kind, expiration_ms = contract.number(1), whole.number(8)
        if parameter.blob(1) != _NAMES.get(kind):
            raise Refused(f"wallet {self.wallet.id}: contract type {kind}, {parameter.blob(1)[:80]!r}, is no payment")
        if not 0 < expiration_ms < _MAX_EXPIRATION_MS:
            raise Refused(f"wallet {self.wallet.id}: an expiration at {expiration_ms} ms")
        reference = whole.blob(1, 2) + whole.blob(4, 8)
        owner, to, units, token = (self._trx if kind == TRANSFER else self._token)(parameter.blob(2))
        fee_limit = whole.number(18)
        if fee_limit > (0 if token is None else self.wallet.prices.fee_limit):
            raise LimitExceeded(f"wallet {self.wallet.id}: a fee limit of {fee_limit} sun", asked=fee_limit)
        return _Payment(raw, owner, to, units, token, contract.number(5), fee_limit, expiration_ms, reference)

    def _trx(self, value: bytes) -> tuple[str, str, int, None]:
        transfer = Message.read(value, "TransferContract", numbers={3}, blobs={1, 2})
        units = transfer.number(3)
        if not 0 < units < 1 << 63:
            raise Refused(f"wallet {self.wallet.id}: a payment of {units} sun")
        return address(transfer.blob(1)), address(transfer.blob(2)), units, None

    def _token(self, value: bytes) -> tuple[str, str, int, str]:
        trigger = Message.read(value, "TriggerSmartContract", blobs={1, 2, 4})
        contract, call = address(trigger.blob(2)), trigger.blob(4)
        if contract not in self.wallet.tokens or call[:4] != _TRC20_TRANSFER:
            raise Refused(
                f"wallet {self.wallet.id}: call {call[:4].hex()} to {contract} is no transfer of a registered token"
            )
        if len(call) != _CALL_BYTES or any(call[4:16]):
            raise MalformedPayload(
                f"a transfer call of {len(call)} bytes, or with more than an address in its first word"
            )
        units = int.from_bytes(call[36:], "big")
        if units == 0:
            raise Refused(f"wallet {self.wallet.id}: a payment of nothing")
        return address(trigger.blob(1)), address(b"\x41" + call[16:36]), units, contract

    def _understood(self, payment: _Payment, summary: TransferSummary, path: str) -> Understood:
        key = f"tron:{payment.reference.hex()}:{payment.expiration_ms}:{payment.digest.hex()}"
        valid_until_s = -(-payment.expiration_ms // 1000)
        return Understood(summary, key, (ToSign(0, path, payment.digest),), valid_until_s)

    @staticmethod
    def _size(raw: bytes, signatures: int) -> int:
        """Bytes the network counts: tag, length and content of each part, and room for the result."""
        length_bytes = -(-len(raw).bit_length() // 7)
        return 1 + length_bytes + len(raw) + signatures * (2 + _SIGNATURE_BYTES) + _RESULT_BYTES

    def _member_path(self) -> str:
        if not self._member_paths:
            raise Refused(f"wallet {self.wallet.id}: this signer holds no member key")
        return self._member_paths[0]

    def _station_path(self) -> str:
        if not self._station_paths:
            raise Refused(f"wallet {self.wallet.id}: this signer holds no key of the gas station")
        return self._station_paths[0]
