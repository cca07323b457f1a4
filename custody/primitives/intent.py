"""What was asked (`TransferIntent`), its hash, and what a plan does (`TransferSummary`).

Rules:
    * The intent hash binds everything a person decides about; decision, approvals, signers and
      receipts all cite it, and any change makes another hash.
    * Nothing that goes into the hash comes from the network afterwards.
    * A summary is what a person must see of an unsigned transaction, from a decoder, not a builder.

Example:
    See tests/vectors/intent.json for the published vectors of the encoding.
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.encoding import digest
from custody.primitives.errors import AssetMismatch, InvalidInput
from custody.primitives.ids import Digest, WithdrawalId
from custody.primitives.invariant import invariant

INTENT_TAG = "mext/intent/1"
MAX_MEMO_BYTES = 256


@dataclass(frozen=True, slots=True)
class TransferIntent:
    """One transfer that someone asked for.

    Attributes:
        withdrawal_id: The request it belongs to; unique for ever.
        to: Destination, checked by the chain's codec.
        amount: What the destination receives, above zero.
        fee_max: Most the chain may take, in the native asset of the chain.
        memo: Memo or destination tag; empty for none.
        policy_version: Version of the policy the decision is made under; from 1.
        salt: 16 bytes hex, chosen at the request, so that equal requests differ.
        expires_at_s: No signature at or after this time, in seconds since 1970 UTC.
    """

    withdrawal_id: WithdrawalId
    to: Address
    amount: Amount
    fee_max: Amount
    memo: str
    policy_version: int
    salt: str
    expires_at_s: int

    def __post_init__(self) -> None:
        self.amount.positive()
        if not self.withdrawal_id:
            raise InvalidInput("intent without a withdrawal id")
        if self.fee_max.units < 0 or self.policy_version < 1 or self.expires_at_s <= 0:
            raise InvalidInput(f"intent {self.withdrawal_id}: fee, policy version and expiry must be positive")
        if len(self.memo.encode()) > MAX_MEMO_BYTES:
            raise InvalidInput(f"intent {self.withdrawal_id}: memo longer than {MAX_MEMO_BYTES} bytes")
        if not (self.to.chain == self.amount.asset.chain == self.fee_max.asset.chain):
            raise AssetMismatch(f"intent {self.withdrawal_id}: destination, amount and fee are of different chains")
        if self.fee_max.asset.contract is not None:
            raise AssetMismatch(f"intent {self.withdrawal_id}: the fee is paid in the chain's native coin")


def intent_hash(intent: TransferIntent) -> Digest:
    """Hash an intent.

    Returns:
        32 bytes: SHA-256 over tag, chain, asset key, destination, memo, amount, fee cap,
        withdrawal id, policy version, salt, expiry, in the encoding of `primitives.encoding`.
    """
    return digest(
        INTENT_TAG,
        intent.to.chain,
        intent.amount.asset.key,
        intent.to.text,
        intent.memo,
        intent.amount.units,
        intent.fee_max.units,
        intent.withdrawal_id,
        intent.policy_version,
        intent.salt,
        intent.expires_at_s,
    )


@dataclass(frozen=True, slots=True)
class TransferSummary:
    """What an unsigned transaction does, for people and for comparison with intents.

    Attributes:
        to: Every payment to a foreign place, in the order of the transaction.
        change: What returns to our own wallet.
        fee: What the chain takes at most, in the native asset.
        memos: Tag or memo of each payment, in the order of `to`; empty where the family carries none.
    """

    to: tuple[tuple[Address, Amount], ...]
    change: tuple[tuple[Address, Amount], ...]
    fee: Amount
    memos: tuple[str, ...] = ()

    def payments(self) -> tuple[tuple[Address, Amount, str], ...]:
        """Every payment with its memo, "" where it carries none.

        Raises:
            InvariantBroken: Some payments have a memo named and others not.
        """
        memos = self.memos or ("",) * len(self.to)
        invariant(len(memos) == len(self.to), "a summary names the memo of every payment, or of none")
        return tuple((to, amount, memo) for (to, amount), memo in zip(self.to, memos, strict=True))
