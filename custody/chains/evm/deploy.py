"""Put a Safe on chain, and the canonical Safe contracts on a local chain that lacks them.

Rules:
    * The address never depends on who deploys: anyone may send `deployment_call`.
    * On a local chain the contracts land on their public addresses, through the public CREATE2
      deployer; what lands there must have the pinned code hash.
    * After every deployment the Safe is verified before it is used.

Example:
    install_release(node)              # local chains only
    deploy_on_devnet(node, wallet)     # local chains only; elsewhere send `deployment_call(wallet)`
"""

from __future__ import annotations

import json
from importlib import resources
from threading import Event

from custody.chains.evm.abi import create_proxy_call
from custody.chains.evm.answers import Receipt
from custody.chains.evm.keccak import keccak256
from custody.chains.evm.node import EvmNode
from custody.chains.evm.params import SafeRelease
from custody.chains.evm.verify import verify_safe
from custody.chains.evm.wallet import SafeWallet
from custody.primitives.errors import NodeUnavailable, Refused, VerificationFailed

CREATE2_DEPLOYER = "0x914d7Fec6aaC8cd542e72Bca78B30650d45643d7"
CREATE2_DEPLOYER_CODE = "7f" + "ff" * 31 + "e03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
"""Runtime code of the Safe project's singleton factory: calldata is a 32-byte salt and init code."""

DEPLOYMENT_GAS = 8_000_000
RECEIPT_WAIT_S = 20
_POLL_S = 0.01
_CONTRACTS = ("Safe", "ProxyFactory", "MultiSendCallOnly", "CompatibilityFallbackHandler")


def deployment_call(wallet: SafeWallet) -> tuple[str, bytes]:
    """(factory, calldata) of the transaction that creates the Safe; whoever sends it pays only gas."""
    release = wallet.params.release
    return release.proxy_factory, create_proxy_call(release.singleton, wallet.initializer(), wallet.salt_nonce)


def install_release(node: EvmNode) -> None:
    """Put the canonical Safe contracts of the network's release on a local chain. Safe to repeat.

    Raises:
        Refused: Not a local chain.
        VerificationFailed: What landed is not the pinned code.
    """
    _require_local(node)
    release = node.params.release
    node.rpc.call("anvil_setCode", CREATE2_DEPLOYER, "0x" + CREATE2_DEPLOYER_CODE)
    pinned = (release.singleton, release.proxy_factory, release.multisend, release.fallback_handler)
    for contract, address, code_hash in zip(_CONTRACTS, pinned, release.code_hashes, strict=True):
        if not node.code(address):
            send_unlocked(node, CREATE2_DEPLOYER, bytes(32) + _creation_code(release, contract))
        found = keccak256(node.code(address)).hex()
        if found != code_hash:
            raise VerificationFailed(f"{contract} at {address} has code hash {found}, not {code_hash}")


def deploy_on_devnet(node: EvmNode, wallet: SafeWallet) -> None:
    """Create the Safe on a local chain, paid by one of the node's own accounts. Safe to repeat.

    Raises:
        Refused: Not a local chain.
        SafeChanged: What stands at the address is not this wallet.
    """
    _require_local(node)
    if not node.code(wallet.safe):
        send_unlocked(node, *deployment_call(wallet))
    verify_safe(node, wallet)


def send_unlocked(node: EvmNode, to: str | None, call: bytes, value: int = 0) -> Receipt:
    """Send from the first account of a local node, and wait until it is mined.

    Args:
        node: A local node that holds unlocked accounts.
        to: Contract or account; None creates a contract.
        call: Calldata, or the creation code.
        value: Wei.

    Raises:
        Refused: Not a local chain, or the transaction reverted.
        NodeUnavailable: Not mined in 20 s.
    """
    _require_local(node)
    funder = node.rpc.call("eth_accounts")[0]
    fields = {"from": funder, "data": "0x" + call.hex(), "value": hex(value), "gas": hex(DEPLOYMENT_GAS)}
    if to is not None:
        fields["to"] = to
    txid = str(node.rpc.call("eth_sendTransaction", fields))
    pause = Event()
    for _ in range(int(RECEIPT_WAIT_S / _POLL_S)):
        receipt = node.receipt(txid)
        if receipt is not None:
            if not receipt.succeeded:
                raise Refused(f"{node.params.chain.id}: the transaction to {to} reverted", txid=txid)
            return receipt
        pause.wait(_POLL_S)
    raise NodeUnavailable(f"{node.params.chain.id}: {txid} was not mined in {RECEIPT_WAIT_S} s")


def _require_local(node: EvmNode) -> None:
    node.require_chain()
    if not node.params.local:
        raise Refused(f"{node.params.chain.id} is not a local chain")


def _creation_code(release: SafeRelease, contract: str) -> bytes:
    # Data files of safe-eth-py: the published byte code; importing the package would take two seconds.
    name = f"{contract}_V{release.version.replace('.', '_')}.json"
    text = (resources.files("safe_eth") / "eth" / "contracts" / "abis" / name).read_text()
    return bytes.fromhex(json.loads(text)["bytecode"].removeprefix("0x"))
