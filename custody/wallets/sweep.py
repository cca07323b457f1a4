"""Sweeps: bring coins from customers' deposit accounts into the wallet's vault, on their own lane.

Rules:
    * A sweep pays nobody but our own vault; signers prove that themselves and need no approval for it.
    * Signed bytes are stored before they are first sent, and only those bytes are ever sent again.
    * One open sweep an account; it ends when the chain proves it final, or its conflict key dead.
    * Sweeps have their own keys and counters: a stuck sweep never delays a withdrawal.
    * What is refused or not answered for one account holds up no other: it is raised when all had their turn, or
      when nobody answers several times in a row.

Example:
    sweeper = Sweeper(lane, store, signer, wallet_id="hot-eth")
    sweeper.step([0, 1, 2])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Protocol

from custody.chains.port import SignedTx
from custody.keys.material import Signature, SigningNeed, SigningRequest
from custody.primitives.amount import Amount
from custody.primitives.chain import Chain, Finality
from custody.primitives.errors import QuorumNotReached, Refused, Unavailable
from custody.primitives.ids import TxId
from custody.primitives.lifecycle import Lifecycle

MAX_SILENT = 3
"""Accounts in a row without an answer before a step gives up: a node that is down is not asked for each of them."""


class SweepState(StrEnum):
    """Where a sweep stands."""

    STORED = "stored"  # signed and stored; may have been sent
    FINAL = "final"
    DEAD = "dead"  # its conflict key went to another transaction


class SweepEvent(StrEnum):
    """What the chain says of it."""

    FINALISE = "finalise"
    DIE = "die"


SWEEP = Lifecycle(
    "sweep",
    {
        (SweepState.STORED, SweepEvent.FINALISE): SweepState.FINAL,
        (SweepState.STORED, SweepEvent.DIE): SweepState.DEAD,
    },
)


@dataclass(frozen=True, slots=True)
class Sweep:
    """One sweep of one deposit account.

    Attributes:
        tx: The bytes, their id, conflict key and largest fee.
        index: Deposit account it comes from.
        state: Where it stands.
        fee: What the chain took, once final; None before.
    """

    tx: SignedTx
    index: int
    state: SweepState
    fee: Amount | None = None


class SweepSigning(Protocol):
    """A planned sweep that wants signatures."""

    def next_need(self, signatures: Sequence[Signature]) -> SigningNeed | None: ...  # noqa: D102
    def assemble(self, signatures: Sequence[Signature]) -> SignedTx: ...  # noqa: D102


class SweepLane(Protocol):
    """A chain whose deposit accounts are swept; bound to one wallet."""

    chain: Chain

    def plan(self, index: int) -> SweepSigning | None:
        """Plan a sweep of one account; None if there is too little in it."""
        ...

    def broadcast(self, tx: SignedTx) -> TxId:
        """Send stored bytes."""
        ...

    def finality(self, txid: TxId, conflict_key: str) -> Finality:
        """What the chain says of a sweep now."""
        ...

    def fee_paid(self, tx: SignedTx) -> Amount:
        """What the chain took for a final sweep.

        Raises:
            VerificationFailed: The node says more than the sweep can have cost; it stays open.
        """
        ...


class MoveSigner(Protocol):
    """Who signs moves within the wallet: one signer process, or several as one."""

    name: str

    def sign(self, request: SigningRequest) -> tuple[Signature, ...]:
        """Sign, as `Signer.sign`; an empty answer means that too few signed."""
        ...


class SweepStore(Protocol):
    """Sweeps, by transaction id."""

    def save_sweep(self, chain: Chain, sweep: Sweep) -> None:
        """Insert or replace a sweep, durably."""
        ...

    def sweeps(self, chain: Chain, states: Sequence[SweepState]) -> Sequence[Sweep]:
        """Sweeps of a chain in these states."""
        ...


class _Troubles:
    """What went wrong with single accounts in one step."""

    def __init__(self) -> None:
        self.first: Refused | Unavailable | None = None
        self._silent = 0

    def tried(self, action: Callable[[], Sweep | None]) -> Sweep | None:
        """Do it; None if it was refused or not answered.

        Raises:
            Unavailable: The last few were not answered: it is not about one account.
        """
        done = None
        try:
            done = action()
        except Refused as refusal:
            self.first = self.first or refusal
        except Unavailable as silence:
            self.first = self.first or silence
            self._silent += 1
            if self._silent == MAX_SILENT:
                raise
            return None
        self._silent = 0
        return done


class Sweeper:
    """Sweeps the deposit accounts of one wallet."""

    def __init__(self, lane: SweepLane, store: SweepStore, signer: MoveSigner, wallet_id: str) -> None:
        self._lane = lane
        self._store = store
        self._signer = signer
        self._wallet_id = wallet_id

    def step(self, indexes: Iterable[int]) -> tuple[Sweep, ...]:
        """Follow open sweeps, then open new ones.

        Args:
            indexes: Deposit accounts that received something final.

        Returns:
            Sweeps that moved or were opened.

        Raises:
            Unavailable: Node or signer does not answer, for one account or at all; nothing is lost, call again.
            Refused: The first refusal by node or signer; every other account was served.
        """
        changed: list[Sweep] = []
        troubles = _Troubles()
        busy: set[int] = set()
        for sweep in self._store.sweeps(self._lane.chain, (SweepState.STORED,)):
            moved = troubles.tried(partial(self._follow, sweep)) or sweep
            if moved.state is SweepState.STORED:
                busy.add(moved.index)
            else:
                changed.append(moved)
        for index in dict.fromkeys(indexes):
            opened = None if index in busy else troubles.tried(partial(self._open, index))
            if opened is not None:
                changed.append(opened)
        if troubles.first is not None:
            raise troubles.first
        return tuple(changed)

    def _follow(self, sweep: Sweep) -> Sweep:
        finality = self._lane.finality(sweep.tx.txid, sweep.tx.conflict_key)
        if finality in (Finality.FINAL, Finality.FAILED):
            fee = self._lane.fee_paid(sweep.tx)
            return self._save(replace(sweep, state=SWEEP.next(sweep.state, SweepEvent.FINALISE), fee=fee))
        if finality is Finality.DEAD:
            return self._save(replace(sweep, state=SWEEP.next(sweep.state, SweepEvent.DIE)))
        if finality is Finality.UNKNOWN:
            self._lane.broadcast(sweep.tx)
        return sweep

    def _open(self, index: int) -> Sweep | None:
        planned = self._lane.plan(index)
        if planned is None:
            return None
        signatures: tuple[Signature, ...] = ()
        while (need := planned.next_need(signatures)) is not None:
            request = SigningRequest(self._lane.chain.id, self._wallet_id, need.role, need.payload, (), ())
            given = self._signer.sign(request)
            if not given:
                raise QuorumNotReached(f"signer {self._signer.name} gave no signature for a sweep", index=index)
            signatures += given
        sweep = self._save(Sweep(planned.assemble(signatures), index, SweepState.STORED))
        self._lane.broadcast(sweep.tx)
        return sweep

    def _save(self, sweep: Sweep) -> Sweep:
        self._store.save_sweep(self._lane.chain, sweep)
        return sweep
