"""Is the Safe on chain what the registration says? Compared on every start and on every block watched.

Rules:
    * Everything is read from one block.
    * Code is pinned by hash: proxy, singleton, batch contract, fallback handler.
    * No modules and no guard: a module bypasses the owners, and a guard nobody pinned may block them.
"""

from __future__ import annotations

from collections.abc import Iterator

from custody.chains.evm.abi import DECIMALS, GET_MODULES, GET_OWNERS, GET_THRESHOLD, WORD, address_word, word
from custody.chains.evm.address import checksum
from custody.chains.evm.keccak import keccak256
from custody.chains.evm.node import EvmNode
from custody.chains.evm.wallet import SafeWallet
from custody.chains.token_listing import verify_decimals
from custody.primitives.chain import BlockRef
from custody.primitives.errors import VerificationFailed

GUARD_SLOT = int.from_bytes(keccak256(b"guard_manager.guard.address"), "big")
FALLBACK_SLOT = int.from_bytes(keccak256(b"fallback_manager.handler.address"), "big")
SINGLETON_SLOT = 0
_SENTINEL = "0x" + "00" * 19 + "01"  # head of the linked lists of owners and modules
_MODULES_ASKED = 10


class SafeChanged(VerificationFailed):
    """The Safe on chain differs from its registration."""

    code = "safe_changed"


def verify_safe(node: EvmNode, wallet: SafeWallet, at: BlockRef | None = None) -> None:
    """Check code, owners, threshold, modules, guard and fallback handler.

    Args:
        node: Whom to ask.
        wallet: What should be there.
        at: Block to read; the newest if None.

    Raises:
        SafeChanged: Something differs; every difference is named in the message.
        NodeUnavailable: No answer.
    """
    block = at or node.tip()
    differences = [*_code_differences(node, wallet, block), *_set_up_differences(node, wallet, block)]
    if differences:
        raise SafeChanged(
            f"wallet {wallet.id}, Safe {wallet.safe}, block {block.height}: {'; '.join(differences)}",
            wallet=wallet.id,
            differences=len(differences),
        )


def verify_tokens(node: EvmNode, wallet: SafeWallet) -> None:
    """Compare the listed tokens with their contracts, at the newest block.

    Raises:
        TokenDiffers: One is no token, or has other decimals.
        NodeUnavailable: No answer.
    """
    for token in wallet.tokens:
        told = node.view(str(token.contract), DECIMALS)
        verify_decimals(token, int.from_bytes(told, "big") if len(told) == WORD else None)


def _code_differences(node: EvmNode, wallet: SafeWallet, block: BlockRef) -> Iterator[str]:
    release = wallet.params.release
    pinned = (release.singleton, release.proxy_factory, release.multisend, release.fallback_handler)
    expected = [(wallet.safe, release.proxy_code_hash), *zip(pinned, release.code_hashes, strict=True)]
    for address, code_hash in expected:
        found = keccak256(node.code(address, block)).hex()
        if found != code_hash:
            yield f"code at {address} has hash {found}, not {code_hash}"


def _set_up_differences(node: EvmNode, wallet: SafeWallet, block: BlockRef) -> Iterator[str]:
    release, safe = wallet.params.release, wallet.safe
    slots = (
        ("singleton", SINGLETON_SLOT, int(release.singleton, 16)),
        ("guard", GUARD_SLOT, 0),
        ("fallback handler", FALLBACK_SLOT, int(release.fallback_handler, 16)),
    )
    for name, slot, expected in slots:
        found = node.storage(safe, slot, block)
        if found != expected:
            yield f"{name} is {found:#042x}, not {expected:#042x}"
    owners = _address_array(node.view(safe, GET_OWNERS, block))
    if sorted(owners) != sorted(wallet.sorted_owners()):
        yield f"owners are {', '.join(owners) or 'none'}"
    threshold = int.from_bytes(node.view(safe, GET_THRESHOLD, block), "big")
    if threshold != wallet.threshold:
        yield f"threshold is {threshold}, not {wallet.threshold}"
    modules = _address_array(node.view(safe, GET_MODULES + address_word(_SENTINEL) + word(_MODULES_ASKED), block))
    if modules:
        yield f"modules are enabled: {', '.join(modules)}"


def _address_array(answer: bytes) -> list[str]:
    """The `address[]` that the first word points to; empty where there is no code to answer."""
    start = int.from_bytes(answer[:WORD], "big")
    count = int.from_bytes(answer[start : start + WORD], "big")
    body = answer[start + WORD : start + WORD + count * WORD]
    return [checksum(body[i + 12 : i + WORD]) for i in range(0, len(body) - len(body) % WORD, WORD)]
