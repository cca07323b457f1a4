import pytest

from custody.chains.solana.state import Nonce, ReservedSpend
from custody.primitives.errors import MalformedPayload


@pytest.mark.parametrize(
    "name", ["solspend", "solspend:a:1:n", "solspend:a:x:n:v", "solspend:a:-1:n:v", "solspend:a:1:n:v:z"]
)
def test_refuses_damaged_spend_reservation(name):
    with pytest.raises(MalformedPayload):
        ReservedSpend.parse(name)


def test_reservations_of_other_kinds_are_left_alone():
    assert ReservedSpend.parse("solnonce:a:v") is None
    assert ReservedSpend.parse("utxo:ab:0") is None


def test_reservation_reads_back():
    assert ReservedSpend.parse("solspend:a:12:n:v") == ReservedSpend("a", 12, Nonce("n", "v"))
    assert Nonce.parse_key(Nonce("n", "v").key) == Nonce("n", "v")
