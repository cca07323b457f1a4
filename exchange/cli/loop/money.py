"""Steps that move money: deposits, orders, withdrawals on every chain, hot to cold."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from custody.primitives.amount import Amount
from custody.primitives.errors import VerificationFailed
from exchange.app.local_chains import LOCAL_CHAINS
from exchange.cli.loop.outside import fresh_place, pay_from_outside, received
from exchange.cli.loop.report import Report, Step
from exchange.cli.loop.staff import Staff
from exchange.cli.loop.world import World

ASSETS = {row.symbol: row.asset for row in LOCAL_CHAINS}
CHAIN_OF = {row.symbol: row.chain for row in LOCAL_CHAINS}
DEPOSITS = (
    ("ada", "BTC", "10"),
    ("ben", "ETH", "300"),
    ("cleo", "SOL", "500"),
    ("dora", "BNB", "40"),
    ("eve", "LTC", "200"),
    ("finn", "DOGE", "100000"),
    ("gus", "TRX", "50000"),
    ("hana", "XRP", "50000"),
)
FLOATS = (
    ("house", "BTC", "0.05"),
    ("house", "ETH", "0.5"),
    ("house", "SOL", "1"),
    ("house", "BNB", "0.5"),
    ("house", "LTC", "0.5"),
    ("house", "DOGE", "500"),
    ("house", "TRX", "200"),
    ("house", "XRP", "20"),
)
"""The house pays the chains' fees from money of its own."""
ORDERS = (
    ("ada", "BTC/ETH", "sell", "30", "2"),
    ("ben", "BTC/ETH", "buy", "30.1", "1.5"),
    ("cleo", "SOL/ETH", "sell", "0.05", "100"),
    ("ben", "SOL/ETH", "buy", "0.05", "40"),
)
WITHDRAWALS = (
    ("ada", "BTC", "0.5"),
    ("ben", "ETH", "2"),
    ("cleo", "SOL", "3"),
    ("dora", "BNB", "1"),
    ("eve", "LTC", "1"),
    ("finn", "DOGE", "250"),
    ("gus", "TRX", "300"),
    ("hana", "XRP", "120"),
)
"""One on each chain."""
MIN_COLD_PPM = 980_000
SETTLE_TIMEOUT_S = 300


class NotAsExpected(VerificationFailed):
    """The loop found something else than it must."""

    code = "not_as_expected"


def expect(condition: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Demand something of the loop.

    Raises:
        NotAsExpected: It does not hold.
    """
    if not condition:
        raise NotAsExpected(what)


def deposits(world: World, report: Report, step: Step) -> None:
    """Hand out addresses, pay to them from outside, wait until every credit is final."""
    client, given = world.client, (*DEPOSITS, *FLOATS)
    txids = {}
    for customer, asset, amount in given:
        chain = CHAIN_OF[asset]
        place = client.post(f"/customers/{customer}/addresses/{chain}")
        txids[customer, asset] = pay_from_outside(world.chains, place, Amount.parse(amount, ASSETS[asset]))
    for customer, asset, _ in DEPOSITS:
        report.chain(CHAIN_OF[asset])["deposit_txid"] = txids[customer, asset]

    def all_final() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = client.get("/deposits")
        return found if [d["state"] for d in found] == ["final"] * len(given) else None

    found = client.wait("deposits final", all_final)
    for customer, asset, amount in DEPOSITS:  # the house pays fees as soon as there are any
        held = client.get(f"/customers/{customer}/balances")[asset]["available"]["units"]
        expect(held == str(Amount.parse(amount, ASSETS[asset]).units), f"{customer} holds {held} of {asset}")
    step.evidence = f"{len(found)} deposits found in blocks, credited and final, balances exact"


def orders(world: World, report: Report, step: Step) -> None:
    """Place orders that match, and one that the customer cannot pay."""
    for customer, market, side, price, quantity in ORDERS:
        body = {"customer": customer, "market": market, "side": side, "price": price, "quantity": quantity}
        report.trades += len(world.client.post("/orders", body)["fills"])
    expect(report.trades == 2, f"{report.trades} fills instead of 2")
    step.evidence = f"{len(ORDERS)} orders, {report.trades} trades, fees 500 ppm"


def withdrawals(world: World, report: Report, step: Step, staff: Staff) -> None:
    """Pay out on every chain: request, two approvals over the intent hash, two signers, broadcast, final."""
    places = {asset: fresh_place(CHAIN_OF[asset]) for _, asset, _ in WITHDRAWALS}
    requested = []
    for customer, asset, amount in WITHDRAWALS:
        body = {"customer": customer, "asset": asset, "to": places[asset], "amount": amount}
        answer = world.client.post("/withdrawals", body, key=f"loop-{asset}")
        requested.append(answer["id"])
        approve(world, staff, answer["id"])
    slowest = 0.0
    for withdrawal_id, (_, asset, amount) in zip(requested, WITHDRAWALS, strict=True):
        settled = await_settled(world, withdrawal_id)
        row = report.chain(CHAIN_OF[asset])
        row["withdrawal_txid"], row["confirmed"] = settled["txid"], True
        row["request_to_broadcast_s"] = settled["request_to_broadcast_ms"] / 1000
        slowest = max(slowest, row["request_to_broadcast_s"])
        arrived = received(world.chains, CHAIN_OF[asset], places[asset])
        expect(arrived == Amount.parse(amount, ASSETS[asset]).units, f"{asset}: {arrived} units arrived")
    step.evidence = f"{len(requested)} paid, exact amounts arrived, request to broadcast at most {slowest:.2f} s"


def rebalance(world: World, step: Step, staff: Staff) -> None:
    """Move everything above the hot target to cold, through the same policy, approvals and signers."""
    moves = []
    for asset in ASSETS:
        body = {"officer": "carol", "asset": asset}
        moves.append(world.client.post("/treasury/rebalance", body, key=f"rebalance-{asset}")["id"])
    for move in moves:
        approve(world, staff, move)
    for move in moves:
        await_settled(world, move)
    shares = []
    for asset in ASSETS:
        held = world.client.wait(f"{asset} books balance", lambda asset=asset: _balanced(world, asset))  # type: ignore[misc]
        expect(held["cold_ppm"] >= MIN_COLD_PPM, f"{asset}: {held['cold_ppm']} ppm cold")
        shares.append(f"{asset} {Decimal(held['cold_ppm']) / 10_000:.2f} %")
    step.evidence = "cold: " + ", ".join(shares) + "; chain equals books to the last base unit"


def approve(world: World, staff: Staff, withdrawal_id: str) -> None:
    """Wait until the intent stands, then hand in the staff's approvals."""

    def waiting() -> dict[str, Any] | None:
        shown: dict[str, Any] = world.client.get(f"/withdrawals/{withdrawal_id}")
        expect(
            shown["state"] not in ("rejected", "cancelled"), f"{withdrawal_id} was {shown['state']}: {shown['reason']}"
        )
        return shown if shown["state"] == "awaiting_approval" else None

    shown = world.client.wait(f"{withdrawal_id} awaiting approval", waiting)
    for approval in staff.approvals(shown):
        world.client.post(f"/withdrawals/{withdrawal_id}/approvals", approval)


def await_settled(world: World, withdrawal_id: str) -> dict[str, Any]:
    """Wait until a withdrawal is final on chain and booked."""

    def settled() -> dict[str, Any] | None:
        shown: dict[str, Any] = world.client.get(f"/withdrawals/{withdrawal_id}")
        return shown if shown["state"] == "settled" else None

    return world.client.wait(f"{withdrawal_id} settled", settled, SETTLE_TIMEOUT_S)


def _balanced(world: World, asset: str) -> dict[str, Any] | None:
    held: dict[str, Any] = world.client.get(f"/holdings/{asset}")
    return held if held["difference"]["units"] == "0" else None
