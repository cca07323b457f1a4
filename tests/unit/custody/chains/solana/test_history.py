import pytest
from simulators.solana import ScriptedRpc

from custody.chains.solana.history import balance_at
from custody.chains.solana.node import SolanaNode
from custody.primitives.errors import NodeUnavailable

ROWS = [{"signature": f"T{slot}", "slot": slot, "err": None} for slot in (9, 7, 5)]


def record(balance, entries=()):
    meta = {"preBalances": [1, balance], "preTokenBalances": list(entries), "loadedAddresses": None}
    return {"meta": meta, "transaction": {"message": {"accountKeys": ["payer", "account"]}}}


def node(**answers):
    base = {
        "getSlot": 100,
        "getSignaturesForAddress": ROWS,
        "getTransaction": lambda txid, _: record(int(txid[1:])),
        "getMultipleAccounts": {"value": [None]},
    }
    return SolanaNode(ScriptedRpc(**(base | answers)))


def test_refuses_a_slot_that_is_not_final():
    with pytest.raises(NodeUnavailable, match="not final"):
        balance_at(node(getSlot=5), "account", None, (6, 50))


def test_refuses_a_record_that_is_gone_or_odd():
    for answer in (None, {}, {"meta": {}}, record(1) | {"transaction": {"message": {"accountKeys": ["payer"]}}}):
        with pytest.raises(NodeUnavailable):
            balance_at(node(getTransaction=answer), "account", None, (6, 50))


def test_refuses_while_the_account_changes():
    views = iter(
        [{"value": [None]}, {"value": [{"lamports": 1, "owner": "x", "data": ["", "base64"], "executable": False}]}]
    )
    with pytest.raises(NodeUnavailable, match="changes just now"):
        balance_at(node(getMultipleAccounts=lambda *_: next(views)), "account", None, (9, 50))


def test_refuses_more_history_than_it_reads():
    page = [{"signature": "T", "slot": 50, "err": None}] * 1000
    with pytest.raises(NodeUnavailable, match="pages"):
        balance_at(node(getSignaturesForAddress=page), "account", None, (6, 50))


@pytest.mark.parametrize(("slot", "expected"), [(4, 5), (5, 7), (6, 7), (8, 9), (9, 50), (99, 50)])
def test_balance_is_what_the_next_transaction_found(slot, expected):
    assert balance_at(node(), "account", None, (slot, 50)) == expected


def test_token_balance_is_of_the_mint_asked_for():
    entries = [{"accountIndex": 1, "mint": "M", "uiTokenAmount": {"amount": "12"}}]
    answers = node(getTransaction=record(0, entries))
    assert balance_at(answers, "account", "M", (4, 50)) == 12
    assert balance_at(answers, "account", "N", (4, 50)) == 0
