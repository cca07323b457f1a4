"""What a person types before anything is signed: a stretch of each destination, each amount and memo whole.

Rules:
    * The stretch stands at a random place inside the address, away from its ends: look-alikes share the ends.
    * A memo decides whose the coins are as much as the address does: where there is one, all of it is typed.
    * There is no answer that stands for "yes", and no option that answers for the person.
    * One wrong answer ends it: nothing is signed, and the next time other places are asked.

Example:
    for question in questions_for(summary, secrets.randbelow):
        question.verify(input(question.text))
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from custody.cold.files import groups
from custody.primitives.errors import Refused
from custody.primitives.intent import TransferSummary

STRETCH = 8
"""Characters of an address that are typed: in base58 a look-alike of 46 bits more."""
_ENDS = 5
"""Characters at each end that everybody looks at anyway."""


class NotConfirmed(Refused):
    """What was typed is not what stands in the request."""

    code = "not_confirmed"


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to type.

    Attributes:
        text: What is asked, for people.
        answer: What must be typed, exactly.
    """

    text: str
    answer: str

    def verify(self, typed: str) -> None:
        """Compare what was typed.

        Raises:
            NotConfirmed: It is something else; nothing is to be signed.
        """
        if not hmac.compare_digest(typed.strip().encode(), self.answer.encode()):
            raise NotConfirmed(f"{self.text}: that is not what the request says; nothing was signed")


def digest_question(digest: bytes, below: Callable[[int], int]) -> Question:
    """Ask for one group of a file's digest, as the other side shows it."""
    shown = groups(digest).split(" ")
    number = below(len(shown))
    return Question(f"group {number + 1} of the digest that the other side shows", shown[number])


def questions_for(summary: TransferSummary, below: Callable[[int], int]) -> tuple[Question, ...]:
    """Ask for every payment of a decoded payload.

    Args:
        summary: From the decoder.
        below: Draws a number below another one; `secrets.randbelow`.
    """
    found = []
    for number, (to, amount, memo) in enumerate(summary.payments(), start=1):
        length = min(STRETCH, len(to.text))
        ends = _ENDS if len(to.text) > 2 * _ENDS + length else 0
        start = ends + below(len(to.text) - 2 * ends - length + 1)
        found.append(
            Question(
                f"payment {number}: characters {start + 1} to {start + length} of the destination",
                to.text[start : start + length],
            )
        )
        symbol = amount.asset.symbol
        found.append(Question(f"payment {number}: the whole amount of {symbol}, every digit", amount.text()))
        if memo:
            found.append(Question(f"payment {number}: the whole memo, every character", memo))
    return tuple(found)
