# Plans, their bytes and their signatures, without a ledger; blob, hash and combination equal to xrpl.js.
from dataclasses import replace

import pytest
from simulators.xrpl import XRP, House, Key, state, xrpl_js
from xrpl.core.binarycodec import decode

from custody.chains.xrpl import blob
from custody.chains.xrpl.address import account_id
from custody.chains.xrpl.codec import InvalidTag, parse_tag
from custody.chains.xrpl.params import LOCAL, MAINNET
from custody.chains.xrpl.state import NoFreeTicket, Slot, SlotKind, parse_key
from custody.chains.xrpl.wallet import XrplWallet
from custody.keys.material import Signature
from custody.primitives.amount import Amount
from custody.primitives.errors import (
    BadSignature,
    InsufficientFunds,
    InvalidAddress,
    InvalidInput,
    LimitExceeded,
    MalformedPayload,
    QuorumNotReached,
    UnknownAsset,
)
from custody.withdrawals.errors import PlanMismatch
from custody.withdrawals.planning import verify_plan

HOUSE, BOB = House(), Key("bob")


def plan(*intents, house=HOUSE, **changes):
    return house.codec.plan(intents or (house.intent(BOB.account, XRP, "777"),), state(**changes), ())


def test_wallet_of_one_of_n_all_of_n_or_a_member_twice_is_refused():
    members = HOUSE.wallet.members
    for bad in ({"threshold": 1}, {"threshold": 3}, {"members": (members[0],) * 3}, {"ticket_stock": 0}):
        with pytest.raises(InvalidInput):
            replace(HOUSE.wallet, **bad)
    with pytest.raises(InvalidInput, match="member of its own"):
        XrplWallet("w", LOCAL, members[0].account, members, 2)


@pytest.mark.parametrize("memo", ["007", "-1", "1.0", "0x10", " 7", "4294967296", "99999999999", "seven", "٧"])
def test_what_is_no_tag_is_refused(memo):
    with pytest.raises(InvalidTag):
        plan(HOUSE.intent(BOB.account, XRP, memo))


def test_tags_are_plain_decimal_and_zero_is_a_tag():
    assert [parse_tag(memo) for memo in ("", "0", "7", "4294967295")] == [None, 0, 7, 2**32 - 1]


@pytest.mark.parametrize(("planned", "asked"), [("777", "778"), ("777", ""), ("", "777"), ("0", ""), ("", "0")])
def test_a_plan_with_another_tag_than_was_asked_for_is_not_handed_to_signers(planned, asked):
    intent = HOUSE.intent(BOB.account, XRP, planned)
    summary = HOUSE.codec.summarize(plan(intent))
    verify_plan(summary, [intent])
    with pytest.raises(PlanMismatch):
        verify_plan(summary, [replace(intent, memo=asked)])


def test_two_payments_do_not_fit_into_one_transaction():
    with pytest.raises(LimitExceeded):
        plan(HOUSE.intent(BOB.account, XRP), HOUSE.intent(BOB.account, XRP, number=2))


def test_payment_to_the_own_account_of_another_asset_or_of_nothing_is_refused():
    with pytest.raises(InvalidAddress, match="pay itself"):  # never possible: the request is rejected, not kept
        plan(HOUSE.intent(HOUSE.wallet.account, XRP))
    foreign = replace(LOCAL.native, contract="USD")
    with pytest.raises(UnknownAsset):
        plan(replace(HOUSE.intent(BOB.account, XRP), amount=Amount(XRP, foreign)))
    with pytest.raises(InvalidInput):
        HOUSE.codec.plan((), state(), ())


def test_fee_above_the_cap_of_the_intent_or_of_the_house_is_refused():
    assert plan(fee_drops=333).fee_drops == 999
    with pytest.raises(LimitExceeded):
        plan(fee_drops=334)  # three times 334 pass the intent's 1,000
    rich = HOUSE.intent(BOB.account, XRP, fee_max=Amount(10**9, LOCAL.native))
    with pytest.raises(LimitExceeded):
        plan(rich, fee_drops=700_000)


def test_reserve_and_payments_in_flight_are_not_spendable():
    assert plan(spendable_drops=XRP + 30).payment.drops == XRP
    with pytest.raises(InsufficientFunds):
        plan(spendable_drops=XRP + 29)


def test_without_a_free_ticket_nothing_is_planned():
    with pytest.raises(NoFreeTicket):
        plan(tickets=())


def test_tickets_are_made_up_to_the_stock_and_only_with_their_reserve():
    made = HOUSE.codec.plan_tickets(state(), 2)
    assert (made.slot.kind, made.slot.number, made.payment, made.new_tickets) == (SlotKind.SEQUENCE, 7, None, 2)
    with pytest.raises(LimitExceeded):
        HOUSE.codec.plan_tickets(state(), 3)
    with pytest.raises(InsufficientFunds):
        HOUSE.codec.plan_tickets(state(spendable_drops=400_029), 2)


def test_plan_takes_the_lowest_ticket_always_expires_and_names_what_it_consumes():
    made = plan()
    assert made.slot == Slot(HOUSE.wallet.account, SlotKind.TICKET, 11)
    assert made.last_ledger == 1_000 + LOCAL.life_ledgers
    key, slot, spend = HOUSE.codec.reservations(made)
    assert parse_key(key) == (made.slot, made.last_ledger)
    assert slot == f"xrplslot:{HOUSE.wallet.account}:ticket:11"
    assert spend.endswith(f":{XRP + 30}")
    assert HOUSE.codec.bump(made, state(), ()) is None


def test_summary_shows_payment_and_fee():
    summary = HOUSE.codec.summarize(plan())
    assert [(to.text, amount.units) for to, amount in summary.to] == [(BOB.account, XRP)]
    assert (summary.fee.units, summary.change) == (30, ())


@pytest.mark.parametrize("key", ["", "xrpl:r:ticket:1", "xrpl:r:ticket:x:1", "xrpl:r:token:1:2", "safe:r:ticket:1:2"])
def test_what_is_no_conflict_key_is_refused(key):
    with pytest.raises(MalformedPayload):
        parse_key(key)


def test_stored_plan_reads_back_and_any_other_spelling_is_refused():
    for made in (plan(), plan(HOUSE.intent(BOB.account, XRP)), HOUSE.codec.plan_tickets(state(), 1)):
        raw = HOUSE.codec.encode(made)
        assert HOUSE.codec.decode(raw) == made
    bad = [
        raw + b" ",
        b"{}",
        b"[]",
        b"\xff",
        raw.replace(b'"new_tickets":1', b'"new_tickets":0'),
        raw.replace(b'"new_tickets":1', b'"new_tickets":true'),
        raw.replace(b'"last_ledger":1075', b'"last_ledger":0'),
        raw.replace(HOUSE.wallet.account.encode(), BOB.account.encode()),
    ]
    for each in bad:
        with pytest.raises(MalformedPayload):
            HOUSE.codec.decode(each)
    with pytest.raises(MalformedPayload):
        House("other").codec.decode(raw)


def test_signature_over_other_bytes_by_a_stranger_or_with_a_wrong_bit_is_refused():
    made, other = plan(), plan(HOUSE.intent(BOB.account, XRP + 1))
    good = HOUSE.sign(made)
    with pytest.raises(BadSignature):
        HOUSE.codec.assemble(made, [good[0], HOUSE.sign(other)[1]])
    with pytest.raises(BadSignature, match="no member"):
        HOUSE.codec.assemble(made, [good[0], BOB.signature(HOUSE.body(made))])
    bent = bytearray(good[1].value)
    bent[-1] ^= 1
    with pytest.raises(BadSignature):
        HOUSE.codec.assemble(made, [good[0], Signature(good[1].key, 0, bytes(bent))])
    # A member's signature does not count under another member's account id.
    with pytest.raises(BadSignature):
        HOUSE.codec.assemble(made, [good[0], Signature(good[1].key, 0, good[0].value)])


def test_one_signature_or_the_same_twice_is_no_quorum():
    made = plan()
    (one,) = HOUSE.sign(made, (0,))
    for given in ([], [one], [one, one]):
        with pytest.raises(QuorumNotReached):
            HOUSE.codec.assemble(made, given)
        assert HOUSE.codec.next_need(made, given).missing == 2 - bool(given)
    assert HOUSE.codec.next_need(made, HOUSE.sign(made)) is None


def test_order_of_signatures_does_not_change_the_bytes_and_a_third_one_is_left_out():
    made = plan()
    both = HOUSE.complete(made, (0, 1))
    assert HOUSE.complete(made, (1, 0)) == both
    assert len(decode(HOUSE.complete(made, (0, 1, 2)).raw.hex())["Signers"]) == 2
    accounts = [account_id(member.account) for member in HOUSE.members]
    assert accounts != sorted(accounts)  # the test's keys do show a difference in order


def test_main_net_transactions_name_no_network_and_local_ones_do():
    assert blob.fields_of(HOUSE.wallet, plan())["NetworkID"] == LOCAL.network_id
    main = House("main", MAINNET)
    made = main.codec.plan([main.intent(BOB.account, XRP)], state(), ())
    assert "NetworkID" not in blob.fields_of(main.wallet, made)


JS = """
const [fields, privates] = given;
const signed = privates.map(([pub, priv]) => new xrpl.Wallet(pub, '00' + priv).sign(fields, true).tx_blob);
const whole = xrpl.multisign(signed);
answer({
  unsigned: xrpl.encode(fields), whole, hash: xrpl.hashes.hashSignedTx(whole),
  addresses: privates.map(([pub, _]) => xrpl.deriveAddress(pub)),
});
"""


@pytest.mark.parametrize("params", [LOCAL, MAINNET])
@pytest.mark.parametrize("kind", ["tag", "no tag", "tickets"])
def test_bytes_hash_and_combination_equal_xrpl_js(params, kind):
    house = House("js", params)
    made = (
        house.codec.plan_tickets(state(), 2)
        if kind == "tickets"
        else house.codec.plan(
            [house.intent(BOB.account, 12_345_678_901, "777" if kind == "tag" else "")],
            state(spendable_drops=10**15),
            (),
        )
    )
    chosen = house.members[:2]
    keys = [[key.public.raw.hex().upper(), key.secret.reveal().hex().upper()] for key in chosen]
    told = xrpl_js(JS, blob.fields_of(house.wallet, made), keys)
    if told is None:
        pytest.skip("needs node and the npm package xrpl")
    signed = house.complete(made)
    assert told["addresses"] == [key.account for key in chosen]
    assert bytes.fromhex(told["unsigned"]) == house.body(made)
    assert bytes.fromhex(told["whole"]) == signed.raw
    assert told["hash"] == signed.txid
