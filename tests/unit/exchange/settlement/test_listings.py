import pytest
from simulators.settlement_world import btc_eth

from exchange.settlement.listings import ListingDesk, ListingView
from exchange.settlement.trading import OrderRefused, OrderRequest, TradingDesk

TOKEN = "0xAbCdEf0000000000000000000000000000000001"
UNKNOWN = "0x00000000000000000000000000000000000000ff"


class SimListings:
    """A simulated indexer: the approvals of one chain, which a reorg may take back."""

    def __init__(self):
        self.seen, self.final, self.asked = [], [], None

    def approved_seen(self):
        return list(self.seen)

    def approved_final(self):
        return list(self.final)

    def views(self, markets):
        self.asked = dict(markets)
        return [ListingView(1, "regular", "approved", TOKEN, "5", "0", markets.get(TOKEN.lower(), ""))]


@pytest.fixture
def source():
    return SimListings()


def open_desk(world, source, session=1):
    trading = TradingDesk(world.core, [], session=session)
    return trading, ListingDesk(source, trading, {TOKEN: btc_eth()})


def states(trading):
    return [(row.market, row.state) for row in trading.rows({})]


def test_nothing_approved_sets_no_market(world, source):
    trading, desk = open_desk(world, source)
    before = world.seq
    assert desk.step() == []
    assert states(trading) == []
    assert world.seq == before


def test_an_approval_that_is_only_seen_prepares_a_market_that_takes_no_order(world, source):
    trading, desk = open_desk(world, source)
    source.seen = [TOKEN.lower()]
    assert desk.step() == ["BTC/ETH"]
    assert states(trading) == [("BTC/ETH", "halted")]
    assert not desk.opened(TOKEN)
    with pytest.raises(OrderRefused, match="halted"):
        trading.place(OrderRequest("alice", "BTC/ETH", "buy", "30", "1"))


def test_an_approval_that_is_reorganised_away_never_opens(world, source):
    trading, desk = open_desk(world, source)
    source.seen = [TOKEN.lower()]
    desk.step()
    source.seen = []
    for _ in range(3):
        assert desk.step() == []
    assert states(trading) == [("BTC/ETH", "halted")]
    assert not desk.opened(TOKEN)


def test_a_final_approval_opens_once(world, source):
    trading, desk = open_desk(world, source)
    source.seen = [TOKEN.lower()]
    desk.step()
    source.seen, source.final = [], [TOKEN.lower()]
    assert desk.step() == ["BTC/ETH"]
    before = world.seq
    assert desk.step() == []
    assert world.seq == before
    assert states(trading) == [("BTC/ETH", "open")]
    assert desk.opened(TOKEN)
    assert not desk.opened(UNKNOWN)


def test_an_open_market_is_never_halted_again_by_a_second_sighting(world, source):
    trading, desk = open_desk(world, source)
    source.final = [TOKEN.lower()]
    desk.step()
    source.seen = [TOKEN.lower()]
    assert desk.step() == []
    assert states(trading) == [("BTC/ETH", "open")]


def test_an_unknown_token_is_reported_and_no_market_is_guessed_for_it(world, source):
    trading, desk = open_desk(world, source)
    source.seen, source.final = [UNKNOWN], [UNKNOWN]
    assert desk.step() == []
    assert states(trading) == []
    desk.listings()
    assert UNKNOWN not in source.asked


def test_a_restart_reads_all_again_and_changes_nothing_that_matters(world, source):
    trading, desk = open_desk(world, source)
    source.final = [TOKEN.lower()]
    desk.step()
    terms = world.core.read(lambda engine: engine.markets())
    world.reopen()
    trading, desk = open_desk(world, source, session=2)
    assert not desk.opened(TOKEN)
    assert desk.step() == ["BTC/ETH"]
    assert world.core.read(lambda engine: engine.markets()) == terms
    assert states(trading) == [("BTC/ETH", "open")]


def test_listings_tell_the_market_of_a_proposal_and_its_state(world, source):
    _, desk = open_desk(world, source)
    texts = []
    for seen, final in (([], []), ([TOKEN.lower()], []), ([], [TOKEN.lower()])):
        source.seen, source.final = seen, final
        desk.step()
        texts.append(desk.listings()[0].market)
    assert texts == ["BTC/ETH (closed)", "BTC/ETH (prepared)", "BTC/ETH (open)"]
