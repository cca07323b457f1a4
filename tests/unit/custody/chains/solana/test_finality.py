import pytest
from simulators.solana import Key, ScriptedRpc, nonce_row

from custody.chains.solana.finality import attempt_finality
from custody.chains.solana.keytext import key_text
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.params import SYSTEM_PROGRAM
from custody.chains.solana.state import Nonce
from custody.primitives.chain import Finality
from custody.primitives.errors import MalformedPayload, NodeUnavailable

ACCOUNT, OURS, MOVED, AUTHORITY = (Key(name).text for name in ("nonce", "value", "moved on", "authority"))
KEY = Nonce(ACCOUNT, OURS).key
TXID = key_text(Key("authority").sign(b"our message"))
UNKNOWN = {"value": [None]}


def used_by(value=OURS, account=ACCOUNT, content="6vx8P", program=SYSTEM_PROGRAM):
    message = {
        "header": {
            "numRequiredSignatures": 1,
            "numReadonlySignedAccounts": 0,
            "numReadonlyUnsignedAccounts": 1,
        },
        "accountKeys": [AUTHORITY, account, program],
        "recentBlockhash": value,
        "instructions": [{"programIdIndex": 2, "accounts": [1, 0], "data": content}],
    }
    return {"version": 0, "transaction": {"message": message}}


def history(*txids, err=None):
    return [{"signature": txid, "slot": 1, "err": err} for txid in txids]


def outcome(**answers):
    base = {
        "getSignatureStatuses": UNKNOWN,
        "getMultipleAccounts": {"value": [nonce_row(AUTHORITY, MOVED)]},
        "getSignaturesForAddress": history("OTHER"),
        "getTransaction": used_by(),
    }
    return attempt_finality(SolanaNode(ScriptedRpc(**(base | answers))), TXID, KEY)


@pytest.mark.parametrize("key", ["", "solnonce", "solnonce:a", "solnonce::b", "ethnonce:a:b", "solnonce:a:"])
def test_refuses_other_conflict_keys(key):
    with pytest.raises(MalformedPayload):
        attempt_finality(SolanaNode(ScriptedRpc()), "OURS", key)


@pytest.mark.parametrize("broken", [{}, {"transaction": {}}, {"transaction": {"message": {"accountKeys": []}}}])
def test_refuses_transaction_of_another_shape(broken):
    with pytest.raises(NodeUnavailable):
        outcome(getTransaction=broken)


@pytest.mark.parametrize(
    "answers",
    [
        {"getMultipleAccounts": {"value": [nonce_row(AUTHORITY, OURS)]}},  # not used yet
        {"getMultipleAccounts": {"value": [None]}},  # account unknown
        {"getSignaturesForAddress": []},  # history cut off
        {"getTransaction": None},  # record pruned
        {"getTransaction": used_by(value=MOVED)},  # somebody used another value
        {"getTransaction": used_by(account=Key("another nonce").text)},
        {"getTransaction": used_by(content="5vx8P")},
        {"getTransaction": used_by(program=Key("another program").text)},
    ],
)
def test_without_the_transaction_that_used_the_value_nothing_is_known(answers):
    assert outcome(**answers) is Finality.UNKNOWN


@pytest.mark.parametrize("missing", ["version", "header"])
def test_user_whose_message_cannot_be_compared_proves_nothing(missing):
    found = used_by()
    (found if missing == "version" else found["transaction"]["message"]).pop(missing)
    with pytest.raises(NodeUnavailable):
        outcome(getTransaction=found)


def test_dead_once_another_finalized_transaction_used_the_value():
    assert outcome() is Finality.DEAD


@pytest.mark.parametrize(("err", "expected"), [(None, Finality.FINAL), ({"InstructionError": []}, Finality.FAILED)])
def test_our_own_use_found_in_the_history_is_not_death(err, expected):
    assert outcome(getSignaturesForAddress=history(TXID, err=err)) is expected


@pytest.mark.parametrize(
    ("level", "err", "expected"),
    [
        ("processed", None, Finality.MINED),
        ("confirmed", None, Finality.MINED),
        ("confirmed", {"InstructionError": []}, Finality.MINED),  # may still be reorganised away
        ("finalized", None, Finality.FINAL),
        ("finalized", {"InstructionError": []}, Finality.FAILED),
    ],
)
def test_known_transaction_says_for_itself(level, err, expected):
    status = {"value": [{"slot": 1, "err": err, "confirmationStatus": level}]}
    assert outcome(getSignatureStatuses=status) is expected


def test_history_is_read_page_by_page_until_the_user_is_found():
    pages = iter([history(*(f"P{i}" for i in range(1000))), history("OTHER")])
    found = outcome(
        getSignaturesForAddress=lambda *_: next(pages),
        getTransaction=lambda txid, _: used_by() if txid == "OTHER" else used_by(value=MOVED),
    )
    assert found is Finality.DEAD
