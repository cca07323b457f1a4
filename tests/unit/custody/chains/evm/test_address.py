import pytest

from custody.chains.evm.address import address_of, checksum, parse_destination
from custody.keys.ecdsa import public_key
from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import InvalidAddress, InvalidInput
from custody.primitives.secret import Secret

# The examples of EIP-55 itself.
EIP55 = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed0",
        " 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\n",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        "eth:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0x" + "０" * 40,
    ],
)
def test_refuses_what_is_no_address(text):
    with pytest.raises(InvalidAddress):
        parse_destination(text)


def test_refuses_every_single_flipped_letter_case():
    good = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    for place, letter in enumerate(good[2:], start=2):
        if letter.isalpha():
            with pytest.raises(InvalidAddress):
                parse_destination(good[:place] + letter.swapcase() + good[place + 1 :])


@pytest.mark.parametrize("number", [0, 1, 9, 0x11, 0x1000, 0xFFFF])
def test_refuses_zero_and_precompiled_addresses(number):
    with pytest.raises(InvalidAddress, match="precompiled"):
        parse_destination("0x" + number.to_bytes(20, "big").hex())


def test_refuses_keys_of_another_curve_and_points_off_the_curve():
    with pytest.raises(InvalidInput):
        address_of(PublicKey(Curve.ED25519, bytes(32)))
    with pytest.raises(InvalidInput, match="not a point"):
        address_of(PublicKey(Curve.SECP256K1, b"\x02" + b"\xff" * 32))


@pytest.mark.parametrize("text", EIP55)
def test_writes_and_reads_the_checksum_of_eip_55(text):
    assert checksum(bytes.fromhex(text[2:])) == text
    assert parse_destination(text) == parse_destination(text.lower()) == text


def test_derives_the_account_of_a_key():
    # Private key 1: an address everybody knows.
    assert address_of(public_key(Secret((1).to_bytes(32, "big")))) == "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
