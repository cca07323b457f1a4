"""Opening accounts at derived addresses, paid and signed by one base key.

Rules:
    * What is open already is left alone, so opening again changes nothing.
    * Accounts are allocated, not "created": lamports that somebody sent there first do no harm.

Example:
    AccountOpener(node, base, sign).open([Opening(address, seed, 80, SYSTEM_PROGRAM, rent, initialize)])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey

from custody.chains.solana import derivation, instructions, message, params
from custody.chains.solana.node import SolanaNode

_OPENINGS_PER_TRANSACTION = 3
"""Accounts opened by one transaction: three instructions with a seed each stay below 1,232 bytes."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One account to be opened.

    Attributes:
        address, seed: Where: "with seed" of the base key.
        size, program: Its bytes, and the program that owns it.
        rent: Lamports it must hold.
        initialize: What gives the bytes their meaning.
    """

    address: str
    seed: str
    size: int
    program: str
    rent: int
    initialize: Instruction


class AccountOpener:
    """Opens accounts of one base key."""

    def __init__(self, node: SolanaNode, base: str, sign: Callable[[bytes], bytes]) -> None:
        """Bind the opener.

        Args:
            node: Whom to ask and where to send.
            base: Base58 key that addresses are derived from; pays.
            sign: Message bytes -> 64-byte signature of the base key.
        """
        self._node = node
        self._base = base
        self._sign = sign

    def open(self, openings: Sequence[Opening]) -> list[str]:
        """Open what is not open yet; return the ids of what was sent."""
        found = self._node.accounts([opening.address for opening in openings], "confirmed")
        todo = [
            (opening, raw.lamports if raw else 0)
            for opening, raw in zip(openings, found, strict=True)
            if raw is None or not raw.content
        ]
        parts = (todo[at : at + _OPENINGS_PER_TRANSACTION] for at in range(0, len(todo), _OPENINGS_PER_TRANSACTION))
        return [self.send([step for item in part for step in self._steps(*item)]) for part in parts]

    def send(self, steps: Sequence[Instruction]) -> str:
        """Sign and send instructions; return the id."""
        recent = Hash.from_string(self._node.latest_blockhash())
        compiled = MessageV0.try_compile(Pubkey.from_string(self._base), list(steps), [], recent)
        raw = bytes(to_bytes_versioned(compiled))
        return self._node.send(message.transaction_bytes(raw, [self._sign(raw)]))

    def _steps(self, opening: Opening, lamports: int) -> list[Instruction]:
        missing = max(0, opening.rent - lamports)
        pay = [instructions.transfer_lamports(self._base, opening.address, missing)] if missing else []
        shape = (opening.size, opening.program)
        return [
            *pay,
            instructions.allocate_with_seed(opening.address, self._base, opening.seed, shape),
            opening.initialize,
        ]


def nonce_opening(base: str, seed: str, authority: str, rent: int) -> Opening:
    """A durable nonce.

    Args:
        base, seed: Where.
        authority: Key that uses it.
        rent: Lamports that keep it alive.
    """
    account = derivation.with_seed(base, seed, params.SYSTEM_PROGRAM)
    start = instructions.initialize_nonce(account, authority)
    return Opening(account, seed, params.NONCE_ACCOUNT_BYTES, params.SYSTEM_PROGRAM, rent, start)
