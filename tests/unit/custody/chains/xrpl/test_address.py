import pytest
from xrpl.core.addresscodec import classic_address_to_xaddress

from custody.chains.xrpl.address import account_id, account_text, address_of, parse_place
from custody.chains.xrpl.params import LOCAL
from custody.keys.crosscheck import crosscheck_xrpl
from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import InvalidAddress, InvalidInput

GENESIS = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"
# From xrpl.org: the address of a published key.
KEY, ADDRESS = (
    "0303E20EC6B4A39A629815AE02C0A1393B9225E3B890CAE45B59F42FA29BE9668D",
    "rnBFvgZphmN39GWzUJeUitaP22Fr9be75H",
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "r",
        GENESIS[:-1],
        GENESIS + "h",
        GENESIS.lower(),
        GENESIS.replace("H", "h", 1),
        "x" * 200,
        "é",
        " " + GENESIS,
    ],
)
def test_what_is_no_classic_address_is_refused(text):
    with pytest.raises(InvalidAddress):
        account_id(text)


def test_an_address_of_bitcoin_is_refused():
    with pytest.raises(InvalidAddress):
        account_id("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")


@pytest.mark.parametrize(
    ("tag", "is_test", "named"), [(0, False, "tag 0"), (None, False, "no tag"), (2**32 - 1, True, "tag 4294967295")]
)
def test_an_x_address_is_refused_and_its_parts_are_named(tag, is_test, named):
    text = classic_address_to_xaddress(GENESIS, tag, is_test)
    with pytest.raises(InvalidAddress, match=f"enter the address {GENESIS} with {named}"):
        parse_place(LOCAL.chain.id, text)


@pytest.mark.parametrize("text", ["rrrrrrrrrrrrrrrrrrrrrhoLvTp", "rrrrrrrrrrrrrrrrrrrrBZbvji"])
def test_addresses_that_nobody_holds_are_no_places(text):
    with pytest.raises(InvalidAddress, match="lost"):
        parse_place(LOCAL.chain.id, text)


def test_a_key_of_another_curve_has_no_address():
    with pytest.raises(InvalidInput, match="secp256k1"):
        address_of(PublicKey(Curve.ED25519, bytes(32)))


def test_address_of_a_published_key_is_the_published_one_and_xrpl_py_agrees():
    key = PublicKey(Curve.SECP256K1, bytes.fromhex(KEY))
    assert address_of(key) == ADDRESS
    crosscheck_xrpl(key, ADDRESS)
    assert account_text(account_id(GENESIS)) == GENESIS
    assert parse_place(LOCAL.chain.id, GENESIS).text == GENESIS
