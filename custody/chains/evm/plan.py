"""What the Safe family plans with: the state it spends, and the unsigned transaction.

Rules:
    * A plan holds payments, not calldata: the calldata follows from them in one way only.
    * The stored form names the wallet's Safe, so that a plan never serves another wallet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from custody.chains.evm.abi import multi_send_call, multi_send_item, transfer_call
from custody.chains.evm.fields import decode_fields, decode_int
from custody.chains.evm.outer_tx import Gas
from custody.chains.evm.safe_tx import Operation, SafeTx
from custody.chains.evm.wallet import SafeWallet
from custody.chains.port import WalletBusy
from custody.primitives.asset import Asset
from custody.primitives.encoding import encode
from custody.primitives.errors import MalformedPayload

PLAN_TAG = "mext/evm-plan/1"
MAX_PAYMENTS = 100
"""The gas limit of 100 token payments stays near 10 million, below the 16.8 million of one transaction (EIP-7825)."""

# Upper bounds in gas, above what the real contracts were measured to use (tests compare).
EXECUTION_GAS = 110_000  # outer transaction, checks of the Safe, its two events
SIGNATURE_GAS = 10_000  # one owner signature: recovery and calldata
NATIVE_GAS = 60_000  # one native payment: may create an account or wake a small contract
TOKEN_GAS = 100_000  # one ERC-20 transfer: may write a fresh storage slot behind a proxy

_HEAD_FIELDS = 7
_PAYMENT_FIELDS = 3


class SafeStuck(WalletBusy):
    """An execution of this Safe reverted: try it again or reject its nonce, then the lane goes on."""

    code = "safe_stuck"


@dataclass(frozen=True, slots=True)
class SenderState:
    """What the account that pays gas has to offer at one moment.

    Attributes:
        nonce: First counter value that is neither used nor reserved.
        wei: Its balance, less what waiting transactions may cost.
        tip_wei_per_gas: Priority fee to offer.
        fee_wei_per_gas: Most to pay per gas.
        used: Number of transactions it has sent on chain: lower counter values are gone.
    """

    nonce: int
    wei: int
    tip_wei_per_gas: int
    fee_wei_per_gas: int
    used: int = 0

    def gas(self, limit: int) -> Gas:
        """The gas fields of a transaction sent now."""
        return Gas(self.nonce, self.tip_wei_per_gas, self.fee_wei_per_gas, limit)


@dataclass(frozen=True, slots=True)
class SafeState:
    """What the wallet can spend at one moment.

    Attributes:
        balances: Base units per asset key, e.g. {"ethereum-local/native": 10**18}, less what is promised to
            payments on their way.
        nonce: First nonce of the Safe that is neither used nor reserved.
        sender: The account that pays gas.
        executed: Number of transactions the Safe has executed on chain: its next nonce there.
        stuck: True if the account transaction of an open payment was mined and its execution reverted: whatever
            is queued behind it would revert too.
    """

    balances: Mapping[str, int]
    nonce: int
    sender: SenderState
    executed: int = 0
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment of a plan.

    Attributes:
        to: Destination, EIP-55.
        asset: Native coin or listed token.
        units: Base units, above zero.
    """

    to: str
    asset: Asset
    units: int

    def call(self) -> tuple[str, int, bytes]:
        """(contract or account called, wei sent, calldata)."""
        if self.asset.contract is None:
            return self.to, self.units, b""
        return self.asset.contract, 0, transfer_call(self.to, self.units)


@dataclass(frozen=True, slots=True)
class SafePlan:
    """An unsigned payment of the Safe.

    Attributes:
        payments: In the order of the intents. None at all is a rejection: it uses the nonce up and moves
            nothing, so that another SafeTx with this nonce can never be executed.
        safe_nonce: The Safe's counter it consumes.
        gas: What the outer transaction consumes of the sender.
    """

    payments: tuple[Payment, ...]
    safe_nonce: int
    gas: Gas


def gas_limit(payments: tuple[Payment, ...], threshold: int) -> int:
    """Upper bound of the gas that executing these payments takes."""
    return EXECUTION_GAS + threshold * SIGNATURE_GAS + inner_gas(payments)


def inner_gas(payments: tuple[Payment, ...]) -> int:
    """What the payments themselves may take of it."""
    return sum(NATIVE_GAS if payment.asset.contract is None else TOKEN_GAS for payment in payments)


def safe_tx_of(wallet: SafeWallet, plan: SafePlan) -> SafeTx:
    """One payment is a direct call, none a call to itself; several go through the pinned MultiSendCallOnly."""
    if not plan.payments:
        to, value, call, operation = wallet.safe, 0, b"", Operation.CALL
    elif len(plan.payments) == 1:
        to, value, call = plan.payments[0].call()
        operation = Operation.CALL
    else:
        to, value = wallet.params.release.multisend, 0
        call = multi_send_call([multi_send_item(*payment.call()) for payment in plan.payments])
        operation = Operation.DELEGATECALL
    return SafeTx(wallet.params.chain_id, wallet.safe, to, value, call, operation, plan.safe_nonce)


def encode_plan(wallet: SafeWallet, plan: SafePlan) -> bytes:
    """Serialise for storage."""
    gas = plan.gas
    numbers = (plan.safe_nonce, gas.nonce, gas.tip_wei_per_gas, gas.fee_wei_per_gas, gas.limit, len(plan.payments))
    body = [part for item in plan.payments for part in (item.to, item.asset.contract or "", item.units)]
    return encode(PLAN_TAG, wallet.safe, *numbers, *body)


def decode_plan(wallet: SafeWallet, raw: bytes) -> SafePlan:
    """Inverse of `encode_plan`.

    Raises:
        MalformedPayload: Not such bytes, or a plan of another Safe.
        UnknownAsset: It pays a token that the wallet does not list.
    """
    fields = decode_fields(PLAN_TAG, raw)
    head, body = fields[:_HEAD_FIELDS], fields[_HEAD_FIELDS:]
    if len(head) != _HEAD_FIELDS or len(body) != _PAYMENT_FIELDS * decode_int(head[-1]):
        raise MalformedPayload(f"a plan of {len(fields)} fields")
    if head[0] != wallet.safe.encode():
        raise MalformedPayload(f"a plan of another Safe than {wallet.safe}")
    payments = tuple(
        Payment(_text(to), wallet.asset_of(_text(contract) or None), decode_int(units))
        for to, contract, units in zip(body[0::3], body[1::3], body[2::3], strict=True)
    )
    safe_nonce, nonce, tip, fee, limit = (decode_int(field) for field in head[1:-1])
    return SafePlan(payments, safe_nonce, Gas(nonce, tip, fee, limit))


def _text(field: bytes) -> str:
    return field.decode("ascii", errors="replace")
