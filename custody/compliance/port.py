"""The port to whoever screens a transfer.

Rules:
    * A provider that does not answer in time raises `ScreeningUnavailable`: the transfer waits, it never passes.
    * The same reference asked again gives the answer to the same question: a crash may repeat it.
    * A hit is an answer; who decides about it is the policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.errors import Unavailable

SCREENING_TIMEOUT_S = 2
"""Longest wait for a provider: one fifth of the ten seconds a withdrawal may take to its broadcast."""


class ScreeningUnavailable(Unavailable):
    """The provider does not answer; the transfer waits."""

    code = "screening_unavailable"


class ScreeningVerdict(StrEnum):
    """What the provider says."""

    CLEAR = "clear"
    HIT = "hit"


@dataclass(frozen=True, slots=True)
class ScreeningQuestion:
    """One transfer to be looked at.

    Attributes:
        reference: Our id of the transfer; the same question keeps it.
        customer: Who sends; empty for the house.
        to: Destination.
        amount: What it receives.
        memo: Memo or destination tag; empty for none.
    """

    reference: str
    customer: str
    to: Address
    amount: Amount
    memo: str


@dataclass(frozen=True, slots=True)
class ScreeningAnswer:
    """What a provider found.

    Attributes:
        verdict: Clear or hit.
        source: Which list or provider, with its version.
        reason: Why it is a hit; empty when clear.
    """

    verdict: ScreeningVerdict
    source: str
    reason: str = ""


class Screening(Protocol):
    """Answers one question about one transfer."""

    def screen(self, question: ScreeningQuestion) -> ScreeningAnswer:
        """Look at a transfer.

        Raises:
            ScreeningUnavailable: No answer within `SCREENING_TIMEOUT_S`.
        """
        ...
