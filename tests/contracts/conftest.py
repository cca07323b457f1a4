# World of the contract tests: MEXT, a listing vote, a reserve register, and people with their roles.
import hashlib
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from ape.contracts import ContractContainer
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from ethpm_types import ContractType

from contracts.build import SETTINGS, compile_sources
from contracts.sources import own_units, read_units

ETHER = 10**18
HOUR = 3600
DAY = 24 * HOUR
SUPPLY = 1_000_000_000 * ETHER
REGULAR, EXPEDITED = 0, 1
AGAINST, FOR = 0, 1
STATES = (
    "Unknown", "Screening", "Active", "Objection", "Defeated", "AwaitingVeto",
    "Approved", "Listed", "Rejected", "Spam", "Vetoed", "Lapsed",
)  # fmt: skip
DOUBLES = ("StakeDouble", "WalletDouble")
# Weights in millions of MEXT. The regular quorum is 20, the expedited one 40; under a quarter of it is futile.
HOLDINGS = {"alice": 60, "bob": 45, "carol": 30, "dave": 4, "proposer": 9}


@dataclass(frozen=True)
class Asset:
    chain_id: int
    token: str
    code_hash: bytes

    @property
    def fields(self):
        return (self.chain_id, self.token, self.code_hash)


class Clock:
    def __init__(self, chain):
        self._chain = chain

    @property
    def next(self):
        return self._chain.pending_timestamp

    def next_block_at(self, timestamp):
        """The next transaction sees exactly this time."""
        self._chain.provider.set_timestamp(timestamp)

    def reach(self, timestamp):
        """Calls see exactly this time; transactions come later."""
        self.next_block_at(timestamp)
        self._chain.mine()


@pytest.fixture(scope="session")
def project(project):
    """The project, compiled anew when any source changed: ape's cache does not see that an import did."""
    stamp = project.path / ".build" / "ape-sources.sha256"
    units = read_units(own_units(project.path), project.path)
    digest = hashlib.sha256(repr(units).encode()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != digest:
        project.load_contracts(use_cache=False)
        stamp.write_text(digest)
    return project


@pytest.fixture(scope="session")
def clock(chain):
    return Clock(chain)


@pytest.fixture(scope="session")
def people(accounts):
    names = (
        "deployer", "holder", "admin", "guardian", "operator", "screener_a", "screener_b", "treasury", "publisher",
        "auditor", "alice", "bob", "carol", "dave", "proposer", "relayer", "mallory", "late",
    )  # fmt: skip
    named = dict(zip(names, accounts, strict=False))
    low, high = sorted((named["screener_a"], named["screener_b"]), key=lambda account: int(account.address, 16))
    return SimpleNamespace(**{**named, "screener_a": low, "screener_b": high})


@pytest.fixture(scope="session")
def doubles():
    units = tuple(f"tests/foundry/doubles/{name}.sol" for name in DOUBLES)
    texts = read_units(units)
    sources = {unit: {"content": text} for unit, text in texts.items()}
    output = compile_sources({"language": "Solidity", "sources": sources, "settings": dict(SETTINGS)})
    return SimpleNamespace(
        **{
            name: ContractContainer(
                ContractType(
                    contractName=name,
                    abi=output["contracts"][unit][name]["abi"],
                    deploymentBytecode={
                        "bytecode": "0x" + output["contracts"][unit][name]["evm"]["bytecode"]["object"]
                    },
                )
            )
            for unit, name in zip(units, DOUBLES, strict=True)
        }
    )


@pytest.fixture(scope="session")
def vault(project, people):
    return people.deployer.deploy(project.EmptyVault)


@pytest.fixture(scope="session")
def mext(project, people, vault):
    return people.deployer.deploy(project.MEXT, people.holder, vault)


@pytest.fixture(scope="session")
def roles(people):
    return (people.admin, people.guardian, people.operator, [people.screener_a, people.screener_b])


@pytest.fixture(scope="session")
def listing(project, people, mext, roles, clock):
    """A listing vote among holders whose votes are older than a day."""
    contract = people.deployer.deploy(project.ListingVote, mext, people.treasury, roles)
    for name, millions in HOLDINGS.items():
        person = getattr(people, name)
        mext.transfer(person, millions * 10**6 * ETHER, sender=people.holder)
        mext.invoke_transaction("delegate", person, sender=person)
        mext.approve(contract, 2**256 - 1, sender=person)
    clock.reach(clock.next + 2 * DAY)
    return contract


@pytest.fixture(scope="session")
def new_asset(project, people, chain):
    """Make a token on this chain, as a listing proposal names it."""
    count = iter(range(10**6))

    def make():
        token = people.deployer.deploy(project.DevToken, f"Token {next(count)}", "TOK", 10**24)
        return Asset(chain.chain_id, token.address, keccak(chain.provider.get_code(token.address)))

    return make


@pytest.fixture
def asset(new_asset):
    return new_asset()


@pytest.fixture
def propose(listing, people, new_asset):
    """Make a regular proposal and give its id, T0 and asset."""

    def make(asset=None, sender=None):
        chosen = asset or new_asset()
        receipt = listing.propose(REGULAR, chosen.fields, "ipfs://proposal", [], sender=sender or people.proposer)
        return SimpleNamespace(id=listing.proposalCount(), t0=receipt.timestamp, asset=chosen, receipt=receipt)

    return make


@pytest.fixture
def proposal(propose):
    return propose()


@pytest.fixture
def in_voting(proposal, clock):
    """A proposal whose voting has just begun."""
    clock.next_block_at(proposal.t0 + 4 * HOUR)
    return proposal


@pytest.fixture
def state(listing):
    return lambda id_: STATES[listing.stateOf(id_)]


@pytest.fixture
def carry(listing, people, clock, propose):
    """Take a regular proposal through a won vote to its approval."""

    def run(asset=None):
        made = propose(asset)
        clock.next_block_at(made.t0 + 4 * HOUR)
        listing.castVote(made.id, FOR, sender=people.alice)
        clock.next_block_at(made.t0 + 44 * HOUR)
        listing.finalize(made.id, sender=people.relayer)
        return made

    return run


@pytest.fixture
def enlist(listing, people, carry, clock):
    """Take regular proposals through to open markets, all in one epoch."""

    def run(count):
        epoch_s = listing.EPOCH_S()
        needed = count * 3 * DAY
        if clock.next % epoch_s + needed > epoch_s:
            clock.reach((clock.next // epoch_s + 1) * epoch_s)
        for _ in range(count):
            listing.confirmListed(carry().id, sender=people.operator)

    return run


@pytest.fixture(scope="session")
def typed_data(chain):
    """EIP-712 message, as a wallet shows it."""

    def make(contract, primary_type, fields, message, **domain):
        name = {"ListingBallot": "ListingVote", "DueDiligence": "ListingVote", "StatementAudit": "ReserveRegistry"}
        return encode_typed_data(
            domain_data={
                "name": name[primary_type],
                "version": "1",
                "chainId": chain.chain_id,
                "verifyingContract": str(contract.address),
                **domain,
            },
            message_types={primary_type: [{"name": n, "type": t} for t, n in (f.split() for f in fields)]},
            message_data=message,
        )

    return make


@pytest.fixture
def ballot(listing, typed_data):
    """A signed ballot: (voter, support, signature)."""

    def make(voter, id_, support=FOR, *, signer=None, voter_in_text=None, **domain):
        text = {"voter": str(voter_in_text or voter.address), "id": id_, "support": support}
        message = typed_data(listing, "ListingBallot", ("address voter", "uint256 id", "uint8 support"), text, **domain)
        return (voter.address, support, (signer or voter).sign_message(message).encode_rsv())

    return make


@pytest.fixture
def attest(listing, people, typed_data, clock):
    """Due-diligence attestations of both screeners, in order."""
    fields = ("bytes32 assetId", "address proposer", "bytes32 uriHash", "uint256 attempt", "uint256 deadline")

    def make(asset, uri, screeners=None, **changes):
        deadline = changes.pop("deadline", clock.next + HOUR)
        text = {
            "assetId": listing.assetIdOf(asset.fields),
            "proposer": str(people.proposer.address),
            "uriHash": keccak(text=uri),
            "attempt": 0,
            "deadline": deadline,
            **changes,
        }
        message = typed_data(listing, "DueDiligence", fields, text)
        signers = screeners or (people.screener_a, people.screener_b)
        return [(s.address, deadline, s.sign_message(message).encode_rsv()) for s in signers]

    return make


@pytest.fixture(scope="session")
def registry(project, people):
    return people.deployer.deploy(project.ReserveRegistry, people.admin, people.publisher, people.auditor, 35 * DAY)


@pytest.fixture
def expedited(listing, people, new_asset, attest, enlist):
    """Make an expedited proposal, after the four regular listings that make room for it."""

    def make():
        enlist(4)
        asset = new_asset()
        attestations = attest(asset, "ipfs://expedited")
        receipt = listing.propose(EXPEDITED, asset.fields, "ipfs://expedited", attestations, sender=people.proposer)
        return SimpleNamespace(id=listing.proposalCount(), t0=receipt.timestamp, asset=asset)

    return make
