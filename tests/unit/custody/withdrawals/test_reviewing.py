# People resolve what machines left to them, and only to what the chain shows (rule: never a guess).
from dataclasses import replace

import pytest
from simulators.chain import COIN, FINAL_DEPTH, SIM
from simulators.withdrawal_house import FUNDS, House, approval, roster_of

from custody.chains.port import SeenDeposit
from custody.keys.quorum import ApprovalDenied
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.approval import Verdict
from custody.primitives.chain import BlockRef, Finality
from custody.primitives.errors import QuorumNotReached
from custody.withdrawals.lanes import Lanes
from custody.withdrawals.reviewing import Resolution, ResolutionRefused, ReviewDesk, ReviewVerdict
from custody.withdrawals.states import PaymentState, WithdrawalState

UNITS, HEIGHT = 1_000, 7


class Sighted:
    # A node that says of a transaction what it is told to say.
    def __init__(self, chain):
        self.chain, self.says, self.blocks = chain, {}, {}

    def finality(self, txid, conflict_key):
        return self.says.get(txid, Finality.UNKNOWN)

    def block_at(self, height):
        return BlockRef(SIM, height, f"block-{height}", "before")

    def deposits(self, watched, block):
        return [each for each in self.blocks.get(block.height, ()) if each.to.text in watched]

    def pays(self, txid, *units, to="sim1dest", height=HEIGHT):
        self.says[txid] = Finality.FINAL
        block = self.block_at(height)
        self.blocks.setdefault(height, []).extend(
            SeenDeposit(txid, place, Address(SIM, to), Amount(each, COIN), block) for place, each in enumerate(units)
        )


@pytest.fixture
def house():
    # The database forgot what the signers signed: a payment without bytes, left to people.
    house = House(people=roster_of("ann", "bob", "cid", "dot"))
    connection = house.engine.raw_connection()
    house.ask(UNITS)
    image = connection.driver_connection.serialize()
    house.step()
    connection.driver_connection.deserialize(image)
    connection.close()
    house.reopen()
    return house


@pytest.fixture
def node(house):
    return Sighted(house.codec.chain)


def desk_of(house, *nodes, is_one_act=False):
    lane = replace(house.parts.lanes.any_on(SIM), reader=nodes[0], witnesses=nodes[1:], is_one_act=is_one_act)
    return ReviewDesk(house.store, Lanes([lane]), house)


def the_one(house):
    (withdrawal,) = house.service.list(frozenset(WithdrawalState))
    return withdrawal


def resolution(house, desk, verdict=ReviewVerdict.PAID, **changes):
    withdrawal = the_one(house)
    height = HEIGHT if verdict is ReviewVerdict.PAID else 0
    made = Resolution(withdrawal.id, verdict, "tx-1", height, desk.seen(withdrawal.id), "ann", house.now_s, "looked")
    return replace(made, **changes)


def carry_out(house, desk, made, *names):
    votes = [approval(made.digest, name, at_s=house.now_s) for name in names or ("bob", "cid")]
    desk.resolve(made, votes, house.now_s * 1000)


def require_untouched(house):
    assert the_one(house).state is WithdrawalState.NEEDS_REVIEW
    assert house.ledger.held() == UNITS


@pytest.mark.parametrize("names", [("bob",), ("ann", "bob"), ("bob", "bob"), ("eve", "bob")])
def test_two_people_besides_the_officer_must_agree(house, node, names):
    node.pays("tx-1", UNITS)
    desk = desk_of(house, node)
    with pytest.raises(QuorumNotReached):
        carry_out(house, desk, resolution(house, desk), *names)
    require_untouched(house)


def test_one_denial_stops_it(house, node):
    node.pays("tx-1", UNITS)
    desk = desk_of(house, node)
    made = resolution(house, desk)
    votes = [approval(made.digest, name) for name in ("bob", "cid")]
    with pytest.raises(ApprovalDenied):
        desk.resolve(made, [*votes, approval(made.digest, "dot", Verdict.DENY)], house.now_s * 1000)
    require_untouched(house)


@pytest.mark.parametrize(
    "changes", [{"txid": "tx-2"}, {"height": 8}, {"verdict": ReviewVerdict.REFUND}, {"note": "another"}]
)
def test_approvals_are_for_every_word_of_it(house, node, changes):
    node.pays("tx-1", UNITS)
    node.pays("tx-2", UNITS, height=8)
    desk = desk_of(house, node, is_one_act=True)
    made = resolution(house, desk)
    votes = [approval(made.digest, name) for name in ("bob", "cid")]
    with pytest.raises(QuorumNotReached):
        desk.resolve(replace(made, **changes), votes, house.now_s * 1000)
    require_untouched(house)


@pytest.mark.parametrize("changes", [{"at_s": 0}, {"at_s": 2_000_000_000}, {"officer": "eve"}, {"seen": "held/1/"}])
def test_refuses_what_is_old_of_a_stranger_or_about_another_state(house, node, changes):
    node.pays("tx-1", UNITS)
    desk = desk_of(house, node)
    with pytest.raises(ResolutionRefused):
        carry_out(house, desk, resolution(house, desk, **changes))
    require_untouched(house)


@pytest.mark.parametrize(
    ("units", "where"),
    [
        ((), {}),
        ((UNITS - 1,), {}),
        ((UNITS + 1,), {}),
        ((UNITS,), {"to": "sim1other"}),
        ((UNITS,), {"height": HEIGHT + 1}),
    ],
)
def test_a_transaction_that_does_not_pay_to_the_unit_is_no_evidence(house, node, units, where):
    node.pays("tx-1", *units, **where)
    desk = desk_of(house, node)
    with pytest.raises(ResolutionRefused, match="does not pay"):
        carry_out(house, desk, resolution(house, desk))
    require_untouched(house)


@pytest.mark.parametrize("status", [each for each in Finality if each is not Finality.FINAL])
@pytest.mark.parametrize("which", [0, 1])
def test_what_is_not_final_for_every_node_is_no_evidence(house, node, status, which):
    nodes = (node, Sighted(node.chain))
    for each in nodes:
        each.pays("tx-1", UNITS)
    nodes[which].says["tx-1"] = status
    desk = desk_of(house, *nodes)
    with pytest.raises(ResolutionRefused, match="not final"):
        carry_out(house, desk, resolution(house, desk))
    require_untouched(house)


def test_one_transaction_is_no_evidence_for_two_payments(house, node):
    desk = desk_of(house, node)
    other = house.ask(UNITS, key="key-2").id
    house.settle()
    payment = house.store.payment(house.service.get(other).payment_id)
    (attempt,) = house.store.attempts(payment.id)
    node.pays(attempt.txid, UNITS)
    (withdrawal,) = desk.open_cases()
    made = Resolution(
        withdrawal.id, ReviewVerdict.PAID, attempt.txid, HEIGHT, desk.seen(withdrawal.id), "ann", house.now_s
    )
    with pytest.raises(ResolutionRefused, match="belongs to payment"):
        carry_out(house, desk, made)


def test_a_consumed_key_is_no_proof_where_bytes_were_lost(house, node):
    node.says["tx-1"] = Finality.DEAD
    desk = desk_of(house, node)
    with pytest.raises(ResolutionRefused, match="were lost"):
        carry_out(house, desk, resolution(house, desk, ReviewVerdict.REFUND))
    require_untouched(house)


@pytest.mark.parametrize("status", [each for each in Finality if each is not Finality.DEAD])
def test_refunds_nothing_that_is_not_dead_on_a_final_view(house, node, status):
    node.says["tx-1"] = status
    desk = desk_of(house, node, is_one_act=True)
    with pytest.raises(ResolutionRefused, match="not dead"):
        carry_out(house, desk, resolution(house, desk, ReviewVerdict.REFUND))
    require_untouched(house)


def test_refuses_what_is_not_under_review(house, node):
    desk = desk_of(house, node)
    other = house.ask(UNITS, key="key-2").id
    made = Resolution(other, ReviewVerdict.REFUND, "", 0, desk.seen(other), "ann", house.now_s)
    with pytest.raises(ResolutionRefused, match="nothing to review"):
        carry_out(house, desk, made)


def test_what_the_chain_shows_as_dead_is_refunded_once(house, node):
    node.says["tx-1"] = Finality.DEAD
    desk = desk_of(house, node, is_one_act=True)
    made = resolution(house, desk, ReviewVerdict.REFUND)
    carry_out(house, desk, made)
    house.network.evict()
    house.settle()
    assert the_one(house).state is WithdrawalState.REFUNDED
    assert (house.ledger.available["alice"], house.ledger.held()) == (FUNDS, 0)
    with pytest.raises(ResolutionRefused):
        carry_out(house, desk, made)


def test_what_the_chain_shows_as_paid_is_settled_and_its_transaction_is_kept(house, node):
    node.pays("tx-1", UNITS)
    desk = desk_of(house, node)
    made = resolution(house, desk)
    carry_out(house, desk, made)
    payment = house.store.payment(the_one(house).payment_id)
    assert payment.state is PaymentState.FINAL
    assert "tx-1" in [each.txid for each in house.store.attempts(payment.id)]
    house.network.mine(FINAL_DEPTH)
    house.settle()
    assert the_one(house).state is WithdrawalState.SETTLED
    assert (house.ledger.paid_out, house.ledger.held()) == (UNITS, 0)
    assert "ann, with bob, cid: looked" in payment.note
