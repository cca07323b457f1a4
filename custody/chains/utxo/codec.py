"""The UTXO family's codec: all that works with the cable unplugged, for one wallet.

Rules:
    * The same intents and the same coins give the same bytes.
    * Outputs are the intents plus one change output; the fee stays within the sum of their caps.
    * The conflict key is the first input; a replacement keeps every input (`replace`).
    * `decode` takes back exactly what `encode` wrote, and nothing else.

Example:
    codec = UtxoCodec(wallet)
    plan = codec.plan(intents, reader.spendable(reserved), members=())
    need = codec.next_need(plan, ())
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as with_fields

from custody.chains.port import SignedTx
from custody.chains.utxo.address import address_of_script, parse_address, script_of_address
from custody.chains.utxo.bumping import next_rate
from custody.chains.utxo.coins import Coins, UtxoOutput, UtxoPlan, resource
from custody.chains.utxo.decode import decode_plan
from custody.chains.utxo.psbt import encode_plan
from custody.chains.utxo.selection import Demand, select
from custody.chains.utxo.signing import finished_bytes, verified_signatures
from custody.chains.utxo.sizes import fee_sat, vsize
from custody.chains.utxo.wallet import CHANGE, UtxoWallet
from custody.keys.material import PublicKey, Signature, SigningNeed, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.chain import Chain
from custody.primitives.errors import AssetMismatch, InvalidInput, LimitExceeded, QuorumNotReached, Refused
from custody.primitives.intent import TransferIntent, TransferSummary
from custody.primitives.invariant import invariant


class BelowDust(Refused):
    """An amount so small that the network does not relay it."""

    code = "below_dust"


class UtxoCodec:
    """`Codec[Coins, UtxoPlan]` for one wallet."""

    def __init__(self, wallet: UtxoWallet) -> None:
        self.wallet = wallet
        self.chain: Chain = wallet.params.chain

    def parse_address(self, text: str) -> Address:
        """Check a destination.

        Raises:
            InvalidAddress: Malformed, or a script that cannot be a destination.
            WrongNetwork: An address of another network.
        """
        return parse_address(text, self.wallet.params)

    def plan(self, intents: Sequence[TransferIntent], spendable: Coins, members: Sequence[PublicKey]) -> UtxoPlan:
        """Build the one unsigned transaction that does exactly these intents.

        Args:
            intents: At least one.
            spendable: From this chain's reader.
            members: Not used: any quorum can complete a multisig script.

        Raises:
            InvalidInput: No intent, one with a memo, or a fee rate below the relay floor.
            AssetMismatch: An intent of another chain or asset.
            BelowDust: An amount the network does not relay.
            InsufficientFunds: The coins do not cover amounts, fee and bump budget.
            LimitExceeded: Fee above the caps, rate above the policy, or too large a transaction.
        """
        del members
        self._require_rate(spendable.fee_sat_per_kvb)
        payments = tuple(self._payment(intent) for intent in intents)
        if not payments:
            raise InvalidInput(f"{self.wallet.id}: nothing to pay")
        change_script = self.wallet.script_pubkey(CHANGE, spendable.change_index)
        demand = Demand(sum(p.value_sat for p in payments), (*(p.script for p in payments), change_script))
        chosen = select(self.wallet, spendable, demand)
        change = UtxoOutput(chosen.change_sat, change_script, spendable.change_index)
        plan = UtxoPlan.ordered(chosen.coins, (*payments, change))
        self._require_fee_within(plan, intents)
        wanted = sorted((intent.to.text, intent.amount.units) for intent in intents)
        paid = sorted((to.text, amount.units) for to, amount in self.summarize(plan).to)
        invariant(wanted == paid, "the plan pays what was asked")
        return plan

    def replace(self, plan: UtxoPlan, fee_sat_per_kvb: int, intents: Sequence[TransferIntent]) -> UtxoPlan:
        """Raise the fee of a plan out of its change: same inputs, same payments, same conflict key.

        Raises:
            LimitExceeded: The new fee would pass the caps or the policy.
            BelowDust: The change does not hold that much.
            Refused: The rate is not a raise that nodes accept.

        Spec: BIP-125 rules 3 and 4.
        """
        self._require_rate(fee_sat_per_kvb)
        size = vsize(self.wallet, len(plan.inputs), [output.script for output in plan.outputs])
        fee = fee_sat(size, fee_sat_per_kvb)
        least = plan.fee_sat + fee_sat(size, self.wallet.params.fees.increment)
        if fee < least:
            raise Refused(f"{self.wallet.id}: a replacement must pay {least} sat or more, not {fee}", least_sat=least)
        old = next(output for output in plan.outputs if output.change_index is not None)
        change = with_fields(old, value_sat=old.value_sat - (fee - plan.fee_sat))
        if change.value_sat < self.wallet.params.fees.dust_sat:
            raise BelowDust(f"{self.wallet.id}: the change holds no {fee - plan.fee_sat} sat more for the fee")
        kept = (output for output in plan.outputs if output is not old)
        raised = UtxoPlan.ordered(plan.inputs, (*kept, change))
        self._require_fee_within(raised, intents)
        return raised

    def bump(self, tx: UtxoPlan, spendable: Coins, intents: Sequence[TransferIntent]) -> UtxoPlan | None:
        """Plan the same payments from the same coins at a fee that replaces `tx` in a node's pool.

        Args:
            tx: The plan whose bytes wait too long.
            spendable: From this chain's reader now; only its fee rate counts, coins stay what they were.
            intents: What `tx` pays; the new fee stays within the sum of their `fee_max`.

        Returns:
            The other plan: a quarter dearer, or at the present rate if that is more, or as much as the caps
            and the change allow. None where that is no raise that nodes accept, or the network's nodes relay none.
        """
        policy = self.wallet.params.fees
        if not policy.replaceable:
            return None
        rate = next_rate(self.wallet, tx, spendable.fee_sat_per_kvb, sum(each.fee_max.units for each in intents))
        return self.replace(tx, rate, intents) if rate is not None else None

    def summarize(self, tx: UtxoPlan) -> TransferSummary:
        """Say what a person must see."""
        shown = [(self._shown_address(output), self._amount(output.value_sat), output) for output in tx.outputs]
        return TransferSummary(
            to=tuple((to, amount) for to, amount, output in shown if output.change_index is None),
            change=tuple((to, amount) for to, amount, output in shown if output.change_index is not None),
            fee=self._amount(tx.fee_sat),
        )

    def reservations(self, tx: UtxoPlan) -> tuple[str, ...]:
        """Name every outpoint the transaction spends; the first is its conflict key."""
        return tuple(resource(self.chain.id, coin.txid, coin.vout) for coin in tx.inputs)

    def next_need(self, tx: UtxoPlan, signatures: Sequence[Signature]) -> SigningNeed | None:
        """Tell how many further members must sign; None when `assemble` will succeed.

        Raises:
            BadSignature: One of the signatures does not hold; drop that signer's and ask another.
        """
        found = verified_signatures(self.wallet, tx, signatures)
        missing = self.wallet.threshold - min(len(by_key) for by_key in found)
        return SigningNeed(SigningRole.MEMBER, self.encode(tx), missing) if missing > 0 else None

    def assemble(self, tx: UtxoPlan, signatures: Sequence[Signature]) -> SignedTx:
        """Verify every signature and put the final bytes together.

        Raises:
            BadSignature: One does not verify.
            QuorumNotReached: Fewer than the threshold for some input.
        """
        found = verified_signatures(self.wallet, tx, signatures)
        fewest = min(len(by_key) for by_key in found)
        if fewest < self.wallet.threshold:
            raise QuorumNotReached(f"{self.wallet.id}: {fewest} of {self.wallet.threshold} signatures", signed=fewest)
        txid, raw = finished_bytes(self.wallet, tx, found)
        return SignedTx(txid, raw, self.reservations(tx)[0], self._amount(tx.fee_sat))

    def encode(self, tx: UtxoPlan) -> bytes:
        """Serialise as an unsigned PSBT, which is also what signers get."""
        return encode_plan(self.wallet, tx)

    def decode(self, raw: bytes) -> UtxoPlan:
        """Inverse of `encode`.

        Raises:
            MalformedPayload: Not exactly what `encode` of this wallet writes.
        """
        return decode_plan(self.wallet, raw)

    def _payment(self, intent: TransferIntent) -> UtxoOutput:
        native = self.wallet.params.asset
        if (intent.amount.asset, intent.fee_max.asset, intent.to.chain) != (native, native, self.chain.id):
            raise AssetMismatch(f"{intent.withdrawal_id}: {intent.amount.asset.key} is not paid by {self.wallet.id}")
        if intent.memo:
            raise InvalidInput(f"{intent.withdrawal_id}: {self.chain.id} has no memos; the receiver would not see it")
        if intent.amount.units < self.wallet.params.fees.dust_sat:
            raise BelowDust(f"{intent.withdrawal_id}: {intent.amount} is below {self.wallet.params.fees.dust_sat} sat")
        return UtxoOutput(intent.amount.units, script_of_address(intent.to.text, self.wallet.params), None)

    def _require_rate(self, sat_per_kvb: int) -> None:
        policy = self.wallet.params.fees
        if sat_per_kvb < policy.floor:
            raise InvalidInput(f"{self.wallet.id}: {sat_per_kvb} sat/kvB is below the relay floor {policy.floor}")
        if sat_per_kvb > policy.cap:
            raise LimitExceeded(f"{self.wallet.id}: {sat_per_kvb} sat/kvB is above {policy.cap}", limit=policy.cap)

    def _require_fee_within(self, plan: UtxoPlan, intents: Sequence[TransferIntent]) -> None:
        cap = sum(intent.fee_max.units for intent in intents)
        if plan.fee_sat > cap:
            raise LimitExceeded(
                f"{self.wallet.id}: fee {plan.fee_sat} sat, the intents allow {cap}", asked=plan.fee_sat, limit=cap
            )

    def _shown_address(self, output: UtxoOutput) -> Address:
        address = address_of_script(output.script, self.wallet.params)
        invariant(address is not None, "a plan pays only scripts that have an address", script=output.script.hex())
        return address  # type: ignore[return-value]  # the line above

    def _amount(self, units: int) -> Amount:
        return Amount(units, self.wallet.params.asset)
