# The whole way on the XRP Ledger SIMULATOR: signatures and serialisation are real, ledger rules are simulated.
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from simulators.xrpl import XRP, House, Key, LiveHouse, SeatedSigner

from custody.chains.xrpl import blob
from custody.chains.xrpl.broadcaster import LedgerRefuses
from custody.chains.xrpl.destination import DestinationRefuses, verify_destination
from custody.chains.xrpl.node import XrplNode
from custody.chains.xrpl.params import LOCAL
from custody.chains.xrpl.setup import AccountOpener, verify_wallet
from custody.chains.xrpl.state import NoFreeTicket
from custody.chains.xrpl.tickets import TicketKeeper
from custody.devnet.xrpl_simulator import XrplSimulator
from custody.nodes.jsonrpc import NodeError
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.chain import Finality
from custody.primitives.errors import (
    InsufficientFunds,
    InvalidInput,
    NodeUnavailable,
    QuorumNotReached,
    SignerUnavailable,
    StaleState,
    VerificationFailed,
)

pytestmark = pytest.mark.node
MALLORY, BOB = Key("mallory"), Key("bob")


@pytest.fixture(scope="module")
def sim():
    with TemporaryDirectory() as folder, XrplSimulator.start(Path(folder), ledger_ms=0) as running:
        running.fund(BOB.account, 100 * XRP)
        yield running


@pytest.fixture
def live(sim, request):
    return LiveHouse(sim, request.node.name)


def submitted(live, raw):
    return live.node.submit(raw).result


def by_account(keys):
    return sorted(keys, key=lambda key: blob.encode({"Account": key.account}))


def test_ledger_refuses_one_signature(live):
    fields = live.fields(live.plan(live.intent(BOB.account, XRP)))
    assert submitted(live, live.forged(fields, live.members[:1])) == "tefBAD_QUORUM"


def test_ledger_refuses_reversed_and_duplicate_signers(live):
    fields = live.fields(live.plan(live.intent(BOB.account, XRP)))
    ordered = by_account(live.members[:2])
    with pytest.raises(NodeError, match="invalidTransaction") as refused:
        live.node.submit(live.forged(fields, ordered[::-1]))
    assert "Unsorted" in refused.value.data
    with pytest.raises(NodeError) as refused:
        live.node.submit(live.forged(fields, [ordered[0]] * 2))
    assert "Duplicate" in refused.value.data
    assert submitted(live, live.forged(fields, ordered)) == "tesSUCCESS"


def test_ledger_refuses_a_stranger_beside_a_member(live):
    fields = live.fields(live.plan(live.intent(BOB.account, XRP)))
    raw = live.forged(fields, by_account([live.members[0], MALLORY]))
    assert submitted(live, raw) == "tefBAD_SIGNATURE"


def test_ledger_refuses_a_changed_amount_destination_or_tag(live):
    fields = live.fields(live.plan(live.intent(BOB.account, XRP, "777")))
    body = bytes.fromhex(blob.encode(fields))
    signed = [(key, key.signature(body).value) for key in by_account(live.members[:2])]
    for changed in ({"Amount": "2000000"}, {"Destination": MALLORY.account}, {"DestinationTag": 778}):
        with pytest.raises(NodeError) as refused:
            live.node.submit(live.encoded({**fields, **changed}, signed))
        assert "Invalid signature" in refused.value.data


def test_ledger_refuses_the_master_key_once_it_is_off(live):
    opener = AccountOpener(live.node, live.wallet, live.master.public, live.master.sign)
    raw = opener._signed(
        {"TransactionType": "AccountSet", "SetFlag": 1}, live.reader.spendable(frozenset()).sequence, 1_000
    )
    assert submitted(live, raw) == "tefMASTER_DISABLED"
    with pytest.raises(InvalidInput, match="master of"):
        AccountOpener(live.node, live.wallet, MALLORY.public, MALLORY.sign)


def test_ledger_refuses_replay_and_the_same_bytes_are_safe_to_send_again(live):
    signed = live.complete(live.plan(live.intent(BOB.account, XRP)))
    before = live.drops(BOB.account)
    assert live.broadcaster.broadcast(signed) == signed.txid
    assert submitted(live, signed.raw) == "tefALREADY"
    live.sim.mine()
    assert live.broadcaster.broadcast(signed) == signed.txid
    live.expire()
    assert submitted(live, signed.raw) == "tefALREADY"
    assert live.drops(BOB.account) == before + XRP
    assert live.finality(signed) is Finality.FINAL


def test_second_payment_on_a_used_ticket_never_happens(live):
    state = live.reader.spendable(frozenset())
    first, second = (
        live.complete(live.codec.plan([live.intent(BOB.account, XRP * n, number=n)], state, ())) for n in (1, 2)
    )
    assert first.conflict_key == second.conflict_key
    live.broadcaster.broadcast(first)
    live.sim.mine()
    with pytest.raises(NodeUnavailable, match="tefNO_TICKET"):  # says nothing lasting yet
        live.broadcaster.broadcast(second)
    live.expire()
    # The ticket is gone and the search shows another transaction of ours used it: not dead by expiry, people look.
    assert live.finality(second) is Finality.UNKNOWN


def test_malformed_bytes_and_a_missing_quorum_are_refused_for_good(live):
    signed = live.complete(live.plan(live.intent(BOB.account, XRP)))
    fields = live.fields(live.plan(live.intent(BOB.account, XRP)))
    alone = live.forged(fields, live.members[:1])
    for raw, text in ((alone, "tefBAD_QUORUM"), (signed.raw[:-1], "invalidTransaction|fails local")):
        with pytest.raises(LedgerRefuses, match=text):
            live.broadcaster.broadcast(type(signed)(signed.txid, raw, signed.conflict_key, signed.fee_max))


def test_fee_below_what_the_ledger_asks_is_not_relayed_and_proves_nothing(live):
    signed = live.complete(live.plan(live.intent(BOB.account, XRP)))
    live.sim.rpc.call("devnet_fee", drops=200)
    try:
        with pytest.raises(NodeUnavailable, match="telINSUF_FEE_P"):
            live.broadcaster.broadcast(signed)
        assert live.plan(live.intent(BOB.account, XRP)).fee_drops == 600
    finally:
        live.sim.rpc.call("devnet_fee", drops=10)


def test_payments_in_flight_hold_their_tickets_and_their_money(live):
    plans, reserved = [], set()
    for number in range(4):
        plans.append(live.plan(live.intent(BOB.account, 100 * XRP, number=number + 1), reserved=frozenset(reserved)))
        reserved |= set(live.codec.reservations(plans[-1]))
    assert len({plan.slot.number for plan in plans}) == 4
    with pytest.raises(NoFreeTicket):
        live.plan(live.intent(BOB.account, XRP), reserved=frozenset(reserved))
    with pytest.raises(InsufficientFunds):
        live.plan(live.intent(BOB.account, 700 * XRP), reserved=frozenset(reserved))
    before = live.drops(BOB.account)
    for plan in reversed(plans):  # tickets are used in any order
        live.broadcaster.broadcast(live.complete(plan, (1, 2)))
    live.sim.mine()
    assert live.drops(BOB.account) == before + 400 * XRP
    # What is done is not counted twice, though its reservation still stands.
    state = live.reader.spendable(frozenset(reserved))
    assert state.tickets == ()
    assert state.spendable_drops == live.drops(live.wallet.account) - XRP - 200_000


def test_payment_that_the_ledger_cannot_do_is_failed_and_costs_the_fee_only(live):
    nobody = Key("nobody").account
    signed = live.complete(live.plan(live.intent(nobody, 1_000)))
    before = live.drops(live.wallet.account)
    assert live.broadcaster.broadcast(signed) == signed.txid  # provisional tecNO_DST_INSUF_XRP
    assert live.finality(signed) is Finality.PENDING
    live.sim.mine()
    assert live.finality(signed) is Finality.FAILED
    assert live.drops(live.wallet.account) == before - signed.fee_max.units


def test_destination_that_wants_a_tag_or_does_not_exist_is_known_before(live):
    one = Amount(1, LOCAL.native)
    with pytest.raises(DestinationRefuses, match="tag"):
        verify_destination(live.node, live.wallet.address, one, None)
    with pytest.raises(DestinationRefuses, match="at least 1000000"):
        verify_destination(live.node, Address(LOCAL.chain.id, Key("nobody2").account), one, None)
    verify_destination(live.node, live.wallet.address, one, 777)
    verify_destination(live.node, Address(LOCAL.chain.id, BOB.account), one, None)


def test_expired_payment_is_dead_and_its_ticket_serves_again(live):
    live.sim.fault(dropped=1)
    signed = live.complete(live.plan(live.intent(BOB.account, XRP)))
    live.broadcaster.broadcast(signed)  # acknowledged, then forgotten by the node
    live.sim.mine(LOCAL.life_ledgers)
    assert live.finality(signed) is Finality.UNKNOWN  # the last ledger itself still counts
    live.sim.mine()
    assert live.finality(signed) is Finality.DEAD
    with pytest.raises(LedgerRefuses, match="tefMAX_LEDGER"):
        live.broadcaster.broadcast(signed)
    again = live.plan(live.intent(BOB.account, XRP, number=2))
    assert again.slot == live.codec.plan([live.intent(BOB.account, XRP)], live.reader.spendable(frozenset()), ()).slot
    assert live.codec.reservations(again)[0] != signed.conflict_key


def test_deposits_carry_amount_tag_and_sender_and_only_ours_are_seen(live, sim):
    sim.rpc.call("devnet_pay", to=live.wallet.account, drops=5 * XRP, tag=777)
    sim.rpc.call("devnet_pay", to=live.wallet.account, drops=6 * XRP, tag=0)
    sim.rpc.call("devnet_pay", to=BOB.account, drops=7 * XRP, tag=777)
    sim.rpc.call("devnet_pay", to=live.wallet.account, drops=8 * XRP)  # RequireDest: the ledger refuses it
    sim.mine()
    tip = live.reader.tip()
    seen = live.reader.deposits(frozenset({live.wallet.account}), tip)
    assert [(each.amount.units, each.memo) for each in seen] == [(5 * XRP, "777"), (6 * XRP, "0")]
    assert all(each.senders == ("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",) and each.block == tip for each in seen)
    with pytest.raises(StaleState):
        live.reader.deposits(frozenset({live.wallet.account}), type(tip)(tip.chain, tip.height, "F" * 64, tip.parent))


def test_ledgers_are_a_chain_from_height_0_and_balances_are_told_of_any(live, sim):
    tip = live.reader.tip()
    blocks = [live.reader.block_at(height) for height in range(tip.height + 1)]
    assert all(block.parent == before.hash for before, block in pairwise(blocks))
    assert live.reader.deposits(frozenset(), blocks[0]) == ()
    was = live.drops(live.wallet.account)
    sim.fund(live.wallet.account, 3 * XRP, 98)
    assert live.reader.balance(live.wallet.address, LOCAL.native, tip).units == was
    assert live.drops(live.wallet.account) == was + 3 * XRP


def test_account_that_is_not_handed_over_yet_does_not_pass(sim):
    half = House("half")
    half.node = XrplNode(sim.rpc)
    opener = AccountOpener(half.node, half.wallet, half.master.public, half.master.sign)
    with pytest.raises(NodeUnavailable, match="pay to it first"):
        opener.step()
    with pytest.raises(VerificationFailed, match="no account"):
        verify_wallet(half.node, half.wallet)
    sim.fund(half.wallet.account, 100 * XRP)
    for _ in range(4):
        with pytest.raises(VerificationFailed, match="master key on"):
            verify_wallet(half.node, half.wallet)
        assert not opener.step()
        assert not opener.step()  # asked twice within one ledger: the sequence lets one happen
        sim.mine()
    assert opener.step()
    verify_wallet(half.node, half.wallet)
    verify_wallet(half.node, replace(half.wallet, is_shared=False))
    members = (*half.wallet.members[:2], MALLORY.member)
    with pytest.raises(VerificationFailed, match="another signer list"):
        verify_wallet(half.node, replace(half.wallet, members=members))


def test_silent_node_and_lost_answer_leave_the_outcome_open(live, sim):
    signed = live.complete(live.plan(live.intent(BOB.account, XRP)))
    sim.fault(lost_answers=1)
    with pytest.raises(NodeUnavailable):
        live.broadcaster.broadcast(signed)  # it arrived all the same
    sim.fault(silent=True)
    try:
        with pytest.raises(NodeUnavailable):
            live.finality(signed)
    finally:
        sim.fault(silent=False)
    assert live.finality(signed) is Finality.PENDING
    sim.mine()
    assert live.finality(signed) is Finality.FINAL


def test_closed_ledger_that_is_not_validated_decides_nothing(live, sim):
    signed = live.complete(live.plan(live.intent(BOB.account, XRP)))
    live.broadcaster.broadcast(signed)
    sim.fault(lag=2)
    try:
        sim.mine()
        assert live.finality(signed) is Finality.PENDING
        sim.mine(2)
        assert live.finality(signed) is Finality.FINAL
    finally:
        sim.fault(lag=0)


class Kept:
    # Moves as the stores keep them: outlives every keeper.
    def __init__(self):
        self.open, self.ended = None, []

    def waiting(self):
        return self.open

    def keep(self, tx):
        self.open = tx

    def end(self, tx, fee):
        self.open = None
        self.ended.append((tx.txid, fee.units if fee else None))


class SilentSigner:
    name = "silent"

    def sign(self, asked):
        raise SignerUnavailable("silent")


def test_low_tickets_are_made_by_the_members_as_a_move_of_their_own(live, sim, tmp_path):
    allowed = [
        SeatedSigner(tmp_path / str(n), live, key, own_moves=[live.wallet.id]) for n, key in enumerate(live.members)
    ]
    keeper = TicketKeeper(live.codec, live.reader, live.broadcaster, [SilentSigner(), *allowed[:2]], Kept())
    assert keeper.step(frozenset()) is None  # the stock is full
    for number in range(2):
        live.broadcaster.broadcast(live.complete(live.plan(live.intent(BOB.account, XRP, number=number + 1))))
        sim.mine()
    forbidden = [SeatedSigner(tmp_path / f"no{n}", live, key) for n, key in enumerate(live.members)]
    with pytest.raises(QuorumNotReached, match="moves within the wallet are not allowed"):
        TicketKeeper(live.codec, live.reader, live.broadcaster, forbidden, Kept()).step(frozenset())
    made = keeper.step(frozenset())
    assert keeper.step(frozenset()) == made  # the same bytes, until the ledger decided
    assert [signer.bench.memory.highest_sequence() for signer in allowed] == [1, 1, 0]
    sim.mine()
    assert keeper.step(frozenset()) is None
    assert live.reader.spendable(frozenset()).held_tickets == live.wallet.ticket_stock


def test_tickets_that_never_came_are_asked_for_again(live, sim, tmp_path):
    signers = [
        SeatedSigner(tmp_path / str(n), live, key, own_moves=[live.wallet.id]) for n, key in enumerate(live.members)
    ]
    keeper = TicketKeeper(live.codec, live.reader, live.broadcaster, signers, Kept())
    for number in range(2):
        live.broadcaster.broadcast(live.complete(live.plan(live.intent(BOB.account, XRP, number=number + 1))))
        sim.mine()
    sim.fault(dropped=1)
    first = keeper.step(frozenset())
    live.expire()
    second = keeper.step(frozenset())
    assert second not in (None, first)
    sim.mine()
    assert live.reader.spendable(frozenset()).held_tickets == live.wallet.ticket_stock


def test_a_restart_goes_on_with_the_same_tickets_and_tells_their_fee_once(live, sim, tmp_path):
    signers = [
        SeatedSigner(tmp_path / str(n), live, key, own_moves=[live.wallet.id]) for n, key in enumerate(live.members)
    ]
    for number in range(2):
        live.broadcaster.broadcast(live.complete(live.plan(live.intent(BOB.account, XRP, number=number + 1))))
        sim.mine()
    kept = Kept()
    made = TicketKeeper(live.codec, live.reader, live.broadcaster, signers, kept).step(frozenset())
    assert TicketKeeper(live.codec, live.reader, live.broadcaster, signers, kept).step(frozenset()) == made
    sim.mine()
    for _ in range(2):
        assert TicketKeeper(live.codec, live.reader, live.broadcaster, signers, kept).step(frozenset()) is None
    ((txid, fee),) = kept.ended
    assert txid == made
    assert fee > 0


def test_tickets_whose_sequence_went_to_another_transaction_do_not_block_the_next_ones(live, sim, tmp_path):
    signers = [
        SeatedSigner(tmp_path / str(n), live, key, own_moves=[live.wallet.id]) for n, key in enumerate(live.members)
    ]
    for number in range(2):
        live.broadcaster.broadcast(live.complete(live.plan(live.intent(BOB.account, XRP, number=number + 1))))
        sim.mine()
    kept = Kept()
    keeper = TicketKeeper(live.codec, live.reader, live.broadcaster, signers, kept)
    sim.fault(dropped=1)
    keeper.step(frozenset())
    sim.mine()
    # Somebody else with a quorum, perhaps this house before a restore, takes the sequence.
    rival = live.codec.plan_tickets(live.reader.spendable(frozenset()), 1)
    live.broadcaster.broadcast(live.complete(rival))
    sim.mine()
    live.expire()
    stuck = kept.waiting()
    keeper.step(frozenset())
    assert kept.ended == [(stuck.txid, None)]
