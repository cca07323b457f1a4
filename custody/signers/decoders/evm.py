"""The signer's own reading of EVM payloads: what a SafeTx, its execution or a sweep really does.

Rules:
    * Accepted: a native payment, `transfer` on a registered token, and several of them through the
      pinned MultiSendCallOnly, which is the only delegatecall. All else is refused by its shape.
    * Gas and refund fields of the SafeTx are zero; network, Safe and batch contract are the registered ones.
    * The SafeTx hash is computed here from the decoded fields; what is shown is what is signed.
    * The sender signs an execution only if it carries the signatures of a quorum of owners over
      exactly this SafeTx: a back office cannot burn its gas on anything else.
    * Sweeps, gas for deposit accounts and fillers are read by `evm_moves`.
    * A call of the Safe to itself with nothing in it is a rejection; whether one may sign it without an
      intent is for the signer's rules to say, as it is for sweeps.

Example:
    decoder = EvmDecoder(registration, {"m/44h/60h/0h/0/0": key})
    decoder.understand(payload, SigningRole.MEMBER).summary.to
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from custody.keys.material import PublicKey, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.errors import InvalidInput, MalformedPayload, Refused
from custody.primitives.intent import TransferSummary
from custody.signers.decoders.evm_bytes import Arguments, decimal, eip55, keccak256, split_tagged
from custody.signers.decoders.evm_moves import MOVES, OwnMoves
from custody.signers.decoders.evm_outer import Outer, read_outer, recover_account
from custody.signers.decoders.evm_registration import account_of, read_registration
from custody.signers.ownership import NotOurAddress
from custody.signers.port import OwnedPlace, ToSign, Understood

SAFE_TX_TAG = "mext/evm-safe-tx/1"
OUTER_TAG = "mext/evm-outer/1"

MAX_BATCH = 100
CALL, DELEGATECALL = 0, 1
SIGNATURE_BYTES = 65
MAX_OWNED_SEARCH = 10_000
"""Deposit accounts looked through for an ownership text, about a second of derivation."""

_EXEC_TRANSACTION = bytes.fromhex("6a761202")
_MULTI_SEND = bytes.fromhex("8d80ff0a")
_TRANSFER = bytes.fromhex("a9059cbb")
_DOMAIN_TYPE = bytes.fromhex("47e79534a245952e8b16893a336b85a3d9ea9fa8c573f3d803afb92a79469218")
_SAFE_TX_TYPE = bytes.fromhex("bb8310d486368db6bd6f849402fdd73ad53d316b5a4b2644ad6efe0f941286d8")

Paid = tuple[Address, Amount]


@dataclass(frozen=True, slots=True)
class _Inner:
    """A SafeTx whose gas and refund fields were seen to be zero."""

    to: bytes
    value: int
    call: bytes
    operation: int
    nonce: int


class EvmDecoder:
    """Decodes for one registered Safe and the keys that this signer holds in it."""

    def __init__(self, registration: Mapping[str, object], our_keys: Mapping[str, PublicKey]) -> None:
        """Bind to a wallet.

        Args:
            registration: What the wallet wrote; see `evm_registration`.
            our_keys: Public key at each of our derivation paths.

        Raises:
            InvalidInput: A malformed registration, or two owner keys in one signer.
        """
        self.safe = read_registration(registration)
        self.caip2 = f"eip155:{self.safe.chain_id}"
        self.holds_accounts = self.safe.sweep is not None and self.safe.sweep.path in our_keys
        accounts = {path: account_of(key) for path, key in our_keys.items()}
        self._member_paths = [path for path, account in accounts.items() if account in self.safe.owners]
        self._sender_paths = [path for path, account in accounts.items() if account == self.safe.sender]
        self._moves = OwnMoves(self.safe, accounts)
        if len(self._member_paths) > 1:
            raise InvalidInput(f"wallet {self.safe.id}: two owner keys in one signer")
        self._unpayable = {self.safe.safe, self.safe.multisend, bytes(20), *self.safe.tokens}

    def understand(self, payload: bytes, role: SigningRole) -> Understood:
        """Decode a payload completely.

        Raises:
            MalformedPayload: It does not decode, or bytes are left over.
            Refused: It decodes to a shape that is not on the allow-list, or we hold no key for it.
        """
        tag, fields = split_tagged(payload)
        if role is SigningRole.MEMBER and tag == SAFE_TX_TAG:
            return self._member(fields)
        if role is SigningRole.SENDER and tag == OUTER_TAG:
            return self._execution(fields)
        if role is SigningRole.SENDER and tag in MOVES:
            return self._moves.understand(tag, fields)
        raise Refused(f"wallet {self.safe.id}: a {tag[:40]!r} payload is not for role {role.value}")

    def owned_place(self, address: str) -> OwnedPlace:
        """The registered Safe, which our owner key helps to control; or a deposit account, if its key is ours.

        Raises:
            NotOurAddress: Another address, or another spelling of it.
            Refused: We hold no such key.
        """
        if address == eip55(self.safe.safe):
            return OwnedPlace(self._path(self._member_paths, "owner"))
        branch = self.safe.sweep
        if branch is not None and self.holds_accounts:
            for index in range(min(branch.window, MAX_OWNED_SEARCH)):
                if eip55(branch.account(index)) == address:
                    return OwnedPlace(f"{branch.path}/0/{index}", role=SigningRole.SENDER)
        raise NotOurAddress(f"wallet {self.safe.id}: {address} is not its Safe, nor a deposit account of ours")

    def _member(self, fields: list[bytes]) -> Understood:
        if len(fields) != 12:
            raise MalformedPayload(f"a SafeTx has 12 fields, not {len(fields)}")
        chain_id, safe, to, value, call, operation, *gas, nonce = fields
        if decimal(chain_id) != self.safe.chain_id or safe != self.safe.safe:
            raise Refused(f"wallet {self.safe.id}: the SafeTx is for another network or another Safe")
        if gas != [b"0", b"0", b"0", bytes(20), bytes(20)]:
            raise Refused(f"wallet {self.safe.id}: gas price, gas token and refund receiver must be zero")
        inner = _Inner(to, decimal(value), call, decimal(operation), decimal(nonce))
        digest = self._hash(inner)
        no_fee = Amount(0, self.safe.native)  # the sender's transaction carries the fee
        to_sign = (ToSign(0, self._path(self._member_paths, "owner"), digest),)
        return Understood(TransferSummary(self._payments(inner), (), no_fee), self._key(inner, digest), to_sign)

    def _execution(self, fields: list[bytes]) -> Understood:
        if len(fields) != 2:
            raise MalformedPayload(f"an execution has 2 fields, not {len(fields)}")
        outer = read_outer(fields[1], self.safe.chain_id)
        if outer.to != self.safe.safe or outer.value != 0 or outer.call[:4] != _EXEC_TRANSACTION:
            raise Refused(f"wallet {self.safe.id}: the sender only executes the registered Safe, without value")
        arguments = Arguments(outer.call[4:], heads=10)
        call, signatures = arguments.tails(2, 9)
        if any(arguments.number(index) for index in range(4, 9)):
            raise Refused(f"wallet {self.safe.id}: gas price, gas token and refund receiver must be zero")
        inner = _Inner(arguments.address(0), arguments.number(1), call, arguments.number(3), decimal(fields[0]))
        digest = self._hash(inner)
        self._verify_owners(digest, signatures)
        summary = TransferSummary(self._payments(inner), (), self._fee(outer))
        to_sign = (ToSign(0, self._path(self._sender_paths, "sender"), keccak256(fields[1])),)
        return Understood(summary, self._key(inner, digest), to_sign)

    def _payments(self, inner: _Inner) -> tuple[Paid, ...]:
        if (inner.operation, inner.to, inner.value, inner.call) == (CALL, self.safe.safe, 0, b""):
            return ()  # a rejection: it uses the nonce up and does nothing
        if inner.operation == CALL:
            return (self._payment(inner.to, inner.value, inner.call),)
        if inner.operation != DELEGATECALL or inner.to != self.safe.multisend or inner.value:
            raise Refused(f"wallet {self.safe.id}: a delegatecall to {eip55(inner.to)} is not a payment")
        if inner.call[:4] != _MULTI_SEND:
            raise Refused(f"wallet {self.safe.id}: {inner.call[:4].hex()} is not multiSend")
        (batch,) = Arguments(inner.call[4:], heads=1).tails(0)
        paid: list[Paid] = []
        while batch:
            size = int.from_bytes(batch[53:85], "big")
            if len(batch) < 85 + size or len(paid) == MAX_BATCH:
                raise MalformedPayload(f"batch call {len(paid)} is cut off, or more than {MAX_BATCH} calls")
            if batch[0] != CALL:
                raise Refused(f"wallet {self.safe.id}: batch call {len(paid)} is a delegatecall")
            paid.append(self._payment(batch[1:21], int.from_bytes(batch[21:53], "big"), batch[85 : 85 + size]))
            batch = batch[85 + size :]
        if not paid:
            raise Refused(f"wallet {self.safe.id}: an empty batch")
        return tuple(paid)

    def _payment(self, to: bytes, value: int, call: bytes) -> Paid:
        if not call:
            return self._foreign(to, Amount(value, self.safe.native))
        token = self.safe.tokens.get(to)
        if token is None or call[:4] != _TRANSFER:
            raise Refused(
                f"wallet {self.safe.id}: call {call[:4].hex()} to {eip55(to)} is no transfer of a registered token"
            )
        arguments = Arguments(call[4:], heads=2)
        arguments.tails()  # nothing behind the two arguments
        if value:
            raise Refused(f"wallet {self.safe.id}: a token transfer carries no native coins")
        return self._foreign(arguments.address(0), Amount(arguments.number(1), token))

    def _foreign(self, to: bytes, amount: Amount) -> Paid:
        if to in self._unpayable:
            raise Refused(f"wallet {self.safe.id}: {eip55(to)} is the wallet itself or a contract of ours")
        return self._paid(to, amount)

    def _paid(self, to: bytes, amount: Amount) -> Paid:
        if amount.units == 0:
            raise Refused(f"wallet {self.safe.id}: a payment of nothing to {eip55(to)}")
        return Address(self.safe.chain, eip55(to)), amount

    def _verify_owners(self, digest: bytes, signatures: bytes) -> None:
        if len(signatures) != self.safe.threshold * SIGNATURE_BYTES:
            raise Refused(f"wallet {self.safe.id}: the execution carries no quorum of {self.safe.threshold} owners")
        last = b""
        for start in range(0, len(signatures), SIGNATURE_BYTES):
            account = recover_account(digest, signatures[start : start + SIGNATURE_BYTES])
            if account not in self.safe.owners or account <= last:
                raise Refused(f"wallet {self.safe.id}: an owner signature is foreign, doubled or out of order")
            last = account

    def _hash(self, inner: _Inner) -> bytes:
        if len(inner.to) != 20 or inner.value >> 256 or inner.nonce >> 256 or inner.operation > DELEGATECALL:
            raise MalformedPayload("a field of the SafeTx is out of range")
        words = (
            _SAFE_TX_TYPE,
            bytes(12) + inner.to,
            inner.value.to_bytes(32, "big"),
            keccak256(inner.call),
            inner.operation.to_bytes(32, "big"),
            bytes(5 * 32),
            inner.nonce.to_bytes(32, "big"),
        )
        domain = keccak256(_DOMAIN_TYPE + self.safe.chain_id.to_bytes(32, "big") + bytes(12) + self.safe.safe)
        return keccak256(b"\x19\x01" + domain + keccak256(b"".join(words)))

    def _key(self, inner: _Inner, digest: bytes) -> str:
        return f"safe:{self.safe.chain_id}:0x{self.safe.safe.hex()}:{inner.nonce}:{digest.hex()}"

    def _fee(self, outer: Outer) -> Amount:
        return Amount(outer.fee_max_wei, self.safe.native)

    def _path(self, paths: list[str], part: str) -> str:
        if not paths:
            raise Refused(f"wallet {self.safe.id}: this signer holds no {part} key")
        return paths[0]
