"""The Tron codec: from one intent to one payment, signed by a quorum of members.

Rules:
    * One payment a transaction: the network allows one contract in it.
    * Reference block, expiration and time come from the reader's head, once, when the plan is made; they are
      in the plan's bytes and never asked again.
    * Two equal payments planned at the same head differ by their timestamp, which follows from the intent;
      should they ever be equal, their conflict keys are, and the second waits.
    * The fee is the most that the pinned prices can come to; a contract call's energy is bounded by its own field.

Example:
    plan = codec.plan([intent], reader.spendable(frozenset()), members=[])
    need = codec.next_need(plan, ())       # role MEMBER, threshold signatures missing
"""

from __future__ import annotations

from collections.abc import Sequence

from custody.chains.port import SignedTx
from custody.chains.tron import plan as plans
from custody.chains.tron.address import parse_destination
from custody.chains.tron.params import ACTIVE_PERMISSION_ID
from custody.chains.tron.plan import Moment, TronPlan, TronState
from custody.chains.tron.rawtx import RawPayment, Window, bandwidth_bytes, signed_bytes, txid_of
from custody.chains.tron.wallet import TronWallet
from custody.keys.ecdsa import verify_recoverable
from custody.keys.material import PublicKey, Signature, SigningNeed, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.encoding import encode
from custody.primitives.errors import (
    AssetMismatch,
    BadSignature,
    InsufficientFunds,
    InvalidAddress,
    InvalidInput,
    LimitExceeded,
    MalformedPayload,
    QuorumNotReached,
    WrongNetwork,
)
from custody.primitives.ids import TxId
from custody.primitives.intent import TransferIntent, TransferSummary, intent_hash

PAYMENT_TAG = "mext/tron-payment/1"
TIMESTAMP_SPREAD_MS = 60_000
"""Timestamps lie within a minute before the head's time."""


class TronCodec:
    """All that works without a network, for one account."""

    def __init__(self, wallet: TronWallet) -> None:
        self.wallet = wallet
        self.chain = wallet.params.chain
        self._unpayable = {wallet.address.text, *(token.contract for token in wallet.tokens)}
        self._member_keys = {member.key for member in wallet.members}

    def parse_address(self, text: str) -> Address:
        """Check a destination; see `address.parse_destination`."""
        return Address(self.chain.id, parse_destination(text))

    def plan(
        self, intents: Sequence[TransferIntent], spendable: TronState, members: Sequence[PublicKey] = ()
    ) -> TronPlan:
        """Build the payment of one intent.

        Args:
            intents: Exactly one.
            spendable: From `TronReader`.
            members: Ignored: any threshold of members may sign.

        Raises:
            InvalidInput: No intent, or one with a memo.
            InvalidAddress, WrongNetwork: A destination that cannot be paid.
            UnknownAsset, AssetMismatch: A token that is not listed, or listed otherwise.
            LimitExceeded: Several intents, or the fee would pass the cap.
            InsufficientFunds: The account cannot pay amount and fee.
        """
        del members
        if not intents:
            raise InvalidInput(f"{self.wallet.id}: no intent to plan")
        if len(intents) > 1:
            raise LimitExceeded(f"{self.wallet.id}: {len(intents)} intents; a Tron transaction pays one", limit=1)
        intent = intents[0]
        asset = self.wallet.asset_of(intent.amount.asset.contract)
        self._require_payable(intent)
        if asset != intent.amount.asset or intent.fee_max.asset != self.wallet.params.native:
            raise AssetMismatch(f"{intent.withdrawal_id}: {intent.amount.asset.key} is not the asset the wallet knows")
        plan = TronPlan(
            RawPayment(
                owner=self.wallet.address.text,
                to=intent.to.text,
                units=intent.amount.units,
                contract=asset.contract,
                permission_id=ACTIVE_PERMISSION_ID,
                fee_limit_sun=self.wallet.params.prices.fee_limit if asset.contract else 0,
                window=self._window(spendable.moment, intent),
            ),
            asset,
        )
        self._require_funds(plan, intent, spendable)
        return plan

    def bump(self, tx: TronPlan, spendable: TronState, intents: Sequence[TransferIntent]) -> None:
        """No replacement: a second transaction would not replace the first, it would pay again."""
        del tx, spendable, intents

    def summarize(self, tx: TronPlan) -> TransferSummary:
        """Say what a person must see: the payment, and the most the chain can take."""
        paid = Address(self.chain.id, tx.payment.to), Amount(tx.payment.units, tx.asset)
        return TransferSummary((paid,), (), self.fee(tx))

    def fee(self, tx: TronPlan) -> Amount:
        """Bandwidth for all bytes, the surcharge for several signatures, and opening the destination or energy."""
        prices = self.wallet.params.prices
        sun = bandwidth_bytes(tx.raw, self.wallet.threshold) * prices.per_byte + prices.multisign
        sun += prices.activation if tx.payment.contract is None else tx.payment.fee_limit_sun
        return Amount(sun, self.wallet.params.native)

    def reservations(self, tx: TronPlan) -> tuple[str, ...]:
        """The attempt's own id with its validity, and what it takes of the balances."""
        return plans.reservations(tx, self.fee(tx))

    def next_need(self, tx: TronPlan, signatures: Sequence[Signature]) -> SigningNeed | None:
        """What members must sign; signatures that do not verify do not count."""
        missing = self.wallet.threshold - len(self._valid(tx, signatures))
        if missing <= 0:
            return None
        return SigningNeed(SigningRole.MEMBER, encode(PAYMENT_TAG, tx.raw), missing)

    def assemble(self, tx: TronPlan, signatures: Sequence[Signature]) -> SignedTx:
        """Verify every signature and put the transaction together, with exactly a quorum of them.

        Raises:
            BadSignature: One does not verify, or is by a key that is no member.
            QuorumNotReached: Fewer than the threshold.
        """
        raw = tx.raw
        for signature in signatures:
            if signature.key not in self._member_keys:
                raise BadSignature(f"key {signature.key.raw.hex()} is no member of wallet {self.wallet.id}")
            verify_recoverable(signature.key, bytes.fromhex(txid_of(raw)), signature.value)
        valid = self._valid(tx, signatures)
        threshold = self.wallet.threshold
        if len(valid) < threshold:
            raise QuorumNotReached(
                f"{len(valid)} of {threshold} member signatures", signed=len(valid), threshold=threshold
            )
        return SignedTx(TxId(tx.txid), signed_bytes(raw, list(valid.values())), tx.conflict_key, self.fee(tx))

    def encode(self, tx: TronPlan) -> bytes:
        """Serialise for storage."""
        return plans.encode_plan(self.wallet.id, tx)

    def decode(self, raw: bytes) -> TronPlan:
        """Inverse of `encode`.

        Raises:
            MalformedPayload: Not such bytes, or a plan of another wallet or account.
            UnknownAsset: A token that is not listed.
        """
        wallet_id, owner, to, contract, units, fee_limit, reference, *window = plans.decode_fields(raw)
        if (wallet_id, owner) != (self.wallet.id, self.wallet.address.text):
            raise MalformedPayload(f"not a plan of wallet {self.wallet.id}")
        asset = self.wallet.asset_of(contract or None)
        times = tuple(plans.decode_number(text) for text in window)
        payment = RawPayment(
            owner=owner,
            to=parse_destination(to),
            units=plans.decode_number(units),
            contract=asset.contract,
            permission_id=ACTIVE_PERMISSION_ID,
            fee_limit_sun=plans.decode_number(fee_limit),
            window=Window(*plans.decode_reference(reference), *times),
        )
        return TronPlan(payment, asset)

    def _window(self, moment: Moment, intent: TransferIntent) -> Window:
        spread = int.from_bytes(intent_hash(intent)[:8], "big") % TIMESTAMP_SPREAD_MS
        expiration_ms = moment.head_ms + self.wallet.params.expires_after_ms
        return Window(moment.ref_block_bytes, moment.ref_block_hash, expiration_ms, moment.head_ms - spread)

    def _require_payable(self, intent: TransferIntent) -> None:
        if intent.to.chain != self.chain.id:
            raise WrongNetwork(f"{intent.withdrawal_id}: {intent.to.chain} is not {self.chain.id}")
        if intent.memo:
            raise InvalidInput(f"{intent.withdrawal_id}: Tron payments carry no memo here", memo=intent.memo)
        if parse_destination(intent.to.text) in self._unpayable:
            raise InvalidAddress(f"{intent.withdrawal_id}: {intent.to} is the wallet itself or a token's contract")

    def _require_funds(self, plan: TronPlan, intent: TransferIntent, state: TronState) -> None:
        fee, native = self.fee(plan), self.wallet.params.native
        if fee.units > intent.fee_max.units:
            raise LimitExceeded(
                f"{self.chain.id}: the fee may be {fee.units} sun, the cap is {intent.fee_max.units}",
                asked=fee.units,
                limit=intent.fee_max.units,
            )
        needed = {native.key: fee.units}
        needed[plan.asset.key] = needed.get(plan.asset.key, 0) + plan.payment.units
        for key, units in needed.items():
            held = state.balances.get(key, 0)
            if units > held:
                raise InsufficientFunds(f"{self.wallet.id}: {key}: needs {units}, holds {held}", asset=key)

    def _valid(self, tx: TronPlan, signatures: Sequence[Signature]) -> dict[PublicKey, bytes]:
        # The first `threshold` in the given order: more would cost bandwidth, and the network counts them.
        digest = bytes.fromhex(tx.txid)
        chosen: dict[PublicKey, bytes] = {}
        for signature in signatures:
            if signature.key not in self._member_keys or len(chosen) == self.wallet.threshold:
                continue
            try:
                verify_recoverable(signature.key, digest, signature.value)
            except BadSignature:
                continue
            chosen.setdefault(signature.key, signature.value)
        return chosen
