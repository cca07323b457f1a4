"""What a FROST wallet's plan spends, the plan itself, and the bytes its members see.

Rules:
    * A plan holds meaning, not bytes; the same plan always gives the same message.
    * A deposit account gives at most what lies above its rent, so that somebody else's lamports arriving
      meanwhile cannot make the payment fail.
    * The payloads of both rounds name the participants: another set of signers is another question.

Example:
    raw = message_bytes(wallet, plan)
    first = round_one(plan, raw)
    second = round_two(raw, commitments)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from solders.hash import Hash
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey

from custody.chains.solana import instructions
from custody.chains.solana.frost_wallet import FrostWallet
from custody.chains.solana.state import SPEND_KEY, Nonce
from custody.keys.frost import Commitment
from custody.primitives.encoding import canonical_json
from custody.primitives.errors import MalformedPayload, ToolkitError

FORMAT = "mext/solana-frost-plan/1"
PAYLOAD_TAG = b"mext/solana-frost/1"


@dataclass(frozen=True, slots=True)
class DepositMoney:
    """What a deposit account can give, or gives: its index and lamports above its rent."""

    index: int
    lamports: int


@dataclass(frozen=True, slots=True)
class FrostState:
    """What the wallet can spend now.

    Attributes:
        lamports: Balance of the group's address, less what is in flight.
        nonces: Nonces that no payment in flight uses.
        deposits: Deposit accounts with money that no payment in flight draws from.
    """

    lamports: int
    nonces: tuple[Nonce, ...]
    deposits: tuple[DepositMoney, ...]


@dataclass(frozen=True, slots=True)
class FrostPlan:
    """An unsigned transaction of one wallet.

    Attributes:
        wallet_id: Which wallet.
        nonce: Its blockhash and conflict key.
        participants: Numbers of the members that sign, ascending.
        draws: Deposit accounts that are emptied down to their rent, into the group's address.
        payments: (address, lamports), in the order of the intents.
    """

    wallet_id: str
    nonce: Nonce
    participants: tuple[int, ...]
    draws: tuple[DepositMoney, ...]
    payments: tuple[tuple[str, int], ...]


def message_bytes(wallet: FrostWallet, plan: FrostPlan) -> bytes:
    """Build the message, with its version byte."""
    group = wallet.address
    steps = [instructions.advance_nonce(plan.nonce.account, group)]
    for draw in plan.draws:
        route = wallet.deposit_address(draw.index).text, group
        steps.append(instructions.transfer_with_seed(route, group, wallet.deposit_seed(draw.index), draw.lamports))
    steps += [instructions.transfer_lamports(group, to, lamports) for to, lamports in plan.payments]
    value = Hash.from_string(plan.nonce.value)
    return bytes(to_bytes_versioned(MessageV0.try_compile(Pubkey.from_string(group), steps, [], value)))


def round_one(plan: FrostPlan, message: bytes) -> bytes:
    """Payload of round one: who takes part, and what is signed."""
    return PAYLOAD_TAG + bytes([1, len(plan.participants), *plan.participants]) + message


def round_two(message: bytes, commitments: Sequence[Commitment]) -> bytes:
    """Payload of round two: what everybody committed to, and what is signed."""
    listed = b"".join(bytes([each.identifier]) + each.value for each in commitments)
    return PAYLOAD_TAG + bytes([2, len(commitments)]) + listed + message


def reservations(wallet: FrostWallet, plan: FrostPlan, fee: int) -> tuple[str, ...]:
    """The conflict key, what leaves the group's address beyond what comes in, and what each deposit account gives."""
    nonce = f"{plan.nonce.account}:{plan.nonce.value}"
    brought = sum(draw.lamports for draw in plan.draws)
    leaving = max(0, fee + sum(lamports for _, lamports in plan.payments) - brought)
    taken = [(wallet.address, leaving)]
    taken += [(wallet.deposit_address(draw.index).text, draw.lamports) for draw in plan.draws]
    return (plan.nonce.key, *(f"{SPEND_KEY}:{account}:{units}:{nonce}" for account, units in taken))


def encode_plan(plan: FrostPlan) -> bytes:
    """Serialise a plan to canonical JSON."""
    return canonical_json(
        {
            "format": FORMAT,
            "wallet": plan.wallet_id,
            "nonce": [plan.nonce.account, plan.nonce.value],
            "participants": list(plan.participants),
            "draws": [[draw.index, str(draw.lamports)] for draw in plan.draws],
            "payments": [[to, str(lamports)] for to, lamports in plan.payments],
        }
    )


def decode_plan(wallet: FrostWallet, raw: bytes) -> FrostPlan:
    """Read a plan of this wallet.

    Raises:
        MalformedPayload: Not canonical, incomplete, or of another wallet.
    """
    try:
        plan = _plan(wallet, json.loads(raw))
        canonical = encode_plan(plan) == raw
    except (ValueError, KeyError, TypeError, RecursionError, ToolkitError) as error:
        raise MalformedPayload(f"not a stored FROST plan of wallet {wallet.id}: {error}") from error
    if not canonical:
        raise MalformedPayload(f"stored FROST plan of wallet {wallet.id} is not in canonical form")
    return plan


def _plan(wallet: FrostWallet, stored: Any) -> FrostPlan:  # noqa: ANN401 - decoded JSON, checked field by field
    if stored["format"] != FORMAT or stored["wallet"] != wallet.id:
        raise MalformedPayload(f"format {stored['format']!r}, wallet {stored['wallet']!r}")
    account, value = stored["nonce"]
    draws = tuple(DepositMoney(index, int(lamports)) for index, lamports in stored["draws"])
    payments = tuple((to, int(lamports)) for to, lamports in stored["payments"])
    if not payments or min(lamports for _, lamports in payments) <= 0 or any(draw.lamports <= 0 for draw in draws):
        raise MalformedPayload("payments and draws must be above zero")
    if account not in wallet.nonce_accounts:
        raise MalformedPayload("the nonce account is not of this wallet")
    numbers = wallet.numbers_of([wallet.verifying[number] for number in stored["participants"]])
    return FrostPlan(wallet.id, Nonce(account, value), numbers, draws, payments)
