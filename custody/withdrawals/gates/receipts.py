"""The receipt of a withdrawal's nine gates: numbered, chained by hash, signed with the service's receipt key.

Rules:
    * A receipt names the withdrawal, its intent, the policy version, and per gate that it was open, when, and the hash
      of the evidence. It is written in the transaction that lets signers be asked.
    * Each covers the hash of the one before: one that is cut out, edited, moved or forged is named by its number. A
      tail that is cut off shows against a head that was kept elsewhere.
    * `verify_receipts` needs the public key and nothing else.

Example:
    receipt = seal(draft, 1, START, key)
    verify_receipts([receipt], public_key)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from custody.keys import ed25519
from custody.keys.material import PublicKey
from custody.primitives.encoding import digest, encode
from custody.primitives.errors import BadSignature, VerificationFailed
from custody.primitives.ids import Digest, WithdrawalId
from custody.primitives.secret import Secret
from custody.withdrawals.gates.evidence import LAYERS
from custody.withdrawals.gates.judging import GateResult

RECEIPT_TAG = "mext/receipt/1"
LINK_TAG = "mext/receipt-link/1"


class ReceiptBroken(VerificationFailed):
    """A receipt was changed, moved, removed or forged; the message names its number."""

    code = "receipt_broken"


@dataclass(frozen=True, slots=True)
class ReceiptDraft:
    """What a receipt will say, before it has its place in the chain.

    Attributes:
        withdrawal_id: Which request.
        intent_hash: What signers are asked to pay, 32 bytes.
        policy_version: Under which policy it was decided.
        gates: What each gate said, in the order of the layers; all of them open.
    """

    withdrawal_id: WithdrawalId
    intent_hash: Digest
    policy_version: int
    gates: tuple[GateResult, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain of receipts ends: number of the last one, and its hash; 0 and zeros before the first."""

    number: int
    hash: Digest


START = Head(0, Digest(bytes(32)))


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt in its place.

    Attributes:
        number: From 1, without gaps.
        draft: What it says.
        previous: Hash of the receipt before, 32 bytes; zeros for the first.
        signature: Ed25519 over `message`, 64 bytes.
    """

    number: int
    draft: ReceiptDraft
    previous: Digest
    signature: bytes

    @property
    def message(self) -> bytes:
        """The bytes that are signed: everything but the evidence itself, which stands there by its hash."""
        return _message(self.number, self.draft, self.previous)

    @property
    def head(self) -> Head:
        """The end of the chain behind this receipt."""
        return Head(self.number, digest(LINK_TAG, self.message))


def seal(draft: ReceiptDraft, before: Head, key: Secret) -> Receipt:
    """Give a receipt its place and sign it.

    Args:
        draft: What it says.
        before: Where the chain ends now.
        key: Ed25519 seed of the receipt key, 32 bytes.
    """
    number = before.number + 1
    signature = ed25519.sign(key, _message(number, draft, before.hash))
    return Receipt(number, draft, before.hash, signature)


def verify_receipts(receipts: Iterable[Receipt], key: PublicKey, kept: Head | None = None) -> Head:
    """Check a whole chain, from the first receipt on.

    Args:
        receipts: In the order in which they are found.
        key: The receipt key of the service.
        kept: A head that was kept elsewhere; the chain must contain it.

    Returns:
        Where the chain ends.

    Raises:
        ReceiptBroken: The first receipt that does not fit, by its number.
    """
    head, met = START, kept is None or kept == START
    for receipt in receipts:
        head = _verified(receipt, head, key)
        if kept is not None and head.number == kept.number:
            if head != kept:
                raise ReceiptBroken(f"receipt {head.number} is not the one that was kept elsewhere", number=head.number)
            met = True
    if not met and kept is not None:
        first = head.number + 1
        raise ReceiptBroken(f"receipt {first} is missing: {kept.number} were kept elsewhere", number=first)
    return head


def _verified(receipt: Receipt, before: Head, key: PublicKey) -> Head:
    expected = before.number + 1
    if receipt.number != expected:
        what = "is missing" if receipt.number > expected else f"is not in its place: {receipt.number} stands there"
        raise ReceiptBroken(f"receipt {expected} {what}", number=expected)
    if receipt.previous != before.hash:
        raise ReceiptBroken(f"receipt {expected} does not follow the one before it", number=expected)
    try:
        ed25519.verify(key, receipt.message, receipt.signature)
    except BadSignature as error:
        raise ReceiptBroken(f"receipt {expected} is not signed by the receipt key", number=expected) from error
    layers = tuple(gate.layer for gate in receipt.draft.gates)
    if layers != LAYERS or not all(gate.ok for gate in receipt.draft.gates):
        raise ReceiptBroken(f"receipt {expected} does not show nine open gates", number=expected)
    return receipt.head


def _message(number: int, draft: ReceiptDraft, previous: Digest) -> bytes:
    gates: list[bytes | str | int] = []
    for gate in draft.gates:
        gates += [gate.layer.value, int(gate.ok), gate.evidence_hash, gate.at_ms]
    return encode(RECEIPT_TAG, number, draft.withdrawal_id, draft.intent_hash, draft.policy_version, previous, *gates)
