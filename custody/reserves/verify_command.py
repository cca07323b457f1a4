r"""The verifier as a program: `python -m custody.reserves.verify`, or the one file of `single_file`.

Exit status: 0 verified; 2 the question or the file is unusable; 3 not proven, or no trusted digest was given;
8 proven, but the statement itself states a ratio below 1. With --json one document on stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from custody.primitives.errors import InvalidAmount, InvalidInput, VerificationFailed
from custody.reserves.verify import EXIT_NOT_PROVEN, VerifyReport, verify_file

EXIT_UNUSABLE = 2
_MAX_AMOUNT_CHARS = 80
NOT_PROVEN_NOTE = (
    "Not proven: any other date than the cut-off, debts outside the books, customers who do not check, "
    "and what the exchange holds."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    options = _parser().parse_args(arguments)
    try:
        report = verify_file(options.proof, options.account, _balances(options.balance), options.digest)
    except (InvalidInput, VerificationFailed) as error:
        status = EXIT_UNUSABLE if isinstance(error, InvalidInput) else EXIT_NOT_PROVEN
        document = {"verdict": "refused", "code": error.code, "message": error.message, "exit": status}
        _say(options.json, document, [f"NOT VERIFIED ({error.code}): {error.message}"])
        return status
    _say(options.json, _document(report), _lines(report))
    return report.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mext-por-verify",
        description="Check that a statement of reserves counts what you are owed. Works offline.",
        epilog=NOT_PROVEN_NOTE,
    )
    parser.add_argument("proof", type=Path, help="your proof file (por-proof/1)")
    parser.add_argument("--account", required=True, help="your account, as you know it")
    parser.add_argument(
        "--balance", action="append", default=[], metavar="ASSET=UNITS", help="what you are owed, in ledger quanta"
    )
    parser.add_argument("--digest", help="statement digest you trust: from the registry on chain or the log")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    return parser


def _balances(texts: Sequence[str]) -> dict[str, int]:
    expected = dict(_balance(text) for text in texts)
    if len(expected) != len(texts):
        raise InvalidInput("one asset is named twice")
    return expected


def _balance(text: str) -> tuple[str, int]:
    asset_id, separator, units = text.rpartition("=")
    if not (separator and asset_id and len(units) <= _MAX_AMOUNT_CHARS and units.isascii() and units.isdigit()):
        raise InvalidAmount(f"{text[:100]!r}: not ASSET=UNITS with a whole number of ledger quanta")
    return asset_id, int(units)


def _document(report: VerifyReport) -> dict[str, object]:
    return {
        "verdict": report.code,
        "code": report.code,
        "exit": report.exit_code,
        "statement_digest": report.statement_digest,
        "exchange": report.exchange,
        "seq": report.seq,
        "cutoff": report.cutoff,
        "assets": [
            {"asset": row.asset_id, "proven": str(row.proven), "expected": _text_or_none(row.expected)}
            for row in report.assets
        ],
        "not_proven": NOT_PROVEN_NOTE,
    }


def _lines(report: VerifyReport) -> list[str]:
    head = {
        "verified": "VERIFIED: your balances are counted in the statement you trust.",
        "ratio_below_one": "VERIFIED, but the statement itself states reserves below liabilities.",
    }.get(report.code, "NOT VERIFIED: without --digest the file only agrees with itself.")
    rows = [
        f"  {row.asset_id}: proven {_coins(row.proven, row.decimals)}"
        + ("" if row.expected is None else f", expected at least {_coins(row.expected, row.decimals)}")
        for row in report.assets
    ]
    place = f"{report.exchange}, statement {report.seq}, cut-off {report.cutoff}, digest {report.statement_digest}"
    return [head, place, *rows, NOT_PROVEN_NOTE]


def _coins(units: int, decimals: int) -> str:
    whole, part = divmod(units, 10**decimals)
    return f"{whole}.{part:0{decimals}d}" if decimals else str(whole)


def _text_or_none(units: int | None) -> str | None:
    return None if units is None else str(units)


def _say(as_json: bool, document: dict[str, object], lines: Sequence[str]) -> None:  # noqa: FBT001 - private
    text = json.dumps(document, indent=2) if as_json else "\n".join(lines)
    sys.stdout.write(text + "\n")
