"""Sweeps: what a deposit account holds goes to the wallet's Safe, and nowhere else.

Rules:
    * A sweep has no intents: it stays within the wallet, and signers accept it as a move of its own.
    * Native coins: the balance less the whole gas reserve, so that the account can always pay. Gas that
      was reserved and not used stays behind and goes with the next sweep.
    * Tokens: the whole balance; the account needs native coins for the gas, which the gas station tops up.
    * Own account, own counter: a stuck sweep never delays a withdrawal.

Example:
    state = SweepReader(reader, index=7, asset=ETH).spendable(frozenset())
    if sweepable(state):
        plan = SweepCodec(wallet).plan((), state)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from custody.chains.evm.abi import transfer_call
from custody.chains.evm.address import parse_destination
from custody.chains.evm.conflict import account_key
from custody.chains.evm.deposit import DepositBranch
from custody.chains.evm.fields import decode_fields, decode_int
from custody.chains.evm.outer_tx import Gas, OuterTx, is_signed, txid_of
from custody.chains.evm.wallet import SafeWallet
from custody.chains.port import SignedTx
from custody.keys.ecdsa import verify_recoverable
from custody.keys.material import PublicKey, Signature, SigningNeed, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.encoding import encode
from custody.primitives.errors import (
    BadSignature,
    InsufficientFunds,
    InvalidInput,
    LimitExceeded,
    MalformedPayload,
    QuorumNotReached,
)
from custody.primitives.intent import TransferIntent, TransferSummary

SWEEP_TAG = "mext/evm-sweep/1"
SWEEP_PLAN_TAG = "mext/evm-sweep-plan/1"
NATIVE_SWEEP_GAS = 35_000
"""21,000 for the transaction, and what the Safe's receive function takes; a test measures it."""
TOKEN_SWEEP_GAS = 120_000

_PLAN_FIELDS = 8


@dataclass(frozen=True, slots=True)
class SweepState:
    """What one deposit account can give of one asset at one moment.

    Attributes:
        index: Its place in the deposit branch.
        asset: Native coin or listed token.
        units: What it holds of the asset.
        balance_wei: What it holds of the native coin.
        nonce: Its counter.
        tip_wei_per_gas, fee_wei_per_gas: Fees to offer.
        extra_gas, layer_fee_wei: What the network charges beyond execution; see `params.Pricing`.
    """

    index: int
    asset: Asset
    units: int
    balance_wei: int
    nonce: int
    tip_wei_per_gas: int
    fee_wei_per_gas: int
    extra_gas: int = 0
    layer_fee_wei: int = 0

    @property
    def gas(self) -> Gas:
        """What a sweep sent now consumes."""
        limit = NATIVE_SWEEP_GAS if self.asset.contract is None else TOKEN_SWEEP_GAS
        return Gas(self.nonce, self.tip_wei_per_gas, self.fee_wei_per_gas, limit + self.extra_gas)

    @property
    def reserve_wei(self) -> int:
        """What the account must hold for the network, beside what it sends."""
        return self.gas.fee_max_wei + self.layer_fee_wei


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """An unsigned sweep.

    Attributes:
        index: Deposit account that pays.
        amount: What the Safe gains.
        gas: What the transaction consumes of the account.
    """

    index: int
    amount: Amount
    gas: Gas


def sweepable(state: SweepState) -> int:
    """Base units a sweep would bring; 0 if the account cannot pay the gas or the coins are not worth it."""
    reserve = state.reserve_wei
    if state.asset.contract is not None:
        return state.units if state.balance_wei >= reserve else 0
    value = state.balance_wei - reserve
    return value if value > reserve else 0


class SweepCodec:
    """All that works without a network, for the deposit accounts of one wallet."""

    def __init__(self, wallet: SafeWallet) -> None:
        if wallet.deposits is None:
            raise InvalidInput(f"wallet {wallet.id} has no deposit accounts")
        self.wallet = wallet
        self.chain = wallet.params.chain
        self._branch: DepositBranch = wallet.deposits

    def parse_address(self, text: str) -> Address:
        """Check a destination."""
        return Address(self.chain.id, parse_destination(text))

    def plan(
        self, intents: Sequence[TransferIntent], spendable: SweepState, members: Sequence[PublicKey] = ()
    ) -> SweepPlan:
        """Build the transfer to the Safe.

        Args:
            intents: None: a sweep stays within the wallet.
            spendable: From `SweepReader`.
            members: Ignored.

        Raises:
            InvalidInput: An intent was given.
            UnknownAsset: A token that is not listed.
            LimitExceeded: The price per gas is above the cap, or the index outside the window.
            InsufficientFunds: Nothing worth sweeping, or no coins for the gas.
        """
        del members
        if intents:
            raise InvalidInput("a sweep stays within the wallet and serves no intent")
        asset = self.wallet.asset_of(spendable.asset.contract)
        units, gas = sweepable(spendable), spendable.gas
        if gas.fee_wei_per_gas > self.wallet.params.pricing.fee_cap_wei_per_gas:
            raise LimitExceeded(f"{self.chain.id}: {gas.fee_wei_per_gas} wei per gas is above the configured cap")
        if units == 0:
            raise InsufficientFunds(
                f"deposit account {spendable.index}: {spendable.units} base units of {asset.symbol} and "
                f"{spendable.balance_wei} wei are not worth {gas.fee_max_wei} wei of gas, or cannot pay it"
            )
        self._branch.public_key(spendable.index)  # inside the window
        return SweepPlan(spendable.index, Amount(units, asset), gas)

    def summarize(self, tx: SweepPlan) -> TransferSummary:
        """Say what a person must see: everything returns to the wallet, but the gas."""
        fee = Amount(tx.gas.fee_max_wei, self.wallet.params.native)
        return TransferSummary(to=(), change=((self.wallet.address, tx.amount),), fee=fee)

    def reservations(self, tx: SweepPlan) -> tuple[str, ...]:
        """The account's nonce, which is the conflict key."""
        return (account_key(self.wallet.params.chain_id, self._branch.address(tx.index), tx.gas.nonce),)

    def next_need(self, tx: SweepPlan, signatures: Sequence[Signature]) -> SigningNeed | None:
        """The account's own signature, in role SENDER."""
        if any(self._is_valid(tx, signature) for signature in signatures):
            return None
        account = bytes.fromhex(self._branch.address(tx.index)[2:])
        payload = encode(SWEEP_TAG, tx.index, account, self._outer(tx).unsigned())
        return SigningNeed(SigningRole.SENDER, payload, 1)

    def assemble(self, tx: SweepPlan, signatures: Sequence[Signature]) -> SignedTx:
        """Verify the signature and put the raw transaction together.

        Raises:
            BadSignature: It does not verify, or is by another key.
            QuorumNotReached: There is none.
        """
        outer = self._outer(tx)
        if not signatures:
            raise QuorumNotReached("the deposit account has not signed", signed=0, threshold=1)
        for signature in signatures:
            if signature.key != self._branch.public_key(tx.index):
                raise BadSignature(f"key {signature.key.raw.hex()} is not deposit account {tx.index}")
            verify_recoverable(signature.key, outer.signing_hash(), signature.value)
        raw = outer.signed(signatures[0].value)
        return SignedTx(txid_of(raw), raw, self.reservations(tx)[0], self.summarize(tx).fee)

    def encode(self, tx: SweepPlan) -> bytes:
        """Serialise for storage."""
        gas = tx.gas
        numbers = (tx.index, tx.amount.units, gas.nonce, gas.tip_wei_per_gas, gas.fee_wei_per_gas, gas.limit)
        return encode(SWEEP_PLAN_TAG, self.wallet.safe, tx.amount.asset.contract or "", *numbers)

    def decode(self, raw: bytes) -> SweepPlan:
        """Inverse of `encode`.

        Raises:
            MalformedPayload: Not such bytes, or a sweep to another Safe.
            UnknownAsset: A token that is not listed.
        """
        fields = decode_fields(SWEEP_PLAN_TAG, raw)
        if len(fields) != _PLAN_FIELDS or fields[0] != self.wallet.safe.encode():
            raise MalformedPayload(f"not a sweep to {self.wallet.safe}")
        asset = self.wallet.asset_of(fields[1].decode("ascii", errors="replace") or None)
        index, units, nonce, tip, fee, limit = (decode_int(field) for field in fields[2:])
        return SweepPlan(index, Amount(units, asset), Gas(nonce, tip, fee, limit))

    def _outer(self, tx: SweepPlan) -> OuterTx:
        safe, contract, units = self.wallet.safe, tx.amount.asset.contract, tx.amount.units
        to, value, call = (safe, units, b"") if contract is None else (contract, 0, transfer_call(safe, units))
        return OuterTx(self.wallet.params.chain_id, tx.gas, to, value, call)

    def _is_valid(self, tx: SweepPlan, signature: Signature) -> bool:
        ours = signature.key == self._branch.public_key(tx.index)
        return ours and is_signed(signature, self._outer(tx).signing_hash())
