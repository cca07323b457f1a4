"""Withdrawals under load on every local chain: request to broadcast, and what became of each request.

    python -m benchmarks.withdrawals [--seconds 60] [--rate 50] [--burst 500] [--json]

Everything is the product: journalled holds, policy, two officers' signed approvals, signer processes over their
sockets, payments on the local chains. The officers are programs that approve at once, and the requests come from this
process, not over HTTP. Approval and signing are inside the measured time. No peer publishes a pipeline that can be run
here; the goals are the project's own (p50 1 s, p99 5 s, p99.9 10 s for account chains; UTXO chains wait for a batch).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import yaml

from custody.devnet.processes import free_port
from custody.primitives.amount import Amount
from custody.primitives.approval import Approval, Verdict
from custody.primitives.chain import Family
from custody.primitives.errors import ToolkitError
from custody.primitives.ids import CustomerId, Digest, IdempotencyKey
from custody.wallets.deposit import DepositState
from custody.withdrawals.request import WithdrawalRequest
from custody.withdrawals.states import WithdrawalState
from exchange.app.ceremony import STAFF
from exchange.app.compose import Installation
from exchange.app.custody_room import DEPOSIT_FLOORS
from exchange.app.local_chains import LOCAL_CHAINS, LocalChain
from exchange.app.provision import provision_contracts, provision_wallets
from exchange.cli.loop.outside import fresh_place, pay_from_outside, received
from exchange.cli.loop.staff import Staff
from exchange.cli.loop.world import World

GOALS_MS = {"p50": 1_000, "p99": 5_000, "p99.9": 10_000}
BURST_S = 10
SETTLE_TIMEOUT_S = 180
FUNDING_TIMEOUT_S = 600
FUNDINGS = 24
"""Deposits a chain, so that a UTXO wallet has coins for several payments at once."""
OPENS_ACCOUNT = {"XRP": 10**6}
"""Least first payment to a place that does not exist yet."""
FUNDING_REQUESTS = 1_000
"""Withdrawals that one deposit could pay."""
POLL_S = 0.02
CUSTOMER, HOUSE = CustomerId("load"), CustomerId("house")


class Bench:
    """One installation under load."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder, free_port())
        self.world.start_chains()
        ceremony = provision_wallets(self.world.home, self.world.chains)
        provision_contracts(self.world.home, self.world.chains, ceremony)
        self.world.chains.run_clock()
        self._widen_limits()
        self.world.begin_signers()
        self.world.await_signers()
        self.staff = Staff(self.world.home, STAFF[:2])
        self.installation = Installation.open(self.world.home)
        self.rooms = self.installation.rooms
        self.places = {row.symbol: fresh_place(row.chain) for row in LOCAL_CHAINS}
        self.asked: dict[str, tuple[str, int]] = {}  # withdrawal id -> (symbol, units)
        self.refused: Counter[str] = Counter()
        self._stopping = threading.Event()
        self._officers = threading.Thread(target=self._approve_all, daemon=True)
        self._officers.start()

    def close(self) -> None:
        self._stopping.set()
        self._officers.join()
        self.installation.close()
        self.world.close()

    def fund(self) -> None:
        """Give the customer enough of everything, in many deposits."""
        for row in LOCAL_CHAINS:
            for customer, times in ((HOUSE, 1), (CUSTOMER, FUNDINGS)):  # the house pays the chains' fees
                place, amount = self._place(row, customer), Amount(FUNDING_REQUESTS * asked_units(row), row.asset)
                for _ in range(times):
                    pay_from_outside(self.world.chains, place, amount)
        until = time.monotonic() + FUNDING_TIMEOUT_S
        while not all(self._is_funded(row) for row in LOCAL_CHAINS):
            if time.monotonic() > until:
                raise TimeoutError("deposits are not final")
            time.sleep(1)

    def _place(self, row: LocalChain, customer: CustomerId) -> dict[str, str]:
        memos = self.rooms.memo_desks.get(row.asset.chain)
        if memos is None:
            return {"address": self.rooms.address_desks[row.asset.chain].address_for(customer).text}
        address, memo = memos.place_for(customer)
        return {"address": address.text, "memo": memo}

    def _is_funded(self, row: LocalChain) -> bool:
        return len(self.rooms.deposits.in_states(row.asset.chain, [DepositState.FINAL])) == FUNDINGS + 1

    def ask(self, number: int) -> None:
        """Ask for one withdrawal, the chains in turn."""
        row = LOCAL_CHAINS[number % len(LOCAL_CHAINS)]
        amount = Amount(asked_units(row) + number * 10**row.exponent, row.asset)
        request = WithdrawalRequest(
            CUSTOMER, row.symbol, self.places[row.symbol], amount.text(), "", IdempotencyKey(f"load-{number}")
        )
        try:
            made = self.rooms.withdrawals.request(request, self.rooms.now_ms())
        except ToolkitError as error:
            self.refused[error.code] += 1
        else:
            self.asked[made.id] = (row.symbol, amount.units)

    def run(self, count: int, seconds: float, first: int) -> None:
        """Ask `count` times, evenly over `seconds`."""
        started = time.monotonic()
        for place in range(count):
            pause = started + place * seconds / count - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            self.ask(first + place)

    def wait_over(self) -> dict[str, int]:
        """Wait until nothing is open; the states of all requests."""
        until = time.monotonic() + SETTLE_TIMEOUT_S
        while True:
            states = Counter(self.rooms.withdrawals.get(each).state.value for each in self.asked)
            if states[WithdrawalState.SETTLED] == len(self.asked) or time.monotonic() > until:
                return dict(states)
            time.sleep(1)

    def report(self) -> dict[str, object]:
        """Latencies by kind of chain, and what arrived against what was asked."""
        families = {row.symbol: row.family for row in LOCAL_CHAINS}
        took: dict[str, list[int]] = {}
        for each, (symbol, _) in self.asked.items():
            paid = self.rooms.withdrawals.get(each)
            if paid.broadcast_at_ms is None:
                continue
            planned_ms = self.rooms.withdrawal_store.payment(paid.payment_id).opened_at_ms
            for name in ("UTXO chains" if families[symbol] is Family.UTXO else "account chains", symbol):
                took.setdefault(name, []).append(paid.broadcast_at_ms - paid.requested_at_ms)
            took.setdefault("request to plan", []).append(planned_ms - paid.requested_at_ms)
            took.setdefault("plan to broadcast", []).append(paid.broadcast_at_ms - planned_ms)
        wanted: Counter[str] = Counter()
        for symbol, units in self.asked.values():
            wanted[symbol] += units
        arrived = {row.symbol: received(self.world.chains, row.chain, self.places[row.symbol]) for row in LOCAL_CHAINS}
        return {
            "latency_ms": {name: quantiles(values) for name, values in sorted(took.items())},
            "wrong": {symbol: arrived[symbol] - units for symbol, units in wanted.items() if arrived[symbol] != units},
        }

    def _approve_all(self) -> None:
        store, service = self.rooms.withdrawal_store, self.rooms.withdrawals
        while not self._stopping.is_set():
            for each in store.withdrawals(frozenset({WithdrawalState.AWAITING_APPROVAL})):
                if store.approvals(each.id):
                    continue
                for vote in self.staff.sign(each.intent_hash, time.time_ns() // 10**9):
                    service.approve(
                        each.id,
                        Approval(
                            Digest(bytes.fromhex(vote["intent_hash"])),
                            vote["approver"],
                            Verdict.APPROVE,
                            vote["at_s"],
                            bytes.fromhex(vote["signature"]),
                        ),
                        self.rooms.now_ms(),
                    )
            self._stopping.wait(POLL_S)

    def _widen_limits(self) -> None:
        path = self.world.home.policy
        policy = yaml.safe_load(path.read_text())
        for rule in policy["rules"]:
            rule.pop("limits", None)
        path.write_text(yaml.safe_dump(policy, sort_keys=False))


def asked_units(row: LocalChain) -> int:
    """What one withdrawal asks for at least: twice what the house sends out and the chain opens an account with."""
    return 2 * max(row.asset.unit // 1_000, DEPOSIT_FLOORS.get(row.symbol, 0), OPENS_ACCOUNT.get(row.symbol, 0))


def quantiles(values: list[int]) -> dict[str, int]:
    """p50, p99, p99.9 and the largest, with the count."""
    ordered = sorted(values)
    at = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
    found = {name: ordered[min(len(ordered) - 1, int(share * len(ordered)))] for name, share in at.items()}
    return {"count": len(ordered), **found, "max": ordered[-1]}


def show(found: dict, load: str) -> None:
    print("request to broadcast, by kind of chain and by chain; and its two halves")
    print(f"{found['asked']} withdrawals over {len(LOCAL_CHAINS)} chains: {load}; all over after {found['seconds']} s")
    for name, row in found["latency_ms"].items():
        shown = "  ".join(f"{key} {value} ms" for key, value in row.items() if key != "count")
        print(f"{name:<18} {row['count']:>6}  {shown}")
    print(f"states {found['states']}; refused {found['refused']}")
    print(f"what arrived on chain against what was asked: {found['wrong'] or 'equal to the last unit'}")
    held = "held" if found["goal_held"] else "MISSED"
    print(f"goals (account chains p50 1 s, p99 5 s, p99.9 10 s; nothing lost, nothing doubled): {held}")


def main() -> int:
    """Run the steady load, then the burst."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=50, help="requests per second")
    parser.add_argument("--burst", type=int, default=500, help="requests within ten seconds afterwards; 0 for none")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mext-bench-") as folder:
        bench = Bench(Path(folder) / "home")
        try:
            bench.fund()
            print("funded; the load begins", file=sys.stderr, flush=True)
            started = time.monotonic()
            bench.run(options.rate * options.seconds, options.seconds, first=0)
            bench.run(options.burst, BURST_S, first=options.rate * options.seconds)
            states = bench.wait_over()
            took_s = time.monotonic() - started
            found = {"asked": len(bench.asked), "refused": dict(bench.refused), "states": states, **bench.report()}
        finally:
            bench.close()
    found["seconds"] = round(took_s, 1)
    lost = found["asked"] - states.get(WithdrawalState.SETTLED.value, 0)
    accounts = found["latency_ms"].get("account chains", {})
    found["goal_held"] = not lost and not found["wrong"] and all(accounts[k] <= most for k, most in GOALS_MS.items())
    if options.json:
        print(json.dumps(found))
        return 0
    show(found, f"{options.rate}/s for {options.seconds} s, then {options.burst} in {BURST_S} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
