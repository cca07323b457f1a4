import pytest
from eth_account import Account

from custody.primitives.errors import BadSignature
from governance.ballots.signing import SignedBallot, recover_voter, sign_ballot, verify_ballot
from governance.ballots.typed import Ballot, BallotBox, InvalidBallot, Support

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEY = Account.from_key(b"\x01" * 32)
OTHER = Account.from_key(b"\x02" * 32)
BOX = BallotBox(31337, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
BALLOT = Ballot(BOX, KEY.address, 1, Support.FOR)
SIGNED = sign_ballot(BALLOT, KEY)


def test_refuses_to_sign_for_somebody_else():
    with pytest.raises(InvalidBallot):
        sign_ballot(BALLOT, OTHER)


@pytest.mark.parametrize("length", [0, 64, 66, 130])
def test_refuses_a_signature_of_another_length(length):
    with pytest.raises(BadSignature):
        verify_ballot(SignedBallot(BALLOT, bytes(length)))


def test_refuses_the_mirrored_form_of_a_signature():
    raw = SIGNED.signature
    s = ORDER - int.from_bytes(raw[32:64])
    with pytest.raises(BadSignature):
        verify_ballot(SignedBallot(BALLOT, raw[:32] + s.to_bytes(32) + bytes([55 - raw[64]])))


@pytest.mark.parametrize("v", [0, 1, 26, 29, 37, 255])
def test_refuses_any_v_but_27_and_28(v):
    with pytest.raises(BadSignature):
        verify_ballot(SignedBallot(BALLOT, SIGNED.signature[:64] + bytes([v])))


@pytest.mark.parametrize("raw", [bytes(64), b"\xff" * 32 + b"\x01" * 32, bytes(32) + b"\x01" * 32])
def test_refuses_numbers_outside_the_curve(raw):
    with pytest.raises(BadSignature):
        verify_ballot(SignedBallot(BALLOT, raw + b"\x1b"))


@pytest.mark.parametrize(
    "other",
    [
        Ballot(BOX, KEY.address, 1, Support.AGAINST),
        Ballot(BOX, KEY.address, 2, Support.FOR),
        Ballot(BallotBox(1, BOX.contract), KEY.address, 1, Support.FOR),
        Ballot(BallotBox(31337, OTHER.address), KEY.address, 1, Support.FOR),
        Ballot(BOX, OTHER.address, 1, Support.FOR),
    ],
    ids=["support", "proposal", "chain", "contract", "voter"],
)
def test_refuses_a_signature_over_another_ballot(other):
    with pytest.raises(BadSignature):
        verify_ballot(SignedBallot(other, SIGNED.signature))


@pytest.mark.parametrize("bit", range(0, 512, 37))
def test_refuses_one_wrong_bit(bit):
    changed = bytearray(SIGNED.signature)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadSignature):
        verify_ballot(SignedBallot(BALLOT, bytes(changed)))


def test_takes_the_voters_own_signature():
    verify_ballot(SIGNED)
    assert recover_voter(SIGNED) == KEY.address
