"""The EIP-1559 transaction of an ordinary account: it carries an execution of the Safe, or a sweep.

Example:
    >>> gas = Gas(nonce=0, tip_wei_per_gas=1, fee_wei_per_gas=2, limit=21_000)
    >>> OuterTx(chain_id=1, gas=gas, to="0x" + "11" * 20, value=0, call=b"").unsigned()[0]
    2
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.chains.evm.address import address_bytes
from custody.chains.evm.keccak import keccak256
from custody.chains.evm.rlp import rlp_encode, rlp_int
from custody.keys.ecdsa import verify_recoverable
from custody.keys.material import Signature
from custody.primitives.errors import BadSignature
from custody.primitives.ids import TxId

TX_TYPE = b"\x02"
BUMP_NUM, BUMP_DEN = 9, 8
"""Nodes replace a waiting transaction for 10 or 12.5 % more on both fee fields; an eighth satisfies all."""


@dataclass(frozen=True, slots=True)
class Gas:
    """What an account transaction consumes of its sender.

    Attributes:
        nonce: The sender's counter.
        tip_wei_per_gas: Priority fee.
        fee_wei_per_gas: Most paid per gas, base fee and tip together.
        limit: Most gas used.
    """

    nonce: int
    tip_wei_per_gas: int
    fee_wei_per_gas: int
    limit: int

    @property
    def fee_max_wei(self) -> int:
        """Most the chain can take."""
        return self.limit * self.fee_wei_per_gas

    def stepped(self, present: Gas) -> Gas:
        """Gas that takes this one's place in a pool: same counter value, both fees an eighth dearer at least."""
        tip = max(present.tip_wei_per_gas, -(-self.tip_wei_per_gas * BUMP_NUM // BUMP_DEN))
        fee = max(present.fee_wei_per_gas, -(-self.fee_wei_per_gas * BUMP_NUM // BUMP_DEN))
        return Gas(self.nonce, tip, fee, self.limit)


@dataclass(frozen=True, slots=True)
class OuterTx:
    """An unsigned EIP-1559 transaction with an empty access list.

    Attributes:
        chain_id: EIP-155 chain id.
        gas: Nonce, fees and limit.
        to: Whom it calls, EIP-55.
        value: Wei sent along.
        call: Calldata.
    """

    chain_id: int
    gas: Gas
    to: str
    value: int
    call: bytes

    def unsigned(self) -> bytes:
        """The bytes whose keccak256 is signed: 0x02 and the RLP list of nine fields.

        Spec: EIP-1559.
        """
        return TX_TYPE + rlp_encode(self._fields())

    def signing_hash(self) -> bytes:
        """32 bytes that the sender signs."""
        return keccak256(self.unsigned())

    def signed(self, signature: bytes) -> bytes:
        """Raw transaction.

        Args:
            signature: r (32) || s (32) || v (1, 27 or 28), already verified.
        """
        r, s, parity = signature[:32], signature[32:64], signature[64] - 27
        numbers = [rlp_int(parity), rlp_int(int.from_bytes(r, "big")), rlp_int(int.from_bytes(s, "big"))]
        return TX_TYPE + rlp_encode([*self._fields(), *numbers])

    def _fields(self) -> list[bytes | list[bytes]]:
        return [
            rlp_int(self.chain_id),
            rlp_int(self.gas.nonce),
            rlp_int(self.gas.tip_wei_per_gas),
            rlp_int(self.gas.fee_wei_per_gas),
            rlp_int(self.gas.limit),
            address_bytes(self.to),
            rlp_int(self.value),
            self.call,
            [],  # access list
        ]


def txid_of(raw: bytes) -> TxId:
    """Hash of the signed bytes, 0x and 64 hex digits."""
    return TxId("0x" + keccak256(raw).hex())


def is_signed(signature: Signature, digest: bytes) -> bool:
    """Tell whether a signature verifies under its own key; whose key that is, the caller knows."""
    try:
        verify_recoverable(signature.key, digest, signature.value)
    except BadSignature:
        return False
    return True
