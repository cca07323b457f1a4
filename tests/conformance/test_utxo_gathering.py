# Small coins gathered on Bitcoin Knots, over the real stores: reserved like the coins of payments, and never against one.
from contextlib import suppress
from dataclasses import replace

import pytest
from simulators.bitcoin import LiveWallet, bitcoin_node  # noqa: F401 - a fixture
from simulators.gates import SEALS

from custody.chains.utxo.coins import resource
from custody.chains.utxo.consolidation import MIN_GATHERED
from custody.chains.utxo.params import BITCOIN_REGTEST
from custody.keys.material import Curve, PublicKey
from custody.primitives.asset import AssetBook
from custody.primitives.errors import QuorumNotReached, Refused, SignerUnavailable
from custody.store.database import open_database
from custody.store.sweeps import SqlSweepStore
from custody.store.withdrawals import SqlWithdrawalStore
from custody.wallets.sweep import SweepState
from custody.withdrawals.errors import ResourceTaken
from custody.withdrawals.facts import Tier
from custody.withdrawals.lanes import Lane, Member
from custody.withdrawals.ports import Change
from custody.withdrawals.records import Payment
from custody.withdrawals.states import PaymentState
from exchange.app import utxo_gathering
from exchange.app.chain_parts import Records
from exchange.app.utxo_gathering import CoinGatherer

pytestmark = pytest.mark.node
CHAIN = BITCOIN_REGTEST.chain
FINAL = CHAIN.final_depth
COUNT, EACH_SAT = MIN_GATHERED + 10, 50_000


class LocalSigner:
    """A key of the wallet behind the words of a signer; signs moves that pay nobody, while its rules allow them."""

    def __init__(self, number, live):
        self.name, self._member, self._wallet = f"signer-{number}", live.members[number], live.wallet
        self.allows = self.is_honest = True

    def sign(self, request):
        if not self.allows:
            raise Refused("moves within the wallet are not allowed")
        assert (request.intents, request.approvals, request.wallet_id) == ((), (), self._wallet.id)
        given = self._member.sign(self._wallet, request.payload)
        return given if self.is_honest else tuple(replace(each, value=given[-1].value) for each in given)


class Room:
    def __init__(self, node, folder):
        self.node, self.live = node, LiveWallet.open(node, "gathering")
        wallet = self.live.wallet
        self.signers = [LocalSigner(number, self.live) for number in range(3)]
        keys = [PublicKey(Curve.SECP256K1, origin.node().key) for origin in wallet.cosigners]
        self.lane = Lane(
            *(wallet.id, Tier.HOT, BITCOIN_REGTEST.asset, self.live.codec, self.live.reader, (self.live.broadcaster,)),
            tuple(Member(signer, key) for signer, key in zip(self.signers, keys, strict=True)),
            wallet.threshold,
        )
        database, assets = open_database(f"sqlite:///{folder}/custody.sqlite"), AssetBook([BITCOIN_REGTEST.asset])
        self.store, self.sweeps = SqlWithdrawalStore(database, assets, SEALS), SqlSweepStore(database, assets)
        self.rate, self.meanwhile = BITCOIN_REGTEST.fees.floor, lambda coins: None
        # A local node has seen no fees to estimate one from: the rate is the test's.
        for more in (0, COUNT):  # two coins a place
            node.fund_many({wallet.address(0, i).text: EACH_SAT + more + i for i in range(1, COUNT // 2 + 1)})
        node.mine(FINAL)
        self.reader = self.live.reader

    def gatherer(self):
        return CoinGatherer(self.lane, self.live.wallet, Records(self.store, self.sweeps, None, None), self.small)

    def small(self, taken):
        found = replace(self.reader.small_coins(taken), fee_sat_per_kvb=self.rate)
        self.meanwhile(found.coins)
        return found

    def reserved(self):
        return self.store.reserved(CHAIN.id)

    def pay(self, outpoint):
        """What the pipeline does first with a coin: reserve it for a payment."""
        payment = Payment(f"pay-{outpoint}", CHAIN.id, self.live.wallet.id, outpoint, (), PaymentState.OPEN, 0, 1)
        self.store.commit(Change(payments=(payment,), reserve=(payment.id, (outpoint,))))

    def pool(self):
        return self.node.rpc.call("getrawmempool")

    def states(self):
        return [each.state for each in self.sweeps.sweeps(CHAIN, tuple(SweepState))]


@pytest.fixture
def room(bitcoin_node, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(utxo_gathering, "REST_S", 0.0)
    made = Room(bitcoin_node, tmp_path)
    yield made
    bitcoin_node.mine(1)  # the next test begins with an empty pool


def test_many_small_coins_become_one_and_stay_reserved_until_that_is_final(room):
    before = room.reader.total().units
    gatherer = room.gatherer()
    gatherer.step()
    (txid,) = room.pool()
    (gathering,) = room.sweeps.sweeps(CHAIN, (SweepState.STORED,))
    assert (gathering.tx.txid, len(room.reserved())) == (txid, COUNT)
    assert room.reader.spendable(room.reserved()).coins == ()
    gatherer.step()
    assert room.pool() == [txid]
    room.node.mine(FINAL - 1)
    gatherer.step()
    assert room.states() == [SweepState.STORED]
    room.node.mine(1)
    gatherer.step()
    (ended,) = room.sweeps.sweeps(CHAIN, (SweepState.FINAL,))
    assert room.reserved() == frozenset()
    (coin,) = room.reader.spendable(frozenset()).coins
    assert coin.value_sat == before - ended.fee.units
    assert ended.fee.units * 10 <= before
    gatherer.step()
    assert room.states() == [SweepState.FINAL]


def test_a_coin_that_a_payment_took_meanwhile_is_not_gathered_and_what_was_signed_is_never_sent(room):
    def meanwhile(coins):
        room.meanwhile = lambda _: None
        room.pay(resource(CHAIN.id, coins[0].txid, coins[0].vout))

    room.meanwhile = meanwhile
    gatherer = room.gatherer()
    with pytest.raises(ResourceTaken):
        gatherer.step()
    assert (room.pool(), room.states(), len(room.reserved())) == ([], [], 1)
    gatherer.step()  # the others are gathered without it
    assert len(room.pool()) == 1
    assert len(room.reserved()) == COUNT


def test_a_payment_cannot_take_a_coin_that_is_being_gathered(room):
    room.gatherer().step()
    with pytest.raises(ResourceTaken):
        room.pay(min(room.reserved()))


def test_a_crash_between_reservation_and_bytes_frees_the_coins_and_the_next_step_gathers_them(room):
    gatherer = room.gatherer()
    save, room.sweeps.save_sweep = room.sweeps.save_sweep, None
    with suppress(TypeError):
        gatherer._sweeper.step([-1])
    assert len(room.reserved()) == COUNT
    room.sweeps.save_sweep = save
    room.gatherer().step()  # finds nothing free yet, and frees what no bytes stand for
    assert (room.reserved(), room.pool()) == (frozenset(), [])
    room.gatherer().step()
    assert len(room.pool()) == 1


def test_nothing_is_gathered_while_fees_are_not_calm(room):
    room.rate = BITCOIN_REGTEST.fees.calm + 1
    room.gatherer().step()
    assert (room.pool(), room.states(), room.reserved()) == ([], [], frozenset())


def test_signers_that_allow_no_moves_within_the_wallet_leave_nothing_behind(room):
    for signer in room.signers:
        signer.allows = False
    with pytest.raises(Refused):
        room.gatherer().step()
    assert (room.pool(), room.states(), room.reserved()) == ([], [], frozenset())
    assert room.store.payments(frozenset(PaymentState)) == ()


def test_a_signer_that_gives_bad_signatures_stops_the_gathering_and_is_no_alarm(room):
    room.signers[1].is_honest = False
    with pytest.raises(QuorumNotReached, match="nothing gathered"):
        room.gatherer().step()
    assert (room.pool(), room.states(), room.reserved()) == ([], [], frozenset())


def test_a_silent_signer_is_passed_over(room, monkeypatch):
    def silent(request):
        raise SignerUnavailable("simulated: no answer")

    monkeypatch.setattr(room.signers[0], "sign", silent)
    room.gatherer().step()
    assert len(room.pool()) == 1


def test_after_a_look_that_found_nothing_it_rests(room, monkeypatch):
    monkeypatch.setattr(utxo_gathering, "REST_S", 3_600.0)
    room.rate, gatherer = BITCOIN_REGTEST.fees.calm + 1, room.gatherer()
    gatherer.step()
    room.rate = BITCOIN_REGTEST.fees.floor
    gatherer.step()
    assert room.pool() == []
    room.gatherer().step()
    assert len(room.pool()) == 1
