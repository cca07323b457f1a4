# A15, A16, E12 through the real pipeline on a real chain: who refuses a payment holds up nobody but himself.
from dataclasses import replace

import pytest
from simulators.anvil import (
    ETH,
    OWNER_PATH,
    OWNERS,
    SENDER,
    SENDER_PATH,
    compiled,
    make_wallet,
    running_house,
    sign_all,
)
from simulators.gates import SEALS, open_gates
from simulators.ledger import SimLedger
from simulators.withdrawal_house import House as Withdrawals
from simulators.withdrawal_house import house_policy

from custody.chains.evm.abi import selector
from custody.chains.evm.broadcaster import EvmBroadcaster
from custody.chains.evm.codec import SafeCodec
from custody.chains.evm.deploy import deploy_on_devnet
from custody.chains.evm.plan import safe_tx_of
from custody.chains.evm.reader import SafeReader
from custody.chains.evm.safe_tx import exec_transaction_call
from custody.chains.evm.trial import SafeTrial
from custody.keys.material import SigningRole
from custody.primitives.amount import Amount
from custody.primitives.asset import AssetBook
from custody.primitives.chain import Family
from custody.primitives.errors import Refused, SignerUnavailable
from custody.primitives.ids import CustomerId, IdempotencyKey
from custody.store.database import open_database
from custody.store.gas_loans import SqlGasLoanStore
from custody.store.sweeps import SqlSweepStore
from custody.store.withdrawals import SqlWithdrawalStore
from custody.wallets.sweep import SweepState
from custody.withdrawals.facts import Tier
from custody.withdrawals.lanes import Lane, Lanes, Member
from custody.withdrawals.parts import Batching, PipelineParts
from custody.withdrawals.pipeline import Pipeline
from custody.withdrawals.request import Bounds, WithdrawalRequest
from custody.withdrawals.service import ServiceParts, WithdrawalService
from custody.withdrawals.states import LIVE_PAYMENTS, PaymentState, WithdrawalState
from exchange.app.evm_counters import CounterWatch
from exchange.app.evm_moves import DAILY_GAS_WEI, SafeMoves
from exchange.app.evm_rejections import PATIENCE_STEPS, SafeRejecter
from exchange.app.gas_station import Station

pytestmark = pytest.mark.node

ALICE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
BOB = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
SECOND_SENDER = "m/44h/60h/9h/0/2"
SET_OPEN = selector("setOpen(bool)")
FUNDS, UNITS, BUMP_AFTER_S = 10**18, 5, 60


class DecodingSigner:
    # Signs what its own decoder reads as exactly the payments asked for; without an intent, only what pays nobody.
    down = False

    def __init__(self, name, holder, wallet, path):
        self.name, self.holder, self.path = name, holder, path
        self.decoder = holder.decoder(wallet.registration(), path)
        self.key = holder.key(path)

    def public_keys(self, chain, wallet_id):
        return (self.key,)

    def sign(self, request):
        if self.down:
            raise SignerUnavailable(f"{self.name} is down")
        read = self.decoder.understand(request.payload, request.role)
        if list(read.summary.to) != [(each.to, each.amount) for each in request.intents]:
            raise Refused("the payload does something else than the intents say")
        return (self.holder.sign(self.decoder, request.payload, request.role),)

    def tombstone(self, withdrawal_id):
        pass

    def releases(self, after):
        return ()


class Rooms(Withdrawals):
    def __init__(self, house, *, items=100, max_bumps=4, lanes=1):
        self.house, self.ledger = house, SimLedger({"alice": FUNDS})
        self.items, self.lanes_wanted = items, lanes
        super().__init__(policy=replace(house_policy(), fee_caps={ETH.chain: 10**17}), max_bumps=max_bumps)

    def __post_init__(self):
        self.engine = open_database("sqlite://")
        assets = AssetBook([ETH])
        self.store, self.sweeps = SqlWithdrawalStore(self.engine, assets, SEALS), SqlSweepStore(self.engine, assets)
        wallets = [(self.house.wallet, SENDER_PATH)]
        if self.lanes_wanted == 2:
            wallets.append((self.second_wallet(), SECOND_SENDER))
        station = Station({}, SqlGasLoanStore(self.engine), self.sweeps, lambda: self.now_s, DAILY_GAS_WEI)
        self.lanes = [self.lane_of(wallet, path) for wallet, path in wallets]
        self.rejecters, self.watches = [], []
        for lane in self.lanes:
            moves, records = SafeMoves(lane.reader, station), (self.store, self.sweeps)
            self.rejecters.append(SafeRejecter(lane, lane.codec, lane.reader, moves, records))
            self.watches.append(CounterWatch(lane.reader, lane.codec.wallet.sender_address, lane.codec, records))
        lanes = Lanes(self.lanes)
        bounds = {"ETH": Bounds(Amount(1, ETH), Amount(10**18, ETH))}
        self.service = WithdrawalService(ServiceParts(self.store, self.ledger, self, assets, lanes, bounds))
        batching = {Family.EVM: Batching(self.items, 0)}
        clock = lambda: self.now_s * 1000  # noqa: E731
        gates, _ = open_gates(self)
        self.parts = PipelineParts(self.store, self.ledger, self, self, self, self, lanes, clock, batching, gates=gates)
        self.pipeline = Pipeline(self.parts)

    def second_wallet(self):
        wallet = replace(make_wallet(salt_nonce=2), id="hot-eth-2", sender=SENDER.key(SECOND_SENDER))
        deploy_on_devnet(self.house.anvil.node, wallet)
        for address in (wallet.safe, wallet.sender_address):
            self.house.anvil.fund(address, 10**18)
        return wallet

    def lane_of(self, wallet, sender_path):
        node = self.house.anvil.node
        owners = [
            DecodingSigner(f"{wallet.id}-{place}", owner, wallet, OWNER_PATH) for place, owner in enumerate(OWNERS)
        ]
        return Lane(
            *(wallet.id, Tier.HOT, ETH, SafeCodec(wallet), SafeReader(wallet, node), (EvmBroadcaster(node),)),
            tuple(Member(owner, owner.key) for owner in owners),
            2,
            (DecodingSigner(f"{wallet.id}-sender", SENDER, wallet, sender_path),),
            bump_after_ms=BUMP_AFTER_S * 1000,
            max_bumps=self.max_bumps,
            is_one_act=True,
            trial=SafeTrial(wallet, node),
        )

    def ask(self, to, key=None, units=UNITS):
        text = Amount(units, ETH).text()
        asked = WithdrawalRequest(CustomerId("alice"), "ETH", to, text, "", IdempotencyKey(key or f"key-{to}"))
        return self.service.request(asked, self.now_s * 1000).id

    def run(self, rounds=1, *, repair=True):
        for _ in range(rounds):
            self.now_s += 1
            self.step()
            for rejecter in self.rejecters if repair else ():
                rejecter.step()
            self.house.anvil.mine(3)

    def wait_for_bumps(self):
        self.now_s += BUMP_AFTER_S
        self.run(4)

    def live(self):
        return self.store.payments(LIVE_PAYMENTS)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running_house(tmp_path_factory.mktemp("anvil")) as house:
        yield house


@pytest.fixture
def house(shared):
    with shared.undone():
        yield shared


def set_open(house, gate, *, is_open):
    house.anvil.send(gate, SET_OPEN + int(is_open).to_bytes(32, "big"))


def shut_after_trial(rooms, house, gate):
    # The destination takes the payment when asked, and refuses it once the signatures are public.
    set_open(house, gate, is_open=True)
    (broadcaster,) = rooms.lanes[0].broadcasters
    honest = broadcaster.broadcast

    def broadcast(tx):
        set_open(house, gate, is_open=False)
        return honest(tx)

    broadcaster.broadcast = broadcast


def replay(house, payment, rooms):
    # A stranger executes the signatures that are public since the first transaction.
    plan = house.codec.decode(rooms.store.attempts(payment.id)[0].plan)
    safe_tx = safe_tx_of(house.wallet, plan)
    members = house.codec._valid_members(safe_tx, sign_all(house.codec, plan))
    blob = b"".join(members[owner] for owner in sorted(members, key=lambda each: int(each, 16)))
    return exec_transaction_call(safe_tx, blob)


@pytest.mark.parametrize("contract", ["Gate", "Burner", "Glutton", "Invalid"])
def test_a16_one_refusing_destination_is_rejected_and_the_others_are_paid_once(house, contract):
    rooms, bad = Rooms(house), house.anvil.create(compiled()[contract])
    asked = [rooms.ask(to) for to in (ALICE, bad, BOB)]
    rooms.run(3)
    states = [rooms.state(each) for each in asked]
    assert states == [WithdrawalState.SETTLED, WithdrawalState.REJECTED, WithdrawalState.SETTLED]
    assert "the destination refuses the payment" in rooms.service.get(asked[1]).reason
    assert (house.wei(ALICE), house.wei(BOB), house.wei(bad)) == (UNITS, UNITS, 0)
    assert len(rooms.store.payments(set(PaymentState))) == 1
    assert rooms.ledger.available["alice"] == FUNDS - 2 * UNITS


def test_a16_payments_that_only_fail_together_are_paid_apart(house):
    rooms, once = Rooms(house), house.anvil.create(compiled()["Turnstile"])
    asked = [rooms.ask(once, key=f"key-{n}") for n in range(2)]
    rooms.run(6)
    assert {rooms.state(each) for each in asked} == {WithdrawalState.SETTLED}
    assert house.wei(once) == 2 * UNITS


def test_a15_a_payment_refused_after_signing_is_rejected_refunded_and_the_lane_goes_on(house):
    rooms, gate = Rooms(house, items=1), house.anvil.create(compiled()["Gate"])
    shut_after_trial(rooms, house, gate)
    bad, good = rooms.ask(gate), rooms.ask(ALICE)
    rooms.run()
    first = rooms.store.payment(rooms.service.get(bad).payment_id)
    assert [rooms.state(each) for each in (bad, good)] == [WithdrawalState.BROADCAST] * 2
    waiting = rooms.ask(BOB)
    rooms.run(PATIENCE_STEPS - 2)
    assert rooms.state(waiting) is WithdrawalState.APPROVED
    assert not rooms.sweeps.sweeps(rooms.lanes[0].reader.chain, tuple(SweepState))
    rooms.run(3)
    assert rooms.state(bad) is WithdrawalState.REFUNDED
    rooms.wait_for_bumps()
    assert {rooms.state(each) for each in (good, waiting)} == {WithdrawalState.SETTLED}
    assert (house.wei(gate), house.wei(ALICE), house.wei(BOB)) == (0, UNITS, UNITS)
    # Opening now brings nothing: the nonce is used up.
    set_open(house, gate, is_open=True)
    with pytest.raises(Refused, match="reverted"):
        house.anvil.send(house.wallet.safe, replay(house, first, rooms))
    assert house.wei(gate) == 0
    rooms.watches[0].step()  # the rejection is a transaction of ours
    assert not rooms.live()


def test_a15_a_destination_that_is_opened_again_in_time_is_paid(house):
    rooms, gate = Rooms(house), house.anvil.create(compiled()["Gate"])
    shut_after_trial(rooms, house, gate)
    asked = rooms.ask(gate)
    rooms.run(PATIENCE_STEPS - 1)
    (broadcaster,) = rooms.lanes[0].broadcasters
    del broadcaster.broadcast
    set_open(house, gate, is_open=True)
    rooms.wait_for_bumps()
    assert rooms.state(asked) is WithdrawalState.SETTLED
    assert house.wei(gate) == UNITS
    assert not rooms.sweeps.sweeps(rooms.lanes[0].reader.chain, tuple(SweepState))


def test_a15_a_destination_that_lies_to_every_trial_is_rejected_when_its_tries_are_used_up(house):
    rooms, liar = Rooms(house, max_bumps=1), house.anvil.create(compiled()["Flatterer"])
    asked = rooms.ask(liar)
    rooms.run(PATIENCE_STEPS + 1)
    assert rooms.state(asked) is WithdrawalState.BROADCAST
    rooms.now_s += BUMP_AFTER_S
    rooms.run(PATIENCE_STEPS + 3)
    assert rooms.state(asked) is WithdrawalState.REFUNDED
    assert house.wei(liar) == 0
    assert rooms.ledger.available["alice"] == FUNDS


def test_a_rejection_waits_for_a_quorum_and_passes_over_a_silent_member(house):
    rooms, gate = Rooms(house), house.anvil.create(compiled()["Gate"])
    shut_after_trial(rooms, house, gate)
    asked = rooms.ask(gate)
    rooms.run(repair=False)
    signers = rooms.lanes[0].signers(SigningRole.MEMBER)
    signers[0].down = signers[1].down = True
    for _ in range(PATIENCE_STEPS - 1):
        rooms.rejecters[0].step()
    with pytest.raises(Refused, match="gave no signature"):
        rooms.rejecters[0].step()
    signers[0].down = False
    rooms.run(4)
    assert rooms.state(asked) is WithdrawalState.REFUNDED


def test_two_safes_pay_side_by_side(house):
    rooms = Rooms(house, items=1, lanes=2)
    made = [house.codec.parse_address("0x" + f"{0xABCDEF1000 + n:040x}").text for n in range(6)]
    asked = [rooms.ask(to) for to in made]
    rooms.run()
    by_wallet = [payment.wallet_id for payment in rooms.store.payments(set(PaymentState))]
    assert sorted(by_wallet) == ["hot-eth"] * 3 + ["hot-eth-2"] * 3
    rooms.run(3)
    assert {rooms.state(each) for each in asked} == {WithdrawalState.SETTLED}
    assert {house.wei(to) for to in made} == {UNITS}
    for watch in rooms.watches:
        watch.step()


def test_a15_one_stuck_safe_leaves_the_other_one_paying(house):
    rooms, gate = Rooms(house, items=1, lanes=2), house.anvil.create(compiled()["Gate"])
    shut_after_trial(rooms, house, gate)
    bad = rooms.ask(gate)
    rooms.run(repair=False)
    assert rooms.store.payment(rooms.service.get(bad).payment_id).wallet_id == "hot-eth"
    asked = [rooms.ask(to) for to in (ALICE, BOB)]
    rooms.run(3, repair=False)
    assert {rooms.state(each) for each in asked} == {WithdrawalState.SETTLED}
    assert rooms.state(bad) is WithdrawalState.BROADCAST


def test_what_one_safe_cannot_pay_the_other_one_does(house):
    rooms = Rooms(house, lanes=2)
    house.anvil.rpc.call("anvil_setBalance", house.wallet.safe, hex(UNITS))
    small, large = rooms.ask(ALICE), rooms.ask(BOB, units=UNITS + 1)
    rooms.run(3)
    assert {rooms.state(each) for each in (small, large)} == {WithdrawalState.SETTLED}
    assert (house.wei(ALICE), house.wei(BOB)) == (UNITS, UNITS + 1)


def test_two_short_safes_make_a_request_wait_for_liquidity(house):
    rooms = Rooms(house, lanes=2)
    for lane in rooms.lanes:
        house.anvil.rpc.call("anvil_setBalance", lane.codec.wallet.safe, "0x1")
    asked = rooms.ask(ALICE)
    rooms.run(2)
    assert rooms.state(asked) is WithdrawalState.AWAITING_LIQUIDITY
