# Answers of every wrong shape are no answer; nothing unvalidated passes for validated.
import json
from dataclasses import replace

import pytest
from simulators.xrpl import House

from custody.chains.xrpl.node import AccountRoot, XrplNode
from custody.chains.xrpl.params import LOCAL, MAX_LIFE_LEDGERS, row
from custody.chains.xrpl.setup import verify_node, verify_wallet
from custody.nodes.jsonrpc import NodeError
from custody.primitives.errors import InvalidInput, NodeUnavailable, UnknownChain, VerificationFailed

ADDRESS = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"
STATE = {
    "network_id": LOCAL.network_id,
    "complete_ledgers": "1-5,7-9,12",
    "validated_ledger": {"seq": 12, "reserve_base": 1_000_000, "reserve_inc": 200_000},
}
ROOT = {"Account": ADDRESS, "Balance": "5", "Sequence": 1, "OwnerCount": 0, "Flags": 0}


class Told:
    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    def call(self, method, **fields):
        self.asked.append((method, fields))
        answer = self.answers[method]
        answer = answer.pop(0) if isinstance(answer, list) else answer
        if isinstance(answer, str):
            raise NodeError(answer, rpc_code=0, rpc_message=answer, data=json.dumps({"error": answer}))
        return answer


def node(**answers):
    return XrplNode(Told(**answers))


@pytest.mark.parametrize(
    "changed",
    [{"complete_ledgers": "1-x"}, {"complete_ledgers": "all"}, {"validated_ledger": None}, {"network_id": "1"}],
)
def test_state_of_another_shape_is_no_answer(changed):
    with pytest.raises(NodeUnavailable):
        node(server_state={"state": {**STATE, **changed}}).view()


def test_ranges_hold_only_what_lies_in_one_of_them():
    view = node(server_state={"state": STATE}).view()
    held = [(first, last) for first in range(1, 14) for last in range(first, 14) if view.holds(first, last)]
    assert (1, 5) in held
    assert (12, 12) in held
    assert not {(5, 7), (1, 9), (6, 6), (10, 12), (13, 13)} & set(held)
    assert node(server_state={"state": {**STATE, "complete_ledgers": "empty"}}).view().ranges == ()


def test_node_of_another_network_does_not_pass():
    with pytest.raises(VerificationFailed, match="network 0"):
        verify_node(node(server_state={"state": {**STATE, "network_id": 0}}), House().wallet)
    with pytest.raises(UnknownChain):
        row("xrpl-other")
    for life in (0, MAX_LIFE_LEDGERS + 1):
        with pytest.raises(InvalidInput):
            replace(LOCAL, life_ledgers=life)


@pytest.mark.parametrize(
    "answer",
    [
        {"account_data": ROOT},
        {"account_data": ROOT, "validated": False},
        {"account_data": {**ROOT, "Account": "r"}, "validated": True},
        {"account_data": {**ROOT, "Balance": 5}, "validated": True},
        {"account_data": {**ROOT, "Balance": "-5"}, "validated": True},
        {"account_data": {**ROOT, "Sequence": True}, "validated": True},
        {"account_data": {**ROOT, "signer_lists": [{}]}, "validated": True},
        {"account_data": {**ROOT, "signer_lists": [{}, {}]}, "validated": True},
        {"validated": True},
        "noNetwork",
        "lgrNotFound",
    ],
)
def test_account_of_another_shape_or_not_validated_is_no_answer(answer):
    with pytest.raises(NodeUnavailable):
        node(account_info=answer).account(ADDRESS, 5)


def test_only_a_stated_absence_is_an_absence():
    assert node(account_info="actNotFound").account(ADDRESS, 5) is None


@pytest.mark.parametrize(
    "answer",
    [
        {"validated": True, "account_objects": None},
        {"validated": True, "account_objects": [{"TicketSequence": "5"}]},
        {"validated": True, "account_objects": ["x"]},
        {"validated": False, "account_objects": []},
        {"validated": True, "account_objects": [], "marker": "more, for ever"},
    ],
)
def test_tickets_of_another_shape_or_without_end_are_no_answer(answer):
    with pytest.raises(NodeUnavailable):
        node(account_objects=answer).tickets(ADDRESS, 5)


def test_tickets_of_several_pages_are_put_together():
    pages = [
        {"validated": True, "account_objects": [{"TicketSequence": 9}], "marker": "m"},
        {"validated": True, "account_objects": [{"TicketSequence": 3}]},
    ]
    told = Told(account_objects=pages)
    assert XrplNode(told).tickets(ADDRESS, 5) == (3, 9)
    assert told.asked[1][1]["marker"] == "m"


def test_another_ledger_or_transaction_than_asked_is_no_answer():
    for answer in (
        {"validated": True, "ledger": {"ledger_index": "6"}},
        {"validated": False, "ledger": {"ledger_index": "5"}},
        {"validated": True},
    ):
        with pytest.raises(NodeUnavailable):
            node(ledger=answer).ledger(5, expanded=False)
    with pytest.raises(NodeUnavailable):
        node(tx={"hash": "B"}).transaction("A", 1, 2)
    with pytest.raises(NodeUnavailable):
        node(tx={"hash": "A", "validated": True}).transaction("A", 1, 2)
    with pytest.raises(NodeUnavailable):
        node(tx="excessiveLgrRange").transaction("A", 1, 2)
    with pytest.raises(NodeUnavailable):
        node(submit={}).submit(b"")


def test_not_found_without_the_searched_range_says_nothing():
    seen = node(tx="txnNotFound").transaction("A", 1, 2)
    assert not seen.found
    assert not seen.searched_all


def test_fee_is_what_the_open_ledger_asks():
    assert node(fee={"drops": {"base_fee": "10", "open_ledger_fee": "250"}}).fee_drops() == 250
    for drops in ({}, {"base_fee": "10"}, {"base_fee": "10", "open_ledger_fee": "2.5"}):
        with pytest.raises(NodeUnavailable):
            node(fee={"drops": drops}).fee_drops()


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"has_regular_key": True}, "regular key"),
        ({"flags": 0x00020000}, "master key on"),
        ({"flags": 0x00100000}, "destination tags"),
        ({"signers": {}}, "signer list"),
        ({"quorum": 1}, "quorum 1"),
    ],
)
def test_account_that_differs_from_the_registration_stops_the_lane(changed, text):
    wallet = House().wallet
    good = {
        "balance_drops": 1,
        "sequence": 1,
        "owned": 1,
        "flags": 0x00120000,
        "has_regular_key": False,
        "quorum": 2,
        "signers": {member.account: 1 for member in wallet.members},
    }

    class Fixed:
        def __init__(self, root):
            self.root = root

        def account(self, _address, _index):
            return self.root

    verify_wallet(Fixed(AccountRoot(**good)), wallet, 5)
    with pytest.raises(VerificationFailed, match=text):
        verify_wallet(Fixed(AccountRoot(**{**good, **changed})), wallet, 5)
    weighed = {**good["signers"], wallet.members[0].account: 2}
    with pytest.raises(VerificationFailed, match="signer list"):
        verify_wallet(Fixed(AccountRoot(**{**good, "signers": weighed})), wallet, 5)
