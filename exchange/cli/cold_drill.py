"""The cold drill: on local chains, one withdrawal a family from a cold wallet, by files and typed answers alone.

Three of five keyholders, each with a room and a process of their own; the online side only plans, sends and looks.

Example:
    with ColdDrill(folder, ["bitcoin-regtest"]) as drill:
        outcome = drill.withdraw("bitcoin-regtest")
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from custody.chains.port import SignedTx
from custody.chains.registry import chain_row
from custody.cold.files import groups, read_file, write_out
from custody.cold.parts import decode_result
from custody.cold.request import decode_request_file
from custody.devnet.network import KINDS
from custody.devnet.processes import NodeProcess, free_port
from custody.keys.material import Signer
from custody.primitives.chain import ChainId, Family
from custody.primitives.clock import SystemClock
from custody.primitives.errors import InsufficientFunds, NotFound, Unavailable
from custody.primitives.intent import intent_hash
from custody.signers.client import RemoteSigner
from exchange.app.blueprint import ChainSpec, WalletSpec
from exchange.app.ceremony import SENDER, STAFF, Ceremony
from exchange.app.cold_desks import ColdDesk, open_cold_desk
from exchange.app.cold_refills import maker_of
from exchange.app.cold_requests import (
    LIFE_S,
    Ask,
    ColdPlan,
    finish_payment,
    next_number,
    plan_payment,
    request_of,
    require_result_of,
    with_approvals,
)
from exchange.app.cold_rooms import let_sender_pay, open_local_rooms, places_of
from exchange.app.local_chains import local_chain
from exchange.app.officers import approve_as
from exchange.app.provision import provision_wallets
from exchange.app.wallet_tiers import WARM_FAMILIES
from exchange.app.wallets import receives_at, safe_wallet
from exchange.cli.cold_hands import Keyholder, Told
from exchange.cli.loop.outside import received
from exchange.cli.loop.world import World

ONE_A_FAMILY = ("bitcoin-regtest", "dogecoin-regtest", "ethereum-local", "solana-local", "tron-local", "xrpl-local")
"""One chain a family, and of UTXO both kinds of scripts."""
SIGNING = ("cold-1", "cold-3", "cold-5")
HELD_COINS, PAID_TENTHS = 50, 15
"""Of the coin: what the cold wallet is given, and what it pays, in tenths."""
WAIT_S = 120
POLL_S = 0.2
GAS_WEI = 10**18
SETTLING_BLOCKS = 3
POLICY_VERSION = 1
_READY_S = 60

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a withdrawal ended: what each step showed, the transaction, what arrived and what was asked, base units."""

    steps: tuple[tuple[str, str], ...]
    signed: SignedTx
    arrived: int
    asked: int


class ColdDrill:
    """Local chains, wallets and rooms of one drill."""

    def __init__(self, folder: Path, chains: Sequence[str] = ONE_A_FAMILY) -> None:
        """Start chains, draw keys, make rooms.

        Raises:
            NotFound: No such local chain.
        """
        if unknown := sorted(set(chains) - {kind.chain for kind in KINDS}):
            raise NotFound(f"no local chain {unknown[0]!r}", chain=unknown[0])
        self.world = World(folder, free_port())
        self._sender: NodeProcess | None = None
        try:
            self.world.start_chains([kind for kind in KINDS if kind.chain in chains])
            self.home, self.chains = self.world.home, self.world.chains
            warm = [each for each in chains if chain_row(ChainId(each)).family in WARM_FAMILIES]
            self.ceremony: Ceremony = provision_wallets(self.home, self.chains, warm=warm)
            rooms = open_local_rooms(self.home, self.ceremony.wallets, self.ceremony.staff)
            self.keyholders = {name: Keyholder(name, room.folder, self.home.passphrase) for name, room in rooms.items()}
            let_sender_pay(self.home, self.ceremony.wallets)
            (self.home.folder / "run").mkdir(mode=0o700)
            self.sender: Signer = self._start_sender()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop everything that was started."""
        if self._sender is not None:
            self._sender.stop()
        self.world.close()

    def withdraw(self, chain: str, signing: Sequence[str] = SIGNING) -> Outcome:
        """Pay from the cold wallet of a chain to the place above it, by files.

        Raises:
            RoomRefused: A room does not sign, or the parts do not fit.
            ToolkitError: Planning, putting together or sending failed.
        """
        desk, destination = self._desk(chain), self._place_above(chain)
        self._fund(desk)
        plan = self._plan(desk, destination, signing)
        folder = self.home.folder / "media"
        folder.mkdir(exist_ok=True)
        request = folder / f"{desk.spec.id}.request.json"
        steps = [("online", f"planned, request {groups(self._write_request(plan, request))}")]
        told = Told(plan.intent.to.text, plan.intent.amount.text(), plan.intent.memo)
        parts = []
        for name in signing:
            parts.append(folder / f"{desk.spec.id}.{name}.json")
            steps.append((name, self.keyholders[name].sign(request, parts[-1], told)))
        target = folder / f"{desk.spec.id}.result.json"
        steps.append(("combine", self.keyholders[signing[0]].combine(request, parts, target)))
        signed = self._submit(desk, plan, request, target)
        before = received(self.chains, chain, destination)
        desk.broadcaster.broadcast(signed)
        arrived = self._await(lambda: self._arrived(chain, destination, before), f"the payment on {chain}")
        steps.append(("online", f"sent {signed.txid}; {arrived} base units arrived"))
        return Outcome(tuple(steps), signed, arrived, plan.intent.amount.units)

    def _desk(self, chain: str) -> ColdDesk:
        endpoint = next(each for each in self.chains.endpoints() if each.chain == chain)
        return open_cold_desk(ChainSpec(chain, endpoint.evidence, endpoint.url, endpoint.cookie), self._cold(chain))

    def _cold(self, chain: str) -> WalletSpec:
        return next(each for each in self.ceremony.wallets if (each.chain, each.tier) == (chain, "cold"))

    def _place_above(self, chain: str) -> str:
        return next(iter(places_of(self._cold(chain), self.ceremony.wallets)))

    def _fund(self, desk: ColdDesk) -> None:
        """Put coins on the cold wallet, and gas on the account that executes a cold Safe."""
        chain, node = desk.spec.chain, self.chains.node(desk.spec.chain)
        node.fund(receives_at(desk.spec), HELD_COINS * desk.native.unit)
        if chain_row(ChainId(chain)).family is Family.EVM:
            node.fund(safe_wallet(desk.spec).sender_address, GAS_WEI)
        node.mine(SETTLING_BLOCKS)

    def _plan(self, desk: ColdDesk, destination: str, signing: Sequence[str]) -> ColdPlan:
        row = local_chain(desk.spec.chain)
        ask = Ask(
            id=f"cold-drill-{desk.spec.id}",
            to=destination,
            units=PAID_TENTHS * desk.native.unit // 10,
            fee_max=0 if row is None else row.fee_cap,
            policy_version=POLICY_VERSION,
            expires_at_s=SystemClock().now_s() + LIFE_S,
            memo=places_of(desk.spec, self.ceremony.wallets)[destination].memo,
        )

        def plan() -> ColdPlan | None:
            try:
                return plan_payment(desk, ask, signing)
            except (InsufficientFunds, Unavailable):
                return None  # the funding is not in a final block yet

        return self._await(plan, f"coins on {desk.spec.id}")

    def _write_request(self, plan: ColdPlan, path: Path) -> bytes:
        now_s, hashed = SystemClock().now_s(), intent_hash(plan.intent)
        approvals = [approve_as(self.home, hashed, officer, now_s) for officer in STAFF[:2]]
        maker = maker_of(self.home, STAFF[2])
        request = request_of(plan, approvals, maker, next_number(self.home, plan.request.wallet_id), now_s)
        write_out(path, request.raw)
        return request.digest

    def _submit(self, desk: ColdDesk, plan: ColdPlan, request: Path, result: Path) -> SignedTx:
        asked, answered = decode_request_file(read_file(request)), decode_result(read_file(result))
        require_result_of(asked, answered)
        return finish_payment(desk, with_approvals(plan, asked), answered, self.sender)

    def _arrived(self, chain: str, destination: str, before: int) -> int | None:
        self.chains.node(chain).mine(1)
        return (received(self.chains, chain, destination) - before) or None

    def _await(self, look: Callable[[], T | None], what: str) -> T:
        until = time.monotonic() + WAIT_S
        while (found := look()) is None:
            if time.monotonic() > until:
                raise Unavailable(f"{what}: not within {WAIT_S} s")
            time.sleep(POLL_S)
        return found

    def _start_sender(self) -> Signer:
        signer = RemoteSigner(SENDER, self.home.socket(SENDER))
        self._sender = NodeProcess.start(
            self.world.signer_launch(SENDER), is_ready=partial(_answers, signer), ready_timeout_s=_READY_S
        )
        return signer


def _answers(signer: RemoteSigner) -> bool:
    try:
        return bool(signer.health())
    except Unavailable:
        return False
