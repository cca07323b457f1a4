import base58
import pytest
from simulators.tron import ALICE, MEMBERS, SENDER, tronweb

from custody.chains.tron.address import (
    address_bytes,
    address_of,
    address_text,
    from_node_hex,
    node_hex,
    parse_destination,
)
from custody.chains.tron.deposit import DepositBranch
from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import InvalidAddress, InvalidInput, LimitExceeded, WrongNetwork


@pytest.mark.parametrize(
    "text",
    [
        "",
        ALICE[:-1],
        ALICE[:-1] + ("2" if ALICE[-1] != "2" else "3"),
        ALICE.lower(),
        ALICE + " ",
        "41" + "5c" * 20,
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        address_text(bytes(20)),
        address_text(bytes(16) + b"\x01\x00\x00\x01"),
    ],
)
def test_refuses_what_is_no_payable_address(text):
    with pytest.raises(InvalidAddress):
        parse_destination(text)


def test_refuses_the_version_byte_of_another_network():
    with pytest.raises(WrongNetwork):
        parse_destination(base58.b58encode_check(b"\x40" + bytes(range(20))).decode())


@pytest.mark.parametrize("value", ["zz", "00" * 19, "a0" + "00" * 20])
def test_refuses_hex_that_is_no_address(value):
    with pytest.raises(InvalidAddress):
        from_node_hex(value)


def test_a_key_of_another_curve_has_no_address():
    with pytest.raises(InvalidInput):
        address_of(PublicKey(Curve.ED25519, bytes(32)))


def test_text_hex_and_bytes_lead_back_to_each_other():
    assert parse_destination(ALICE) == ALICE == address_text(address_bytes(ALICE))
    assert from_node_hex(node_hex(ALICE)) == from_node_hex(node_hex(ALICE)[2:]) == ALICE


def test_tronweb_derives_the_same_addresses_from_our_keys():
    secrets = [holder.node("m/44h/195h/0h/0/0").key.reveal().hex() for holder in (*MEMBERS, SENDER)]
    answer = tronweb("out = g.secrets.map(k => TronWeb.address.fromPrivateKey(k))", secrets=secrets)
    assert answer == [address_of(holder.key()) for holder in (*MEMBERS, SENDER)]


def test_deposit_addresses_end_at_the_window_and_are_the_senders_own():
    branch = DepositBranch("m/44h/195h/0h", SENDER.xpub(), 3)
    assert branch.address(2) == address_of(SENDER.key("m/44h/195h/0h/0/2"))
    for index in (-1, 3):
        with pytest.raises(LimitExceeded):
            branch.address(index)
