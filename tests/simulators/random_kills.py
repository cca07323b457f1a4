"""SIGKILL at random moments: service, signers and sender of a live installation die and come back while it pays.

    PYTHONPATH=.:tests python -m simulators.random_kills --seed 1 --seconds 300 --withdrawals 60

Rules:
    * Nothing is faked: local nodes, real processes, real kills; what dies is started again, as a supervisor does it,
      also while another part is still down.
    * The seed gives the requests and the plan of kills. Processes run as fast as the machine lets them, so that the
      same seed meets other moments each time: a run that fails is kept (`--home`), not replayed.
    * Half of the kills aim at the second after approvals, where bytes are signed, stored and sent.
    * The verdict asks the chain, the books and the memory of every signer, never the log of what was done.

Example:
    kills = RandomKills(live, seed=1)
    kills.run(seconds=30, count=10)
    assert kills.problems() == []
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx
from simulators.installation import Balance, LiveInstallation, Payment, units

from custody.devnet.processes import Launch, NodeProcess
from custody.signers import audit
from custody.signers.home import SignerHome
from custody.withdrawals.states import ENDED
from exchange.app.ceremony import SENDER, SIGNERS
from exchange.cli.loop.money import CHAIN_OF, FLOATS
from exchange.cli.loop.outside import fresh_place
from exchange.journal.verify import verify_journal

SERVICE = "service"
CHAINS = frozenset({"bitcoin-regtest", "ethereum-local"})
FUNDS = {
    ("ada", "BTC"): "2",
    ("ben", "ETH"): "40",
    ("dora", "BTC"): "1",
    ("gina", "BTC"): "1",
    ("eve", "ETH"): "20",
    ("cleo", "SOL"): "90",
    ("gus", "TRX"): "9000",
    ("hana", "XRP"): "9000",
    ("ivo", "BNB"): "40",
    ("judy", "LTC"): "90",
    ("kim", "DOGE"): "90000",
    **{("house", symbol): amount for _, symbol, amount in FLOATS},
}
SMALLEST = {"BTC": 1, "ETH": 1, "SOL": 10, "TRX": 1_000, "XRP": 1_200, "BNB": 1, "LTC": 10, "DOGE": 1_500}
"""Smallest withdrawal, in hundredths of a coin; the largest is twice that."""
MILLIONTHS = 10**6
SERVICE_LIFE_S = 15.0
SIGNER_LIFE_S = 25.0
DOWN_S = 1.5
AIMED_S = 1.2
AIMED_AT_SERVICE, AIMED_AT_SIGNERS = 0.6, 0.4
POLL_S = 0.05
KILLER_POLL_S = 0.005
END_TIMEOUT_S = 300
OVER = frozenset(state.value for state in ENDED)


@dataclass(slots=True)
class Kept:
    """A process that is killed and comes back."""

    launch: Launch
    life_s: float
    process: NodeProcess | None = None
    die_at: float = 0.0
    back_at: float = 0.0

    @property
    def name(self) -> str:
        """Its name in counts and logs."""
        return self.launch.name


@dataclass(slots=True)
class Asked:
    """A withdrawal that somebody wants; asked under its key until the service has named its id."""

    key: str
    customer: str
    symbol: str
    amount: str
    to: str
    id: str = ""

    @property
    def body(self) -> dict[str, str]:
        """What is sent."""
        return {"customer": self.customer, "asset": self.symbol, "to": self.to, "amount": self.amount}

    @property
    def payment(self) -> Payment:
        """What must arrive."""
        return Payment(self.id, self.symbol, self.to, units(self.symbol, self.amount))


class RandomKills:
    """One run over a provisioned and funded installation."""

    def __init__(self, live: LiveInstallation, seed: int) -> None:
        self.live = live
        self.killed: Counter[str] = Counter()
        self.asked: list[Asked] = []
        self._random = Random(seed)
        lives = {name: (live.signer_launch(name), SIGNER_LIFE_S) for name in (*SIGNERS, SENDER)}
        lives[SERVICE] = live.world.service_launch(), SERVICE_LIFE_S
        self._kept = {name: Kept(*each) for name, each in lives.items()}
        self._customers = [(who, symbol) for who, symbol in FUNDS if who != "house" and symbol in live.symbols]
        self._before: dict[tuple[str, str], Balance] = {}
        self._settled: list[Payment] = []

    def run(self, seconds: float, count: int) -> None:
        """Ask `count` times within `seconds` of kills; then let everything come up and every request end."""
        self._before = {each: self.live.balance(*each) for each in self._customers}
        self.live.stop_house()
        started, quiet = time.monotonic(), threading.Event()
        killer = threading.Thread(target=self._kill, args=(quiet,), daemon=True)
        killer.start()
        try:
            while (passed := time.monotonic() - started) < seconds:
                due = min(count, int(count * passed / (seconds * 0.8)) + 1)
                while len(self.asked) < due:
                    self.asked.append(self._wish(len(self.asked)))
                self._go_on(aimed=True)
        finally:
            quiet.set()
            killer.join()
        until = time.monotonic() + END_TIMEOUT_S
        while not self._all_over():
            if time.monotonic() > until:
                raise TimeoutError(f"not over {END_TIMEOUT_S} s after the last kill: {self._open()}")
            self._go_on(aimed=False)

    def stop(self) -> None:
        """End the processes of this run."""
        for kept in self._kept.values():
            if kept.process is not None:
                kept.process.stop()

    def problems(self) -> list[str]:
        """Everything that is not as it must be; ends the processes, since the journal is read in full."""
        self.live.require_books_balance()
        found = [*self._wrong_payments(), *self._wrong_balances(), *self._wrong_repeats()]
        status = self.live.get("/v1/status")["problems"]
        found += [f"the service still sees a problem: {status}"] if status else []
        self.stop()
        verify_journal(self.live.home.journal)
        return [*found, *self._wrong_signatures()]

    def state_counts(self) -> Counter[str]:
        """How the requests ended."""
        return Counter(self.live.state(each.id) for each in self.asked)

    # Living and dying ---------------------------------------------------------------------

    def _kill(self, quiet: threading.Event) -> None:
        while not quiet.wait(KILLER_POLL_S):
            for kept in self._kept.values():
                process = kept.process
                if process is not None and process.is_running() and time.monotonic() >= kept.die_at:
                    process.kill()
                    self.killed[kept.name] += 1

    def _go_on(self, *, aimed: bool) -> None:
        now = time.monotonic()
        for kept in self._kept.values():
            if kept.process is not None and kept.process.is_running():
                continue
            if kept.process is not None:  # killed, or it gave up because another part is down
                kept.process, kept.back_at = None, now + self._random.uniform(0, DOWN_S if aimed else 0.1)
            elif now >= kept.back_at:
                kept.die_at = now + self._random.uniform(0.1, kept.life_s)
                kept.process = NodeProcess.start(kept.launch, is_ready=lambda: True)
        try:
            self._ask()
            if self._approve() and aimed:
                self._aim()
        except httpx.HTTPError:
            pass  # it is down, or died while it answered; whoever asked asks again
        time.sleep(POLL_S)

    def _aim(self) -> None:
        """Something was approved just now: have somebody die soon."""
        victims = [SERVICE] if self._random.random() < AIMED_AT_SERVICE else []
        if self._random.random() < AIMED_AT_SIGNERS:
            victims.append(self._random.choice((*SIGNERS, SENDER)))
        for name in victims:
            soon = time.monotonic() + self._random.uniform(0, AIMED_S)
            self._kept[name].die_at = min(self._kept[name].die_at, soon)

    # Asking -------------------------------------------------------------------------------

    def _wish(self, number: int) -> Asked:
        customer, symbol = self._customers[number % len(self._customers)]
        smallest = SMALLEST[symbol] * MILLIONTHS // 100
        amount = smallest + self._random.randrange(smallest)
        text = f"{amount // MILLIONTHS}.{amount % MILLIONTHS:06d}"
        return Asked(f"kills-{number}", customer, symbol, text, fresh_place(CHAIN_OF[symbol]))

    def _ask(self) -> None:
        for each in self.asked:
            if not each.id:
                answer = self.live.ask("POST", "/v1/withdrawals", each.body, key=each.key)
                if answer.is_client_error:
                    raise RuntimeError(f"{each}: {answer.text}")
                if answer.is_success:
                    each.id = answer.json()["id"]

    def _approve(self) -> bool:
        """Hand in approvals for all that wait; tell whether there were any."""
        waiting = [row for row in self._rows() if row["state"] == "awaiting_approval"]
        for row in waiting:
            for approval in self.live.staff.approvals(row):
                self.live.ask("POST", f"/v1/withdrawals/{row['id']}/approvals", approval)
        return bool(waiting)

    def _rows(self) -> list[dict[str, Any]]:
        answer = self.live.ask("GET", "/v1/withdrawals")
        return answer.json() if answer.is_success else []

    def _open(self) -> list[str]:
        try:
            return [f"{row['id']} {row['state']} {row['reason']}" for row in self._rows() if row["state"] not in OVER]
        except httpx.HTTPError as error:
            return [f"the service does not answer: {error}"]

    def _all_over(self) -> bool:
        try:
            states = {row["id"]: row["state"] for row in self._rows()}
        except httpx.HTTPError:
            return False
        return all(states.get(each.id) in OVER for each in self.asked)

    # Judging ------------------------------------------------------------------------------

    def _wrong_payments(self) -> Iterator[str]:
        for each in self.asked:
            shown = self.live.get(f"/v1/withdrawals/{each.id}")
            arrived = self.live.payments_to(each.payment), self.live.received(each.payment)
            if shown["state"] == "settled":
                self._settled.append(each.payment)
                if arrived != (1, each.payment.units):
                    yield f"{each}: settled; payments and units on chain: {arrived}"
            elif arrived != (0, 0) or not shown["reason"]:
                yield f"{each}: {shown['state']} ({shown['reason']}); payments and units on chain: {arrived}"

    def _wrong_balances(self) -> Iterator[str]:
        customers, settled = {each.id: each.customer for each in self.asked}, self._settled
        for (who, symbol), before in self._before.items():
            paid = sum(p.units for p in settled if (customers[p.id], p.asset) == (who, symbol))
            expected, after = Balance(before.available - paid, before.held), self.live.balance(who, symbol)
            if after != expected:
                yield f"{who}: {after} {symbol}, expected {expected}"

    def _wrong_repeats(self) -> Iterator[str]:
        """The same key still names the same withdrawal, and there are no others."""
        for each in self.asked:
            if self.live.post("/v1/withdrawals", each.body, each.key)["id"] != each.id:
                yield f"{each}: the same key made a second withdrawal"
        ids = {row["id"] for row in self._rows()}
        if ids != {each.id for each in self.asked}:
            yield f"{len(ids)} withdrawals, {len(self.asked)} asked"

    def _wrong_signatures(self) -> Iterator[str]:
        given = {name: list(releases(self.live.home.signer(name))) for name in (*SIGNERS, SENDER)}
        yield from wrong_signatures(given)
        signed = {withdrawal_id for found in given.values() for each in found for withdrawal_id, _ in each.intents}
        settled = {payment.id for payment in self._settled}
        yield from (f"{each} was settled, and no signer remembers it" for each in sorted(settled - signed))


@dataclass(frozen=True, slots=True)
class Released:
    """One answer of a signer: what it consumes, and what it pays: (withdrawal id, intent hash)."""

    wallet_id: str
    role: str
    conflict_key: str
    intents: frozenset[tuple[str, str]]


def wrong_signatures(given: Mapping[str, Sequence[Released]]) -> Iterator[str]:
    """Over all signers: one conflict key pays one set of intents, one withdrawal has one conflict key."""
    paid_by: dict[tuple[str, str, str], set[frozenset[tuple[str, str]]]] = defaultdict(set)
    keys_of: dict[tuple[str, str], set[str]] = defaultdict(set)
    for each in (each for found in given.values() for each in found):
        if each.intents:  # a move that pays nobody may take the key of a payment: it cancels it
            paid_by[each.wallet_id, each.role, each.conflict_key].add(each.intents)
        for withdrawal_id, _ in each.intents:
            keys_of[withdrawal_id, each.role].add(each.conflict_key)
    yield from (f"{key} pays {len(sets)} different sets" for key, sets in paid_by.items() if len(sets) > 1)
    yield from (f"{each} has the keys {sorted(keys)}" for each, keys in keys_of.items() if len(keys) > 1)


def releases(folder: Path) -> Iterator[Released]:
    """What one signer released, from its own memory; its audit chain is checked."""
    db = sqlite3.connect(f"file:{SignerHome(folder).memory}?mode=ro", uri=True)
    try:
        audit.verify_chain(db)
        paid: dict[int, set[tuple[str, str]]] = defaultdict(set)
        for sequence, withdrawal_id, hashed in db.execute("SELECT * FROM release_intent"):
            paid[sequence].add((withdrawal_id, bytes(hashed).hex()))
        for sequence, wallet_id, role, key in db.execute("SELECT sequence, wallet_id, role, conflict_key FROM release"):
            yield Released(wallet_id, role, key, frozenset(paid[sequence]))
    finally:
        db.close()


def funded(symbols: tuple[str, ...]) -> dict[tuple[str, str], str]:
    """Deposits for a run over these assets."""
    return {key: amount for key, amount in FUNDS.items() if key[1] in symbols}


def main() -> int:
    """One long run."""
    parser = argparse.ArgumentParser(description="Random SIGKILLs on a live installation that pays withdrawals.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=300, help="of kills")
    parser.add_argument("--withdrawals", type=int, default=60)
    parser.add_argument("--chains", nargs="*", default=sorted(CHAINS))
    parser.add_argument("--home", type=Path, help="kept afterwards; a new folder that goes away without it")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mext-kills-") as folder, ExitStack() as closing:
        live = closing.enter_context(LiveInstallation(given.home or Path(folder) / "home"))
        live.provision(given.chains)
        live.fund(funded(live.symbols))
        kills = RandomKills(live, given.seed)
        closing.callback(kills.stop)
        kills.run(given.seconds, given.withdrawals)
        states = dict(kills.state_counts())
        found = kills.problems()
    sys.stdout.write(f"seed {given.seed}: {given.withdrawals} withdrawals on {', '.join(sorted(given.chains))}\n")
    sys.stdout.write(f"killed {dict(kills.killed)}; ended {states}\n")
    sys.stdout.writelines(f"WRONG: {line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
