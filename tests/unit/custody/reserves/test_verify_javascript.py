import json
import random

import pytest
from simulators.reserves_world import VECTORS, VERDICTS, javascript_verdicts, mutated_proofs, python_verdict, run_node

# Every case of the vector file, and 10,000 generated paths, in the modules that the browser loads.

GENERATED = """
import { rootFromInclusion } from "./verify.js";
import { hex, join, sha256, uint, unhex, utf8 } from "./verify_bytes.js";

async function drawn(seed, count) {
  const blocks = [];
  for (let n = 0; n < Math.ceil(count / 32); n += 1) blocks.push(await sha256(utf8(seed), uint(n, 8)));
  return join(blocks).slice(0, count);
}
const number = (raw) => BigInt(`0x${hex(raw)}`);

let digest = new Uint8Array(32);
for (let n = 0; n < Number(process.argv[2]); n += 1) {
  const raw = await drawn(`reserves case ${n}`, 32 * 12 + 16 * 9 + 5);
  const height = (raw[0] % 8) + 1;
  const body = raw.slice(5);
  const index = Number(number(raw.slice(1, 5)) % BigInt(2 ** height));
  const hashes = [...Array(12).keys()].map((at) => body.slice(32 * at, 32 * at + 32));
  const sums = [...Array(9).keys()].map((at) => number(body.slice(384 + 15 * at, 399 + 15 * at)));
  const hash = await sha256(Uint8Array.of(0), hashes[0], uint(index, 4), hashes[1], hashes[2], uint(sums[0], 16));
  const siblings = [...Array(height).keys()].map((at) => ({ hash: hashes[3 + at], sum: sums[1 + at] }));
  const top = await rootFromInclusion({ hash, sum: sums[0] }, index, siblings);
  digest = await sha256(digest, top.hash, uint(top.sum, 16));
}
console.log(JSON.stringify(hex(digest)));
"""

PARTS = """
import { canonicalJson, parseStrict } from "./verify_json.js";
import { listedAssets, quantaOf, verifyProof } from "./verify.js";
const outcomes = {};
async function note(name, work) {
  try { outcomes[name] = String(await work()); } catch (error) { outcomes[name] = error.code ?? `crash: ${error}`; }
}
const bytes = (text) => new TextEncoder().encode(text);
await note("0.5", () => quantaOf("0.5", 8));
await note("1", () => quantaOf("1", 18));
await note("too fine", () => quantaOf("0.000000001", 8));
await note("comma", () => quantaOf("0,5", 8));
await note("exponent", () => quantaOf("1e3", 8));
await note("point without digits", () => quantaOf("1.", 8));
await note("long text", () => parseStrict(bytes(`{"a":"${"x".repeat(8_000_000)}"}`)).a.length);
await note("long number", () => parseStrict(bytes(`{"a":${"1".repeat(8_000_000)}}`)));
await note("too long", () => parseStrict(new Uint8Array(8 * 1024 * 1024 + 1)));
await note("not UTF-8", () => parseStrict(Uint8Array.of(0xff, 0xfe)));
await note("encoded surrogate", () => parseStrict(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22)));
await note("canonical", () => canonicalJson(parseStrict(bytes('{"b":[1,true,null],"a":"\\u00e9\\\\n"}'))));
await note("figure as number", () => verifyProof("{}", "a", { x: 1 }, null));
await note("listed", () => JSON.stringify(listedAssets(
  '{"format":"por-proof/1","audit_key":"","claims":[],"statement":{"header":{"assets":[{"id":"A","decimals":8},5]}}}')));
console.log(JSON.stringify(outcomes));
"""


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    return javascript_verdicts(tmp_path_factory.mktemp("verifier"))


@pytest.mark.parametrize("number", range(len(VECTORS["cases"])), ids=lambda n: VECTORS["cases"][n]["name"])
def test_vector_ends_as_written(verdicts, number):
    assert verdicts[number] == VECTORS["cases"][number]["want"]


@pytest.mark.parametrize("anchored", [True, False])
def test_both_verifiers_agree_on_three_thousand_bent_files(tmp_path, anchored):
    honest = next(case for case in VECTORS["cases"] if case["name"] == "honest")
    trusted = honest["trusted"] if anchored else None
    bent = mutated_proofs(honest["proof"], 3_000, random.Random(7))
    cases = [{**honest, "proof": proof, "trusted": trusted} for proof in bent]
    (tmp_path / "cases.json").write_text(json.dumps({"cases": cases}))
    python = [python_verdict(case) for case in cases]
    javascript = javascript_verdicts(tmp_path, tmp_path / "cases.json")
    assert [trio for trio in zip(python, javascript, cases, strict=True) if trio[0] != trio[1]] == []
    assert sum(verdict not in VERDICTS for verdict in python) > 2_700
    assert len(set(python)) > 8


def test_generated_paths_lead_to_the_same_roots(tmp_path):
    assert run_node(tmp_path, GENERATED, str(VECTORS["generated"]["count"])) == VECTORS["generated"]["chained"]


def test_parts(tmp_path):
    assert run_node(tmp_path, PARTS, "") == {
        "0.5": "50000000",
        "1": "1" + "0" * 18,
        "too fine": "invalid_amount",
        "comma": "invalid_amount",
        "exponent": "invalid_amount",
        "point without digits": "invalid_amount",
        "long text": "8000000",
        "long number": "reserves_unusable",
        "too long": "reserves_too_large",
        "not UTF-8": "reserves_unusable",
        "encoded surrogate": "reserves_unusable",
        "canonical": '{"a":"\u00e9\\n","b":[1,true,null]}',
        "figure as number": "invalid_amount",
        "listed": '[{"id":"A","decimals":8}]',
    }
