import random
import sys

from custody.chains.evm.address import checksum
from custody.chains.evm.safe_tx import Operation, SafeTx

_LIMIT = sys.getrecursionlimit()
from safe_eth.safe.safe_tx import SafeTx as OtherSafeTx  # noqa: E402 - stands between the two lines about the limit

sys.setrecursionlimit(_LIMIT)  # one of its libraries sets 100,000, with which deep JSON ends the interpreter

DICE = random.Random(11)


class NoNode:
    """Stands where the other library wants a client; any question to it fails."""


def random_safe_tx() -> SafeTx:
    return SafeTx(
        chain_id=DICE.choice([1, 56, 31337]),
        safe=checksum(DICE.randbytes(20)),
        to=checksum(DICE.randbytes(20)),
        value=DICE.choice([0, 1, 10**18, 2**255]),
        call=DICE.randbytes(DICE.choice([0, 4, 68, 500])),
        operation=DICE.choice(list(Operation)),
        nonce=DICE.choice([0, 1, 2**32]),
    )


def other_hash(tx: SafeTx) -> bytes:
    other = OtherSafeTx(
        NoNode(),
        tx.safe,
        tx.to,
        tx.value,
        tx.call,
        int(tx.operation),
        0,
        0,
        0,
        None,
        None,
        safe_nonce=tx.nonce,
        safe_version="1.4.1",
        chain_id=tx.chain_id,
    )
    return bytes(other.safe_tx_hash)


def test_hash_equals_that_of_a_second_library():
    for _ in range(40):
        tx = random_safe_tx()
        assert tx.hash() == other_hash(tx)


def test_every_field_changes_the_hash():
    tx = random_safe_tx()
    base = (tx.chain_id, tx.safe, tx.to, tx.value, tx.call, tx.operation, tx.nonce)
    other = (5, checksum(bytes(20)), checksum(b"\x01" * 20), 77, b"x", Operation(1 - tx.operation), 99)
    hashes = {tx.hash()} | {SafeTx(*base[:i], other[i], *base[i + 1 :]).hash() for i in range(len(base))}
    assert len(hashes) == len(base) + 1
