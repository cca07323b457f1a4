import subprocess
import sys

import numpy as np
import pytest
from simulators.engine_invariants import check_state
from simulators.engine_pair import ALICE, BOB, CAROL, SMALL, EnginePair, handle_of
from simulators.engine_streams import CONFIG, Stream

from custody.primitives.errors import InvalidInput, InvariantBroken, MalformedPayload
from exchange.engine import core
from exchange.engine.codes import Side, Tif
from exchange.engine.commands import Cancel, CancelAll, NewOrder, Tick, Transfer, pack_commands, pack_transfers
from exchange.engine.engine import Engine
from exchange.engine.errors import SequenceTaken
from exchange.engine.records import CMD, TRANSFER
from exchange.engine.reference import ReferenceEngine
from exchange.engine.state import ROWS, EngineConfig

ENGINES = (Engine, ReferenceEngine)


def busy_pair(seed=11, batches=20):
    stream, engines = Stream(seed), EnginePair(CONFIG)
    engines.records(stream.markets())
    engines.transfer_records(stream.transfers(300, flags=(0, 0, 2)))
    for _ in range(batches):
        stream.learn(engines.records(stream.commands(50)))
    for account in range(16, 20):
        engines.commands(CancelAll(account))
    return stream, engines


# Refusals -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "capacity",
    [{"max_accounts": 16}, {"max_assets": 0}, {"max_orders": 0}, {"max_markets": 0}, {"max_accounts": 1 << 25}],
)
def test_refuses_capacities_out_of_range(capacity):
    with pytest.raises(InvalidInput, match=next(iter(capacity))):
        EngineConfig(**capacity)


@pytest.mark.parametrize("make", ENGINES)
def test_refuses_records_of_another_type(make):
    engine = make(SMALL)
    with pytest.raises(InvalidInput):
        engine.apply_commands(np.zeros(1, TRANSFER), 1)
    with pytest.raises(InvalidInput):
        engine.apply_transfers(np.zeros(1, CMD), 1)
    with pytest.raises(InvalidInput):
        engine.apply_commands(np.zeros((1, 1), CMD), 1)


@pytest.mark.parametrize("make", ENGINES)
def test_refuses_a_sequence_number_twice(make):
    engine = make(SMALL)
    engine.apply_commands(pack_commands([Tick(), Tick()]), 5)
    for first_seq in (5, 6):
        with pytest.raises(SequenceTaken):
            engine.apply_commands(pack_commands([Tick()]), first_seq)
        with pytest.raises(SequenceTaken):
            engine.apply_transfers(pack_transfers([Transfer(1, 0, ALICE, 0, 1)]), first_seq)
    engine.apply_commands(pack_commands([Tick()]), 9)  # numbers between may belong to records the engine never sees
    assert engine.last_seq == 9


@pytest.mark.parametrize("make", ENGINES)
def test_refuses_questions_about_what_is_not_there(make):
    engine = make(SMALL)
    for question in (lambda: engine.best(0), lambda: engine.depth(-1, 5), lambda: engine.balance(64, 0)):
        with pytest.raises(InvalidInput):
            question()


def damage(name, change):
    def apply(arrays):
        arrays[name] = change(arrays[name])

    return apply


def with_field(field, value):
    def change(rows):
        rows = rows.copy()
        rows[field][-1] = value
        return rows

    return change


DAMAGES = {
    "a missing array": lambda arrays: arrays.pop("orders"),
    "another type": damage("free", lambda rows: rows.astype("<i8")),
    "an account too many": damage("balances", with_field("account", 40)),
    "an asset too many": damage("balances", with_field("asset", 3)),
    "an owner too many": damage("accounts", with_field("owner", 40)),
    "a market too many": damage("markets", with_field("market", 3)),
    "an order of a market too many": damage("orders", with_field("market", 3)),
    "outcomes short of one": damage("outcomes", lambda rows: rows[:-1]),
    "a slot used twice": damage("orders", with_field("handle", 1)),
    "a slot lost": damage("free", lambda rows: rows[:-1]),
    "more slots than fit": damage("generations", lambda rows: np.zeros(121, rows.dtype)),
    "a price outside its window": damage("orders", with_field("price", 1 << 40)),
    "an order in no market": damage("orders", with_field("market", 2)),
    "a counter too many": damage("counters", lambda rows: np.zeros(3, rows.dtype)),
}


@pytest.mark.parametrize("spoil", DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("make", ENGINES)
def test_refuses_a_state_that_does_not_fit(make, spoil):
    _, engines = busy_pair()
    arrays = engines.core.state_arrays()
    assert len(arrays["orders"]) > 1
    assert len(arrays["free"])
    spoil(arrays)
    engine = make(CONFIG)
    before = engine.state_hash()
    with pytest.raises(MalformedPayload):
        engine.load_state(arrays)
    assert engine.state_hash() == before


# Determinism ------------------------------------------------------------------------------


def test_any_split_into_batches_gives_the_same_state():
    stream = Stream(21)
    batch = np.concatenate([stream.markets(), *(stream.commands(50) for _ in range(20))])
    money = stream.transfers(200, flags=(0, 2))
    hashes, outputs = set(), []
    for size in (1, 7, 64, len(batch)):
        engine = Engine(CONFIG)
        engine.apply_transfers(money, 1)
        parts = [engine.apply_commands(batch[at : at + size], 201 + at) for at in range(0, len(batch), size)]
        outputs.append(b"".join(part.events.tobytes() for part in parts) + b"".join(p.fills.tobytes() for p in parts))
        hashes.add(engine.state_hash())
    assert len(hashes) == 1
    assert len(set(outputs)) == 1


@pytest.mark.parametrize("saver", ["core", "plain"])
def test_a_loaded_state_continues_like_the_original(saver):
    stream, engines = busy_pair()
    arrays = getattr(engines, saver).state_arrays()
    loaded = EnginePair(CONFIG)
    loaded.core.load_state(arrays)
    loaded.plain.load_state(arrays)
    loaded.next_seq = engines.next_seq
    assert loaded.same_state() == engines.same_state()
    check_state(loaded.core)
    for _ in range(10):
        batch, money = stream.commands(50), stream.transfers(20)
        assert loaded.records(batch).events.tobytes() == engines.records(batch).events.tobytes()
        assert loaded.transfer_records(money) == engines.transfer_records(money)
    assert loaded.same_state() == engines.same_state()


def test_exported_state_does_not_change_with_the_next_batch():
    stream, engines = busy_pair()
    arrays = engines.core.state_arrays()
    before = {name: rows.tobytes() for name, rows in arrays.items()}
    engines.records(stream.commands(50))
    assert {name: rows.tobytes() for name, rows in arrays.items()} == before
    assert list(before) == list(ROWS)


def test_outputs_do_not_change_with_the_next_batch():
    engines = EnginePair()
    engines.market()
    first = engines.commands(Tick())
    before = first.events.tobytes()
    engines.commands(*[Tick()] * 3)
    assert first.events.tobytes() == before


def test_unaligned_and_read_only_batches_are_taken():
    batch = pack_commands([Tick(), Tick()])
    shifted = np.frombuffer(b"\0" + batch.tobytes(), dtype=np.uint8)[1:].view(CMD)
    assert not shifted.flags.writeable
    assert len(Engine(SMALL).apply_commands(shifted, 1).events) == 2
    assert len(Engine(SMALL).apply_commands(np.repeat(batch, 2)[::2], 1).events) == 2
    assert len(Engine(SMALL).apply_commands(batch[:0], 1).events) == 0


def test_every_way_to_the_same_state_has_the_same_hash():
    one, other = EnginePair(), EnginePair()
    for engines in (one, other):
        engines.market()
        engines.fund_all(ALICE, BOB)
    one.commands(NewOrder(0, ALICE, Side.BUY, 10, 1), NewOrder(0, BOB, Side.BUY, 10, 1, tif=Tif.IOC))
    other.commands(NewOrder(0, ALICE, Side.BUY, 10, 1), NewOrder(0, CAROL, Side.BUY, 10, 1))
    assert one.same_state() == other.same_state()


def test_one_unit_of_difference_changes_the_hash():
    hashes = set()
    for amount in (1, 2):
        engines = EnginePair()
        engines.fund(ALICE, 0, amount)
        hashes.add(engines.same_state())
    assert len(hashes) == 2


# Views ------------------------------------------------------------------------------------


def test_both_engines_show_the_same():
    _, engines = busy_pair()
    fast, slow = engines.core, engines.plain
    assert list(fast.balances()) == list(slow.balances())
    assert fast.markets() == slow.markets()
    assert fast.last_seq == slow.last_seq
    for account in range(16, 40):
        assert fast.open_orders(account) == slow.open_orders(account)
        assert [fast.balance(account, asset) for asset in range(3)] == [slow.balance(account, a) for a in range(3)]
    for market in (0, 1):
        assert fast.best(market) == slow.best(market)
        assert fast.depth(market, 5) == slow.depth(market, 5)


def test_a_cancelled_order_disappears_from_the_views(pair):
    handle = handle_of(pair.buy(ALICE, 100, 1))
    assert len(pair.core.open_orders(ALICE)) == 1
    pair.commands(Cancel(0, ALICE, handle))
    assert pair.core.open_orders(ALICE) == ()


# Compilation --------------------------------------------------------------------------------


def test_compiles_without_a_cache_where_none_can_be_written(monkeypatch):
    asked = []

    def refusing(_signatures, *, cache, **_options):
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(core, "njit", refusing)
    assert core.compiled()(len)([1, 2]) == 2
    assert asked == [True, False]


def test_the_reference_engine_needs_no_compiler():
    code = "import sys; sys.modules['numba'] = None; import exchange.engine.reference; print('fine')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "fine"


def test_a_core_that_leaves_its_bounds_stops_the_engine(monkeypatch):
    def failing(*_arguments):
        raise IndexError("index is out of bounds")

    monkeypatch.setattr(core, "run_commands", failing)
    monkeypatch.setattr(core, "run_transfers", failing)
    engine = Engine(SMALL)
    with pytest.raises(InvariantBroken, match="bounds"):
        engine.apply_commands(pack_commands([Tick()]), 1)
    with pytest.raises(InvariantBroken, match="bounds"):
        engine.apply_transfers(pack_transfers([Transfer(1, 0, ALICE, 0, 1)]), 1)
