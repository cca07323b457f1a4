"""Deposit addresses per second and core: 2-of-3 witness scripts on Bitcoin, accounts on an EVM chain.

    python -m benchmarks.addresses [--count 5000] [--json]

Every index is derived once, so no memory of an earlier one helps. CPU time of one thread, best of three rounds; no
peer derives the same two kinds, so the goals are the project's own.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

from custody.chains.evm.deposit import DepositBranch
from custody.chains.utxo.params import BITCOIN_REGTEST
from custody.chains.utxo.wallet import RECEIVE, KeyOrigin, UtxoWallet
from custody.keys.hd import PrivateNode
from custody.keys.xkeys import encode_xpub
from custody.primitives.secret import Secret

ROUNDS = 3
GOALS = {"P2WSH 2-of-3": 2_000, "EVM": 10_000}
"""Addresses a second on one core."""
PATHS = {"P2WSH 2-of-3": "m/48h/1h/0h/2h", "EVM": "m/44h/60h/0h"}


def origin(number: int) -> KeyOrigin:
    """Key of a made-up cosigner."""
    root = PrivateNode.from_seed(Secret(bytes([number]) * 32))
    node = root.derive(PATHS["P2WSH 2-of-3"]).public()
    text = f"[{root.public().fingerprint().hex()}{PATHS['P2WSH 2-of-3'][1:]}]"
    return KeyOrigin.parse(text + encode_xpub(node, BITCOIN_REGTEST.key_network))


def rate(derive: Callable[[int], object], first: int, count: int) -> float:
    """Addresses a second of CPU time."""
    started = time.process_time()
    for index in range(first, first + count):
        derive(index)
    return count / (time.process_time() - started)


def main() -> int:
    """Derive, print, compare with the goals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000, help="addresses of each kind and round")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    window = ROUNDS * options.count
    wallet = UtxoWallet("hot", BITCOIN_REGTEST, 2, tuple(origin(number) for number in (1, 2, 3)), window)
    account = PrivateNode.from_seed(Secret(bytes(32))).derive(PATHS["EVM"]).public()
    branch = DepositBranch(PATHS["EVM"], encode_xpub(account, BITCOIN_REGTEST.key_network), window)
    kinds: dict[str, Callable[[int], object]] = {
        "P2WSH 2-of-3": lambda index: wallet.address(RECEIVE, index),
        "EVM": branch.address,
    }
    rates = {
        name: round(max(rate(derive, turn * options.count, options.count) for turn in range(ROUNDS)))
        for name, derive in kinds.items()
    }
    held = all(rates[name] >= goal for name, goal in GOALS.items())
    if options.json:
        print(json.dumps({"addresses_per_second": rates, "goals": GOALS, "goal_held": held}))
        return 0
    for name, found in rates.items():
        print(f"{name:<14} {found:>8,} addresses a second (goal {GOALS[name]:,})")
    print(f"goals: {'held' if held else 'MISSED'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
