"""Moves by accounts with a single key: what a deposit account brings home, and the TRX it needs for that.

Rules:
    * A move has no intents: it stays within the wallet, and signers read it as a move of its own.
    * The account's own permission signs it; the id follows from the bytes, and is the conflict key.

Example:
    move = plan_sweep(wallet, state)
    need = move.next_need(())          # role SENDER
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from custody.chains.port import SignedTx
from custody.chains.tron.plan import Moment, TronPlan
from custody.chains.tron.rawtx import Window, bandwidth_bytes, signed_bytes
from custody.chains.tron.wallet import TronWallet
from custody.keys.ecdsa import verify_recoverable
from custody.keys.material import PublicKey, Signature, SigningNeed, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.encoding import encode
from custody.primitives.errors import BadSignature, QuorumNotReached
from custody.primitives.ids import TxId
from custody.primitives.intent import TransferSummary

OWN_PERMISSION = 0
"""The owner permission of an account that nobody changed: its one key."""


@dataclass(frozen=True, slots=True)
class AccountMove:
    """An unsigned transaction of one account.

    Attributes:
        wallet: Whose move it is.
        plan: What its bytes say.
        payer: Key of the account that pays.
        index: Place of the deposit account that it empties, or that gets TRX.
        tag: What signers know the payload by.
        opening_sun: What opening its destination may cost, in sun.
    """

    wallet: TronWallet
    plan: TronPlan
    payer: PublicKey
    index: int
    tag: str
    opening_sun: int = 0

    @property
    def fee(self) -> Amount:
        """The most that the pinned prices can come to; energy is bounded by the bytes themselves."""
        sun = bandwidth_bytes(self.plan.raw, 1) * self.wallet.params.prices.per_byte
        return Amount(sun + self.plan.payment.fee_limit_sun + self.opening_sun, self.wallet.params.native)

    def summarize(self) -> TransferSummary:
        """Say what a person must see: everything stays with us, but the fee."""
        to = Address(self.wallet.params.chain.id, self.plan.payment.to)
        return TransferSummary((), ((to, Amount(self.plan.payment.units, self.plan.asset)),), self.fee)

    def next_need(self, signatures: Sequence[Signature]) -> SigningNeed | None:
        """The account's own signature, in role SENDER."""
        if any(self._is_valid(signature) for signature in signatures):
            return None
        return SigningNeed(SigningRole.SENDER, encode(self.tag, self.index, self.plan.raw), 1)

    def assemble(self, signatures: Sequence[Signature]) -> SignedTx:
        """Verify the signature and put the transaction together.

        Raises:
            BadSignature: It does not verify, or is by another key.
            QuorumNotReached: There is none.
        """
        owner = self.plan.payment.owner
        if not signatures:
            raise QuorumNotReached(f"{owner} has not signed", signed=0, threshold=1)
        for signature in signatures:
            if not self._is_valid(signature):
                raise BadSignature(f"key {signature.key.raw.hex()} did not sign for {owner}")
        raw = signed_bytes(self.plan.raw, [signatures[0].value])
        return SignedTx(TxId(self.plan.txid), raw, self.plan.conflict_key, self.fee)

    def _is_valid(self, signature: Signature) -> bool:
        if signature.key != self.payer:
            return False
        try:
            verify_recoverable(signature.key, bytes.fromhex(self.plan.txid), signature.value)
        except BadSignature:
            return False
        return True


def window_of(wallet: TronWallet, moment: Moment) -> Window:
    """Where on the chain, and until when, a move planned now is valid."""
    expiration_ms = moment.head_ms + wallet.params.expires_after_ms
    return Window(moment.ref_block_bytes, moment.ref_block_hash, expiration_ms, moment.head_ms)
