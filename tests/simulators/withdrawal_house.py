# A whole withdrawal room over simulators: what tests bend and look at. `reopen` forgets everything in memory.
import hashlib
from dataclasses import dataclass, field, replace

from simulators.chain import COIN, SIM, SimBroadcaster, SimCodec, SimNetwork, SimReader
from simulators.gates import SEALS, open_gates
from simulators.ledger import SimLedger
from simulators.signer import SimSigner

from custody.compliance.port import ScreeningAnswer, ScreeningUnavailable, ScreeningVerdict
from custody.keys import ed25519
from custody.keys.quorum import Roster, RosterMember
from custody.primitives.amount import Amount
from custody.primitives.approval import Approval, Verdict, approval_message
from custody.primitives.asset import AssetBook
from custody.primitives.chain import Family
from custody.primitives.ids import CustomerId, IdempotencyKey
from custody.primitives.secret import Secret
from custody.store.database import open_database
from custody.store.places import SqlPlaceStore
from custody.store.withdrawals import SqlWithdrawalStore
from custody.withdrawals.errors import WithdrawalsFrozen
from custody.withdrawals.facts import Circumstances, Destination, DestinationKind, Kind, Tier
from custody.withdrawals.lanes import Lane, Lanes, Member
from custody.withdrawals.parts import Batching, PipelineParts
from custody.withdrawals.pipeline import Pipeline
from custody.withdrawals.request import TREASURY, Bounds, WithdrawalRequest
from custody.withdrawals.rules import Effect, Group, Match, Policy, Rule
from custody.withdrawals.service import ServiceParts, WithdrawalService
from custody.withdrawals.trusted_places import TrustedPlaces

NOW_S = 1_800_000_000
FUNDS = 1_000_000
OPERATORS = ("ann", "bob", "cid")
BIG_UNITS = 50_000


def approver_key(name):
    return Secret(hashlib.sha256(f"approver {name}".encode()).digest())


def roster_of(*names):
    members = (RosterMember(name, ed25519.public_key(approver_key(name)), f"person-{name}", "house") for name in names)
    return Roster(tuple(members))


def approval(intent_hash, name, verdict=Verdict.APPROVE, at_s=NOW_S):
    message = approval_message(intent_hash, name, verdict, at_s)
    return Approval(intent_hash, name, verdict, at_s, ed25519.sign(approver_key(name), message))


def house_policy(version=1, **changes):
    # Small amounts go alone, from BIG_UNITS two operators approve; treasury moves always need two.
    rules = (
        Rule("customers", Effect.PERMIT, Match(kinds=frozenset({Kind.CUSTOMER}))),
        Rule(
            "big",
            Effect.PERMIT,
            Match(kinds=frozenset({Kind.CUSTOMER}), assets=frozenset({"SIM"}), min_units=BIG_UNITS),
            groups=(Group("operators", frozenset(OPERATORS), 2),),
        ),
        Rule(
            "treasury",
            Effect.PERMIT,
            Match(kinds=frozenset({Kind.TREASURY}), destinations=frozenset({DestinationKind.COLD})),
            groups=(Group("operators", frozenset(OPERATORS), 2),),
        ),
    )
    return replace(Policy(version, rules, {SIM: 100}), **changes)


@dataclass
class House:
    """Every port, simulated; public fields are knobs."""

    url: str = "sqlite://"
    funds: int = FUNDS
    batching: Batching = field(default_factory=Batching)
    bump_after_ms: int | None = None
    max_bumps: int = 4
    witnesses: tuple = ()
    with_sender: bool = False
    fixes_signers: bool = False
    now_s: int = NOW_S
    policy: Policy = field(default_factory=house_policy)
    people: Roster = field(default_factory=lambda: roster_of(*OPERATORS))
    circumstances: dict[str, Circumstances] = field(default_factory=dict)
    hits: set[str] = field(default_factory=set)
    screening_down: bool = False
    frozen: bool = False
    cold: str = "sim1cold"
    tier: Tier = Tier.HOT
    large_from: int | None = None
    destinations: object | None = None
    looks_alike: bool = False  # simulated destinations are called alike

    def __post_init__(self):
        self.network = SimNetwork({f"coin-{i:03d}": self.funds // 10 for i in range(10)})
        self.ledger = SimLedger({"alice": FUNDS, "bobby": FUNDS})
        self.signers = [self.new_signer(name) for name in ("signer-a", "signer-b", "signer-c")]
        self.sender = self.new_signer("gas-sender") if self.with_sender else None
        self.codec = SimCodec(
            [signer.key for signer in self.signers],
            2,
            sender=self.sender.key if self.sender else None,
            fixes_signers=self.fixes_signers,
        )
        self.engine = open_database(self.url)
        self.wrap = lambda _, port: port
        self.reopen()

    def new_signer(self, name):
        return SimSigner(name, lambda: self.now_s)

    def reader(self):
        return SimReader(self.network)

    def broadcasters(self):
        return (SimBroadcaster(self.network),)

    def reopen(self):
        assets = AssetBook([COIN])
        self.store = self.wrap("store", SqlWithdrawalStore(self.engine, assets, SEALS))
        ledger = self.wrap("ledger", self.ledger)
        lane = Lane(
            wallet_id="hot-sim",
            tier=self.tier,
            native=COIN,
            codec=self.codec,
            reader=self.reader(),
            broadcasters=tuple(self.wrap("broadcaster", each) for each in self.broadcasters()),
            members=tuple(Member(self.wrap("signer", signer), signer.key) for signer in self.signers),
            threshold=2,
            senders=(self.wrap("signer", self.sender),) if self.sender else (),
            fixes_signers=self.fixes_signers,
            witnesses=self.witnesses,
            bump_after_ms=self.bump_after_ms,
            max_bumps=self.max_bumps,
            destinations=self.destinations,
        )
        lanes = Lanes([lane])
        self.places = SqlPlaceStore(self.engine)
        self.trusted = TrustedPlaces(self.places, self.roster, lambda: self.now_s)
        bounds = {"SIM": Bounds(Amount(1, COIN), Amount(10**9, COIN))}
        self.service = WithdrawalService(ServiceParts(self.store, ledger, self, assets, lanes, bounds, self.places))
        self.gates, self.evidence = open_gates(self)
        self.parts = PipelineParts(
            self.store, ledger, self, self, self, self, lanes, lambda: self.now_s * 1000, {Family.UTXO: self.batching},
            large_from=lambda asset: self.large_from, gates=self.gates,
        )  # fmt: skip
        self.pipeline = Pipeline(self.parts)
        self.service.recover(self.now_s * 1000)  # before the gate: what it looks for has its rows then
        self.pipeline.try_open()
        return self

    # PolicySource
    def active(self, now_s):
        return self.policy

    def roster(self):
        return self.people

    # FactSource
    def gather(self, ask):
        if ask.withdrawal_id in self.circumstances:
            return self.circumstances[ask.withdrawal_id]
        if ask.to.text == self.cold or ask.kind is Kind.TREASURY:
            kind = DestinationKind.COLD if ask.to.text == self.cold else DestinationKind.ONE_TIME
            return Circumstances(ask.customer, 2, Tier.HOT, Destination(kind))
        place = self.trusted.of(ask) if self.looks_alike else Destination(DestinationKind.ONE_TIME)
        return Circumstances(ask.customer, 2, Tier.HOT, place)

    # Screening
    def screen(self, question):
        if self.screening_down:
            raise ScreeningUnavailable("no answer in time")
        hit = question.to.text in self.hits
        return ScreeningAnswer(ScreeningVerdict.HIT if hit else ScreeningVerdict.CLEAR, "simulated")

    # Breaker
    def require_closed(self, asset, lane):
        if self.frozen:
            raise WithdrawalsFrozen(f"{asset.symbol} is frozen")

    def ask(self, units=1_000, to="sim1dest", key="key-1", customer="alice"):
        text = Amount(units, COIN).text()
        request = WithdrawalRequest(CustomerId(customer), "SIM", to, text, "", IdempotencyKey(key))
        return self.service.request(request, self.now_s * 1000)

    def move(self, units=1_000, to="sim1cold", key="move-1", officer="ann"):
        text = Amount(units, COIN).text()
        request = WithdrawalRequest(TREASURY, "SIM", to, text, "", IdempotencyKey(key))
        return self.service.request_move(officer, request, self.now_s * 1000)

    def approve(self, withdrawal_id, *names, verdict=Verdict.APPROVE):
        withdrawal = self.service.get(withdrawal_id)
        for name in names:
            vote = approval(withdrawal.intent_hash, name, verdict, self.now_s)
            self.service.approve(withdrawal_id, vote, self.now_s * 1000)

    def step(self):
        return self.pipeline.step(self.now_s)

    def state(self, withdrawal_id):
        return self.service.get(withdrawal_id).state

    def settle(self, rounds=6):
        # Steps and blocks until everything that can be final is.
        for _ in range(rounds):
            self.step()
            self.network.mine()
        self.step()
