"""Steps of the listing vote: token holders outside the exchange decide, on chain, with 48 hours in fast motion."""

from __future__ import annotations

from typing import Any

from web3 import Web3

from custody.chains.evm.params import ETHEREUM_LOCAL
from exchange.app.provision import CANDIDATE, VOTER
from exchange.cli.loop.money import expect
from exchange.cli.loop.report import Report, Step
from exchange.cli.loop.world import World
from governance.contracts.deployment import load_deployment
from governance.contracts.sending import connect, contract_at

HOUR_S = 3_600
REGULAR, FOR = 0, 1
MARKET = f"{CANDIDATE}/ETH"
DEPOSIT_MEXT = 50_000 * 10**18


class Voters:
    """Token holders with accounts of the local node."""

    def __init__(self, world: World) -> None:
        deployment = load_deployment(world.home.deployment)
        self._web3 = connect(world.chains.ethereum.url, ETHEREUM_LOCAL.chain_id)
        self._holder = str(self._web3.eth.accounts[VOTER])
        self._mext = contract_at(self._web3, "MEXT", deployment.address("MEXT"))
        self._votes = contract_at(self._web3, "ListingVote", deployment.address("ListingVote"))
        self._token = deployment.address(CANDIDATE)

    def delegate(self) -> None:
        """Delegate to oneself: votes count only 24 hours later."""
        self._send(self._mext.functions.delegate(self._holder))
        self.pass_time(25 * HOUR_S)

    def propose(self) -> int:
        """Propose the candidate on the regular lane, with the deposit; returns the proposal's number."""
        self._send(self._mext.functions.approve(self._votes.address, DEPOSIT_MEXT))
        code_hash = Web3.keccak(self._web3.eth.get_code(Web3.to_checksum_address(self._token)))
        asset = (ETHEREUM_LOCAL.chain_id, self._token, code_hash)
        self._send(self._votes.functions.propose(REGULAR, asset, "https://local.example/candidate", []))
        return int(self._votes.functions.proposalCount().call())

    def vote(self, listing: int) -> None:
        """Vote for it."""
        self._send(self._votes.functions.castVote(listing, FOR))

    def state(self, listing: int) -> int:
        """State by the contract's own number."""
        return int(self._votes.functions.stateOf(listing).call())

    def pass_time(self, seconds: int) -> None:
        """Move the local chain's clock; a real chain needs patience instead."""
        self._web3.provider.make_request("evm_increaseTime", [seconds])  # type: ignore[arg-type]  # a method of anvil
        self._mine()

    def _mine(self) -> None:
        """Add a block now: a voter of the loop does not wait for the next second."""
        self._web3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]

    def _send(self, call: Any) -> None:  # noqa: ANN401 - a bound contract function
        txid = call.transact({"from": self._holder})
        self._mine()
        receipt = self._web3.eth.wait_for_transaction_receipt(txid, timeout=30, poll_latency=0.1)
        expect(receipt["status"] == 1, f"{call.fn_name} reverted")


def listing(world: World, report: Report, step: Step, voters: Voters) -> None:
    """Propose, vote, let the windows pass; the exchange finalizes, opens the market and confirms."""
    client = world.client
    closed = [row for row in client.get("/markets") if row["market"] == MARKET and row["state"] == "open"]
    expect(not closed, f"{MARKET} is open before the vote")
    number = voters.propose()
    voters.pass_time(4 * HOUR_S + 60)
    voters.vote(number)
    voters.pass_time(40 * HOUR_S)

    def market_open() -> dict[str, Any] | None:
        rows = [row for row in client.get("/markets") if row["market"] == MARKET and row["state"] == "open"]
        return rows[0] if rows else None

    client.wait(f"{MARKET} open", market_open)

    def listed() -> dict[str, Any] | None:
        rows = [row for row in client.get("/listings") if row["id"] == number and row["state"] == "Listed"]
        return rows[0] if rows else None

    row = client.wait(f"listing {number} confirmed on chain", listed)
    order = {"customer": "ben", "market": MARKET, "side": "buy", "price": "0.0001", "quantity": "100"}
    placed = client.post("/orders", order)
    expect(placed["status"] == "open", f"the first order in {MARKET} is {placed['status']}")
    report.listing = {
        "id": number,
        "state": row["state"],
        "votes_for": row["votes_for"],
        "votes_against": row["votes_against"],
        "market": MARKET,
        "market_open": True,
        "first_order": placed["order_id"],
    }
    step.evidence = f"proposal {number}: {row['votes_for']} MEXT for, {row['votes_against']} against; {MARKET} open"
