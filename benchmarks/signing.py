"""Signatures of a signer: EVM intents judged and signed, and two of three keys in SoftHSM2, beside bare libsecp256k1.

    python -m benchmarks.signing [--count 1000] [--json]

Each request is a withdrawal of its own with two approvals: wire form in, own decoder, judgement, quorum, memory on
this disk, signature verified before release, wire form out. The socket is left out. CPU time of one thread, and beside
it wall time, which holds the disk's syncs. The peer only signs a digest: the rest is what the checking costs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from custody.chains.evm.codec import SafeCodec
from custody.chains.evm.params import ETHEREUM_LOCAL
from custody.chains.evm.plan import SafeState, SenderState
from custody.chains.evm.wallet import Owner, SafeWallet
from custody.keys import ecdsa, ed25519
from custody.keys.material import Curve, PublicKey, SigningRequest
from custody.keys.token import Token, TokenPlace
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.approval import Approval, Verdict, approval_message
from custody.primitives.clock import FixedClock
from custody.primitives.encoding import Json, canonical_json
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferIntent, intent_hash
from custody.primitives.secret import Secret
from custody.signers.key_holders import KeyHolder, TokenHolder
from custody.signers.keyring import Keyring
from custody.signers.memory import Memory
from custody.signers.registration import parse_wallet
from custody.signers.registry import family_of
from custody.signers.rules import parse_rules
from custody.signers.service import SignerService
from custody.signers.token_file import TokenEntry, TokenFile
from custody.signers.wire import encode_request

GOALS = {"EVM intents judged and signed": 1_000, "SoftHSM2 2 of 3, verified": 300}
"""A second, on one core."""
NOW_S = 1_800_000_000
PATH, SENDER_PATH = "m/44h/60h/0h/0/0", "m/44h/60h/9h/0/0"
SEEDS = tuple(Secret(bytes([number]) * 64) for number in (1, 2, 3))
PEOPLE = {name: Secret(bytes([number]) * 32) for number, name in enumerate(("ann", "ben"), start=1)}
CHAIN, NATIVE = ETHEREUM_LOCAL.chain.id, ETHEREUM_LOCAL.native
TO, UNITS, FEE_MAX, ROUNDS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", 10**12, 10**16, 3
SOFTHSM, PIN = Path("/usr/lib/softhsm/libsofthsm2.so"), Secret(b"13572468")


def rules(name: str) -> bytes:
    """A signer's rules: both people, no cap that this benchmark would meet."""
    roster: list[Json] = [
        {
            "approver": each,
            "public_key": ed25519.public_key(key).raw.hex(),
            "person": each,
            "organisation": "house",
        }
        for each, key in PEOPLE.items()
    ]
    return canonical_json(
        {
            "format": "mext/signer-rules/1",
            "name": name,
            "version": 1,
            "frozen": False,
            "roster": roster,
            "quorum": {"threshold": 2, "max_age_s": 86_400, "min_organisations": 1},
            "wallet_quorums": {},
            "destinations": {},
            "own_moves": [],
            "fee_caps": {CHAIN: str(FEE_MAX)},
            "buckets": {NATIVE.key: {"capacity": str(10**24), "refill_per_hour": "0"}},
        }
    )


def wallet_of(keys: Sequence[PublicKey]) -> SafeWallet:
    """A Safe, 2 of 3."""
    sender = Keyring(SEEDS[0]).public_key(SENDER_PATH, Curve.SECP256K1)
    return SafeWallet("hot", ETHEREUM_LOCAL, tuple(Owner(PATH, key) for key in keys), 2, 0, sender)


def signer(folder: Path, name: str, keys: Secret | KeyHolder, wallet: SafeWallet) -> SignerService:
    """A signer with a memory on disk."""
    memory = Memory.create(folder / f"{name}.sqlite")
    service = SignerService(parse_rules(rules(name)), Keyring(keys), memory, FixedClock(NOW_S))
    stored: dict[str, Json] = {**wallet.registration(), "our_paths": {"member": PATH}, "roles": ["member"]}
    service.serve(parse_wallet(canonical_json(stored)), family_of("evm"))
    return service


def requests_for(wallet: SafeWallet, count: int) -> list[dict[str, object]]:
    """Approved withdrawals, each with a nonce of its own, in wire form."""
    codec, made = SafeCodec(wallet), []
    for number in range(count):
        intent = TransferIntent(
            WithdrawalId(f"w{number}"),
            Address(CHAIN, TO),
            Amount(UNITS + number, NATIVE),
            Amount(FEE_MAX, NATIVE),
            "",
            1,
            "00" * 16,
            NOW_S + 600,
        )
        sender = SenderState(number, 10**18, 10**9, 3 * 10**9)
        need = codec.next_need(codec.plan([intent], SafeState({NATIVE.key: 10**18}, number, sender), ()), ())
        if need is None:
            raise RuntimeError("a fresh plan needs signatures")
        asked = SigningRequest(CHAIN, wallet.id, need.role, need.payload, (intent,), approvals(intent))
        made.append({"op": "sign", "request": encode_request(asked)})
    return made


def approvals(intent: TransferIntent) -> tuple[Approval, ...]:
    """Both people say yes."""
    hashed = intent_hash(intent)
    return tuple(
        Approval(
            hashed,
            name,
            Verdict.APPROVE,
            NOW_S,
            ed25519.sign(key, approval_message(hashed, name, Verdict.APPROVE, NOW_S)),
        )
        for name, key in PEOPLE.items()
    )


def answer(service: SignerService, message: dict[str, object]) -> None:
    """Ask, and stop unless it signed."""
    told = service.answer(message)
    if not told["ok"]:
        raise RuntimeError(f"the signer refused: {told}")


def rates(act: Callable[[int], object], count: int) -> dict[str, int]:
    """The best of some rounds, a second of CPU time and of wall time; round n works on its own numbers."""
    found = []
    for turn in range(ROUNDS):
        cpu, wall = time.process_time(), time.perf_counter()
        for number in range(turn * count, (turn + 1) * count):
            act(number)
        found.append((count / (time.process_time() - cpu), count / (time.perf_counter() - wall)))
    return {"cpu": round(max(each[0] for each in found)), "wall": round(max(each[1] for each in found))}


def softhsm(folder: Path) -> list[TokenHolder]:
    """Three tokens with a key each."""
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    names = ("alice", "ben", "carol")
    for name in names:
        command = ["softhsm2-util", "--init-token", "--free", "--label", name, "--so-pin", "87654321"]
        subprocess.run([*command, "--pin", PIN.reveal().decode()], check=True, capture_output=True)
    holders = []
    for name in names:
        token = Token.open(TokenPlace(SOFTHSM, name), PIN, writable=True)
        public = token.generate("evm", Curve.SECP256K1)
        holders.append(TokenHolder(TokenFile(token.place, {PATH: TokenEntry("evm", public)}), token))
    return holders


def measure(folder: Path, count: int) -> dict[str, dict[str, int]]:
    """All rows."""
    digests = [number.to_bytes(32, "big") for number in range(ROUNDS * count)]
    secret = Secret(b"\x01" * 32)
    rows = {"coincurve, a digest signed (peer)": rates(lambda n: ecdsa.sign_recoverable(secret, digests[n]), count)}
    wallet = wallet_of([Keyring(seed).public_key(PATH, Curve.SECP256K1) for seed in SEEDS])
    alone, asked = signer(folder, "alice", SEEDS[0], wallet), requests_for(wallet, ROUNDS * count)
    rows["EVM intents judged and signed"] = rates(lambda n: answer(alone, asked[n]), count)
    if shutil.which("softhsm2-util") is None:
        return rows
    holders = softhsm(folder)
    keys = [holder.key(PATH, PATH, Curve.SECP256K1) for holder in holders]
    rows["SoftHSM2 2 of 3, verified"] = rates(lambda n: [key.sign(digests[n]) for key in keys[:2]], count)
    wallet = wallet_of([key.public for key in keys])
    pair = [signer(folder, f"token-{n}", holder, wallet) for n, holder in enumerate(holders[:2])]
    asked = requests_for(wallet, ROUNDS * count)
    rows["EVM intents by two such signers"] = rates(lambda n: [answer(each, asked[n]) for each in pair], count)
    return rows


def main() -> int:
    """Sign, print, compare with the goals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000, help="signatures a round")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="signing-") as folder:
        rows = measure(Path(folder), options.count)
    held = all(name in rows and rows[name]["cpu"] >= goal for name, goal in GOALS.items())
    if options.json:
        print(json.dumps({"per_second": rows, "goals": GOALS, "goal_held": held}))
        return 0
    for name, found in rows.items():
        goal = f" (goal {GOALS[name]:,})" if name in GOALS else ""
        print(f"{name:<34} {found['cpu']:>7,} a second of CPU, {found['wall']:>7,} of wall{goal}")
    if "SoftHSM2 2 of 3, verified" not in rows:
        print("SoftHSM2 is missing: apt-get install softhsm2")
    print(f"goals: {'held' if held else 'MISSED'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
