"""The chain port, cut where the network cable is.

Rules:
    * A `Codec` works with the cable unplugged: no clock, no network, no secret.
    * A `Reader` asks a node and decides nothing; a `Broadcaster` sends bytes that are already stored.
    * Both are bound to one wallet when they are made. Only `exchange.app` makes them.
    * The same plan inputs give the same bytes: a crash before the first signature is repeated, not guessed.

Example:
    tx = codec.plan(intents, reader.spendable(reserved), members)
    while (need := codec.next_need(tx, signatures)) is not None: ...   # ask the signers
    signed = codec.assemble(tx, signatures)                            # store these bytes, then send
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from custody.keys.material import PublicKey, Signature, SigningNeed
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef, Chain, Finality
from custody.primitives.errors import Unavailable
from custody.primitives.ids import TxId
from custody.primitives.intent import TransferIntent, TransferSummary

In = TypeVar("In", contravariant=True)  # what a plan spends
Out = TypeVar("Out", covariant=True)  # the same, as a reader returns it
U = TypeVar("U")  # the family's unsigned transaction
Tx = TypeVar("Tx", contravariant=True)  # the same, as a trial takes it


class TrialUnclear(Unavailable):
    """A node does not say how a trial of a payment went: nothing is concluded."""

    code = "trial_unclear"


class WalletBusy(Unavailable):
    """A wallet has as many payments on their way as it can: whatever is asked of it next waits like the one before."""

    code = "wallet_busy"


@dataclass(frozen=True, slots=True)
class SignedTx:
    """Complete bytes, ready to be stored and then sent.

    Attributes:
        txid: Known before the first send.
        raw: The bytes a node accepts.
        conflict_key: At most one transaction consuming this key can ever confirm.
        fee_max: Most the chain can take for it, in the native asset.
    """

    txid: TxId
    raw: bytes
    conflict_key: str
    fee_max: Amount


@dataclass(frozen=True, slots=True)
class SeenDeposit:
    """One payment to a watched address, in one block.

    Attributes:
        txid, index: With the network, the identity of the credit; index = vout, or log index, or position.
        to: The watched address that gained.
        amount: What it really gained.
        block: Where it was seen.
        memo: Tag or memo the sender wrote, where the chain has one; names the customer of a shared address.
        senders: Addresses the coins came from, as far as the chain tells, for screening; each text once.
    """

    txid: TxId
    index: int
    to: Address
    amount: Amount
    block: BlockRef
    memo: str = ""
    senders: tuple[str, ...] = ()


class Codec(Protocol[In, U]):
    """All that works without a network, for one wallet on one chain."""

    chain: Chain

    def parse_address(self, text: str) -> Address:
        """Check a destination.

        Raises:
            InvalidAddress: Malformed, or refused by policy of the family.
            WrongNetwork: Well-formed, but of another network.
        """
        ...

    def plan(self, intents: Sequence[TransferIntent], spendable: In, members: Sequence[PublicKey]) -> U:
        """Build the one unsigned transaction that does exactly these intents.

        Args:
            intents: At least one; fees stay within the sum of their `fee_max`.
            spendable: From this chain's reader.
            members: The keys expected to sign, exactly as many as the threshold. Families that fix
                the signer set in the message need it; the others ignore it.

        Raises:
            InsufficientFunds: The wallet cannot pay amounts and fee.
            LimitExceeded: The fee would pass the cap.
        """
        ...

    def bump(self, tx: U, spendable: In, intents: Sequence[TransferIntent]) -> U | None:
        """Plan the same payments on the same conflict key, at a fee that replaces `tx` in a node's pool.

        Args:
            tx: The plan whose bytes wait too long.
            spendable: From this chain's reader now, the payment's own resources included.
            intents: What `tx` pays, in its order; the new fee stays within the sum of their `fee_max`.

        Returns:
            The other plan, which consumes the conflict key of `tx` and so dies with it; or None: the family has no
            replacement (its bytes expire, or a durable nonce keeps them valid), or the next step would pass the caps.
        """
        ...

    def summarize(self, tx: U) -> TransferSummary:
        """Say what a person must see."""
        ...

    def reservations(self, tx: U) -> tuple[str, ...]:
        """Name every resource the transaction consumes; the first is its conflict key."""
        ...

    def next_need(self, tx: U, signatures: Sequence[Signature]) -> SigningNeed | None:
        """Tell what must be signed next; None when `assemble` will succeed."""
        ...

    def assemble(self, tx: U, signatures: Sequence[Signature]) -> SignedTx:
        """Verify every signature and put the final bytes together.

        Raises:
            BadSignature: One does not verify.
            QuorumNotReached: Fewer than the threshold.
        """
        ...

    def encode(self, tx: U) -> bytes:
        """Serialise an unsigned transaction for storage."""
        ...

    def decode(self, raw: bytes) -> U:
        """Inverse of `encode`.

        Raises:
            MalformedPayload: Not such bytes.
        """
        ...


class Reader(Protocol[Out]):
    """All that must ask a node, for one wallet on one chain. Every method may raise NodeUnavailable."""

    chain: Chain

    def tip(self) -> BlockRef:
        """The newest block."""
        ...

    def block_at(self, height: int) -> BlockRef:
        """The block of the main chain at this height."""
        ...

    def balance(self, address: Address, asset: Asset, at: BlockRef | None = None) -> Amount:
        """Confirmed balance of an address, at the tip or as of a block where the node can tell."""
        ...

    def spendable(self, reserved: Set[str]) -> Out:
        """What the wallet can spend now, leaving out resources that are reserved."""
        ...

    def deposits(self, watched: Set[str], block: BlockRef) -> Sequence[SeenDeposit]:
        """All payments in this block to the watched addresses (canonical text form)."""
        ...

    def finality(self, txid: TxId, conflict_key: str) -> Finality:
        """What the chain says of an attempt now."""
        ...


@runtime_checkable
class Recogniser(Protocol):
    """A reader that knows a payment by its content, for chains where ids can be changed on the way."""

    def finality_of(self, signed: SignedTx) -> Finality:
        """What the chain says of these bytes now, whatever id they were mined under."""
        ...


def finality_of(reader: Reader[Any], signed: SignedTx) -> Finality:
    """Ask a reader about stored bytes, by their content where it can tell.

    Raises:
        NodeUnavailable: No answer.
    """
    if isinstance(reader, Recogniser):
        return reader.finality_of(signed)
    return reader.finality(signed.txid, signed.conflict_key)


class Destinations(Protocol):
    """What a chain says of a destination; only families whose addresses may be dead ends have one."""

    def verify_destination(self, to: Address, amount: Amount, memo: str) -> None:
        """Refuse what the chain would not deliver, or what nobody could move afterwards.

        Args:
            to: Checked by the codec.
            amount: What would arrive.
            memo: Memo or destination tag; empty for none.

        Raises:
            Refused: The destination does not take it, or it would be stuck there.
            InvalidInput: A memo that the chain cannot carry.
            NodeUnavailable: No answer: nothing is known.
        """
        ...


class Trial(Protocol[Tx]):
    """Tries payments out before anyone signs, where a destination can refuse one; for one wallet on one chain."""

    def refusal(self, tx: Tx) -> str:
        """Say why the chain would refuse this plan now; "" if it would not.

        Raises:
            TrialUnclear: The node answers, and does not say how it went.
            NodeUnavailable: No answer; nothing is known.
        """
        ...


class Broadcaster(Protocol):
    """Sends stored bytes."""

    def broadcast(self, tx: SignedTx) -> TxId:
        """Hand the bytes to a node. The same bytes again are safe: "already known" is success.

        Raises:
            Refused: The node rejects these bytes for good (its text in the message).
            NodeUnavailable: No answer; whether it was relayed is unknown.
        """
        ...
