"""The Solana codec: plans, what must be signed, and final bytes; no network, no clock, no secret.

Rules:
    * One asset a transaction. The fee, with rent that does not come back, stays within the caps.
    * Everybody signs the same message: the members first, the fee payer last.
    * A destination where money would be stuck for ever is refused before anything is built.

Example:
    plan = codec.plan([intent], reader.spendable(frozenset()), members[:2])
    need = codec.next_need(plan, [])          # MEMBER, the message, 2 missing
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from custody.chains.port import SignedTx
from custody.chains.solana import message, planfile, selection
from custody.chains.solana.derivation import associated_token_account
from custody.chains.solana.keytext import key_text
from custody.chains.solana.params import MAX_TRANSACTION_BYTES
from custody.chains.solana.places import parse_place, refuse_dead_end
from custody.chains.solana.state import NoFreeNonce, Route, SplPayment, SplPlan, SplState
from custody.chains.solana.wallet import SplWallet
from custody.keys import ed25519
from custody.keys.material import PublicKey, Signature, SigningNeed, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.errors import BadSignature, InvalidInput, LimitExceeded, QuorumNotReached
from custody.primitives.ids import TxId
from custody.primitives.intent import TransferIntent, TransferSummary, intent_hash
from custody.primitives.invariant import invariant

_SCRATCH_SEED_CHARS = 32  # the longest a seed may be
_SCRATCH_SEED_MARK = "x"


class SplCodec:
    """Codec of one wallet; see `custody.chains.port.Codec`."""

    def __init__(self, wallet: SplWallet) -> None:
        self.wallet = wallet
        self.chain = wallet.params.chain

    def parse_address(self, text: str) -> Address:
        """Check a destination: 32 bytes in base58, none of the programs, system variables or mints.

        Raises:
            InvalidAddress: It is not.
        """
        return parse_place(self.wallet, text)

    def plan(self, intents: Sequence[TransferIntent], spendable: SplState, members: Sequence[PublicKey]) -> SplPlan:
        """Build the transaction that does exactly these intents, all of one asset.

        Raises:
            InvalidInput: No intent, several assets, or members that are not `threshold` of ours.
            InsufficientFunds: Sources or fee payer do not hold enough.
            LimitExceeded: The fee would pass the caps, or the transaction the network's size.
            Refused: A destination is a dead end, or gets less than an account must hold.
            NoFreeNonce: All nonces are in use.
        """
        asset = self._one_asset(intents)
        route = self._route(intents, asset)
        signers = self._signing_members(members)
        if not spendable.nonces:
            raise NoFreeNonce(f"{self.wallet.id}: no free durable nonce", wallet=self.wallet.id)
        payments = tuple(SplPayment(intent.to.text, intent.amount.units) for intent in intents)
        nonce = spendable.nonces[0]
        plan = SplPlan(
            wallet_id=self.wallet.id,
            nonce=nonce,
            members=signers,
            asset=asset,
            route=route,
            draws=selection.choose_draws(self.wallet, spendable, (asset, payments)),
            payments=payments,
            scratch_seed=_scratch_seed(nonce.value, intents) if route is Route.UNWRAP else "",
        )
        self._verify_costs(plan, intents, spendable)
        return plan

    def bump(self, tx: SplPlan, spendable: SplState, intents: Sequence[TransferIntent]) -> None:
        """No replacement: the durable nonce keeps the bytes valid until they are executed."""
        del tx, spendable, intents

    def summarize(self, tx: SplPlan) -> TransferSummary:
        """Say what a person must see: payments, and the most the chain takes."""
        paid = ((Address(self.chain.id, p.to), Amount(p.units, tx.asset)) for p in tx.payments)
        return TransferSummary(tuple(paid), (), self.fee(tx))

    def fee(self, tx: SplPlan) -> Amount:
        """Base fee of all signatures, and the rent of token accounts that may have to be opened.

        The destination's token account may exist already; then the chain takes less.
        """
        lamports = self.wallet.params.lamports_per_signature * (1 + len(tx.members))
        if tx.route is Route.TOKEN:
            mint = self.wallet.mint(tx.asset)
            opened = {associated_token_account(payment.to, mint) for payment in tx.payments}
            lamports += len(opened) * self.wallet.params.token_account_rent
        return Amount(lamports, self.wallet.params.native)

    def reservations(self, tx: SplPlan) -> tuple[str, ...]:
        """The nonce value, what is taken from each token account, and what the fee payer pays and lends."""
        carried = self.fee(tx).units + selection.lent_lamports(self.wallet, tx.route)
        return tx.reservations((self.wallet.fee_payer, carried))

    def next_need(self, tx: SplPlan, signatures: Sequence[Signature]) -> SigningNeed | None:
        """Ask for the members' signatures first, then for the fee payer's, over the same message."""
        payload = message.message_bytes(self.wallet, tx)
        signed = {key_text(signature.key.raw) for signature in signatures}
        missing = [member for member in tx.members if member not in signed]
        if missing:
            return SigningNeed(SigningRole.MEMBER, payload, len(missing))
        if self.wallet.fee_payer not in signed:
            return SigningNeed(SigningRole.SENDER, payload, 1)
        return None

    def assemble(self, tx: SplPlan, signatures: Sequence[Signature]) -> SignedTx:
        """Verify every signature and order them by the message's signing keys.

        Raises:
            BadSignature: One does not verify, or is of a key that has no place in this message.
            QuorumNotReached: A signing key of the message is without signature.
        """
        payload = message.message_bytes(self.wallet, tx)
        order = message.signer_keys(payload)
        invariant(set(order) == {self.wallet.fee_payer, *tx.members}, "fee payer and chosen members sign")
        values: dict[str, bytes] = {}
        for signature in signatures:
            key = key_text(signature.key.raw)
            if key not in order:
                raise BadSignature(f"{key} does not sign this transaction", key=key)
            ed25519.verify(signature.key, payload, signature.value)
            values[key] = signature.value
        missing = [key for key in order if key not in values]
        if missing:
            raise QuorumNotReached(f"no signature of {', '.join(missing)}", missing=len(missing))
        in_order = [values[key] for key in order]
        txid = TxId(key_text(in_order[0]))
        raw = message.transaction_bytes(payload, in_order)
        return SignedTx(txid, raw, tx.nonce.key, self.fee(tx))

    def encode(self, tx: SplPlan) -> bytes:
        """Serialise a plan to canonical JSON."""
        return planfile.encode_plan(tx)

    def decode(self, raw: bytes) -> SplPlan:
        """Inverse of `encode`, for plans of this wallet.

        Raises:
            MalformedPayload: Not such bytes, or a plan of another wallet.
        """
        return planfile.decode_plan(self.wallet, raw)

    def _one_asset(self, intents: Sequence[TransferIntent]) -> Asset:
        assets = {intent.amount.asset for intent in intents}
        if len(assets) != 1:
            raise InvalidInput(f"{self.wallet.id}: {len(assets)} assets in one plan, want exactly one")
        asset = assets.pop()
        self.wallet.mint(asset)
        for intent in intents:
            refuse_dead_end(self.wallet, intent.to, intent.amount)
            if intent.memo:
                raise InvalidInput(f"{intent.withdrawal_id}: Solana payments carry no memo here", memo=intent.memo)
        return asset

    def _route(self, intents: Sequence[TransferIntent], asset: Asset) -> Route:
        vault = self.wallet.receive_address(asset)
        if any(intent.to == vault for intent in intents):
            if len(intents) != 1:
                raise InvalidInput(f"{self.wallet.id}: a collection into the own vault stands alone")
            return Route.COLLECT
        return Route.UNWRAP if asset == self.wallet.params.native else Route.TOKEN

    def _signing_members(self, members: Sequence[PublicKey]) -> tuple[str, ...]:
        asked = {key_text(member.raw) for member in members}
        ours = tuple(member.text for member in self.wallet.members if member.text in asked)
        if len(ours) != self.wallet.threshold or len(asked) != len(ours) or len(members) != len(asked):
            raise InvalidInput(f"{self.wallet.id}: want exactly {self.wallet.threshold} of the wallet's members")
        return ours

    def _verify_costs(self, plan: SplPlan, intents: Sequence[TransferIntent], spendable: SplState) -> None:
        fee, cap = self.fee(plan).units, sum(intent.fee_max.units for intent in intents)
        if fee > cap:
            raise LimitExceeded(f"fee of {fee} lamports, cap {cap}", asked=fee, limit=cap)
        selection.verify_fee_payer(self.wallet, spendable, fee, plan.route)
        size = message.transaction_size(message.message_bytes(self.wallet, plan), 1 + len(plan.members))
        if size > MAX_TRANSACTION_BYTES:
            text = f"transaction of {size} bytes, the network takes {MAX_TRANSACTION_BYTES}: fewer intents, or collect"
            raise LimitExceeded(text, asked=size, limit=MAX_TRANSACTION_BYTES)


def _scratch_seed(nonce_value: str, intents: Sequence[TransferIntent]) -> str:
    # The intents' salts make the address unguessable: nobody can put lamports there first and so
    # make the account's creation fail. Depends on the intents only: a repeated plan is the same plan.
    parts = b"".join(intent_hash(intent) for intent in intents)
    return _SCRATCH_SEED_MARK + hashlib.sha256(nonce_value.encode() + parts).hexdigest()[: _SCRATCH_SEED_CHARS - 1]
