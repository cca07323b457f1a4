"""The governance contracts on a local chain, with people in their roles and a clock that can be moved."""

from contextlib import contextmanager
from pathlib import Path

from eth_account import Account
from eth_utils import keccak
from simulators.anvil import taken_back
from web3 import HTTPProvider, Web3

from custody.chains.evm.params import ETHEREUM_LOCAL
from custody.devnet.anvil import AnvilNode, find_anvil
from custody.store.database import open_database
from governance.ballots.signing import sign_ballot
from governance.ballots.typed import Ballot, Support
from governance.contracts.deployment import Holders, deploy
from governance.contracts.listing_vote import Candidate, Lane, ListingVote
from governance.contracts.sending import Sender, connect, contract_at
from governance.indexer.indexer import Indexer

MEXT = 10**18
HOUR_S, DAY_S = 3_600, 86_400
FINAL_DEPTH = 3
ROLES = ("admin", "guardian", "operator", "screener_a", "screener_b", "publisher", "auditor", "treasury", "supply")
WEIGHTS = {"alice": 60, "bob": 45, "carol": 30, "dave": 4, "proposer": 9}
"""Millions of MEXT; the regular quorum is 20, the expedited one 40."""


class BendingProvider(HTTPProvider):
    """A node behind a proxy of ours: `before` runs ahead of a call, `after` may change its answer."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.before = lambda method, params: None
        self.after = lambda method, params, answer: answer

    def make_request(self, method, params):
        self.before(method, params)
        return self.after(method, params, super().make_request(method, params))


class GovernanceHouse:
    """A deployed world: votes are older than a day when it opens."""

    def __init__(self, anvil: AnvilNode) -> None:
        self.anvil = anvil
        self.chain_id = ETHEREUM_LOCAL.chain_id
        self.web3 = connect(anvil.url, self.chain_id)
        self.deployer = self.person("deployer")
        self.people = {name: self.person(name) for name in (*ROLES, *WEIGHTS, "relayer", "mallory")}
        self.holders = Holders(
            supply=self.people["supply"].address,
            treasury=self.people["treasury"].address,
            admin=self.people["admin"].address,
            guardian=self.people["guardian"].address,
            operator=self.people["operator"].address,
            screeners=(self.people["screener_a"].address, self.people["screener_b"].address),
            publisher=self.people["publisher"].address,
            auditor=self.people["auditor"].address,
        )
        tokens = {f"Token{n}": (f"Token {n}", f"TK{n}", 10**24) for n in range(8)}
        self.deployment = deploy(self.deployer, self.holders, tokens)
        self.vote = ListingVote(self.web3, self.deployment)
        self._spread_votes()

    def person(self, name: str) -> Sender:
        """An account with gas; the same key for the same name."""
        account = Account.from_key(keccak(text=f"governance house {name}"))
        self.anvil.rpc.call("anvil_setBalance", account.address, hex(10**21))
        return Sender(self.web3, account)

    def raw(self, name: str):
        """A contract as web3 sees it, for what the typed access leaves out on purpose."""
        return contract_at(self.web3, name, self.deployment.address(name))

    def candidate(self, number: int = 0, lane: Lane = Lane.REGULAR, **changes) -> Candidate:
        token = self.deployment.address(f"Token{number}")
        fields = {"uri": "ipfs://proposal", "code_hash": self.vote.code_hash(token), **changes}
        return Candidate(lane=lane, chain_id=self.chain_id, token=token, **fields)

    def propose(self, number: int = 0, lane: Lane = Lane.REGULAR, **changes) -> int:
        proposer = self.people["proposer"]
        self.vote.approve_deposit(proposer, lane)
        return self.vote.propose(proposer, self.candidate(number, lane, **changes))

    def ballot(self, name: str, listing: int, support: Support = Support.FOR):
        return sign_ballot(
            Ballot(self.vote.box, self.people[name].address, listing, support), self.people[name].account
        )

    def started_at(self, listing: int) -> int:
        return self.vote.proposal(listing).started_at_s

    def now_s(self) -> int:
        return int(self.web3.eth.get_block("latest")["timestamp"])

    def reach(self, time_s: int) -> None:
        """Mine a block of exactly this time; what is sent next comes at this second or soon after."""
        self.anvil.rpc.call("evm_setNextBlockTimestamp", hex(time_s))
        self.anvil.mine()

    def carry(self, number: int = 0) -> int:
        """A regular proposal through a won vote to its approval."""
        listing = self.propose(number)
        started = self.started_at(listing)
        self.reach(started + 4 * HOUR_S)
        self.vote.cast_vote(self.people["alice"], listing, Support.FOR)
        self.reach(started + 44 * HOUR_S)
        self.vote.finalize(self.people["relayer"], listing)
        return listing

    def indexer(self, database=None, web3=None, depth: int = FINAL_DEPTH, witnesses=()) -> Indexer:
        engine = database or open_database("sqlite://")
        return Indexer(web3 or self.web3, self.deployment, engine, depth, witnesses)

    def bending(self) -> Web3:
        """A connection whose answers a test can bend: `web3.provider.before`, `web3.provider.after`."""
        return Web3(BendingProvider(self.anvil.url))

    @contextmanager
    def undone(self):
        """What happens inside is taken back."""
        with taken_back(self.anvil):
            yield self

    def _spread_votes(self) -> None:
        mext = self.raw("MEXT").functions
        for name, millions in WEIGHTS.items():
            person = self.people[name]
            self.people["supply"].send(mext.transfer(person.address, millions * 10**6 * MEXT))
            self.vote.delegate(person, person.address)
        self.reach(self.now_s() + 2 * DAY_S)


@contextmanager
def running_governance(folder: Path):
    """A node with the contracts deployed."""
    import pytest  # noqa: PLC0415 - only to skip

    if find_anvil() is None:
        pytest.skip("no anvil here: run npm ci")
    with AnvilNode.start(folder, ETHEREUM_LOCAL) as anvil:
        yield GovernanceHouse(anvil)
