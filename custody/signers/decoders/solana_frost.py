"""The signer's own reading of a native SOL payment that a group signs with FROST.

    payload  tag, round (1 or 2), number of participants, for each its number (1 byte) and in round two its
             commitment (64 bytes), then the v0 message
    message  AdvanceNonce, TransferWithSeed* (our deposit accounts -> the group's address), Transfer+ (the
             group's address -> destinations), nothing else

Rules:
    * Made from the wallet registration in the signer's folder, sharing no code with the builder.
    * The group's address is the only signer, the fee payer and the authority of the nonce.
    * Exactly as many participants as the threshold, in ascending order, ourselves among them.
    * What a deposit account gives can only go to the group's own address, so it needs no intent.
    * An ownership text has a tag of its own in place of the message's, and names the group's address only.

Example:
    understood = FrostDecoder(registration, {path: our_verifying_share}).understand(payload, SigningRole.MEMBER)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import base58

from custody.keys.frost import COMMITMENT_BYTES, Commitment, Package
from custody.keys.frost_shares import verify_group
from custody.keys.material import Curve, PublicKey, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidInput, MalformedPayload, VerificationFailed
from custody.primitives.intent import TransferSummary
from custody.signers.decoders.solana import CAIP2
from custody.signers.decoders.solana_message import WireInstruction, WireMessage, parse_message, with_seed_address
from custody.signers.decoders.solana_shapes import BLOCKHASHES, SYSTEM, UnknownShape
from custody.signers.ownership import NotOurAddress
from custody.signers.ownership_rounds import OWNERSHIP_ROUND_TAG
from custody.signers.port import OwnedPlace, ThresholdRound, ToSign, Understood

TAG = b"mext/solana-frost/1"
_ROUND_ONE, _ROUND_TWO = 1, 2
_TRANSFER = (2).to_bytes(4, "little")
_ADVANCE_NONCE = (4).to_bytes(4, "little")
_TRANSFER_WITH_SEED = (11).to_bytes(4, "little")
_MAX_SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class _Registered:
    """A wallet as the signer's own folder describes it."""

    id: str
    chain: ChainId
    threshold: int
    group: PublicKey
    members: Mapping[int, PublicKey]  # verifying share by number
    paths: Mapping[int, str]
    nonces: frozenset[str]
    native: Asset
    signature_fee: int

    @property
    def address(self) -> str:
        return _text(self.group.raw)


class FrostDecoder:
    """Second decoder for one registered wallet and our share in it; see `custody.signers.port.Decoder`."""

    holds_accounts = False

    def __init__(self, registration: Mapping[str, object], our_keys: Mapping[str, PublicKey]) -> None:
        """Bind the decoder.

        Args:
            registration: As the wallet writes it, from the signer's own folder.
            our_keys: Path -> verifying share of the one share this signer holds.

        Raises:
            InvalidInput: The registration is incomplete, its verifying shares do not make its group's key, or
                our share is not in it under its path.
        """
        try:
            self._wallet = _parse_registration(registration)
            verify_group(self._wallet.group, self._wallet.members, self._wallet.threshold)
        except (KeyError, TypeError, ValueError, AttributeError, VerificationFailed) as error:
            raise InvalidInput(f"not a registration of a Solana FROST wallet: {error!r}") from error
        self.caip2 = CAIP2.get(self._wallet.chain, "")
        numbers = [n for n, key in self._wallet.members.items() if our_keys.get(self._wallet.paths[n]) == key]
        if len(numbers) != 1 or len(our_keys) != 1:
            raise InvalidInput(f"wallet {self._wallet.id}: {len(numbers)} of its key shares are ours; one must be")
        self._number = numbers[0]

    def understand(self, payload: bytes, role: SigningRole) -> Understood:
        """Decode a payload completely.

        Raises:
            MalformedPayload: It does not parse.
            UnknownShape: A participant, an instruction or an account is not as it must be.
        """
        if role is not SigningRole.MEMBER:
            raise UnknownShape("a FROST wallet has members only")
        numbers, commitments, raw = _open(payload, TAG)
        self._verify_participants(numbers)
        message = parse_message(raw)
        nonce, paid = _Reading(self._wallet, message).read()
        step = self._step(TAG, (numbers, commitments), raw)
        return Understood(
            summary=TransferSummary(paid, (), Amount(self._wallet.signature_fee, self._wallet.native)),
            conflict_key=f"solnonce:{nonce}:{message.blockhash}",
            to_sign=(ToSign(int(step.package is not None), self._wallet.paths[self._number], raw),),
            threshold=step,
        )

    def owned_place(self, address: str) -> OwnedPlace:
        """Name our share for the group's address; deposit accounts follow from it and have no key.

        Raises:
            NotOurAddress: Any other address.
        """
        if address != self._wallet.address:
            raise NotOurAddress(
                f"wallet {self._wallet.id}: the group's address is not {address}", wallet=self._wallet.id
            )
        return OwnedPlace(self._wallet.paths[self._number])

    def understand_text(self, payload: bytes, text: bytes) -> ThresholdRound:
        """Read a round over an ownership text; see `custody.signers.port.GroupDecoder`.

        Raises:
            MalformedPayload: It does not parse, or bytes are left over.
            UnknownShape: The participants are not `threshold` of ours, ascending, ourselves among them.
        """
        numbers, commitments, rest = _open(payload, OWNERSHIP_ROUND_TAG)
        self._verify_participants(numbers)
        if rest:
            raise MalformedPayload(f"{len(rest)} bytes behind the participants: a signer builds the text itself")
        return self._step(OWNERSHIP_ROUND_TAG, (numbers, commitments), text)

    def _step(
        self, tag: bytes, listed: tuple[tuple[int, ...], tuple[Commitment, ...]], message: bytes
    ) -> ThresholdRound:
        """Bind a round to its kind, its participants and the whole message."""
        numbers, commitments = listed
        session = tag + bytes([_ROUND_ONE, len(numbers), *numbers]) + message
        package = Package(self._wallet.group, message, commitments) if commitments else None
        return ThresholdRound(hashlib.sha256(session).digest(), self._number, package)

    def _verify_participants(self, numbers: tuple[int, ...]) -> None:
        in_order = list(numbers) == sorted(set(numbers))
        if not in_order or len(numbers) != self._wallet.threshold or not set(numbers) <= set(self._wallet.members):
            raise UnknownShape(f"participants {list(numbers)}; want {self._wallet.threshold} of ours, ascending")
        if self._number not in numbers:
            raise UnknownShape(f"we are participant {self._number}; {list(numbers)} sign this message")


class _Reading:
    """Reads one message; used once."""

    def __init__(self, wallet: _Registered, message: WireMessage) -> None:
        self._wallet = wallet
        self._message = message
        self._steps = list(message.instructions)
        self._drawn: set[str] = set()

    def read(self) -> tuple[str, tuple[tuple[Address, Amount], ...]]:
        """Return the nonce account and what is paid."""
        ours, message = self._wallet.address, self._message
        if message.signers != (ours,):
            raise UnknownShape(f"{', '.join(message.signers)} sign and pay; {ours} alone must")
        nonce = self._advance_nonce()
        while self._steps and self._steps[0].content[:4] == _TRANSFER_WITH_SEED:
            self._collect(self._next())
        paid = []
        while self._steps:
            paid.append(self._pay(self._next()))
        if not paid:
            raise UnknownShape("the transaction pays nobody")
        places = {to.text for to, _ in paid}
        if places & {ours, nonce, *self._drawn, *self._wallet.nonces}:
            raise UnknownShape("a payment to an account of the wallet itself")
        if message.writable != {ours, nonce} | self._drawn | places:
            raise UnknownShape("an account is writable that need not be, or the reverse")
        return nonce, tuple(paid)

    def _advance_nonce(self) -> str:
        step = self._next()
        nonce, *others = step.accounts
        known = nonce in self._wallet.nonces and others == [BLOCKHASHES, self._wallet.address]
        if step.content != _ADVANCE_NONCE or not known:
            raise UnknownShape("the first instruction does not advance a nonce of this wallet")
        return nonce

    def _collect(self, step: WireInstruction) -> None:
        ours, seed = self._wallet.address, step.content[20:-32]
        lengths = 0 < len(seed) <= _MAX_SEED_BYTES and step.content[12:20] == len(seed).to_bytes(8, "little")
        if not lengths or step.content[-32:] != base58.b58decode(SYSTEM):
            raise UnknownShape("not a transfer out of a deposit account")
        source = with_seed_address(ours, seed, SYSTEM)
        if step.accounts != (source, ours, ours) or source in self._drawn or source == ours:
            raise UnknownShape("a deposit account gives to its own group, once")
        self._drawn.add(source)

    def _pay(self, step: WireInstruction) -> tuple[Address, Amount]:
        if step.content[:4] != _TRANSFER or len(step.content) != 12 or len(step.accounts) != 2:
            raise UnknownShape("only transfers of lamports may follow")
        source, to = step.accounts
        units = int.from_bytes(step.content[4:], "little")
        if source != self._wallet.address or units == 0:
            raise UnknownShape(f"{units} lamports leave {source}, the wallet is {self._wallet.address}")
        return Address(self._wallet.chain, to), Amount(units, self._wallet.native)

    def _next(self) -> WireInstruction:
        if not self._steps or self._steps[0].program != SYSTEM or not self._steps[0].accounts:
            raise UnknownShape("an instruction is missing, or not one of the system program")
        return self._steps.pop(0)


def _open(payload: bytes, tag: bytes) -> tuple[tuple[int, ...], tuple[Commitment, ...], bytes]:
    """Take the payload apart: participants, their commitments (none in round one), what follows."""
    head, body = payload[: len(tag) + 2], payload[len(tag) + 2 :]
    if len(head) != len(tag) + 2 or head[: len(tag)] != tag or head[-2] not in (_ROUND_ONE, _ROUND_TWO):
        raise MalformedPayload(f"not a payload of {tag.decode()}")
    size = 1 if head[-2] == _ROUND_ONE else 1 + COMMITMENT_BYTES
    entries = [body[at : at + size] for at in range(0, head[-1] * size, size)]
    if not entries or len(entries[-1]) != size:
        raise MalformedPayload("the payload ends within its participants")
    commitments = tuple(Commitment(entry[0], entry[1:]) for entry in entries) if size > 1 else ()
    return tuple(entry[0] for entry in entries), commitments, body[head[-1] * size :]


def _parse_registration(registration: Mapping[str, object]) -> _Registered:
    stored: dict[str, Any] = dict(registration)
    if stored["family"] != "solana-frost":
        raise InvalidInput(f"a registration of family {stored['family']!r}")
    chain, native = ChainId(stored["chain"]), stored["native"]
    members = list(enumerate(stored["members"], start=1))
    return _Registered(
        id=str(stored["id"]),
        chain=chain,
        threshold=int(stored["threshold"]),
        group=_key(stored["group"]),
        members={number: _key(member["key"]) for number, member in members},
        paths={number: str(member["path"]) for number, member in members},
        nonces=frozenset(stored["nonce_accounts"]),
        native=Asset(native["symbol"], native["decimals"], chain),
        signature_fee=int(stored["lamports_per_signature"]),
    )


def _key(text: str) -> PublicKey:
    return PublicKey(Curve.ED25519, base58.b58decode(text))


def _text(raw: bytes) -> str:
    return str(base58.b58encode(raw), "ascii")
