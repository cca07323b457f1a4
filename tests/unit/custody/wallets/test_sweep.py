# The sweeper over the real store; chain and signer are simulated.
import pytest
from simulators.crashes import CrashForTest

from custody.chains.port import SignedTx
from custody.keys.material import Curve, PublicKey, Signature, SigningNeed, SigningRole
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset, AssetBook
from custody.primitives.chain import Chain, ChainId, Family, Finality
from custody.primitives.errors import (
    BadSignature,
    IllegalMove,
    NodeUnavailable,
    QuorumNotReached,
    Refused,
    SignerUnavailable,
)
from custody.primitives.ids import TxId
from custody.store.database import open_database
from custody.store.sweeps import SqlSweepStore
from custody.wallets.sweep import SWEEP, Sweeper, SweepEvent, SweepState

CHAIN = Chain(ChainId("sim"), Family.EVM, "1", "eip155:1", 1, 2)
COIN = Asset("SIM", 18, CHAIN.id)
FEE = Amount(21, COIN)


class SimLane:
    """A simulated chain of deposit accounts: what each holds, what was sent, what became of it."""

    chain = CHAIN

    def __init__(self, **balances):
        self.balances = {int(index.removeprefix("a")): units for index, units in balances.items()}
        self.sent, self.answers, self.plans = [], {}, 0
        self.underpriced, self.refuses, self.down, self.crash_at_broadcast, self.store = (
            set(),
            set(),
            False,
            False,
            None,
        )

    def plan(self, index):
        if not self.balances.get(index):
            return None
        self.plans += 1
        return SimPlan(index, self.plans)

    def broadcast(self, tx):
        stored = [sweep.tx for sweep in self.store.sweeps(CHAIN, tuple(SweepState))]
        assert tx in stored, "bytes that are not stored were sent"
        if self.crash_at_broadcast:
            raise CrashForTest("at broadcast")
        if tx.txid in self.refuses:
            raise Refused("simulated: rejected by the node")
        if tx.txid in self.underpriced:
            raise NodeUnavailable("simulated: underpriced now")
        if self.down:
            raise NodeUnavailable("simulated: no answer")
        self.sent.append(tx.raw)
        return tx.txid

    def finality(self, txid, conflict_key):
        return self.answers.get(txid, Finality.UNKNOWN)

    def fee_paid(self, tx):
        return FEE


class SimPlan:
    """A simulated plan: never the same bytes twice, as with another fee level."""

    def __init__(self, index, number):
        self.index, self.number = index, number

    def next_need(self, signatures):
        return None if signatures else SigningNeed(SigningRole.SENDER, b"plan %d" % self.number, 1)

    def assemble(self, signatures):
        if signatures[0].value != b"good":
            raise BadSignature("simulated")
        raw = b"sweep %d of account %d" % (self.number, self.index)
        return SignedTx(TxId(f"tx-{self.number}"), raw, f"sim/{self.index}", Amount(100, COIN))


class SimSender:
    """A simulated signer of sweeps."""

    name = "gas-sender"

    def __init__(self):
        self.value, self.error, self.requests = b"good", None, []

    def sign(self, request):
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        if self.value is None:
            return ()
        return (Signature(PublicKey(Curve.SECP256K1, bytes(33)), 0, self.value),)


@pytest.fixture
def lane():
    return SimLane(a0=1_000, a1=2_000)


@pytest.fixture
def signer():
    return SimSender()


@pytest.fixture
def sweeper(tmp_path, lane, signer):
    return restarted(tmp_path, lane, signer)


def restarted(folder, lane, signer):
    lane.store = SqlSweepStore(open_database(f"sqlite:///{folder}/custody.db"), AssetBook([COIN]))
    return Sweeper(lane, lane.store, signer, "hot-sim")


def stored(lane, *states):
    return [
        (sweep.index, sweep.tx.txid, sweep.state) for sweep in lane.store.sweeps(CHAIN, states or tuple(SweepState))
    ]


# Refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [SweepState.FINAL, SweepState.DEAD])
@pytest.mark.parametrize("event", SweepEvent)
def test_an_ended_sweep_never_moves_again(state, event):
    assert SWEEP.is_terminal(state)
    with pytest.raises(IllegalMove):
        SWEEP.next(state, event)


@pytest.mark.parametrize("error", [Refused("simulated: the rules say no"), SignerUnavailable("simulated: no answer")])
def test_a_signer_that_says_no_or_nothing_leaves_no_sweep(lane, signer, sweeper, error):
    signer.error = error
    with pytest.raises(type(error)):
        sweeper.step([0])
    assert (stored(lane), lane.sent) == ([], [])


def test_a_signer_that_gives_no_signature_is_named(lane, signer, sweeper):
    signer.value = None
    with pytest.raises(QuorumNotReached, match="gas-sender gave no signature"):
        sweeper.step([0])
    assert (stored(lane), lane.sent) == ([], [])


def test_a_wrong_signature_is_neither_stored_nor_sent(lane, signer, sweeper):
    signer.value = b"bad"
    with pytest.raises(BadSignature):
        sweeper.step([0])
    assert (stored(lane), lane.sent) == ([], [])


def test_a_refusal_for_one_account_holds_up_no_other(lane, sweeper):
    lane.refuses = {"tx-1"}
    with pytest.raises(Refused, match="rejected by the node"):
        sweeper.step([0, 1])
    assert lane.sent == [b"sweep 2 of account 1"]
    lane.answers["tx-2"] = Finality.FINAL
    lane.balances = {0: 1_000}
    with pytest.raises(Refused):
        sweeper.step([0, 1])
    assert stored(lane) == [(0, "tx-1", SweepState.STORED), (1, "tx-2", SweepState.FINAL)]


def test_bytes_that_the_node_does_not_take_now_hold_up_no_other_account(lane, sweeper):
    sweeper.step([0])
    lane.underpriced = {"tx-1"}
    with pytest.raises(NodeUnavailable, match="underpriced"):
        sweeper.step([0, 1])
    assert [index for index, _, _ in stored(lane)] == [0, 1]
    assert lane.sent[-1] == b"sweep 2 of account 1"


def test_a_node_that_is_down_is_not_asked_for_every_account(lane, signer, sweeper):
    lane.balances = dict.fromkeys(range(9), 5)
    lane.down = True
    with pytest.raises(NodeUnavailable):
        sweeper.step(range(9))
    assert len(signer.requests) == 3


def test_an_account_with_too_little_is_left_alone(lane, signer, sweeper):
    lane.balances = {0: 0}
    assert sweeper.step([0, 7]) == ()
    assert (stored(lane), signer.requests) == ([], [])


# One sweep an account, always the stored bytes -----------------------------------------


def test_the_bytes_are_stored_before_they_are_sent_and_survive_a_crash_in_between(tmp_path, lane, signer, sweeper):
    lane.crash_at_broadcast = True
    with pytest.raises(CrashForTest):
        sweeper.step([0])
    assert lane.sent == []
    lane.crash_at_broadcast = False
    assert restarted(tmp_path, lane, signer).step([0]) == ()
    assert lane.sent == [b"sweep 1 of account 0"]
    assert lane.plans == len(signer.requests) == 1


def test_a_node_that_does_not_answer_gets_the_same_bytes_until_it_does(lane, signer, sweeper):
    lane.down = True
    for _ in range(2):
        with pytest.raises(NodeUnavailable):
            sweeper.step([0])
    lane.down = False
    sweeper.step([0])
    assert lane.sent == [b"sweep 1 of account 0"]
    assert len(signer.requests) == 1


@pytest.mark.parametrize("answer", [Finality.PENDING, Finality.MINED])
def test_what_the_chain_knows_is_not_sent_again(lane, sweeper, answer):
    sweeper.step([0])
    lane.answers["tx-1"] = answer
    for _ in range(3):
        assert sweeper.step([0]) == ()
    assert lane.sent == [b"sweep 1 of account 0"]


def test_a_sweep_that_fell_out_of_pool_or_chain_is_sent_again_unchanged(lane, sweeper):
    sweeper.step([0])
    lane.answers["tx-1"] = Finality.MINED
    sweeper.step([0])
    lane.answers["tx-1"] = Finality.UNKNOWN
    sweeper.step([0])
    assert lane.sent == [b"sweep 1 of account 0"] * 2
    assert lane.plans == 1


def test_an_account_named_twice_is_swept_once(lane, sweeper):
    (opened,) = sweeper.step([0, 0, 0])
    assert stored(lane) == [(0, opened.tx.txid, SweepState.STORED)]


def test_accounts_are_swept_independently(lane, sweeper):
    assert [sweep.index for sweep in sweeper.step([0, 1])] == [0, 1]
    lane.answers["tx-1"] = Finality.MINED
    lane.answers["tx-2"] = Finality.FINAL
    lane.balances = {0: 1_000}
    assert [sweep.index for sweep in sweeper.step([0, 1])] == [1]


# Ends ----------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [Finality.FINAL, Finality.FAILED])
def test_a_final_sweep_carries_what_the_chain_took_whether_it_moved_value_or_not(lane, sweeper, answer):
    sweeper.step([0])
    lane.answers["tx-1"], lane.balances = answer, {}
    (ended,) = sweeper.step([0])
    assert (ended.state, ended.fee, ended.tx.raw) == (SweepState.FINAL, FEE, b"sweep 1 of account 0")
    assert lane.store.sweeps(CHAIN, (SweepState.FINAL,)) == [ended]
    assert sweeper.step([0]) == ()


def test_a_dead_sweep_has_no_fee_and_makes_room_for_a_new_one(lane, signer, sweeper):
    sweeper.step([0])
    lane.answers["tx-1"] = Finality.DEAD
    dead, opened = sweeper.step([0])
    assert (dead.state, dead.fee, dead.index) == (SweepState.DEAD, None, 0)
    assert (opened.state, opened.tx.raw) == (SweepState.STORED, b"sweep 2 of account 0")
    assert lane.sent == [b"sweep 1 of account 0", b"sweep 2 of account 0"]


def test_a_fee_that_cannot_be_read_now_ends_nothing(lane, sweeper):
    sweeper.step([0])
    lane.answers["tx-1"] = Finality.FINAL

    def no_receipt(tx):
        raise NodeUnavailable("simulated: no receipt")

    lane.fee_paid = no_receipt
    with pytest.raises(NodeUnavailable):
        sweeper.step([0])
    assert stored(lane) == [(0, "tx-1", SweepState.STORED)]


def test_the_signer_is_asked_for_a_sweep_without_intents_or_approvals(signer, sweeper):
    sweeper.step([0])
    (request,) = signer.requests
    assert (request.chain, request.wallet_id, request.role) == (CHAIN.id, "hot-sim", SigningRole.SENDER)
    assert (request.payload, request.intents, request.approvals) == (b"plan 1", (), ())
