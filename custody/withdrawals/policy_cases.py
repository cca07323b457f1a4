"""Cases of a policy: a table of requests with the verdicts people expect, kept beside the policy.

Rules:
    * A case tells only what it is about; the rest comes from `defaults`, then from `told_facts`.
    * What is expected is compared to the letter: the verdict always, rules, groups, delay and reasons where told.
    * A file without cases is refused: nothing tested is not "all passed".

Example:
    failures = [each for each in run_cases(written, assets, policy) if each.problems]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from custody.primitives.asset import Asset
from custody.primitives.errors import InvalidInput
from custody.withdrawals.facts import Ask, Facts
from custody.withdrawals.policy import decide
from custody.withdrawals.rules import Decision, Outcome, Policy
from custody.withdrawals.told_facts import told, told_assets
from custody.withdrawals.written import Fields, Written


class InvalidCases(InvalidInput):
    """The file does not tell requests and facts as it should; the message says where."""

    code = "invalid_cases"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case: its name, what is not as expected (empty if all is), and the decision."""

    name: str
    problems: tuple[str, ...]
    decision: Decision


def run_cases(written: Written, assets: Mapping[str, Asset], policy: Policy) -> tuple[CaseResult, ...]:
    """Run every case of a file.

    Args:
        written: The file.
        assets: Those of the house; the file may tell more.
        policy: Under which they are decided.

    Raises:
        InvalidCases: Not such a file; the message names the line.
    """
    return written.placed(lambda: tuple(_run(Fields(written.value, "", InvalidCases), assets, policy)))


def told_request(written: Written, assets: Mapping[str, Asset], policy: Policy) -> tuple[Ask, Facts]:
    """Read a file with one request and its facts.

    Raises:
        InvalidCases: Not such a file; the message names the line.
    """

    def read() -> tuple[Ask, Facts]:
        fields = Fields(written.value, "", InvalidCases)
        known = {**assets, **told_assets(fields)}
        found = told(fields, known, policy)
        fields.require_empty()
        return found

    return written.placed(read)


def _run(fields: Fields, assets: Mapping[str, Asset], policy: Policy) -> Iterator[CaseResult]:
    known = {**assets, **told_assets(fields)}
    defaults, cases = fields.optional("defaults", {}), fields.each("cases")
    fields.require_empty()
    if not cases:
        raise fields.wrong("cases", "there are none: nothing tested is not all passed")
    if not isinstance(defaults, Mapping):
        raise fields.wrong("defaults", "must be a mapping with ask and facts")
    for case in cases:
        name, expected = case.text("name"), case.fields("expect")
        mixed = {part: _over(defaults.get(part, {}), case.optional(part, {}), case, part) for part in ("ask", "facts")}
        case.require_empty()
        ask, facts = told(Fields(mixed, case.where, InvalidCases), known, policy)
        decision = decide(ask, facts, policy)
        yield CaseResult(name, tuple(_problems(expected, facts, decision)), decision)


def _over(defaults: object, own: object, case: Fields, part: str) -> dict[str, object]:
    if not isinstance(defaults, Mapping) or not isinstance(own, Mapping):
        raise case.wrong(part, "must be a mapping")
    return {**defaults, **own}


def _problems(expected: Fields, facts: Facts, decision: Decision) -> Iterator[str]:
    verdict = expected.member("verdict", Outcome)
    if verdict is not decision.outcome:
        why = "; ".join(decision.reasons) or ", ".join(decision.matched_rules)
        yield f"expected {verdict}, got {decision.outcome} ({why})"
    for name, got in (
        ("rules", frozenset(decision.matched_rules)),
        ("groups", frozenset(group.name for group in decision.groups)),
    ):
        wanted = expected.names(name)
        if wanted is not None and wanted != got:
            yield f"expected {name} {_listed(wanted)}, got {_listed(got)}"
    delay_s, waits_s = expected.whole_or_none("delay_s"), decision.not_before_s - facts.now_s
    if delay_s is not None and delay_s != waits_s:
        yield f"expected a delay of {delay_s} s, got {waits_s} s"
    reason = expected.text("reason", "")
    if reason and not any(reason in each for each in decision.reasons):
        yield f"expected a reason with {reason!r}, got {'; '.join(decision.reasons) or 'none'}"
    expected.require_empty()


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"
