"""The last step: SIGKILL in the middle of a withdrawal, then the same state, and one payment."""

from __future__ import annotations

from custody.primitives.amount import Amount
from exchange.cli.loop.money import ASSETS, approve, await_settled, expect
from exchange.cli.loop.outside import fresh_place, received
from exchange.cli.loop.report import Report, Step
from exchange.cli.loop.staff import Staff
from exchange.cli.loop.world import World

AMOUNT = "0.01"


def kill_and_restart(world: World, report: Report, step: Step, staff: Staff) -> None:
    """Kill the service while a payment is on its way; compare the books, and count what arrived."""
    place = fresh_place("bitcoin-regtest")
    body = {"customer": "ada", "asset": "BTC", "to": place, "amount": AMOUNT}
    request = world.client.post("/withdrawals", body, key="loop-kill")
    approve(world, staff, request["id"])
    before = world.client.get("/status")["ledger"]["state_hash"]
    world.kill_service()
    expect(not world.service_runs(), "the service survived SIGKILL")
    world.start_service()
    after = world.client.get("/status")["ledger"]["recovered_hash"]
    report.restart = {"hash_before": before, "hash_after": after}
    expect(before == after, f"state hash {before} before, {after} after the restart")
    again = world.client.post("/withdrawals", body, key="loop-kill")
    expect(again["id"] == request["id"], "the same request made a second withdrawal")
    await_settled(world, request["id"])
    arrived = received(world.chains, "bitcoin-regtest", place)
    expect(arrived == Amount.parse(AMOUNT, ASSETS["BTC"]).units, f"{arrived} satoshi arrived")
    report.restart["payments_after_kill"] = 1
    step.evidence = f"state hash {after[:16]}... equal; one payment of {AMOUNT} BTC, none lost, none doubled"
