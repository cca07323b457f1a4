"""Sweeps: what a deposit account holds in TRX goes to the wallet's account, and nowhere else.

Rules:
    * A sweep has no intents: it stays within the wallet, and signers accept it as a move of its own.
    * The balance less the highest price of the bytes; what was reserved and not burnt stays behind and goes
      with the next sweep.
    * Tokens are not swept yet: their transfer burns energy, which a deposit account has no TRX for.

Example:
    state = sweep_state(wallet, node, 7)
    if sweepable(wallet, state):
        plan = SweepCodec(wallet).plan(state)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from custody.chains.port import SignedTx
from custody.chains.tron.deposit import DepositBranch
from custody.chains.tron.node import TronNode
from custody.chains.tron.plan import Moment, TronPlan
from custody.chains.tron.rawtx import RawPayment, Window, bandwidth_bytes, signed_bytes
from custody.chains.tron.reader import moment_of
from custody.chains.tron.wallet import TronWallet
from custody.keys.ecdsa import verify_recoverable
from custody.keys.material import Signature, SigningNeed, SigningRole
from custody.primitives.amount import Amount
from custody.primitives.encoding import encode
from custody.primitives.errors import BadSignature, InsufficientFunds, InvalidInput, QuorumNotReached
from custody.primitives.ids import TxId
from custody.primitives.intent import TransferSummary

SWEEP_TAG = "mext/tron-sweep/1"
SWEEP_BYTES = 320
"""A TRX payment with one signature takes about 270 bytes, the room for its result included."""


@dataclass(frozen=True, slots=True)
class SweepState:
    """What one deposit account can give at one moment.

    Attributes:
        index: Its place in the deposit branch.
        sun: What it holds.
        moment: The chain now.
    """

    index: int
    sun: int
    moment: Moment


def sweepable(wallet: TronWallet, state: SweepState) -> int:
    """Sun a sweep would bring; 0 if the bytes would cost more than half of it."""
    reserve = SWEEP_BYTES * wallet.params.prices.per_byte
    value = state.sun - reserve
    return value if value > reserve else 0


def sweep_state(wallet: TronWallet, node: TronNode, index: int) -> SweepState:
    """Ask for what a deposit account holds.

    Raises:
        LimitExceeded: The index is outside the window.
        NodeUnavailable: No answer.
    """
    account = _branch(wallet).address(index)
    return SweepState(index, node.balance(account, wallet.params.native), moment_of(node))


class SweepCodec:
    """All that works without a network, for the deposit accounts of one wallet."""

    def __init__(self, wallet: TronWallet) -> None:
        self.wallet = wallet
        self._branch = _branch(wallet)

    def plan(self, state: SweepState) -> TronPlan:
        """Build the payment to the wallet's account.

        Raises:
            LimitExceeded: The index is outside the window.
            InsufficientFunds: Nothing worth sweeping.
        """
        wallet, moment = self.wallet, state.moment
        sun = sweepable(wallet, state)
        if sun == 0:
            raise InsufficientFunds(f"deposit account {state.index}: {state.sun} sun are not worth a sweep")
        expiration_ms = moment.head_ms + wallet.params.expires_after_ms
        window = Window(moment.ref_block_bytes, moment.ref_block_hash, expiration_ms, moment.head_ms)
        owner = self._branch.address(state.index)
        payment = RawPayment(owner, wallet.address.text, sun, None, 0, 0, window)
        return TronPlan(payment, wallet.params.native, state.index)

    def summarize(self, tx: TronPlan) -> TransferSummary:
        """Say what a person must see: everything returns to the wallet, but the price of the bytes."""
        sun = bandwidth_bytes(tx.raw, 1) * self.wallet.params.prices.per_byte
        home = self.wallet.address, Amount(tx.payment.units, self.wallet.params.native)
        return TransferSummary((), (home,), Amount(sun, self.wallet.params.native))

    def next_need(self, tx: TronPlan, signatures: Sequence[Signature]) -> SigningNeed | None:
        """The account's own signature, in role SENDER."""
        if any(self._is_valid(tx, signature) for signature in signatures):
            return None
        return SigningNeed(SigningRole.SENDER, encode(SWEEP_TAG, _index(tx), tx.raw), 1)

    def assemble(self, tx: TronPlan, signatures: Sequence[Signature]) -> SignedTx:
        """Verify the signature and put the transaction together.

        Raises:
            BadSignature: It does not verify, or is by another key.
            QuorumNotReached: There is none.
        """
        if not signatures:
            raise QuorumNotReached("the deposit account has not signed", signed=0, threshold=1)
        for signature in signatures:
            if not self._is_valid(tx, signature):
                raise BadSignature(f"key {signature.key.raw.hex()} did not sign for deposit account {_index(tx)}")
        raw = signed_bytes(tx.raw, [signatures[0].value])
        return SignedTx(TxId(tx.txid), raw, tx.conflict_key, self.summarize(tx).fee)

    def _is_valid(self, tx: TronPlan, signature: Signature) -> bool:
        if signature.key != self._branch.public_key(_index(tx)):
            return False
        try:
            verify_recoverable(signature.key, bytes.fromhex(tx.txid), signature.value)
        except BadSignature:
            return False
        return True


def _index(tx: TronPlan) -> int:
    if tx.index is None:
        raise InvalidInput(f"{tx.txid} is a payment of the wallet, not a sweep")
    return tx.index


def _branch(wallet: TronWallet) -> DepositBranch:
    if wallet.deposits is None:
        raise InvalidInput(f"wallet {wallet.id} has no deposit accounts")
    return wallet.deposits
