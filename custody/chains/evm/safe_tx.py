"""The SafeTx: what the owners of a Safe sign, and its hash.

Rules:
    * All gas and refund fields are zero: a failing inner call then reverts the whole execution, and
      nobody is paid for executing.
    * The hash is computed from the fields alone; tests compare it with the contract and with a
      second library.

Spec: Safe 1.4.1, `encodeTransactionData`; EIP-712.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from custody.chains.evm.abi import EXEC_TRANSACTION, WORD, ZERO_ADDRESS, address_word, dynamic, word
from custody.chains.evm.keccak import keccak256
from custody.primitives.encoding import encode
from custody.primitives.ids import Digest

SAFE_TX_TAG = "mext/evm-safe-tx/1"

_DOMAIN_TYPE_HASH = keccak256(b"EIP712Domain(uint256 chainId,address verifyingContract)")
_SAFE_TX_TYPE_HASH = keccak256(
    b"SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,"
    b"uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)"
)


class Operation(IntEnum):
    """How the Safe makes its one call."""

    CALL = 0
    DELEGATECALL = 1


@dataclass(frozen=True, slots=True)
class SafeTx:
    """One transaction of a Safe, with the gas and refund fields left at zero.

    Attributes:
        chain_id: EIP-155 chain id.
        safe: The Safe that executes, EIP-55.
        to: Contract or account called.
        value: Wei sent along.
        call: Calldata.
        operation: Call, or delegatecall for a batch.
        nonce: The Safe's own counter.
    """

    chain_id: int
    safe: str
    to: str
    value: int
    call: bytes
    operation: Operation
    nonce: int

    def hash(self) -> Digest:
        """EIP-712 hash, 32 bytes."""
        fields = b"".join(
            (
                address_word(self.to),
                word(self.value),
                keccak256(self.call),
                word(self.operation),
                bytes(3 * 32),  # safeTxGas, baseGas, gasPrice
                address_word(ZERO_ADDRESS),  # gasToken
                address_word(ZERO_ADDRESS),  # refundReceiver
                word(self.nonce),
            )
        )
        return hash_of_fields(self.chain_id, self.safe, fields)

    def payload(self) -> bytes:
        """Everything a signer needs to compute the hash itself, in the canonical encoding.

        Field order: chain id, safe (20 bytes), to (20 bytes), value, data, operation, safeTxGas,
        baseGas, gasPrice, gasToken (20 bytes), refundReceiver (20 bytes), nonce.
        """
        zero = bytes(20)
        return encode(
            SAFE_TX_TAG,
            self.chain_id,
            bytes.fromhex(self.safe[2:]),
            bytes.fromhex(self.to[2:]),
            self.value,
            self.call,
            int(self.operation),
            *(0, 0, 0, zero, zero),
            self.nonce,
        )


def hash_of_fields(chain_id: int, safe: str, fields: bytes) -> Digest:
    """EIP-712 hash of a SafeTx given as its ten encoded words.

    Args:
        chain_id, safe: The domain.
        fields: to, value, keccak256(data), operation, safeTxGas, baseGas, gasPrice, gasToken,
            refundReceiver, nonce: 32 bytes each.
    """
    domain = keccak256(_DOMAIN_TYPE_HASH + word(chain_id) + address_word(safe))
    return Digest(keccak256(b"\x19\x01" + domain + keccak256(_SAFE_TX_TYPE_HASH + fields)))


def exec_transaction_call(safe_tx: SafeTx, signatures: bytes) -> bytes:
    """Calldata of `execTransaction` with zero gas and refund fields.

    Args:
        safe_tx: What is executed.
        signatures: 65 bytes an owner, ascending by owner.
    """
    head_bytes = 10 * WORD
    inner = dynamic(safe_tx.call)
    head = (
        address_word(safe_tx.to),
        word(safe_tx.value),
        word(head_bytes),  # offset of data
        word(safe_tx.operation),
        bytes(5 * WORD),  # safeTxGas, baseGas, gasPrice, gasToken, refundReceiver
        word(head_bytes + len(inner)),  # offset of signatures
    )
    return EXEC_TRANSACTION + b"".join(head) + inner + dynamic(signatures)
