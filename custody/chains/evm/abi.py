"""Calldata of the few contract calls that custody makes, built by hand.

Rules:
    * One function a call; nothing generic that could build a call nobody reviewed.
    * Heads are 32-byte words; dynamic arguments follow as length and padded bytes.

Example:
    >>> transfer_call("0x" + "11" * 20, 5)[:4].hex()
    'a9059cbb'
"""

from __future__ import annotations

from collections.abc import Sequence

from custody.chains.evm.address import address_bytes
from custody.chains.evm.keccak import selector

WORD = 32
ZERO_ADDRESS = "0x" + "00" * 20

TRANSFER = selector("transfer(address,uint256)")
BALANCE_OF = selector("balanceOf(address)")
MULTI_SEND = selector("multiSend(bytes)")
SIMULATE = selector("simulateAndRevert(address,bytes)")
EXEC_TRANSACTION = selector(
    "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)"
)
SETUP = selector("setup(address[],uint256,address,bytes,address,address,uint256,address)")
CREATE_PROXY = selector("createProxyWithNonce(address,bytes,uint256)")
NONCE = selector("nonce()")
GET_OWNERS = selector("getOwners()")
GET_THRESHOLD = selector("getThreshold()")
DECIMALS = selector("decimals()")
GET_MODULES = selector("getModulesPaginated(address,uint256)")


def word(value: int) -> bytes:
    """A number as one 32-byte word."""
    return value.to_bytes(WORD, "big")


def address_word(address: str) -> bytes:
    """An address as one word, left-padded with zeros."""
    return bytes(12) + address_bytes(address)


def dynamic(content: bytes) -> bytes:
    """Tail of a `bytes` argument: length, content, zero padding to a full word."""
    return word(len(content)) + content + bytes(-len(content) % WORD)


def transfer_call(to: str, units: int) -> bytes:
    """ERC-20 `transfer(to, units)`, 68 bytes."""
    return TRANSFER + address_word(to) + word(units)


def balance_of_call(owner: str) -> bytes:
    """ERC-20 `balanceOf(owner)`."""
    return BALANCE_OF + address_word(owner)


def multi_send_item(to: str, value: int, call: bytes) -> bytes:
    """One inner call of a batch: operation 0 (call), to, value, length, calldata, packed."""
    return b"\x00" + address_bytes(to) + word(value) + word(len(call)) + call


def multi_send_call(items: Sequence[bytes]) -> bytes:
    """`multiSend(bytes)` over packed items."""
    return MULTI_SEND + word(WORD) + dynamic(b"".join(items))


def simulate_call(target: str, call: bytes) -> bytes:
    """`simulateAndRevert(target, call)` of a Safe: it runs the call as its own, undoes it and tells how it went."""
    return SIMULATE + address_word(target) + word(2 * WORD) + dynamic(call)


def setup_call(owners: Sequence[str], threshold: int, fallback_handler: str) -> bytes:
    """Safe `setup`: owners and threshold, fallback handler, no initial call, no payment."""
    head_bytes = 8 * WORD
    owner_array = word(len(owners)) + b"".join(address_word(owner) for owner in owners)
    return b"".join(
        (
            SETUP,
            word(head_bytes),  # offset of owners
            word(threshold),
            address_word(ZERO_ADDRESS),  # to: no delegatecall during set-up
            word(head_bytes + len(owner_array)),  # offset of the empty data
            address_word(fallback_handler),
            address_word(ZERO_ADDRESS),  # payment token
            word(0),  # payment
            address_word(ZERO_ADDRESS),  # payment receiver
            owner_array,
            dynamic(b""),
        )
    )


def create_proxy_call(singleton: str, initializer: bytes, salt_nonce: int) -> bytes:
    """Factory `createProxyWithNonce(singleton, initializer, saltNonce)`."""
    return CREATE_PROXY + address_word(singleton) + word(3 * WORD) + word(salt_nonce) + dynamic(initializer)
