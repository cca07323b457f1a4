import random

from eth_account import Account

from custody.chains.evm.address import address_of
from custody.chains.evm.outer_tx import Gas, OuterTx, txid_of
from custody.chains.evm.rlp import rlp_encode, rlp_int
from custody.keys.ecdsa import public_key, sign_recoverable
from custody.primitives.secret import Secret
from custody.signers.decoders.evm_bytes import rlp_list
from custody.signers.decoders.evm_outer import read_outer

DICE = random.Random(7)  # a fixed seed: the same cases every time


def random_tx() -> OuterTx:
    fee = DICE.choice([0, 1, 10**9, 2**64])
    gas = Gas(DICE.choice([0, 1, 127, 128, 2**40]), DICE.randint(0, fee), fee, DICE.choice([21_000, 2**24]))
    to = address_of(public_key(Secret(DICE.randbytes(31) + b"\x01")))
    call = DICE.randbytes(DICE.choice([0, 1, 55, 56, 300, 70_000]))
    return OuterTx(DICE.choice([1, 56, 31337]), gas, to, DICE.choice([0, 1, 2**200]), call)


def test_signs_to_the_same_bytes_as_a_second_library():
    key = Secret(bytes(31) + b"\x07")
    for _ in range(60):
        tx = random_tx()
        fields = {
            "type": 2,
            "chainId": tx.chain_id,
            "nonce": tx.gas.nonce,
            "maxPriorityFeePerGas": tx.gas.tip_wei_per_gas,
            "maxFeePerGas": tx.gas.fee_wei_per_gas,
            "gas": tx.gas.limit,
            "to": tx.to,
            "value": tx.value,
            "data": tx.call,
        }
        theirs = Account.sign_transaction(fields, key.reveal())
        raw = tx.signed(sign_recoverable(key, tx.signing_hash()))
        assert raw == bytes(theirs.raw_transaction)
        assert txid_of(raw) == "0x" + bytes(theirs.hash).hex()


def test_the_signers_reader_finds_what_was_written():
    for _ in range(60):
        tx = random_tx()
        read = read_outer(tx.unsigned(), tx.chain_id)
        assert (read.nonce, read.fee_max_wei, read.value, read.call) == (
            tx.gas.nonce,
            tx.gas.fee_max_wei,
            tx.value,
            tx.call,
        )


def test_encodes_the_examples_of_the_specification():
    lorem = b"Lorem ipsum dolor sit amet, consectetur adipisicing elit"
    assert rlp_encode(b"dog").hex() == "83646f67"
    assert rlp_encode([b"cat", b"dog"]).hex() == "c88363617483646f67"
    assert rlp_encode(b"").hex() == "80"
    assert rlp_encode([]).hex() == "c0"
    assert rlp_encode(b"\x0f").hex() == "0f"
    assert rlp_encode(b"\x04\x00").hex() == "820400"
    assert rlp_encode([[], [[]], [[], [[]]]]).hex() == "c7c0c1c0c3c0c1c0"
    assert rlp_encode(lorem) == b"\xb8\x38" + lorem
    assert rlp_int(0) == b""
    assert rlp_list(rlp_encode([[], [[]], [[], [[]]]])) == [[], [[]], [[], [[]]]]
