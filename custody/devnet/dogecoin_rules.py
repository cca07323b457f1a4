"""A simulator: which transactions a Dogecoin node of version 1.14 would take into its pool.

Rules:
    * Scripts are run by libbitcoinkernel, not by us: P2SH, strict DER, null dummy, lock times; no witness.
      It says yes or no, not why, and so do we.
    * Fees and dust follow Dogecoin Core: 0.001 DOGE a kilobyte, hard dust 0.001 DOGE refused, an output below
      0.01 DOGE costs 0.01 DOGE more. Refusals carry the numbers and texts of the real node.
    * The network's further policy about scripts (clean stack, minimal pushes) is not reproduced.

Example:
    rules.verify_fee(tx, size, fee)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pbk
from embit.transaction import Transaction

MIN_RELAY_KOINU_PER_KB = 100_000
INCREMENT_KOINU_PER_KB = 1_000
HARD_DUST_KOINU = 100_000
SOFT_DUST_KOINU = 1_000_000
MAX_FEE_KOINU = 100 * 100_000_000
MAX_MONEY_KOINU = 10_000_000_000 * 100_000_000
MAX_TX_BYTES = 100_000
MATURITY_BLOCKS = 60
"""On the regression test network; 240 in earnest."""

INVALID, NONSTANDARD, CONFLICT, LOW_FEE, HIGH_FEE = 16, 64, 18, 66, 256
"""Reject codes of the node."""

_FLAGS = (
    pbk.ScriptVerificationFlags.P2SH
    | pbk.ScriptVerificationFlags.DERSIG
    | pbk.ScriptVerificationFlags.NULLDUMMY
    | pbk.ScriptVerificationFlags.CHECKLOCKTIMEVERIFY
)


class TxRefused(Exception):
    """The node would not take it: number of the RPC error, and the node's text."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number
        self.text = text


@dataclass(frozen=True, slots=True)
class SimCoin:
    """One unspent output: value in koinu, script, height, and whether it was newly mined."""

    value: int
    script: bytes
    height: int
    coinbase: bool


def refused(code: int, reason: str) -> TxRefused:
    """A refusal the way the node words it."""
    return TxRefused(-26, f"{code}: {reason}")


def verify_shape(tx: Transaction, size: int) -> None:
    """Refuse what needs no look at the chain.

    Raises:
        TxRefused: Too large, nothing in or out, a coin twice, impossible values, or dust.
    """
    spent = [(entry.txid, entry.vout) for entry in tx.vin]
    if not spent or not tx.vout:
        raise refused(INVALID, "bad-txns-vin-empty" if not spent else "bad-txns-vout-empty")
    if len(set(spent)) != len(spent):
        raise refused(INVALID, "bad-txns-inputs-duplicate")
    if spent[0][0] == bytes(32):
        raise refused(INVALID, "coinbase")
    if any(output.value > MAX_MONEY_KOINU for output in tx.vout):
        raise refused(INVALID, "bad-txns-vout-toolarge")
    if size > MAX_TX_BYTES:
        raise refused(NONSTANDARD, "tx-size")
    if any(output.value < HARD_DUST_KOINU for output in tx.vout):
        raise refused(NONSTANDARD, "dust")


def verify_fee(tx: Transaction, size: int, fee: int) -> None:
    """Refuse a fee that is too low to relay, or absurd.

    Args:
        tx: The transaction.
        size: In bytes.
        fee: In koinu; negative where more comes out than goes in.
    """
    if fee < 0:
        raise refused(INVALID, "bad-txns-in-belowout")
    least = size * MIN_RELAY_KOINU_PER_KB // 1_000
    least += sum(SOFT_DUST_KOINU for output in tx.vout if output.value < SOFT_DUST_KOINU)
    if fee < least:
        raise refused(LOW_FEE, "min relay fee not met")
    if fee > MAX_FEE_KOINU:
        raise refused(HIGH_FEE, "absurdly-high-fee")


def verify_scripts(raw: bytes, coins: Sequence[SimCoin]) -> None:
    """Run every input's script.

    Args:
        raw: The transaction.
        coins: What its inputs spend, in their order.

    Raises:
        TxRefused: One does not hold.
    """
    tx = pbk.Transaction(raw)
    for number, coin in enumerate(coins):
        if not pbk.ScriptPubkey(coin.script).verify(coin.value, tx, None, number, _FLAGS):
            raise refused(INVALID, "mandatory-script-verify-flag-failed (refused by libbitcoinkernel)")


def verify_replacement(fee: int, size: int, replaced: Sequence[tuple[int, int]], *, signalled: bool) -> None:
    """Refuse what does not replace what it conflicts with, by BIP-125.

    Args:
        fee, size: Of the newcomer, koinu and bytes.
        replaced: Fee and size of everything that would leave the pool.
        signalled: Whether all direct conflicts said that they may be replaced.
    """
    if not signalled:
        raise refused(CONFLICT, "txn-mempool-conflict")
    if any(fee * old_size <= old_fee * size for old_fee, old_size in replaced):
        raise refused(LOW_FEE, "insufficient fee")
    if fee < sum(old for old, _ in replaced) + -(-size * INCREMENT_KOINU_PER_KB // 1_000):
        raise refused(LOW_FEE, "insufficient fee")
