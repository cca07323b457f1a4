import pytest
from simulators.journal_traffic import fund, open_sequencer, order_batches, withdrawal

from exchange.engine.codes import TransferFlag
from exchange.engine.commands import Transfer, pack_transfers
from exchange.projection.projection import Projection
from exchange.projection.reading import open_hold_notes, trade_counts


@pytest.fixture
def live(tmp_path, database):
    projection = Projection(database)
    projection.create_tables()
    sequencer = open_sequencer(tmp_path / "journal", listeners=[projection])
    yield sequencer
    sequencer.close()


def end(number, flag, account, amount=0):
    ending = Transfer(
        id=2 << 64 | number, debit=account, credit=2, ledger=1, amount=amount, flags=flag, pending_id=1 << 64 | number
    )
    return pack_transfers([ending])


def test_a_refused_hold_is_not_open(database, live):
    alice, *_ = fund(live)
    live.submit_transfers(*withdrawal(alice, 1, amount=10**18))
    assert open_hold_notes(database) == []


def test_a_repeated_hold_is_open_once(database, live):
    alice, *_ = fund(live)
    for _ in range(3):
        live.submit_transfers(*withdrawal(alice, 1))
    assert open_hold_notes(database) == [withdrawal(alice, 1)[1]]


def test_a_refused_end_leaves_the_hold_open(database, live):
    alice, *_ = fund(live)
    live.submit_transfers(*withdrawal(alice, 1, amount=100))
    codes = live.submit_transfers(end(1, TransferFlag.POST, alice, amount=101))
    assert codes.any()
    assert len(open_hold_notes(database)) == 1


def test_posted_and_voided_holds_are_closed(database, live):
    alice, bob, *_ = fund(live)
    for number, account in ((1, alice), (2, bob), (3, alice)):
        live.submit_transfers(*withdrawal(account, number))
    assert not live.submit_transfers(end(1, TransferFlag.POST, alice)).any()
    assert not live.submit_transfers(end(2, TransferFlag.VOID, bob)).any()
    assert open_hold_notes(database) == [withdrawal(alice, 3)[1]]


def test_trades_are_counted_by_market(database, live):
    accounts = fund(live)
    fills = [live.submit_commands(batch).fills for batch in order_batches(accounts, seed=2, batches=8, size=40)]
    markets = [int(market) for each in fills for market in each["market"]]
    assert trade_counts(database) == {market: markets.count(market) for market in set(markets)}
    assert set(markets) == {0, 1}
