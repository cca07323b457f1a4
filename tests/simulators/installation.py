"""One whole installation for tests: local chains, signer processes, the service, staff, funded customers.

Nothing here is faked but the people: the chains are those of `mext demo`, every other part is the product.

Example:
    with LiveInstallation(folder) as live:
        live.provision()
        live.fund({("ada", "BTC"): "2"})
        paid = live.pay("ada", "BTC", "0.1")
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from simulators.payments import PaymentCounter

from custody.devnet.network import KINDS, LocalChains
from custody.devnet.processes import Launch, NodeProcess, free_port
from custody.primitives.amount import Amount
from custody.primitives.chain import Family
from custody.primitives.errors import Unavailable
from custody.signers.client import RemoteSigner
from exchange.app.ceremony import SENDER, STAFF, Ceremony
from exchange.app.custody_room import DEPOSIT_FLOORS
from exchange.app.local_chains import LOCAL_CHAINS
from exchange.app.local_tokens import LocalToken
from exchange.app.provision import provision_contracts, provision_wallets
from exchange.app.wallets import WRAPPED
from exchange.cli.loop.money import ASSETS, CHAIN_OF
from exchange.cli.loop.outside import fresh_place, pay_from_outside, received
from exchange.cli.loop.staff import Staff
from exchange.cli.loop.votes import Voters
from exchange.cli.loop.world import World

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 300
"""Long, since a busy machine is no failure: who waits in vain fails, only later."""
POLL_S = 0.1
COMMAND_TIMEOUT_S = 300
CALL_TIMEOUT_S = 300
ALL_CHAINS = frozenset(CHAIN_OF.values())
SWEPT = frozenset(row.symbol for row in LOCAL_CHAINS if row.family in (Family.EVM, Family.TRON))
"""Their customers have accounts of their own, whose coins go to the hot wallet before they can be paid out."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Payment:
    """A withdrawal that a test asked for: its id, asset symbol, destination, and amount in base units."""

    id: str
    asset: str
    to: str
    units: int


@dataclass(frozen=True, slots=True)
class Balance:
    """What a customer has of one asset, in base units."""

    available: int
    held: int


class LiveInstallation:
    """Everything that runs, and short words for what tests do with it."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder, free_port())
        self.home = self.world.home
        self.chains: Any = None
        self.symbols: tuple[str, ...] = ()
        self._counter: PaymentCounter
        self.staff: Staff
        self.ceremony: Ceremony
        self.token = ""
        self._signers: dict[str, NodeProcess] = {}
        self._keys = itertools.count(1)
        # No connection is kept: the service is killed and started again between two calls.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(timeout=CALL_TIMEOUT_S, limits=limits, trust_env=False)

    # Starting and stopping -------------------------------------------------------------

    def provision(
        self,
        chains: Collection[str] = ALL_CHAINS,
        sol: str = WRAPPED,
        tokens: Callable[[LocalChains], Sequence[LocalToken]] = lambda _: (),
        warm: Collection[str] = frozenset(),
    ) -> None:
        """Start chains, signers and service over fresh wallets and contracts; put one proposal to the vote.

        Args:
            chains: Which chains; Ethereum, which carries the contracts, always runs.
            sol: How the hot wallet holds SOL.
            tokens: Puts tokens on the running chains, and says what the installation needs to know of them.
            warm: Which of them get a warm wallet.
        """
        world = self.world
        world.start_chains([kind for kind in KINDS if kind.chain in {*chains, CHAIN_OF["ETH"]}])
        self.chains = world.chains
        self._counter = PaymentCounter(world.chains)
        self.symbols = tuple(symbol for symbol, chain in CHAIN_OF.items() if chain in world.chains.names)
        self.ceremony = provision_wallets(self.home, world.chains, sol, tokens(world.chains), warm)
        provision_contracts(self.home, world.chains, self.ceremony)
        voters = Voters(world)
        voters.delegate()
        voters.propose()
        world.chains.run_clock()
        (self.home.folder / "run").mkdir(mode=0o700)
        for name in (*self.ceremony.signers, SENDER):
            self.start_signer(name)
        self.token = self.home.token.read_text().strip()
        world.start_service()
        self.staff = Staff(self.home, STAFF[:2])

    def start_signer(self, name: str, *more: str) -> None:
        """Start one signer process on its home, with further options."""
        probe = RemoteSigner(name, self.home.socket(name))
        self._signers[name] = NodeProcess.start(
            self.signer_launch(name, *more), is_ready=lambda: _answers(probe), ready_timeout_s=WAIT_S
        )

    def signer_launch(self, name: str, *more: str) -> Launch:
        """How a signer process is started."""
        arguments = ("signer", "--home", str(self.home.signer(name)), "--socket", str(self.home.socket(name)))
        command = (
            sys.executable,
            "-m",
            "exchange.cli",
            *arguments,
            "--passphrase-file",
            str(self.home.passphrase),
            *more,
        )
        return Launch(name, command, self.home.folder / "logs", {"PYTHONPATH": str(ROOT)})

    def stop_signer(self, name: str) -> None:
        """Stop one signer process; its home stays."""
        self._signers[name].stop()

    def stop_house(self) -> None:
        """SIGKILL the service and stop every signer: somebody else starts them from now on."""
        self.world.kill_service()
        for process in self._signers.values():
            process.stop()

    @contextmanager
    def service_stopped(self) -> Iterator[None]:
        """SIGKILL the service, let the caller work on the home, start the service again."""
        self.world.kill_service()
        try:
            yield
        finally:
            self.world.start_service()

    def close(self) -> None:
        """Stop everything that was started."""
        self._http.close()
        for process in self._signers.values():
            process.stop()
        self.world.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The service -----------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where API and pages answer."""
        return f"http://127.0.0.1:{self.world.port}"

    def ask(
        self, method: str, path: str, body: object = None, *, key: str | None = None, token: str | None = None
    ) -> httpx.Response:
        """One HTTP call as a program makes it; `token` None is the right one, "" is none."""
        given = self.token if token is None else token
        headers = {"Authorization": f"Bearer {given}"} if given else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        return self._http.request(method, f"{self.url}{path}", json=body, headers=headers)

    def ask_raw(
        self, method: str, path: str, headers: Mapping[bytes, bytes], content: bytes | None = None
    ) -> httpx.Response:
        """One HTTP call with exactly these headers and bytes."""
        return self._http.request(method, f"{self.url}{path}", content=content, headers=dict(headers))

    def get(self, path: str) -> Any:
        """GET that must succeed."""
        return _content(self.ask("GET", path))

    def post(self, path: str, body: object = None, key: str | None = None) -> Any:
        """POST that must succeed."""
        return _content(self.ask("POST", path, body, key=key))

    def run_program(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a Python program (a path, or -m and a module) on this machine and wait for its end."""
        return subprocess.run(
            [sys.executable, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
            cwd=self.home.folder,
            env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PATH": "/usr/bin:/bin"},
        )

    def mext(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line on this installation's home."""
        return self.run_program("-m", "exchange.cli", *arguments, "--home", str(self.home.folder))

    def wait(self, what: str, look: Callable[[], T | None], timeout_s: float = WAIT_S) -> T:
        """Look again and again until there is something; a test that waits in vain fails here."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            found = look()
            if found is not None:
                return found
            time.sleep(POLL_S)
        raise TimeoutError(f"{what}: not within {timeout_s:.0f} s; problems: {self.get('/v1/status')['problems']}")

    # Money -----------------------------------------------------------------------------

    def fund(self, amounts: Mapping[tuple[str, str], str]) -> None:
        """Pay customers' deposit places from outside, wait until all is final and swept; (customer, symbol)."""
        txids = {self.deposit(customer, symbol, amount) for (customer, symbol), amount in amounts.items()}
        to_sweep = [
            (symbol, self._deposit_place(customer, symbol)["address"])
            for customer, symbol in amounts
            if symbol in SWEPT
        ]

        def all_final() -> bool | None:
            states = {row["txid"]: row["state"] for row in self.get("/v1/deposits")}
            return True if {states.get(txid) for txid in txids} == {"final"} else None

        self.wait("deposits final", all_final)
        self.wait("deposits swept", lambda: True if self._swept(to_sweep) else None)

    def deposit(self, customer: str, symbol: str, amount: str) -> str:
        """Pay a customer's deposit place from outside; returns the txid."""
        place = self._deposit_place(customer, symbol)
        return pay_from_outside(self.chains, place, Amount(units(symbol, amount), ASSETS[symbol]))

    def _deposit_place(self, customer: str, symbol: str) -> dict[str, str]:
        """An address, and a memo where customers share one."""
        place: dict[str, str] = self.post(f"/v1/customers/{customer}/addresses/{CHAIN_OF[symbol]}")
        return place

    def _swept(self, places: list[tuple[str, str]]) -> bool:
        return all(self._received(symbol, place) < DEPOSIT_FLOORS[symbol] for symbol, place in places)

    def balance(self, customer: str, symbol: str) -> Balance:
        """What the books owe a customer now."""
        row = self.get(f"/v1/customers/{customer}/balances").get(symbol)
        return Balance(0, 0) if row is None else Balance(*(int(row[name]["units"]) for name in ("available", "held")))

    def request(self, customer: str, symbol: str, amount: str, *, to: str = "", key: str = "") -> Payment:
        """Ask for a withdrawal to a fresh outside address and wait until it wants approvals."""
        place = to or fresh_place(CHAIN_OF[symbol])
        body = {"customer": customer, "asset": symbol, "to": place, "amount": amount}
        made = self.post("/v1/withdrawals", body, key or f"e2e-{next(self._keys)}")
        self.wait_state(made["id"], "awaiting_approval")
        return Payment(made["id"], symbol, place, units(symbol, amount))

    def approvals(self, withdrawal_id: str) -> list[dict[str, Any]]:
        """The staff's signed approvals of what the service shows."""
        return self.staff.approvals(self.get(f"/v1/withdrawals/{withdrawal_id}"))

    def approve(self, withdrawal_id: str) -> None:
        """Hand in as many approvals as the policy asks."""
        for approval in self.approvals(withdrawal_id):
            self.post(f"/v1/withdrawals/{withdrawal_id}/approvals", approval)

    def pay(self, customer: str, symbol: str, amount: str) -> Payment:
        """Ask and approve."""
        payment = self.request(customer, symbol, amount)
        self.approve(payment.id)
        return payment

    def state(self, withdrawal_id: str) -> str:
        """Where a withdrawal stands."""
        return str(self.get(f"/v1/withdrawals/{withdrawal_id}")["state"])

    def wait_state(self, withdrawal_id: str, state: str) -> None:
        """Wait until a withdrawal stands there."""
        self.wait(f"{withdrawal_id} {state}", lambda: True if self.state(withdrawal_id) == state else None)

    # What the chains and the books say ---------------------------------------------------

    def received(self, payment: Payment) -> int:
        """Base units that the destination holds in blocks, asked from the chain itself."""
        return self._received(payment.asset, payment.to)

    def payments_to(self, payment: Payment) -> int:
        """Transactions that ever paid the destination, asked from the chain itself, pool included."""
        return self._counter.payments_to(CHAIN_OF[payment.asset], payment.to)

    def wait_payments(self, payment: Payment, count: int) -> None:
        """Wait until the chain shows this many payments to the destination; asks the chain, not the service."""
        until = time.monotonic() + WAIT_S
        while self.payments_to(payment) != count:
            if time.monotonic() > until:
                raise TimeoutError(f"{payment}: not {count} payments within {WAIT_S} s")
            time.sleep(POLL_S)

    def require_books_balance(self) -> None:
        """Chain and books agree to the last base unit for every asset, once nothing is on its way."""
        self.wait("books equal chains", lambda: True if all(map(self._balanced, self.symbols)) else None)

    def _balanced(self, symbol: str) -> bool:
        return bool(self.get(f"/v1/holdings/{symbol}")["difference"]["units"] == "0")

    def _received(self, symbol: str, place: str) -> int:
        return received(self.chains, CHAIN_OF[symbol], place)


def units(symbol: str, amount: str) -> int:
    """Base units of a decimal number of coins."""
    return Amount.parse(amount, ASSETS[symbol]).units


def as_json(value: object) -> str:
    """Text for a program's standard input."""
    return json.dumps(value)


def _content(response: httpx.Response) -> Any:
    if response.is_error:
        raise RuntimeError(f"{response.request.method} {response.request.url}: {response.text}")
    return response.json()


def _answers(signer: RemoteSigner) -> bool:
    try:
        return bool(signer.health())
    except Unavailable:
        return False
