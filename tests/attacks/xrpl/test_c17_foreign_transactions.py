# C17: whatever changes who may sign, or what arrives, never gets a signature; nor does anything we cannot read.
import pytest
from simulators.signer_kit import request
from simulators.xrpl import XRP, House, Key, SeatedSigner, state
from xrpl.core.binarycodec import encode

from custody.chains.xrpl import blob
from custody.chains.xrpl.params import LOCAL, MAINNET
from custody.keys.material import SigningRole
from custody.primitives.errors import InvalidInput, MalformedPayload, Refused
from custody.signers.decoders.xrpl import UnreadTransaction, XrplDecoder
from custody.signers.decoders.xrpl_fields import UnreadField
from custody.signers.judge import PayloadMismatch
from custody.signers.memory import AlreadySigned, ConflictKeyTaken
from custody.signers.ownership import NotOurAddress

HOUSE, BOB, MALLORY = House("c17"), Key("bob"), Key("mallory")
INTENT = HOUSE.intent(BOB.account, XRP, "777")
PLAN = HOUSE.codec.plan([INTENT], state(), ())
FIELDS = blob.fields_of(HOUSE.wallet, PLAN)
DECODER = HOUSE.decoder(HOUSE.members[0])
NOT_PAYING = {name: FIELDS[name] for name in FIELDS if name not in ("Amount", "Destination", "DestinationTag")}
MEMBER_ENTRY = {"SignerEntry": {"Account": MALLORY.account, "SignerWeight": 1}}
USD = {"currency": "USD", "issuer": MALLORY.account, "value": "1"}


def understood(fields, without=()):
    kept = {name: value for name, value in fields.items() if name not in without}
    return DECODER.understand(bytes.fromhex(encode(kept)), SigningRole.MEMBER)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("SignerListSet", {"SignerQuorum": 1, "SignerEntries": [MEMBER_ENTRY]}),
        ("SignerListSet", {"SignerQuorum": 0}),
        ("SetRegularKey", {"RegularKey": MALLORY.account}),
        ("SetRegularKey", {}),
        ("AccountSet", {"SetFlag": 4}),
        ("AccountSet", {"ClearFlag": 1}),
        ("AccountSet", {}),
        ("AccountDelete", {"Destination": MALLORY.account}),
        ("TrustSet", {"LimitAmount": USD}),
        ("OfferCreate", {"TakerPays": USD, "TakerGets": "1000000"}),
        ("EscrowCreate", {"Amount": "1000000", "Destination": MALLORY.account, "FinishAfter": 1}),
        ("CheckCreate", {"SendMax": "1000000", "Destination": MALLORY.account}),
        ("DepositPreauth", {"Authorize": MALLORY.account}),
        ("TicketCreate", {"TicketCount": 3, "Destination": MALLORY.account}),
    ],
)
def test_c17_every_other_transaction_is_refused(kind, fields):
    with pytest.raises(Refused):
        understood({**NOT_PAYING, "TransactionType": kind, **fields})


@pytest.mark.parametrize("kind", ["SignerListSet", "SetRegularKey", "AccountSet", "AccountDelete"])
def test_c17_refusal_names_what_was_asked(kind):
    with pytest.raises(UnreadTransaction, match=kind):
        understood({**NOT_PAYING, "TransactionType": kind})


@pytest.mark.parametrize(
    "extra",
    [
        {"SendMax": "2000000"},
        {"DeliverMin": "1"},
        {"Paths": [[{"account": MALLORY.account}]]},
        {"Memos": [{"Memo": {"MemoData": "00"}}]},
        {"SourceTag": 1},
        {"InvoiceID": "A" * 64},
        {"AccountTxnID": "A" * 64},
        {"Signers": [{"Signer": {"Account": MALLORY.account, "SigningPubKey": "", "TxnSignature": ""}}]},
        {"TxnSignature": "00"},
        {"TicketCount": 1},
    ],
)
def test_c17_fields_beside_an_exact_payment_are_refused(extra):
    with pytest.raises(Refused):
        understood({**FIELDS, **extra})


@pytest.mark.parametrize(
    "changed",
    [
        {"Flags": 0x00020000},  # partial payment
        {"Flags": 0},
        {"Flags": 0x80020000},
        {"Flags": 0x00010000},  # no direct path
        {"Flags": 0x00040000},  # limit quality
        {"Amount": USD},
        {"Amount": "0"},
        {"Fee": "0"},
        {"Account": MALLORY.account},
        {"Destination": HOUSE.wallet.account},
        {"SigningPubKey": MALLORY.public.raw.hex().upper()},
        {"NetworkID": LOCAL.network_id + 1},
        {"LastLedgerSequence": 0},
        {"Sequence": 5},  # and a ticket
    ],
)
def test_c17_values_that_change_the_meaning_are_refused(changed):
    with pytest.raises((Refused, MalformedPayload)):
        understood({**FIELDS, **changed})


@pytest.mark.parametrize(
    "missing",
    [
        "Flags",
        "NetworkID",
        "LastLedgerSequence",
        "Fee",
        "Account",
        "Destination",
        "Amount",
        "Sequence",
        "SigningPubKey",
        "TicketSequence",
    ],
)
def test_c17_payment_without_a_field_it_needs_is_refused(missing):
    with pytest.raises(Refused):
        understood(FIELDS, without=(missing,))


def test_c17_bytes_out_of_order_twice_cut_or_left_over_are_refused():
    body = HOUSE.body(PLAN)
    fee = body.index(bytes.fromhex("68400000"))
    swapped = body[: fee - 9] + body[fee : fee + 9] + body[fee - 9 : fee] + body[fee + 9 :]
    doubled = body[: fee + 9] + body[fee : fee + 9] + body[fee + 9 :]
    longer = body.replace(b"\x24\x00\x00\x00\x00", b"\x20\x04\x00\x00\x00\x00", 1)  # a field id written too long
    for bad in (
        b"",
        swapped,
        doubled,
        longer,
        body + b"\x00",
        body + bytes(600),
        *(body[:n] for n in range(1, len(body))),
    ):
        with pytest.raises((Refused, MalformedPayload)):
            DECODER.understand(bad, SigningRole.MEMBER)


def test_c17_every_single_bit_is_either_refused_or_means_something_else():
    body, meaning = HOUSE.body(PLAN), understood(FIELDS)
    shown = (meaning.summary, meaning.conflict_key)
    for place in range(len(body) * 8):
        bent = bytearray(body)
        bent[place // 8] ^= 1 << place % 8
        try:
            read = DECODER.understand(bytes(bent), SigningRole.MEMBER)
        except (Refused, MalformedPayload):
            continue
        assert (read.summary, read.conflict_key) != shown, f"bit {place} is not shown"


def test_c17_too_many_tickets_or_tickets_by_ticket_are_refused():
    made = blob.fields_of(HOUSE.wallet, HOUSE.codec.plan_tickets(state(), 2))
    assert understood(made).summary.to == ()
    for count in (0, HOUSE.wallet.ticket_stock + 1):
        with pytest.raises(Refused):
            understood({**made, "TicketCount": count})
    with pytest.raises(Refused):
        understood({**made, "Sequence": 0, "TicketSequence": 5})


def test_c17_no_sender_signs_and_no_stranger_has_a_decoder():
    with pytest.raises(UnreadTransaction):
        DECODER.understand(HOUSE.body(PLAN), SigningRole.SENDER)
    with pytest.raises(InvalidInput):
        HOUSE.decoder(MALLORY)
    with pytest.raises(InvalidInput):
        XrplDecoder({**HOUSE.wallet.registration(), "family": "evm"}, {})
    with pytest.raises(InvalidInput):
        XrplDecoder({}, {})
    for changed in ({"network_id": 0}, {"chain": "xrpl"}, {"chain": "xrpl-other"}):
        with pytest.raises(InvalidInput):
            XrplDecoder({**HOUSE.wallet.registration(), **changed}, {})
    with pytest.raises(NotOurAddress):
        DECODER.owned_place(BOB.account)


def test_c17_main_net_payment_names_no_network():
    main = House("main", MAINNET)
    plan = main.codec.plan([main.intent(BOB.account, XRP)], state(), ())
    decoder = main.decoder(main.members[0])
    assert decoder.understand(main.body(plan), SigningRole.MEMBER).summary == main.codec.summarize(plan)
    with pytest.raises(Refused):
        decoder.understand(
            bytes.fromhex(encode({**blob.fields_of(main.wallet, plan), "NetworkID": 1025})), SigningRole.MEMBER
        )


def test_c17_amount_field_written_as_a_token_is_refused():
    with pytest.raises(UnreadField, match="XRP"):
        understood({**FIELDS, "Amount": {"mpt_issuance_id": "00" * 24, "value": "1"}})


@pytest.fixture
def signer(tmp_path):
    return SeatedSigner(tmp_path / "signer", HOUSE, HOUSE.members[0])


def ask(plan, *intents):
    return request(HOUSE.body(plan), *intents, wallet_id=HOUSE.wallet.id, chain=LOCAL.chain.id)


@pytest.mark.parametrize("memo", ["", "778", "0"])
def test_c17_payment_with_another_tag_than_approved_is_refused(signer, memo):
    other = HOUSE.codec.plan([HOUSE.intent(BOB.account, XRP, memo)], state(), ())
    with pytest.raises(PayloadMismatch):
        signer.sign(ask(other, INTENT))


def test_c17_payment_with_a_tag_that_nobody_approved_is_refused(signer):
    with pytest.raises(PayloadMismatch):
        signer.sign(ask(PLAN, HOUSE.intent(BOB.account, XRP)))


def test_c17_ticket_signed_for_one_payment_is_not_signed_for_another(signer):
    signer.sign(ask(PLAN, INTENT))
    second = HOUSE.intent(BOB.account, XRP + 1, "777", number=2)
    with pytest.raises(ConflictKeyTaken):
        signer.sign(ask(HOUSE.codec.plan([second], state(), ()), second))
    with pytest.raises(AlreadySigned):  # the same withdrawal once more, on another ticket
        signer.sign(ask(HOUSE.codec.plan([INTENT], state(tickets=(12,)), ()), INTENT))


def test_c17_exact_payment_is_understood_and_signed(signer):
    meaning = understood(FIELDS)
    assert meaning.summary == HOUSE.codec.summarize(PLAN)
    assert meaning.summary.memos == ("777",)
    assert meaning.conflict_key == HOUSE.codec.reservations(PLAN)[0]
    (signature,) = signer.sign(ask(PLAN, INTENT))
    assert signature == HOUSE.sign(PLAN, (0,))[0]
    assert DECODER.owned_place(HOUSE.wallet.account).path == HOUSE.members[0].member.path
