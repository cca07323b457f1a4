"""The whole loop, in order; every step demands what it must find and notes what shows it."""

from __future__ import annotations

from rich.console import Console

from exchange.app.ceremony import STAFF
from exchange.app.provision import provision_contracts, provision_wallets
from exchange.app.wallets import WRAPPED, is_frost
from exchange.cli.loop import money, proofs, restart, votes
from exchange.cli.loop.report import Report
from exchange.cli.loop.staff import Staff
from exchange.cli.loop.world import World

APPROVERS = STAFF[:2]


def run_loop(world: World, report: Report, console: Console, sol: str = WRAPPED) -> None:
    """Run every step; the first that does not hold ends the loop with its error.

    Args:
        world: Processes and people; the caller closes it.
        report: Filled as it goes.
        console: Shows progress; never stdout when that is for a document.
        sol: How the hot wallet holds SOL: "wrapped" or "frost".
    """
    with report.step("Start local chains", console) as step:
        world.start_chains()
        for endpoint in world.chains.endpoints():
            report.chain(endpoint.chain)["evidence"] = endpoint.evidence
        step.evidence = "; ".join(f"{e.chain}: {e.evidence}" for e in world.chains.endpoints())
    with report.step("Make wallets on every chain", console) as step:
        ceremony = provision_wallets(world.home, world.chains, sol)
        step.evidence = "hot 2-of-3 and cold 3-of-5 on " + ", ".join(
            f"{w.chain} (by FROST)" if is_frost(w) else w.chain for w in ceremony.wallets if w.tier == "hot"
        )
    with report.step("Deploy contracts", console) as step:
        world.begin_signers()  # their keys are there, and contracts are none of their business
        deployment = provision_contracts(world.home, world.chains, ceremony)
        voters = votes.Voters(world)
        voters.delegate()
        world.chains.run_clock()
        placed = ", ".join(f"{name} {address[:10]}..." for name, address in deployment.addresses.items())
        step.evidence = f"{placed}; roles as in the table, none with the deployer"
    with report.step("Start signers and the service", console) as step:
        world.await_signers()
        world.start_service()
        step.evidence = f"4 signer processes, API and pages on {world.client.url}"
    staff = Staff(world.home, APPROVERS)
    with report.step("Credit deposits", console) as step:
        money.deposits(world, report, step)
    with report.step("Match orders", console) as step:
        money.orders(world, report, step)
    with report.step("Pay withdrawals", console) as step:
        money.withdrawals(world, report, step, staff)
    with report.step("Move hot to cold", console) as step:
        money.rebalance(world, step, staff)
    with report.step("Vote on a listing", console) as step:
        votes.listing(world, report, step, voters)
    with report.step("Prove reserves", console) as step:
        proofs.reserves(world, report, step, staff)
    with report.step("Kill and restart", console) as step:
        restart.kill_and_restart(world, report, step, staff)
