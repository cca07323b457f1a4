"""Step of the reserves: a statement over all books and wallets, one proof that holds, forged ones that do not."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from custody.chains.registry import chain_row
from custody.keys.passphrase import read_passphrase
from custody.primitives.chain import ChainId
from custody.primitives.clock import SystemClock
from custody.primitives.errors import InvalidInput, VerificationFailed
from custody.reserves.ownership import OwnershipClaim, OwnershipEvidence
from custody.reserves.verify import verify_file
from custody.signers.ownership import ownership_digest
from custody.signers.owning import own_with_seed
from exchange.app.blueprint import load_blueprint
from exchange.app.home import Home
from exchange.app.keyholders import open_seed
from exchange.app.reserving import as_evidence, ownership_request
from exchange.app.wallets import registration_of
from exchange.cli.loop.money import expect
from exchange.cli.loop.report import Report, Step
from exchange.cli.loop.staff import Staff
from exchange.cli.loop.world import World
from exchange.settlement.reserves import OwnedPlace

CUSTOMER = "ada"
COLD = "cold"


def reserves(world: World, report: Report, step: Step, staff: Staff) -> None:
    """Draft, sign hot and cold, publish on chain, verify one customer's proof offline, refuse forgeries."""
    draft = world.client.post("/reserves/drafts")
    claims = [(OwnedPlace(c["wallet_id"], c["tier"], c["address"]), _claim(c)) for c in draft["claims"]]
    at_s = SystemClock().now_s()
    approvals = [
        approval
        for place, claim in claims
        if place.tier != COLD
        for approval in staff.sign(ownership_digest(ownership_request(place, claim)), at_s)
    ]
    cold = [piece.json() | {"script": piece.script} for piece in cold_room(world.home, claims)]
    body = {"seq": draft["seq"], "approvals": approvals, "evidence": cold}
    published = world.client.post("/reserves/statements", body)
    proof = world.client.get(f"/reserves/proofs/{CUSTOMER}")
    folder = world.home.folder / "customer"
    folder.mkdir(exist_ok=True)
    digest = published["digest"]
    expected = {claim["asset"]: sum(int(s["amount"]) for s in claim["shards"]) for claim in proof["claims"]}
    verdict = verify_file(_write(folder / "proof.json", proof), CUSTOMER, expected, digest)
    refused = [_refusal(folder, forged, expected, digest) for forged in _forgeries(proof)]
    below = {asset: ratio for asset, ratio in published["statement"]["ratio_ppm"].items() if int(ratio) < 1_000_000}
    report.reserves = {
        "seq": draft["seq"],
        "root": published["statement"]["liabilities"][0]["root"],
        "statement_digest": digest,
        "anchor": published["anchor"],
        "ratio_ppm": published["statement"]["ratio_ppm"],
        "proof_ok": verdict.code == "verified",
        "forged_refused": all(refused),
        "forgeries": [code or "ACCEPTED" for code in refused],
    }
    expect(verdict.code == "verified", f"the proof of {CUSTOMER} is {verdict.code}")
    expect(all(refused), "a forged proof was accepted")
    expect(not below, f"reserves below liabilities: {below}")
    step.evidence = (
        f"statement {draft['seq']} anchored at {published['anchor']}, {len(claims)} places signed; "
        f"proof of {CUSTOMER} verified; forged refused: {', '.join(str(code) for code in refused)}"
    )


def cold_room(home: Home, claims: list[tuple[OwnedPlace, OwnershipClaim]]) -> list[OwnershipEvidence]:
    """Open as many cold keys as the threshold asks, and sign the texts of the cold wallets, and nothing else."""
    specs = {spec.id: spec for spec in load_blueprint(home.blueprint).wallets}
    passphrase = read_passphrase(home.passphrase)
    names = {m.signer for spec in specs.values() if spec.tier == COLD for m in spec.members[: spec.threshold]}
    with ThreadPoolExecutor(max_workers=2) as pool:  # stretching a passphrase releases the interpreter lock
        opened = pool.map(lambda name: open_seed(home.keystore(name), passphrase), sorted(names))
    seeds = dict(zip(sorted(names), opened, strict=True))
    made = []
    for place, claim in claims:
        if place.tier == COLD:
            spec = specs[place.wallet_id]
            signed = [
                own_with_seed(
                    registration_of(spec),
                    {"member": member.path},
                    seeds[member.signer],
                    ownership_request(place, claim),
                    SystemClock().now_s(),
                )
                for member in spec.members[: spec.threshold]
            ]
            made.append(as_evidence(claim, chain_row(ChainId(spec.chain)).family, signed))
    return made


def _claim(shown: dict[str, Any]) -> OwnershipClaim:
    names = ("exchange", "seq", "ctx", "chain", "address", "nonce", "expires")
    return OwnershipClaim(**{name: shown[name] for name in names})


def _forgeries(proof: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Proofs that must be refused: less money, a lowered sum on the path, another total."""
    understated, lowered, total = copy.deepcopy(proof), copy.deepcopy(proof), copy.deepcopy(proof)
    shard = understated["claims"][0]["shards"][0]
    shard["amount"] = str(int(shard["amount"]) - 1)
    sibling = lowered["claims"][0]["shards"][0]["path"][-1]
    sibling[1] = str(int(sibling[1]) + 1)
    row = total["statement"]["liabilities"][0]
    row["total"] = str(int(row["total"]) - 1)
    yield from (understated, lowered, total)


def _refusal(folder: Path, forged: dict[str, Any], expected: dict[str, int], digest: str) -> str:
    try:
        verify_file(_write(folder / "forged.json", forged), CUSTOMER, expected, digest)
    except (VerificationFailed, InvalidInput) as error:
        return error.code
    return ""


def _write(path: Path, document: dict[str, Any]) -> Path:
    path.write_text(json.dumps(document))
    return path
