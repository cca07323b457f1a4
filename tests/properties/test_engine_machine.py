# A state machine drives both engines: whatever the order of commands, they agree and no unit is lost.
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from simulators.engine_invariants import check_outputs, check_state
from simulators.engine_pair import EnginePair

from exchange.engine.codes import FeeMode, OrderFlag, Side, Stp, Tif, TransferFlag
from exchange.engine.commands import Cancel, CancelAll, NewOrder, SetFee, SetMarket, SetOwner, Transfer, pack_commands
from exchange.engine.core import fee_of
from exchange.engine.engine import Engine
from exchange.engine.reference import ReferenceEngine
from exchange.engine.state import EngineConfig
from exchange.engine.views import MarketSpec

CONFIG = EngineConfig(max_accounts=22, max_assets=3, max_orders=12, max_markets=2)
ACCOUNTS = st.integers(16, 21)
MARKETS = st.integers(0, 1)
PRICES = st.integers(95, 105)
LOTS = st.integers(1, 30)
FLAGS = st.sampled_from([OrderFlag(0), OrderFlag(0), OrderFlag.MARKET, OrderFlag.MARKET | OrderFlag.QUOTE_QTY])
SPECS = (
    MarketSpec(0, base=0, quote=1, multiplier=7, lot=3),
    MarketSpec(1, base=2, quote=1, multiplier=1, lot=1, fee_mode=FeeMode.ON_TOP),
)


class EngineMachine(RuleBasedStateMachine):
    handles = Bundle("handles")
    pending = Bundle("pending")

    @initialize(ppm=st.integers(0, 100_000))
    def set_up(self, ppm):
        self.pair = EnginePair(CONFIG)
        self.owners = {}
        self.number = 0
        self.pair.commands(*(SetMarket(spec) for spec in SPECS), SetFee(0, ppm, ppm // 2))
        for account in range(16, 22):
            for asset in range(3):
                self.pair.fund(account, asset, 20_000)

    def send(self, command):
        first = self.pair.next_seq
        batch = pack_commands([command])
        outputs = self.pair.records(batch)
        check_outputs(batch, outputs, first, self.owners)
        return outputs

    @rule(
        target=handles,
        market=MARKETS,
        account=ACCOUNTS,
        price=PRICES,
        qty=LOTS,
        side=st.sampled_from(Side),
        more=st.data(),
    )
    def order(self, market, account, price, qty, side, more):
        tif, stp, flags = more.draw(st.sampled_from(Tif)), more.draw(st.sampled_from(Stp)), more.draw(FLAGS)
        size = qty * 300 if flags & OrderFlag.QUOTE_QTY else qty
        outputs = self.send(NewOrder(market, account, side, price, size, tif, stp, flags))
        handle = int(outputs.events[0]["handle"])
        return (market, account, handle) if handle else multiple()

    @rule(known=handles)
    def cancel(self, known):
        market, account, handle = known
        self.send(Cancel(market, account, handle))

    @rule(known=handles, account=ACCOUNTS)
    def cancel_as_someone(self, known, account):
        market, _, handle = known
        self.send(Cancel(market, account, handle))

    @rule(account=ACCOUNTS, market=st.none() | MARKETS)
    def cancel_all(self, account, market):
        self.send(CancelAll(account, market))

    @rule(account=ACCOUNTS, owner=ACCOUNTS)
    def set_owner(self, account, owner):
        self.send(SetOwner(account, owner))
        self.owners[account] = owner

    @rule(account=ACCOUNTS, maker=st.integers(0, 100_000), taker=st.integers(0, 100_000))
    def set_fee(self, account, maker, taker):
        self.send(SetFee(account, maker, taker))

    @rule(target=pending, account=ACCOUNTS, asset=st.integers(0, 2), amount=st.integers(1, 25_000))
    def hold(self, account, asset, amount):
        self.number += 1
        transfer = Transfer(1_000_000 + self.number, account, 2, asset, amount, TransferFlag.PENDING)
        return transfer if self.pair.transfers(transfer) == [0] else multiple()

    @rule(held=consumes(pending), ending=st.sampled_from([TransferFlag.POST, TransferFlag.VOID]))
    def end_hold(self, held, ending):
        self.number += 1
        number = 1_000_000 + self.number
        ended = Transfer(number, held.debit, held.credit, held.ledger, 0, ending, pending_id=held.id)
        assert self.pair.transfers(ended) == [0]

    @rule()
    def save_and_load(self):
        arrays = self.pair.core.state_arrays()
        self.pair.core, self.pair.plain = Engine(CONFIG), ReferenceEngine(CONFIG)
        self.pair.core.load_state(arrays)
        self.pair.plain.load_state(arrays)

    @invariant()
    def agree_and_conserve(self):
        if hasattr(self, "pair"):
            self.pair.same_state()
            check_state(self.pair.core)


TestEngineMachine = EngineMachine.TestCase
TestEngineMachine.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


@given(st.integers(0, 1 << 62), st.integers(0, 1_000_000))
@settings(deadline=None)
def test_the_fee_is_the_exact_floor(amount, ppm):
    assert fee_of(amount, ppm) == amount * ppm // 1_000_000


@given(st.lists(st.integers(0, 1 << 50), min_size=1, max_size=20), st.integers(0, 100_000))
@settings(deadline=None)
def test_fees_of_parts_never_exceed_the_fee_of_the_whole(parts, ppm):
    assert sum(fee_of(part, ppm) for part in parts) <= fee_of(sum(parts), ppm)
