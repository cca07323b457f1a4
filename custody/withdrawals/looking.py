"""What several nodes say of a payment's attempts, put together into one answer.

Rules:
    * FINAL, DEAD and FAILED free money: they hold only if every node says so. A node that is silent or behind
      delays them, and nothing else.
    * MINED and PENDING free nothing: one node that sees them is enough.
    * Answers that cannot all be true are reported as such; nobody picks the likelier one.

Example:
    seen = look(lane, attempts)  # {attempt number: Finality}
"""

from __future__ import annotations

from collections.abc import Sequence

from custody.chains.port import SignedTx, finality_of
from custody.primitives.chain import Finality
from custody.primitives.errors import Unavailable
from custody.withdrawals.errors import ContradictoryEvidence
from custody.withdrawals.lanes import AnyLane
from custody.withdrawals.records import Attempt

CERTAIN = frozenset({Finality.FINAL, Finality.DEAD, Finality.FAILED})
"""What only all nodes together can establish."""


def look(lane: AnyLane, attempts: Sequence[Attempt]) -> dict[int, Finality]:
    """Ask every reader of the lane about every attempt.

    Args:
        lane: Its reader and its witnesses are asked.
        attempts: Signed attempts of one payment.

    Returns:
        Attempt number -> what the nodes establish together.

    Raises:
        Unavailable: No node answers.
        ContradictoryEvidence: The answers cannot all be true.
    """
    seen = {each.number: _together(lane, each.bytes_to_send()) for each in attempts}
    executed = {number: status for number, status in seen.items() if status in (Finality.FINAL, Finality.FAILED)}
    if len(set(executed.values()) if lane.is_one_act else executed) > 1:
        numbers = ", ".join(map(str, executed))
        raise ContradictoryEvidence(f"attempts {numbers} share one conflict key and are all said to be final")
    return seen


def _together(lane: AnyLane, signed: SignedTx) -> Finality:
    said: list[Finality] = []
    silence: Unavailable | None = None
    for reader in (lane.reader, *lane.witnesses):
        try:
            said.append(finality_of(reader, signed))
        except Unavailable as error:
            silence = error
    if silence is not None and not said:
        raise silence
    certain = CERTAIN.intersection(said)
    if len(certain) > 1:
        words = ", ".join(sorted(certain))
        raise ContradictoryEvidence(f"nodes contradict each other about {signed.txid}: {words}", txid=signed.txid)
    if certain and silence is None and len(set(said)) == 1:
        return said[0]
    if Finality.FINAL in said or Finality.MINED in said:
        return Finality.MINED
    return Finality.PENDING if Finality.PENDING in said else Finality.UNKNOWN
