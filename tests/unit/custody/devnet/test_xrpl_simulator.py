# The simulator keeps the ledger's rules that our code relies on; its answers have a node's shapes and names.
import json

import pytest
from simulators.xrpl import XRP, Key
from xrpl.core.binarycodec import encode, encode_for_signing

from custody.chains.xrpl.blob import half_sha512
from custody.devnet.xrpl_checks import NETWORK_ID
from custody.devnet.xrpl_ledger import GENESIS_ACCOUNT, GENESIS_DROPS, LocalRefusal, SimLedger
from custody.devnet.xrpl_rpc import XrplRpc
from custody.devnet.xrpl_world import BASE_RESERVE_DROPS, DISABLE_MASTER, OBJECT_RESERVE_DROPS

ANN, BOB = Key("ann"), Key("bob")


@pytest.fixture
def ledger():
    made = SimLedger(1_700_000_000)
    for key in (ANN, BOB):
        made.pay(key.account, 100 * XRP, None, 100 * XRP)
    made.close()
    return made


def account(ledger, key=ANN):
    return ledger.validated.world[key.account]


def signed(ledger, key=ANN, **fields):
    made = {
        "TransactionType": "Payment",
        "Account": key.account,
        "Sequence": account(ledger, key).sequence,
        "Fee": "10",
        "NetworkID": NETWORK_ID,
        "SigningPubKey": key.public.raw.hex().upper(),
        **fields,
    }
    made = {name: value for name, value in made.items() if value is not None}
    return bytes.fromhex(
        encode({**made, "TxnSignature": key.sign(half_sha512(bytes.fromhex(encode_for_signing(made)))).hex().upper()})
    )


def pay(ledger, drops=XRP, **fields):
    return signed(ledger, Amount=str(drops), Destination=BOB.account, **fields)


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({"NetworkID": None}, "telREQUIRES_NETWORK_ID"),
        ({"NetworkID": NETWORK_ID + 1}, "telWRONG_NETWORK"),
        ({"Fee": "9"}, "telINSUF_FEE_P"),
        ({"Fee": str(200 * XRP)}, "terINSUF_FEE_B"),
        ({"LastLedgerSequence": 2}, "tefMAX_LEDGER"),
        ({"Sequence": 1}, "tefPAST_SEQ"),
        ({"Sequence": 1_000}, "terPRE_SEQ"),
        ({"Sequence": 0, "TicketSequence": 1}, "tefNO_TICKET"),
        ({"Sequence": 0, "TicketSequence": 1_000}, "terPRE_TICKET"),
        ({"Sequence": 5, "TicketSequence": 1}, "temSEQ_AND_TICKET"),
        ({"Flags": 0x00020000}, "temBAD_SEND_XRP_PARTIAL"),
        ({"Destination": ANN.account}, "temREDUNDANT"),
        ({"SendMax": "5"}, "temBAD_CURRENCY"),
        ({"Amount": "0"}, "temBAD_AMOUNT"),
        ({"Amount": str(99 * XRP + 1)}, "tecUNFUNDED_PAYMENT"),
        ({"Destination": Key("new").account, "Amount": str(BASE_RESERVE_DROPS - 1)}, "tecNO_DST_INSUF_XRP"),
        ({"TransactionType": "AccountDelete"}, "temUNKNOWN"),
        (
            {"TransactionType": "TicketCreate", "TicketCount": 251, "Amount": None, "Destination": None},
            "temINVALID_COUNT",
        ),
        ({"TransactionType": "TicketCreate", "TicketCount": 250, "Amount": None, "Destination": None}, "tesSUCCESS"),
        ({"TransactionType": "AccountSet", "SetFlag": 4, "Amount": None, "Destination": None}, "tecNO_ALTERNATIVE_KEY"),
        ({"TransactionType": "AccountSet", "SetFlag": 9, "Amount": None, "Destination": None}, "temINVALID_FLAG"),
    ],
)
def test_refusals_have_the_names_of_the_ledger(ledger, fields, result):
    made = {"Amount": str(XRP), "Destination": BOB.account, **fields}
    assert ledger.submit(signed(ledger, **made))[0] == result


def test_account_that_does_not_exist_sends_nothing(ledger):
    ledger.validated.world[Key("ghost").account] = account(ledger)  # only to sign with its sequence
    raw = signed(ledger, Key("ghost"), Amount="1", Destination=BOB.account)
    del ledger.validated.world[Key("ghost").account]
    assert ledger.submit(raw)[0] == "terNO_ACCOUNT"


def test_signature_of_another_key_or_bytes_that_are_not_canonical_are_no_transactions(ledger):
    raw = pay(ledger)
    for bad in (raw[:-1], raw + b"\x00", b"", raw.replace(b"\x00\x00\x00\x0f\x42\x40"[2:], b"\x00\x0f\x42\x41", 1)):
        with pytest.raises(LocalRefusal):
            ledger.submit(bad)
    stranger = signed(ledger, Amount="1", Destination=BOB.account, SigningPubKey=BOB.public.raw.hex().upper())
    with pytest.raises(LocalRefusal):
        ledger.submit(stranger)
    forged = {"Amount": "1", "Destination": BOB.account, "Account": ANN.account, "Sequence": account(ledger).sequence}
    assert ledger.submit(signed(ledger, BOB, **forged))[0] == "tefBAD_AUTH"


def test_signer_list_that_cannot_reach_its_quorum_or_names_the_account_is_refused(ledger):
    def listed(quorum, *names):
        entries = [{"SignerEntry": {"Account": name, "SignerWeight": 1}} for name in names]
        return signed(ledger, TransactionType="SignerListSet", SignerQuorum=quorum, SignerEntries=entries)

    assert ledger.submit(listed(3, BOB.account, Key("c").account))[0] == "temBAD_QUORUM"
    assert ledger.submit(listed(1, ANN.account))[0] == "temBAD_SIGNER"
    assert ledger.submit(listed(2, BOB.account, Key("c").account))[0] == "tesSUCCESS"
    ledger.close()
    assert account(ledger).quorum == 2
    assert ledger.submit(signed(ledger, TransactionType="AccountSet", SetFlag=4))[0] == "tesSUCCESS"
    ledger.close()
    assert account(ledger).flags & DISABLE_MASTER
    assert ledger.submit(pay(ledger))[0] == "tefMASTER_DISABLED"


def test_reserve_stays_locked_for_the_account_and_each_ticket(ledger):
    ledger.submit(signed(ledger, TransactionType="TicketCreate", TicketCount=10))
    ledger.close()
    locked = BASE_RESERVE_DROPS + 10 * OBJECT_RESERVE_DROPS
    spare = account(ledger).balance - locked
    assert ledger.submit(pay(ledger, spare + 1))[0] == "tecUNFUNDED_PAYMENT"
    ledger.close()
    assert ledger.submit(pay(ledger, spare - 10))[0] == "tesSUCCESS"


def test_too_many_tickets_in_all_are_refused(ledger):
    for count, result in ((200, "tesSUCCESS"), (51, "tecDIR_FULL")):
        assert ledger.submit(signed(ledger, TransactionType="TicketCreate", TicketCount=count))[0] == result
        ledger.close()


def test_what_waits_for_its_turn_is_executed_when_it_comes(ledger):
    sequence = account(ledger).sequence
    assert ledger.submit(pay(ledger, 2, Sequence=sequence + 1))[0] == "terPRE_SEQ"
    assert ledger.submit(pay(ledger, 1, Sequence=sequence))[0] == "tesSUCCESS"
    ledger.close()
    ledger.close()
    assert account(ledger, BOB).balance == 100 * XRP + 3
    assert ledger.pool == []


def test_no_drop_is_made_or_lost_but_the_fees(ledger):
    for _ in range(3):
        ledger.submit(pay(ledger))
        ledger.close()
    fees = 10 * (2 + 3)
    assert sum(held.balance for held in ledger.validated.world.values()) == GENESIS_DROPS - fees


def ask(ledger, method, **fields):
    return json.loads(json.dumps(XrplRpc(ledger).answer({"method": method, "params": [fields]})))["result"]


def test_errors_stand_in_the_result_and_unknown_commands_are_named(ledger):
    assert ask(ledger, "ripple_path_find")["error"] == "unknownCmd"
    assert ask(ledger, "account_info", account="r", ledger_index=1)["error"] == "actNotFound"
    assert ask(ledger, "ledger", ledger_index=99)["error"] == "lgrNotFound"
    assert ask(ledger, "tx", transaction="A", min_ledger=1, max_ledger=2_000)["error"] == "excessiveLgrRange"
    assert ask(ledger, "tx", transaction="A")["error"] == "txnNotFound"
    assert ask(ledger, "account_info")["error"] == "invalidParams"
    assert ask(ledger, "devnet_close", ledgers=0)["error"] == "invalidParams"
    assert XrplRpc(ledger).answer([])["result"]["status"] == "error"


def test_absence_is_searched_only_in_ledgers_that_are_held(ledger):
    for _ in range(5):
        ledger.close()
    assert ask(ledger, "tx", transaction="A", min_ledger=1, max_ledger=5)["searched_all"] is True
    assert ask(ledger, "tx", transaction="A", min_ledger=1, max_ledger=50)["searched_all"] is False
    ask(ledger, "devnet_fault", gap=[3, 3])
    assert ask(ledger, "tx", transaction="A", min_ledger=1, max_ledger=5)["searched_all"] is False
    assert ask(ledger, "server_state")["state"]["complete_ledgers"] == "1-2,4-7"


def test_it_says_that_it_is_a_simulator(ledger):
    assert ask(ledger, "server_state")["state"]["build_version"] == "simulator"
    assert "simulator" in ask(ledger, "submit", tx_blob=pay(ledger).hex())["engine_result_message"]


def test_tickets_come_in_pages_and_ledgers_with_hashes_or_in_full(ledger):
    ledger.submit(signed(ledger, TransactionType="TicketCreate", TicketCount=5))
    ledger.close()
    asked = {"account": ANN.account, "type": "ticket", "limit": 3, "ledger_index": ledger.validated.index}
    first = ask(ledger, "account_objects", **asked)
    second = ask(ledger, "account_objects", marker=first["marker"], **asked)
    assert (len(first["account_objects"]), len(second["account_objects"]), "marker" in second) == (3, 2, False)
    short = ask(ledger, "ledger", ledger_index=ledger.validated.index, transactions=True)["ledger"]["transactions"]
    full = ask(ledger, "ledger", ledger_index=ledger.validated.index, transactions=True, expand=True)["ledger"][
        "transactions"
    ]
    assert short == [entry["hash"] for entry in full]
    assert full[0]["metaData"]["TransactionResult"] == "tesSUCCESS"
    assert ask(ledger, "account_info", account=GENESIS_ACCOUNT)["account_data"]["OwnerCount"] == 0
