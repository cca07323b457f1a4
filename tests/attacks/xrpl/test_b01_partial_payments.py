# B01: the Amount of a partial payment is what the sender would have liked to pay. SIMULATOR.
import pytest
from simulators.xrpl import XRP, Key

from custody.chains.xrpl.deposits import deposits_in
from custody.primitives.errors import NodeUnavailable

pytestmark = pytest.mark.node
OURS = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"


def entry(meta, **changes):
    made = {
        "hash": "A" * 64,
        "TransactionType": "Payment",
        "Account": Key("mallory").account,
        "Destination": OURS,
        "Amount": "1000000",
        "DestinationTag": 777,
        "metaData": {"TransactionResult": "tesSUCCESS", "TransactionIndex": 0, **meta},
    }
    return {**made, **changes}


def seen(*entries):
    return list(deposits_in({"transactions": list(entries)}, frozenset({OURS})))


def test_b01_only_the_delivered_amount_is_credited(live, sim):
    before = live.drops(live.wallet.account)
    sim.fund_partly(live.wallet.account, asked=1_000_000 * XRP, delivered=1, tag=777)
    (deposit,) = live.reader.deposits(frozenset({live.wallet.account}), live.reader.tip())
    assert (deposit.amount.units, deposit.memo) == (1, "777")
    assert live.drops(live.wallet.account) == before + 1


def test_b01_payment_without_a_delivered_amount_is_no_answer_and_never_falls_back_to_amount():
    for meta in ({}, {"delivered_amount": "unavailable"}, {"delivered_amount": 1}, {"DeliveredAmount": "5"}):
        with pytest.raises(NodeUnavailable):
            seen(entry(meta))
    with pytest.raises(NodeUnavailable):
        seen(entry({}, metaData=None))


def test_b01_issued_currency_failed_payment_and_other_types_are_no_deposits():
    worthless = {"currency": "XRP2", "issuer": OURS, "value": "1000000"}
    assert seen(entry({"delivered_amount": worthless})) == []
    assert seen(entry({"TransactionResult": "tecPATH_PARTIAL", "delivered_amount": "5"})) == []
    assert seen(entry({"delivered_amount": "5"}, TransactionType="EscrowCreate")) == []
    assert seen(entry({"delivered_amount": "5"}, Destination=Key("mallory").account)) == []
    assert seen(entry({"delivered_amount": "0"})) == []


def test_b01_ledger_without_full_transactions_is_no_answer():
    for ledger in ({}, {"transactions": ["A" * 64]}, {"transactions": None}):
        with pytest.raises(NodeUnavailable):
            list(deposits_in(ledger, frozenset({OURS})))


def test_b01_whole_payment_and_deleted_account_are_credited_as_delivered():
    found = seen(
        entry({"delivered_amount": "1000000"}),
        entry({"delivered_amount": "41"}, TransactionType="AccountDelete", hash="B" * 64),
    )
    assert [(each.drops, each.tag, each.txid[0]) for each in found] == [(1_000_000, "777", "A"), (41, "777", "B")]
