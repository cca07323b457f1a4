"""The codec of a FROST wallet: native SOL by one ordinary signature, made by several in two rounds.

Rules:
    * Round one asks the participants for commitments, round two for shares over all of them; the answers
      travel as signatures: index 0 is a commitment (64 bytes), index 1 a share (32 bytes).
    * The answers of one visit belong together and are worth nothing apart, so they are not kept.
    * Every share is verified under its member's verifying share, the sum as plain Ed25519.
    * A deposit account is drawn from only if the group's address alone cannot pay, or would keep too little for the
      next fees: those are taken before anything comes in from deposit accounts.

Example:
    plan = codec.plan([intent], reader.spendable(frozenset()), members[:2])
    need = codec.next_need(plan, [])          # MEMBER, round one, 2 missing
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from custody.chains.port import SignedTx
from custody.chains.solana import frost_plan, message
from custody.chains.solana.frost_plan import DepositMoney, FrostPlan, FrostState
from custody.chains.solana.frost_wallet import FrostWallet
from custody.chains.solana.keytext import key_text
from custody.chains.solana.params import MAX_TRANSACTION_BYTES
from custody.chains.solana.places import DeadEnd, parse_account
from custody.chains.solana.state import NoFreeNonce
from custody.keys import frost
from custody.keys.material import PublicKey, Signature, SigningNeed, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.errors import (
    BadSignature,
    InsufficientFunds,
    InvalidInput,
    LimitExceeded,
    QuorumNotReached,
    Refused,
)
from custody.primitives.ids import TxId
from custody.primitives.intent import TransferIntent, TransferSummary

COMMITMENT_INDEX, SHARE_INDEX = 0, 1


class FrostCodec:
    """Codec of one wallet; see `custody.chains.port.Codec`."""

    def __init__(self, wallet: FrostWallet) -> None:
        self.wallet = wallet
        self.chain = wallet.params.chain

    def parse_address(self, text: str) -> Address:
        """Check a destination: 32 bytes in base58, none of the programs or system variables.

        Raises:
            InvalidAddress: It is not.
        """
        return parse_account(self.chain.id, text)

    def plan(self, intents: Sequence[TransferIntent], spendable: FrostState, members: Sequence[PublicKey]) -> FrostPlan:
        """Build the transaction that pays exactly these intents of SOL.

        Raises:
            InvalidInput: No intent, another asset, a memo, or members that are not `threshold` of ours.
            InsufficientFunds: Address and deposit accounts do not hold enough.
            LimitExceeded: The fee would pass the caps, or the transaction the network's size.
            Refused: A destination is an account of the wallet itself, or gets less than an account must hold.
            NoFreeNonce: All nonces are in use.
        """
        self._verify_intents(intents)
        participants = self.wallet.numbers_of(members)
        if not spendable.nonces:
            raise NoFreeNonce(f"{self.wallet.id}: no free durable nonce", wallet=self.wallet.id)
        payments = tuple((intent.to.text, intent.amount.units) for intent in intents)
        draws = self._choose_draws(spendable, sum(lamports for _, lamports in payments))
        if {self.wallet.deposit_address(draw.index).text for draw in draws} & {to for to, _ in payments}:
            raise DeadEnd(f"{self.wallet.id}: a payment to a deposit account that it is drawn from")
        plan = FrostPlan(self.wallet.id, spendable.nonces[0], participants, draws, payments)
        plan = self._refilled(plan, spendable)
        self._verify_costs(plan, sum(intent.fee_max.units for intent in intents))
        return plan

    def bump(self, tx: FrostPlan, spendable: FrostState, intents: Sequence[TransferIntent]) -> None:
        """No replacement: the durable nonce keeps the bytes valid until they are executed."""
        del tx, spendable, intents

    def summarize(self, tx: FrostPlan) -> TransferSummary:
        """Say what a person must see: payments, and the fee."""
        native = self.wallet.params.native
        paid = ((Address(self.chain.id, to), Amount(lamports, native)) for to, lamports in tx.payments)
        return TransferSummary(tuple(paid), (), self.fee())

    def fee(self) -> Amount:
        """Base fee of the one signature."""
        return Amount(self.wallet.params.lamports_per_signature, self.wallet.params.native)

    def reservations(self, tx: FrostPlan) -> tuple[str, ...]:
        """The nonce value, and what leaves the group's address and each deposit account."""
        return frost_plan.reservations(self.wallet, tx, self.fee().units)

    def next_need(self, tx: FrostPlan, signatures: Sequence[Signature]) -> SigningNeed | None:
        """Ask all participants for commitments first, then for their shares over all of them."""
        raw = frost_plan.message_bytes(self.wallet, tx)
        committed, shared = self._by_number(tx, signatures)
        if missing := self._keys(set(tx.participants) - set(committed)):
            return SigningNeed(SigningRole.MEMBER, frost_plan.round_one(tx, raw), len(missing), missing)
        if missing := self._keys(set(tx.participants) - set(shared)):
            package = self._package(raw, committed)
            return SigningNeed(
                SigningRole.MEMBER, frost_plan.round_two(raw, package.commitments), len(missing), missing
            )
        return None

    def assemble(self, tx: FrostPlan, signatures: Sequence[Signature]) -> SignedTx:
        """Verify every share and add them to the one signature of the transaction.

        Raises:
            BadSignature: A commitment or a share is not what it must be; the message names the key.
            QuorumNotReached: A participant has not committed, or not sent its share.
        """
        raw = frost_plan.message_bytes(self.wallet, tx)
        committed, shared = self._by_number(tx, signatures)
        missing = self._keys(set(tx.participants) - set(committed))
        if shared and missing:
            raise BadSignature(f"{self.wallet.id}: a share before all have committed")
        if missing:
            raise QuorumNotReached(f"{len(missing)} commitments missing", missing=len(missing))
        package, verifying = self._package(raw, committed), self.wallet.verifying
        for number, made in shared.items():
            frost.verify_share(package, number, verifying[number], made)
        signature = frost.aggregate(package, shared, verifying)
        return SignedTx(
            TxId(key_text(signature)), message.transaction_bytes(raw, [signature]), tx.nonce.key, self.fee()
        )

    def encode(self, tx: FrostPlan) -> bytes:
        """Serialise a plan to canonical JSON."""
        return frost_plan.encode_plan(tx)

    def decode(self, raw: bytes) -> FrostPlan:
        """Inverse of `encode`, for plans of this wallet.

        Raises:
            MalformedPayload: Not such bytes, or a plan of another wallet.
        """
        return frost_plan.decode_plan(self.wallet, raw)

    def _by_number(
        self, tx: FrostPlan, signatures: Sequence[Signature]
    ) -> tuple[dict[int, frost.Commitment], dict[int, bytes]]:
        committed: dict[int, frost.Commitment] = {}
        shared: dict[int, bytes] = {}
        for each in signatures:
            number = next((n for n in tx.participants if self.wallet.verifying[n] == each.key), None)
            if number is None or each.index not in (COMMITMENT_INDEX, SHARE_INDEX):
                raise BadSignature(
                    f"{key_text(each.key.raw)} does not sign this transaction", key=key_text(each.key.raw)
                )
            if each.index == SHARE_INDEX:
                shared[number] = each.value
                continue
            try:
                committed[number] = frost.Commitment(number, each.value)
            except InvalidInput as error:
                text = f"{key_text(each.key.raw)}: {error.message}"
                raise BadSignature(text, key=key_text(each.key.raw)) from error
        return committed, shared

    def _package(self, raw: bytes, committed: dict[int, frost.Commitment]) -> frost.Package:
        return frost.Package(self.wallet.group, raw, tuple(committed[number] for number in sorted(committed)))

    def _keys(self, numbers: set[int]) -> tuple[PublicKey, ...]:
        return tuple(self.wallet.verifying[number] for number in sorted(numbers))

    def _verify_intents(self, intents: Sequence[TransferIntent]) -> None:
        native, least = self.wallet.params.native, self.wallet.params.empty_account_rent
        if not intents:
            raise InvalidInput(f"{self.wallet.id}: nothing to pay")
        for intent in intents:
            if intent.amount.asset != native or intent.memo:
                raise InvalidInput(f"{intent.withdrawal_id}: this wallet pays SOL, without a memo", memo=intent.memo)
            self.parse_address(intent.to.text)
            if intent.to.text in {self.wallet.address, *self.wallet.nonce_accounts}:
                raise DeadEnd(f"SOL sent to {intent.to.text} of our own wallet pays nobody", to=intent.to.text)
            if intent.amount.units < least:
                text = f"{intent.amount.units} lamports: an account that does not exist yet needs {least}"
                raise Refused(text, asked=intent.amount.units, limit=least)

    def _choose_draws(self, spendable: FrostState, paid: int) -> tuple[DepositMoney, ...]:
        """Take deposit accounts, the largest first, until all is paid and the address keeps its own rent."""
        needed = paid + self.fee().units + self.wallet.params.empty_account_rent
        held, draws = spendable.lamports, list[DepositMoney]()
        for deposit in sorted(spendable.deposits, key=lambda each: (-each.lamports, each.index)):
            if held >= needed:
                break
            draws.append(deposit)
            held += deposit.lamports
        # The fee is taken before anything arrives from the deposit accounts, and must leave the address its rent.
        if held < needed or spendable.lamports < self.fee().units + self.wallet.params.empty_account_rent:
            raise InsufficientFunds(f"{self.wallet.id}: {held} of {needed} lamports", asked=needed, held=held)
        return tuple(draws)

    def _refilled(self, plan: FrostPlan, spendable: FrostState) -> FrostPlan:
        """Draw one deposit account more, if it fits, where the address would keep less than the next fees."""
        taken, paid_to = {draw.index for draw in plan.draws}, {to for to, _ in plan.payments}
        left = [
            deposit
            for deposit in spendable.deposits
            if deposit.index not in taken and self.wallet.deposit_address(deposit.index).text not in paid_to
        ]
        held = spendable.lamports + sum(draw.lamports for draw in plan.draws)
        gone = sum(lamports for _, lamports in plan.payments) + self.wallet.params.empty_account_rent
        next_fees = self.fee().units * (1 + self.wallet.nonce_count)  # this payment's, and one for every nonce
        if not left or held - gone >= next_fees:
            return plan
        fuller = replace(plan, draws=(*plan.draws, max(left, key=lambda each: (each.lamports, -each.index))))
        return fuller if self._size(fuller) <= MAX_TRANSACTION_BYTES else plan

    def _size(self, plan: FrostPlan) -> int:
        return message.transaction_size(frost_plan.message_bytes(self.wallet, plan), 1)

    def _verify_costs(self, plan: FrostPlan, cap: int) -> None:
        fee = self.fee().units
        if fee > cap:
            raise LimitExceeded(f"fee of {fee} lamports, cap {cap}", asked=fee, limit=cap)
        size = self._size(plan)
        if size > MAX_TRANSACTION_BYTES:
            text = f"transaction of {size} bytes, the network takes {MAX_TRANSACTION_BYTES}: fewer intents or deposits"
            raise LimitExceeded(text, asked=size, limit=MAX_TRANSACTION_BYTES)
