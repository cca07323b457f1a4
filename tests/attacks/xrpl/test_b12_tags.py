# B12: a tag that is missing or off by one digit belongs to nobody; it never reaches another customer. SIMULATOR.
import pytest
from simulators.xrpl import XRP

from custody.wallets.tags import UnknownTag, number_of, tag_of

pytestmark = pytest.mark.node


def tags_one_digit_off(tag):
    text = str(tag)
    for place, digit in enumerate(text):
        for other in "0123456789":
            if other != digit:
                yield text[:place] + other + text[place + 1 :]


def test_b12_no_tag_one_digit_off_reads_as_any_customer():
    for number in (*range(1, 300), 42_949_671):
        for wrong in tags_one_digit_off(tag_of(number)):
            with pytest.raises(UnknownTag):
                number_of(wrong)


def test_b12_payment_without_a_tag_never_arrives(live, sim):
    before = live.drops(live.wallet.account)
    txid = sim.fund(live.wallet.account, 5 * XRP)
    assert live.drops(live.wallet.account) == before
    assert live.node.transaction(txid, 1, live.reader.tip().height).result == "tecDST_TAG_NEEDED"
    assert live.reader.deposits(frozenset({live.wallet.account}), live.reader.tip()) == []


def test_b12_wrong_tag_is_seen_with_the_tag_as_it_was_sent_and_names_nobody(live, sim):
    wrong = tag_of(7) + 1
    sim.fund(live.wallet.account, 5 * XRP, wrong)
    (deposit,) = live.reader.deposits(frozenset({live.wallet.account}), live.reader.tip())
    assert deposit.memo == str(wrong)
    with pytest.raises(UnknownTag):
        number_of(deposit.memo)
    sim.fund(live.wallet.account, 5 * XRP, tag_of(7))
    (deposit,) = live.reader.deposits(frozenset({live.wallet.account}), live.reader.tip())
    assert number_of(deposit.memo) == 7
