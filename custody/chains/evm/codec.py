"""The Safe codec: from intents to one execution of the Safe, signed in two rounds.

Rules:
    * First the owners sign the SafeTx, then the sender signs the account transaction around it.
    * The conflict key names Safe, nonce *and* SafeTx hash. Anyone may execute a SafeTx once its
      owner signatures are public; only the hash tells "paid through another transaction" from
      "another payment took the nonce". The bare nonce is reserved next to it.
    * Gas is bounded before anyone signs; nothing comes from the network afterwards.

Example:
    codec = SafeCodec(wallet)
    plan = codec.plan([intent], reader.spendable(frozenset()), members=[])
    need = codec.next_need(plan, ())       # role MEMBER, threshold signatures missing
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from custody.chains.evm.address import parse_destination
from custody.chains.evm.conflict import account_key, nonce_key, owed_key, safe_key
from custody.chains.evm.outer_tx import Gas, OuterTx, is_signed, txid_of
from custody.chains.evm.plan import (
    MAX_PAYMENTS,
    Payment,
    SafePlan,
    SafeState,
    SafeStuck,
    SenderState,
    decode_plan,
    encode_plan,
    gas_limit,
    safe_tx_of,
)
from custody.chains.evm.safe_tx import SafeTx, exec_transaction_call
from custody.chains.evm.wallet import SafeWallet
from custody.chains.port import SignedTx
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
    QuorumNotReached,
    WrongNetwork,
)
from custody.primitives.intent import TransferIntent, TransferSummary
from custody.primitives.invariant import invariant

OUTER_TAG = "mext/evm-outer/1"


class SafeCodec:
    """All that works without a network, for one Safe."""

    def __init__(self, wallet: SafeWallet) -> None:
        self.wallet = wallet
        self.chain = wallet.params.chain
        self._unpayable = {wallet.safe, wallet.params.release.multisend, *(token.contract for token in wallet.tokens)}
        self._owner_keys = {owner.key: owner.address for owner in wallet.owners}

    def parse_address(self, text: str) -> Address:
        """Check a destination; see `address.parse_destination`."""
        return Address(self.chain.id, parse_destination(text))

    def plan(
        self, intents: Sequence[TransferIntent], spendable: SafeState, members: Sequence[PublicKey] = ()
    ) -> SafePlan:
        """Build the one execution that does exactly these intents.

        Args:
            intents: 1 to 100, paid in this order.
            spendable: From `SafeReader`.
            members: Ignored: any threshold of owners may sign.

        Raises:
            InvalidInput: No intents, too many, or one with a memo.
            InvalidAddress, WrongNetwork: A destination that cannot be paid.
            UnknownAsset: A token that is not listed.
            LimitExceeded: The fee would pass the sum of the caps.
            InsufficientFunds: The Safe cannot pay the amounts, or the sender the gas.
            SafeStuck: An earlier execution reverted; nothing is queued behind it.
        """
        del members
        if spendable.stuck:
            raise SafeStuck(f"{self.wallet.id}: an execution reverted at Safe nonce {spendable.executed}")
        if not 0 < len(intents) <= MAX_PAYMENTS:
            raise InvalidInput(f"{len(intents)} intents; one transaction pays 1 to {MAX_PAYMENTS}")
        payments = tuple(self._payment(intent) for intent in intents)
        gas = spendable.sender.gas(self._limit(payments))
        cap = sum(intent.fee_max.units for intent in intents)
        if gas.fee_max_wei > cap:
            raise LimitExceeded(
                f"{self.chain.id}: gas may cost {gas.fee_max_wei} wei, the cap is {cap}",
                asked=str(gas.fee_max_wei),
                limit=str(cap),
            )
        self._require_gas(gas, spendable.sender)
        self._require_funds(payments, spendable)
        return SafePlan(payments, spendable.nonce, gas)

    def reject(self, safe_nonce: int, sender: SenderState) -> SafePlan:
        """Use a Safe nonce up without moving anything.

        After its final execution every other SafeTx with this nonce is dead. The way out of a payment
        whose execution reverts: its signatures are public and would stay valid for ever.

        Raises:
            LimitExceeded: Above the configured price per gas.
            InsufficientFunds: The sender cannot pay.
        """
        gas = sender.gas(self._limit(()))
        self._require_gas(gas, sender)
        return SafePlan((), safe_nonce, gas)

    def bump(self, tx: SafePlan, spendable: SafeState, intents: Sequence[TransferIntent]) -> SafePlan | None:
        """The same SafeTx in another account transaction; only the sender signs again.

        Both fees rise by an eighth at least. While the account transaction waits, the other one takes its place
        under the same counter value. Once it was mined and reverted, or the value went to something else, it is
        tried again under the next free value, if it is this Safe nonce's turn. Whichever is mined, the Safe
        executes once.

        Args:
            tx: The earlier plan.
            spendable: From `SafeReader`, with the payment's own resources not among the reserved.
            intents: What `tx` pays; they bound the fee.

        Returns:
            None if the Safe nonce is used, or not yet its turn, or the next step would pass a cap or the
            sender's balance.
        """
        sender = spendable.sender
        if spendable.executed > tx.safe_nonce:
            return None
        gas = tx.gas.stepped(self._within(sender.gas(tx.gas.limit), intents))
        if sender.used > tx.gas.nonce:
            if spendable.executed < tx.safe_nonce:
                return None
            gas = replace(gas, nonce=sender.nonce)
        if gas != self._within(gas, intents) or not self._can_pay(gas, sender):
            return None
        return replace(tx, gas=gas)

    def summarize(self, tx: SafePlan) -> TransferSummary:
        """Say what a person must see: every payment, and the most the gas can cost."""
        paid = tuple((Address(self.chain.id, item.to), Amount(item.units, item.asset)) for item in tx.payments)
        return TransferSummary(to=paid, change=(), fee=self._fee(tx))

    def reservations(self, tx: SafePlan) -> tuple[str, ...]:
        """Conflict key, the bare Safe nonce, the nonce of the sender's account, and what both will take."""
        wallet = self.wallet
        chain_id, sender = wallet.params.chain_id, wallet.sender_address
        taken: Counter[str | None] = Counter()
        for item in tx.payments:
            taken[item.asset.contract] += item.units
        return (
            safe_key(safe_tx_of(wallet, tx)),
            nonce_key(chain_id, wallet.safe, tx.safe_nonce),
            account_key(chain_id, sender, tx.gas.nonce),
            owed_key(chain_id, sender, tx.gas.nonce, None, tx.gas.fee_max_wei),
            *(owed_key(chain_id, wallet.safe, tx.safe_nonce, contract, units) for contract, units in taken.items()),
        )

    def next_need(self, tx: SafePlan, signatures: Sequence[Signature]) -> SigningNeed | None:
        """Owners first, then the sender; signatures that do not verify do not count."""
        safe_tx = safe_tx_of(self.wallet, tx)
        members = self._valid_members(safe_tx, signatures)
        missing = self.wallet.threshold - len(members)
        if missing > 0:
            return SigningNeed(SigningRole.MEMBER, safe_tx.payload(), missing)
        outer = self._outer(tx, safe_tx, members)
        if any(is_signed(signature, outer.signing_hash()) for signature in self._by_sender(signatures)):
            return None
        return SigningNeed(SigningRole.SENDER, encode(OUTER_TAG, tx.safe_nonce, outer.unsigned()), 1)

    def assemble(self, tx: SafePlan, signatures: Sequence[Signature]) -> SignedTx:
        """Verify every signature and put the raw transaction together.

        Raises:
            BadSignature: One does not verify, or is by a key that has no part in this wallet.
            QuorumNotReached: Fewer than the threshold of owners, or the sender is missing.
        """
        safe_tx = safe_tx_of(self.wallet, tx)
        for signature in signatures:
            if signature.key in self._owner_keys:
                verify_recoverable(signature.key, safe_tx.hash(), signature.value)
            elif signature.key != self.wallet.sender:
                raise BadSignature(f"key {signature.key.raw.hex()} has no part in wallet {self.wallet.id}")
        members = self._valid_members(safe_tx, signatures)
        if len(members) < self.wallet.threshold:
            raise QuorumNotReached(
                f"{len(members)} of {self.wallet.threshold} owner signatures",
                signed=len(members),
                threshold=self.wallet.threshold,
            )
        outer = self._outer(tx, safe_tx, members)
        by_sender = self._by_sender(signatures)
        if not by_sender:
            raise QuorumNotReached("the sender has not signed", signed=0, threshold=1)
        for signature in by_sender:
            verify_recoverable(signature.key, outer.signing_hash(), signature.value)
        raw = outer.signed(by_sender[0].value)
        return SignedTx(txid_of(raw), raw, safe_key(safe_tx), self._fee(tx))

    def encode(self, tx: SafePlan) -> bytes:
        """Serialise for storage."""
        return encode_plan(self.wallet, tx)

    def decode(self, raw: bytes) -> SafePlan:
        """Inverse of `encode`.

        Raises:
            MalformedPayload: Not such bytes, or a plan of another Safe.
        """
        return decode_plan(self.wallet, raw)

    def _payment(self, intent: TransferIntent) -> Payment:
        if intent.to.chain != self.chain.id:
            raise WrongNetwork(f"{intent.withdrawal_id}: {intent.to.chain} is not {self.chain.id}")
        if intent.memo:
            raise InvalidInput(f"{intent.withdrawal_id}: {self.chain.id} payments carry no memo")
        asset = self.wallet.asset_of(intent.amount.asset.contract)
        if asset != intent.amount.asset or intent.fee_max.asset != self.wallet.params.native:
            raise AssetMismatch(f"{intent.withdrawal_id}: {intent.amount.asset.key} is not the asset the wallet knows")
        to = parse_destination(intent.to.text)
        if to in self._unpayable:
            raise InvalidAddress(f"{intent.withdrawal_id}: {to} is the wallet itself, a token or the batch contract")
        return Payment(to, asset, intent.amount.units)

    def _require_funds(self, payments: tuple[Payment, ...], state: SafeState) -> None:
        needed: Counter[str] = Counter()
        for item in payments:
            needed[item.asset.key] += item.units
        for key, units in needed.items():
            held = state.balances.get(key, 0)
            if units > held:
                raise InsufficientFunds(f"{self.wallet.id}: {key}: needs {units}, holds {held}", asset=key)

    def _limit(self, payments: tuple[Payment, ...]) -> int:
        return gas_limit(payments, self.wallet.threshold) + self.wallet.params.pricing.extra_gas

    def _within(self, gas: Gas, intents: Sequence[TransferIntent]) -> Gas:
        """The same at a price that our cap and the intents' caps allow."""
        most = sum(intent.fee_max.units for intent in intents) // gas.limit
        fee = min(gas.fee_wei_per_gas, most, self.wallet.params.pricing.fee_cap_wei_per_gas)
        return replace(gas, fee_wei_per_gas=fee, tip_wei_per_gas=min(gas.tip_wei_per_gas, fee))

    def _require_gas(self, gas: Gas, sender: SenderState) -> None:
        price_cap = self.wallet.params.pricing.fee_cap_wei_per_gas
        if gas.fee_wei_per_gas > price_cap:
            raise LimitExceeded(f"{self.chain.id}: {gas.fee_wei_per_gas} wei per gas, the cap is {price_cap}")
        if not self._can_pay(gas, sender):
            raise InsufficientFunds(
                f"{self.wallet.id}: the sender holds {sender.wei} wei, gas may cost {gas.fee_max_wei}",
                asset=self.wallet.params.native.key,
            )

    def _can_pay(self, gas: Gas, sender: SenderState) -> bool:
        return gas.fee_max_wei + self.wallet.params.pricing.layer_fee_wei <= sender.wei

    def _valid_members(self, safe_tx: SafeTx, signatures: Sequence[Signature]) -> dict[str, bytes]:
        # The first `threshold` in the given order: the sender signs over exactly these, so the
        # choice must not change when a late signature joins behind them.
        digest = safe_tx.hash()
        chosen: dict[str, bytes] = {}
        for signature in signatures:
            owner = self._owner_keys.get(signature.key)
            if owner is None or owner in chosen or len(chosen) == self.wallet.threshold:
                continue
            if is_signed(signature, digest):
                chosen[owner] = signature.value
        return chosen

    def _by_sender(self, signatures: Sequence[Signature]) -> list[Signature]:
        return [signature for signature in signatures if signature.key == self.wallet.sender]

    def _outer(self, tx: SafePlan, safe_tx: SafeTx, members: dict[str, bytes]) -> OuterTx:
        ordered = sorted(members.items(), key=lambda item: int(item[0], 16))
        blob = b"".join(value for _, value in ordered)
        invariant(len({owner for owner, _ in ordered}) == self.wallet.threshold, "one signature an owner")
        call = exec_transaction_call(safe_tx, blob)
        return OuterTx(self.wallet.params.chain_id, tx.gas, self.wallet.safe, 0, call)

    def _fee(self, tx: SafePlan) -> Amount:
        return Amount(tx.gas.fee_max_wei, self.wallet.params.native)
