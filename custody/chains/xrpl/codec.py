"""The XRP Ledger codec: plans, what must be signed, and final bytes; no network, no clock, no secret.

Rules:
    * One payment of XRP a transaction, by a ticket, exact: no paths, no SendMax, no partial payment.
    * LastLedgerSequence is always set: a payment is in a validated ledger by then, or never.
    * The final bytes hold exactly `threshold` signatures, so that nobody can leave one out.

Example:
    plan = codec.plan([intent], reader.spendable(frozenset()), ())
    need = codec.next_need(plan, [])          # MEMBER, the serialised fields, 2 missing
"""

from __future__ import annotations

from collections.abc import Sequence

from custody.chains.port import SignedTx
from custody.chains.xrpl import blob, planfile
from custody.chains.xrpl.address import account_of, parse_place
from custody.chains.xrpl.params import MAX_TAG
from custody.chains.xrpl.state import NoFreeTicket, Slot, SlotKind, XrplPayment, XrplPlan, XrplState
from custody.chains.xrpl.wallet import XrplWallet
from custody.keys import ecdsa
from custody.keys.material import PublicKey, Signature, SigningNeed, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.errors import (
    BadSignature,
    InsufficientFunds,
    InvalidAddress,
    InvalidInput,
    LimitExceeded,
    QuorumNotReached,
    UnknownAsset,
)
from custody.primitives.intent import TransferIntent, TransferSummary


class InvalidTag(InvalidInput):
    """The memo is not a destination tag."""

    code = "invalid_destination_tag"


class XrplCodec:
    """Codec of one wallet; see `custody.chains.port.Codec`."""

    def __init__(self, wallet: XrplWallet) -> None:
        self.wallet = wallet
        self.chain = wallet.params.chain

    def parse_address(self, text: str) -> Address:
        """Check a destination: a classic address that somebody can hold the key of.

        Raises:
            InvalidAddress: It is not; for an X-address the message names address and tag.
        """
        return parse_place(self.chain.id, text)

    def plan(self, intents: Sequence[TransferIntent], spendable: XrplState, members: Sequence[PublicKey]) -> XrplPlan:
        """Build the transaction that does exactly this one intent.

        Args:
            intents: One; a transaction of this ledger pays one destination.
            spendable: From this wallet's reader.
            members: Ignored: the bytes that are signed name no signer.

        Raises:
            InvalidInput: No intent, another asset, a memo that is no destination tag, or the wallet would pay itself.
            InsufficientFunds: Amount and fee pass what is above the reserve.
            LimitExceeded: Several intents, or the fee would pass the caps.
            NoFreeTicket: All tickets are in use.
        """
        del members
        payment = self._payment(intents)
        fee = self._fee(spendable, intents[0].fee_max.units)
        needed = payment.drops + fee
        if needed > spendable.spendable_drops:
            held = spendable.spendable_drops
            raise InsufficientFunds(f"{self.wallet.id}: {held} of {needed} drops", asked=needed, held=held)
        if not spendable.tickets:
            raise NoFreeTicket(f"{self.wallet.id}: no free ticket", wallet=self.wallet.id)
        slot = Slot(self.wallet.account, SlotKind.TICKET, spendable.tickets[0])
        return XrplPlan(self.wallet.id, slot, self._last_ledger(spendable), fee, payment)

    def plan_tickets(self, spendable: XrplState, count: int) -> XrplPlan:
        """Build a TicketCreate; it pays nobody and takes the account's sequence.

        Args:
            spendable: From this wallet's reader.
            count: Tickets to make, above 0; together with those held at most the wallet's stock.

        Raises:
            LimitExceeded: More than the stock, or the fee would pass the cap.
            InsufficientFunds: Fee and the new reserve pass what can be spent.
        """
        stock = self.wallet.ticket_stock
        if not 0 < count <= stock - spendable.held_tickets:
            raise LimitExceeded(f"{self.wallet.id}: {count} more tickets, stock {stock}", asked=count, limit=stock)
        fee = self._fee(spendable, self.wallet.params.max_fee_drops)
        needed, held = fee + count * spendable.ticket_reserve_drops, spendable.spendable_drops
        if needed > held:
            raise InsufficientFunds(f"{self.wallet.id}: {held} of {needed} drops for tickets", asked=needed, held=held)
        slot = Slot(self.wallet.account, SlotKind.SEQUENCE, spendable.sequence)
        return XrplPlan(self.wallet.id, slot, self._last_ledger(spendable), fee, None, count)

    def bump(self, tx: XrplPlan, spendable: XrplState, intents: Sequence[TransferIntent]) -> None:
        """No replacement: the bytes expire within minutes."""
        del tx, spendable, intents

    def summarize(self, tx: XrplPlan) -> TransferSummary:
        """Say what a person must see."""
        native = self.wallet.params.native
        paid = tx.payment
        to = ((Address(self.chain.id, paid.to), Amount(paid.drops, native)),) if paid else ()
        tags = ("" if paid.tag is None else str(paid.tag),) if paid else ()
        return TransferSummary(to, (), Amount(tx.fee_drops, native), tags)

    def reservations(self, tx: XrplPlan) -> tuple[str, ...]:
        """The conflict key, the ticket, and what is taken from the account."""
        return tx.reservations()

    def next_need(self, tx: XrplPlan, signatures: Sequence[Signature]) -> SigningNeed | None:
        """Ask for members' signatures until there are `threshold` of them."""
        missing = self.wallet.threshold - len({signature.key for signature in signatures})
        if missing <= 0:
            return None
        return SigningNeed(SigningRole.MEMBER, blob.unsigned_bytes(self.wallet, tx), missing)

    def assemble(self, tx: XrplPlan, signatures: Sequence[Signature]) -> SignedTx:
        """Verify every signature and order exactly `threshold` of them by account id.

        Raises:
            BadSignature: One does not verify, or is of no member.
            QuorumNotReached: Fewer than the threshold.
        """
        body = blob.unsigned_bytes(self.wallet, tx)
        members = {member.key for member in self.wallet.members}
        given: dict[bytes, tuple[bytes, bytes]] = {}
        for signature in signatures:
            if signature.key not in members:
                raise BadSignature(f"{signature.key.raw.hex()} is no member of {self.wallet.id}")
            account = account_of(signature.key)
            ecdsa.verify_der(signature.key, blob.member_digest(body, account), signature.value)
            given[account] = (signature.key.raw, signature.value)
        missing = self.wallet.threshold - len(given)
        if missing > 0:
            raise QuorumNotReached(f"{self.wallet.id}: {missing} signatures missing", missing=missing)
        chosen = {account: given[account] for account in sorted(given)[: self.wallet.threshold]}
        raw = blob.signed_blob(blob.fields_of(self.wallet, tx), chosen)
        return SignedTx(blob.txid_of(raw), raw, tx.key, Amount(tx.fee_drops, self.wallet.params.native))

    def encode(self, tx: XrplPlan) -> bytes:
        """Serialise a plan to canonical JSON."""
        return planfile.encode_plan(tx)

    def decode(self, raw: bytes) -> XrplPlan:
        """Inverse of `encode`, for plans of this wallet.

        Raises:
            MalformedPayload: Not such bytes, or a plan of another wallet.
        """
        return planfile.decode_plan(self.wallet, raw)

    def _payment(self, intents: Sequence[TransferIntent]) -> XrplPayment:
        if not intents:
            raise InvalidInput(f"{self.wallet.id}: a plan without intent")
        if len(intents) > 1:
            raise LimitExceeded(f"{self.wallet.id}: one payment a transaction", asked=len(intents), limit=1)
        intent = intents[0]
        if intent.amount.asset != self.wallet.params.native:
            raise UnknownAsset(f"wallet {self.wallet.id} does not hold {intent.amount.asset.key}")
        if intent.to == self.wallet.address:
            raise InvalidAddress(f"{intent.withdrawal_id}: the account would pay itself", to=intent.to.text)
        return XrplPayment(self.parse_address(intent.to.text).text, intent.amount.units, parse_tag(intent.memo))

    def _fee(self, spendable: XrplState, fee_max: int) -> int:
        fee = spendable.fee_drops * (1 + self.wallet.threshold)
        cap = min(fee_max, self.wallet.params.max_fee_drops)
        if not 0 < fee <= cap:
            raise LimitExceeded(f"fee of {fee} drops, cap {cap}", asked=fee, limit=cap)
        return fee

    def _last_ledger(self, spendable: XrplState) -> int:
        return spendable.ledger + self.wallet.params.life_ledgers


def parse_tag(memo: str) -> int | None:
    """Read a destination tag from a memo; None if there is none.

    Raises:
        InvalidTag: Not a whole number below 2**32 in plain decimal.
    """
    if not memo:
        return None
    if not (memo.isascii() and memo.isdecimal() and len(memo) <= 10 and str(int(memo)) == memo):
        raise InvalidTag(f"{memo[:40]!r} is not a destination tag: plain digits, no leading zero", memo=memo[:40])
    tag = int(memo)
    if tag > MAX_TAG:
        raise InvalidTag(f"destination tag {tag} is above {MAX_TAG}", memo=memo)
    return tag
