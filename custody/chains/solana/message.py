"""From a plan to the bytes that are signed: a v0 message, the same bytes for the same plan.

Rules:
    * AdvanceNonce comes first, so that the network executes the message at most once, ever.
    * No lookup tables: every address a signer decides about stands in the message itself.

Example:
    message = message_bytes(wallet, plan)      # members and fee payer all sign these bytes
"""

from __future__ import annotations

from collections.abc import Iterator

from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey

from custody.chains.solana import derivation, instructions
from custody.chains.solana.params import NATIVE_MINT, SIGNATURE_BYTES, TOKEN_PROGRAM
from custody.chains.solana.state import Draw, Route, SplPlan
from custody.chains.solana.wallet import SplWallet
from custody.primitives.invariant import invariant


def message_bytes(wallet: SplWallet, plan: SplPlan) -> bytes:
    """Build the message, with its version byte."""
    steps = [instructions.advance_nonce(plan.nonce.account, wallet.fee_payer)]
    steps += [instructions.sync_native(draw.account) for draw in plan.draws if draw.stale]
    steps += {Route.UNWRAP: _unwrap, Route.TOKEN: _pay_tokens, Route.COLLECT: _collect}[plan.route](wallet, plan)
    drawn, paid = sum(draw.units for draw in plan.draws), sum(payment.units for payment in plan.payments)
    invariant(drawn == paid, "what is drawn is paid", drawn=drawn, paid=paid)
    value = Hash.from_string(plan.nonce.value)
    message = MessageV0.try_compile(Pubkey.from_string(wallet.fee_payer), steps, [], value)
    return bytes(to_bytes_versioned(message))


def transaction_bytes(message: bytes, signatures: list[bytes]) -> bytes:
    """Put signatures (in the order of the message's signing keys) before the message."""
    invariant(len(signatures) < 128, "one length byte is enough for the signatures of a transaction")
    return bytes([len(signatures)]) + b"".join(signatures) + message


def transaction_size(message: bytes, signers: int) -> int:
    """Bytes of the signed transaction."""
    return 1 + signers * SIGNATURE_BYTES + len(message)


def signer_keys(message: bytes) -> list[str]:
    """Keys that must sign, in the order their signatures take; the fee payer is the first."""
    parsed = MessageV0.from_bytes(message[1:])
    return [str(key) for key in parsed.account_keys[: parsed.header.num_required_signatures]]


def scratch_account(wallet: SplWallet, plan: SplPlan) -> str:
    """Address of the throw-away wrapped-SOL account of an UNWRAP plan."""
    return derivation.with_seed(wallet.fee_payer, plan.scratch_seed, TOKEN_PROGRAM)


def _unwrap(wallet: SplWallet, plan: SplPlan) -> list[Instruction]:
    # Closing straight to the destination would add the account's rent to the payment; by way of the
    # fee payer the destination gets the exact amount and the rent returns to where it came from.
    scratch, payer = scratch_account(wallet, plan), wallet.fee_payer
    rent = wallet.params.token_account_rent
    return [
        instructions.create_token_account_with_seed(scratch, payer, plan.scratch_seed, rent),
        instructions.initialize_token_account(scratch, NATIVE_MINT, payer),
        *(_transfer(wallet, plan, (draw, scratch, draw.units)) for draw in plan.draws),
        instructions.close_token_account(scratch, payer, payer),
        *(instructions.transfer_lamports(payer, payment.to, payment.units) for payment in plan.payments),
    ]


def _pay_tokens(wallet: SplWallet, plan: SplPlan) -> list[Instruction]:
    mint = wallet.mint(plan.asset)
    steps: list[Instruction] = []
    pieces = _pieces(plan)
    for payment in plan.payments:
        account = derivation.associated_token_account(payment.to, mint)
        # One per payment, even to the same owner: it is what separates two payments for a reader.
        steps.append(instructions.create_associated(wallet.fee_payer, account, payment.to, mint))
        steps += [_transfer(wallet, plan, (draw, account, units)) for draw, units in next(pieces)]
    return steps


def _collect(wallet: SplWallet, plan: SplPlan) -> list[Instruction]:
    vault = wallet.vault(plan.asset)
    return [_transfer(wallet, plan, (draw, vault, draw.units)) for draw in plan.draws]


def _transfer(wallet: SplWallet, plan: SplPlan, piece: tuple[Draw, str, int]) -> Instruction:
    draw, destination, units = piece
    route = (draw.account, wallet.mint(plan.asset), destination)
    return instructions.transfer_checked(route, (wallet.multisig, plan.members), units, plan.asset.decimals)


def _pieces(plan: SplPlan) -> Iterator[list[tuple[Draw, int]]]:
    """Cut the draws along the payments: for each payment, which draw gives how much."""
    draws = iter(plan.draws)
    draw = next(draws)
    left = draw.units
    for payment in plan.payments:
        need, pieces = payment.units, list[tuple[Draw, int]]()
        while need:
            if not left:
                draw = next(draws)
                left = draw.units
            taken = min(need, left)
            pieces.append((draw, taken))
            need, left = need - taken, left - taken
        yield pieces
