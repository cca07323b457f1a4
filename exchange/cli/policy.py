"""mext policy: check, compare, explain, test and try out withdrawal policies. Reads files only, changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exchange.cli.exit_codes import FAILURE
from exchange.cli.serving import DEFAULT_HOME, HomeOption

if TYPE_CHECKING:
    from custody.primitives.asset import Asset
    from custody.withdrawals.facts import Ask, Facts
    from custody.withdrawals.rules import Policy
    from exchange.app.policy_desk import PolicyDesk

app = typer.Typer(
    help="Withdrawal policies: check, diff, explain, test, simulate. Reads files only, changes nothing.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
INVALID, DENIED = 2, 4
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A policy, YAML or JSON.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
BesideOption = Annotated[
    Path | None, typer.Option("--home", help="Installation whose people and assets are looked at too.")
]


@app.command()
def check(file: FileArgument, home: BesideOption = None, as_json: JsonOption = False) -> None:
    """Read and lint a policy; exit status 2 if anything is wrong. Every fault with its line and what to do."""
    from custody.withdrawals.errors import InvalidPolicy
    from custody.withdrawals.policy_file import policy_of
    from custody.withdrawals.policy_lint import find_faults
    from custody.withdrawals.written import read_written

    written = read_written(file, InvalidPolicy)
    policy = policy_of(written)
    faults = [*find_faults(policy), *(_desk(home).faults(policy) if home else ())]
    if as_json:
        shown = [
            {
                "line": written.line(each.path),
                "field": each.path,
                "code": each.code,
                "fault": each.text,
                "do": each.cure,
            }
            for each in faults
        ]
        print(json.dumps({"file": str(file), "version": policy.version, "faults": shown}, indent=2))
    else:
        for each in faults:
            print(f"{written.at(each.path)}: {each.text} [{each.code}]\n    {each.cure}")
        print(f"version {policy.version}, {len(policy.rules)} rules, {len(faults)} faults")
    raise typer.Exit(INVALID if faults else 0)


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD")],
    new: Annotated[Path, typer.Argument(metavar="NEW")],
    as_json: JsonOption = False,
) -> None:
    """Say in words what a new policy allows, forbids, tightens or loosens. Rule by rule."""
    from custody.withdrawals.policy_change import policy_digest
    from custody.withdrawals.policy_diff import differences
    from exchange.cli.columns import aligned

    before, after = _load(old), _load(new)
    found = differences(before, after)
    if as_json:
        shown = [{"way": each.way.value, "where": each.where, "text": each.text} for each in found]
        versions = {"old": before.version, "new": after.version, "new_digest": policy_digest(after).hex()}
        print(json.dumps({**versions, "differences": shown}, indent=2))
        return
    if found:
        print("\n".join(aligned([(each.way.value, each.where, each.text) for each in found])))
    print(f"version {before.version} -> {after.version}, {len(found)} differences, digest {policy_digest(after).hex()}")


@app.command()
def explain(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="A file with ask and facts, or the id of a withdrawal.")],
    file: Annotated[Path | None, typer.Option("--policy", help="A policy; else the one of the installation.")] = None,
    home: BesideOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say why one withdrawal is allowed, needs people or is blocked; exit status 4 if it is blocked."""
    from custody.withdrawals.explaining import explain as explained
    from custody.withdrawals.rules import Outcome
    from exchange.cli.policy_words import explanation_json, explanation_lines

    chosen = _policy(file, home)
    ask, facts = _asked(what, home, chosen)
    found = explained(ask, facts, chosen)
    if as_json:
        print(json.dumps(explanation_json(ask, facts, found), indent=2))
    else:
        print("\n".join(explanation_lines(ask, facts, found)))
    raise typer.Exit(DENIED if found.decision.outcome is Outcome.BLOCK else 0)


@app.command("test")
def run_table(
    file: FileArgument,
    cases: Annotated[Path, typer.Argument(metavar="CASES", help="Requests with the verdicts expected, YAML or JSON.")],
    home: BesideOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a table of cases against a policy; exit status 1 if one comes out otherwise."""
    from custody.withdrawals.policy_cases import InvalidCases, run_cases
    from custody.withdrawals.written import read_written

    results = run_cases(read_written(cases, InvalidCases), _assets(home), _load(file))
    failed = [each for each in results if each.problems]
    if as_json:
        shown = [
            {"name": each.name, "passed": not each.problems, "problems": list(each.problems),
             "verdict": each.decision.outcome.value, "reasons": list(each.decision.reasons)}
            for each in results
        ]  # fmt: skip
        print(json.dumps({"cases": shown, "failed": len(failed)}, indent=2))
    else:
        for each in failed:
            print("\n".join([f"FAILED {each.name}", *(f"    {problem}" for problem in each.problems)]))
        print(f"{len(results)} cases, {len(failed)} failed")
    raise typer.Exit(FAILURE if failed else 0)


@app.command()
def simulate(
    draft: Annotated[Path, typer.Argument(metavar="DRAFT", help="A policy, YAML or JSON.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Decide the past withdrawals of an installation again under a draft; show which would go otherwise."""
    from custody.withdrawals.simulating import simulate as simulated
    from exchange.cli.policy_words import verdict_json, verdict_lines

    chosen, past = _load(draft), _desk(home).past()
    verdicts = list(simulated(past, chosen))
    changed = [each for each in verdicts if each.is_changed]
    if as_json:
        shown: dict[str, Any] = {"decided": len(verdicts), "changed": [verdict_json(each) for each in changed]}
        print(json.dumps({"draft_version": chosen.version, **shown}, indent=2))
        return
    for each in changed:
        print("\n".join(verdict_lines(each)))
    print(f"{len(verdicts)} past decisions, {len(changed)} would go otherwise under version {chosen.version}")


def _load(file: Path) -> Policy:
    from custody.withdrawals.policy_file import load_policy

    return load_policy(file)


def _desk(home: Path) -> PolicyDesk:
    from exchange.app.home import Home
    from exchange.app.policy_desk import PolicyDesk

    return PolicyDesk(Home(home))


def _assets(home: Path | None) -> dict[str, Asset]:
    return {} if home is None else _desk(home).assets


def _policy(file: Path | None, home: Path | None) -> Policy:
    return _load(file) if file is not None else _desk(home or DEFAULT_HOME).policy()


def _asked(what: str, home: Path | None, policy: Policy) -> tuple[Ask, Facts]:
    """From a file if there is one of this name; else from the withdrawal of this id."""
    from custody.primitives.ids import WithdrawalId
    from custody.withdrawals.policy_cases import InvalidCases, told_request
    from custody.withdrawals.written import read_written

    if Path(what).is_file():
        return told_request(read_written(Path(what), InvalidCases), _assets(home), policy)
    past = _desk(home or DEFAULT_HOME).past_one(WithdrawalId(what))
    return past.ask, past.facts
