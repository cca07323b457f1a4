# The hand-written parser against xrpl-py's codec: whatever our codec plans, the signer reads the same out of the bytes.
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulators.xrpl import House, Key
from xrpl.core.addresscodec import decode_classic_address
from xrpl.core.binarycodec import decode, encode

from custody.chains.xrpl.params import LOCAL, MAINNET
from custody.chains.xrpl.state import Slot, SlotKind, XrplPayment, XrplPlan
from custody.keys.material import SigningRole
from custody.primitives.errors import MalformedPayload, ToolkitError
from custody.signers.decoders.xrpl_fields import account_text, parse_fields

HOUSES = [House("fields", params, stock=250) for params in (LOCAL, MAINNET)]
U32 = st.integers(1, 2**32 - 1)
INTERESTING = bytes.fromhex("00010212202124 2e404160616873748183 7f80ff14c0c1")
PAYMENTS = st.builds(
    XrplPayment,
    to=st.binary(min_size=20, max_size=20).map(account_text),
    drops=st.integers(1, 10**17),
    tag=st.none() | st.integers(0, 2**32 - 1),
)


@st.composite
def plans(draw):
    house = draw(st.sampled_from(HOUSES))
    payment = draw(st.none() | PAYMENTS)
    kind = draw(st.sampled_from(SlotKind)) if payment else SlotKind.SEQUENCE
    slot = Slot(house.wallet.account, kind, draw(U32))
    tickets = 0 if payment else draw(st.integers(1, 250))
    return house, XrplPlan(house.wallet.id, slot, draw(U32), draw(st.integers(1, 2_000_000)), payment, tickets)


@given(plans())
def test_signer_reads_exactly_what_was_planned(drawn):
    house, plan = drawn
    read = house.decoder(house.members[1]).understand(house.body(plan), SigningRole.MEMBER)
    assert read.summary == house.codec.summarize(plan)
    assert read.conflict_key == house.codec.reservations(plan)[0]
    assert read.summary.memos == (("" if plan.payment.tag is None else str(plan.payment.tag),) if plan.payment else ())
    (need,) = [item.message for item in read.to_sign]
    house.codec.assemble(plan, house.sign(plan))
    assert house.members[1].sign(need) == house.sign(plan, (1,))[0].value


@given(plans())
def test_fields_are_those_that_the_other_library_reads(drawn):
    house, plan = drawn
    body = house.body(plan)
    ours, theirs = parse_fields(body), decode(body.hex())
    assert set(ours) == set(theirs)
    for name in (
        "Sequence",
        "LastLedgerSequence",
        "Flags",
        "TicketSequence",
        "DestinationTag",
        "NetworkID",
        "TicketCount",
    ):
        assert ours.get(name) == theirs.get(name)
    assert str(ours["Fee"]) == theirs["Fee"]
    assert ours["Account"] == decode_classic_address(theirs["Account"])


@pytest.mark.parametrize(
    "raw", [b"\x00", b"\x00\x01\x01", b"\x10", b"\x10\x02\x00\x00", b"\x12\x00", b"\x12\x00\x00\x12\x00\x00"]
)
def test_field_ids_cut_short_twice_or_longer_than_they_have_to_be_are_malformed(raw):
    with pytest.raises(MalformedPayload):
        parse_fields(raw)


def test_account_of_the_payload_is_written_as_the_codec_writes_it():
    assert account_text(decode_classic_address(Key("bob").account)) == Key("bob").account


@given(plans(), st.data())
def test_whatever_is_accepted_of_bent_bytes_means_the_same_to_the_other_library(drawn, data):
    house, plan = drawn
    body = bytearray(house.body(plan))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        kind = data.draw(st.sampled_from(["flip", "set", "insert", "drop", "copy"]))
        byte = data.draw(st.sampled_from(INTERESTING))
        if kind == "flip":
            body[at] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "set":
            body[at] = byte
        elif kind == "insert":
            body.insert(at, byte)
        elif kind == "copy":
            body[at:at] = body[at : at + data.draw(st.integers(1, 24))]
        elif len(body) > 1:
            del body[at]
    try:
        read = house.decoder(house.members[1]).understand(bytes(body), SigningRole.MEMBER)
    except ToolkitError:
        return
    theirs = decode(body.hex())
    assert bytes.fromhex(encode(theirs)) == body
    assert int(theirs["Fee"]) == read.summary.fee.units
    paid = [(theirs["Destination"], int(theirs["Amount"]))] if theirs["TransactionType"] == "Payment" else []
    assert [(to.text, amount.units) for to, amount in read.summary.to] == paid
    assert read.summary.memos == tuple(str(theirs.get("DestinationTag", "")) for _ in paid)
