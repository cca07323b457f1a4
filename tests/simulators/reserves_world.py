# The world of vector B and the two verifiers side by side: Python in this process, JavaScript under Node.
import json
import shutil
import subprocess
from pathlib import Path

from custody.primitives.errors import ToolkitError
from custody.primitives.secret import Secret
from custody.reserves.builder import BuildPlan, LiabilityRow, LiabilitySnapshot, build_statement
from custody.reserves.statement import ChainPoint, Header, HeaderAsset, LedgerPoint
from custody.reserves.verify import verify_proof

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "exchange" / "web" / "static"
VECTORS = json.loads((ROOT / "tests" / "vectors" / "reserves.json").read_text())
VERDICTS = ("verified", "not_anchored", "ratio_below_one")
MASTER = Secret(bytes(range(32)))
BTC = "bip122:000000000019d6689c085ae165831e93/slip44:0"
ETH = "eip155:1/slip44:60"
BITCOIN = "bip122:000000000019d6689c085ae165831e93"
HEADER = Header(
    "example.com",
    12,
    "2026-01-31T00:00:00Z",
    LedgerPoint(918_273_645, "aa" * 32),
    (HeaderAsset(BTC, 8), HeaderAsset(ETH, 18)),
    (ChainPoint(BITCOIN, 934_512, "00" * 32),),
)
ROWS = tuple(
    [LiabilityRow(0, f"u{i}@x", 10**8 + i) for i in range(11)]
    + [LiabilityRow(1, f"u{i}@x", 5 * 10**18 + i) for i in range(1, 11, 2)]
)
PLAN = BuildPlan(3, {(0, "u3@x"): (60_000_000, 40_000_003)})
OWED = {BTC: 100_000_003, ETH: 5 * 10**18 + 3}


def snapshot_of(rows, assets=2):
    totals = tuple(sum(row.units for row in rows if row.ix == ix) for ix in range(assets))
    return LiabilitySnapshot(918_273_645, "aa" * 32, tuple(rows), totals)


def vector_b():
    return build_statement(snapshot_of(ROWS), HEADER, MASTER, plan=PLAN)


def bytes_of(proof):
    return json.dumps(proof, separators=(",", ":")).encode()


def python_verdict(case):
    expected = {asset: int(units) for asset, units in case["expected"].items()}
    try:
        return verify_proof(case["proof"].encode(), case["account"], expected, case["trusted"]).code
    except ToolkitError as error:
        return error.code


def run_node(folder, program, argument):
    # A copy of the modules beside a package.json that calls them modules, as a browser's script tag does.
    for source in STATIC.glob("verify*.js"):
        shutil.copy(source, folder)
    (folder / "package.json").write_text('{"type":"module"}')
    (folder / "program.js").write_text(program)
    run = subprocess.run(
        ["node", folder / "program.js", argument], capture_output=True, text=True, timeout=120, check=False
    )
    if run.returncode:
        raise AssertionError(run.stderr)
    return json.loads(run.stdout)


JUDGE_CASES = """
import { readFileSync } from "node:fs";
import { verifyProof, VerifyError } from "./verify.js";
const verdicts = [];
for (const c of JSON.parse(readFileSync(process.argv[2])).cases) {
  const expected = Object.fromEntries(Object.entries(c.expected).map(([id, units]) => [id, BigInt(units)]));
  try {
    verdicts.push((await verifyProof(c.proof, c.account, expected, c.trusted)).code);
  } catch (error) {
    verdicts.push(error instanceof VerifyError ? error.code : `crash: ${error.stack}`);
  }
}
console.log(JSON.stringify(verdicts));
"""


def javascript_verdicts(folder, cases=ROOT / "tests" / "vectors" / "reserves.json"):
    return run_node(folder, JUDGE_CASES, cases)


ODD_VALUES = (
    None, True, False, 0, 1, 2, 3, 16, 2**32, 2**53 - 1, 2**53, -1, 1.0, 1.5, "", "0", "00", "1", "-1", "1e8", "x", "\u00e9",
    "\U0001f600", "00" * 32, "AA" * 32, str(2**120), str(2**120 - 1), [], [[]], {}, {"__proto__": 1}, ["00" * 32, "0"],
)  # fmt: skip
ODD_BYTES = (
    b"",
    b'"',
    b"\\",
    b"{",
    b"]",
    b",",
    b":",
    b"0",
    b"-",
    b".5",
    b"e1",
    b"\xff",
    b"\xc3\xa9",
    b"\n",
    b"\x01",
    b"\\ud800",
)


def mutated_proofs(base, count, draw):
    # So many files near an honest one: one value replaced or removed, or a few bytes of the text.
    for number in range(count):
        document = json.loads(base)
        if number % 3 == 0:
            raw = base.encode()
            at = draw.randrange(len(raw))
            bent = raw[:at] + draw.choice(ODD_BYTES) + raw[at + draw.randrange(3) :]
            yield bent.decode(errors="replace")
            continue
        target, last = draw.choice(list(_places(document)))
        if number % 3 == 1:
            target[last] = draw.choice(ODD_VALUES)
        else:
            del target[last]
        yield json.dumps(document, ensure_ascii=draw.random() < 0.5)


def _places(value):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)
